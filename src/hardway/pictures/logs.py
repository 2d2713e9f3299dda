"""`kubectl logs` from end to end: the request that touches most of a cluster."""

from hardway.model import ports
from hardway.model.cluster import BALANCED
from hardway.pictures.model import Box, Drawing, Ladder, Message
from hardway.pictures.view import View
from hardway.pki.inventory import ADMINS
from hardway.text import text

KUBECTL, ENDPOINT, API, ETCD, KUBELET = range(5)


def draw(view: View, _argument: str) -> Drawing:
    """Return who asks whom until a log's lines are on the screen."""
    cluster = view.atlas.cluster
    end, worker = cluster.endpoint, next(iter(cluster.workers), None)
    node = worker.name if worker else "NODE"
    balancer = "haproxy" if BALANCED[end.kind] else "load balancer"
    participants = (
        Box("kubectl", ("on this host",), about="kubectl-to-apiserver"),
        Box(balancer, (end.host,), about=end.host),
        Box("kube-apiserver", (cluster.control_planes[0].name,), about="kube-apiserver.service"),
        Box("etcd", (cluster.control_planes[0].name,), about="etcd.service"),
        Box("kubelet", (node,), about="kubelet.service"),
    )
    messages = (
        Message(KUBECTL, ENDPOINT, "TCP",
                text("To {host}:{port}, the server in admin.kubeconfig.", host=end.host,
                     port=end.port)),
        Message(ENDPOINT, API, "TCP",
                text("Bytes are passed on to a ready API server, port {port}; TLS does not end "
                     "here.", port=ports.API.number)),
        Message(KUBECTL, API, "TLS, GET …/log",
                text("kubectl checks the server by the CA in its kubeconfig and shows "
                     "CN=hardway-admin, O={group}.", group=ADMINS)),
        Message(API, API, "who? may they?",
                text("--client-ca-file makes it user hardway-admin; RBAC finds the binding "
                     "{binding} for pods/log.", binding=ADMINS)),
        Message(API, ETCD, "get the pod",
                "Over TLS, with etcd-client.crt: which node runs the pod?"),
        Message(API, KUBELET, "TLS, GET /containerLogs",
                text("To {address}:{port}. The API server checks kubelet's certificate by "
                     "--kubelet-certificate-authority and shows kubelet-client.crt.",
                     address=worker.address if worker else node, port=ports.KUBELET.number)),
        Message(KUBELET, API, "may this user?",
                "SubjectAccessReview, through the endpoint: the binding hardway:kubelet-client "
                "says yes. kubelet remembers that for 5 minutes."),
        Message(KUBELET, KUBELET, "reads the file",
                "/var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log, which containerd's shim wrote."),
        Message(KUBELET, API, "lines"),
        Message(API, KUBECTL, "lines", "The same connections, all the way back."),
    )  # fmt: skip
    return Drawing(
        "kubectl logs, from end to end",
        Ladder(participants, messages),
        "kubectl asks an API server, which asks the kubelet of the pod's node.",
        ("exec, attach and port-forward go the same way; metrics-server goes to kubelets itself.",),
    )
