"""The root that all of the hosts share: Debian with systemd, sshd and, for Ansible, Python."""

import shutil
from hashlib import sha256
from pathlib import Path

from hardway.host import run_now

PACKAGES = ("systemd", "systemd-sysv", "dbus", "openssh-server", "python3")
SSHD = """PasswordAuthentication no
PermitRootLogin prohibit-password
UseDNS no
HostKey /etc/ssh/ssh_host_ed25519_key
"""
JOURNALD = """[Journal]
Storage=volatile
RuntimeMaxUse=4M
ReadKMsg=no
"""
FILES = {
    "etc/ssh/sshd_config.d/bench.conf": SSHD,
    "etc/systemd/journald.conf.d/bench.conf": JOURNALD,
}
# Nothing may wake a hundred times in the middle of a measurement.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
          "systemd-tmpfiles-clean.timer", "e2scrub_all.timer", "fstrim.timer", "getty.target",
          "console-getty.service", "systemd-logind.service", "systemd-binfmt.service",
          "systemd-firstboot.service", "systemd-machine-id-commit.service", "ldconfig.service",
          "systemd-pstore.service", "systemd-hwdb-update.service", "e2scrub_reap.service",
          "modprobe@configfs.service", "modprobe@dm_mod.service", "modprobe@drm.service",
          "modprobe@efi_pstore.service", "modprobe@fuse.service",
          "modprobe@loop.service")  # fmt: skip


def ensure(cache: Path) -> Path:
    """Build the root unless it is cached; half a minute."""
    key = sha256(repr((PACKAGES, FILES, MASKED)).encode()).hexdigest()[:12]
    done = cache / "bench" / key
    if done.exists():
        return done
    building = done.with_suffix(".building")
    shutil.rmtree(building, ignore_errors=True)
    building.parent.mkdir(parents=True, exist_ok=True)
    print(f"building the hosts' root: {', '.join(PACKAGES)}", flush=True)
    include = f"--include={','.join(PACKAGES)}"
    run_now(["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", include,
             "--dpkgopt=path-exclude=/usr/share/doc/*", "bookworm", str(building)])  # fmt: skip
    for path, text in FILES.items():
        (building / path).parent.mkdir(parents=True, exist_ok=True)
        (building / path).write_text(text)
    for key_file in (building / "etc/ssh").glob("ssh_host_*"):
        key_file.unlink()
    (building / "etc/machine-id").write_text("")
    (building / "etc/hostname").unlink(missing_ok=True)
    run_now(["systemctl", f"--root={building}", "--quiet", "mask", *MASKED])
    building.rename(done)
    return done
