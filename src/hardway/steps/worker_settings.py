"""Checks of what kubelet, kube-proxy and containerd really run with. Rows of the step workers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardway.model.checks import (
    CLUSTER,
    NODES,
    WORKERS,
    Answer,
    Check,
    Judgement,
    Kubectl,
    Occasion,
    Sh,
    Subject,
    Where,
    judged,
    says,
)
from hardway.model.rows import Setting
from hardway.steps import containerd, kube_proxy, kubelet
from hardway.steps.base import API, CURL
from hardway.steps.certificate_checks import TLS
from hardway.text import text

NAME = "workers"
KUBELET_CLIENT = "kube-apiserver-kubelet-client"


def _differences(wanted: Any, found: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield where what is wanted is not in what is found, with both values.

    Settings that are found beside it are defaults: no process runs without any.
    """
    if isinstance(wanted, Mapping):
        there = found or {}
        for key, value in wanted.items():
            yield from _differences(value, there.get(key), f"{path}.{key}" if path else key)
    # What has its zero value is left out of the answer.
    elif wanted != found and (wanted or found):
        yield path, wanted, found


def _judged(rows: Sequence[Setting], running: Mapping[str, Any]) -> tuple[Judgement]:
    wanted = {row.name: row.value for row in rows}
    differ = list(_differences(wanted, running))
    alike = text("{count} settings, as hardway gives them", count=len(wanted))
    if not differ:
        return judged(alike, alike)
    return judged(", ".join(f"{path}: {_short(right)}" for path, right, _ in differ),
                  ", ".join(f"{path}: {_short(seen)}" for path, _, seen in differ),
                  holds=False)  # fmt: skip


def _short(value: Any) -> str:
    return json.dumps(value)


def _kubelet(subject: Subject, answer: Answer) -> tuple[Judgement]:
    running = json.loads(answer.text)["kubeletconfig"]
    return _judged((*kubelet.access(), *kubelet.names(subject.cluster)), running)


def _proxy(subject: Subject, answer: Answer) -> tuple[Judgement]:
    running = json.loads(answer.text)["kubeproxy.config.k8s.io"]
    return _judged(kube_proxy.packets(subject.cluster, subject.machine), running)


CLIENT = "/etc/kubernetes/pki/kube-apiserver/kubelet-client"
CONFIGZ = Sh(
    f"{CURL} --cacert /etc/kubernetes/pki/ca.crt --cert {CLIENT}.crt --key {CLIENT}.key "
    f"https://<ADDRESS>:{kubelet.PORT}/configz",
    Where.CONTROL_PLANE,
)
"""As API servers ask: with the certificate that they show to kubelets."""

CGROUPS = Sh(f"""sed -n 's/^cgroupDriver: /kubelet /p' {kubelet.CONFIG}
sed -n 's/^ *SystemdCgroup = /containerd /p' {containerd.CONFIG}""")
DRIVERS = {"true": "systemd", "false": "cgroupfs"}


def _cgroups(_subject: Subject, answer: Answer) -> tuple[Judgement, ...]:
    said = dict(line.split() for line in answer.text.splitlines())
    runtime = DRIVERS.get(said.get("containerd", "false"), said.get("containerd", ""))
    own = said.get("kubelet", "cgroupfs").strip('"')
    return judged(text("one manager"), text("one manager") if own == runtime else
                  text("kubelet: {kubelet}, containerd: {containerd}", kubelet=own,
                       containerd=runtime))  # fmt: skip


MAY = ("auth", "can-i", "create", "nodes", "--subresource=proxy", "--all-namespaces")
"""Exec in a pod is a creation there. `nodes/proxy` would be a node called proxy. With a namespace
kubectl warns that nodes are in none, and its answer is lost beside that."""


CHECKS = (
    Check(name="kubelet-settings", step=NAME, scope=NODES, judge=_kubelet, when=Occasion.ASKED,
          ask=CONFIGZ,
          # A flag weighs more than the file.
          causes=("kubelet-healthy", "kubelet-flags", *API, "kubelet-client-may",
                  "files-as-given", *TLS),
          anywhere=("ports-reached",),
          why="a kubelet runs with what it read at its start; one that lets anonymous clients in "
          "makes them root on its node",
          see="hardway kubectl get --raw=/api/v1/nodes/<MACHINE>/proxy/configz"),
    Check(name="kube-proxy-settings", step=NAME, scope=WORKERS, judge=_proxy, when=Occasion.ASKED,
          ask=Sh(f"{CURL} http://127.0.0.1:<METRICS>/configz"),
          words=lambda _: {"METRICS": str(kube_proxy.METRICS_PORT)},
          causes=("kube-proxy-healthy", "kube-proxy-flags", "files-as-given"),
          why="kube-proxy runs with what it read at its start",
          see="hardway ssh <MACHINE> -- curl --silent http://127.0.0.1:<METRICS>/configz"),
    Check(name="cgroup-managers-same", step=NAME, scope=WORKERS, ask=CGROUPS, judge=_cgroups,
          when=Occasion.ASKED, causes=("files-as-given",),
          why="two managers of one tree of control groups lose containers: pods restart for no "
          "reason",
          see=f"hardway ssh <MACHINE> -- grep -i cgroup {kubelet.CONFIG} {containerd.CONFIG}"),
    Check(name="kubelet-client-may", step=NAME, scope=CLUSTER, judge=says("yes"),
          when=Occasion.ASKED,
          ask=Kubectl((*MAY, f"--as={KUBELET_CLIENT}")),
          causes=API,
          why="kubelets ask the API server whether the name in its own certificate may fetch logs "
          "and run exec",
          see=f"hardway kubectl {' '.join(MAY)} --as={KUBELET_CLIENT}"),
)  # fmt: skip
