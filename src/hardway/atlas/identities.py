"""The table of identities: as whom clients are known, and what decides what they may do."""

from dataclasses import dataclass

from hardway.pki.inventory import ADMINS


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A row: a user or a group of the API, or the owner of a certificate elsewhere."""

    name: str
    """`{machine}` stands for any machine's name."""
    is_group: bool = False
    grants: str
    """What gives it its rights: an authorizer, or the binding and the role."""
    can: str
    """What it may do, in words."""
    see: str
    """A command that shows it."""


def _can_list(name: str, *, group: str = "") -> str:
    as_group = f" --as-group={group}" if group else ""
    return f"hardway kubectl auth can-i --list --as={name}{as_group}"


IDENTITIES = (
    Identity(
        name="system:node:{machine}",
        grants="The Node authorizer, by the group system:nodes in the same certificate; no "
        "binding.",
        can="Read the pods on its own node, and the Secrets and ConfigMaps that these use; write "
        "its own Node and the status of its pods.",
        see=_can_list("system:node:<MACHINE>", group="system:nodes"),
    ),
    Identity(
        name="system:nodes", is_group=True,
        grants="The Node authorizer and the admission plugin NodeRestriction look for this group.",
        can="What the Node authorizer gives the member: its own node and pods.",
        see=_can_list("system:node:<MACHINE>", group="system:nodes"),
    ),
    Identity(
        name="system:kube-controller-manager",
        grants="ClusterRoleBinding system:kube-controller-manager, which the API server makes.",
        can="Take its lease, make tokens for its controllers' service accounts, read most kinds.",
        see=_can_list("system:kube-controller-manager"),
    ),
    Identity(
        name="system:kube-scheduler",
        grants="ClusterRoleBindings system:kube-scheduler and system:volume-scheduler, which the "
        "API server makes.",
        can="Read pods and nodes, bind pods to nodes, write events.",
        see=_can_list("system:kube-scheduler"),
    ),
    Identity(
        name="system:kube-proxy",
        grants="ClusterRoleBinding system:node-proxier, which the API server makes.",
        can="Read Services, EndpointSlices and Nodes; write events.",
        see=_can_list("system:kube-proxy"),
    ),
    Identity(
        name="kube-apiserver-kubelet-client",
        grants="ClusterRoleBinding hardway:kubelet-client to the role system:kubelet-api-admin; "
        "kubelets ask for it by SubjectAccessReview.",
        can="Read logs and metrics of nodes and run exec in their pods.",
        see=_can_list("kube-apiserver-kubelet-client"),
    ),
    Identity(
        name="hardway-admin",
        grants="The group in its certificate, by a binding that can be taken back.",
        can="Everything, as a member of its group.",
        see=_can_list("hardway-admin", group=ADMINS),
    ),
    Identity(
        name=ADMINS, is_group=True,
        grants="ClusterRoleBinding hardway:admins to the role cluster-admin.",
        can="Everything, until the binding is deleted.",
        see="hardway kubectl get clusterrolebinding hardway:admins --output=yaml",
    ),
    Identity(
        name="hardway-break-glass",
        grants="The group system:masters in its certificate; no binding.",
        can="Everything, also when RBAC is broken.",
        see=_can_list("hardway-break-glass", group="system:masters"),
    ),
    Identity(
        name="system:masters", is_group=True,
        grants="The API server itself: the group passes by all authorizers. A leaked certificate "
        "of it can be stopped by a new CA only.",
        can="Everything, whatever bindings say.",
        see="hardway certs",
    ),
    Identity(
        name="kube-apiserver",
        grants="Nothing: etcd asks only whether its CA signed the certificate.",
        can="Read and write all of etcd.",
        see="hardway certs",
    ),
    Identity(
        name="etcdctl",
        grants="Nothing: etcd asks only whether its CA signed the certificate.",
        can="Read and write all of etcd.",
        see="hardway certs",
    ),
    Identity(
        name="front-proxy-client",
        grants="--requestheader-allowed-names: aggregated APIs believe its header X-Remote-User.",
        can="Act as any user, towards aggregated APIs only.",
        see="hardway kubectl get configmap extension-apiserver-authentication "
        "--namespace=kube-system --output=yaml",
    ),
    Identity(
        name="system:serviceaccount:kube-system:coredns",
        grants="ClusterRoleBinding system:coredns to the role system:coredns.",
        can="List and watch Services, EndpointSlices and Namespaces.",
        see=_can_list("system:serviceaccount:kube-system:coredns"),
    ),
    Identity(
        name="system:anonymous",
        grants="authentication.yaml: on a few paths a request without credentials is this user.",
        can="Ask for /livez, /readyz and /healthz; any other path is refused with 401.",
        see="curl --insecure https://<ENDPOINT>:<PORT>/readyz",
    ),
    Identity(
        name="system:unauthenticated", is_group=True,
        grants="The group of system:anonymous; the API server makes the binding "
        "system:public-info-viewer.",
        can="Ask for health and the version, on the paths that authentication.yaml names.",
        see="hardway kubectl get clusterrolebinding system:public-info-viewer --output=yaml",
    ),
)  # fmt: skip


def identity(name: str) -> Identity | None:
    """Return the row of a user or group; a node's for each node's name."""
    for row in IDENTITIES:
        prefix, hole, _ = row.name.partition("{machine}")
        if name == row.name or (hole and name.startswith(prefix)):
            return row
    return None
