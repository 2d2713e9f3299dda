"""Section 1.1: files of the control plane, who may read them and who owns them."""

from hardway.audit.evidence import Files
from hardway.audit.files import (
    IDENTITY,
    OWN_USERS,
    PRIVATE,
    READABLE,
    ROOTS,
    UNIT_MODES,
    kubeconfig,
    modes,
    own,
    owners,
    unit,
)
from hardway.audit.rules import ABSENT, Answer, Expect, mode
from hardway.model.checks import CONTROL_PLANES, WORKERS
from hardway.pki.inventory import ETC, KCM, SCHEDULER
from hardway.render.kubeconfig import FOLDER
from hardway.steps import apiserver, etcd
from hardway.steps.containerd import CNI_CONFIG
from hardway.text import text

REPLACED = "A user that can write this file decides what runs as that component."
NO_ADMIN = "No machine has an admin's kubeconfig: it stays in the cluster's folder."
OWN_FOLDER = Expect(
    text("root, or the user that the folder is named for"),
    lambda path, words: words[0] in {"root:root", _of_folder(path)},
)


def _of_folder(path: str) -> str:
    user = path.split("/")[-2]
    return f"{user}:{user}"


API_UNIT = unit(apiserver.UNIT, CONTROL_PLANES)
KCM_UNIT = unit(f"{KCM}.service", CONTROL_PLANES)
SCHEDULER_UNIT = unit(f"{SCHEDULER}.service", CONTROL_PLANES)
ETCD_UNIT = unit(etcd.UNIT, CONTROL_PLANES)
ETCD_DATA = Files((etcd.DATA,), CONTROL_PLANES)
ADMIN = Files((f"{FOLDER}/admin.conf", f"{FOLDER}/super-admin.conf"), CONTROL_PLANES)
KCM_CONFIG, SCHEDULER_CONFIG = (kubeconfig(name, CONTROL_PLANES) for name in (KCM, SCHEDULER))
CNI = Files((CNI_CONFIG, "/var/lib/cni/networks"), WORKERS, below="*")
PKI, CERTIFICATES, KEYS = (
    Files((ETC,), CONTROL_PLANES, below=names) for names in ("*", "*.crt", "*.key")
)

RULES = (
    modes("1.1.1", "API server's specification file: mode 600", API_UNIT, READABLE, UNIT_MODES,
          Answer.DECLINED),
    owners("1.1.2", "API server's specification file: owner root", API_UNIT, ROOTS, REPLACED),
    modes("1.1.3", "controller manager's specification file: mode 600", KCM_UNIT, READABLE,
          UNIT_MODES, Answer.DECLINED),
    owners("1.1.4", "controller manager's specification file: owner root", KCM_UNIT, ROOTS,
           REPLACED),
    modes("1.1.5", "scheduler's specification file: mode 600", SCHEDULER_UNIT, READABLE,
          UNIT_MODES, Answer.DECLINED),
    owners("1.1.6", "scheduler's specification file: owner root", SCHEDULER_UNIT, ROOTS, REPLACED),
    modes("1.1.7", "etcd's specification file: mode 600", ETCD_UNIT, READABLE, UNIT_MODES,
          Answer.DECLINED),
    owners("1.1.8", "etcd's specification file: owner root", ETCD_UNIT, ROOTS, REPLACED),
    modes("1.1.9", "network plugin's files: mode 600", CNI, mode(0o755),
          "The configuration says ranges and the MTU, which each pod sees as well. Root alone may "
          "write it, and what lies beside it.", Answer.DECLINED),
    owners("1.1.10", "network plugin's files: owner root", CNI, ROOTS,
           "The runtime runs as root the programs that the configuration names."),
    modes("1.1.11", "etcd's data: mode 700", ETCD_DATA, mode(0o700),
          "A user that can read etcd's files reads all objects without asking the API."),
    owners("1.1.12", "etcd's data: owner etcd", ETCD_DATA, own("etcd"),
           "No other service's user can then read or replace the cluster's data."),
    modes("1.1.13", "admin's kubeconfig: mode 600", ADMIN, ABSENT, NO_ADMIN,
          Answer.NOT_APPLICABLE),
    owners("1.1.14", "admin's kubeconfig: owner root", ADMIN, ABSENT, NO_ADMIN,
           Answer.NOT_APPLICABLE),
    modes("1.1.15", "scheduler's kubeconfig: mode 600", SCHEDULER_CONFIG, PRIVATE, IDENTITY),
    owners("1.1.16", "scheduler's kubeconfig: owner root", SCHEDULER_CONFIG, own(SCHEDULER),
           OWN_USERS, Answer.STRICTER),
    modes("1.1.17", "controller manager's kubeconfig: mode 600", KCM_CONFIG, PRIVATE, IDENTITY),
    owners("1.1.18", "controller manager's kubeconfig: owner root", KCM_CONFIG, own(KCM),
           OWN_USERS, Answer.STRICTER),
    owners("1.1.19", "Kubernetes' certificates and keys: owner root", PKI, OWN_FOLDER, OWN_USERS,
           Answer.STRICTER),
    modes("1.1.20", "certificates: mode 644", CERTIFICATES, READABLE,
          "Certificates are public, but a user that can write a CA's file decides whom the API "
          "server believes."),
    modes("1.1.21", "keys: mode 600", KEYS, PRIVATE,
          "A user that reads a key can pose as the service that it belongs to."),
)  # fmt: skip
