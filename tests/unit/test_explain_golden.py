"""Answers as people read them, written down: HARDWAY_GOLDEN=write renews them."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click
import pytest
from tests import views

from hardway.cli.explain import lines
from hardway.explain.index import Index, answer_about
from hardway.explain.scene import NOBODY_ASKED

FOLDER = Path(__file__).parents[1] / "golden_explain"
ASKED: Mapping[str, tuple[str, bool]] = {
    "address-of-service-kubernetes": ("10.32.0.1", True),
    "address-of-dns": ("10.32.0.10", False),
    "address-of-a-pod": ("10.200.1.7", False),
    "certificate-apiserver": ("apiserver", True),
    "certificate-kubelet": ("certificate kubelet", False),
    "file-ca": ("worker-1:/etc/kubernetes/pki/ca.crt", False),
    "file-service-account-key": ("/etc/kubernetes/pki/kube-apiserver/service-account.key", False),
    "file-kubeconfig": ("/etc/kubernetes/kubelet.kubeconfig", False),
    "etcd-ca": ("etcd-ca", False),
    "connection-apiserver-to-etcd": ("kube-apiserver to etcd", True),
    "connection-apiserver-to-kubelet": ("apiserver-to-kubelet", False),
    "connection-pod-to-apiserver": ("pod to kube-apiserver", False),
    "flag-etcd-cafile": ("--etcd-cafile", True),
    "flag-service-cluster-ip-range": ("kube-apiserver --service-cluster-ip-range", False),
    "setting-cluster-dns": ("clusterDNS", True),
    "port-6443": (":6443", False),
    "port-10250": ("10250", False),
    "range-of-a-worker": ("10.200.1.0/24", False),
    "identity-of-a-node": ("system:node:worker-0", False),
    "identity-masters": ("system:masters", False),
    "unit-kubelet": ("kubelet", False),
    "machine-controller-0": ("controller-0", False),
    "step-certificates": ("step certificates", False),
    "check-pod-routes": ("pod-routes", False),
    "object-kubelet-client": ("ClusterRoleBinding/hardway:kubelet-client", False),
    "error-name": (
        (
            "Unable to connect to the server: tls: failed to verify certificate: x509: "
            "certificate is valid for 10.240.0.10, 10.32.0.1, not 10.0.0.1"
        ),
        False,
    ),
    "error-logs": (
        (
            "Error from server (Forbidden): Forbidden (user=kubernetes, verb=get, resource=nodes, "
            "subresource(s)=[proxy])"
        ),
        True,
    ),
    "error-timeout": (
        (
            "Nov 26 10:11:12 worker-0 kubelet[612]: E1126 10:11:12.131415     612 some.go:204] "
            '"Failed to watch" err="Get \\"https://10.240.0.100:6443/api/v1/nodes\\": dial tcp '
            '10.240.0.100:6443: i/o timeout"'
        ),
        False,
    ),
}
"""What is asked, and whether all is shown."""


@pytest.fixture(name="index")
def whole() -> Index:
    return views.index()


@pytest.mark.parametrize("name", ASKED)
def test_an_answer_reads_as_written_down(
    index: Index, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("HARDWAY_LANG", "en")
    asked, more = ASKED[name]
    found = index.find(asked)
    assert found
    (thing,) = found.things
    answer = answer_about(thing, replace(NOBODY_ASKED, machine=found.machine))
    read = "".join(f"{click.unstyle(line)}\n" for line in lines(answer, more=more))
    file = FOLDER / f"{name}.txt"
    if os.environ.get("HARDWAY_GOLDEN") == "write":
        FOLDER.mkdir(exist_ok=True)
        file.write_text(read)
    assert read == file.read_text()


def test_no_answer_is_left_over() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(ASKED)
