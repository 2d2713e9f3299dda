"""Kubeconfigs: where a client finds the API, whom it trusts, and who it is, in one file."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hardway.model.cluster import API_PORT, Cluster, Machine, Role
from hardway.model.resources import File
from hardway.model.rows import Setting, quiet
from hardway.pki.inventory import ETC, Certificate, expand
from hardway.pki.values import Pair, Secrets
from hardway.render.config import yaml_file, yaml_text

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


def kubeconfigs_for(cluster: Cluster, machine: Machine) -> tuple[File, ...]:
    """Return the kubeconfigs of a machine's clients.

    They name files: clients read a certificate again when it has changed (docs/adr/0025).
    """
    return tuple(
        _file(cluster, server(cluster, machine), wanted.row)
        for wanted in expand(cluster)
        if wanted.machine == machine.name and wanted.row.kubeconfig
    )


def _file(cluster: Cluster, url: str, row: Certificate) -> File:
    at = {"server": url, "certificate-authority": f"{ETC}/ca.crt"}
    identity = {"client-certificate": f"{row.path}.crt", "client-key": f"{row.path}.key"}
    names = Names(cluster.name, row.name, cluster.name)
    settings = _settings(names, at, identity)
    file = yaml_file(path(row), _header(names, url), settings, why=row.why)
    return replace(file, mode=0o600, owner=row.owner)


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
    return yaml_text(_header(names, url), _settings(names, at, identity))


def _settings(
    names: Names, at: Mapping[str, str], identity: Mapping[str, str]
) -> tuple[Setting, ...]:
    """Return the entries of a kubeconfig for one user of one cluster."""
    context = {"cluster": names.cluster, "user": names.user}
    return (
        quiet("apiVersion", "v1", "The format's version."),
        quiet("kind", "Config", "What kind of file this is."),
        quiet("clusters", [{"name": names.cluster, "cluster": dict(at)}],
              "Where the API is, and the CA that must have signed its certificate."),
        quiet("users", [{"name": names.user, "user": dict(identity)}],
              "The certificate that says who the client is."),
        quiet("contexts", [{"name": names.context, "context": context}],
              "Which of the users goes to which of the clusters."),
        quiet("current-context", names.context, "What is used without asking for a context."),
    )  # fmt: skip


def _header(names: Names, url: str) -> str:
    return f"The API at {url}, which the CA below must have signed for; as {names.user}."


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
