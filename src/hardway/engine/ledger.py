"""What stood on a machine before hardway's first change there; kept on the machine itself.

/var/lib/hardway/before/
cluster     the cluster's name
paths       a line for each path hardway has changed: kind, mode, owner, path;
            `absent - - PATH` where nothing was, missing parents first; `empty` where a folder
            had nothing in it; `lines - - PATH` where only lines of ours are put into what is there
root/…      what stood at those paths
packages    what apt installed for hardway, dependencies too
passwd, sysctl, swaps, modules    as they were

A removal needs nothing else to put a machine back (providers/hosts/removal.py). Written before
the change it is about: what is noted and did not happen does no harm.
"""

from collections.abc import Sequence

from hardway.model.paths import TRACES
from hardway.model.resources import LEDGER, STORE
from hardway.steps.machines import CHANGED_SETTINGS

FIRST = f"""set -eu
before={LEDGER}
umask 077
if [ ! -d $before ]; then
    rm -rf $before.new
    mkdir -p $before.new/root
    for file in /etc/passwd /proc/swaps /proc/modules; do
        if [ -e $file ]; then cp $file $before.new; fi
    done
    for name in {" ".join(CHANGED_SETTINGS)}; do
        # Not by `read`: it asks for one byte after another, and /proc/sys answers only the first.
        if [ -r /proc/sys/$name ]; then echo "$name $(cat /proc/sys/$name)"; fi
    done >$before.new/sysctl
    echo "$1" >$before.new/cluster
    mv $before.new $before
fi
shift
"""
KEEP = r"""known=$(cat $before/paths 2>/dev/null || :)
note() {
    known="$known
$1 $2 $3"
    echo "$1 $2 $3" >>$before/paths
}
keep() {
    case "$known
" in *" $1
"*) return 0 ;; esac
    if [ -L "$1" ] || [ -f "$1" ]; then
        mkdir -p "$before/root${1%/*}"
        cp --archive "$1" "$before/root$1"
        note file "- -" "$1"
    elif [ -d "$1" ] && [ -z "$(ls -A "$1")" ]; then
        note empty "$(stat --format '%a %U:%G' "$1")" "$1"
    elif [ -d "$1" ]; then
        note folder "$(stat --format '%a %U:%G' "$1")" "$1"
    else
        [ -e "${1%/*}" ] || keep "${1%/*}"
        note absent "- -" "$1"
    fi
}
while [ "$1" != -- ]; do
    if [ ! -e "$1" ]; then keep "$1"; else
        case "$known
" in *" $1
"*) ;; *) note lines "- -" "$1" ;; esac
    fi
    shift
done
shift
for path; do keep "$path"; done
"""
SCRIPT = FIRST + KEEP


def argv(cluster: str, lines: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Return the command that notes what stands where changes are about to be made.

    `lines` are files that get lines of ours, `paths` all else. Noted too is where services will
    put things by themselves.
    """
    return ["sh", "-c", SCRIPT, "sh", cluster, *lines, "--", STORE, *paths, *TRACES]


INSTALL = f"""set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt() {{ apt-get --quiet=2 "$@"; }}
apt update
# All that will come, dependencies too; a second word in brackets is a version that is replaced.
apt-get --simulate --no-install-recommends install "$@" | sed -n 's/^Inst \\([^ ]*\\) (.*/\\1/p' \\
    >>{LEDGER}/packages
# Nothing is started before its configuration is there (policy-rc.d: Debian policy 9.3.3.1).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\\nexit 101\\n' >$policy
    chmod 755 $policy
fi
apt --yes --no-install-recommends -o Dpkg::Options::=--force-confold install "$@" >/dev/null
"""
"""Installs packages after noting which they will be."""


def install(names: Sequence[str]) -> list[str]:
    """Return the command that installs packages; the ledger must be there."""
    return ["sh", "-c", INSTALL, "sh", *names]
