"""The difference between what is wanted and what was seen."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import rewriting, support

from hardway.engine.diff import changes
from hardway.engine.kinds.manifest import manifest_changes
from hardway.engine.render import merged, render
from hardway.meaning.document import subset
from hardway.model.resources import (
    Block,
    Desired,
    File,
    Folder,
    Kind,
    Observed,
    SeenPath,
    SeenUnit,
    Unit,
    hexdigest,
)
from hardway.steps.index import STEPS

RENDERED = render(STEPS, support.given(support.topology("3+3")))


def as_wanted(wanted: Desired) -> Observed:
    """Return what one sees on a machine that is as it should be."""
    paths = {}
    for item in wanted.paths:
        match item:
            case Folder():
                paths[item.path] = SeenPath("d", item.mode, item.owner, 0, 1.0)
            case File():
                size = len(item.content)
                seen = SeenPath("f", item.mode, item.owner, size, 1.0, digest=item.digest)
                paths[item.path] = seen
            case _:
                link = SeenPath("l", 0o777, "root", 0, 1.0, target=item.stored)
                stored = SeenPath("f", 0o755, "root", item.size_bytes, 1.0)
                paths |= {item.path: link, item.stored: stored}
    units = {
        u.name: SeenUnit("active", True, u.digest, 2.0, False, reload_digest=u.reload_digest)
        for u in wanted.units
    }
    packages = frozenset(p.name for p in wanted.packages)
    blocks = {b.path: b.text for b in wanted.blocks}
    effects = {e.name: e.value for e in wanted.effects}
    return Observed(paths=paths, units=units, packages=packages, blocks=blocks, effects=effects)


def test_nothing_changes_where_all_is_as_wanted() -> None:
    for name, by_step in RENDERED.items():
        assert changes(name, by_step, as_wanted(merged(by_step.values()))) == []


def test_a_folder_is_made_where_it_is_missing_and_put_right_where_others_may_enter() -> None:
    folder = next(f for f in merged(RENDERED["worker-0"].values()).folders)
    of = {"machines": Desired(folders=(folder,))}
    open_to_all = SeenPath("d", 0o777, folder.owner, 0, 1.0)
    for seen, kind in ((None, Kind.CREATE), (open_to_all, Kind.UPDATE)):
        paths = {folder.path: seen} if seen else {}
        assert [c.kind for c in changes("worker-0", of, Observed(paths=paths))] == [kind]


def test_everything_is_made_on_an_empty_machine() -> None:
    by_step = RENDERED["worker-0"]
    wanted = merged(by_step.values())
    found = changes("worker-0", by_step, Observed())
    made = {c.path_or_unit for c in found}
    assert made == {
        *(package.name for package in wanted.packages),
        *(block.path for block in wanted.blocks),
        *(item.path for item in wanted.paths),
        *(unit.name for unit in wanted.units),
        *(effect.name for effect in wanted.effects if effect.value),
    }
    assert {c.kind for c in found} == {
        Kind.INSTALL, Kind.CREATE, Kind.UPDATE, Kind.ENABLE, Kind.START, Kind.SET,
    }  # fmt: skip


@given(st.data())
def test_one_difference_is_one_change_and_its_reader_restarts(data: st.DataObject) -> None:
    """Whatever file differs: that file is put, and nothing else; its readers too if they run it."""
    name = data.draw(st.sampled_from(sorted(RENDERED)))
    wanted = merged(RENDERED[name].values())
    file = data.draw(st.sampled_from(wanted.files))
    seen = as_wanted(wanted)
    how = data.draw(st.sampled_from(["content", "mode", "owner", "absent", "kind"]))
    before = seen.paths[file.path]
    worse = {
        "content": replace(before, digest="0" * 64, changed_at=3.0),
        "mode": replace(before, mode=before.mode ^ 0o111),
        "owner": replace(before, owner="nobody"),
        "kind": replace(before, kind="d"),
        "absent": None,
    }[how]
    paths = {p: s for p, s in {**seen.paths, file.path: worse}.items() if s is not None}
    found = changes(name, RENDERED[name], replace(seen, paths=paths))
    assert [(c.path_or_unit, c.kind) for c in found] == [
        (file.path, Kind.CREATE if how == "absent" else Kind.UPDATE)
    ]


chance = st.randoms(use_true_random=False)


def put_there(of: File, content: bytes, seen: Observed) -> Observed:
    """What is seen where somebody wrote a file after whose change its readers were started."""
    edited = replace(seen.paths[of.path], digest=hexdigest(content))
    return replace(seen, paths={**seen.paths, of.path: edited}, content={of.path: content})


@given(st.data(), chance)
def test_what_is_written_otherwise_is_put_again_and_restarts_nothing(
    data: st.DataObject, by: random.Random
) -> None:
    name = data.draw(st.sampled_from(sorted(RENDERED)))
    wanted = merged(RENDERED[name].values())
    file = data.draw(st.sampled_from([f for f in wanted.files if f.rows]))
    seen = put_there(file, rewriting.same(file, by), as_wanted(wanted))
    (change,) = changes(name, RENDERED[name], seen)
    assert (change.path_or_unit, change.kind, change.prose) == (file.path, Kind.UPDATE, True)
    closed = {**seen.paths, file.path: replace(seen.paths[file.path], mode=0o400)}
    (change,) = changes(name, RENDERED[name], replace(seen, paths=closed))
    assert not change.prose


@given(st.data(), chance)
def test_what_means_something_else_restarts_whoever_was_started_with_it(
    data: st.DataObject, by: random.Random
) -> None:
    name = data.draw(st.sampled_from(sorted(RENDERED)))
    wanted = merged(RENDERED[name].values())
    file = data.draw(st.sampled_from([f for f in wanted.files if f.rows]))
    seen = put_there(file, rewriting.other(file, by), as_wanted(wanted))
    found = changes(name, RENDERED[name], seen)
    readers = {u.name for u in wanted.units if file.path in u.reads}
    assert {c.path_or_unit for c in found if c.kind is Kind.RESTART} == readers
    assert not any(c.prose for c in found)


@pytest.mark.parametrize(("there", "prose"), [("# other\n1 a\n", True), ("# b\n2 a\n", False)])
def test_comments_among_lines_in_a_file_of_others(there: str, prose: bool) -> None:
    block = Block(path="/etc/hosts", text="# b\n1 a\n", why="")
    observed = Observed(blocks={"/etc/hosts": there})
    (change,) = changes("m", {"s": Desired(blocks=(block,))}, observed)
    assert change.prose is prose


def unit() -> tuple[File, Unit]:
    file = File(path="/etc/a", content=b"right", why="")
    return file, Unit(name="a.service", path="/u", digest="d", reads=("/etc/a",), why="")


def of(seen: SeenUnit | None, changed_at: float | None = None) -> list[tuple[Kind, str]]:
    file, wanted = unit()
    digest = file.digest if changed_at is None else "wrong"
    paths = {"/etc/a": SeenPath("f", 0o644, "root", 5, changed_at or 1.0, digest=digest)}
    units = {"a.service": seen} if seen else {}
    found = changes("m", {"s": Desired(files=(file,), units=(wanted,))}, Observed(paths, units))
    return [(c.kind, c.path_or_unit) for c in found]


def test_units() -> None:
    good = SeenUnit("active", True, "d", 10.0, False)
    assert of(good) == []
    assert of(None) == [(Kind.ENABLE, "a.service"), (Kind.START, "a.service")]
    assert of(replace(good, enabled=False)) == [(Kind.ENABLE, "a.service")]
    assert of(replace(good, active="failed")) == [(Kind.START, "a.service")]
    assert of(replace(good, active="activating")) == []
    assert of(replace(good, digest="other")) == [(Kind.RESTART, "a.service")]
    assert of(replace(good, digest="")) == [(Kind.RESTART, "a.service")], "somebody else's"


def test_a_unit_that_fails_again_and_again_is_started() -> None:
    fails = SeenUnit("activating", True, "", 0.0, False, fails=True)
    assert of(fails) == [(Kind.START, "a.service")]


@pytest.mark.parametrize(
    "etcd",
    [
        SeenUnit("inactive", True, "", 0.0, False),
        SeenUnit("activating", True, "", 0.0, False, fails=True),
    ],
)
def test_an_api_server_whose_etcd_is_started_again_is_restarted(etcd: SeenUnit) -> None:
    """By itself it would call etcd again only after up to two minutes."""
    by_step = RENDERED["controller-0"]
    seen = as_wanted(merged(by_step.values()))
    found = changes(
        "controller-0", by_step, replace(seen, units={**seen.units, "etcd.service": etcd})
    )
    assert [(c.kind, c.path_or_unit) for c in found] == [
        (Kind.START, "etcd.service"),
        (Kind.RESTART, "kube-apiserver.service"),
    ]


@pytest.mark.parametrize(("away_s", "back_s", "client_s", "restarted"), [
    (600.0, 5.0, 900.0, True),
    (600.0, 119.0, 900.0, True),
    (600.0, 121.0, 900.0, False),
    (60.0, 59.0, 900.0, True),
    (60.0, 61.0, 900.0, False),
    (14.0, 1.0, 900.0, False),
    (600.0, 5.0, 4.0, False),
    (0.0, 5.0, 900.0, False),
])  # fmt: skip
def test_an_api_server_that_may_not_call_its_etcd_for_a_while_is_restarted(
    away_s: float, back_s: float, client_s: float, restarted: bool
) -> None:
    """As after a run that was killed when it had just started an etcd."""
    by_step = RENDERED["controller-0"]
    seen = as_wanted(merged(by_step.values()))
    units = dict(seen.units)
    units["etcd.service"] = replace(units["etcd.service"], active_s=back_s, away_s=away_s)
    name = "kube-apiserver.service"
    units[name] = replace(units[name], active_s=client_s)
    found = changes("controller-0", by_step, replace(seen, units=units))
    assert [(c.kind, c.path_or_unit) for c in found] == [(Kind.RESTART, name)] * restarted


def test_a_unit_that_runs_another_program_than_its_link_leads_to_restarts() -> None:
    _, wanted = unit()
    wanted = replace(wanted, executable="/store/1/a", reads=())
    for program, kinds in (("/store/1/a", []), ("/store/0/a", [Kind.RESTART]), ("", [])):
        seen = SeenUnit("active", True, "d", 10.0, False, executable=program)
        found = changes("m", {"s": Desired(units=(wanted,))}, Observed(units={"a.service": seen}))
        assert [c.kind for c in found] == kinds


def test_a_unit_that_is_just_starting_is_left_alone_unless_its_files_are_wrong() -> None:
    starting = SeenUnit("activating", True, "", 0.0, False)
    assert of(starting) == []
    assert of(starting, changed_at=9.0) == [
        (Kind.UPDATE, "/etc/a"),
        (Kind.RESTART, "a.service"),
    ]


def test_a_unit_started_on_a_wrong_file_restarts_one_that_was_started_before_does_not() -> None:
    good = SeenUnit("active", True, "d", 10.0, False)
    assert of(good, changed_at=9.0) == [(Kind.UPDATE, "/etc/a"), (Kind.RESTART, "a.service")]
    assert of(good, changed_at=11.0) == [(Kind.UPDATE, "/etc/a")]


def test_a_unit_that_has_read_other_files_is_reloaded_unless_it_starts_anyway() -> None:
    _, wanted = unit()
    wanted = replace(wanted, reload_digest="r", reads=())
    good = SeenUnit("active", True, "d", 10.0, False, reload_digest="r")
    cases = {
        good: [],
        replace(good, reload_digest="other"): [Kind.RELOAD],
        replace(good, reload_digest=""): [Kind.RELOAD],
        replace(good, reload_digest="other", digest="other"): [Kind.RESTART],
        replace(good, reload_digest="other", active="failed"): [Kind.START],
        SeenUnit("activating", True, "", 0.0, False): [],
    }
    for seen, kinds in cases.items():
        found = changes("m", {"s": Desired(units=(wanted,))}, Observed(units={"a.service": seen}))
        assert [c.kind for c in found] == kinds


def test_secrets_are_shown_as_digests() -> None:
    secret = File(path="/k", content=b"very secret", mode=0o600, secret=True, why="")
    seen = SeenPath("f", 0o600, "root", 3, 1.0, digest="ab" * 32)
    observed = Observed({"/k": seen}, content={"/k": b"old secret"})
    (change,) = changes("m", {"s": Desired(files=(secret,))}, observed)
    assert "secret sha256:abababababab -> sha256:" in change.diff
    assert "very" not in change.diff + repr(change)
    assert "old" not in change.diff


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(json_values)
def test_an_object_does_not_differ_from_itself(value: object) -> None:
    assert list(subset(value, value)) == []


@given(st.dictionaries(st.text(max_size=3), json_values, min_size=1), st.data())
def test_what_the_api_adds_is_no_difference_what_it_lacks_is(
    wanted: dict[str, object], data: st.DataObject
) -> None:
    assert list(subset(wanted, {**wanted, "added-by-the-api": 1})) == []
    missing = data.draw(st.sampled_from(sorted(wanted)))
    rest = {k: v for k, v in wanted.items() if k != missing}
    assert list(subset(wanted, rest))


def test_objects_of_the_api() -> None:
    wanted = {"kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}, "data": {"x": "1"}}
    assert manifest_changes("s", (wanted,), [wanted]) == []
    (created,) = manifest_changes("s", (wanted,), [])
    assert (created.path_or_unit, created.diff) == ("ConfigMap/n/a", "")
    (updated,) = manifest_changes("s", (wanted,), [{**wanted, "data": {"x": "2"}}])
    assert updated.diff == "data.x: '2' -> '1'"
