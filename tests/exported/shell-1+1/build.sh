#!/bin/sh
# Builds the cluster default on its machines, step by step, with new keys. Run again after a
# failure, it goes on: what is there stays.
#   COMPONENTS=FOLDER sh build.sh [SSH OPTION]...
set -eu
SSH_OPTIONS=$*
export SSH_OPTIONS
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"

require_free controller-0 worker-0
sh "$HERE/steps/01-machines.sh"
sh "$HERE/steps/02-components.sh"
sh "$HERE/steps/03-certificates.sh"
sh "$HERE/steps/04-kubeconfigs.sh"
sh "$HERE/steps/05-encryption.sh"
sh "$HERE/steps/06-etcd.sh"
sh "$HERE/steps/07-control-plane.sh"
sh "$HERE/steps/08-endpoint.sh"
sh "$HERE/steps/09-workers.sh"
sh "$HERE/steps/10-pod-network.sh"
sh "$HERE/steps/11-access.sh"
sh "$HERE/steps/12-dns.sh"
sh "$HERE/steps/13-smoke-test.sh"
say "the cluster default is built: KUBECONFIG=$KEYS/admin.kubeconfig"
