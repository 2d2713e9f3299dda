"""Bundles: the same bytes each time, all of it checked, nothing kept of what is wrong."""

import asyncio
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest
from tests import support

from hardway import bundle, components, isolation, supply
from hardway.bundle import Contents, manifest
from hardway.bundle.pack import Packing
from hardway.components import Lock, Stored
from hardway.components import cache as store
from hardway.components.stored import lying_in
from hardway.errors import ComponentError, PreflightError, RefusedError
from hardway.project import open_project
from hardway.providers.local import rootpack

HERE = components.architecture()


def say_nothing(_: str) -> None: ...


def filled(cache: Path, version: str = "1.37.2") -> list[Stored]:
    """Put small files into a cache as if they were the components."""
    rows = []
    for component in components.for_kubernetes(version):
        for file in component.files:
            content = f"{component.version} {file}".encode()
            digest = sha256(content).hexdigest()
            path = cache / "objects" / digest / file
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
            rows.append(
                Stored(
                    component=component.name, version=component.version, architecture=HERE,
                    file=file, sha256=digest, size_bytes=len(content), source="made", path=path,
                )
            )  # fmt: skip
    store.adopt(rows, cache)
    return rows


def rows_in(cache: Path) -> list[dict[str, object]]:
    return sorted((row.row for row in store.cached(cache)), key=lambda row: str(row["file"]))


def contents(rows: list[Stored]) -> Contents:
    return Contents(
        hardway="0.1.0", kubernetes="1.37.2", provider="local", architectures=(HERE,),
        files=Lock("a.bundle", tuple(rows)), packages={"suite": ("systemd 1",)}, lacking=("x",),
        members=(),
    )  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A bundle with a base root of this host's architecture and one of another."""
    rows = filled(tmp_path / "cache")
    root = tmp_path / "bookworm-0123"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "motd").write_text("hello")
    (root / "etc" / "motd").chmod(0o640)
    tar = tmp_path / rootpack.name(root)
    rootpack.pack(root, tar)
    more = [Packing(f"base/{tar.name}", tar), Packing("base/bookworm-0123-riscv64.tar", tar)]
    file = tmp_path / "a.bundle"
    bundle.pack(file, contents(rows), rows, more, say_nothing)
    return file


def test_what_is_packed_is_unpacked(made: Path, tmp_path: Path) -> None:
    found = bundle.verify(made, say_nothing)
    fresh = tmp_path / "fresh"
    assert bundle.unpack(made, fresh, say_nothing) == found
    assert rows_in(fresh) == rows_in(tmp_path / "cache")
    for row in store.cached(fresh):
        assert sha256(row.path.read_bytes()).hexdigest() == row.sha256
    motd = fresh / "base" / "bookworm-0123" / "etc" / "motd"
    assert (motd.read_text(), motd.stat().st_mode & 0o777) == ("hello", 0o640)
    assert sorted(p.name for p in (fresh / "base").iterdir() if p.is_dir()) == ["bookworm-0123"]
    assert not list(fresh.glob(".new-*"))
    components.lookup(components.for_kubernetes("1.37.2"), HERE, cache=fresh)


def test_the_same_contents_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    bundle.unpack(made, again, say_nothing)
    rows = list(reversed(store.cached(again)))
    tar = tmp_path / "bookworm-0123-again.tar"
    rootpack.pack(again / "base" / "bookworm-0123", tar)
    names = (f"base/bookworm-0123-{HERE}.tar", "base/bookworm-0123-riscv64.tar")
    other = tmp_path / "b" / "a.bundle"
    other.parent.mkdir()
    bundle.pack(other, contents(rows), rows, [Packing(n, tar) for n in names], say_nothing)
    assert other.read_bytes() == made.read_bytes()


def altered(file: Path, change: Callable[[bytes], bytes]) -> None:
    file.write_bytes(change(file.read_bytes()))


def rewritten(file: Path, change: Callable[[list], list]) -> None:
    """Write the tar anew with other members."""
    with tarfile.open(file) as tar:
        members = [(m.name, tar.extractfile(m).read()) for m in tar]
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in change(members):
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))


@pytest.mark.parametrize("left", [0, 100, 5000, -10240, -1])
def test_a_bundle_that_is_cut_off(made: Path, tmp_path: Path, left: int) -> None:
    altered(made, lambda whole: whole[:left])
    for read in (bundle.verify, lambda f, p: bundle.unpack(f, tmp_path / "fresh", p)):
        with pytest.raises(ComponentError, match=r"cut off|is not a bundle"):
            read(made, say_nothing)
    assert not (tmp_path / "fresh").exists()


def test_a_bundle_with_more_at_its_end(made: Path) -> None:
    altered(made, lambda whole: whole + b"x")
    with pytest.raises(ComponentError, match="longer than it should be"):
        bundle.verify(made, say_nothing)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda ms: [*ms[:3], (ms[3][0], b"!" + ms[3][1][1:]), *ms[4:]], "was altered\n.*expected"),
        (lambda ms: [*ms[:3], (ms[3][0].replace("objects", "x"), ms[3][1]), *ms[4:]], "found x/"),
        (lambda ms: [*ms[:-2], ms[-1], ms[-2]], "found base/bookworm-0123-riscv64"),
    ],
)
def test_an_altered_member_is_named_and_not_kept(
    made: Path, tmp_path: Path, change: Callable[[list], list], wrong: str
) -> None:
    rewritten(made, change)
    with pytest.raises(ComponentError, match=wrong):
        bundle.verify(made, say_nothing)
    with pytest.raises(ComponentError, match=wrong):
        bundle.unpack(made, tmp_path / "fresh", say_nothing)
    kept = list((tmp_path / "fresh").glob("objects/*/*"))
    assert all(sha256(p.read_bytes()).hexdigest() == p.parent.name for p in kept)
    assert not store.cached(tmp_path / "fresh"), "nothing is written down as being there"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "objects/../x", "objects/a/b/c", "other/x"]
)
def test_a_name_that_leads_elsewhere_is_no_members(made: Path, name: str) -> None:
    found = bundle.read(made)
    evil = replace(found, members=(replace(found.members[0], name=name),))
    with pytest.raises(ComponentError, match="manifest cannot be read: ValueError"):
        manifest.decoded(evil.encoded(), "a.bundle")


def test_files_that_are_no_bundles(tmp_path: Path, made: Path) -> None:
    with pytest.raises(ComponentError, match="is missing"):
        bundle.read(tmp_path / "absent")
    with tarfile.open(tmp_path / "other", "w") as tar:
        tar.add(made, "something")
    with pytest.raises(ComponentError, match="is not a bundle"):
        bundle.read(tmp_path / "other")


def test_an_index_of_another_bundle_does_not_stay(tmp_path: Path) -> None:
    """Beside packages' names there is no digest: another one may be as long."""
    cache = tmp_path / "cache"
    index = cache / "packages/bookworm-amd64/Packages"
    for text in ("Version: 1\n", "Version: 2\n"):
        source = tmp_path / "Packages"
        source.write_text(text)
        file = tmp_path / "a.bundle"
        more = [Packing("packages/bookworm-amd64/Packages", source)]
        bundle.pack(file, contents([]), [], more, say_nothing)
        bundle.unpack(file, cache, say_nothing)
        assert index.read_text() == text


def test_a_damaged_cache_does_not_travel(tmp_path: Path) -> None:
    rows = filled(tmp_path / "cache")
    rows[0].path.write_bytes(b"x" * rows[0].size_bytes)
    file = tmp_path / "a.bundle"
    with pytest.raises(ComponentError, match="is damaged"):
        bundle.pack(file, contents(rows), rows, [], say_nothing)
    assert not list(tmp_path.glob("a.bundle*"))


def test_a_bundle_for_something_else_is_refused(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARDWAY_CACHE", str(tmp_path / "fresh"))
    spec = tmp_path / "hardway.yaml"
    spec.write_text("")
    at = open_project(spec, tmp_path / "clusters")
    assert supply.fitting(at, made).contents.kubernetes == "1.37.2"
    spec.write_text('kubernetes: "1.36"')
    other = open_project(spec, tmp_path / "clusters")
    with pytest.raises(RefusedError) as caught:
        supply.fitting(other, made)
    assert "kubernetes is 1.37.2, hardway.yaml says 1.36.3" in str(caught.value)
    assert "hardway bundle create" in caught.value.hint
    pinned = [replace(row, sha256="1" * 64) for row in bundle.read(made).files.rows]
    components.save_lock(at.lock_file, pinned)
    with pytest.raises(ComponentError, match=r"is not the one that hardway\.lock pins"):
        supply.fitting(at, made)


def test_beside_machines_of_another_architecture_this_host_needs_its_client_alone(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARDWAY_CACHE", str(tmp_path / "cache"))
    spec = tmp_path / "hardway.yaml"
    spec.write_text("")
    at = open_project(spec, tmp_path / "clusters")
    needed = at.needed(["other"])
    assert [c.name for c in needed[HERE]] == ["kubectl"]
    assert needed["other"] == at.components == at.needed([HERE])[HERE]
    assert set(at.needed([HERE])) == {HERE}
    (client,) = at.stored((), absent_ok=False)[HERE].values()
    assert at.kubectl_binary(absent_ok=False) == client.path

    # A bundle for machines of hosts that nobody has asked yet: what this host needs must be in it.
    monkeypatch.setattr(type(at.provider), "architectures", lambda *_: frozenset())
    foreign = [replace(row, architecture="other") for row in bundle.read(made).files.rows]
    file = tmp_path / "other.bundle"
    for rows, fits in (([*foreign, client], True), (foreign, False)):
        content = replace(contents(rows), architectures=("other",))
        bundle.pack(file, content, [lying_in(at.cache, row) for row in rows], [], say_nothing)
        if fits:
            assert supply.fitting(at, file).contents.architectures == ("other",)
        else:
            with pytest.raises(RefusedError, match=rf"it has no kubectl 1\.37\.2 \({HERE}\)"):
                supply.fitting(at, file)


def seen(**given: object) -> isolation.Seen:
    whole = {"inside": 3, "elsewhere": (), "why_not": "", "packets": 9, "machines": ()}
    return isolation.Seen(**(whole | given))


def test_the_proof_says_what_was_tried() -> None:
    assert supply.proof(support.cluster(), seen()).ok
    tried = supply.proof(support.cluster(), seen(elsewhere=("192.0.2.1 tcp 443 (3 packets)",)))
    assert not tried.ok
    assert "192.0.2.1 tcp 443" in tried.found
    unwatched = supply.proof(support.cluster(), seen(why_not="nft is not installed"))
    assert "children were not watched: nft is not installed" in unwatched.found


def test_names_are_those_of_etc_hosts(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.1 Gate.example gate # not: other\n2001:db8::1 gate\nbroken gate\n")
    found = {name: list(map(str, isolation.addresses(name, hosts)))
             for name in ("gate", "gate.EXAMPLE", "other", "192.0.2.9", "2001:db8::9")}  # fmt: skip
    assert found == {
        "gate": ["192.0.2.1", "2001:db8::1"], "gate.EXAMPLE": ["192.0.2.1"], "other": [],
        "192.0.2.9": ["192.0.2.9"], "2001:db8::9": ["2001:db8::9"],
    }  # fmt: skip


def test_a_name_that_only_a_name_server_knows_is_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "hardway.yaml"
    spec.write_text("endpoint: {kind: given, host: lb.invalid}")
    at = open_project(spec, tmp_path / "clusters")
    with pytest.raises(PreflightError, match=r"lb\.invalid is not in /etc/hosts") as caught:
        asyncio.run(supply.up(at, supply.Bundle(Path("x"), contents([])), print, until=None))
    assert "/etc/hosts" in caught.value.hint
    assert not at.workspace.folder.exists()


def test_a_name_is_looked_up_only_if_it_is_known_here() -> None:
    guard = isolation.Guard([IPv4Network("192.0.2.1/32")], ["gate.example"])
    guard.hook("socket.getaddrinfo", (b"gate.example", 22))
    guard.hook("socket.getaddrinfo", ("192.0.2.1", 22))
    with pytest.raises(PermissionError, match=r"the address of other\.example"):
        guard.hook("socket.getaddrinfo", ("other.example", 22))


def test_rules_allow_both_families_and_no_range_twice() -> None:
    inside = [IPv4Network("10.1.0.0/24"), IPv4Network("10.1.0.7/32"), IPv6Network("2001:db8::/64")]
    text = isolation.table_text("x", inside, [IPv4Network("10.2.0.0/16")])
    assert "ip daddr { 10.1.0.0/24, 127.0.0.0/8 } add" in text
    assert "ip6 daddr { ::1/128, 2001:db8::/64 } accept" in text


def test_rules_name_the_cgroup_and_what_is_allowed() -> None:
    text = isolation.table_text(
        "unified/x", [IPv4Network("10.1.0.0/24")], [IPv4Network("10.2.0.0/16")]
    )
    assert 'socket cgroupv2 level 1 "unified/x" goto ours' in text
    assert "ip daddr { 10.1.0.0/24, 127.0.0.0/8 } add @inside" in text


def test_lock_pins_what_is_there_and_keeps_what_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, spec = tmp_path / "cache", tmp_path / "hardway.yaml"
    spec.write_text("")
    monkeypatch.setenv("HARDWAY_CACHE", str(cache))
    rows = filled(cache)
    at = open_project(spec, tmp_path / "clusters")

    def pinned(*, update: bool) -> dict[str, str]:
        got = asyncio.run(supply.pin(at, lambda _: None, asked=(), update=update))
        assert at.lock_file.name == "hardway.lock"
        assert sorted(r.file for r in at.lock.rows) == sorted(r.file for r in got)
        return {row.file: row.sha256 for row in got}

    first = pinned(update=False)
    assert first == {row.file: row.sha256 for row in rows}
    text = at.lock_file.read_bytes()
    other = replace(rows[0], sha256=sha256(b"other").hexdigest(), size_bytes=5)
    place = cache / "objects" / other.sha256 / other.file
    place.parent.mkdir()
    place.write_bytes(b"other")
    store.adopt([other, *(r for r in rows[1:] if r.component == other.component)], cache)
    assert pinned(update=False) == first
    assert at.lock_file.read_bytes() == text
    assert at.stored([HERE], absent_ok=False)[HERE][other.file].sha256 == rows[0].sha256
    assert pinned(update=True) == first | {other.file: other.sha256}
    assert at.stored([HERE], absent_ok=False)[HERE][other.file].sha256 == other.sha256
