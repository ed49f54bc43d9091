#!/usr/bin/env bash
# Install what real nodes need (containerd, CNI plugins and so on), on Debian-based machines.
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
  echo "error: the test cluster's nodes need ${missing[*]}: install them, or use a cluster with KUBECONFIG_TEST=file" >&2
  exit 1
fi
echo "installing ${missing[*]} …" >&2
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
