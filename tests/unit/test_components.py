"""Components: the cache, folders of the user's, downloads from servers that misbehave, images."""

import asyncio
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardway.components import cache, download, gobuild, images, sources, table
from hardway.errors import ComponentError

ETCD = replace(table.ETCD, packages={"etcd": "x/etcd", "etcdctl": "x/etcdctl"})
KUBECTL = replace(table.KUBERNETES["1.37"], packages={"kubectl": "k8s.io/kubernetes/cmd/kubectl"})


class Upstream(http.server.ThreadingHTTPServer):
    """Release downloads on loopback; `answers` by the end of the path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, bytes | int] = {}
        self.cut_at: int | None = None
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        found = [a for end, a in self.server.answers.items() if self.path.endswith(end)]
        answer = found[0] if found else 404
        if isinstance(answer, int):
            self.send_error(answer)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer[: self.server.cut_at])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    with Upstream() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("HARDWAY_MIRROR", server.url)
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setattr(download, "_unreachable", set())
        monkeypatch.setattr(download, "CONNECT_S", 1.0)
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for the Go toolchain; notes what was built."""
    built = []

    def build(component: table.Component, _arch: str, folder: Path, *_: object) -> dict[str, Path]:
        built.append(component.name)
        files = {name: folder / f".{name}" for name in component.packages}
        for name, path in files.items():
            path.write_bytes(f"built {name}".encode())
        return files

    monkeypatch.setattr("hardway.components.sources.build", build)
    return built


def get(
    component: table.Component, folder: Path, said: list[str] | None = None
) -> dict[str, bytes]:
    def progress(_: str, text: str) -> None:
        (said if said is not None else []).append(text)

    stored = asyncio.run(
        sources.ensure([component], table.architecture(), progress=progress, cache=folder)
    )
    return {name: row.path.read_bytes() for name, row in stored.items()}


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_a_download_with_its_checksum(upstream: Upstream, tmp_path: Path, no_build: list) -> None:
    upstream.answers = {"/kubectl": b"k", "/kubectl.sha256": sha(b"k").encode()}
    assert get(KUBECTL, tmp_path) == {"kubectl": b"k"}
    upstream.answers = {}
    assert get(KUBECTL, tmp_path) == {"kubectl": b"k"}, "the second time from the cache"
    assert not no_build


def test_an_archive_with_a_list_of_checksums(
    upstream: Upstream, tmp_path: Path, no_build: list
) -> None:
    machine = table.architecture()
    name = f"etcd-v{ETCD.version}-linux-{machine}"
    archive = tar({f"{name}/etcd": b"e", f"{name}/etcdctl": b"c"})
    sums = f"{'0' * 64}  other.tar.gz\n{sha(archive)}  {name}.tar.gz\n"
    upstream.answers = {".tar.gz": archive, "SHA256SUMS": sums.encode()}
    assert get(ETCD, tmp_path) == {"etcd": b"e", "etcdctl": b"c"}
    assert sum(path.endswith(".tar.gz") for path in upstream.asked) == 1


def test_other_bytes_than_published_are_an_error_and_leave_nothing(
    upstream: Upstream, tmp_path: Path, no_build: list
) -> None:
    upstream.answers = {"/kubectl": b"evil", "/kubectl.sha256": sha(b"good").encode()}
    with pytest.raises(ComponentError) as caught:
        get(KUBECTL, tmp_path)
    for part in ("/kubectl", sha(b"evil"), sha(b"good")):
        assert part in str(caught.value)
    assert not no_build
    assert not cache.cached(tmp_path)
    assert not list(tmp_path.glob(".new-*"))


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_refused_download_is_built_instead(
    upstream: Upstream, tmp_path: Path, no_build: list, status: int
) -> None:
    upstream.answers = {"/kubectl": status, "/kubectl.sha256": status}
    said: list[str] = []
    assert get(KUBECTL, tmp_path, said) == {"kubectl": b"built kubectl"}
    assert no_build == ["kubernetes"]
    assert any(str(status) in line for line in said)


def test_a_download_that_ends_early_is_built_instead(
    upstream: Upstream, tmp_path: Path, no_build: list
) -> None:
    upstream.answers = {"/kubectl.sha256": sha(b"k" * 1000).encode(), "/kubectl": b"k" * 1000}
    upstream.cut_at = 100
    assert get(KUBECTL, tmp_path) == {"kubectl": b"built kubectl"}


def test_a_damaged_archive_is_built_instead(
    upstream: Upstream, tmp_path: Path, no_build: list
) -> None:
    name = f"etcd-v{ETCD.version}-linux-{table.architecture()}"
    damaged = tar({"something-else": b"x"})
    upstream.answers = {".gz": damaged, "SHA256SUMS": f"{sha(damaged)}  {name}.tar.gz\n".encode()}
    assert get(ETCD, tmp_path) == {"etcd": b"built etcd", "etcdctl": b"built etcdctl"}


def test_a_host_that_is_not_there_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_build: list
) -> None:
    monkeypatch.setenv("HARDWAY_MIRROR", "http://127.0.0.1:1")
    monkeypatch.setattr(download, "_unreachable", set())
    said: list[str] = []
    get(KUBECTL, tmp_path, said)
    get(ETCD, tmp_path, said)
    assert sum("does not answer" in line for line in said) == 1
    assert sum("did not answer before" in line for line in said) == 1


def test_a_folder_of_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_build: list, upstream: Upstream
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "kubectl").write_bytes(b"mine")
    monkeypatch.setenv("HARDWAY_COMPONENTS_DIR", str(given))
    (given / "kubectl.sha256").write_text(sha(b"other"))
    with pytest.raises(ComponentError, match=r"is not what kubectl\.sha256 says"):
        get(KUBECTL, tmp_path / "cache")
    (given / "kubectl.sha256").write_text(sha(b"mine"))
    assert get(KUBECTL, tmp_path / "cache") == {"kubectl": b"mine"}
    assert not upstream.asked


def test_what_is_not_whole_is_not_in_the_cache(
    tmp_path: Path, no_build: list, upstream: Upstream
) -> None:
    get(KUBECTL, tmp_path)
    (row,) = cache.cached(tmp_path)
    row.path.write_bytes(b"cut")
    with pytest.raises(ComponentError, match="not in the cache"):
        cache.lookup([KUBECTL], table.architecture(), cache=tmp_path)
    assert get(KUBECTL, tmp_path) == {"kubectl": b"built kubectl"}
    assert no_build == ["kubernetes", "kubernetes"]


def test_two_at_once_get_it_once(tmp_path: Path, no_build: list, upstream: Upstream) -> None:
    async def both() -> None:
        def progress(*_: str) -> None: ...

        once = (
            sources.ensure([KUBECTL], table.architecture(), progress=progress, cache=tmp_path)
            for _ in range(2)
        )
        await asyncio.gather(*once)

    asyncio.run(both())
    assert no_build == ["kubernetes"]


def test_images_are_the_same_each_time_and_what_docker_save_writes(tmp_path: Path) -> None:
    binary = tmp_path / "pause"
    binary.write_bytes(b"\x7fELF")
    for name in ("a.tar", "b.tar"):
        images.write(binary, "pause", "localhost/x:1", tmp_path / name, "amd64")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as archive:
        (manifest,) = json.load(archive.extractfile("manifest.json"))
        config = json.load(archive.extractfile(manifest["Config"]))
        layer = archive.extractfile(manifest["Layers"][0]).read()
    assert manifest["RepoTags"] == ["localhost/x:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{sha(layer)}"]


@pytest.mark.parametrize("asked", ["1.37", "v1.37", "1.37.2", "1.36", "1.35.4"])
def test_versions(asked: str) -> None:
    version = table.resolve_version(asked)
    for component in table.for_kubernetes(version):
        sums = gobuild.MODULES / f"{component.name}-{component.version}" / "go.sum"
        assert not component.module_sum or component.module_sum in sums.read_text()


def test_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(ComponentError) as caught:
        table.resolve_version("1.12")
    assert "1.37.2" in caught.value.hint
