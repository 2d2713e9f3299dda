"""The shell that makes a mutation on a machine, and takes it back even if hardway is killed.

Before anything is changed, a copy of what was there and the undo are on the machine, and a timer of
systemd's runs the undo if nobody comes before.
"""

import shlex
from dataclasses import dataclass

from hardway.model.cluster import Cluster, Machine
from hardway.mutations.row import Mutation
from hardway.steps.network import HOLD

FOLDER = "/var/lib/hardway/mutations"
RUN = f"{FOLDER}/run"
"""Of the one that is under way: its id, its undo, and in `kept` what was there before."""
UNDO = f"{RUN}/undo"
UNDER_WAY = 75
"""The status of a machine that has another one already; it prints that one's id."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """What is run on one machine for one run of a mutation."""

    mutation: Mutation
    run: str
    """Its id: the mutation's name and what no other run has."""
    cluster: Cluster
    machine: Machine
    hold_s: int
    """Seconds after which the machine undoes it by itself."""
    certificate: str = ""
    """Of a mutation with a slip."""

    def _filled(self, text: str) -> str:
        return self.mutation.fill(text, self.cluster, self.machine, self.certificate)

    @property
    def unit(self) -> str:
        """The transient unit that undoes it."""
        return f"hardway-mutation-{self.mutation.name}"

    @property
    def make(self) -> str:
        """Keep what is there, arm the timer, then change; undone at once if that fails."""
        paths = shlex.join(self.mutation.keeps)
        return f"""set -eu
umask 077
mkdir -p {FOLDER}
mkdir {RUN} 2>/dev/null || {{ cat {RUN}/id >&2; exit {UNDER_WAY}; }}
cd {RUN}
echo {self.run} >id
mkdir kept
printf %s {shlex.quote(self._filled(self.mutation.do))} >do
printf %s {shlex.quote(self.undo)} >undo
for path in {paths}; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    mkdir -p "kept${{path%/*}}"
    cp --archive "$path" "kept$path"
done
# The timer of the pod network would mend some of them by itself.
mkdir -p {HOLD.rpartition("/")[0]}
[ -e {HOLD} ] || touch held {HOLD}
systemd-run --quiet --collect --on-active={self.hold_s} --unit={self.unit} /bin/sh {UNDO}
umask 022
sh -eu {RUN}/do || {{ sh {UNDO}; exit 1; }}
"""

    @property
    def undo(self) -> str:
        """Put back what was kept, then run the mutation's own undo."""
        back = f"""for path in {shlex.join(self.mutation.keeps)}; do
    rm -rf "$path"
    [ ! -e "kept$path" ] && [ ! -L "kept$path" ] || cp --archive "kept$path" "$path"
done
( set -eu
{self._filled(self.mutation.undo) or ":"}
) || exit 1
"""
        return self._ended(f"Undoes {self.run}; {self.unit}.timer does it if nobody else.", back)

    @property
    def forget(self) -> str:
        """End it without an undo, once the cluster is whole again."""
        return self._ended(f"Ends {self.run}.", "")

    def _ended(self, what: str, before: str) -> str:
        return f"""# {what}
set -u
exec 9>{HOLD.rpartition("/")[0]}/mutation.lock
flock 9
[ "$(cat {RUN}/id 2>/dev/null)" = {self.run} ] || exit 0
cd {RUN}
{before}[ ! -e held ] || rm -f {HOLD}
cd /
rm -rf {RUN}
rmdir --ignore-fail-on-non-empty {FOLDER}
systemctl --quiet stop {self.unit}.timer 2>/dev/null || :
"""
