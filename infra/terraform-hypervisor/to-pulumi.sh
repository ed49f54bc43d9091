#!/usr/bin/env bash
# Pass Terraform's outputs to a Pulumi stack, which is created if necessary: to-pulumi.sh [STACK].
# TERRAFORM is the program (terraform or tofu); FOLDER contains its state.
set -euo pipefail
stack=${1:-gpu}
folder=${FOLDER:-$(dirname "$0")}
terraform=${TERRAFORM:-$(command -v terraform || command -v tofu || true)}
fail() { echo "error: $*" >&2; exit 1; }

[ -n "$terraform" ] || fail "neither terraform nor tofu is on the PATH: install one, or set TERRAFORM=/path/to/tofu"
command -v pulumi >/dev/null || fail "pulumi is not on the PATH: install it from https://www.pulumi.com/docs/install"
outputs=$("$terraform" -chdir="$folder" output -json) || fail "$folder has no state: run 'terraform -chdir=$folder apply' first"
value() { python3 -c 'import json, sys; print((json.load(sys.stdin).get(sys.argv[1]) or {}).get("value") or "")' "$1" <<<"$outputs"; }

node=$(value node_name)
[ -n "$node" ] || fail "the state in $folder has no machine: run 'terraform -chdir=$folder apply' first"
pulumi whoami --non-interactive >/dev/null || fail "Pulumi has no backend: set PULUMI_BACKEND_URL and PULUMI_CONFIG_PASSPHRASE (docs/platform.md), or run 'pulumi login'"
pulumi stack select --create "$stack"
kubeconfig=$(value kubeconfig)
if [ -n "$kubeconfig" ]; then
  pulumi config set --stack "$stack" kubernetes:kubeconfig "$kubeconfig"
else
  echo "$node joined an existing cluster: Pulumi uses the kubeconfig from KUBECONFIG or kubernetes:kubeconfig" >&2
fi
echo "$node is the GPU node of stack $stack: continue with 'pulumi up --stack $stack'" >&2
