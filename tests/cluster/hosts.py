"""Hosts that are nobody's yet: plain Debian machines on a bridge of this host.

Booted by the local provider's own parts, but of a base root that has nothing of hardway's and few
packages; those that a cluster needs come by apt from a folder within it. Logins: root, `ops` (sudo
without a password) and `sue` (sudo with one).
"""

import asyncio
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardway import components
from hardway.model.cluster import Cluster, Machine
from hardway.model.resolve import resolve
from hardway.providers import identity
from hardway.providers.local import cleanup, disk, kernel, names, network, nspawn, rootfs
from hardway.providers.local.provider import _banner
from hardway.providers.local.registry import register
from hardway.spec.load import parse
from hardway.steps.packages import ROWS
from hardway.transport.base import poll_until

NAMES = ("a", "b", "c", "d", "gate")
ROWS_OF = [
    f"- {{name: {name}, role: {'worker' if index else 'control-plane'}, "
    f"address: 10.241.0.{index + 10}}}"
    for index, name in enumerate(NAMES)
]
RANGES = "network: {nodes: 10.241.0.0/24, pods: 10.201.0.0/16, services: 10.31.0.0/24}"
SPEC = "\n".join(["name: hosts", "machines:", *ROWS_OF, RANGES])
PASSWORD = "only for tests"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "sudo", "procps",
            "libpam-systemd")  # fmt: skip
REPOSITORY = "srv/packages"
USERS = {"ops": "ops ALL=(ALL:ALL) NOPASSWD: ALL\n", "sue": "sue ALL=(ALL:ALL) ALL\n"}


def run(*argv: str, stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def base() -> Path:
    """Build the base root unless this host has it."""
    made_of = repr([PACKAGES, USERS, PASSWORD, ROWS, rootfs.FILES, rootfs.MASKED, rootfs.suite()])
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    done = components.cache_folder() / "base" / f"hosts-{digest}"
    if not done.exists():
        building = done.with_suffix(".building")
        shutil.rmtree(building, ignore_errors=True)
        _build(building)
        building.rename(done)
    return done


def _build(root: Path) -> None:
    run("mmdebstrap", "--mode=root", "--variant=minbase", "--quiet",
        "--include=" + ",".join(PACKAGES), rootfs.suite(), str(root))  # fmt: skip
    cgroups = "etc/systemd/system/hardway-cgroups.service"
    (root / cgroups).write_text(rootfs.FILES[cgroups])
    run("systemctl", f"--root={root}", "--quiet", "enable", Path(cgroups).name)
    run("systemctl", f"--root={root}", "--quiet", "mask", *rootfs.MASKED)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    for name, rule in USERS.items():
        run("useradd", "--root", str(root), "--create-home", "--shell", "/bin/bash", name)
        (root / "etc/sudoers.d" / name).write_text(rule)
    run("chpasswd", "--root", str(root), stdin=f"sue:{PASSWORD}\n")
    _packages(root)


def _packages(root: Path) -> None:
    """Put what a cluster installs where apt within the root finds it, and nothing else."""
    folder = root / REPOSITORY
    (folder / "partial").mkdir(parents=True)
    wanted = sorted({row.name for row in ROWS})
    run("apt-get", "--quiet=2", "--yes", "--download-only", "--no-install-recommends",
        "-o", f"Dir::State::status={root}/var/lib/dpkg/status",
        "-o", f"Dir::Cache::archives={folder}", "-o", "APT::Sandbox::User=root",
        "-o", "Debug::NoLocking=1", "install", *wanted)  # fmt: skip
    index(root)


def index(root: Path) -> None:
    """Let apt within a root find the packages in its folder, and no others."""
    folder = root / REPOSITORY
    rows = []
    for deb in sorted(folder.glob("*.deb")):
        content = deb.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        where = f"Filename: ./{deb.name}\nSize: {len(content)}\nSHA256: {digest}\n"
        rows.append(run("dpkg-deb", "--field", str(deb)) + where)
    (folder / "Packages").write_text("\n".join(rows))
    for old in ("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/auth.conf.d"):
        path = root / old
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:/{REPOSITORY} ./\n")
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)


@dataclass(frozen=True)
class Hosts:
    """The machines, and what an operator has to reach them."""

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
        return run("ip", "netns", "exec", names.netns("hosts", "gate"), "ssh", "-i", str(self.key),
                   "-o", f"UserKnownHostsFile={self.known_hosts}", f"root@{self.address(name)}",
                   "sh", "-s", stdin=script)  # fmt: skip

    async def make(self) -> None:
        """Make them and wait until they answer."""
        root = base()
        names.folder("hosts").mkdir(parents=True, exist_ok=True)
        register(self.cluster, self.folder)
        identity.ensure(self.folder, self.cluster)
        kernel.load_modules()
        kernel.raise_limits()
        await network.ensure_bridge(self.cluster)

        async def boot(machine: Machine) -> None:
            disk.prepare(self.cluster, machine, self.folder, root)
            upper = names.folder("hosts", machine.name) / "upper"
            for uid, user in enumerate(USERS, start=1000):
                home = upper / "home" / user / ".ssh"
                home.mkdir(mode=0o700, parents=True, exist_ok=True)
                (home / "authorized_keys").write_bytes(identity.operator_key(self.folder))
                for path in (home.parent, home, home / "authorized_keys"):
                    shutil.chown(path, uid, uid)
            await nspawn.start(self.cluster, machine, None)
            assert await poll_until(lambda: _banner(str(machine.address)), bool, deadline_s=60), (
                machine.name
            )

        await asyncio.gather(*(boot(m) for m in self.cluster.machines))

    def hide(self, *hidden: str) -> None:
        """Let machines' answers to this host be lost, so that only the gate reaches them."""
        for name in hidden:
            self.on(name, "ip route replace blackhole 10.241.0.1")

    def show(self, *hidden: str) -> None:
        """Undo that."""
        for name in hidden:
            self.on(name, "ip route delete blackhole 10.241.0.1")

    def everything(self, name: str) -> dict[str, list[str]]:
        """Return all of a machine that a cluster could leave something in."""
        return by_kind(self.on(name, LISTING))


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
       -o -path /var/lib/apt/lists -o -path /var/lib/systemd -o -path /root/.ssh \) -prune -o \
    \( -type d -o -type l -o -type p -o -type s \) -printf 'file\t%y %m %u:%g %l %p\n' -o \
    -type f -printf 'file\t%y %m %u:%g %s %p\n' | sort
find /etc -xdev -type f ! -name ld.so.cache ! -name '*-' -exec sha256sum {} + | sed 's/^/etc\t/' |
    sort -k 2
sed 's/^/user\t/' /etc/passwd /etc/group
sysctl --all 2>/dev/null | grep -E '^(net\.ipv4\.(ip_|conf)|net\.bridge|vm\.|kernel\.panic)' |
    grep -v -E '\.(default|all)\.|neigh|nr_|stat' | sed 's/^/sysctl\t/'
cut -d' ' -f2,3 /proc/self/mounts | grep -v '^/run/user/' | sort | sed 's/^/mount\t/'
ip -brief link | cut -d' ' -f1 | sed 's/^/link\t/'
ip -4 route | sed 's/^/route\t/'
ip -4 -brief address | sed 's/^/address\t/'
command -v nft >/dev/null && nft --stateless list ruleset | sed 's/^/rule\t/'
dpkg-query --show --showformat='package\t${db:Status-Abbrev}${Package}\n'
systemctl list-unit-files --no-legend --plain | awk '$2 != "transient" {print "unit\t" $1 " " $2}'
systemctl list-units --failed --no-legend --plain | awk '{print "failed\t" $1}'
ls /proc | grep -E '^[0-9]+$' | while read -r pid; do
    readlink "/proc/$pid/exe" | grep -v -E 'sshd|sudo|bin/(dash|bash|sed|grep|ls|readlink|sort)'
done | sort -u | sed 's/^/process\t/'
exit 0
"""


def hosts(folder: Path) -> Hosts:
    """Return the hosts of a folder; nothing is made yet."""
    return Hosts(resolve(parse(SPEC, "hosts"), "1.37.2"), folder)


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
{RANGES}
machines:
{rows}"""


def main(verb: str, folder: str) -> None:
    """Make the hosts or remove them: in a process of its own, which they outlive."""
    if verb == "make":
        asyncio.run(hosts(Path(folder)).make())
    else:
        asyncio.run(cleanup.destroy("hosts", lambda _machine, _text: None))


if __name__ == "__main__":
    main(*sys.argv[1:])
