"""Why checks are wrong: units that do not run, and what they said last."""

import asyncio
from collections.abc import Collection

from hardway.checks.ask import of_machine
from hardway.checks.live import Live
from hardway.model.checks import Sh

LINES = 3
SAID = rf"""cd /etc/systemd/system && for unit in $(grep -ls HARDWAY_DIGEST *.service); do
    state=$(systemctl is-active "$unit")
    case $state in active) continue ;; esac
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
