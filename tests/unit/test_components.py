"""Components: the cache, folders of the user's, downloads from servers that misbehave, images."""

import asyncio
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import upstream as behaviour
from tests.fakes.cli import ROOT
from tests.fakes.upstream import Upstream

from hardway.components import cache, fetch, gobuild, images, lock, sources, table
from hardway.components.lock import Lock
from hardway.errors import ComponentError

ETCD = replace(table.ETCD, packages={"etcd": "x/etcd", "etcdctl": "x/etcdctl"})
SIGNED = replace(table.KUBERNETES["1.37"], packages={"kubectl": "k8s.io/kubernetes/cmd/kubectl"})
HERE = table.architecture()
KUBECTL = replace(SIGNED, release=replace(SIGNED.release, signer=None))


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    with behaviour.running() as server:
        monkeypatch.setenv("HARDWAY_MIRROR", server.url)
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setattr(fetch, "WAITS_S", (0.0,))
        yield server


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for the Go toolchain; notes what was built."""
    built = []

    def build(_: gobuild.Go, component: table.Component, _arch: str, folder: Path) -> dict:
        built.append(component.name)
        files = {name: folder / f".{name}" for name in component.packages}
        for name, path in files.items():
            path.write_bytes(f"built {name}".encode())
        return files

    monkeypatch.setattr(gobuild, "build", build)
    monkeypatch.setattr(
        gobuild, "toolchain", lambda *given: gobuild.Go("go", "go1.99.1", *given[1:])
    )
    return built


def get(
    component: table.Component,
    folder: Path,
    said: list[str] | None = None,
    lock: Lock | None = None,
    more: Sequence[table.Component] = (),
) -> dict[str, bytes]:
    def progress(_: str, text: str) -> None:
        (said if said is not None else []).append(text)

    wanted, here = [component, *more], table.architecture()
    stored = asyncio.run(sources.ensure(wanted, here, progress=progress, cache=folder, lock=lock))
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
    digest = sha(b"k" * 1000).encode()
    cut = [behaviour.Cut(b"k" * 1000, 100), behaviour.Cut(b"k" * 1000, 0)]
    upstream.answers = {"/kubectl.sha256": digest, "/kubectl": cut}
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
    said: list[str] = []
    get(KUBECTL, tmp_path, said, more=[ETCD])
    assert sum("does not answer" in line for line in said) == 1
    assert sum("did not answer before" in line for line in said) == 1


def test_a_signature_that_upstream_publishes_is_asked_for(
    upstream: Upstream, tmp_path: Path, no_build: list
) -> None:
    upstream.answers = {"/kubectl": b"k", "/kubectl.sha256": sha(b"k").encode()}
    assert get(SIGNED, tmp_path / "one") == {"kubectl": b"built kubectl"}, "unsigned: not taken"
    upstream.answers |= {"/kubectl.sig": b"c2ln", "/kubectl.cert": b"none"}
    with pytest.raises(ComponentError, match="/kubectl: its signature cannot be read"):
        get(SIGNED, tmp_path / "two")


def locked(component: table.Component, folder: Path) -> Lock:
    """Get a component, pin it, and read what was pinned."""
    get(component, folder)
    lock.save(folder / "hardway.lock", cache.cached(folder))
    found = lock.load(folder / "hardway.lock")
    assert found
    return found


def test_a_lock_is_honoured_and_changed_content_is_an_error(
    upstream: Upstream, tmp_path: Path, no_build: list
) -> None:
    upstream.answers = {"/kubectl": b"k", "/kubectl.sha256": sha(b"k").encode()}
    pins = locked(KUBECTL, tmp_path / "first")
    assert [r.url for r in pins.rows] == [
        f"https://dl.k8s.io/release/v1.37.2/bin/linux/{HERE}/kubectl"
    ]
    upstream.answers = {"/kubectl": b"k"}
    assert get(KUBECTL, tmp_path / "same", lock=pins) == {"kubectl": b"k"}
    upstream.answers = {"/kubectl": b"new", "/kubectl.sha256": sha(b"new").encode()}
    with pytest.raises(ComponentError) as caught:
        get(KUBECTL, tmp_path / "changed", lock=pins)
    for part in ("/kubectl is not the file that hardway.lock pins", sha(b"k"), sha(b"new")):
        assert part in str(caught.value)
    assert "hardway lock --update" in caught.value.hint
    upstream.answers = {}
    with pytest.raises(ComponentError, match=r"pinned to a download .* 404"):
        get(KUBECTL, tmp_path / "gone", lock=pins)
    assert not no_build, "a build would give other bytes"


def test_what_the_lock_does_not_pin_is_not_taken_from_the_cache(
    upstream: Upstream, tmp_path: Path, no_build: list
) -> None:
    pins = locked(KUBECTL, tmp_path / "built")
    upstream.answers = {"/kubectl": b"k", "/kubectl.sha256": sha(b"k").encode()}
    assert get(KUBECTL, tmp_path / "mine") == {"kubectl": b"k"}
    assert get(KUBECTL, tmp_path / "mine", lock=pins) == {"kubectl": b"built kubectl"}
    asked = len(upstream.asked)
    assert get(KUBECTL, tmp_path / "mine", lock=pins) == {"kubectl": b"built kubectl"}
    assert len(upstream.asked) == asked


def test_a_build_is_pinned_with_its_toolchain(
    upstream: Upstream, tmp_path: Path, no_build: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = locked(KUBECTL, tmp_path / "first")
    assert [r.toolchain for r in pins.rows] == ["go1.99.1"]
    other = [replace(r, sha256="1" * 64) for r in pins.rows]
    with pytest.raises(
        ComponentError, match=f"kubectl is not the one that hardway.lock pins\n.*{'1' * 64}"
    ):
        get(KUBECTL, tmp_path / "second", lock=Lock("hardway.lock", tuple(other)))
    assert not cache.cached(tmp_path / "second")
    monkeypatch.setattr(gobuild, "toolchain", lambda *g: gobuild.Go("/go", "go1.99.2", *g[1:]))
    with pytest.raises(ComponentError, match=r"by go1\.99\.1; found go1\.99\.2 \(/go\)"):
        get(KUBECTL, tmp_path / "third", lock=pins)


def test_a_lock_without_the_component_says_what_it_has(
    upstream: Upstream, tmp_path: Path, no_build: list
) -> None:
    pins = locked(KUBECTL, tmp_path)
    with pytest.raises(ComponentError, match=rf"has no etcd .* for {HERE}\n  it has kubernetes"):
        get(ETCD, tmp_path, lock=pins)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 9, "files": []}', '{"format": 1, "files": [{}]}',
     '{"format": 1, "files": [{"sha256": "../../x", "file": "x"}]}'],
)  # fmt: skip
def test_a_lock_that_is_none_names_its_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hardway.lock"
    file.write_text(text)
    with pytest.raises(ComponentError, match=r"hardway\.lock is not a lock"):
        lock.load(file)


def test_a_folder_of_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_build: list, upstream: Upstream
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "kubectl").write_bytes(b"mine")
    monkeypatch.setenv("HARDWAY_COMPONENTS_DIR", str(given))
    (given / "kubectl.sha256").write_text(sha(b"other"))
    with pytest.raises(ComponentError, match=r"is not the file that kubectl\.sha256 describes"):
        get(KUBECTL, tmp_path / "cache")
    (given / "kubectl.sha256").write_text(sha(b"mine"))
    assert get(KUBECTL, tmp_path / "cache") == {"kubectl": b"mine"}
    assert not upstream.asked


def test_a_binary_of_another_architecture_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_build: list
) -> None:
    given, cached = tmp_path / "given", tmp_path / "cache"
    given.mkdir()
    monkeypatch.setenv("HARDWAY_COMPONENTS_DIR", str(given))
    numbers = {number: name for number, name in sources.ELF_MACHINES.items() if name != HERE}
    for number, machine in {**numbers, 243: "machine type 243"}.items():
        (given / "kubectl").write_bytes(b"\x7fELF" + bytes(14) + number.to_bytes(2, "little"))
        with pytest.raises(ComponentError, match=rf"kubectl of kubernetes .* is for {machine}"):
            get(KUBECTL, cached)
    assert not cache.cached(cached)


def test_what_is_not_whole_is_not_in_the_cache(
    tmp_path: Path, no_build: list, upstream: Upstream
) -> None:
    get(KUBECTL, tmp_path)
    (row,) = cache.cached(tmp_path)
    row.path.write_bytes(b"cut")
    with pytest.raises(ComponentError, match=r"the cache .* has no kubernetes"):
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


def test_layers_of_two_images_have_two_names(tmp_path: Path) -> None:
    layers = []
    for content in (b"\x7fELF one", b"\x7fELF two"):
        binary, archive = tmp_path / "pause", tmp_path / "pause.tar"
        binary.write_bytes(content)
        images.write(binary, "pause", "localhost/x:1", archive, "amd64")
        with tarfile.open(archive) as tar:
            layers += json.load(tar.extractfile("manifest.json"))[0]["Layers"]
    # containerd goes on under a name with what an import that was killed had written.
    assert len(set(layers)) == 2


def test_who_waits_for_another_process_says_so_and_can_be_stopped(tmp_path: Path) -> None:
    stop, told = threading.Event(), []

    def tell() -> None:
        told.append("waiting")
        stop.set()

    with cache.exclusive(tmp_path / "lock", stop, tell):
        assert told == []
        with pytest.raises(fetch.StoppedError), cache.exclusive(tmp_path / "lock", stop, tell):
            pytest.fail("two have it")
        assert told == ["waiting"]


def test_the_builds_of_one_process_wait_for_no_other(
    tmp_path: Path, no_build: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build, said = gobuild.build, []
    monkeypatch.setattr(gobuild, "build", lambda *given: time.sleep(0.3) or build(*given))
    get(table.TOOLS, tmp_path, said, more=[table.NODE_TOOLS])
    assert sorted(no_build) == ["hardway-node-tools", "hardway-tools"]
    assert [words for words in said if "waiting" in words] == []


KILLED_AT_WORK = """
import os, sys
from pathlib import Path
from hardway.components import cache
with cache.workplace(Path(sys.argv[1])) as folder:
    (folder / "big").touch()
    print(folder, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_process_was_at_work_on_is_removed(tmp_path: Path) -> None:
    with cache.workplace(tmp_path) as of_one_that_runs:
        process = subprocess.run(
            [sys.executable, "-c", KILLED_AT_WORK, str(tmp_path)],
            env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        left = Path(process.stdout.strip())
        assert (left / "big").exists(), process.stderr
        with cache.workplace(tmp_path) as new:
            assert set(tmp_path.iterdir()) == {of_one_that_runs, new}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("asked", ["1.37", "v1.37", "1.37.2", "1.36", "1.35.4"])
def test_versions(asked: str) -> None:
    version = table.resolve_version(asked)
    for component in table.for_kubernetes(version):
        sums = gobuild.MODULES / component.modules / "go.sum"
        assert not component.module_sum or component.module_sum in sums.read_text()


def test_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(ComponentError) as caught:
        table.resolve_version("1.12")
    assert "1.37.2" in caught.value.hint
