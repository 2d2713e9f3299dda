#!/bin/sh
# Step 5: Encryption at rest. Why: who reads etcd's disk or its snapshots does not read Secrets.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '5. Encryption at rest'

# /etc/kubernetes/encryption.yaml: Secrets are ciphertext in etcd, its snapshots and its disks.
put controller-0 \
    etc/kubernetes/encryption.yaml <<'COMMANDS'
install -D --mode=0600 --owner=kube-apiserver --group=kube-apiserver ./etc/kubernetes/encryption.yaml /etc/kubernetes/encryption.yaml
COMMANDS

# a Secret written by one API server must be readable by all
look 60 encryption-key-same controller-0 here succeeds <<'COMMANDS'
[ "$(on controller-0 sha256sum /etc/kubernetes/encryption.yaml)" = "$(on controller-0 sha256sum /etc/kubernetes/encryption.yaml)" ]
COMMANDS
