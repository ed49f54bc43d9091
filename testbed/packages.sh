#!/usr/bin/env bash
# Brings what real nodes run on (containerd, CNI plugins and the like), where the machine's package manager is Debian's.
set -euo pipefail
missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need containerd containerd
need runc runc
need ip iproute2
need nft nftables
need busybox busybox-static
need nsenter util-linux
[ -x /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
[ ${#missing[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo "error: the test cluster's nodes need ${missing[*]}: install them, or name a cluster in KUBECONFIG_TEST=file" >&2
  exit 1
fi
echo "installing ${missing[*]} …" >&2
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
