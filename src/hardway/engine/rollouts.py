"""Deployments whose pods have to be made anew: by itself that would take minutes. Pure."""

from collections.abc import Collection, Iterator, Sequence

from hardway.model.names import API
from hardway.model.objects import identity, refused
from hardway.model.resources import Change, Kind, Manifest
from hardway.text import text

DEPLOYMENT = "Deployment"


def lacking(wanted: Sequence[Manifest], there: Sequence[Manifest]) -> list[Manifest]:
    """Return those of the wanted Deployments that the API has, and too few pods of."""
    names = {identity(o) for o in wanted if o["kind"] == DEPLOYMENT}
    return [o for o in there if identity(o) in names and _lacks(o)]


def _lacks(deployment: Manifest) -> bool:
    return bool(deployment.get("status", {}).get("unavailableReplicas"))


def changes(
    step: str,
    wanted: Sequence[Manifest],
    there: Sequence[Manifest],
    crashing: Collection[str],
    applied: Sequence[Change],
) -> Iterator[Change]:
    """Yield a change for each of a step's Deployments that is to make its pods anew.

    `crashing` are the identities of Deployments whose pods crash again and again; `applied` are
    the changes of objects.
    """
    found = {identity(o): o for o in there}
    edited = {c.path_or_unit for c in applied if c.path_or_unit in found and not c.prose}
    for manifest in wanted:
        name = identity(manifest)
        if manifest["kind"] == DEPLOYMENT and name in found:
            read = [o for o in _config_maps(manifest) if o in edited]
            if why := _why(found[name], name in crashing, read):
                yield Change(machine=API, step=step, kind=Kind.ROLLOUT, path_or_unit=name,
                             item=manifest, diff=why)  # fmt: skip


def _why(found: Manifest, crashes: bool, edited: Sequence[str]) -> str:
    # The condition outlives what it tells of by a moment.
    if _lacks(found) and (said := refused(found)):
        # Its controller's pauses grow to 16 minutes (client-go, DefaultControllerRateLimiter).
        return text("the API refused its pods, and they are not tried again for minutes: {said}",
                    said=said)  # fmt: skip
    if crashes:
        return text("its pods crash, and are not started again for minutes")
    if edited:
        return text("its pods would go on with the former {objects} for up to two minutes",
                    objects=", ".join(edited))  # fmt: skip
    return ""


def _config_maps(deployment: Manifest) -> Iterator[str]:
    """Yield the identities of the ConfigMaps that a Deployment's pods have as files."""
    namespace = deployment["metadata"]["namespace"]
    for volume in deployment["spec"]["template"]["spec"].get("volumes", ()):
        for source in volume.get("projected", {}).get("sources", ()):
            if "configMap" in source:
                yield f"ConfigMap/{namespace}/{source['configMap']['name']}"
