#!/usr/bin/env bash
# Build a base image from Debian packages, for machines that cannot reach an image registry: base.sh FOLDER NAME.
# It trusts the same CAs as this machine, so that pip works through the same proxy.
set -euo pipefail
folder=$1 name=$2
buildah=(buildah --storage-driver vfs --root "$folder/store" --runroot "$folder/run")
mkdir -p "$folder"
cd "$folder"
if ! command -v buildah >/dev/null || ! command -v mmdebstrap >/dev/null; then
  echo "installing buildah and mmdebstrap …" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah mmdebstrap >/dev/null
fi
[ -s base.tar ] || mmdebstrap --quiet --mode=root --variant=minbase --include=python3,python3-venv,ca-certificates,git,libgomp1 bookworm base.tar
cp "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" ca.crt
python3 -m pip config list 2>/dev/null | sed -n "s/^global\.\(index-url\|extra-index-url\|trusted-host\)=/\1 = /p" | tr -d "'" | sed '1i [global]' >pip.conf
cat >Containerfile <<END
FROM scratch
ADD base.tar /
RUN ln -sf python3 /usr/bin/python
COPY ca.crt /etc/ssl/certs/ca-certificates.crt
COPY pip.conf /etc/pip.conf
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
END
"${buildah[@]}" bud --quiet --isolation=chroot -t "$name" .
