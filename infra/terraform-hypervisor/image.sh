#!/usr/bin/env bash
# Download the cloud image once and verify it: URL=address TARGET=file SHA256=digest-or-- image.sh.
# Without a digest, the one that the release lists beside the image is used.
set -euo pipefail
fail() { echo "error: $*" >&2; exit 1; }
fetch() { curl -fsSL --retry 5 --connect-timeout 20 -o "$2" "$1" || fail "$1 cannot be downloaded: check the network, or set image to a file"; }
verify() { sha256sum --check --status <<<"$digest  $1"; }

mkdir -p "$(dirname "$TARGET")"
digest=$SHA256
if [ "$digest" = - ]; then
  fetch "${URL%/*}/SHA256SUMS" "$TARGET.sums"
  digest=$(awk -v name="${URL##*/}" '$2 == name || $2 == "*" name { print $1 }' "$TARGET.sums")
  [ -n "$digest" ] || fail "${URL%/*}/SHA256SUMS does not list ${URL##*/}: set image_sha256"
fi
if [ -f "$TARGET" ] && verify "$TARGET"; then exit 0; fi
fetch "$URL" "$TARGET.part"
verify "$TARGET.part" || fail "$URL does not have the digest $digest: find out who changed it before you use it"
mv "$TARGET.part" "$TARGET"
