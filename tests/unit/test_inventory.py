"""Clusters that hardway did not make: what their machines really answered, and each rule's red."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from textwrap import dedent

import pytest
from click.testing import CliRunner
from tests.recordings import LAYOUTS, MACHINES, RECORDED, answers, inventory, judged

from hardway.checks.run import Answer
from hardway.cli.verify import verify
from hardway.errors import SpecError, UnknownError, UnsafeError
from hardway.inventory import layouts, look, rules
from hardway.inventory.judge import judge
from hardway.inventory.judged import Judged
from hardway.inventory.look import Seen, parse
from hardway.operations import inventory as operation
from hardway.spec.inventory import Inventory, Places
from hardway.spec.load import load_inventory


def red(found: tuple[Judged, ...] | list[Judged], severity: str = "unsafe") -> set[str]:
    return {f"{one.machine} {one.component} {one.at}" for one in found if one.severity == severity}


def changed(name: str, change: Callable[[str], str], machine: str = "controller-0") -> set[str]:
    """What becomes unsafe by a change of what a machine answered."""
    texts = dict(answers(name))
    before, texts[machine] = texts[machine], change(texts[machine])
    assert texts[machine] != before, "nothing changed"
    after = judge(inventory(name), {m: parse(text) for m, text in texts.items()})
    return red(after) - red(judged(name))


@pytest.mark.parametrize(
    "path",
    sorted(p for p in RECORDED.rglob("*") if p.is_file()),
    ids=lambda p: str(p.relative_to(RECORDED)),
)
def test_what_was_recorded_holds_no_secret(path: Path) -> None:
    text = path.read_text()
    assert "PRIVATE KEY" not in text
    values = re.findall(r"(?:secret|token|password|client-key-data)\"?: *\"?(\S+)", text)
    assert {value.strip('",}]') for value in values} <= {look.REDACTED}


def test_of_kubeadm_is_unsafe_what_is() -> None:
    assert red(judged("kubeadm")) == {
        "controller-0 kube-apiserver --encryption-provider-config",
        "controller-0 kube-apiserver --kubelet-certificate-authority",
        "controller-0 machine kubeconfig for people",
    }


def test_of_kubeadm_differs_what_is_different_by_meaning() -> None:
    differs = red(judged("kubeadm"), "differs")
    assert {
        "controller-0 kube-apiserver --profiling",
        "controller-0 kube-apiserver --audit-log-path",
        "controller-0 kube-apiserver user",
        "controller-0 kube-controller-manager --cluster-signing-key-file",
        "controller-0 machine CA key",
        "controller-0 kubelet process",
        "worker-0 kubelet tlsCertFile",
        "worker-0 kubelet seccompDefault",
    } <= differs
    # Names, paths, addresses and ranges are the layout's own.
    for entry in ("--service-cluster-ip-range", "--advertise-address", "--etcd-servers",
                  "--client-ca-file", "--tls-cert-file", "--service-account-key-file"):  # fmt: skip
        assert f"controller-0 kube-apiserver {entry}" not in differs


def test_of_the_tutorial_is_unsafe_what_is() -> None:
    assert red(judged("tutorial")) == {
        "controller-0 machine one certificate in several roles",
        "controller-0 machine kubeconfig for people",
        "every control plane machine CA of etcd",
    }
    (roles,) = [one for one in judged("tutorial") if "several roles" in one.at
                and one.severity == "unsafe"]  # fmt: skip
    assert roles.found == (
        "/etc/etcd/kubernetes.pem is etcd-server, etcd-peer, apiserver, apiserver-etcd-client, "
        "apiserver-kubelet-client"
    )


FQDN = "kubernetes.default.svc.cluster.local"


def test_of_the_tutorial_its_known_defects_differ() -> None:
    assert {
        f"controller-0 kube-apiserver apiserver certificate: name {FQDN}",
        "controller-0 kube-apiserver what encrypts Secrets",
        "controller-0 kube-controller-manager --bind-address",
        "controller-0 kube-controller-manager --cluster-signing-key-file",
        "controller-0 machine CA key",
        "worker-0 kubelet clusterDNS",
        "worker-0 machine pod network: ipMasq",
    } <= red(judged("tutorial"), "differs")


TUTORIAL_RED = {
    "a range that no certificate names": (
        ("-range=10.35.0.0/24", "-range=10.36.0.0/24"),
        "controller-0 kube-apiserver apiserver certificate: name 10.36.0.1",
    ),
    "no TLS to etcd's clients": (("https://10.232.0.10:2379,", "http://10.232.0.10:2379,"),
                                 "controller-0 etcd --listen-client-urls"),
    "Secrets in clear text": (("- aescbc:", "- identity: {}\n\t      - aescbc:"),
                              "controller-0 kube-apiserver what encrypts Secrets"),
}  # fmt: skip


@pytest.mark.parametrize("what", TUTORIAL_RED)
def test_each_unsafe_change_of_the_tutorial_is_named(what: str) -> None:
    (before, after), entry = TUTORIAL_RED[what]
    assert entry in changed("tutorial", lambda text: text.replace(before, after))


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_judgement_says_why_and_of_whom(name: str) -> None:
    for one in judged(name):
        assert all((one.why, one.expected, one.found, one.at)), one


KEY = "/etc/kubernetes/pki/apiserver.key"
RED = {
    # What is changed in a control plane's answer, and what becomes unsafe.
    "etcd without client certificates":
        (("--client-cert-auth=true", "--client-cert-auth=false"), "etcd --client-cert-auth"),
    "etcd without peers' certificates":
        (("--peer-client-cert-auth=true", "--v=1"), "etcd --peer-client-cert-auth"),
    "etcd in clear text":
        (("--listen-client-urls=https", "--listen-client-urls=http"), "etcd --listen-client-urls"),
    "members in clear text":
        (("--listen-peer-urls=https", "--listen-peer-urls=http"), "etcd --listen-peer-urls"),
    "no authorization":
        (("=Node,RBAC", "=AlwaysAllow"), "kube-apiserver --authorization-mode"),
    "no Node authorizer": (("=Node,RBAC", "=RBAC"), "kube-apiserver --authorization-mode"),
    "no NodeRestriction":
        (("=NodeRestriction", "=LimitRanger"), "kube-apiserver --enable-admission-plugins"),
    "no certificate for kubelets":
        (("--kubelet-client-certificate=", "--x="), "kube-apiserver --kubelet-client-certificate"),
    "tokens in a file":
        (("\t--secure-port=6443", "\t--token-auth-file=/x"), "kube-apiserver --token-auth-file"),
    "another range at the controller manager":
        (("=10.35.0.0/24\n\t--use", "=10.38.0.0/24\n\t--use"),
         "kube-controller-manager --service-cluster-ip-range"),
    "kubelet lets strangers in":
        (("\t  anonymous:\n\t    enabled: false", "\t  anonymous:\n\t    enabled: true"),
         "kubelet authentication.anonymous.enabled"),
    "kubelet allows everything":
        (("\t  mode: Webhook", "\t  mode: AlwaysAllow"), "kubelet authorization.mode"),
    "a key that all can read":
        ((f"|600|root|{KEY}", f"|644|root|{KEY}"), f"kube-apiserver key {KEY}"),
    "another cgroup driver":
        (("SystemdCgroup = false", "SystemdCgroup = true"),
         "machine cgroup driver of containerd"),
    "a kubeconfig without TLS":
        (("    server: https://", "    server: http://"), "kube-scheduler --kubeconfig: server"),
    "a component that does not run": ((" etcd root pod", " other root pod"), "etcd process"),
}  # fmt: skip


@pytest.mark.parametrize("what", RED)
def test_each_unsafe_change_of_a_real_answer_is_named(what: str) -> None:
    (before, after), entry = RED[what]
    assert f"controller-0 {entry}" in changed("kubeadm", lambda text: text.replace(before, after))


def test_every_rule_has_a_red_case_or_is_of_flags_long_gone() -> None:
    covered = {entry.partition(" ")[2].partition(":")[0] for _, entry in RED.values()}
    covered |= {one.partition(" ")[2].partition(" ")[2] for one in red(judged("kubeadm"))}
    gone = {"--insecure-port", "--service-account-lookup"}
    alone = {"readOnlyPort", "authentication.x509.clientCAFile"}
    assert {rule.entry for rule in rules.UNSAFE} <= covered | gone | alone


@pytest.mark.parametrize(
    ("line", "entry"),
    [("readOnlyPort: 10255", "readOnlyPort"), ("authorization: {mode: AlwaysAllow}", "")],
)
def test_settings_that_are_added_to_a_kubelet_are_judged(line: str, entry: str) -> None:
    start = "\tapiVersion: kubelet.config.k8s.io/v1beta1\n"
    found = changed("kubeadm", lambda text: text.replace(start, f"{start}\t{line}\n"), "worker-0")
    assert found == ({f"worker-0 kubelet {entry}"} if entry else set())


def differing(name: str, change: Callable[[str], str], machine: str = "controller-0") -> set[str]:
    """What comes to differ by a change of what a machine answered."""
    texts = dict(answers(name))
    texts[machine] = change(texts[machine])
    after = judge(inventory(name), {m: parse(text) for m, text in texts.items()})
    return red(after, "differs") - red(judged(name), "differs")


DIFFERS = {
    "a route to pods": ("\t10.203.0.0/24 via", "\t10.99.0.0/24 via", "machine 10.203.0.0/24"),
    "forwarding": ("net.ipv4.ip_nonlocal_bind = 1", "x = 1", "machine net.ipv4.ip_nonlocal_bind"),
    "the bridge's gateway": ('"isGateway": true', '"isGateway": false',
                             "machine pod network: isGateway"),
    "the runtime's unit": ("\tDelegate=yes", "\tDelegate=no", "containerd [Service] Delegate"),
    "a file of kube-proxy": ("\tmode: nftables", "\tmode: ipvs", "kube-proxy mode"),
    "a setting of kubelet": ("- 10.35.0.10", "- 10.35.0.11", "kubelet clusterDNS"),
}  # fmt: skip


@pytest.mark.parametrize("what", DIFFERS)
def test_each_change_that_may_be_wanted_differs(what: str) -> None:
    before, after, entry = DIFFERS[what]
    found = [
        differing("kubeadm", lambda text: text.replace(before, after), machine)
        for machine in MACHINES
    ]
    assert any(entry in one for those in found for one in those), found


def test_what_control_planes_must_have_alike_is_compared_by_content() -> None:
    machines = {"controller-0": "controller-0", "controller-1": "controller-0"}
    seen = {name: parse(answers("kubeadm")[source]) for name, source in machines.items()}
    of = inventory("kubeadm")
    second = of.machines[0].model_copy(update={"name": "controller-1", "host": "10.232.0.11"})
    of = of.model_copy(update={"machines": (of.machines[0], second, of.machines[1])})

    def everywhere() -> set[str]:
        return {one for one in red(judge(of, seen)) if one.startswith("every control plane")}

    assert everywhere() == set()
    process = seen["controller-1"].processes["kube-apiserver"]
    key = "/etc/kubernetes/pki/sa.key"
    files = {**process.files, key: replace(process.files[key], public=b"another")}
    other = {**seen["controller-1"].processes, "kube-apiserver": replace(process, files=files)}
    seen["controller-1"] = replace(seen["controller-1"], processes=other)
    assert everywhere() == {"every control plane kube-apiserver --service-account-signing-key-file"}


@pytest.mark.parametrize("seed", range(24))
def test_no_answer_however_odd_is_too_much(seed: int) -> None:
    by = Random(seed)
    of, machine = by.choice(sorted(LAYOUTS)), by.choice(sorted(MACHINES))
    lines = answers(of)[machine].splitlines()
    for _ in range(by.randint(1, 200)):
        number = by.randrange(len(lines))
        line = lines[number]
        lines[number] = by.choice(["", line + "x", line[: len(line) // 2], "\t- [{", "\tx: null",
                                   line.partition(":")[0] + ": null",
                                   line.partition("=")[0] + "=,fd00::/64"])  # fmt: skip
    texts = {**answers(of), machine: "\n".join(lines)}
    try:
        seen = {name: parse(text) for name, text in texts.items()}
    except ValueError:
        # Then nothing is known of the machine.
        return
    judge(inventory(of), seen)


def test_etcds_variables_stand_for_flags() -> None:
    answer = dedent("""\
        == process 7 etcd etcd etcd.service
        \t--name=a
        == environment etcd
        \tETCD_NAME=b
        \tETCD_CLIENT_CERT_AUTH=true
        """)
    assert parse(answer).processes["etcd"].arguments == ("--name=a", "--client-cert-auth=true")


def test_an_edit_that_no_process_runs_with_is_named() -> None:
    path = "/etc/kubernetes/manifests/etcd.yaml"
    texts = dict(answers("kubeadm"))
    seen = {machine: parse(text) for machine, text in texts.items()}
    manifest = seen["controller-0"].files[path]
    edited = replace(manifest, content=manifest.content.replace(b"snapshot-count=10000",
                                                                b"snapshot-count=99"))  # fmt: skip
    one: Seen = seen["controller-0"]
    seen["controller-0"] = replace(one, files={**one.files, path: edited})
    found = judge(inventory(), seen)
    assert "controller-0 etcd --snapshot-count since the start" in red(found, "differs")
    assert not [j for j in judged("kubeadm") if "since the start" in j.at]


def test_what_shows_an_entry_shows_no_secret() -> None:
    for name in LAYOUTS:
        for one in judged(name):
            shown = operation._shows(one)
            holds_keys = "kubeconfig" in one.at or "encrypts" in one.at or one.at.startswith("key")
            assert not (holds_keys and shown.startswith("cat")), one


def test_the_question_prints_no_private_key_and_changes_nothing() -> None:
    script = look.question(layouts.LAYOUTS["kubeadm"], ["a.b"]).text
    assert not re.search(r"(?m)^\s*(rm|mv|cp|tee|kill|systemctl (?!cat))\b", script)
    assert " >/" not in script.replace(">/dev/null", "")


def written(folder: Path, text: str) -> Path:
    path = folder / "inventory.yaml"
    path.write_text(dedent(text))
    return path


def test_all_that_is_wrong_in_the_file_is_said_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, """\
        layout: rancher
        machines:
        - {name: a, role: worker, host: 192.0.2.1, prot: 22}
        """)  # fmt: skip
    with pytest.raises(SpecError) as error:
        load_inventory(path)
    assert f"{path}:1: layout" in str(error.value)
    assert f"{path}:3: machines[0].prot: is not a field here; did you mean port?" in str(
        error.value
    )
    path = written(tmp_path, """\
        layout: {kubeconfigs: [/root/.kube/config]}
        machines:
        - {name: a, role: worker}
        - {name: a, role: worker}
        """)  # fmt: skip
    with pytest.raises(SpecError) as error:
        load_inventory(path)
    assert error.value.problems == (
        f"{path}:4: machines[1].name: a is the name of another machine too",
        f"{path}:2: machines: none is a control plane",
    )
    with pytest.raises(SpecError, match="No such file"):
        load_inventory(tmp_path / "none")


def test_a_layout_of_ones_own_is_a_mapping() -> None:
    own = Places(kubeconfigs=("/root/.kube/config",))
    assert layouts.places(inventory({"kubeconfigs": ["/root/.kube/config"]})) == own
    assert layouts.places(inventory("tutorial")) == layouts.LAYOUTS["tutorial"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[Path, None]]:
    def prepare(**said: Answer) -> tuple[Path, None]:
        texts = {machine: Answer(text) for machine, text in answers("kubeadm").items()}

        async def ask(_: Inventory) -> dict[str, Answer]:
            return {**texts, **{name.replace("_", "-"): one for name, one in said.items()}}

        monkeypatch.setattr(operation, "ask", ask)
        content = inventory().model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return written(tmp_path, json.dumps(content)), None

    return prepare


def test_the_command_prints_machine_by_machine_and_fails_where_something_is_unsafe(
    asked: Callable[..., tuple[Path, None]],
) -> None:
    path, _ = asked()
    refused = CliRunner().invoke(verify, ["--inventory", str(path), "--output", "junit"])
    assert "not junit" in refused.output
    done = CliRunner().invoke(verify, ["--inventory", str(path)])
    assert isinstance(done.exception, UnsafeError)
    assert done.exception.exit_code == 1
    assert "controller-0 (control-plane)" in done.output
    assert "unsafe     --kubelet-certificate-authority" in done.output
    assert "see        ssh 10.232.0.10 -- 'pgrep -af kube-apiserver'" in done.output
    assert done.output.splitlines()[-1].startswith("3 unsafe, ")


def test_json_has_every_entry_and_a_silent_machine_is_unknown(
    asked: Callable[..., tuple[Path, None]],
) -> None:
    path, _ = asked(worker_0=Answer(silence="no answer within 20 s"))
    done = CliRunner().invoke(verify, ["--inventory", str(path), "--output", "json"])
    assert isinstance(done.exception, UnsafeError)
    said = json.loads(done.output)
    assert said["machines"] == {"controller-0": "control-plane", "worker-0": "worker"}
    (silent,) = [one for one in said["entries"] if one["machine"] == "worker-0"]
    assert (silent["severity"], silent["found"]) == ("unknown", "no answer within 20 s")
    path, _ = asked(controller_0=Answer(silence="x"), worker_0=Answer("sh: not found"))
    done = CliRunner().invoke(verify, ["--inventory", str(path)])
    assert isinstance(done.exception, UnknownError)
    assert "sh: not found" in done.output
