"""The program's entry: its commands, and how errors reach people."""

import atexit
import gc
import os
import sys

import click

from hardway import __version__
from hardway.cli import (
    audit,
    aws,
    build,
    certs,
    explain,
    export,
    look,
    mcp,
    metrics,
    node,
    operate,
    picture,
    supply,
    verify,
)
from hardway.cli.help import Group, show
from hardway.cli.output import note, say
from hardway.cli.signals import Interruption, drop_unread
from hardway.errors import HardwayError
from hardway.proxies import past_proxies


def _speak(_context: click.Context, _option: click.Parameter, lang: str | None) -> None:
    """Leave the language where `say` finds it, as it does the locale."""
    if lang:
        os.environ["HARDWAY_LANG"] = lang


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="hardway %(version)s")
@click.option(
    "--lang", envvar="HARDWAY_LANG", callback=_speak, expose_value=False, is_eager=True,
    help="Language of texts: en or ko.  [default: the locale's]",
)  # fmt: skip
def cli() -> None:
    """Build, run and understand a real Kubernetes cluster, the hard way."""


COMMANDS = (
    build,
    look,
    verify,
    certs,
    explain,
    audit,
    picture,
    operate,
    node,
    supply,
    export,
    metrics,
    mcp,
    aws,
)

for command in (c for part in COMMANDS for c in part.COMMANDS):
    cli.add_command(command)


METADATA = "169.254.169.254"
"""Where a cloud's instance learns about itself: on the host's own link, behind no proxy."""


def main() -> None:
    """Run the command line; the exit code of an error is its class's (see errors.py)."""
    # Files have the modes they are given, whatever the shell's mask: machines' services read some.
    os.umask(0o022)
    # Python would look for garbage a hundred times while it imports modules, and find none. Most
    # commands make fewer objects than this in all.
    gc.set_threshold(200_000)
    # At its end it would look through all modules' objects once more, for 0.1 to 0.2 s: these end
    # with the process.
    atexit.register(gc.freeze)
    os.environ.update(past_proxies([METADATA]))
    interruption = Interruption()
    try:
        cli(prog_name="hardway", standalone_mode=False)
    except click.ClickException as error:
        show(error)
        sys.exit(error.exit_code)
    except HardwayError as error:
        note(click.style(say("error: "), fg="red", bold=True) + say(error.message))
        if error.hint:
            note(click.style(say("  try: "), bold=True) + say(error.hint))
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        note(say("interrupted; to go on, run the same again; hardway down removes what was made"))
        sys.exit(interruption.status)
    except BrokenPipeError:
        # Where the reader of our output (head, less) has seen enough, all is well; a machine's
        # pipe may have broken instead.
        if not drop_unread():
            raise
        sys.exit(0)
