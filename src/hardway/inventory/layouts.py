"""Where things are that no running process names, by the layout's name."""

from collections.abc import Mapping

from hardway.inventory.look import PROGRAMS
from hardway.spec.inventory import Inventory, Places

UNITS = {name: f"/etc/systemd/system/{name}.service" for name in PROGRAMS}
STATIC = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

LAYOUTS: Mapping[str, Places] = {
    "kubeadm": Places(
        sources={name: f"/etc/kubernetes/manifests/{name}.yaml" for name in STATIC},
        kubeconfigs=("/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf"),
        authority_keys=("/etc/kubernetes/pki/ca.key", "/etc/kubernetes/pki/etcd/ca.key",
                        "/etc/kubernetes/pki/front-proxy-ca.key"),
    ),
    "tutorial": Places(
        sources=UNITS,
        kubeconfigs=("/root/admin.kubeconfig", "/var/lib/kubernetes/admin.kubeconfig"),
        authority_keys=("/var/lib/kubernetes/ca-key.pem", "/root/ca-key.pem"),
    ),
    "hardway": Places(sources=UNITS),
}  # fmt: skip


def places(inventory: Inventory) -> Places:
    """Return where things are in a cluster."""
    layout = inventory.layout
    return layout if isinstance(layout, Places) else LAYOUTS[layout]
