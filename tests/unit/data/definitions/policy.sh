#!/usr/bin/env bash
set -eu
# Calls.
retry() {
  "$@"
}
function other { echo; }
function third() ( echo )
case "$1" in
  a) retry ;;
esac
retry "$@"
