"""Records a real run in a terminal and writes it as docs/run.svg. Needs root and tmux.

.venv/bin/python scripts/record.py
"""

import re
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
SESSION, WIDTH, HEIGHT = "hardway-record", 92, 60
COMMANDS = ("hardway up", "hardway status", "hardway kubectl get nodes")
PROMPT = "\x1b[1;34m#\x1b[0m "


def tmux(*words: str) -> str:
    """Run a tmux command."""
    return subprocess.check_output(["tmux", *words], text=True)


def recorded() -> str:
    """Run the commands in a terminal of its own; return what stands there, with colours."""
    lines = [f"printf '{PROMPT}{command}\\n'; {command}; echo" for command in COMMANDS]
    script = f"cd {ROOT}; PATH={ROOT}:$PATH; clear; {'; '.join(lines)}; touch .recorded; sleep 60"
    done = ROOT / ".recorded"
    tmux("new-session", "-d", "-s", SESSION, "-x", str(WIDTH), "-y", str(HEIGHT), script)
    try:
        while not done.exists():
            time.sleep(0.2)
        return tmux("capture-pane", "-e", "-p", "-t", SESSION)
    finally:
        done.unlink(missing_ok=True)
        tmux("kill-session", "-t", SESSION)


def main() -> None:
    """Write the picture."""
    console = Console(record=True, width=WIDTH, file=sys.stderr, force_terminal=True)
    console.print(Text.from_ansi(recorded().rstrip()))
    svg = console.export_svg(title="hardway")
    # Fonts from elsewhere are not loaded by pages that show this picture.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (ROOT / "docs/run.svg").write_text(svg)


main()
