"""Where machines come from; one row for each kind of `provider` in hardway.yaml."""

from collections.abc import Callable, Mapping
from pathlib import Path

from hardway.providers.base import Provider
from hardway.providers.local import registry
from hardway.providers.local.provider import LocalProvider
from hardway.spec.schema import ClusterSpec


def _ssh(spec: ClusterSpec, folder: Path, cache: Path) -> Provider:
    from hardway.providers.ssh.provider import SshProvider  # noqa: PLC0415 - no other needs it

    return SshProvider(spec, folder, cache)


def _aws(spec: ClusterSpec, folder: Path, cache: Path) -> Provider:
    from hardway.providers.aws.provider import AwsProvider  # noqa: PLC0415 - no other needs it

    return AwsProvider(spec, folder, cache)


PROVIDERS: Mapping[str, Callable[[ClusterSpec, Path, Path], Provider]] = {
    "local": LocalProvider,
    "ssh": _ssh,
    "aws": _aws,
}
"""By name: makes a provider from the spec, the cluster's own folder and the cache."""

BY_NAME: Mapping[str, Callable[[], Mapping[str, Path]]] = {"local": registry.folders}
"""Providers that need no hardway.yaml to remove a cluster: each knows those of this host by name,
and each one's own folder."""
