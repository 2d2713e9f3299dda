"""What sections 1.1 and 4.1 have in common: rules about files' modes and owners."""

from dataclasses import replace

from hardway.audit.evidence import Files
from hardway.audit.rules import Answer, Expect, Rule, equals, mode
from hardway.model.checks import Scope
from hardway.render.kubeconfig import FOLDER
from hardway.render.systemd import UNITS

READABLE = mode(0o644)
"""Of files without a secret: everybody may read, root alone writes."""
PRIVATE = mode(0o600)
ROOTS = equals("root:root")
UNIT_MODES = (
    "A unit's text is no secret: each flag is in `ps` as well. systemd warns at each reload about "
    "units that not everybody can read."
)
OWN_USERS = (
    "The component's own user owns what it reads, mode 0600. With root as the owner every "
    "component would have to run as root to read its file."
)
IDENTITY = "A copy of the keys that this file names lets anybody act as this component."


def unit(name: str, scope: Scope) -> Files:
    """Return a unit's file as evidence."""
    return Files((f"{UNITS}/{name}",), scope)


def kubeconfig(name: str, scope: Scope) -> Files:
    """Return a component's kubeconfig as evidence."""
    return Files((f"{FOLDER}/{name}.kubeconfig",), scope)


def own(user: str) -> Expect:
    """Expect files of a component's user and group."""
    return equals(f"{user}:{user}")


def modes(  # noqa: PLR0913, PLR0917 - a row of a table
    id_: str, whose: str, files: Files, expect: Expect, why: str, answer: Answer = Answer.HOLDS
) -> Rule:
    """Return the rule about files' modes."""
    return Rule(id=id_, title=whose, evidence=files, expect=expect, why=why, answer=answer)


def owners(  # noqa: PLR0913, PLR0917 - a row of a table
    id_: str, whose: str, files: Files, expect: Expect, why: str, answer: Answer = Answer.HOLDS
) -> Rule:
    """Return the rule about files' owners."""
    return modes(id_, whose, replace(files, owners=True), expect, why, answer)
