"""Container images from static binaries: the same binary gives the same bytes."""

import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path


def write(binary: Path, name: str, reference: str, archive: Path, architecture: str) -> None:
    """Write an image with one binary at `/<name>`, its entrypoint, as a docker-archive.

    The format is that of `docker save` (image-spec v1.2), which `ctr images import` takes. The
    layer is named after its content: containerd goes on with what an import that was killed had
    written under a name, for a day, and two layers of one name would be mixed.
    """
    layer = _tar({name: binary.read_bytes()}, mode=0o755)
    digest = sha256(layer).hexdigest()
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": [f"/{name}"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    written = json.dumps(config, sort_keys=True).encode()
    config_name = f"{sha256(written).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [reference], "Layers": [f"{digest}.tar"]}]
    files = {
        "manifest.json": json.dumps(manifest).encode(),
        config_name: written,
        f"{digest}.tar": layer,
    }
    archive.write_bytes(_tar(files, mode=0o644))


def _tar(files: dict[str, bytes], *, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
