# Sourced by the scripts beside it: `on MACHINE=ADDRESS COMMAND`, with the SSH folder in $keys.
on() {
    ssh -q -o "UserKnownHostsFile=$keys/known_hosts" -o BatchMode=yes -i "$keys/operator" \
        "root@${1#*=}" "$2"
}
