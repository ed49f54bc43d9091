#!/usr/bin/env bash
# Set up this machine as a GPU node: driver, container toolkit, then k3s or kubeadm. The settings are in /etc/codeintel/node.env.
# Every step is idempotent, so that the unit codeintel-node can retry the script.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
NVIDIA_KEY=C95B321B61E88C1809C4F759DDCAE044F796ECB0
KUBERNETES_KEY=DE15B14486CD377B9E876E1A234654DA9A296436

say() { echo "codeintel-node: $*"; }
fail() { echo "codeintel-node: error: $*" >&2; exit 1; }
fetch() { curl -fsSL --retry 5 --retry-all-errors --connect-timeout 20 -o "$2" "$1" || fail "$1 cannot be downloaded: check the network, or set a mirror in mirrors"; }
install_packages() { apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "$@"; }

# repository NAME KEY_URL FINGERPRINT LINE: add a package source that trusts only the key with that fingerprint.
repository() {
  local keyring=/etc/apt/keyrings/$1.gpg work
  [ -s "/etc/apt/sources.list.d/$1.list" ] && return
  work=$(mktemp -d)
  fetch "$2" "$work/key"
  gpg --homedir "$work" --quiet --import "$work/key"
  gpg --homedir "$work" --list-keys --with-colons "$3" >/dev/null 2>&1 || fail "the key at $2 does not have the fingerprint $3: do not trust this source"
  install -d -m 0755 /etc/apt/keyrings
  gpg --homedir "$work" --export "$3" >"$keyring"
  rm -rf "$work"
  echo "deb [signed-by=$keyring] $4" >"/etc/apt/sources.list.d/$1.list"
  apt-get -o DPkg::Lock::Timeout=600 update -qq
}

driver() {
  if ! modinfo nvidia >/dev/null 2>&1; then
    say "installing the driver, branch $DRIVER_BRANCH ($DRIVER_FLAVOUR)"
    apt-get -o DPkg::Lock::Timeout=600 update -qq
    install_packages linux-generic "linux-modules-nvidia-$DRIVER_BRANCH-$DRIVER_FLAVOUR-generic" \
      "nvidia-headless-no-dkms-$DRIVER_BRANCH-$DRIVER_FLAVOUR" "nvidia-utils-$DRIVER_BRANCH-server"
  fi
  if ! modprobe nvidia 2>/dev/null; then
    # The modules are built for the newest kernel, which runs only after a reboot.
    [ ! -e /etc/codeintel/restarted ] || fail "the driver does not load: see 'dmesg | grep -i nvidia'; check that the GPU is passed through (lspci -nn) and supports $DRIVER_FLAVOUR"
    touch /etc/codeintel/restarted
    say "rebooting into the kernel that the driver was built for"
    systemctl --no-block reboot
    sleep infinity
  fi
  modprobe nvidia-uvm
  nvidia-smi --list-gpus | grep . || fail "the driver sees no GPU: see 'dmesg | grep -i nvidia'"
}

toolkit() {
  repository nvidia-container-toolkit "$TOOLKIT_SOURCE/gpgkey" "$NVIDIA_KEY" "$TOOLKIT_SOURCE/stable/deb/\$(ARCH) /"
  command -v nvidia-ctk >/dev/null && return
  say "installing the container toolkit $TOOLKIT_VERSION"
  install_packages "nvidia-container-toolkit=$TOOLKIT_VERSION" "nvidia-container-toolkit-base=$TOOLKIT_VERSION" \
    "libnvidia-container-tools=$TOOLKIT_VERSION" "libnvidia-container1=$TOOLKIT_VERSION"
}

# k3s detects the toolkit's runtime when it starts, and names it nvidia.
k3s() {
  if [ ! -x /usr/local/bin/k3s ]; then
    say "installing k3s $K3S_VERSION"
    local work release=$K3S_SOURCE/${K3S_VERSION/+/%2B} digest=$K3S_SHA256
    work=$(mktemp -d)
    fetch "$release/k3s" "$work/k3s"
    if [ -z "$digest" ]; then
      fetch "$release/sha256sum-amd64.txt" "$work/sums"
      digest=$(awk '$2 == "k3s" { print $1 }' "$work/sums")
    fi
    echo "$digest  $work/k3s" | sha256sum --check --status || fail "k3s $K3S_VERSION does not have the digest $digest"
    install -m 0755 "$work/k3s" /usr/local/bin/k3s
    ln -sf k3s /usr/local/bin/kubectl
    rm -rf "$work"
  fi
  systemctl enable --now k3s.service
}

kubeadm_worker() {
  [ ! -e /etc/kubernetes/kubelet.conf ] || return 0
  local minor=${KUBERNETES_VERSION%.*}
  repository kubernetes "$KUBERNETES_SOURCE/v$minor/deb/Release.key" "$KUBERNETES_KEY" "$KUBERNETES_SOURCE/v$minor/deb/ /"
  say "installing Kubernetes $KUBERNETES_VERSION and containerd"
  install_packages containerd "kubelet=$KUBERNETES_VERSION-*" "kubeadm=$KUBERNETES_VERSION-*"
  systemctl restart systemd-modules-load.service
  sysctl --quiet --system
  containerd config default | sed -E -e 's/SystemdCgroup = false/SystemdCgroup = true/' \
    -e "s#config_path = (\"\"|'')#config_path = '/etc/containerd/certs.d'#" >/etc/containerd/config.toml
  nvidia-ctk runtime configure --runtime=containerd
  systemctl restart containerd
  kubeadm join --config /etc/codeintel/join.yaml
  rm /etc/codeintel/join.yaml
}

main() {
  command -v gpg >/dev/null || install_packages gnupg curl ca-certificates
  driver
  toolkit
  case $CLUSTER in
    k3s-server | k3s-agent) k3s ;;
    kubeadm-worker) kubeadm_worker ;;
    *) fail "CLUSTER=$CLUSTER in /etc/codeintel/node.env is none of k3s-server, k3s-agent, kubeadm-worker" ;;
  esac
  say "done"
}

[ "${BASH_SOURCE[0]}" != "$0" ] || main
