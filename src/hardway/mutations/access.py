"""Mutations of who may do what, and of objects that people and programs leave."""

from hardway.model.cluster import Role
from hardway.mutations.objects import ETCDCTL, create, delete, grant, remove, restore
from hardway.mutations.row import Mutation, with_workers
from hardway.steps.access import ADMINS

BINDING = f"/registry/clusterrolebindings/{ADMINS}"
RIGHTS = "/registry/clusterrolebindings/hardway:kubelet-client"
REQUEST = "/registry/certificatesigningrequests/waiting"
SECRET = "/registry/secrets/default/of-another-key"  # noqa: S105 - a key in etcd
ROWS = (
    *(
        Mutation(
            name=name, check=check, role=Role.CONTROL_PLANE,
            do=grant(name, group),
            undo=remove(f"/registry/clusterrolebindings/{name}"),
            symptom="Forbidden is gone, for everybody.",
            why=why,
            mend=(f"hardway kubectl delete clusterrolebinding {name}",),
        )
        for name, check, group, why in (
            ("anonymous-is-admin", "nothing-for-anonymous", "system:unauthenticated",
             "The cure for 'cannot list' that is found first gives the cluster to anybody."),
            ("pods-are-admins", "nothing-for-every-account", "system:serviceaccounts",
             "Whoever gets into any one pod has its token: with this binding also the cluster."),
        )
    ),
    Mutation(
        name="rights-at-kubelets-gone", check="kubelet-client-may", role=Role.CONTROL_PLANE,
        where=with_workers,
        do=delete(RIGHTS),
        undo=restore(RIGHTS),
        symptom="kubectl logs: Forbidden (user=kube-apiserver-kubelet-client), after five minutes.",
        why="kubelet asks the API whether the API server may read logs: the right is a binding "
        "like any other. It remembers the last answer for five minutes.",
    ),
    Mutation(
        name="admins-binding-gone", check="admin-may-everything", role=Role.CONTROL_PLANE,
        do=delete(BINDING),
        undo=restore(BINDING),
        symptom="kubectl: forbidden, for every operator.",
        why="A certificate says who somebody is, a binding what they may do. The break-glass "
        "kubeconfig needs no binding.",
    ),
    Mutation(
        name="request-that-nobody-signs", check="no-requests-unsigned", role=Role.CONTROL_PLANE,
        do=create(REQUEST, {
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": "waiting", "uid": "6d75746e-0000-4000-8000-000000000002",
                         "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"request": "", "signerName": "kubernetes.io/kube-apiserver-client",
                     "usages": ["client auth"], "username": "somebody"},
        }),
        undo=remove(REQUEST),
        symptom="A request stays Pending for ever.",
        why="No machine has the CA's key, so that no program signs: a person does, or nobody.",
        mend=("hardway kubectl delete certificatesigningrequest waiting",),
    ),
    Mutation(
        name="secret-of-another-key", check="secrets-readable", role=Role.CONTROL_PLANE,
        do=f"{ETCDCTL} put {SECRET} k8s:enc:secretbox:v1:gone:nobody-reads-this",
        undo=remove(SECRET),
        symptom="kubectl get secrets --all-namespaces fails as a whole.",
        why="One object that no key opens is enough to make a list fail, and API servers that "
        "start never get ready.",
        mend=("hardway unreadable --yes --remove default/of-another-key",),
    ),
)  # fmt: skip
"""Of the steps access and workers."""
