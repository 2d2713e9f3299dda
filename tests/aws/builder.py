"""What tests of provider aws begin with: clusters of any hardway.yaml on the fake AWS."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.aws.tap import Tap
from tests.aws.trial import TIMING

from hardway.errors import HardwayError
from hardway.model.cluster import Cluster
from hardway.model.resolve import resolve
from hardway.providers.aws.provider import AwsProvider
from hardway.spec.load import parse

REGION = "ap-northeast-2"
OPERATOR = "203.0.113.7/32"


@dataclass
class Site:
    """A cluster in the account, as one operator's folder knows it."""

    tap: Tap
    provider: AwsProvider
    cluster: Cluster
    said: list[str] = field(default_factory=list)
    """What was told as progress."""

    def say(self, _machine: str, text: str) -> None:
        self.said.append(text)

    def up(self) -> list[str]:
        """Make it; return the calls that wrote."""
        before = len(self.tap.calls)
        asyncio.run(self.provider.ensure(self.cluster, self.say))
        return writes(self.tap.actions[before:])

    def down(self) -> list[str]:
        """Remove it; return the calls that wrote."""
        before = len(self.tap.calls)
        asyncio.run(self.provider.destroy(self.cluster.name, self.say))
        return writes(self.tap.actions[before:])

    def preflight(self) -> None:
        asyncio.run(self.provider.preflight(self.cluster))

    def records(self) -> Path:
        return self.provider.folder / "aws.json"


def site(tap: Tap, folder: Path, *, machines: str = "1, workers: 1", aws: str = "",
         more: str = "") -> Site:  # fmt: skip
    """Return a cluster of which nothing is made yet; `aws` and `more` are lines of hardway.yaml."""
    extra = f", {aws}" if aws else ""
    text = (
        f"name: demo\nprovider: aws\nmachines: {{controlPlanes: {machines}}}\n"
        f"aws: {{region: {REGION}, operators: [{OPERATOR}]{extra}}}\n{more}\n"
    )
    loaded = parse(text, "hardway.yaml")
    provider = AwsProvider(loaded.spec, folder / "demo", folder / "cache", TIMING)
    return Site(tap, provider, resolve(loaded, "1.37.2"))


def writes(actions: Sequence[str]) -> list[str]:
    """Return the calls that change something, without their service."""
    names = [action.partition(":")[2] for action in actions]
    return [name for name in names if not name.startswith(("Describe", "Get"))]


@contextmanager
def refused(error: type[HardwayError], *words: str) -> Iterator[None]:
    """Expect an error that says all of these words, in its message or its hint."""
    with pytest.raises(error) as caught:
        yield
    said = f"{caught.value}\n{caught.value.hint}"
    missing = [word for word in words if word not in said]
    assert not missing, said


def instances(tap: Tap) -> dict[str, Any]:
    """Return the instances that are not terminated, by what they are in their cluster."""
    alive = (i for i in tap.world.instances() if i.state != "terminated")
    return {next(t["value"] for t in i.get_tags() if t["key"] == "hardway.dev/role"): i
            for i in alive}  # fmt: skip
