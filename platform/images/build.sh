#!/usr/bin/env bash
# Builds the images of this folder with podman, docker or buildah, whichever is there: build.sh [NAME…]. With REGISTRY set
# they are pushed there too. BASE names another base image, such as a mirror's or one by digest.
set -euo pipefail
cd "$(dirname "$0")/../.."
fail() { echo "error: $*" >&2; exit 1; }

tool=${TOOL:-$(command -v podman || command -v docker || command -v buildah || true)}
[ -n "$tool" ] || fail "neither podman, docker nor buildah is on the PATH: install one, or name it: TOOL=/path/to/podman"
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(assistant trainer vllm)
# versions.toml says what the platform will ask for.
tag() { python3 -c 'import sys, tomllib; i = tomllib.load(open("infra/pulumi/versions.toml", "rb"))["images"][sys.argv[1]]; print(i["repository"] + ":" + i["tag"])' "$1"; }

for name in "${names[@]}"; do
  [ -f "platform/images/$name/Containerfile" ] || fail "there is no image $name: there are $(cd platform/images && echo */ | tr -d /)"
  image=${REGISTRY:+$REGISTRY/}$(tag "$name")
  echo "building $image …" >&2
  # shellcheck disable=SC2086  # OPTIONS are words, such as --isolation=chroot
  "$tool" build ${BASE:+--build-arg "BASE=$BASE"} ${OPTIONS:-} --file "platform/images/$name/Containerfile" --tag "$image" .
  [ -z "${REGISTRY:-}" ] || "$tool" push "$image"
done
