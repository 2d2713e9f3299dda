# The ways to machines and to the API, and how files get there.
# shellcheck shell=sh

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "error: $*"
    exit 1
}

# quoted TEXT: the text as one word for a shell
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# on MACHINE [COMMAND...]: run a command there as root; a shell without one
on() {
    machine=$1
    shift
    words=$(quoted "${*:-exec ${SHELL:-/bin/sh} -l}")
    # shellcheck disable=SC2016 # for the shell there
    login "$machine" "if [ \"\$(id -u)\" = 0 ]; then exec sh -c $words; fi; exec sudo -n sh -c $words"
}

# ssh_to OPTION... DESTINATION COMMAND: one connection to each machine serves all commands
ssh_to() {
    # shellcheck disable=SC2086 # several words on purpose
    ssh $SSH_OPTIONS -o BatchMode=yes -o StrictHostKeyChecking=yes -o ControlMaster=auto \
        -o "ControlPath=$SOCKETS/%C" -o ControlPersist=60 -o LogLevel=ERROR "$@"
}

# kubectl ...: as whom no binding can shut out
kubectl() {
    direct=${no_proxy:-${NO_PROXY:-}},$API_HOST
    no_proxy=$direct NO_PROXY=$direct \
        "$HERE/components/$KUBECTL/kubectl" --kubeconfig "$KEYS/break-glass.kubeconfig" "$@"
}

# kubectl_admin ...: as operators come in
kubectl_admin() { kubectl --kubeconfig "$KEYS/admin.kubeconfig" "$@"; }

# require_free MACHINE...: end unless no machine bears another cluster
require_free() {
    for machine; do
        within 60 "$machine answers" on "$machine" true
        there=$(on "$machine" "cat $IDENTITY 2>/dev/null || :")
        [ -z "$there" ] || fail "$machine is a machine of a cluster that hardway made, and is left" \
            "alone: $(printf '%s' "$there" | tr '\n' ' ')"
        theirs=$(on "$machine" 'cat /etc/kubernetes/pki/ca.crt 2>/dev/null || :')
        [ -z "$theirs" ] || [ "$theirs" = "$(cat "$KEYS/kubernetes/ca.crt" 2>/dev/null)" ] ||
            fail "$machine has the CA of another cluster, and is left alone: its CA is not in $KEYS"
    done
}

# component SHA256 FILE: let components/SHA256/FILE be the file from $COMPONENTS with that digest
component() {
    link=$HERE/components/$1/$2
    [ ! -e "$link" ] || return 0
    for file in "$COMPONENTS/objects/$1/$2" "$COMPONENTS/$1/$2" "$COMPONENTS/$2"; do
        [ -e "$file" ] || continue
        echo "$1  $file" | sha256sum --check --quiet >&2 || return 1
        mkdir -p "${link%/*}"
        ln -sf "$(cd "$(dirname "$file")" && pwd)/$2" "$link"
        return 0
    done
    say "error: $2 is not in $COMPONENTS (SHA-256 $1); say where it is: COMPONENTS=FOLDER"
    return 1
}

# bring MACHINE <LINES: for each line `SHA256 FILE PATH`, have the component at hand, and print the
# path in the machine's tree if its store does not have it
bring() {
    machine=$1
    table=$(cat)
    printf '%s\n' "$table" | while read -r digest file _; do
        component "$digest" "$file" || exit 1
    done || return 1
    printf '%s\n' "$table" | on "$machine" \
        "while read -r digest file path; do [ -e $STORE/\$digest/\$file ] || echo \$path; done"
}

# packed MACHINE FILE...: an archive of files of the machine's tree; nothing without files
packed() {
    tree=$HERE/files/$1 templates=$HERE/templates/$1 filled=$KEYS/filled/$1
    shift
    for file; do
        [ ! -e "$templates/$file" ] || fill "$templates/$file" "$filled/$file"
    done
    [ $# = 0 ] || tar -C "$tree" --dereference --create --file=- "$@"
}

# send MACHINE FILE...: put files of the machine's tree into /root/tree there, for root alone
send() {
    packed "$@" | on "$1" 'umask 077 && mkdir -p /root/tree && tar -C /root/tree --extract \
        --no-same-owner --file=-'
}

# put MACHINE FILE... <COMMANDS: send files of the machine's tree, run commands beside them as root
put() {
    commands=$(cat)
    packed "$@" | on "$1" "set -eu
        [ ! -e $IDENTITY ] || { echo '$1 bears the id of a cluster' >&2; exit 1; }
        folder=\$(umask 077 && mktemp -d -p /var/tmp)
        trap 'rm -rf \"\$folder\"' EXIT
        cd \"\$folder\"
        [ $# = 1 ] || tar --extract --no-same-owner --file=-
        umask 022
$commands"
}

# apply FILE: make objects of the API be as the file says; fields of others stay theirs
apply() {
    within 60 "objects of ${1##*/}" kubectl apply --server-side --force-conflicts \
        --field-manager=hardway --filename "$1"
}
