"""The report is one page: complete, escaped, without secrets, and loads nothing."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests import support
from tests.fakes import cli
from tests.views import atlas, seen

from hardway.model.resources import Block, File, Finding, Severity, Verdict
from hardway.operations.certificates import _mapped
from hardway.pages.html import html
from hardway.pages.model import page
from hardway.pictures import PICTURES
from hardway.pictures.view import View


class Tags(HTMLParser):
    """Collects what tests ask of a page."""

    VOID = ("meta", "input", "br", "rect", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag, tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.seen if name == tag]


def written(view: View) -> str:
    return html(page(view, _mapped(view.atlas, {}, {}), str), str, "en")


@pytest.fixture(scope="module")
def text() -> str:
    return written(seen(("etcd-member-healthy", "controller-0")))


def test_it_is_well_formed_and_loads_nothing(text: str) -> None:
    tags = Tags(text)
    assert not tags.open
    for name, attrs in tags.seen:
        for attribute in ("src", "href", "data", "action"):
            value = attrs.get(attribute)
            assert value is None or value.startswith("#"), (name, value)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttp", text)


def test_ids_are_unique_and_links_lead_somewhere(text: str) -> None:
    tags = Tags(text)
    ids = [str(attrs["id"]) for _, attrs in tags.seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    for attrs in tags.all("a"):
        target = str(attrs["href"]).removeprefix("#")
        # A kubeconfig for people is on this host, and no file of a machine.
        assert target in ids or target.startswith("file-kubeconfigs"), target


def test_every_file_object_picture_and_finding_is_in_it(text: str) -> None:
    view = seen()
    for placed in view.atlas.placed:
        if isinstance(placed.item, File | Block):
            assert f"<code>{placed.item.path}</code>" in text
    for own in view.atlas.objects.values():
        for manifest in own:
            assert f"{manifest['kind']} {manifest['metadata']['name']}" in text
    for finding in view.findings:
        assert finding.check in text
    drawn = sum(len(row.choices(view.atlas)) if row.argument else 1 for row in PICTURES)
    assert text.count("<svg") == drawn


def test_every_flag_is_in_it_with_its_reason(text: str) -> None:
    for entry in atlas().entries:
        if entry.is_flag:
            assert f"<code>{entry.name}</code>" in text


def test_no_secret_is_in_it(text: str) -> None:
    secrets = atlas().given.secrets
    keys = [pair.key for pair in secrets.certificates.values()]
    keys += [ca.signer.key for ca in secrets.cas.values()] + [secrets.service_account.signing.key]
    for key in keys:
        line = key.decode().splitlines()[1]
        assert line not in text
    assert "PRIVATE KEY" not in text


def test_what_is_wrong_comes_first_and_causes_before_what_follows(text: str) -> None:
    head, _, _ = text.partition('id="pictures"')
    assert re.search(r"1 of \d+ checks are wrong, root causes: 1\b", head)
    assert head.index("etcd-member-healthy") < head.index('id="step-machines"')


def test_what_machines_say_is_escaped() -> None:
    view = seen()
    finding: Finding = replace(
        view.findings[0], ok=False, verdict=Verdict.WRONG, severity=Severity.FAIL,
        found="<script>alert(1)</script>",
    )  # fmt: skip
    text = written(replace(view, findings=(finding,)))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_without_machines_it_says_so() -> None:
    assert "No machine was asked" in written(View(atlas()))


def test_the_command_writes_it(tmp_path: Path) -> None:
    (tmp_path / "hardway.yaml").write_text("name: small\nmachines: {controlPlanes: 1, workers: 1}")
    done = cli.run("report", "--offline", "-o", "out/deep", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "<h1>small</h1>" in (tmp_path / "out" / "deep" / "index.html").read_text()


def test_topologies() -> None:
    for name in ("1+0", "endpoint-proxy", "own-hosts"):
        assert support.topology(name).name in written(View(atlas(name)))
