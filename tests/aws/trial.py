"""A cluster of provider aws on the fake AWS, with no machine behind it: made, removed."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from tests.aws.tap import Tap

from hardway.model.cluster import Cluster, Machine
from hardway.model.resolve import resolve
from hardway.providers.aws import api, hostkeys
from hardway.providers.aws.api import Timing
from hardway.providers.aws.provider import AwsProvider
from hardway.spec.load import parse

SPEC = """name: trial
provider: aws
machines: {controlPlanes: CONTROL_PLANES, workers: WORKERS}
network: {nodes: 10.248.0.0/16, pods: 10.208.0.0/16, services: 10.38.0.0/24}
aws: {region: ap-northeast-2, operators: [192.0.2.10/32]}
"""
TIMING = Timing(
    poll_s=0.001, consistency_s=0.05, pass_s=0.001, removal_s=300, running_s=300, answers_s=300
)
"""What takes time on AWS takes looks here, and how long these take depends on what else this host
does: nobody gives up by these limits but a test that is about giving up."""


@dataclass(frozen=True)
class Trial:
    """A cluster, as one folder on the operator's host and one account know it."""

    tap: Tap
    folder: Path
    provider: AwsProvider
    cluster: Cluster

    def up(self) -> None:
        """Do what `hardway up` does until machines answer."""
        asyncio.run(self._anew().ensure(self.cluster, lambda *_: None))

    def down(self) -> None:
        """Do what `hardway down` does."""
        asyncio.run(self._anew().destroy(self.cluster.name, lambda *_: None))

    def preflight(self) -> None:
        """Do what `hardway up` does first."""
        asyncio.run(self._anew().preflight(self.cluster))

    def stop(self, machine: Machine) -> None:
        """Do what `hardway machine stop` does."""
        asyncio.run(self._anew().stop(self.cluster, machine, force=False))

    def _anew(self) -> AwsProvider:
        """Return a provider that remembers nothing but what is in the folder."""
        return replace(self.provider)

    def kinds(self) -> Counter[str]:
        """Return how many of each kind of thing are there."""
        return Counter(
            name.split(":")[5].split("/")[0] if name.startswith("arn:") else name.split("-")[0]
            for name in self.tap.left
        )


def trial(
    tap: Tap, folder: Path, *, control_planes: int = 1, workers: int = 1, timing: Timing = TIMING
) -> Trial:
    """Return a cluster of which nothing is made yet."""
    text = SPEC.replace("CONTROL_PLANES", str(control_planes)).replace("WORKERS", str(workers))
    loaded = parse(text, "hardway.yaml")
    provider = AwsProvider(loaded.spec, folder, folder / "cache", timing)
    return Trial(tap, folder, provider, resolve(loaded, "1.37.2"))


@contextmanager
def quick() -> Iterator[None]:
    """Spare what costs time and is not what is tried: clients made anew, pauses, machines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.Clients, "of", lambda self, *which: _client(self.region, *which))
        patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
        patch.setattr(hostkeys, "replace", _no_machines)
        # Of a provider that the command line makes.
        patch.setattr(AwsProvider.__init__, "__defaults__", (TIMING,))
        yield


async def _no_machines(*_: Any) -> None:
    """Wait for no machine: there is none."""


@cache
def _client(region: str, service: str, attempts: int = api.ATTEMPTS) -> Any:
    return api.Clients(region, None)._make(service, attempts)


def writing(actions: Sequence[str]) -> list[int]:
    """Return the numbers of the calls that change something, from 1."""
    reads = ("Describe", "Get")
    return [n for n, a in enumerate(actions, 1) if not a.partition(":")[2].startswith(reads)]
