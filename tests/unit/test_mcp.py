"""Assistants get read-only tools with schemas, answers without secrets, and errors in words."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from tests.views import atlas

import hardway
from hardway import pipeline
from hardway.atlas.material import MaterialKind
from hardway.cli.mcp import server
from hardway.model.resources import Change, Kind, Unit
from hardway.operations.tools import TOOLS
from hardway.pipeline import Plan
from hardway.project import Project, open_project
from hardway.text import text


@pytest.fixture
def project(tmp_path: Path) -> Callable[[], Project]:
    spec = tmp_path / "hardway.yaml"
    spec.write_text("name: small\n")
    return lambda: open_project(spec, None)


def call(project: Callable[[], Project], tool: str, /, **arguments: Any) -> Any:
    async def asked() -> Any:
        async with Client(server(project)) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(asked())


def test_every_tool_has_a_schema_and_says_that_it_changes_nothing(project) -> None:
    async def listed() -> Any:
        async with Client(server(project)) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(listed())}
    assert list(tools) == [row.name for row in TOOLS]
    for tool in tools.values():
        assert tool.annotations.read_only_hint is True
        assert tool.description
        assert "project" not in tool.input_schema["properties"]
    assert tools["explain"].input_schema["required"] == ["what"]
    assert tools["verify"].input_schema["properties"]["steps"]["type"] == "array"


def test_explain_answers_from_rendered_files(project) -> None:
    answer = call(project, "explain", what="--etcd-cafile").structured_content
    assert answer["name"]
    assert "/etc/kubernetes/pki/etcd-ca.crt" in json.dumps(answer)


def test_headings_are_in_the_readers_language(project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARDWAY_LANG", "ko")
    points = call(project, "explain", what="--etcd-cafile").structured_content["points"]
    assert {"직접 확인", "다른 방법에서는"} <= {point["heading"] for point in points}
    assert all(re.search("[가-힣]", point["heading"]) for point in points)


def test_what_would_change_is_told_in_the_readers_language(
    project, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = Unit(name="a.service", path="/a.service", digest="", reads=(), why="")
    stopped = Change(
        machine="worker-0", step="workers", kind=Kind.START, path_or_unit=unit.name, item=unit,
        diff=text("is {state}", state="inactive"),
    )  # fmt: skip

    async def planned(_project: Project) -> Plan:
        return Plan((), (stopped,), {})

    monkeypatch.setenv("HARDWAY_LANG", "ko")
    monkeypatch.setattr(pipeline, "plan", planned)
    (change,) = call(project, "plan").structured_content["changes"]
    assert change["kind"] == "start"
    assert re.search("[가-힣]", change["diff"])


LOGS = """import logging
from hardway.cli.mcp import server
server(lambda: None)
logging.getLogger("asyncssh").info("Opening SSH connection")
"""


def test_what_goes_well_is_not_logged() -> None:
    """Whoever starts the server shows its stderr to people."""
    environment = {**os.environ, "PYTHONPATH": str(Path(hardway.__file__).parents[1])}
    argv = [sys.executable, "-c", LOGS]
    done = subprocess.run(argv, env=environment, capture_output=True, check=True)
    assert done.stderr == b""


def test_unknown_things_have_neighbours(project) -> None:
    answer = call(project, "explain", what="--etcd-cafil").structured_content
    assert "--etcd-cafile" in json.dumps(answer)


def test_certificates_and_pictures_need_no_machine(project) -> None:
    names = {row["name"] for row in call(project, "certs").structured_content["connections"]}
    assert "apiserver-to-etcd" in names
    assert "controller-0" in call(project, "picture", name="topology").structured_content["text"]


def test_what_goes_wrong_is_told_with_the_next_command(project) -> None:
    answer = call(project, "picture", name="nonsense")
    assert answer.is_error
    assert "the pictures: topology" in answer.content[0].text


def test_nothing_is_written(project, tmp_path: Path) -> None:
    for name, arguments in (("explain", {"what": "etcd"}), ("certs", {}),
                            ("picture", {"name": "authorities"})):  # fmt: skip
        call(project, name, **arguments)
    assert [p.name for p in tmp_path.iterdir()] == ["hardway.yaml"]


def test_no_answer_has_a_key(project) -> None:
    of_each_kind = {row.kind: path for path, row in atlas().materials["controller-0"].items()}
    assert MaterialKind.KEY in of_each_kind
    said = json.dumps([call(project, "explain", what=path).structured_content
                       for path in of_each_kind.values()])  # fmt: skip
    assert "PRIVATE KEY" not in said
