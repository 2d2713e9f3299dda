"""`make bench-ssh`: the same 40 files and 6 units to 10, 50 and 100 SSH hosts by several tools.

With 3 and 30 hosts hardway alone: a host that joins others.

python -m bench.ssh [SIZE...]

Writes bench/ssh/results.json (sizes that were not asked for keep their figures),
docs/performance-ssh.md's tables and docs/performance-ssh.svg. Needs root.
"""

import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import monotonic

from bench.ssh import hosts, page, players, root, work
from bench.ssh.players import PLAYERS, Player
from hardway import components, files
from hardway.host import run
from hardway.providers.local import cgroups

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench/ssh/results.json"
SIZES = (3, 10, 30, 50, 100)
JOINS = 3
"""How often a host that joins is measured."""
RESET = """systemctl disable --quiet --now 'bench-*.service' 2>/dev/null
rm -rf /etc/bench /etc/systemd/system/bench-* /run/hardway /var/lib/hardway /root/.ansible
systemctl daemon-reload; systemctl reset-failed"""


@dataclass(frozen=True)
class Measured:
    """One run of one tool."""

    seconds: float
    own_cpu_s: float
    """What the tool's processes took, here."""
    hosts_cpu_s: float
    """What all of the hosts took."""


def hosts_cpu_s() -> float:
    """Return the seconds of CPU that the hosts have taken since they were made."""
    for group in cgroups.groups(hosts.CLUSTER):
        file = group / "cpu.stat"
        rows = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        for name, value in rows:
            if name == "usage_usec":
                return int(value) / 1e6
    raise SystemExit("no cgroup says what the hosts' CPU time is")


def measure(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run a tool, which must succeed. What it leaves running ends with it."""
    argv = ["unshare", "--pid", "--fork", "--kill-child", *command]
    began, before = monotonic(), hosts_cpu_s()
    with (hosts.WITHIN / "output").open("wb") as output:
        process = subprocess.Popen(
            argv,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = monotonic() - began
    if process.returncode:
        raise SystemExit(f"{name}:\n{(hosts.WITHIN / 'output').read_text()[-3000:]}")
    return Measured(seconds, used.ru_utime + used.ru_stime, hosts_cpu_s() - before)


def checked(count: int, serial: int, joined: int = 0) -> None:
    """Have hardway look whether the hosts are as they should be, whoever made them so."""
    command = [*players.hardway(count, serial, joined), "look"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    if done.stdout.strip() != b"changed 0":
        raise SystemExit(f"not as it should be: {done.stdout.decode()}")


async def measure_one(player: Player, everybody: Sequence[hosts.Host]) -> dict[str, object]:
    """Return what a tool took with these hosts, by case."""
    size, one = len(everybody), everybody[0].name
    first, unchanged, changed = player.runs[size]
    await hosts.on_all(everybody, RESET)
    work.write_tree(one, 0, players.TREE)
    if not first:
        await run(players.hardway(size, 0))
    cases = [("first", 0)] * first + [("unchanged", 0)] * unchanged
    cases += [("changed", serial) for serial in range(1, changed + 1)]
    rows: dict[str, list[dict[str, float]]] = {}
    for case, serial in cases:
        work.write_tree(one, serial, players.TREE)
        took = measure(player.name, player.command(size, serial), player.environment)
        print(f"{size:4} {player.name:16} {case:10} {took.seconds:7.1f} s", flush=True)
        rows.setdefault(case, []).append(asdict(took))
        if case != "unchanged":
            checked(size, serial)
    if size in player.joins:
        rows["joined"] = [await measure_joined(everybody, n) for n in range(1, JOINS + 1)]
    return dict(rows)


async def measure_joined(everybody: Sequence[hosts.Host], joined: int) -> dict[str, float]:
    """Return what hardway took with a host that is bare, where the others are as they should be.

    Each of them gets the new one's name, in a file that none of its units reads.
    """
    await hosts.on_all(everybody[:1], RESET)
    took = measure("hardway", players.hardway(len(everybody), 0, joined), {})
    print(f"{len(everybody):4} hardway          joined     {took.seconds:7.1f} s", flush=True)
    checked(len(everybody), 0, joined)
    return asdict(took)


async def inside(sizes: Sequence[int], base: Path, to: Path) -> None:
    """Make the hosts and measure; in namespaces of their own.

    What was found is written after each tool: a bench that is ended early has not run for nothing.
    """
    everybody = hosts.prepare(max(sizes))
    boot_s = await hosts.boot(everybody, base)
    print(f"{len(everybody)} hosts booted in {boot_s:.0f} s", flush=True)
    players.write_inputs(everybody, sizes)
    found: dict[str, dict[str, object]] = {}
    for size in sizes:
        for player in PLAYERS:
            if size in player.runs:
                made = await measure_one(player, everybody[:size])
                found.setdefault(str(size), {})[player.name] = made
                files.write(to, json.dumps(found).encode())


def main(sizes: Sequence[int]) -> None:
    """Measure within namespaces, then write what was found."""
    if os.geteuid() != 0:
        raise SystemExit("the bench makes namespaces and boots hosts: run it as root")
    base = root.ensure(components.cache_folder())
    with tempfile.TemporaryDirectory(prefix="bench-ssh-") as folder:
        to = Path(folder) / "results.json"
        words = [str(base), str(to), *(str(size) for size in sizes)]
        try:
            with hosts.enclosed(["bench.ssh", "inside", *words]) as process:
                status = process.wait()
        finally:
            if to.exists():
                keep(json.loads(to.read_text()))
    raise SystemExit(status)


def keep(found: Mapping[str, Mapping[str, object]]) -> None:
    """Put new figures among those that were there, and write the page."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"sizes": {}}
    for size, by_player in found.items():
        results["sizes"].setdefault(size, {}).update(by_player)
    results["machine"] = {
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        **{name: version(name) for name in ("asyncssh", "ansible-core", "mitogen", "pyinfra")},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    page.write(results, ROOT / "docs")


if sys.argv[1:2] == ["inside"]:
    asyncio.run(inside([int(w) for w in sys.argv[4:]], Path(sys.argv[2]), Path(sys.argv[3])))
else:
    main([int(word) for word in sys.argv[1:]] or SIZES)
