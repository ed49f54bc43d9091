#!/usr/bin/env bash
# Install Chromium for the tests of the web page, on Debian-based machines without one.
set -euo pipefail
if [ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v google-chrome >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "error: the tests of the web page need Chromium: install it, or set CHROMIUM=/path/to/chrome" >&2
  exit 1
fi
echo "installing chromium …" >&2
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
