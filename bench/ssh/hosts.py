"""A hundred SSH hosts, each with its own systemd, sshd and address, in namespaces of the bench.

What is here runs within a mount, a network and a process namespace that `enclosed` makes: there is
one bridge, no way out, and all of it ends with the first process in there. Only cgroups and one
kernel limit are the whole machine's: `enclosed` takes them back, then looks what is left.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from hardway.host import run, run_now
from hardway.providers.local import cgroups

WITHIN = Path("/run/bench")
"""Keys and disks; in memory, since /run is a tmpfs of the namespace's own."""
OPERATOR, KNOWN_HOSTS = WITHIN / "keys/operator", WITHIN / "keys/known_hosts"
CLUSTER = "bench-ssh"
"""Under which name the hosts' cgroups are."""
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
BRIDGE = "bench0"
BOOTING = 6
"""Hosts that boot at once; more only wait for each other."""


@dataclass(frozen=True, slots=True)
class Host:
    """One of the hosts."""

    index: int

    @property
    def name(self) -> str:
        """Its name."""
        return f"h{self.index:03}"

    @property
    def address(self) -> str:
        """Where its sshd listens."""
        return f"10.245.1.{self.index}"

    @property
    def folder(self) -> Path:
        """Where its disk is."""
        return WITHIN / "hosts" / self.name


@contextmanager
def enclosed(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module of this program in namespaces of its own; at the end prove that all is gone."""
    limit = INSTANCES.read_text()
    INSTANCES.write_text(str(max(int(limit), 8192)))
    flags = [
        "--mount",
        "--net",
        "--pid",
        "--ipc",
        "--uts",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]
    # However this process ends, the hosts do not outlive it.
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", *flags, sys.executable, "-m", *argv]
    try:
        with subprocess.Popen(command) as process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        _wait_gone()
        cgroups.remove(CLUSTER)
        INSTANCES.write_text(limit)
    left = leftovers()
    if left:
        raise SystemExit("still there after the bench:\n" + "\n".join(left))


def _wait_gone() -> None:
    """Wait until the kernel has ended all that was in the namespaces with their first process."""
    end = monotonic() + 30
    while cgroups.processes(CLUSTER) and monotonic() < end:
        sleep(0.1)


def leftovers() -> list[str]:
    """Return a line for each thing of the bench that this machine still has."""
    rows = {
        "process": [f"{pid}" for pid in cgroups.processes(CLUSTER)],
        "cgroup": [str(group) for group in cgroups.groups(CLUSTER)],
        "link": [line for line in run_now(["ip", "-o", "link"]).splitlines() if BRIDGE in line],
        "mount": [
            line
            for line in Path("/proc/self/mounts").read_text().splitlines()
            if str(WITHIN) in line
        ],
        "folder": [str(WITHIN)] if WITHIN.exists() else [],
    }
    return [f"{kind} {name}" for kind, found in rows.items() for name in found]


def prepare(count: int) -> list[Host]:
    """Make the bridge, the keys and the disks' folders; within the namespaces."""
    if os.getpid() != 1:
        raise SystemExit("the hosts live in namespaces of their own: see `enclosed`")
    run_now(["mount", "-t", "tmpfs", "-o", "mode=0755", "bench", "/run"])
    (WITHIN / "keys").mkdir(parents=True)
    Path("/run/netns").mkdir()
    hosts = [Host(index) for index in range(1, count + 1)]
    lines = ["link set lo up", f"link add {BRIDGE} type bridge",
             f"address add 10.245.0.1/16 dev {BRIDGE}", f"link set {BRIDGE} up"]  # fmt: skip
    run_now(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")
    _key(OPERATOR)
    for host in hosts:
        _plug_in(host)
        host.folder.mkdir(parents=True)
        _key(host.folder / "key")
    known = [f"{h.address} {(h.folder / 'key.pub').read_text()}" for h in hosts]
    KNOWN_HOSTS.write_text("".join(known))
    return hosts


def _plug_in(host: Host) -> None:
    run_now(["ip", "netns", "add", host.name])
    cable = f"{BRIDGE}.{host.index}"
    lines = [
        f"link add {cable} type veth peer name eth0 netns {host.name}",
        f"link set {cable} master {BRIDGE} up",
    ]
    run_now(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")
    inside = ["link set lo up", f"address add {host.address}/16 dev eth0", "link set eth0 up"]
    run_now(["ip", "-netns", host.name, "-batch", "-"], stdin="\n".join(inside) + "\n")


def _key(path: Path) -> None:
    run_now(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", str(path)])


async def boot(hosts: Sequence[Host], root: Path) -> float:
    """Boot the hosts; return after how many seconds all of them answered."""
    began, places = monotonic(), asyncio.Semaphore(BOOTING)

    async def one(host: Host) -> None:
        async with places:
            _start(host, root)
            await _answers(host)

    await asyncio.gather(*(one(host) for host in hosts))
    return monotonic() - began


def _start(host: Host, root: Path) -> None:
    upper, top = host.folder / "upper", host.folder / "root"
    for folder in (upper / "etc/ssh", upper / "root/.ssh", host.folder / "work", top):
        folder.mkdir(parents=True, exist_ok=True)
    (upper / "root").chmod(0o700)
    (upper / "etc/hostname").write_text(f"{host.name}\n")
    (upper / "etc/machine-id").write_text(f"{host.index:032x}\n")
    shutil.copy(host.folder / "key", upper / "etc/ssh/ssh_host_ed25519_key")
    shutil.copy(OPERATOR.with_suffix(".pub"), upper / "root/.ssh/authorized_keys")
    options = f"lowerdir={root},upperdir={upper},workdir={host.folder}/work"
    run_now(["mount", "-t", "overlay", host.name, "-o", options, str(top)])
    memory_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    groups = cgroups.make(CLUSTER, host.name, memory_bytes=memory_bytes)
    join = "".join(f"echo $$ > {group}; " for group in groups)
    argv = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit",
            f"--machine={host.name}", f"--directory={top}", "--capability=all",
            f"--network-namespace-path=/run/netns/{host.name}", "--resolv-conf=off",
            "--timezone=off", "--link-journal=no", "--console=passive"]  # fmt: skip
    with (host.folder / "console.log").open("wb") as output:
        shell = ["sh", "-c", f'{join} exec "$@"', "sh"]
        subprocess.Popen([*shell, *argv], stdin=subprocess.DEVNULL, stdout=output,
                         stderr=output, start_new_session=True)  # fmt: skip


async def _answers(host: Host) -> None:
    for _ in range(600):
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(host.address, 22)
                line = await reader.readline()
                writer.close()
            if line.startswith(b"SSH-"):
                return
        except (OSError, TimeoutError):
            pass
        await asyncio.sleep(0.1)
    raise SystemExit(f"{host.name} does not answer: {(host.folder / 'console.log').read_text()}")


async def on_all(hosts: Sequence[Host], script: str) -> None:
    """Run a script on all hosts by ssh(1)."""
    places = asyncio.Semaphore(BOOTING)

    async def one(host: Host) -> None:
        async with places:
            await run([*ssh(host), script])

    await asyncio.gather(*(one(host) for host in hosts))


def ssh(host: Host) -> list[str]:
    """Return the argv of ssh(1) to a host."""
    return ["ssh", "-q", "-i", str(OPERATOR), "-o", f"UserKnownHostsFile={KNOWN_HOSTS}",
            "-o", "BatchMode=yes", f"root@{host.address}"]  # fmt: skip
