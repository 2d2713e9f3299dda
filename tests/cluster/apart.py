"""Hosts with nothing to install from: no source for their apt, and only a gate reaches them."""

import asyncio
import sys
from pathlib import Path

from tests.cluster.hosts import Hosts

from hardway.model.resolve import resolve
from hardway.providers.local import cleanup
from hardway.spec.load import parse

RANGES = "network: {nodes: 10.239.0.0/24, pods: 10.219.0.0/16, services: 10.49.0.0/24}"
SPEC = f"""name: apart
machines:
- {{name: a, role: control-plane, address: 10.239.0.10}}
- {{name: d, role: worker, address: 10.239.0.13}}
- {{name: gate, role: worker, address: 10.239.0.14}}
{RANGES}
"""
BEHIND = ("a", "d")
NO_SOURCE = """rm -r /etc/apt/sources.list /srv/packages
apt-get --quiet=2 update
! apt-get --quiet=2 --simulate install haproxy 2>/dev/null || exit 1
# As Debian's installer writes it; else a name server is asked for both, and there is none.
printf '127.0.0.1 localhost\\n127.0.1.1 %s\\n' "$(hostname)" >/etc/hosts
"""


def hosts(folder: Path) -> Hosts:
    """Return the hosts of a folder; nothing is made yet."""
    return Hosts(resolve(parse(SPEC, "apart"), "1.37.2"), folder)


async def make(there: Hosts) -> None:
    """Make them, and take their sources from those behind the gate."""
    await there.make()
    for name in BEHIND:
        there.on(name, NO_SOURCE)
    there.hide(*BEHIND)


def main(verb: str, folder: str) -> None:
    """Make the hosts or remove them: in a process of its own, which they outlive."""
    if verb == "make":
        asyncio.run(make(hosts(Path(folder))))
    else:
        asyncio.run(cleanup.destroy("apart", lambda _machine, _text: None))


if __name__ == "__main__":
    main(*sys.argv[1:])
