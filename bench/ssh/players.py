"""How each tool is told to do the work."""

import json
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.ssh import work
from bench.ssh.hosts import KNOWN_HOSTS, OPERATOR, WITHIN, Host

HERE = Path(__file__).parent
TOOLS = Path(sys.executable).parent
TREE, FACTS = WITHIN / "tree", WITHIN / "work.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A tool, and how often it is measured with so many hosts."""

    name: str
    command: Callable[[int, int], Sequence[str]]
    """From the number of hosts and the serial of the changed file."""
    runs: Mapping[int, tuple[int, int, int]]
    """By number of hosts, how often the first time, unchanged and one file changed are measured."""
    joins: Sequence[int] = ()
    """With how many hosts a host that joins is measured."""
    environment: Mapping[str, str] = field(default_factory=dict)


def hardway(count: int, serial: int, joined: int = 0) -> list[str]:
    numbers = map(str, (count, serial, joined))
    return [sys.executable, "-m", "bench.ssh.by_hardway", *numbers]


def _pyinfra(count: int, _serial: int) -> list[str]:
    return [str(TOOLS / "pyinfra"), "--yes", "--no-wait",
            str(WITHIN / f"inventory_{count}.py"), str(HERE / "pyinfra/deploy.py")]  # fmt: skip


def _ansible(play: str) -> Callable[[int, int], list[str]]:
    def command(count: int, _serial: int) -> list[str]:
        inventory = str(WITHIN / f"inventory_{count}.ini")
        return [str(TOOLS / "ansible-playbook"), "--inventory", inventory,
                "--extra-vars", f"@{FACTS}", str(HERE / "ansible" / play)]  # fmt: skip

    return command


CONFIG = {"ANSIBLE_CONFIG": str(HERE / "ansible/ansible.cfg")}
# Mitogen keeps one Python a host and sends it modules in place of starting one for each.
MITOGEN = {
    **CONFIG,
    "ANSIBLE_STRATEGY": "mitogen_linear",
    "ANSIBLE_STRATEGY_PLUGINS": f"{sysconfig.get_path('purelib')}/ansible_mitogen/plugins/strategy",
}
PLAYERS = (
    Player(name="hardway", command=hardway, joins=(3, 30),
           runs={3: (0, 5, 0), 10: (1, 5, 3), 30: (0, 5, 0), 50: (1, 5, 3), 100: (1, 5, 3)}),
    Player(name="pyinfra", command=_pyinfra, runs={10: (1, 3, 1), 50: (1, 3, 1), 100: (1, 3, 1)}),
    Player(name="ansible-archive", command=_ansible("archive.yml"), environment=CONFIG,
           runs={10: (1, 3, 1), 50: (1, 1, 1), 100: (1, 1, 1)}),
    Player(name="mitogen-archive", command=_ansible("archive.yml"), environment=MITOGEN,
           runs={10: (1, 3, 1), 50: (1, 1, 1)}),
    Player(name="mitogen-files", command=_ansible("files.yml"), environment=MITOGEN,
           runs={10: (1, 1, 0)}),
    Player(name="ansible-files", command=_ansible("files.yml"), environment=CONFIG,
           runs={10: (1, 1, 0)}),
)  # fmt: skip
"""What takes long is measured less often, or with few hosts only."""


def write_inputs(hosts: Sequence[Host], sizes: Sequence[int]) -> None:
    """Write what the tools read from this machine's disk: files, inventories, lists of names."""
    TREE.mkdir()
    for host in hosts:
        work.write_tree(host.name, 0, TREE)
    made = work.desired(hosts[0].name)
    unit_files = [unit.path for unit in made.units]
    units = [{"name": unit.name, "reads": unit.reads} for unit in made.units]
    FACTS.write_text(json.dumps({
        "tree": str(TREE), "files": [f.path for f in made.files], "unit_files": unit_files,
        "modes": {f.path: f"{f.mode:o}" for f in made.files}, "units": units,
    }))  # fmt: skip
    for size in sizes:
        lines = [f"{h.name} ansible_host={h.address}\n" for h in hosts[:size]]
        (WITHIN / f"inventory_{size}.ini").write_text("".join(lines))
        shared = {"ssh_user": "root", "ssh_key": str(OPERATOR), "ssh_allow_agent": False,
                  "ssh_look_for_keys": False, "ssh_known_hosts_file": str(KNOWN_HOSTS),
                  "ssh_strict_host_key_checking": "yes"}  # fmt: skip
        pairs = [(h.name, {**shared, "ssh_hostname": h.address}) for h in hosts[:size]]
        (WITHIN / f"inventory_{size}.py").write_text(f"hosts = {pairs!r}\n")
