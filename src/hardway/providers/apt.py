"""What this host's own apt knows: its release, and where that has its packages."""

import platform

from hardway.host import run_now

TARGETS = "$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)"


def sources(of: str, keyring: str = "") -> str:
    """Return a sources.list(5) with a suite, as this host's own has this host's suite.

    With the updates and security fixes that it has, from the mirrors it has them from, signed by
    one of a keyring if that is said. Empty where apt has no source of its own suite.

    Raises:
        CommandError: there is no apt, or it cannot read its sources.
    """
    own = suite()
    found = run_now(["apt-get", "indextargets", "--format", TARGETS, "Created-By: Packages"])
    keys = f"[signed-by={keyring}] " if keyring else ""
    lines: dict[str, None] = {}
    for target in found.splitlines():
        uri, release, component = target.split("\t")
        name, _, pocket = release.partition("-")
        if name == own and pocket in {"", "updates", "security"}:
            lines[f"deb {keys}{uri} {of}{release.removeprefix(own)} {component}\n"] = None
    return "".join(lines)


def suite() -> str:
    """Return the suite of this host's distribution, e.g. `bookworm`."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME") or "bookworm"
