"""What there is to say of a cluster that hardway did not make; its machines are only read."""

import asyncio
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hardway.checks.ask import of_machine
from hardway.inventory.judge import judge
from hardway.inventory.judged import Judged, Severity
from hardway.inventory.layouts import places
from hardway.inventory.look import PROGRAMS, Seen, parse, question
from hardway.model.checks import Answer
from hardway.providers.hosts.password import Password
from hardway.spec.inventory import Found, Inventory
from hardway.spec.load import load_inventory
from hardway.spec.ssh import Ssh
from hardway.steps.machines import SYSCTLS
from hardway.text import reason, text
from hardway.transport import ssh
from hardway.transport.target import Target, login

ANSWERS_S = 20.0
SETTINGS = sorted({row.name for rows in SYSCTLS.values() for row in rows})


@dataclass(frozen=True, slots=True)
class Verified:
    """A cluster that others made, judged."""

    machines: Mapping[str, str]
    """Roles by machine."""
    entries: tuple[Judged, ...]


async def verify(path: Path) -> Verified:
    """Ask every machine of an inventory once, and judge what they answer.

    Raises:
        SpecError: with everything that is wrong in the file.
    """
    inventory = load_inventory(path)
    targets = {machine.name: _target(inventory, machine) for machine in inventory.machines}
    seen: dict[str, Seen] = {}
    silent: dict[str, str] = {}
    for name, answer in (await ask(inventory)).items():
        try:
            seen[name] = parse(answer.text)
        except ValueError as error:
            silent[name] = answer.silence or reason(error)
    entries = [
        *judge(inventory, seen),
        *(
            Judged(machine=name, component="machine", at=text("answer"), expected=text("an answer"),
                   found=why, severity=Severity.UNKNOWN,
                   why=text("Nothing is known of this machine."))
            for name, why in silent.items()
        ),
    ]  # fmt: skip
    roles = {machine.name: machine.role for machine in inventory.machines}
    return Verified(roles, tuple(_with_see(targets, one) for one in entries))


async def ask(inventory: Inventory) -> dict[str, Answer]:
    """Return what each machine answers to the one question that it is asked."""
    targets = [_target(inventory, machine) for machine in inventory.machines]
    asked = question(places(inventory), SETTINGS)
    async with ssh.connect(targets, timeout_s=ANSWERS_S, password=Password()) as fleet:
        names = [target.machine for target in targets]
        answers = await asyncio.gather(*(of_machine(fleet, name, [asked]) for name in names))
    return {name: answer for name, (answer,) in zip(names, answers, strict=True)}


def _target(inventory: Inventory, machine: Found) -> Target:
    chosen = {
        name: getattr(machine, name) or getattr(inventory.ssh, name) for name in Ssh.model_fields
    }
    return Target(machine.name, machine.host or machine.name, known_hosts=None, **chosen)


def _with_see(targets: Mapping[str, Target], one: Judged) -> Judged:
    """Return a judgement with the command that shows the same."""
    target = targets.get(one.machine)
    command = _shows(one)
    if target is None or not command:
        return one
    way = shlex.join([*login(target), "--"])
    return replace(one, see=text("{way} {command}", way=way, command=shlex.quote(command)))


def _shows(one: Judged) -> str:
    """Return a command that shows an entry on its machine, and no secret."""
    if one.where:
        commands = (command for pattern, command in SHOWS if re.search(pattern, one.at))
        return next(commands).replace("PATH", shlex.quote(one.where))
    if one.component in PROGRAMS:
        return f"pgrep -af {one.component}"
    return f"sysctl {one.at}" if one.at in SETTINGS else ""


EMBEDDED = "sed -n 's/.*client-certificate-data: //p' PATH | base64 -d"
SHOWS = (
    ("^(key|CA key|data folder)", "ls -ld PATH"),
    ("kubeconfig: (server|insecure)", "grep -E 'server:|insecure' PATH"),
    ("kubeconfig", f"{EMBEDDED} | openssl x509 -noout -subject -issuer -enddate"),
    ("certificate", "openssl x509 -noout -text -in PATH"),
    ("encrypts", "grep -oE '(identity|aescbc|aesgcm|secretbox|kms):' PATH"),
    ("", "cat PATH"),
)  # fmt: skip
"""What shows an entry in a file, by the entry."""
