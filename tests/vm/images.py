"""Virtual machines' disks: a root with its kernel, made once and cached by what is in it."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.hosts import REPOSITORY, index, sources_of

from hardway.components import cache_folder
from hardway.providers.hosts.distributions import BY_SUITE, UBUNTU

SIZE = "24G"
"""Sparse: what is written of it takes room only."""
GIVEN = "/given"
"""Where a machine sees the folder it is given from outside: its host key, who may log in."""
BASE = ("systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "udev", "initramfs-tools",
        "zstd", "procps")  # fmt: skip
NETWORK = """[Match]
MACAddress=52:54:00:00:00:01
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
"""
"""QEMU's own user network; beyond the gateway there is nothing."""
SSHD = f"""HostKey {GIVEN}/host_key
AuthorizedKeysFile {GIVEN}/authorized_keys
PasswordAuthentication no
PermitRootLogin prohibit-password
UseDNS no
"""
MODULE = "modprobe@9pnet_virtio.service"
"""Before it is done its module has the transport already and not yet the device: a mount just then,
as by an emulated processor with other work, fails with `no channels available for device`."""
FILES = {
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n"
    f"given {GIVEN} 9p trans=virtio,ro,msize=524288,x-systemd.requires={MODULE},"
    f"x-systemd.after={MODULE} 0 0\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/machine-id": "",
    "etc/systemd/network/operator.network": NETWORK,
    "etc/ssh/sshd_config.d/given.conf": SSHD,
    "etc/systemd/system/ssh.service.d/given.conf": f"[Unit]\nRequiresMountsFor={GIVEN}\n",
}


@dataclass(frozen=True)
class Recipe:
    """What a disk is made of."""

    name: str
    suite: str
    architecture: str
    packages: tuple[str, ...]
    installable: tuple[str, ...] = ()
    """Packages that apt finds within, with all they depend on, and no others."""

    @property
    def kernel(self) -> str:
        """The package with the kernel."""
        of_ubuntu = BY_SUITE[self.suite].archive is UBUNTU
        return f"linux-image-{'virtual' if of_ubuntu else self.architecture}"

    @property
    def folder(self) -> Path:
        """Where it lies once it is made."""
        text = repr([self, BASE, FILES, SIZE])
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return cache_folder() / "vm" / f"{self.name}-{digest}"


@dataclass(frozen=True)
class Image:
    """A disk, and what QEMU starts on it."""

    disk: Path
    kernel: Path
    initrd: Path


def ensure(recipe: Recipe) -> Image:
    """Return a recipe's image, having made it unless it is cached."""
    done = recipe.folder
    if not done.exists():
        done.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=done.parent, prefix=".new-") as place:
            made = Path(place, "image")
            made.mkdir()
            _make(recipe, Path(place, "root"), made)
            made.rename(done)
    return Image(done / "disk.ext4", done / "vmlinuz", done / "initrd.img")


def _make(recipe: Recipe, root: Path, to: Path) -> None:
    packages = [*BASE, recipe.kernel, *recipe.packages]
    _run("mmdebstrap", "--mode=root", "--variant=minbase", "--quiet",
         f"--architectures={recipe.architecture}", f"--include={','.join(packages)}",
         "--dpkgopt=path-exclude=/usr/share/doc/*",
         *([f"--customize-hook={_download(recipe.installable)}"] if recipe.installable else []),
         recipe.suite, str(root), "-",
         stdin=sources_of(recipe.suite, recipe.architecture))  # fmt: skip
    if recipe.installable:
        index(root)
    for path, text in FILES.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / GIVEN.lstrip("/")).mkdir()
    _run("systemctl", f"--root={root}", "--quiet", "enable", "systemd-networkd.service")
    for name in ("vmlinuz", "initrd.img"):
        (found,) = (root / "boot").glob(f"{name}-*")
        shutil.copyfile(found, to / name)
    _run("mke2fs", "-qF", "-t", "ext4", "-d", str(root), str(to / "disk.ext4"), SIZE)


def _download(names: Sequence[str]) -> str:
    """Return the hook that puts packages into the root's own archive, by apt from outside."""
    return (
        f'mkdir -p "$1/{REPOSITORY}/partial" && '
        'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --quiet=2 --yes --download-only '
        f'--no-install-recommends -o Dir::Cache::archives="$1/{REPOSITORY}" '
        f"-o APT::Sandbox::User=root install {' '.join(names)}"
    )


def _run(*argv: str, stdin: str = "") -> None:
    subprocess.run(argv, check=True, input=stdin, text=True)
