"""CoreDNS's configuration: what upstream's has, and a place that stays the user's."""

import re
from dataclasses import replace
from typing import Any, cast

import pytest
from tests import support

from hardway.components import gobuild, table
from hardway.steps import dns
from hardway.steps.base import Given

FOLDER = gobuild.MODULES / table.COREDNS.modules
PLUGINS = set(re.findall(r'"github.com/coredns/coredns/plugin/(\w+)"',
                         (FOLDER / "main.go").read_text()))  # fmt: skip
ELSEWHERE = {"import": "", "prometheus": "metrics"}
"""Directives whose plugin has another name, or none: the parser's own."""


@pytest.mark.parametrize("plugin", ["hosts", "rewrite", "template", "file", "log", "etcd", "acl"])
def test_the_build_has_what_people_configure(plugin: str) -> None:
    assert plugin in PLUGINS


def test_the_build_has_what_the_corefile_uses() -> None:
    text = dns.corefile(support.given_topology("3+3"))
    directives = set(re.findall(r"^ {4}(\w+)", text, flags=re.MULTILINE))
    assert len(directives) > 8
    assert {ELSEWHERE.get(d, d) for d in directives} - {""} <= PLUGINS


@pytest.mark.parametrize(
    "module", ["Azure/azure-sdk-for-go", "google.golang.org/api", "aws-sdk-go-v2/service/route53"]
)
def test_the_build_needs_no_sdk_of_a_cloud(module: str) -> None:
    assert module not in (FOLDER / "go.mod").read_text()


def test_a_build_of_our_own_is_another_version_but_the_same_release() -> None:
    assert table.COREDNS.version != table.COREDNS.upstream
    assert table.COREDNS.modules == f"coredns-{table.COREDNS.upstream}"
    assert table.image("coredns").endswith(f":{table.COREDNS.version}")
    assert {c.version for c in table.KUBERNETES.values()} == {
        c.upstream for c in table.KUBERNETES.values()
    }


def test_without_resolvers_nothing_is_forwarded_and_ones_own_part_is_still_read() -> None:
    text = dns.corefile(support.given_topology("host-without-resolvers"))
    assert "forward" not in text
    assert "loop" not in text
    assert f"import {dns.CUSTOM}/*.override" in text


def lacking(topology: str, *names: str) -> Given:
    """Return a cluster some of whose workers have no resolvers."""
    given = support.given_topology(topology)
    host = next(iter(given.hosts.values()))
    hosts = {m.name: replace(host, nameservers=() if m.name in names else ("192.0.2.53",))
             for m in given.cluster.machines}  # fmt: skip
    return replace(given, hosts=hosts)


def affinity(given: Given) -> dict[str, Any]:
    (deployment,) = (m for m in dns.manifests(given) if m["kind"] == "Deployment")
    return cast(dict[str, Any], deployment["spec"]["template"]["spec"]["affinity"])


def test_one_worker_without_resolvers_takes_them_from_nobody() -> None:
    given = lacking("3+3", "worker-1")
    assert "forward . /etc/resolv.conf" in dns.corefile(given)
    (rule,) = affinity(given)["nodeAffinity"].values()
    ((term,),) = (t["matchExpressions"] for t in rule["nodeSelectorTerms"])
    assert term["values"] == ["worker-0", "worker-2"]
    assert "nodeAffinity" not in affinity(lacking("3+3"))


def test_too_few_workers_with_resolvers_for_all_replicas_forward_nothing() -> None:
    given = lacking("3+3", "worker-1", "worker-2")
    assert "forward" not in dns.corefile(given)
    assert "nodeAffinity" not in affinity(given)


def test_the_users_config_map_is_optional_and_never_written() -> None:
    objects = dns.manifests(support.given_topology("1+1"))
    names = [(m["kind"], m["metadata"]["name"]) for m in objects]
    assert ("ConfigMap", "coredns") in names
    assert ("ConfigMap", "coredns-custom") not in names
    deployment = next(m for m in objects if m["kind"] == "Deployment")
    volumes = {v["name"]: v for v in deployment["spec"]["template"]["spec"]["volumes"]}
    sources = [s["configMap"] for s in volumes["custom"]["projected"]["sources"]]
    assert {"name": "coredns-custom", "optional": True} in sources


def test_imports_always_find_a_file() -> None:
    """CoreDNS would warn twice a minute otherwise."""
    objects = dns.manifests(support.given_topology("1+1"))
    config = next(m for m in objects if m["kind"] == "ConfigMap")["data"]
    for ending in re.findall(rf"import {dns.CUSTOM}/\*(\.\w+)", config["Corefile"]):
        assert any(key.endswith(ending) for key in config), ending
