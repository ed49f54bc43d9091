#!/usr/bin/env bash
# Wait until the cluster on a new machine responds, and fetch its kubeconfig: TARGET=user@address KUBECONFIG=file
# IDENTITY=private-key-or-- kubeconfig.sh. The driver, the reboot and k3s take some minutes; TIMEOUT (seconds) limits the wait.
set -euo pipefail
umask 077
address=${TARGET#*@}
# The machine is new: trust its host key on first use, and keep it in a file beside the kubeconfig.
options=(-o BatchMode=yes -o ConnectTimeout=10 -o StrictHostKeyChecking=accept-new -o "UserKnownHostsFile=$KUBECONFIG.known_hosts")
[ "$IDENTITY" = - ] || options+=(-i "$IDENTITY")
rm -f "$KUBECONFIG.known_hosts"

end=$((SECONDS + ${TIMEOUT:-1800}))
until ssh "${options[@]}" "$TARGET" sudo /usr/local/bin/k3s kubectl get --raw /readyz >/dev/null 2>"$KUBECONFIG.error"; do
  if [ $SECONDS -ge $end ]; then
    echo "error: no cluster responds on $TARGET ($(tail -n 1 "$KUBECONFIG.error")): on that machine, run 'journalctl -u codeintel-node -u k3s'" >&2
    exit 1
  fi
  sleep "${PAUSE:-10}"
done
rm -f "$KUBECONFIG.error"
ssh "${options[@]}" "$TARGET" sudo cat /etc/rancher/k3s/k3s.yaml | sed "s/127\.0\.0\.1/$address/" >"$KUBECONFIG.part"
mv "$KUBECONFIG.part" "$KUBECONFIG"
echo "kubeconfig: $KUBECONFIG"
