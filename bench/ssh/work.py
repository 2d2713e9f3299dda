"""What is to be on each host, for all tools the same: 40 files and 6 units that read 36 of them."""

import io
import shutil
import tarfile
from hashlib import shake_256
from pathlib import Path

from hardway.model.resources import Desired, File
from hardway.model.rows import Setting
from hardway.render.systemd import Service
from hardway.steps.base import services

FILES, UNITS, EACH = 40, 6, 6
"""Of the files, each unit reads six of its own."""
SIZES = (300, 900, 1800, 4000)
"""Bytes, in turn: what certificates, kubeconfigs and configuration files have."""
SECRETS = 5
"""Every fifth file may be read by root alone."""
CHANGED = 7
"""Which file the case `one file changed` is about; a unit reads it."""
NAMES = 39
"""Which file names all hosts, as /etc/hosts does. No unit reads it."""
FOLDER = "/etc/bench"
MTIME = 1_700_000_000


def desired(host: str, serial: int = 0, joined: int = 0) -> Desired:
    """Return what a host gets; another number means another text in one file.

    `serial` counts changes of a file that a unit reads, `joined` hosts that have come.
    """
    numbers = {CHANGED: serial, NAMES: joined}
    files = tuple(_file(host, index, numbers.get(index)) for index in range(FILES))
    return services(tuple(_service(n) for n in range(UNITS)), {f.path: f for f in files},
                    Desired(files=files))  # fmt: skip


def _file(host: str, index: int, number: int | None) -> File:
    lines = [f"# file {index} of {host}"]
    if number is not None:
        lines.append(f"serial = {number}")
    noise = shake_256(f"{host} {index}".encode()).hexdigest(SIZES[index % len(SIZES)] // 2)
    lines += [f"option-{at} = {noise[at : at + 60]}" for at in range(0, len(noise), 60)]
    secret = index % SECRETS == 0
    return File(path=f"{FOLDER}/{index:02}.conf", content="\n".join([*lines, ""]).encode(),
                mode=0o600 if secret else 0o644, secret=secret, why="a file to put")  # fmt: skip


def reads(unit: int) -> tuple[str, ...]:
    """Return the paths of the files a unit reads."""
    return tuple(f"{FOLDER}/{unit * EACH + index:02}.conf" for index in range(EACH))


def unit_name(unit: int) -> str:
    """Return the name of a unit."""
    return f"bench-{unit}.service"


def _service(unit: int) -> Service:
    return Service(name=unit_name(unit), description=f"Service {unit} of the bench",
                   why="a service to run", command="/usr/bin/sleep infinity", reads=reads(unit),
                   service=(Setting("DynamicUser", "no", ""),))  # fmt: skip


def write_tree(host: str, serial: int, to: Path) -> None:
    """Write a host's files below a folder named like it, and all of them as an archive beside it.

    For Ansible and pyinfra, which take files from this machine's disk.
    """
    top, made = to / host, desired(host, serial)
    shutil.rmtree(top, ignore_errors=True)
    with tarfile.open(to / f"{host}.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        for file in made.files:
            path = top / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(file.mode)
            member = tarfile.TarInfo(file.path.lstrip("/"))
            member.mode, member.size, member.mtime = file.mode, len(file.content), MTIME
            member.uname = member.gname = "root"
            tar.addfile(member, io.BytesIO(file.content))
