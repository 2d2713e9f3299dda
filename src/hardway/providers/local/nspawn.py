"""Booting and ending one machine with systemd-nspawn."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from hardway.errors import ProviderError
from hardway.host import run
from hardway.model.cluster import Cluster, Machine
from hardway.model.resources import STORE
from hardway.providers.local import cgroups, disk, names, network
from hardway.providers.local.facts import memory_bytes, systemd_is_pid_1
from hardway.text import text
from hardway.transport.base import poll_until

ENVIRONMENT = {
    # kubelet and kube-proxy set sysctls below /proc/sys/net of their own network namespace.
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
    # Containers bring their own seccomp filters; a second layer breaks some of them.
    "SYSTEMD_SECCOMP": "0",
}
STARTTIME = 19
"""When a process began, among the fields of /proc/PID/stat after its name (proc_pid_stat(5))."""
STARTS_S = 10.0
GRACE_S = 20.0
"""How long a machine may take to shut down before its plug is pulled."""


def leader(cluster: str, machine: str) -> int | None:
    """Return the process id of a machine's systemd-nspawn; None when it does not run."""
    return leaders(cluster, [machine]).get(machine)


def leaders(cluster: str, machines: Iterable[str]) -> dict[str, int]:
    """Return the process ids of the systemd-nspawn of those machines that run, in one look.

    Found by their command lines and not by files, which would lie after a crash.
    """
    wanted = {_namespace(cluster, name).encode(): name for name in machines}
    found: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:  # a process that just ended
                continue
            if words[0].endswith(b"systemd-nspawn"):
                for word in wanted.keys() & set(words):
                    found.setdefault(wanted[word], int(entry.name))
    return found


def _namespace(cluster: str, machine: str) -> str:
    return f"--network-namespace-path={names.NETNS / names.netns(cluster, machine)}"


def age_s(leader: int) -> float:
    """Return for how long the machine of a systemd-nspawn has been running; 0 if it has ended."""
    try:
        after_name = Path(f"/proc/{leader}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    started_s = int(after_name[STARTTIME]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_s


def lets_in(leader: int) -> bool:
    """Return whether a machine lets people log in: it neither boots nor shuts down.

    systemd has a file while it does (nologin(5)); that a machine has none is no proof of either.
    """
    try:
        init = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()[0]
        return not Path(f"/proc/{init}/root/run/nologin").exists()
    except (OSError, IndexError):
        return False


def command(cluster: str, machine: str, root: Path, store: Path | None) -> list[str]:
    """Return the argv that boots a machine whose root is mounted and network plugged in.

    Without a `store` of this host's it is a plain machine that has one of its own.
    """
    data = names.folder(cluster, machine)
    return [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        # Of two machines with one name systemd 256 and later start only the first.
        f"--machine={names.container(cluster, machine)}",
        f"--hostname={machine}",
        f"--directory={root}",
        _namespace(cluster, machine),
        "--capability=all",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=passive",
        "--kill-signal=SIGRTMIN+3",
        # kubelet's watch for processes killed for lack of memory reads it.
        "--bind=/dev/kmsg",
        *([f"--bind-ro={store}:{STORE}"] if store else []),
        *(f"--bind={data / name}:/var/lib/{name}" for name in names.DATA),
    ]


async def start(cluster: Cluster, machine: Machine, store: Path | None) -> None:
    """Boot a machine that is not running; what a killed one left behind is cleared first.

    Raises:
        ProviderError: it ended at once.
    """
    await clear(cluster.name, machine.name)
    await network.plug_in(cluster, machine)
    share = memory_bytes() // len(cluster.machines)
    await boot(cluster.name, machine.name, store, memory_share=share)


async def boot(cluster: str, machine: str, store: Path | None, *, memory_share: int) -> None:
    """Boot a machine whose network namespace is there, with so many bytes of memory at most.

    It shares the host's store of components, or has one of its own.

    Raises:
        ProviderError: it ended at once.
    """
    root = await disk.mount(cluster, machine)
    argv = command(cluster, machine, root, store)
    if systemd_is_pid_1():
        await _start_by_systemd(cluster, machine, argv, memory_share)
    else:
        await asyncio.to_thread(_start_alone, cluster, machine, argv, memory_share)

    async def runs() -> bool:
        return leader(cluster, machine) is not None

    # Until its process is there it would be taken for a stopped one.
    if not await poll_until(runs, bool, deadline_s=STARTS_S, interval_s=0.02):
        raise ProviderError(
            text("{machine}: systemd-nspawn ended at once", machine=machine),
            hint=text("see what it printed: {file}", file=console(cluster, machine)),
        )


async def remove_slice() -> None:
    """Take away the slice that the first machine on this host brought: it does not go by itself."""
    if systemd_is_pid_1():
        await run(["systemctl", "stop", names.SLICE])


def console(cluster: str, machine: str) -> Path:
    """Return the file that has what a machine said while booting."""
    return names.folder(cluster, machine) / "console.log"


async def _start_by_systemd(
    cluster: str, machine: str, argv: Sequence[str], memory_share: int
) -> None:
    settings = [f"--setenv={key}={value}" for key, value in ENVIRONMENT.items()]
    properties = [
        "Delegate=yes",
        f"MemoryMax={memory_share}",
        f"StandardOutput=append:{console(cluster, machine)}",
        f"StandardError=append:{console(cluster, machine)}",
        "KillMode=mixed",
        f"Slice={names.SLICE}",
    ]
    flags = [flag for setting in properties for flag in ("-p", setting)]
    unit = names.unit(cluster, machine)
    await run(
        ["systemd-run", "--quiet", "--collect", f"--unit={unit}", *settings, *flags, "--", *argv]
    )


def _start_alone(cluster: str, machine: str, argv: Sequence[str], memory_share: int) -> None:
    groups = cgroups.make(cluster, machine, memory_bytes=memory_share)
    # A shell that joins the machine's cgroups and then becomes nspawn: no process of ours is in
    # them, and the machine outlives this program in a session of its own.
    join = "".join(f"echo $$ > {group}; " for group in groups)
    with console(cluster, machine).open("ab") as output:
        subprocess.Popen(
            ["sh", "-c", join + 'exec "$@"', "sh", *argv],
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def stop(cluster: str, machine: str, *, force: bool, grace_s: float = GRACE_S) -> None:
    """End a machine: ask, wait, then pull its plug; with `force` pull at once.

    Raises:
        ProviderError: its processes do not end even so.
    """
    pid = leader(cluster, machine)
    if pid is not None and not force:
        _signal(pid, signal.SIGTERM)
        await _wait_gone(cluster, machine, grace_s)
    pid = leader(cluster, machine)
    if pid is not None:
        # The machine's own init first: the kernel then ends everything in its pid namespace.
        for child in children(pid):
            _signal(child, signal.SIGKILL)
        _signal(pid, signal.SIGKILL)
    for left in cgroups.processes(cluster, machine):
        _signal(left, signal.SIGKILL)
    if not await _wait_gone(cluster, machine, GRACE_S):
        raise ProviderError(
            text(
                "{machine}: processes do not end: {ids}",
                machine=machine,
                ids=", ".join(map(str, sorted(cgroups.processes(cluster, machine)))),
            ),
            hint="see what they wait for: cat /proc/PID/stack",
        )


async def clear(cluster: str, machine: str) -> None:
    """Remove what a machine that does not run left on the host: cgroups, mount, namespace."""
    await asyncio.to_thread(cgroups.remove, cluster, machine)
    await disk.unmount(cluster, machine)
    await network.unplug(cluster, machine)


def children(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(word) for word in path.read_text().split()]
    except OSError:
        return []


async def _wait_gone(cluster: str, machine: str, deadline_s: float) -> bool:
    async def gone() -> bool:
        return leader(cluster, machine) is None and not cgroups.processes(cluster, machine)

    return await poll_until(gone, bool, deadline_s=deadline_s, interval_s=0.05)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
