"""The base root that all local machines share: Debian with systemd and sshd, built once, cached."""

import asyncio
import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from hardway.errors import CommandError, ProviderError
from hardway.files import AGAIN_S, try_lock
from hardway.host import run
from hardway.providers import apt
from hardway.steps.packages import ROWS
from hardway.text import text

PACKAGES = ("apt", "systemd", "systemd-sysv", "dbus", "openssh-server", "less",
            *sorted(row.name for row in ROWS))  # fmt: skip
"""What makes it a machine one can log in to, and what the steps would install otherwise."""

HOSTS = """127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
"""

SSHD = """# Keys only; hardway's is the one in /root/.ssh/authorized_keys.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
# No other key than the one hardway made for this machine and knows.
HostKey /etc/ssh/ssh_host_ed25519_key
"""

JOURNALD = """# Kept over a restart, since that is when one wants to read it.
[Journal]
Storage=persistent
SystemMaxUse=256M
# The host's kernel log belongs to the host.
ReadKMsg=no
"""

CGROUPS = """[Unit]
Description=Let containers have cgroups of their own (hosts with cgroup v1)
# systemd-nspawn mounts the v1 controllers read-only; on cgroup v2 it delegates them.
ConditionPathExists=/sys/fs/cgroup/memory
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
# `bind` matters: without it the memory controller answers `mount point is busy`.
ExecStart=/bin/sh -c 'for c in /sys/fs/cgroup/*/; do mount -o remount,bind,rw "$c"; done'

[Install]
WantedBy=sysinit.target
"""

FILES = {
    "etc/hosts": HOSTS,
    "etc/ssh/sshd_config.d/hardway.conf": SSHD,
    "etc/systemd/journald.conf.d/hardway.conf": JOURNALD,
    "etc/systemd/system/hardway-cgroups.service": CGROUPS,
}
ENABLED = ("ssh.service", "hardway-cgroups.service")
DISABLED = ("haproxy.service", "keepalived.service", "nftables.service", "apt-daily.timer",
            "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
            "fstrim.timer", "getty@.service", "console-getty.service", "ssh.socket")  # fmt: skip
MASKED = ("modprobe@configfs.service", "modprobe@dm_mod.service", "modprobe@drm.service",
          "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@loop.service",
          "e2scrub_reap.service", "systemd-pstore.service", "systemd-firstboot.service",
          "systemd-machine-id-commit.service", "getty.target", "systemd-binfmt.service",
          "ldconfig.service", "systemd-hwdb-update.service")  # fmt: skip
"""Of use on hardware, or done already in the base root; each would cost every boot some time."""


def base_name(suite: str) -> str:
    """Return a suite and a digest of all that decides the base root's content."""
    content = json.dumps([PACKAGES, FILES, ENABLED, DISABLED, MASKED, suite])
    return f"{suite}-{sha256(content.encode()).hexdigest()[:12]}"


def base_root(cache: Path) -> Path:
    """Return where the base root lies once it is built, or one that a bundle brought.

    What a bundle brings may be of another suite than this host's.
    """
    own = cache / "base" / base_name(apt.suite())
    there = (root for root in sorted(cache.glob("base/*-*")) if root.is_dir())
    brought = [root for root in there if root.name == base_name(root.name.rpartition("-")[0])]
    return own if own.exists() or not brought else brought[0]


async def ensure_base(cache: Path, progress: Callable[[str], None]) -> Path:
    """Build the base root unless it is cached; safe against a second process and being killed.

    Raises:
        ProviderError: mmdebstrap failed.
    """
    done = base_root(cache)
    if done.exists():
        return done
    done.parent.mkdir(parents=True, exist_ok=True)
    with (done.parent / f"{done.name}.lock").open("w") as lock:
        if not try_lock(lock):
            progress(text("waiting for another hardway that builds the machines' base root"))
        while not try_lock(lock):  # noqa: ASYNC110 - another process gives it back
            await asyncio.sleep(AGAIN_S)
        if done.exists():
            return done
        building = done.parent / f"{done.name}.building"
        shutil.rmtree(building, ignore_errors=True)
        progress(text(
            "building the machines' base root ({suite}, {count} packages, 40 s)",
            suite=apt.suite(), count=len(PACKAGES),
        ))  # fmt: skip
        try:
            await _build(building)
        except CommandError as error:
            raise ProviderError(
                text("the machines' base root could not be built\n{error}", error=error.message),
                hint="see whether `apt-get update` works on this host: hardway uses its package "
                "sources",
            ) from error
        building.rename(done)
    return done


async def _build(root: Path) -> None:
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet"]
    command += ["--include=" + ",".join(PACKAGES), "--dpkgopt=path-exclude=/usr/share/doc/*"]
    # By itself mmdebstrap takes Debian's sources, whatever the host's are.
    sources = await asyncio.to_thread(apt.sources, apt.suite())
    await run([*command, apt.suite(), str(root), "-"], stdin=sources.encode(), timeout_s=1200)
    for path, content in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    (root / "etc/hostname").unlink(missing_ok=True)
    for name in ("opt/hardway/store", *(f"var/lib/{d}" for d in ("containerd", "kubelet", "etcd"))):
        (root / name).mkdir(parents=True, exist_ok=True)
    await run(["systemctl", f"--root={root}", "--quiet", "disable", *DISABLED])
    await run(["systemctl", f"--root={root}", "--quiet", "enable", *ENABLED])
    await run(["systemctl", f"--root={root}", "--quiet", "mask", *MASKED])
    for name in ("etc/.updated", "var/.updated"):
        # ConditionNeedsUpdate=: /usr is no newer than what was made of it (systemd-update-done(8)).
        (root / name).touch()
