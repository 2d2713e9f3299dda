"""Hosts that are nobody's yet: plain Debian and Ubuntu machines on a bridge of this host.

Booted by the local provider's own parts, but of base roots that have nothing of hardway's and few
packages; those that a cluster needs come by apt from a folder within them. Logins: root, `ops`
(sudo without a password) and `sue` (sudo with one).
"""

import asyncio
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.guard import GUARD

from hardway import components
from hardway.bundle import debs
from hardway.model.cluster import Cluster, Machine
from hardway.model.resolve import resolve
from hardway.providers import apt, identity
from hardway.providers.hosts.distributions import BY_SUITE, UBUNTU
from hardway.providers.local import cleanup, disk, kernel, names, network, nspawn, rootfs
from hardway.providers.local.provider import _banner
from hardway.providers.local.registry import register
from hardway.spec.load import parse
from hardway.steps.packages import ROWS
from hardway.transport.base import poll_until

TRIXIE, JAMMY, NOBLE = "trixie", "jammy", "noble"
UBUNTUS_MIRROR = UBUNTU.mirrors["amd64"]
UBUNTUS_KEYS = f"{UBUNTUS_MIRROR}/pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb"
UBUNTUS_KEYS_SHA256 = "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8"
"""Debian 12 has no package of it. In it is F6ECB3762474EDA9D21B7022871920D1991BC93C, by which
Ubuntu has signed since 2018."""


def sources_of(suite: str, architecture: str) -> str:
    """Return a sources.list with a suite; where this host lacks Ubuntu's keys, with ours."""
    if BY_SUITE[suite].archive is UBUNTU and not Path(UBUNTU.keyring).exists():
        return replace(UBUNTU, keyring=str(_ubuntus_keys())).sources(suite, architecture)
    return debs.sources(suite, architecture)


def _ubuntus_keys() -> Path:
    """Return the file with Ubuntu's keys, having got it if need be."""
    folder = components.cache_folder() / "ubuntu-keyring"
    if not folder.exists():
        with GUARD.lift(), urlopen(UBUNTUS_KEYS, timeout=60) as answer:
            content = answer.read()
        assert hashlib.sha256(content).hexdigest() == UBUNTUS_KEYS_SHA256
        with tempfile.NamedTemporaryFile() as deb:
            deb.write(content)
            deb.flush()
            run("dpkg-deb", "--extract", deb.name, str(folder))
    return folder / "usr/share/keyrings/ubuntu-archive-keyring.gpg"


def reachable(mirror: str) -> bool:
    """Return whether packages can be had from there."""
    try:
        with GUARD.lift(), urlopen(f"{mirror}/", timeout=20):
            return True
    except HTTPError:
        return True
    except OSError:
        return False


@dataclass(frozen=True)
class Kit:
    """Which hosts there are, and their network: the third part of all of its addresses."""

    suites: Mapping[str, str]
    index: int

    @property
    def ranges(self) -> str:
        """The line of a hardway.yaml that has the ranges."""
        n = self.index
        return (f"network: {{nodes: 10.24{n}.0.0/24, pods: 10.20{n}.0.0/16, "
                f"services: 10.3{n}.0.0/24}}")  # fmt: skip

    def rows(self) -> list[str]:
        """Return the machines of a hardway.yaml that the local provider's parts read."""
        return [
            f"- {{name: {name}, role: {'worker' if place else 'control-plane'}, "
            f"address: 10.24{self.index}.0.{place + 10}}}"
            for place, name in enumerate(self.suites)
        ]


KITS = {
    "hosts": Kit(dict.fromkeys(("a", "b", "c", "d", "gate"), apt.suite()), 1),
    "releases": Kit(
        {f"{suite}-{n}": suite for suite in (TRIXIE, NOBLE, JAMMY) for n in (0, 1)}
        | {"gate": apt.suite()},
        2,
    ),
    "apart": Kit(dict.fromkeys(("a", "d", "gate"), apt.suite()), 3),
}
PASSWORD = "only for tests"
PACKAGES = ("apt", "systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "sudo",
            "procps", "libpam-systemd")  # fmt: skip
REPOSITORY = "srv/packages"
USERS = {"ops": "ops ALL=(ALL:ALL) NOPASSWD: ALL\n", "sue": "sue ALL=(ALL:ALL) ALL\n"}


def run(*argv: str, stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def base(suite: str) -> Path:
    """Build the base root of a suite unless this host has it."""
    made_of = repr([PACKAGES, USERS, PASSWORD, ROWS, rootfs.FILES, rootfs.MASKED, INIT, suite])
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    done = components.cache_folder() / "base" / f"hosts-{suite}-{digest}"
    if not done.exists():
        building = done.with_suffix(".building")
        shutil.rmtree(building, ignore_errors=True)
        _build(suite, building)
        building.rename(done)
    return done


INIT = """#!/bin/sh
# systemd 256 and later want to be told that cgroup v1, which this host has, is meant.
export SYSTEMD_PROC_CMDLINE="systemd SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
exec /usr/lib/systemd/systemd.real "$@"
"""


def _build(suite: str, root: Path) -> None:
    get = ("--yes --download-only --no-install-recommends "
           f'-o Dir::Cache::archives="$1/{REPOSITORY}" install ')  # fmt: skip
    wanted = " ".join(sorted({row.name for row in ROWS}))
    run("mmdebstrap", "--mode=root", "--variant=minbase", "--quiet",
        "--include=" + ",".join(PACKAGES),
        f'--customize-hook=mkdir -p "$1/{REPOSITORY}/partial"',
        f'--customize-hook=APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --quiet=2 {get}{wanted}',
        suite, str(root), "-", stdin=sources_of(suite, components.architecture()))  # fmt: skip
    cgroups = "etc/systemd/system/hardway-cgroups.service"
    (root / cgroups).write_text(rootfs.FILES[cgroups])
    run("systemctl", f"--root={root}", "--quiet", "enable", Path(cgroups).name)
    run("systemctl", f"--root={root}", "--quiet", "mask", *rootfs.MASKED)
    if suite == TRIXIE:
        init = root / "usr/lib/systemd/systemd"
        init.rename(init.with_suffix(".real"))
        init.write_text(INIT)
        init.chmod(0o755)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    for number, (name, rule) in enumerate(USERS.items(), start=FIRST_USER):
        run("chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash",
            "--uid", str(number), name)  # fmt: skip
        (root / "etc/sudoers.d" / name).write_text(rule)
    run("chroot", str(root), "chpasswd", stdin=f"sue:{PASSWORD}\n")
    index(root)


FIRST_USER = 2000
"""Ubuntu's roots may have a user 1000."""


def index(root: Path) -> None:
    """Make what was downloaded the only place where apt within the root finds packages."""
    rows = []
    for deb in sorted((root / REPOSITORY).glob("*.deb")):
        content = deb.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        where = f"Filename: ./{deb.name}\nSize: {len(content)}\nSHA256: {digest}\n"
        rows.append(run("dpkg-deb", "--field", str(deb)) + where)
    (root / REPOSITORY / "Packages").write_text("\n".join(rows))
    for old in ("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/auth.conf.d"):
        path = root / old
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:/{REPOSITORY} ./\n")
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)


@dataclass(frozen=True)
class Hosts:
    """The machines, and what an operator has to reach them."""

    kit: Kit
    cluster: Cluster
    folder: Path

    @property
    def key(self) -> Path:
        """The operator's private key."""
        return self.folder / "operator"

    @property
    def known_hosts(self) -> Path:
        """Their host keys."""
        return self.folder / "known_hosts"

    def address(self, name: str) -> str:
        """Return the address of one."""
        return str(self.cluster.machine(name).address)

    def on(self, name: str, script: str) -> str:
        """Run a script on one as root, by ssh(1); from within the gate where it hides from us."""
        gate = names.netns(self.cluster.name, "gate")
        return run(
            "ip", "netns", "exec", gate, "ssh", "-i", str(self.key),
            "-o", f"UserKnownHostsFile={self.known_hosts}", f"root@{self.address(name)}",
            "sh", "-s", stdin=script,
        )  # fmt: skip

    async def make(self) -> None:
        """Make them and wait until they answer."""
        names.folder(self.cluster.name).mkdir(parents=True, exist_ok=True)
        register(self.cluster, self.folder)
        identity.ensure(self.folder, self.cluster)
        kernel.load_modules()
        kernel.raise_limits()
        await network.ensure_bridge(self.cluster)
        await asyncio.gather(*(self._boot(m) for m in self.cluster.machines))

    async def _boot(self, machine: Machine) -> None:
        """Start one, of its suite's root if it has no disk yet, and wait until it answers."""
        disk.prepare(self.cluster, machine, self.folder, base(self.kit.suites[machine.name]))
        upper = names.folder(self.cluster.name, machine.name) / "upper"
        for uid, user in enumerate(USERS, start=FIRST_USER):
            home = upper / "home" / user / ".ssh"
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            (home / "authorized_keys").write_bytes(identity.operator_key(self.folder))
            for path in (home.parent, home, home / "authorized_keys"):
                shutil.chown(path, uid, uid)
        await nspawn.start(self.cluster, machine, None)
        assert await poll_until(lambda: _banner(str(machine.address)), bool, deadline_s=60), (
            machine.name
        )

    async def again(self, name: str) -> None:
        """Start a machine once it has shut down: its reboot ends systemd-nspawn (--keep-unit)."""

        async def off() -> bool:
            return nspawn.leader(self.cluster.name, name) is None

        assert await poll_until(off, bool, deadline_s=300), name
        await nspawn.start(self.cluster, self.cluster.machine(name), None)

    async def off(self, name: str) -> None:
        """Pull the plug of one."""
        await nspawn.stop(self.cluster.name, name, force=True)

    async def new(self, name: str) -> None:
        """Put new hardware in the place of one, with its name, address and host key."""
        await cleanup.remove(self.cluster.name, name, lambda _machine, _text: None)
        await self._boot(self.cluster.machine(name))

    def hide(self, *hidden: str) -> None:
        """Let machines' answers to this host be lost, so that only the gate reaches them."""
        for name in hidden:
            self.on(name, f"ip route replace blackhole {network.gateway(self.cluster.node_cidr)}")

    def show(self, *hidden: str) -> None:
        """Undo that."""
        for name in hidden:
            self.on(name, f"ip route delete blackhole {network.gateway(self.cluster.node_cidr)}")

    def everything(self, names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
        """Return all of some machines that a cluster could leave something in, by name."""
        asked = list(names)
        with ThreadPoolExecutor() as pool:
            found = pool.map(lambda name: by_kind(self.on(name, LISTING)), asked)
            return dict(zip(asked, found, strict=True))


def by_kind(listing: str) -> dict[str, list[str]]:
    """Return the lines of a listing by their first word."""
    found: dict[str, list[str]] = {}
    for line in listing.splitlines():
        kind, _, rest = line.partition("\t")
        found.setdefault(kind, []).append(rest)
    return found


LISTING = r"""
find / /var/lib/etcd /var/lib/kubelet /var/lib/containerd -xdev \
    \( -path /var/lib/dpkg -o -path /var/cache -o -path /var/log -o -path /tmp -o -path /var/tmp \
       -o -path /var/lib/apt/lists -o -path /var/lib/systemd -o -path /root/.ssh \
       -o -path /home -o -path /var/lib/ucf -o -path '/etc/*-' \) -prune -o \
    \( -type d -o -type l -o -type p -o -type s \) -printf 'file\t%y %m %u:%g %l %p\n' -o \
    -type f -printf 'file\t%y %m %u:%g %s %p\n' | sort
find /etc -xdev -type f ! -name ld.so.cache ! -name '*-' -exec sha256sum {} + | sed 's/^/etc\t/' |
    sort -k 2
sed 's/^/user\t/' /etc/passwd /etc/group
sysctl --all 2>/dev/null | grep -E '^(net\.ipv4\.(ip_|conf)|net\.bridge|vm\.|kernel\.panic)' |
    # The kernel makes the last two anew at each boot, of the memory that is free then.
    grep -v -E '\.(default|all)\.|neigh|nr_|stat|(user_reserve|min_free)_kbytes' |
    sed 's/^/sysctl\t/'
cut -d' ' -f2,3 /proc/self/mounts | grep -v '^/run/user/' | sort | sed 's/^/mount\t/'
ip -brief link | cut -d' ' -f1 | cut -d@ -f1 | sed 's/^/link\t/'
ip -4 route | sed 's/^/route\t/'
ip -4 -brief address | sed 's/@[^ ]* */ /' | sed 's/^/address\t/'
command -v nft >/dev/null && nft --stateless list ruleset | sed 's/^/rule\t/'
dpkg-query --show --showformat='package\t${db:Status-Abbrev}${Package}\n'
systemctl list-unit-files --no-legend --plain | awk '$2 != "transient" {print "unit\t" $1 " " $2}'
systemctl list-units --failed --no-legend --plain | awk '{print "failed\t" $1}'
ls /proc | grep -E '^[0-9]+$' | while read -r pid; do
    readlink "/proc/$pid/exe" | grep -v -E 'sshd|sudo|bin/(dash|bash|sed|grep|ls|readlink|sort)'
done | sort -u | sed 's/^/process\t/'
exit 0
"""


def hosts(which: str, folder: Path) -> Hosts:
    """Return the hosts of a kit; nothing is made yet."""
    kit = KITS[which]
    text = "\n".join([f"name: {which}", "machines:", *kit.rows(), kit.ranges])
    return Hosts(kit, resolve(parse(text, which), "1.37.2"), folder)


def spec(
    of: Hosts, machines: Sequence[tuple[str, str, str]], *, endpoint: str, ssh: str = ""
) -> str:
    """Return a hardway.yaml; of each machine its name, its role and more of its fields."""
    rows = "".join(
        f"- {{name: {name}, role: {role}, host: {of.address(name)}{more}}}\n"
        for name, role, more in machines
    )
    return f"""name: foreign
provider: ssh
ssh: {{config: ssh_config{ssh}}}
endpoint: {endpoint}
{of.kit.ranges}
machines:
{rows}"""


def main(verb: str, which: str, folder: str, name: str = "") -> None:
    """Make the hosts, remove them, or do something with one; in a process which they outlive."""
    there = hosts(which, Path(folder))
    if verb == "make":
        asyncio.run(there.make())
    elif verb == "remove":
        asyncio.run(cleanup.destroy(which, lambda _machine, _text: None))
    else:
        asyncio.run({"again": there.again, "off": there.off, "new": there.new}[verb](name))


if __name__ == "__main__":
    main(*sys.argv[1:])
