"""The operator's clock beside the machines': certificates issued by a wrong one harm all.

One that is ahead issues certificates that no machine takes as valid yet; one that is behind issues
them already half over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from time import time

from hardway.errors import ClockError
from hardway.model.cluster import HostFacts
from hardway.pki.decide import Issue
from hardway.text import text
from hardway.transport.base import Fleet, Transport, on_each, run_checked

TOLERATED = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Clock:
    """The time by the machines, and how far they are ahead of this host."""

    now: datetime
    ahead: timedelta = timedelta()

    def permit(self, issues: Sequence[Issue]) -> None:
        """Let certificates be issued.

        Raises:
            ClockError: by two different times.
        """
        if not issues or abs(self.ahead) <= TOLERATED:
            return
        here = self.now - self.ahead
        names = ", ".join(dict.fromkeys(issue.name for issue in issues))
        raise ClockError(
            text(
                "this host's clock says {here:%Y-%m-%d %H:%M:%S} UTC, the machines' clocks (their "
                "median) say {there:%Y-%m-%d %H:%M:%S}: hardway issues nothing by a clock that may "
                "be wrong (due: {names})",
                here=here,
                there=self.now,
                names=names,
            ),
            hint="correct the wrong clock: timedatectl set-ntp true; then run it again",
        )


async def clock(fleet: Fleet, hosts: Mapping[str, HostFacts]) -> Clock:
    """Return the time by the median of the machines that answer.

    Machines that share this host's kernel share its clock.
    """
    asked = [t for name, t in fleet.items() if name in hosts and not hosts[name].shared]
    offsets = await on_each(_ahead_s(transport) for transport in asked)
    ahead = timedelta(seconds=median(offsets or [0.0]))
    return Clock(datetime.now(UTC) + ahead, ahead)


async def _ahead_s(transport: Transport) -> float:
    """Return how far a machine is ahead: half way through the round trip it said its time."""
    before = time()
    there = float(await run_checked(transport, ["date", "+%s.%N"]))
    return there - (before + time()) / 2
