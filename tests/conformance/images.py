"""The suite's images, made here under the names it expects (docs/conformance.md)."""

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hardway.components import cache_folder, table
from hardway.components.stored import digest_of

REGISTRY = "registry.k8s.io"
E2E = f"{REGISTRY}/e2e-test-images"
PACKAGES = ("bind9-dnsutils", "curl", "iproute2", "iputils-ping", "netcat-openbsd", "util-linux",
            "iptables", "procps", "nginx-light", "busybox-static", "bash-static",
            "ca-certificates")  # fmt: skip
USER, GROUP = 1000, 50000
NGINX = """daemon off;
user www-data;
error_log /dev/stderr;
events {}
http {
    include mime.types;
    access_log /dev/stdout;
    server {
        listen 80;
        root /usr/share/nginx/html;
    }
}
"""


@dataclass(frozen=True)
class Image:
    """An image: what it is called, its layers (tar files, lowest first) and its configuration."""

    references: tuple[str, ...]
    layers: tuple[Path, ...]
    config: dict[str, object] = field(default_factory=dict)


def debian() -> Path:
    """Return a tar of a Debian root with the tools the suite calls, made once."""
    key = hashlib.sha256(repr(PACKAGES).encode()).hexdigest()[:12]
    done = cache_folder() / "conformance" / f"debian-{key}.tar"
    if not done.exists():
        print("making the images' Debian root", flush=True)
        done.parent.mkdir(parents=True, exist_ok=True)
        new = done.with_name(f".{done.stem}.new.tar")
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{d}/*" for d in ("doc", "man", "locale")]
        argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", *excluded,
                f"--include={','.join(PACKAGES)}", "bookworm", str(new)]  # fmt: skip
        subprocess.run(argv, check=True)
        new.rename(done)
    return done


def layer(path: Path, files: dict[str, tuple[bytes, int]], links: dict[str, str]) -> Path:
    """Write a layer with files (content, mode) and symbolic links."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, (content, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.mode, member.size = mode, len(content)
            if name.endswith("/"):
                member.type, member.size = tarfile.DIRTYPE, 0
            tar.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return path


def save(images: list[Image], archive: Path) -> None:
    """Write images as `docker save` does, layers they share once."""
    manifest, configs, layers = [], {}, {}
    for image in images:
        digests = []
        for path in image.layers:
            if path not in layers:
                layers[path] = digest_of(path)
            digests.append(layers[path])
        config = json.dumps({
            "architecture": table.architecture(), "os": "linux", "config": image.config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{d}" for d in digests]},
        }).encode()  # fmt: skip
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        configs[name] = config
        manifest.append({"Config": name, "RepoTags": list(image.references),
                         "Layers": [f"{d}/layer.tar" for d in digests]})  # fmt: skip
    with tarfile.open(archive, "w") as tar:
        for name, content in {"manifest.json": json.dumps(manifest).encode(), **configs}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for path, digest in layers.items():
            tar.add(path, f"{digest}/layer.tar")


def build(work: Path, binaries: Mapping[str, Path], sources: Path) -> Path:
    """Make all images from binaries and upstream's folder of image sources; return the archive."""
    root = debian()

    def content(name: str) -> bytes:
        return binaries[name].read_bytes()

    with tarfile.open(root) as tar:

        def text(name: str) -> str:
            found = tar.extractfile(f"./{name}")
            assert found is not None
            return found.read().decode()

        passwd = text("etc/passwd") + f"user-defined-in-image:x:{USER}:{USER}::/:/bin/sh\n"
        group = text("etc/group") + f"user-defined-in-image:x:{USER}:\n"
        group += f"group-defined-in-image:x:{GROUP}:user-defined-in-image\n"
        shells = {}
        for name in ("busybox", "bash-static"):
            found = tar.extractfile(f"./usr/bin/{name}")
            assert found is not None
            shells[name] = found.read()
    own = layer(work / "agnhost.tar", {
        "agnhost": (content("agnhost"), 0o755),
        "coredns": (binary_of(binaries["coredns.tar"], "coredns"), 0o755),
        "localhost.crt": ((sources / "agnhost/porter/localhost.crt").read_bytes(), 0o644),
        "localhost.key": ((sources / "agnhost/porter/localhost.key").read_bytes(), 0o644),
        "uploads/": (b"", 0o755),
        "etc/passwd": (passwd.encode(), 0o644),
        "etc/group": (group.encode(), 0o644),
    }, {"agnhost-2": "agnhost"})  # fmt: skip
    web = layer(work / "nginx.tar", {"etc/nginx/nginx.conf": (NGINX.encode(), 0o644)}, {})
    (work / "busybox").write_bytes(shells["busybox"])
    (work / "busybox").chmod(0o755)
    listed = subprocess.run(
        [work / "busybox", "--list"], capture_output=True, text=True, check=True
    )
    applets = [a for a in listed.stdout.split() if a not in {"busybox", "sh"}]
    small = layer(work / "busybox.tar", {
        "bin/busybox": (shells["busybox"], 0o755),
        # Debian's ash forgets variables whose names have a dash; a spec prints such a one.
        "bin/sh": (shells["bash-static"], 0o755),
        "etc/passwd": (b"root:x:0:0:root:/root:/bin/sh\n", 0o644),
        "etc/group": (b"root:x:0:\n", 0o644),
        "root/": (b"", 0o700), "tmp/": (b"", 0o1777), "var/run/": (b"", 0o755),
        "usr/bin/": (b"", 0o755),
    }, {f"bin/{a}": "busybox" for a in applets})  # fmt: skip
    pause = binary_of(binaries["pause.tar"], "pause")
    sleeper = layer(work / "pause.tar", {"pause": (pause, 0o755)}, {})
    setuid = layer(work / "nnp.tar", {"usr/local/bin/nnp": (content("nnp"), 0o6755)}, {})
    sample = {"sample-apiserver": (content("sample-apiserver"), 0o755)}
    store = {"usr/local/bin/etcd": (content("etcd"), 0o755)}
    path = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    images = [
        Image((f"{E2E}/agnhost:2.66.1", f"{E2E}/agnhost:2.55"), (root, own),
              {"Entrypoint": ["/agnhost"], "Cmd": ["pause"], "Env": path}),
        Image((f"{E2E}/busybox:1.37.0-2", f"{E2E}/busybox:1.36.1-1"), (small,),
              {"Cmd": ["sh"], "Env": path}),
        Image((f"{E2E}/nginx:1.28.0-2", f"{E2E}/nginx:1.27.0-2"), (root, web),
              {"Cmd": ["nginx"], "Env": path}),
        Image((f"{E2E}/glibc-dns-testing:2.1.1",), (root,), {"Cmd": ["sleep", "inf"], "Env": path}),
        *(
            Image((f"{E2E}/{name}",), (root, own, pictures(work, sources, name)),
                  {"Entrypoint": ["/agnhost"], "Cmd": ["test-webserver"], "Env": path})
            for name in ("nautilus:1.8", "kitten:1.8")
        ),
        Image((f"{E2E}/nonewprivs:1.4",), (root, setuid), {"Cmd": ["nnp"], "Env": path}),
        Image((f"{E2E}/nonroot:1.5",), (root,), {"Cmd": ["sleep", "inf"], "User": "1234"}),
        Image((f"{E2E}/sample-apiserver:1.29.2",), (layer(work / "sample.tar", sample, {}),),
              {"Entrypoint": ["/sample-apiserver"]}),
        Image((f"{REGISTRY}/etcd:3.7.0-0",), (layer(work / "etcd.tar", store, {}),),
              {"Cmd": ["/usr/local/bin/etcd"], "Env": path}),
        Image((f"{REGISTRY}/pause:3.10.2",), (sleeper,), {"Entrypoint": ["/pause"]}),
    ]  # fmt: skip
    archive = work / "images.tar"
    save(images, archive)
    return archive


def pictures(work: Path, sources: Path, image: str) -> Path:
    """Return the layer with what one of the two animals' web servers serves."""
    name = image.partition(":")[0]
    folder = sources / name / "html"
    files = {p.name: (p.read_bytes(), 0o644) for p in sorted(folder.iterdir())}
    # A spec that mounts the image reads there what upstream's is made on.
    files["etc/os-release"] = (b'NAME="Alpine Linux"\n', 0o644)
    return layer(work / f"{name}.tar", files, {})


def binary_of(archive: Path, name: str) -> bytes:
    """Return the one binary in an image that hardway made."""
    with tarfile.open(archive) as outer:
        manifest = outer.extractfile("manifest.json")
        assert manifest is not None
        [layer] = json.load(manifest)[0]["Layers"]
        inner = outer.extractfile(layer)
        assert inner is not None
        with tarfile.open(fileobj=inner) as tar:
            found = tar.extractfile(name)
            assert found is not None
            return found.read()
