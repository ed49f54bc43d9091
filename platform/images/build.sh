#!/usr/bin/env bash
# Build the images in this folder with podman, docker or buildah, whichever is installed: build.sh [NAME…]. If REGISTRY is set,
# push them there. BASE selects another base image, for example from a mirror or by digest.
set -euo pipefail
cd "$(dirname "$0")/../.."
fail() { echo "error: $*" >&2; exit 1; }

tool=${TOOL:-$(command -v podman || command -v docker || command -v buildah || true)}
[ -n "$tool" ] || fail "neither podman, docker nor buildah is on the PATH: install one, or set TOOL=/path/to/podman"
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(assistant trainer vllm)
# Use the tags of versions.toml, because the platform pulls these.
tag() { python3 -c 'import sys, tomllib; i = tomllib.load(open("infra/pulumi/versions.toml", "rb"))["images"][sys.argv[1]]; print(i["repository"] + ":" + i["tag"])' "$1"; }

for name in "${names[@]}"; do
  [ -f "platform/images/$name/Containerfile" ] || fail "there is no image $name: choose from $(cd platform/images && echo */ | tr -d /)"
  image=${REGISTRY:+$REGISTRY/}$(tag "$name")
  echo "building $image …" >&2
  # shellcheck disable=SC2086  # OPTIONS is a list of words, such as --isolation=chroot
  "$tool" build ${BASE:+--build-arg "BASE=$BASE"} ${OPTIONS:-} --file "platform/images/$name/Containerfile" --tag "$image" .
  [ -z "${REGISTRY:-}" ] || "$tool" push "$image"
done
