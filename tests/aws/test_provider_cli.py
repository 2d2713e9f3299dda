"""The command line with provider aws: what it shows, and what it asks, before anything is done."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.aws.builder import site
from tests.aws.tap import Tap
from tests.aws.trial import quick

from hardway.cli.app import cli
from hardway.errors import RefusedError, SpecError

SPEC = """name: demo
provider: aws
machines: {controlPlanes: 1, workers: 1}
aws: {region: ap-northeast-2, operators: [203.0.113.7/32]}
"""


@pytest.fixture(autouse=True)
def _there(tap: Tap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARDWAY_CACHE", str(tmp_path / "cache"))
    Path("hardway.yaml").write_text(SPEC)
    with quick():
        yield


def hardway(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(cli, words, input=answer)


def test_plan_shows_what_would_be_made_and_what_it_costs(tap: Tap) -> None:
    before = tap.left
    shown = hardway("plan").output
    assert "account 123456789012, region ap-northeast-2" in shown
    assert "+ VPC 10.0.0.0/16" in shown
    assert "+ route 10.200.0.0/24 via worker-0" in shown
    assert "costs 0.12 $/h (2.9 $ a day), at most 0.29 $/h; list prices of 2025" in shown
    # And what the machines would get, as of machines like those that are not there yet.
    assert "kubelet.service" in shown
    assert "routes to pods" not in shown
    assert tap.left == before
    assert not Path("clusters").exists()


def test_plan_as_json(tap: Tap) -> None:
    said = json.loads(hardway("plan", "--output", "json").output)
    assert {change["name"] for change in said["provider"]["changes"]} >= {"vpc", "instance"}
    assert said["provider"]["whole"]["per_hour"] == pytest.approx(0.1205, abs=0.001)
    assert said["changes"]


def test_down_lists_what_it_removes_and_asks(tap: Tap, tmp_path: Path) -> None:
    cluster = site(tap, tmp_path / "clusters")
    cluster.up()
    asked = hardway("down", answer="n\n")
    assert re.search(r"1 x vpc: vpc-\w+", asked.output)
    assert re.search(r"2 x instance: i-\w+, i-\w+", asked.output)
    assert "all of this, all keys?" in asked.output
    assert "vpc" in {name.partition("-")[0] for name in tap.left}
    assert hardway("down", answer="y\n").exit_code == 0
    assert tap.left == []
    assert not Path("clusters/demo").exists()


def test_list_and_adopt(tap: Tap, tmp_path: Path) -> None:
    site(tap, tmp_path / "somewhere").up()
    (row,) = json.loads(hardway("aws", "list", "--output", "json").output)["clusters"]
    assert row["id"].startswith("demo-")
    assert row["per_hour"] == pytest.approx(0.1205, abs=0.001)
    assert row["id"] in hardway("aws", "list").output
    wrong = hardway("aws", "adopt", "demo-000000")
    assert isinstance(wrong.exception, RefusedError)
    assert "hardway down" in hardway("aws", "adopt", row["id"]).output
    assert hardway("down", "--yes").exit_code == 0
    assert tap.left == []


def test_commands_of_aws_want_provider_aws() -> None:
    Path("hardway.yaml").write_text("provider: local\n")
    assert isinstance(hardway("aws", "list").exception, RefusedError)


def test_who_may_come_in_has_to_be_said() -> None:
    Path("hardway.yaml").write_text("provider: aws\naws: {region: eu-west-1}\n")
    error = hardway("plan").exception
    assert isinstance(error, SpecError)
    assert "hardway.yaml:2: aws.operators: is needed" in str(error)
