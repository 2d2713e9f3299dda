#!/bin/sh
# Step 11: Access for operators. Why: people come in with a certificate of their own, and as long as
# a binding says so.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '11. Access for operators'

apply "$HERE/objects/11-access.yaml"

# people come in with the operators' kubeconfig
look 60 admin-may-everything endpoint here says yes <<'COMMANDS'
kubectl_admin auth can-i '*' '*' --all-namespaces
COMMANDS

# one Secret that no key reads is enough: listing fails, and API servers that start never get ready
look 60 secrets-readable endpoint here succeeds <<'COMMANDS'
kubectl get secrets --all-namespaces --output=name
COMMANDS
