"""The section `ssh` of hardway.yaml: how machines that exist already are reached."""

from pathlib import Path

from pydantic import Field

from hardway.spec.part import Part


class Ssh(Part):
    """How machines are reached; each machine may say otherwise for itself.

    What is said nowhere here comes from ~/.ssh/config, then from ssh's own defaults.
    """

    user: str | None = Field(
        None, pattern=r"^[a-z_][a-z0-9_-]*$", description="Login: root, or a user with sudo."
    )
    port: int | None = Field(None, ge=1, le=65535, description="Port of the SSH server.")
    key: Path | None = Field(None, description="Private key; without one the agent's.")
    bastion: str | None = Field(
        None, pattern=r"^([^@\s]+@)?[^@:\s]+(:\d+)?$",
        description="Host in between: [user@]host[:port].",
    )  # fmt: skip
    config: Path | None = Field(None, description="In place of ~/.ssh/config.")
