"""What a PEM file on a machine, or on this host, is: by its path, from the tables of the PKI."""

from dataclasses import dataclass
from enum import StrEnum

from hardway.model.cluster import Cluster, Machine
from hardway.pki.inventory import CAS, PUBLIC, SIGNING, TRUSTED, Authority, Wanted, expand

HOST_KUBECONFIGS = "kubeconfigs/"
"""Where kubeconfigs for people are, below the cluster's folder on this host."""


class MaterialKind(StrEnum):
    """Kinds of files that prove something or say whom to believe."""

    CERTIFICATE = "certificate"
    KEY = "private key"
    CA = "CA certificate"
    SIGNING = "signing key"
    VERIFYING = "verifying key"


@dataclass(frozen=True, slots=True)
class Material:
    """A certificate, a key or a CA at a path."""

    kind: MaterialKind
    path: str
    wanted: Wanted | None = None
    """The certificate that it is, or that the key belongs to."""
    ca: Authority | None = None
    """The CA that signed the certificate; of a CA itself."""


def materials(cluster: Cluster, machine: Machine | None) -> dict[str, Material]:
    """Return a machine's key material by path; this host's without a machine.

    This host's are in kubeconfigs, whose paths are below the cluster's folder; the entry's name
    follows the path there.
    """
    authorities = {ca.name: ca for ca in CAS}
    found: dict[str, Material] = {}
    for wanted in expand(cluster):
        row, ca = wanted.row, authorities[wanted.row.ca]
        if machine is None and not wanted.machine:
            path = f"{HOST_KUBECONFIGS}{row.kubeconfig}.kubeconfig"
            own = Material(MaterialKind.CERTIFICATE, path, wanted, ca)
            found[f"{path} client-certificate-data"] = own
            found[f"{path} certificate-authority-data"] = Material(MaterialKind.CA, path, ca=ca)
        elif machine is not None and wanted.machine == machine.name and row.path:
            for suffix, kind in ((".crt", MaterialKind.CERTIFICATE), (".key", MaterialKind.KEY)):
                path = f"{row.path}{suffix}"
                found[path] = Material(kind, path, wanted, ca)
    if machine is None:
        return found
    for role, path, name, _ in TRUSTED:
        if role is machine.role:
            found[path] = Material(MaterialKind.CA, path, ca=authorities[name])
    if machine in cluster.control_planes:
        for path, _, _ in SIGNING:
            found[path] = Material(MaterialKind.SIGNING, path)
        found[PUBLIC] = Material(MaterialKind.VERIFYING, PUBLIC)
    return found
