"""CoreDNS's configuration: what upstream's has, and a place that stays the user's."""

import re

import pytest
from tests import support

from hardway.components import gobuild, table
from hardway.steps import dns

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
