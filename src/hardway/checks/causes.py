"""Why checks are wrong: other checks, units that do not run, and what these said last."""

import asyncio
from collections.abc import Collection, Sequence

from hardway.checks.ask import of_machine
from hardway.checks.live import Live
from hardway.model.checks import Sh
from hardway.model.names import ENDPOINT
from hardway.model.resources import Finding

LINES = 3
SAID = rf"""cd /etc/systemd/system && for unit in $(grep -ls HARDWAY_DIGEST *.service); do
    state=$(systemctl is-active "$unit")
    case $state in
    failed | activating) ;;
    inactive) systemctl --quiet is-enabled "$unit" || continue ;;
    *) continue ;;
    esac
    printf '%s is %s: ' "$unit" "$state"
    # Not what systemd says of each new attempt, but what the unit or its start ended with.
    journalctl --unit "$unit" --lines 40 --output cat --no-pager |
        grep -Ev '^(Start(ed|ing)|Stopp(ed|ing)|Scheduled restart|Deactivated|Consumed) |restart' |
        tail -n {LINES} | tr '\n' '|' | cut -c 1-600
    echo
done"""


async def last_words(live: Live, wrong: Collection[str]) -> dict[str, str]:
    """Return what units that do not run said last, on the machines that something is wrong on.

    Where something is wrong with the cluster as a whole, every machine is asked.
    """
    names = [name for name in live.fleet if name in wrong] or list(live.fleet)
    said = await asyncio.gather(*(of_machine(live.fleet, name, [Sh(SAID)]) for name in names))
    texts = {name: answer.text.strip() for name, (answer,) in zip(names, said, strict=True)}
    return {name: text for name, text in texts.items() if text}


def causes_of(finding: Finding, found: Sequence[Finding]) -> tuple[str, ...]:
    """Return the checks that a finding follows from: wrong on its machine, or in the cluster."""
    machine = finding.machine
    near = [f for f in found if ENDPOINT in {machine, f.machine} or f.machine == machine]
    wrong = {f.check for f in near if f.fails}
    return tuple(name for name in finding.causes if name in wrong)
