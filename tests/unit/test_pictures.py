"""Pictures show what findings say, and the SVG and the terminal show the same.

`HARDWAY_GOLDEN=write pytest tests/unit/test_pictures.py` draws tests/golden/pictures anew; look at
the difference.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st
from tests import support
from tests.views import NOW, atlas, seen

from hardway.atlas.atlas import Atlas
from hardway.errors import RefusedError
from hardway.pictures import PICTURES, Picture
from hardway.pictures.layout import WIDTH, lay_out
from hardway.pictures.model import Arrow, Box, Branch, Column, Drawing, Frame, Row, Tone, Tree
from hardway.pictures.sheet import Rectangle, Sheet, Words
from hardway.pictures.svg import document
from hardway.pictures.terminal import plain
from hardway.pictures.view import View
from hardway.text import cells, wrapped

GOLDEN = Path(__file__).parents[1] / "golden_pictures"
DRAWN = {
    "topology": ("topology", ""),
    "topology-seen": ("topology", ""),
    "handshake": ("handshake", "apiserver-to-kubelet"),
    "logs": ("logs", ""),
    "packets": ("packets", "pod-to-service"),
    "quorum-lost": ("quorum", ""),
    "authorities": ("authorities", ""),
    "disk": ("disk", "worker-0"),
    "boot": ("boot", "controller-0"),
}
ROWS = {row.name: row for row in PICTURES}


VIEWS = {
    "topology-seen": lambda: seen(("kubelet-healthy", "worker-1")),
    "quorum-lost": lambda: seen(*(("etcd-member-healthy", f"controller-{n}") for n in (0, 2))),
}


def drawn(name: str) -> Drawing:
    row, about = DRAWN[name]
    return ROWS[row].draw(VIEWS.get(name, lambda: View(atlas(), now=NOW))(), about)


@pytest.mark.parametrize("name", DRAWN)
def test_picture(name: str) -> None:
    text = plain(lay_out(drawn(name)))
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("HARDWAY_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


def every(topology: str) -> Iterator[tuple[Picture, str]]:
    for row in PICTURES:
        yield from ((row, about) for about in row.choices(atlas(topology)) or ("",))


@pytest.mark.parametrize("name", support.TOPOLOGIES)
def test_every_picture_of_every_topology_fits_a_terminal(name: str) -> None:
    for row, about in every(name):
        if row.argument and not row.choices(atlas(name)):
            continue
        drawing = row.draw(View(atlas(name), now=NOW), about)
        sheet = lay_out(drawing)
        assert sheet.width <= WIDTH + 22, (row.name, about)
        assert drawing.title
        assert drawing.caption
        for shape in sheet.shapes:
            if isinstance(shape, Words):
                assert 0 <= shape.x <= shape.x + cells(shape.text.rstrip()) <= sheet.width
                assert 0 <= shape.y < sheet.height


@pytest.mark.parametrize("name", DRAWN)
def test_the_svg_has_the_words_of_the_terminal(name: str) -> None:
    drawing = drawn(name)
    sheet = lay_out(drawing)
    root = ET.fromstring(document(sheet, drawing.title, drawing.caption))
    space = {"svg": "http://www.w3.org/2000/svg"}
    words = [element.text for element in root.iterfind(".//svg:text", space)]
    assert words == [
        s.text.strip() for s in sheet.shapes if isinstance(s, Words) and s.text.strip()
    ]
    title = root.find("svg:title", space)
    assert title is not None
    assert title.text == drawing.title


def toned(sheet: Sheet, tone: Tone) -> set[str]:
    return {s.text for s in sheet.shapes if isinstance(s, Words) and s.tone is tone}


@pytest.mark.parametrize(
    ("check", "machine", "shown"),
    [
        ("etcd-member-healthy", "controller-0", "✗ etcd"),
        ("apiserver-ready", "controller-1", "✗ apiserver"),
        ("kube-proxy-healthy", "worker-2", "✗ kube-proxy"),
        ("pod-routes", "worker-0", "✗ pods 10.200.0.0/24"),
    ],
)
def test_what_a_finding_calls_wrong_the_topology_does_too(
    check: str, machine: str, shown: str
) -> None:
    sheet = lay_out(ROWS["topology"].draw(seen((check, machine)), ""))
    assert toned(sheet, Tone.BAD) == {shown}


def test_what_nobody_asked_is_neither_good_nor_bad() -> None:
    sheet = lay_out(ROWS["topology"].draw(View(atlas()), ""))
    assert not toned(sheet, Tone.BAD)
    assert not toned(sheet, Tone.GOOD)


def test_a_certificate_that_ended_is_bad_and_one_that_is_due_is_not_good() -> None:
    late = View(atlas(), now=NOW + timedelta(days=5))
    assert "? admin" in {w.strip("├└─ ") for w in toned(
        lay_out(ROWS["authorities"].draw(late, "")), Tone.UNKNOWN)}  # fmt: skip
    later = View(atlas(), now=NOW + timedelta(days=400))
    bad = toned(lay_out(ROWS["authorities"].draw(later, "")), Tone.BAD)
    assert {"✗ admin", "✗ apiserver"} <= bad
    assert "✗ kubernetes-ca" not in bad


def test_a_handshake_that_would_fail_says_so() -> None:
    given = atlas().given
    pairs = dict(given.secrets.certificates)
    pairs["apiserver", "controller-0"] = pairs["scheduler-server", "controller-0"]
    broken = Atlas.of(replace(given, secrets=replace(given.secrets, certificates=pairs)))
    text = plain(lay_out(ROWS["handshake"].draw(View(broken), "pod-to-apiserver")))
    assert "refused" in text
    assert "apiserver does not have the name 10.32.0.1" in text


def test_what_a_machine_said_is_shown() -> None:
    row, about = ROWS["packets"], "pod-to-node"
    looks = row.looks(atlas(), about)
    assert {look.machine for look in looks} == {"worker-0", "worker-1"}
    view = View(atlas(), said=dict.fromkeys(looks, "10.200.1.254 via\t10.240.0.21\n"))
    assert "10.200.1.254 via 10.240.0.21" in plain(lay_out(row.draw(view, about)))


@pytest.mark.parametrize("row", [row for row in PICTURES if row.argument], ids=lambda r: r.name)
def test_what_a_picture_cannot_be_about_is_refused_with_what_it_can(row: Picture) -> None:
    with pytest.raises(RefusedError) as refused:
        row.draw(View(atlas()), "nonsense")
    assert row.choices(atlas())[0] in str(refused.value.hint)


LINES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30)
BOXES = st.builds(Box, LINES, st.lists(LINES, max_size=3).map(tuple))
PARTS = st.recursive(
    BOXES | st.builds(Arrow, LINES),
    lambda inner: (
        st.builds(Row, st.lists(inner, min_size=1, max_size=4).map(tuple))
        | st.builds(Column, st.lists(inner, min_size=1, max_size=4).map(tuple))
        | st.builds(Frame, LINES, inner)
    ),
    max_leaves=8,
)


@any_of(PARTS)
def test_no_two_words_share_a_cell(part: Box | Row | Column | Frame) -> None:
    sheet = lay_out(Drawing("title", part, "caption"))
    taken: set[tuple[int, int]] = set()
    for shape in sheet.shapes:
        if isinstance(shape, Words):
            own = {(shape.x + n, shape.y) for n in range(cells(shape.text))}
            assert not taken & own
            taken |= own
    for shape in sheet.shapes:
        if isinstance(shape, Rectangle):
            assert shape.x + shape.width <= sheet.width


@any_of(st.text(st.characters(categories=["L", "Zs"]), max_size=200), st.integers(20, 80))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    lines = wrapped(text, width)
    longest = max((cells(word) for word in text.split()), default=0)
    assert all(cells(line) <= max(width, longest) for line in lines)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


def test_korean_letters_take_two_cells() -> None:
    sheet = lay_out(Drawing("t", Tree((Branch("한국", "b"),)), "c"))
    assert [s.x for s in sheet.shapes if isinstance(s, Words) and s.text == "b"] == [6]
    assert plain(sheet) == "한국  b\n"
