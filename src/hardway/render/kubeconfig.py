"""Kubeconfigs: where a client finds the API, whom it trusts, and who it is, in one file."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from hardway.model.cluster import API_PORT, Cluster, Machine, Role
from hardway.model.resources import File
from hardway.pki.inventory import Certificate, expand
from hardway.pki.values import Pair, Secrets
from hardway.render.config import comment, dump

FOLDER = "/etc/kubernetes"


@dataclass(frozen=True, slots=True)
class Names:
    """What the parts of a kubeconfig are called in it."""

    cluster: str
    user: str
    context: str


def server(cluster: Cluster, machine: Machine | None) -> str:
    """Return the URL by which clients on a machine (None: on this host) reach the API.

    On control planes the API server next door, so that no controller is newer than its API server
    in an upgrade (docs/adr/0005); everywhere else the endpoint.
    """
    if machine is not None and machine.role is Role.CONTROL_PLANE:
        return f"https://{machine.address}:{API_PORT}"
    return (cluster.api_from_here if machine is None else cluster.endpoint).url


def path(row: Certificate) -> str:
    """Return where on its machines the kubeconfig with a certificate is."""
    return f"{FOLDER}/{row.kubeconfig}.kubeconfig"


def kubeconfigs_for(cluster: Cluster, machine: Machine, secrets: Secrets) -> tuple[File, ...]:
    """Return the kubeconfigs of a machine's clients."""
    return tuple(
        File(
            path=path(wanted.row),
            content=_text(Names(cluster.name, wanted.row.name, cluster.name),
                          server(cluster, machine),
                          secrets.cas["kubernetes"].bundle, secrets.certificates[wanted.id]),
            mode=0o600,
            owner=wanted.row.owner,
            secret=True,
            commented=True,
            why=wanted.row.why,
        )
        for wanted in expand(cluster)
        if wanted.machine == machine.name and wanted.row.kubeconfig
    )  # fmt: skip


def host_kubeconfigs(cluster: Cluster, secrets: Secrets) -> Mapping[str, bytes]:
    """Return the kubeconfigs for people on this host, by file name.

    All names in them begin with the cluster's: kubectl merges files of several clusters by them.
    """
    return {
        f"{wanted.row.kubeconfig}.kubeconfig": _text(
            _of_people(cluster, wanted.row.name), server(cluster, None),
            secrets.cas["kubernetes"].bundle, secrets.certificates[wanted.id],
        )
        for wanted in expand(cluster)
        if not wanted.machine
    }  # fmt: skip


def _of_people(cluster: Cluster, user: str) -> Names:
    name = f"hardway-{cluster.name}"
    return Names(cluster=name, user=f"{name}-{user}", context=f"{name}-{user}")


def _text(names: Names, url: str, ca: bytes, pair: Pair) -> bytes:
    at = {"server": url, "certificate-authority-data": _base64(ca)}
    identity = {
        "client-certificate-data": _base64(pair.certificate),
        "client-key-data": _base64(pair.key),
    }
    context = {"cluster": names.cluster, "user": names.user}
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": names.cluster, "cluster": at}],
        "users": [{"name": names.user, "user": identity}],
        "contexts": [{"name": names.context, "context": context}],
        "current-context": names.context,
    }
    head = comment(f"The API at {url}, which the CA below must have signed for; as {names.user}.")
    return (head + dump(value)).encode()


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
