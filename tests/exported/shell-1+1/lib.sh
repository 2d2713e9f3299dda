# Sourced by every script here: where things are, and how machines are reached.
# shellcheck shell=sh disable=SC1091,SC2034
HERE=$(cd "$(dirname "$0")" && pwd)
[ -e "$HERE/lib.sh" ] || HERE=${HERE%/*}
KEYS=${KEYS:-$HERE/keys}
COMPONENTS=${COMPONENTS:-/cache}
SSH_OPTIONS=${SSH_OPTIONS:-}
IDENTITY=/var/lib/hardway/identity
STORE=/opt/hardway/store
KUBECTL=7a7f09de08e3dc01c5bbf90657ecc83d5c2da9f5791f1ebe84132b95422878dc
API_HOST=10.240.0.100
umask 022
if [ -z "${SOCKETS:-}" ]; then
    # Paths of sockets are short: not in a TMPDIR of any length.
    SOCKETS=$(mktemp -d -p /tmp)
    export SOCKETS
    trap 'rm -rf "$SOCKETS"' EXIT
fi

# login MACHINE COMMAND: a connection to a machine whose host key is known
login() {
    machine=$1
    shift
    case $machine in
    controller-0) ssh_to root@10.240.0.10 "$@" ;;
    worker-0) ssh_to root@10.240.0.20 "$@" ;;
    *)
        say "error: there is no machine $machine"
        return 1
        ;;
    esac
}

. "$HERE/lib/machines.sh"
. "$HERE/lib/keys.sh"
. "$HERE/lib/proofs.sh"
