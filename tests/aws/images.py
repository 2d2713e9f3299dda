"""The machine images AWS offers, in the form moto reads, and SSM's public names for them.

Set before moto is imported: it reads the file then, and its switches for stricter checks.
"""

import atexit
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

CANONICAL, DEBIAN = "099720109477", "136693071363"


@dataclass(frozen=True, slots=True)
class Image:
    """One image."""

    id: str
    owner: str
    name: str
    architecture: str
    created: str
    parameter: str = ""
    """SSM's public parameter that names it; an older one has none."""


def _ubuntu(id_: str, release: str, architecture: str, date: str, newest: bool) -> Image:
    name = f"ubuntu/images/hvm-ssd-gp3/ubuntu-{release}-server-{date}"
    number = release.split("-")[1]
    machine = release.rpartition("-")[2]
    parameter = (
        f"/aws/service/canonical/ubuntu/server/{number}/stable/current/{machine}/hvm/ebs-gp3/ami-id"
    )
    created = f"{date[:4]}-{date[4:6]}-{date[6:]}T08:00:00.000Z"
    return Image(id_, CANONICAL, name, architecture, created, parameter if newest else "")


def _debian(id_: str, release: int, machine: str, architecture: str, date: str) -> Image:
    created = f"{date[:4]}-{date[4:6]}-{date[6:]}T08:00:00.000Z"
    parameter = f"/aws/service/debian/release/{release}/latest/{machine}"
    name = f"debian-{release}-{machine}-{date}-2000"
    return Image(id_, DEBIAN, name, architecture, created, parameter)


IMAGES = (
    _debian("ami-0de00000000000120", 12, "amd64", "x86_64", "20261103"),
    _debian("ami-0de00000000000121", 12, "arm64", "arm64", "20261103"),
    _debian("ami-0de00000000000130", 13, "amd64", "x86_64", "20261110"),
    _debian("ami-0de00000000000131", 13, "arm64", "arm64", "20261110"),
    _ubuntu("ami-0ca00000000022040", "jammy-22.04-amd64", "x86_64", "20261105", newest=True),
    _ubuntu("ami-0ca00000000022041", "jammy-22.04-arm64", "arm64", "20261105", newest=True),
    # Not in the order of their dates: who takes the last of the list takes an old one.
    _ubuntu("ami-0ca00000000024040", "noble-24.04-amd64", "x86_64", "20261112", newest=True),
    _ubuntu("ami-0ca00000000024041", "noble-24.04-arm64", "arm64", "20261112", newest=True),
    _ubuntu("ami-0ca00000000024049", "noble-24.04-amd64", "x86_64", "20260203", newest=False),
    # Somebody else's with a name like Canonical's.
    Image("ami-0bad0000000000000", "666666666666",
          "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261120", "x86_64",
          "2026-11-20T08:00:00.000Z"),
)  # fmt: skip

PARAMETERS = {image.parameter: image.id for image in IMAGES if image.parameter}
SWITCHES = (
    "MOTO_ENABLE_AMI_VALIDATION",
    "MOTO_ENABLE_KEYPAIR_VALIDATION",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION",
)


def _row(image: Image) -> dict[str, object]:
    return {
        "ami_id": image.id,
        "name": image.name,
        "owner_id": image.owner,
        "architecture": image.architecture,
        "creation_date": image.created,
        "description": image.name,
        "state": "available",
        "public": True,
        "image_location": f"{image.owner}/{image.name}",
        "image_type": "machine",
        "root_device_type": "ebs",
        "root_device_name": "/dev/sda1" if image.owner == CANONICAL else "/dev/xvda",
        "sriov": "simple",
        "virtualization_type": "hvm",
        "hypervisor": "xen",
    }


def prepare() -> None:
    """Let moto, imported after this, know these images and no others."""
    if "MOTO_AMIS_PATH" in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="hardway-images-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "images.json"
    file.write_text(json.dumps([_row(image) for image in IMAGES]))
    os.environ["MOTO_AMIS_PATH"] = str(file)
    os.environ.update(dict.fromkeys(SWITCHES, "1"))
