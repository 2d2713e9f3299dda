"""kube-bench's configuration for hardway's layout, from the constants that the steps render with.

kube-bench looks for the files of kubeadm's layout, and for pods in place of units. This file tells
it where hardway has them; the rules themselves stay kube-bench's.
"""

from hardway.audit.rules import BENCHMARK
from hardway.model.rows import Setting
from hardway.pki.inventory import APISERVER, KCM, SCHEDULER
from hardway.render.config import yaml_text
from hardway.render.kubeconfig import FOLDER
from hardway.render.systemd import UNITS
from hardway.steps import apiserver, etcd, kube_proxy, kubelet

TARGETS = {
    "control plane": ("master", "etcd", "controlplane"),
    "worker": ("node",),
    "this host": ("policies",),
}
"""kube-bench's targets, by where each of them is run."""
BASH = "kube-bench's test is written for bash; Debian's sh makes it end in a warning."
DIFFERS = {
    "1.1.10": "kube-bench looks on control planes, which have no pods and no network plugin here.",
    "5.1.1": BASH,
    "5.1.3": BASH,
    "5.1.5": "kube-bench asks each account `default` to refuse tokens, used or not; hardway asks "
    "whether a pod has one.",
    "5.1.6": "kube-bench counts CoreDNS, which needs its token.",
}
"""Rules that hold, and of which kube-bench says something else, with the reason."""
HEADER = (
    "kube-bench's configuration for machines that hardway made: where its layout has the files "
    "that kube-bench looks for. README.md beside this file says how to run it."
)


def _kubeconfig(name: str) -> str:
    return f"{FOLDER}/{name}.kubeconfig"


API = {"bins": [APISERVER], "defaultconf": f"{UNITS}/{apiserver.UNIT}"}
ETCD = {"bins": ["etcd"], "defaultconf": f"{UNITS}/{etcd.UNIT}", "defaultdatadir": etcd.DATA}
MASTER = {
    "components": ["apiserver", "scheduler", "controllermanager", "etcd", "kubelet"],
    "apiserver": API,
    "scheduler": {
        "bins": [SCHEDULER],
        "defaultconf": f"{UNITS}/{SCHEDULER}.service",
        "defaultkubeconfig": _kubeconfig(SCHEDULER),
    },
    "controllermanager": {
        "bins": [KCM],
        "defaultconf": f"{UNITS}/{KCM}.service",
        "defaultkubeconfig": _kubeconfig(KCM),
    },
    "etcd": ETCD,
    "kubelet": {"optional": True, "bins": ["kubelet"]},
}
NODE = {
    "components": ["kubelet", "proxy"],
    "kubelet": {
        "bins": ["kubelet"],
        "defaultconf": kubelet.CONFIG,
        "defaultsvc": f"{UNITS}/{kubelet.UNIT}",
        "defaultkubeconfig": kubelet.KUBECONFIG,
        "defaultcafile": kubelet.CA,
    },
    "proxy": {
        "bins": ["kube-proxy"],
        "defaultconf": kube_proxy.CONFIG,
        "defaultkubeconfig": kube_proxy.KUBECONFIG,
    },
}
SETTINGS = (
    Setting("master", MASTER, "Control planes: units in place of pods' manifests."),
    Setting("node", NODE, "Workers."),
    Setting("etcd", {"components": ["etcd"], "etcd": ETCD}, "etcd is on control planes."),
    Setting("controlplane", {"components": ["apiserver"], "apiserver": API},
            "Configuration of the control plane."),
    Setting("policies", {"components": list[str]()}, "Policies are asked of the API."),
    Setting("target_mapping", {BENCHMARK: [t for own in TARGETS.values() for t in own]},
            "The targets that the benchmark has."),
)  # fmt: skip


def config() -> bytes:
    """Return config.yaml."""
    return yaml_text(HEADER, SETTINGS)


def readme() -> bytes:
    """Return how it is run."""
    runs = "\n".join(
        f"- on {'' if place == 'this host' else 'a '}{place}: `{_command(targets)}`"
        for place, targets in TARGETS.items()
    )
    return README.format(benchmark=BENCHMARK, runs=runs).encode()


def _command(targets: tuple[str, ...]) -> str:
    return (
        f"./kube-bench run --benchmark {BENCHMARK} --config-dir cfg --config config.yaml "
        f"--targets {','.join(targets)}"
    )


README = """\
# kube-bench on machines of hardway's

`config.yaml` tells kube-bench where this layout has its units, kubeconfigs and data.

1. Get kube-bench with its folder `cfg` (https://github.com/aquasecurity/kube-bench), one that \
knows {benchmark}.
2. Copy both and `config.yaml` to the machine, for instance to /tmp.
3. Run there, as root:

{runs}

Policies need kubectl, jq and a kubeconfig (`hardway kubeconfig`), which this host has and no \
machine.

`hardway audit` asks the same and more without kube-bench: it says why, and judges by hardway's \
answers. Where the two differ, docs/cis.md has the reason.
"""
