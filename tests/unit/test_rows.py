"""Every entry of every rendered file has a row, and every row a reason."""

import json
import re
from collections.abc import Iterator

import pytest
from tests import support

from hardway.model import paths, ports, users
from hardway.model.objects import identity
from hardway.model.resources import File
from hardway.model.rows import Note, Row, Section, Setting, walk
from hardway.render.config import dump
from hardway.render.systemd import Service, word
from hardway.steps import control_plane, etcd, kubelet
from hardway.steps.index import STEPS
from hardway.steps.reread import clients_reread_ca

UNITS = {"days", "mib", "gib", "seconds", "milliseconds", "minutes", "bytes"}


def is_reason(why: str) -> bool:
    """Return whether a text is a sentence and not only a unit."""
    words = re.findall(r"[\w/:.-]+", why.lower())
    return len(words) > 1 and not set(words) <= UNITS


def lines_of(row: Row) -> set[str]:
    """Return the lines that a row can make, in any of the formats."""
    match row:
        case Section(name):
            return {name, f"[{name}]", f"{name} {{", "}"}
        case Note():
            return set()
        case Setting(name, value):
            plain = {f"{name}{between}{value}".strip() for between in ("=", " = ", " ", "")}
            toml = {f"{name} = {text}" for text in (str(value).lower(), f"'{value}'")}
            toml |= {f"{name} = {value}"} | {f"{name} = ['{v}']" for v in _list(value)}
            return plain | toml | {word(f"{name}={value}")} | _yaml(name, value)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _yaml(name: str, value: object) -> set[str]:
    plain = isinstance(value, str | int | float | bool | list | dict)
    return {line.strip() for line in dump({name: value}).splitlines()} if plain else set()


def accounted(file: File) -> set[str]:
    return set().union(*(lines_of(row) for row in walk(file.rows)))


def entries(file: File) -> Iterator[str]:
    """Yield the lines of a file that are not comments."""
    for line in file.content.decode().splitlines():
        text = line.strip().removesuffix("\\").strip()
        if text and not text.startswith("#"):
            yield text


def leaves(value: object, at: str = "") -> Iterator[str]:
    """Yield the path of each value in a JSON document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{at}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{at}[{index}]")
    else:
        yield at


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_no_line_is_without_a_row(name: str) -> None:
    for wanted in support.wanted(name).values():
        for file in wanted.files:
            # A script is one thing; what it does is rows of its own (effects).
            if file.content.startswith(b"#") and not file.path.endswith(".sh"):
                missing = set(entries(file)) - accounted(file)
                assert not missing, f"{file.path}: {missing}"


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_no_value_of_a_json_document_is_without_a_note(name: str) -> None:
    for wanted in support.wanted(name).values():
        for file in wanted.files:
            if file.path.endswith(".conflist"):
                notes = {row.name for row in file.rows}
                found = set(leaves(json.loads(file.content)))
                assert not {leaf for leaf in found if not leaf.startswith(tuple(notes))}
                assert not {n for n in notes if not any(leaf.startswith(n) for leaf in found)}


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_every_row_has_a_reason(name: str) -> None:
    for wanted in support.wanted(name).values():
        for item in wanted.items:
            assert is_reason(item.why), item
        for file in wanted.files:
            for row in walk(file.rows):
                assert is_reason(row.why), f"{file.path}: {row.name}: {row.why!r}"


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_every_object_and_each_of_its_values_has_a_note(name: str) -> None:
    given = support.given_topology(name)
    for step in STEPS:
        for manifest in step.manifests(given):
            notes = step.notes.get(identity(manifest)) or step.notes[manifest["kind"]]
            names = {note.name for note in notes}
            rest = {
                k: v for k, v in manifest.items() if k not in {"apiVersion", "kind", "metadata"}
            }
            found = set(leaves(rest))
            assert "" in names
            assert not {leaf for leaf in found if not leaf.startswith(tuple(names - {""}))}
            assert not {n for n in names if not any(leaf.startswith(n) for leaf in found | {""})}
            assert all(is_reason(note.why) for note in notes)


def test_no_note_is_about_an_object_that_is_not_there() -> None:
    for step in STEPS:
        objects = [m for name in ("3+3", "options")
                   for m in step.manifests(support.given_topology(name))]  # fmt: skip
        made = {key for m in objects for key in (identity(m), m["kind"])}
        assert not set(step.notes) - made


def test_tables_have_reasons() -> None:
    rows = (*ports.PORTS, *users.USERS, *paths.SERVICE_PATHS)
    assert not [row for row in rows if not row.why.strip()]


@pytest.mark.parametrize("why", ["", " ", "Days.", "MiB.", "Milliseconds."])
def test_a_unit_alone_is_no_reason(why: str) -> None:
    assert not is_reason(why)


@pytest.mark.parametrize(("name", "rereads"), [("kubernetes-1.35", False), ("3+3", True)])
def test_clients_read_a_changed_ca_since_1_36(name: str, rereads: bool) -> None:
    given = support.given_topology(name)
    assert clients_reread_ca(given.cluster) is rereads
    worker = given.cluster.workers[0]
    service = kubelet.service(given.cluster, worker)
    assert (kubelet.CA in service.reads) is not rereads
    assert (kubelet.CA in {row.path for row in service.rereads}) is rereads


@pytest.mark.parametrize("name", ["3+3", "kubernetes-1.35"])
def test_each_certificate_of_a_service_is_read_again_or_restarts_it(name: str) -> None:
    """A key or certificate that no reader names would be renewed and never be used."""
    given = support.given_topology(name)
    machine = given.cluster.control_planes[0]
    services: list[Service] = [
        etcd._service(machine),
        *control_plane.specs(given.cluster, machine).values(),
    ]
    wanted = support.wanted(name)[machine.name]
    named = {path for s in services for path in (*s.reads, *(row.path for row in s.rereads))}
    pki = {file.path for file in wanted.files if "/pki/" in file.path}
    assert pki - named == {"/etc/etcd/pki/etcdctl.crt", "/etc/etcd/pki/etcdctl.key"}
    for service in services:
        assert not set(service.reads) & {row.path for row in service.rereads}, service.name
