"""Running virtual machines with QEMU, which emulates the processor: no KVM is needed."""

import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.vm.images import Image
from tests.vm.report import FailedError

QUICKER = "quiet mitigations=off no5lvl tsc=reliable"
"""For the kernel: what costs much where a processor is emulated. Without the last it does not trust
the clock of two emulated processors, and every look at the time goes to an emulated device."""
BOOTS_S = 300
"""How long a machine may take until it can be logged in to; 25 s on an idle host."""


@dataclass(frozen=True)
class Kind:
    """How a machine of an architecture is emulated."""

    program: str
    package: str
    board: str
    processor: str
    console: str


KINDS = {
    # Emulated, Go's loops for wide registers take twice as long as those for narrow ones.
    "amd64": Kind(
        "qemu-system-x86_64",
        "qemu-system-x86",
        "q35",
        "max,avx=off,avx2=off,fma=off,f16c=off",
        "ttyS0",
    ),
    # Not `max`: its signed pointers cost a multiple of all else where they are emulated.
    "arm64": Kind("qemu-system-aarch64", "qemu-system-arm", "virt", "neoverse-n1", "ttyAMA0"),
}

TOOLS = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "ssh": "openssh-client"}


@dataclass(frozen=True)
class Wanted:
    """What a machine is to be like."""

    name: str
    architecture: str
    image: Image
    memory_mib: int
    more: tuple[str, ...] = ()
    """More words for QEMU."""


@dataclass(frozen=True)
class Machine:
    """A machine that runs, and how it is reached."""

    folder: Path
    """`given` in it is what the machine sees, and nothing else of it."""
    process: subprocess.Popen[bytes]
    address: str = "127.0.0.1"
    port: int = 22

    @property
    def ssh(self) -> list[str]:
        """The argv of ssh(1) to it, as root, its host key checked."""
        options = {
            "UserKnownHostsFile": str(self.folder / "known_hosts"),
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "30",
            "LogLevel": "ERROR",
        }
        flags = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return ["ssh", "-F", "none", *flags, "-i", str(self.folder / "operator"),
                "-p", str(self.port), f"root@{self.address}"]  # fmt: skip

    def run(self, script: str) -> str:
        """Run a script on it as root and return what it printed.

        Raises:
            FailedError: its status was not 0; with the end of what it printed.
        """
        argv = [*self.ssh, f"sh -c {shlex.quote(script)}"]
        done = subprocess.run(
            argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
            raise FailedError(f"$ {script}\nstatus {done.returncode}\n{said}")
        return done.stdout

    def wait(self) -> None:
        """Wait until one can log in.

        Raises:
            FailedError: it ended, or took too long.
        """
        until = time.monotonic() + BOOTS_S
        while True:
            try:
                self.run("true")
            except FailedError as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    console = (self.folder / "console.log").read_text(errors="replace")
                    raise FailedError(f"{error}\nits console:\n{console[-3000:]}") from error
                time.sleep(1)
            else:
                return


def command(wanted: Wanted, folder: Path, port: int) -> list[str]:
    """Return the argv that runs a machine; what it writes to its disk goes when it ends.

    `restrict=on`: nothing it sends leaves, and only its sshd is reached, from this host.
    """
    kind, image = KINDS[wanted.architecture], wanted.image
    return [
        # Gone with this program, however it ends; and the host stays usable meanwhile.
        "setpriv", "--pdeathsig", "KILL", "--", "nice", "-n", "10",
        kind.program, "-M", kind.board, "-accel", "tcg,thread=multi", "-cpu", kind.processor,
        "-smp", "2", "-m", str(wanted.memory_mib), "-nodefaults", "-display", "none",
        "-serial", f"file:{folder / 'console.log'}", "-device", "virtio-rng-pci",
        "-kernel", str(image.folder / "vmlinuz"), "-initrd", str(image.folder / "initrd.img"),
        "-append",
        f"root=/dev/vda rw console={kind.console} {QUICKER} systemd.hostname={wanted.name}",
        "-drive", f"file={image.disk},format=raw,if=virtio,snapshot=on",
        "-virtfs", f"local,path={folder / 'given'},mount_tag=given,security_model=none,readonly=on",
        "-netdev", f"user,id=operator,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22",
        "-device", "virtio-net-pci,netdev=operator,mac=52:54:00:00:00:01",
        *wanted.more,
    ]  # fmt: skip


@contextmanager
def running(wanted: Wanted, folder: Path) -> Iterator[Machine]:
    """Run a machine meanwhile; it may not answer yet. `folder`/given may have more for it."""
    port = _free_port()
    make_keys(folder, f"[127.0.0.1]:{port}")
    process = subprocess.Popen(
        command(wanted, folder, port), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield Machine(folder, process, port=port)
    finally:
        process.kill()
        process.wait()


def make_keys(folder: Path, where: str) -> None:
    """Make the key of a machine's sshd, which known_hosts has for `where`, and the operator's."""
    given = folder / "given"
    given.mkdir(parents=True, exist_ok=True)
    host, operator = given / "host_key", folder / "operator"
    for path in (host, operator):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
        subprocess.run(argv, check=True)
    (given / "authorized_keys").write_text(operator.with_suffix(".pub").read_text())
    known = " ".join(host.with_suffix(".pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"{where} {known}\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def refusal(architectures: Sequence[str]) -> str:
    """Return what this host lacks for machines of these architectures, and what to do; else ""."""
    return told(
        lacking(TOOLS | {KINDS[name].program: KINDS[name].package for name in architectures})
    )


def lacking(tools: Mapping[str, str]) -> set[str]:
    """Return the packages of those programs that this host lacks; given are packages by program."""
    return {package for tool, package in tools.items() if not shutil.which(tool)}


def told(packages: Collection[str]) -> str:
    """Return what to say of packages that this host lacks; nothing where there are none."""
    words = " ".join(sorted(packages))
    return words and f"error: missing on this host: {words}\n  try: apt-get install {words}"
