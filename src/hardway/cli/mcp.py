"""The cluster for assistants: a server of the Model Context Protocol on stdin and stdout."""

import inspect
import json
from collections.abc import Awaitable, Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardway import __version__
from hardway.cli.help import Command
from hardway.cli.options import of_cluster, open_project
from hardway.cli.output import say
from hardway.cli.signals import end_at_once
from hardway.errors import HardwayError, RefusedError
from hardway.text import Text, text

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from hardway.operations.tools import Tool
    from hardway.project import Project

Answer = dict[str, Any]


@click.command(cls=Command)
@of_cluster
def mcp(spec: Path | None, clusters: Path | None) -> None:
    """Serve read-only tools for assistants (Model Context Protocol) on stdin and stdout.

    Tools look at the cluster and at its folder and change neither; what would change something,
    up or down, is not among them. Needs the extra `mcp`: scripts/setup mcp.
    """
    try:
        made = server(lambda: open_project(spec, clusters))
    except ModuleNotFoundError as error:
        raise RefusedError(
            "the package mcp is not installed",
            hint="scripts/setup mcp, or pip install 'hardway[mcp]'",
        ) from error
    # Its reader of stdin is a thread that nothing wakes, and there is nothing to tidy up.
    end_at_once()
    made.run()


def server(project: "Callable[[], Project]") -> "MCPServer[Any]":
    """Return a server with all tools; the project is opened anew for each call."""
    from mcp.server import MCPServer  # noqa: PLC0415
    from mcp.types import ToolAnnotations  # noqa: PLC0415

    from hardway.operations.tools import TOOLS  # noqa: PLC0415

    made: MCPServer[Any] = MCPServer(
        "hardway", version=__version__,
        # What goes well is nobody's news: asyncssh tells of each connection.
        log_level="WARNING",
        instructions="Looks at a Kubernetes cluster built by hardway. Begin with verify; explain "
        "answers what anything it names is.",
    )  # fmt: skip
    for tool in TOOLS:
        made.add_tool(
            _bound(tool, project), name=tool.name, description=tool.about,
            annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
        )  # fmt: skip
    return made


def _bound(tool: "Tool", project: "Callable[[], Project]") -> Callable[..., Awaitable[Answer]]:
    """Return a tool as the server calls it: without the project, with errors as it tells them."""
    from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415

    async def ask(**arguments: Any) -> Answer:
        try:
            answer = await tool.ask(project(), **arguments)
        except HardwayError as error:
            said = text("{message}; try: {hint}", message=error.message, hint=error.hint)
            raise ToolError(say(said if error.hint else error.message)) from error
        plain: Answer = json.loads(json.dumps(told(answer), default=str))
        return plain

    _, *parameters = inspect.signature(tool.ask, eval_str=True).parameters.values()
    shape = inspect.Signature(parameters, return_annotation=Answer)
    # The server makes the tool's schema of these.
    ask.__signature__ = shape  # type: ignore[attr-defined]
    ask.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": Answer}
    return ask


def told(value: Any) -> Any:
    """Return an answer with its texts in the language of its reader.

    Keys stay as they are, and so do single words: programs compare them.
    """
    match value:
        case Enum():
            return value
        case Text():
            return say(value)
        case str():
            return say(value) if " " in value else value
        case dict():
            return {key: told(inner) for key, inner in value.items()}
        case list() | tuple():
            return [told(inner) for inner in value]
        case _:
            return value


COMMANDS = (mcp,)
