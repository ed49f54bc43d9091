#!/usr/bin/env bash
# Run a command in an image's files as Kubernetes would run our pods: as a non-root user, with a read-only root, its own /tmp and
# /data, and no network except loopback. Usage: run.sh ROOT COMMAND, started by `unshare --mount --pid --fork --net`.
set -euo pipefail
root=$1 command=$2
ip link set lo up
mkdir -p "$root/data" "$root/proc" "$root/dev"
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o uid=65532,gid=65532 data "$root/data"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
for device in null urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -o remount,bind,ro "$root"
exec chroot --userspec=65532:65532 "$root" env -i PATH=/opt/codeintel/bin:/usr/bin:/bin HOME=/tmp CODEINTEL_DATA_DIR=/data \
  CODEINTEL_STORE=/data/store sh -ec "cd /tmp; $command"
