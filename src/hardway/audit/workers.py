"""Section 4: files and settings of kubelet and kube-proxy."""

from hardway.audit.evidence import Document, Entries, Files, Flags
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
from hardway.audit.rules import (
    PRESENT,
    STRONG,
    Answer,
    Expect,
    Rule,
    absent_or,
    at_least,
    equals,
)
from hardway.model import ports
from hardway.model.checks import NODES, WORKERS, Kubectl, Sh
from hardway.steps import kube_proxy, kubelet
from hardway.steps.base import CURL
from hardway.text import text

RUNNING = "/api/v1/nodes/<MACHINE>/proxy/configz"
KUBELET = Document(
    kubelet.CONFIG, NODES, Kubectl(("get", "--raw", RUNNING)),
    f"hardway kubectl get --raw {RUNNING}", root="kubeletconfig",
)  # fmt: skip
"""What kubelet itself says that it runs with: its file, its flags and its defaults."""
METRICS = f"http://127.0.0.1:{ports.KUBE_PROXY_METRICS.number}/configz"
KUBE_PROXY = Document(
    kube_proxy.CONFIG, WORKERS, Sh(f"{CURL} {METRICS}"),
    f"hardway ssh <MACHINE> -- curl --silent {METRICS}", root="kubeproxy.config.k8s.io",
)  # fmt: skip
UNIT = unit(kubelet.UNIT, WORKERS)
CONFIG = Files((kubelet.CONFIG,), WORKERS)
KUBELET_CONFIG, PROXY_CONFIG = (kubeconfig(name, WORKERS) for name in ("kubelet", "kube-proxy"))
CA = Files((kubelet.CA,), WORKERS)
ROTATION = "RotateKubeletServerCertificate"

NOT_ZERO = Expect(text("not 0"), lambda _, words: words[-1].strip("0hms") != "")
NOT_ALL = Expect(
    text("not AlwaysAllow"), lambda _, words: bool(words) and words[-1] != "AlwaysAllow"
)
LOOPBACK = Expect(
    text("at loopback"), lambda _, words: words[-1].startswith(("127.0.0.1", "[::1]"))
)


def _kubelet(*names: str) -> Entries:
    return Entries(KUBELET, names)


RULES = (
    modes("4.1.1", "kubelet's service file: mode 600", UNIT, READABLE, UNIT_MODES,
          Answer.DECLINED),
    owners("4.1.2", "kubelet's service file: owner root", UNIT, ROOTS,
           "A user that can write this file is root on the node."),
    modes("4.1.3", "kube-proxy's kubeconfig: mode 600", PROXY_CONFIG, PRIVATE, IDENTITY),
    owners("4.1.4", "kube-proxy's kubeconfig: owner root", PROXY_CONFIG, own(kube_proxy.USER),
           OWN_USERS, Answer.STRICTER),
    modes("4.1.5", "kubelet's kubeconfig: mode 600", KUBELET_CONFIG, PRIVATE, IDENTITY),
    owners("4.1.6", "kubelet's kubeconfig: owner root", KUBELET_CONFIG, ROOTS,
           "Another owner could send kubelet to an API server that runs any pod on the node."),
    modes("4.1.7", "kubelet's CA for clients: mode 644", CA, READABLE,
          "A user that can write this file decides whom kubelet serves: exec in each pod."),
    owners("4.1.8", "kubelet's CA for clients: owner root", CA, ROOTS,
           "A file's owner can write it, whatever its mode is."),
    modes("4.1.9", "kubelet's configuration: mode 600", CONFIG, PRIVATE,
          "It says what protects the node, and what does not."),
    owners("4.1.10", "kubelet's configuration: owner root", CONFIG, ROOTS,
           "A user that can write this file can let strangers in."),
    Rule(id="4.2.1", title="kubelet serves no anonymous clients",
         evidence=_kubelet("authentication.anonymous.enabled"), expect=equals("false"),
         why="Otherwise any client that reaches the port can run commands in each pod of the "
             "node."),
    Rule(id="4.2.2", title="kubelet asks whether a client may",
         evidence=_kubelet("authorization.mode"), expect=NOT_ALL,
         why="Otherwise each client with a certificate of the cluster can run commands in each "
             "pod."),
    Rule(id="4.2.3", title="kubelet checks clients' certificates",
         evidence=_kubelet("authentication.x509.clientCAFile"), expect=PRESENT,
         why="Without it kubelet cannot tell the API server from strangers."),
    Rule(id="4.2.4", title="kubelet has no port without authentication",
         evidence=_kubelet("readOnlyPort"), expect=absent_or(equals("0")),
         why="That port tells everybody about all pods, with their environment."),
    Rule(id="4.2.5", title="idle streams end",
         evidence=_kubelet("streamingConnectionIdleTimeout"), expect=absent_or(NOT_ZERO),
         why="Without it forgotten sessions of exec and port-forward stay open for ever."),
    Rule(id="4.2.6", title="kubelet makes its chains of iptables",
         evidence=_kubelet("makeIPTablesUtilChains"), expect=absent_or(equals("true")),
         why="Programs look for these chains to tell which form of iptables the node uses."),
    Rule(id="4.2.7", title="kubelet's name is the host's",
         evidence=Flags(kubelet.UNIT, ("--hostname-override",), WORKERS), expect=PRESENT,
         answer=Answer.DECLINED,
         why="The node has the machine's name in hardway.yaml, as its certificate says, whatever "
         "the host calls itself."),
    Rule(id="4.2.8", title="kubelet's events are recorded and limited",
         evidence=_kubelet("eventRecordQPS"), expect=absent_or(at_least(0)),
         why="With too few, what happened to a pod is lost; without a limit one node floods the "
             "API."),
    Rule(id="4.2.9", title="kubelet serves with a certificate",
         evidence=_kubelet("tlsCertFile", "tlsPrivateKeyFile"), expect=PRESENT,
         why="Without it kubelet makes up a certificate that no API server can check."),
    Rule(id="4.2.10", title="kubelet renews its client certificate",
         evidence=_kubelet("rotateCertificates"), expect=absent_or(equals("false")),
         answer=Answer.DECLINED,
         why="hardway renews kubelets' certificates. There is no signer in the cluster, since no "
         "CA key is on any machine: a kubelet that waits for one loses its certificate at its "
         "end."),
    Rule(id="4.2.11", title="renewal of kubelet's server certificate is not switched off",
         evidence=_kubelet(f"featureGates.{ROTATION}"), expect=absent_or(equals("true")),
         why="With the feature off, a kubelet that is told to renew its server certificate never "
             "gets one."),
    Rule(id="4.2.12", title="strong cipher suites",
         evidence=_kubelet("tlsCipherSuites"), expect=STRONG,
         why="With other suites a recorded session of exec can be read later with the server's "
             "key."),
    Rule(id="4.2.13", title="a pod's processes are limited",
         evidence=_kubelet("podPidsLimit"), expect=at_least(1),
         why="Without it a pod that forks without end leaves the node no process numbers."),
    Rule(id="4.2.14", title="pods get the runtime's filter of system calls",
         evidence=_kubelet("seccompDefault"), expect=equals("true"),
         why="Without it containers can make system calls that they never need and attackers do."),
    Rule(id="4.3.1", title="kube-proxy's metrics are at loopback only",
         evidence=Entries(KUBE_PROXY, ("metricsBindAddress",)), expect=absent_or(LOOPBACK),
         why="At another address the whole network can read which Services there are and where "
             "their pods run."),
)  # fmt: skip
