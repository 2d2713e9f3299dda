"""Pods that ask for more than a rule of the benchmark allows. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hardway.audit.evidence import Listing, Select
from hardway.model.resources import Manifest
from hardway.text import text

PODS = Listing("pods", ("Pod", "Deployment"))
SPACES = Listing("namespaces,networkpolicies", ("Namespace", "NetworkPolicy"))
DNS = ("kube-system", "coredns")
"""The account of hardway's own pods, which needs its token to list Services."""
NEEDED = {"NET_BIND_SERVICE"}
"""The capability that the standard `restricted` allows as well."""

Spec = dict[str, Any]


def pods_with(has: Callable[[Spec], bool], what: str) -> Select:
    """Select pods of whose spec something is so."""

    def select(objects: Sequence[Manifest]) -> dict[str, str]:
        return {name: what for name, spec in _specs(objects) if has(spec)}

    return select


def containers_with(has: Callable[[Spec], bool], what: str) -> Select:
    """Select pods of any of whose containers something is so.

    A container is seen with its pod's security context below its own.
    """
    return pods_with(lambda spec: any(map(has, _containers(spec))), what)


def _specs(objects: Sequence[Manifest]) -> Iterator[tuple[str, Spec]]:
    for item in objects:
        space, name = item["metadata"].get("namespace", "default"), item["metadata"]["name"]
        spec = item["spec"] if item["kind"] == "Pod" else item["spec"]["template"]["spec"]
        yield f"{space}/{name}", {"kind": item["kind"], "namespace": space, **spec}


def _containers(spec: Spec) -> Iterator[Spec]:
    outer = spec.get("securityContext") or {}
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            yield {**container, "securityContext": {**outer, **_context(container)}}


def _context(container: Spec) -> Spec:
    return container.get("securityContext") or {}


def _added(container: Spec) -> set[str]:
    return set((_context(container).get("capabilities") or {}).get("add") or ())


def privileged(container: Spec) -> bool:
    """Return whether it is as good as root on its node."""
    return _context(container).get("privileged") is True


def escalates(container: Spec) -> bool:
    """Return whether a setuid program in it may get more rights than it has."""
    return _context(container).get("allowPrivilegeEscalation") is not False


def as_root(container: Spec) -> bool:
    """Return whether nothing keeps its processes from being root's."""
    context = _context(container)
    return context.get("runAsNonRoot") is not True and not context.get("runAsUser")


def raw_sockets(container: Spec) -> bool:
    """Return whether it may forge packets: runtimes give NET_RAW unless it is dropped."""
    dropped = (_context(container).get("capabilities") or {}).get("drop") or ()
    return "NET_RAW" in _added(container) or not {"ALL", "NET_RAW"} & set(dropped)


def added_capabilities(container: Spec) -> bool:
    """Return whether it has capabilities beyond what a runtime gives."""
    return bool(_added(container) - NEEDED)


def host_process(container: Spec) -> bool:
    """Return whether it is a process of a Windows node itself."""
    return (_context(container).get("windowsOptions") or {}).get("hostProcess") is True


def host_ports(container: Spec) -> bool:
    """Return whether it takes a port of its node."""
    return any(port.get("hostPort") for port in container.get("ports") or ())


def unconfined(container: Spec) -> bool:
    """Return whether it asks for no filter of system calls."""
    return (_context(container).get("seccompProfile") or {}).get("type") == "Unconfined"


def no_context(container: Spec) -> bool:
    """Return whether nothing is said about its rights."""
    return not _context(container)


def secrets_in_environment(container: Spec) -> bool:
    """Return whether variables come from Secrets."""
    named = [v.get("valueFrom") or {} for v in container.get("env") or ()]
    return any("secretKeyRef" in source for source in named) or any(
        "secretRef" in source for source in container.get("envFrom") or ()
    )


def host_paths(spec: Spec) -> bool:
    """Return whether a folder of the node is mounted."""
    return any("hostPath" in volume for volume in spec.get("volumes") or ())


def default_account(spec: Spec) -> bool:
    """Return whether it has a token of its namespace's default account."""
    return spec.get("serviceAccountName", "default") == "default" and _token(spec)


def token(spec: Spec) -> bool:
    """Return whether it has a token: CoreDNS apart."""
    return (spec["namespace"], spec.get("serviceAccountName")) != DNS and _token(spec)


def _token(spec: Spec) -> bool:
    """Return whether a token is mounted, as the API server adds it; of templates whether it may."""
    if spec["kind"] != "Pod":
        return spec.get("automountServiceAccountToken") is not False
    return any(
        "serviceAccountToken" in source
        for volume in spec.get("volumes") or ()
        for source in (volume.get("projected") or {}).get("sources") or ()
    )


def in_default(spec: Spec) -> bool:
    """Return whether it is in the namespace `default`."""
    return bool(spec["namespace"] == "default")


def without_policy(objects: Sequence[Manifest]) -> dict[str, str]:
    """Return namespaces that have no NetworkPolicy."""
    kept = {o["metadata"]["namespace"] for o in objects if o["kind"] == "NetworkPolicy"}
    names = [o["metadata"]["name"] for o in objects if o["kind"] == "Namespace"]
    return {name: text("has no NetworkPolicy") for name in names if name not in kept}
