"""Virtual machines' disks: a root with its kernel, made once and cached by what is in it."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.hosts import REPOSITORY, index, sources_of
from tests.vm import kernel

from hardway.components import cache_folder
from hardway.providers.hosts.distributions import BY_SUITE, UBUNTU

SIZE = "24G"
"""Sparse: what is written of it takes room only."""
GIVEN = "/given"
"""Where a machine sees the folder it is given from outside: its host key, who may log in."""
BASE = ("systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "udev", "zstd",
        "procps")  # fmt: skip
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
ENABLED = ("systemd-networkd.service", "systemd-network-generator.service")
"""The second takes `ip=` of the kernel's command line."""
FILES = {
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/machine-id": "",
    "etc/ssh/sshd_config.d/given.conf": SSHD,
    "etc/systemd/system/ssh.service.d/given.conf": f"[Unit]\nRequiresMountsFor={GIVEN}\n",
}
EMULATED = {
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n"
    f"given {GIVEN} 9p trans=virtio,ro,msize=524288,x-systemd.requires={MODULE},"
    f"x-systemd.after={MODULE} 0 0\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/systemd/network/operator.network": NETWORK,
}
OPERATORS_NETWORK = "10.241.8"
"""Of user-mode machines, each with an address on it."""
NOBODY = f"{OPERATORS_NETWORK}.254"
"""Their router and resolver, as most machines have them; what they send there is lost."""
USER_MODE = {
    "etc/fstab": "/dev/ubda / ext4 defaults 0 1\n"
    f"none {GIVEN} hostfs ro 0 0\n"
    "/etc/cpuinfo /proc/cpuinfo none bind 0 0\n",
    # kubelet does not start where it finds no clock speed, and this kernel tells none.
    "etc/cpuinfo": "processor\t: 0\nvendor_id\t: User Mode Linux\ncpu MHz\t\t: 2000.000\n\n",
    "etc/resolv.conf": f"nameserver {NOBODY}\n",
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
    user_mode: bool = False
    """Without a kernel of its own: one that is a program of this host is started on it."""

    @property
    def boots(self) -> tuple[str, ...]:
        """The packages that it boots with."""
        if self.user_mode:
            return ("kmod",)
        of_ubuntu = BY_SUITE[self.suite].archive is UBUNTU
        return ("initramfs-tools", f"linux-image-{'virtual' if of_ubuntu else self.architecture}")

    @property
    def files(self) -> dict[str, str]:
        """What stands in its files, by path."""
        return FILES | (USER_MODE if self.user_mode else EMULATED)

    @property
    def folder(self) -> Path:
        """Where it lies once it is made."""
        text = repr(
            [self, BASE, ENABLED, self.files, SIZE, self.user_mode and kernel.folder().name]
        )
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return cache_folder() / "vm" / f"{self.name}-{digest}"


@dataclass(frozen=True)
class Image:
    """A disk and, beside it, what QEMU starts on it."""

    folder: Path

    @property
    def disk(self) -> Path:
        """The disk, which nobody writes to."""
        return self.folder / "disk.ext4"


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
    return Image(done)


def _make(recipe: Recipe, root: Path, to: Path) -> None:
    packages = [*BASE, *recipe.boots, *recipe.packages]
    _run("mmdebstrap", "--mode=root", "--variant=minbase", "--quiet",
         f"--architectures={recipe.architecture}", f"--include={','.join(packages)}",
         "--dpkgopt=path-exclude=/usr/share/doc/*",
         *([f"--customize-hook={_download(recipe.installable)}"] if recipe.installable else []),
         recipe.suite, str(root), "-",
         stdin=sources_of(recipe.suite, recipe.architecture))  # fmt: skip
    if recipe.installable:
        index(root)
    for path, text in recipe.files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / GIVEN.lstrip("/")).mkdir()
    _run("systemctl", f"--root={root}", "--quiet", "enable", *ENABLED)
    if recipe.user_mode:
        shutil.copytree(kernel.ensure().modules, root / "usr/lib/modules", dirs_exist_ok=True)
    else:
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
