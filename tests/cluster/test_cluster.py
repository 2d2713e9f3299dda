"""The real thing: used, changed behind its back, killed, and taken apart."""

import json
import os
import random
import signal
import stat
import time
from pathlib import Path

import pytest
from tests.cluster.conftest import Hardway, host_state, spec

CONTROL_PLANES = ["controller-0", "controller-1", "controller-2"]
WORKERS = ["worker-0", "worker-1", "worker-2"]
UNITS = {
    "controller-0": ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
                     "haproxy", "keepalived"],
    "worker-0": ["containerd", "kubelet", "kube-proxy"],
}  # fmt: skip


def processes(cluster: Hardway) -> dict[str, str]:
    """Return the main process of each unit, to see whether any was restarted."""
    return {
        machine: cluster.on(
            machine, f"systemctl show --property=MainPID,ExecMainStartTimestamp {' '.join(units)}"
        )
        for machine, units in UNITS.items()
    }


def test_all_checks_of_all_steps_hold(cluster: Hardway) -> None:
    findings = cluster.json("verify")["findings"]
    steps = [s["name"] for s in cluster.json("steps")["steps"]]
    assert {f["step"] for f in findings} == set(steps)
    assert all(f["ok"] for f in findings)
    names = {"check", "step", "machine", "ok", "expected", "found", "why", "see", "verdict",
             "severity", "subject", "asked", "answer", "causes", "anywhere", "due",
             "follows_from", "cure", "said"}  # fmt: skip
    assert all(set(f) == names and f["why"] and f["see"] and f["asked"] for f in findings)


@pytest.mark.skipif("HARDWAY_TEST_CLUSTER" in os.environ, reason="others have worked on it")
def test_nothing_was_started_in_vain(cluster: Hardway) -> None:
    for machine, units in UNITS.items():
        shown = cluster.on(machine, f"systemctl show --property=NRestarts {' '.join(units)}")
        assert set(shown.split()) == {"NRestarts=0"}
        assert cluster.on(machine, "journalctl --boot _PID=1 | grep -c Reloading").strip() == "1"


def test_status(cluster: Hardway) -> None:
    status = cluster.json("status")
    assert [m["state"] for m in status["machines"]] == ["running"] * 6
    assert set(status["machines"][0]) == {"name", "role", "address", "state"}
    assert status["etcd"]["members"] == status["etcd"]["healthy"] == 3
    assert status["etcd"]["leader"] in CONTROL_PLANES
    assert status["control_planes"] == [{"name": n, "healthy": True} for n in CONTROL_PLANES]
    assert status["endpoint"]["address"] == "10.244.0.100"
    assert status["endpoint"]["healthy"]
    assert status["endpoint"]["holder"] in CONTROL_PLANES
    assert status["nodes"] == [{"name": n, "ready": True, "version": "v1.37.2"} for n in WORKERS]


def test_again_changes_nothing_and_restarts_nothing(cluster: Hardway) -> None:
    before, lines = processes(cluster), cluster.journal_lines()
    cluster("up")
    assert cluster.changed_since(lines) == []
    assert processes(cluster) == before
    assert cluster.plan() == []


def test_changed_comments_are_all_that_is_planned_and_repaired_and_restart_nobody(
    cluster: Hardway,
) -> None:
    path, unit = "/etc/haproxy/haproxy.cfg", "haproxy.service"
    policy = "/etc/kubernetes/audit-policy.yaml"
    cluster.on("controller-1", f"echo '# somebody was here' >>{policy}")
    cluster.on("controller-2", f"echo '# somebody was here' >>{path}; systemctl restart {unit}")
    assert cluster.plan() == [("controller-1", "update", policy), ("controller-2", "update", path)]
    shown = cluster.json("plan")["changes"][0]["diff"]
    assert "-# somebody was here" in shown
    lines = cluster.journal_lines()
    cluster("up")
    assert sorted(cluster.changed_since(lines)) == [
        ("controller-1", f"update {policy}"), ("controller-2", f"update {path}"),
    ]  # fmt: skip
    assert cluster.plan() == []


@pytest.mark.parametrize(
    ("path", "edit", "unit", "kind"),
    [
        ("/etc/haproxy/haproxy.cfg", "s/4000/3999/", "haproxy.service", "reload"),
        ("/etc/kubernetes/audit-policy.yaml", "s/Metadata/Request/", "kube-apiserver.service",
         "restart"),
    ],
)  # fmt: skip
def test_a_file_changed_and_read_is_repaired_and_read_again(
    cluster: Hardway, path: str, edit: str, unit: str, kind: str
) -> None:
    cluster.on("controller-2", f"sed -i {edit} {path}; systemctl restart {unit}")
    assert cluster.plan() == [("controller-2", "update", path), ("controller-2", kind, unit)]
    cluster("up")
    assert cluster.plan() == []


DAMAGES = {
    ("controller-0", "update", "/var/lib/etcd"): "chmod 755 /var/lib/etcd",
    ("worker-0", "update", "/etc/kubernetes/kube-proxy.kubeconfig"):
        "chmod 644 /etc/kubernetes/kube-proxy.kubeconfig",
    ("worker-1", "start", "kubelet.service"): "systemctl stop kubelet",
    ("worker-1", "enable", "kube-proxy.service"): "systemctl disable --quiet kube-proxy",
    ("worker-2", "create", "/usr/local/bin/kube-proxy"): "rm /usr/local/bin/kube-proxy",
}  # fmt: skip


def test_other_damage(cluster: Hardway) -> None:
    for (machine, *_), damage in DAMAGES.items():
        cluster.on(machine, damage)
    assert sorted(cluster.plan()) == sorted(DAMAGES)
    cluster("up")
    assert cluster.plan() == []


def test_an_import_of_images_that_was_killed_is_made_again(cluster: Hardway) -> None:
    # containerd keeps what it had got, by the name of the file within the archive; the first image
    # that the unit imports is another one.
    importing = "ctr -n k8s.io images import /opt/hardway/images/coredns.tar"
    cluster.on(
        "worker-1",
        f"for seconds in 0.2 0.4 0.8 1.6; do timeout --signal=KILL $seconds {importing}; "
        "ctr -n k8s.io content active | grep tar- && break; done && systemctl stop hardway-images",
    )
    assert cluster.plan() == [("worker-1", "start", "hardway-images.service")]
    cluster("up")
    assert cluster.plan() == []


def test_a_deleted_object_is_applied_again(cluster: Hardway) -> None:
    cluster("kubectl", "delete", "clusterrolebinding", "hardway:kubelet-client")
    assert cluster.plan() == [("api", "apply", "ClusterRoleBinding/hardway:kubelet-client")]
    cluster("up")
    assert cluster.plan() == []


def test_an_object_that_is_no_longer_wanted_is_deleted_if_it_is_of_hardway(
    cluster: Hardway,
) -> None:
    name = "hardway:public-issuer-discovery"
    words = ("clusterrolebinding", name)
    role = "--clusterrole=system:service-account-issuer-discovery"
    for manager, planned in (
        ("somebody", []),
        ("hardway", [("api", "remove", f"ClusterRoleBinding/{name}")]),
    ):
        cluster("kubectl", "create", *words, role, "--user=nobody", f"--field-manager={manager}")
        cluster("kubectl", "label", *words, "app.kubernetes.io/managed-by=hardway")
        assert cluster.plan() == planned
        cluster("up") if planned else cluster("kubectl", "delete", *words)
        assert not cluster("kubectl", "get", *words, "--ignore-not-found")
    assert cluster.plan() == []


def test_keys_are_private_and_nowhere_they_should_not_be(cluster: Hardway) -> None:
    folder = cluster.folder / "clusters/test"
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and b"PRIVATE KEY" in path.read_bytes():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    text = cluster.journal.read_text() + cluster("plan", "--full") + cluster("log", "--changes")
    assert "PRIVATE" not in text


def test_looking(cluster: Hardway) -> None:
    certificates = cluster.json("certs")["certificates"]
    assert {c["name"] for c in certificates} >= {"kubernetes-ca", "etcd-peer", "kubelet", "admin"}
    kubeconfig = Path(cluster("kubeconfig").strip())
    assert kubeconfig == cluster.folder / "clusters/test/kubeconfigs/admin.kubeconfig"
    assert {"etcd", "kubelet"} <= {c["file"] for c in cluster.json("components")["components"]}
    assert {"up"} <= {e["text"] for e in cluster.json("log")["events"] if "text" in e}
    assert cluster("ssh", "worker-1", "--", "hostname") == "worker-1\n"


def test_the_audit_of_what_runs_is_that_of_the_plan(cluster: Hardway) -> None:
    def outcomes(*words: str) -> dict[str, str]:
        # A trial's pods may be on their way out.
        rules = cluster.json("audit", *words)["rules"]
        return {r["id"]: r["outcome"] for r in rules if r["evidence"] != "API pods"}

    assert outcomes() == outcomes("--plan")


def test_the_audit_names_what_people_changed(cluster: Hardway) -> None:
    cluster.on("controller-1", "chmod 640 /etc/kubernetes/pki/ca.crt")
    binding = ("clusterrolebinding", "anybody")
    cluster("kubectl", "create", *binding, "--clusterrole=view", "--group=system:unauthenticated")
    kept = cluster.tries("audit", "--output", "json")
    cluster.on("controller-1", "chmod 666 /etc/kubernetes/pki/kube-apiserver/server.key")
    cluster("kubectl", "delete", *binding)
    cluster("kubectl", "create", *binding, "--clusterrole=edit", "--group=system:unauthenticated")
    done = cluster.tries("audit", "--output", "json")
    cluster("kubectl", "delete", *binding)
    cluster("up")
    assert (kept.returncode, done.returncode) == (0, 1)
    wrong = [r for r in json.loads(done.stdout)["rules"] if r["outcome"] == "wrong"]
    assert {
        (r["id"], f["machine"]) for r in wrong for f in r["findings"] if f["verdict"] == "wrong"
    } == {("1.1.21", "controller-1"), ("5.1.2", "endpoint"), ("5.1.4", "endpoint")}


def test_the_second_of_two_at_once_is_refused(cluster: Hardway) -> None:
    with cluster.start("up") as first:
        lock = cluster.folder / "clusters/test/lock"
        deadline = time.monotonic() + 30
        while (holder := lock.read_text().strip()) not in _descendants(first.pid):
            assert time.monotonic() < deadline
        # Stopped, so that it is still at work when the second one comes, however busy the host.
        os.kill(int(holder), signal.SIGSTOP)
        second = cluster.tries("up")
        os.kill(int(holder), signal.SIGCONT)
        first.communicate()
    assert first.returncode == 0
    assert second.returncode == 10
    assert "is at work on test" in second.stderr


def _descendants(pid: int) -> set[str]:
    found = {str(pid)}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] in found:
            found.add(entry.parent.name)
    return found


def test_a_clash_is_an_error_before_anything_is_made(cluster: Hardway, tmp_path: Path) -> None:
    before = host_state()
    other = Hardway(tmp_path)
    (tmp_path / "hardway.yaml").write_text(spec("other", 4, 1, 0))
    done = other.tries("up")
    assert done.returncode == 3
    assert "overlaps 10.244.0.0/24 of cluster test" in done.stderr
    (tmp_path / "hardway.yaml").write_text(spec("test", 7, 1, 0))
    done = other.tries("up")
    assert done.returncode == 3
    assert "already has a cluster named test" in done.stderr
    assert host_state() == before


def test_another_spec_for_a_living_cluster_is_refused(cluster: Hardway) -> None:
    file = cluster.folder / "hardway.yaml"
    good = file.read_text()
    file.write_text(good.replace("pods: 10.204.0.0/16", "pods: 10.206.0.0/16"))
    try:
        done = cluster.tries("up")
    finally:
        file.write_text(good)
    assert done.returncode == 10
    assert "network.pods: 10.204.0.0/16 -> 10.206.0.0/16" in done.stderr


def test_a_lower_count_removes_nothing_by_itself(cluster: Hardway) -> None:
    file = cluster.folder / "hardway.yaml"
    good = file.read_text()
    file.write_text(good.replace("workers: 3", "workers: 2"))
    try:
        planned = cluster.json("plan")
    finally:
        file.write_text(good)
    assert planned["changes"] == []
    (delta,) = planned["deltas"]
    assert (delta["current"], delta["asked"], delta["by"]) == ("3", "2", "command")
    assert "hardway node remove NAME" in delta["how"]


def test_a_stale_copy_of_the_folder_is_refused(cluster: Hardway, tmp_path: Path) -> None:
    file = cluster.folder / "clusters/test/cluster.json"
    good = file.read_text()
    decided = json.loads(good)
    file.write_text(json.dumps({**decided, "serial": decided["serial"] - 1}))
    try:
        lines = cluster.journal_lines()
        done = cluster.tries("up")
        assert done.returncode == 10
        assert f"knows decision {decided['serial']}" in done.stderr
        assert cluster.changed_since(lines) == []
    finally:
        file.write_text(good)


def test_a_machine_stopped_and_started_comes_back(cluster: Hardway) -> None:
    cluster("machine", "stop", "worker-1")
    states = {m["name"]: m["state"] for m in cluster.json("machine", "list")["machines"]}
    assert states["worker-1"] == "stopped"
    done = cluster.tries("verify", "machines", "--output", "json")
    assert done.returncode == 11, "nothing is wrong; of one machine nothing is known"
    unknown = {f["machine"] for f in json.loads(done.stdout)["findings"] if not f["ok"]}
    assert unknown == {"worker-1"}
    cluster("machine", "start", "worker-1")
    cluster.worker_is_ready("worker-1")
    assert cluster.plan() == []


def test_all_machines_lost_at_once_come_back_with_their_data(cluster: Hardway) -> None:
    """As after the host's own reboot, with nobody having been told."""
    cluster("kubectl", "create", "configmap", "kept", "--from-literal=word=kept")
    addresses = [m["address"] for m in cluster.json("machine", "list")["machines"]]
    cluster("machine", "stop", "--force", *CONTROL_PLANES, *WORKERS)
    states = [m["state"] for m in cluster.json("status")["machines"]]
    assert states == ["stopped"] * 6
    lines = cluster.journal_lines()
    cluster("up")
    assert [m["address"] for m in cluster.json("machine", "list")["machines"]] == addresses
    # Effects may be set before the units of the boot set them; objects are applied unseen while
    # no API server answers.
    boots = {"start", "set", "apply", "assign"}
    changed = [c for c in cluster.changed_since(lines) if c[1].split()[0] not in boots]
    assert changed == [], "what is on their disks was as it should be"
    said = cluster("kubectl", "get", "configmap", "kept", "--output=jsonpath={.data.word}")
    assert said == "kept"
    cluster("kubectl", "delete", "configmap", "kept")
    assert cluster.plan() == []


def test_each_control_plane_lost_under_load(cluster: Hardway) -> None:
    findings = cluster.json("verify", "--ha")["findings"]
    rows = [(f["machine"], f["check"]) for f in findings if f["check"] == "answers-again"]
    assert sorted(rows) == [(name, "answers-again") for name in CONTROL_PLANES]
    assert [f["check"] for f in findings][-1] == "no-write-lost"
    assert int(findings[-1]["expected"].split()[0]) > 20


def test_killed_at_random_moments_it_converges_to_the_same(small: Hardway) -> None:
    seed = int(os.environ.get("HARDWAY_SEED") or time.time())
    print(f"HARDWAY_SEED={seed}")
    moments = random.Random(seed)
    for _ in range(5):
        process = small.start("up")
        time.sleep(moments.uniform(0.2, 9))
        small.kill(process, signal.SIGKILL)
    # Machines that shut down, and disks that are half deleted, are left behind as well.
    process = small.start("down", "--yes")
    time.sleep(moments.uniform(1, 3))
    small.kill(process, signal.SIGKILL)
    small("up")
    assert small.plan() == []
    assert [f for f in small.findings() if f["verdict"] != "holds"] == []


@pytest.mark.nightly
def test_ended_at_many_moments_the_next_run_goes_on(small: Hardway) -> None:
    seed = int(os.environ.get("HARDWAY_SEED") or time.time())
    print(f"HARDWAY_SEED={seed}")
    moments = random.Random(seed)
    end = time.monotonic() + 900
    while time.monotonic() < end:
        for words, longest_s in ((["up"], 11), (["down", "--yes"], 3)):
            number = moments.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
            process = small.start(*words)
            time.sleep(moments.uniform(0.5, longest_s))
            small.kill(process, number)
            print(f"{words} ended by {number.name}: {process.returncode}")
            # It may have ended by itself just before.
            assert process.returncode in {0, -number if number is signal.SIGKILL else 128 + number}
            small("up")
            assert small.plan() == []
        if moments.random() < 0.5:
            small("down", "--yes")


def test_interrupted_it_says_how_to_go_on_and_down_works_from_there(small: Hardway) -> None:
    process = small.start("up")
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "run the same again" in said
    small("down", "--yes")
    small("down", "--yes")


def test_until_a_step(small: Hardway) -> None:
    said = small("up", "--until", "etcd")
    assert "stopped after etcd" in said
    assert small.on("controller-0", "systemctl is-active etcd") == "active\n"
    steps = {c["step"] for c in small.json("plan")["changes"]}
    assert "etcd" not in steps
    assert "control-plane" in steps


def test_a_worker_that_people_keep_pods_away_from_is_named_and_no_failure(
    cluster: Hardway,
) -> None:
    cluster("kubectl", "cordon", "worker-2")
    try:
        findings = cluster.json("verify", "dns", "smoke-test")["findings"]
    finally:
        cluster("kubectl", "uncordon", "worker-2")
    aside = [(f["check"], f["machine"], f["severity"]) for f in findings if not f["ok"]]
    assert aside == [("pods-on-every-node", "worker-2", "warn")]
    tried = {f["machine"] for f in findings if f["check"] == "exec-and-names"}
    assert tried == {"worker-0", "worker-1"}


def test_nothing_is_written_while_one_control_plane_has_another_key(cluster: Hardway) -> None:
    path = "/etc/kubernetes/encryption.yaml"
    cluster.on("controller-1", f"cp -p {path} /root/kept; echo '# other' >>{path}")
    done = cluster.tries("verify", "encryption", "smoke-test", "--output", "json")
    # It may have read the other file by itself, and would read this one within a minute.
    cluster.on("controller-1", f"mv /root/kept {path}; systemctl restart kube-apiserver")
    assert done.returncode == 7
    findings = json.loads(done.stdout)["findings"]
    trial = [f for f in findings if f["step"] == "smoke-test"]
    assert {f["verdict"] for f in trial} == {"unknown"}
    assert all("not tried: encryption-key-same on controller-1" in f["found"] for f in trial)


def test_json_of_a_failed_check(cluster: Hardway) -> None:
    cluster.on("worker-0", "systemctl stop kube-proxy")
    done = cluster.tries("verify", "workers", "--output", "json")
    cluster("up")
    assert done.returncode == 7
    wrong = [f for f in json.loads(done.stdout)["findings"] if not f["ok"]]
    assert {f["machine"] for f in wrong} == {"worker-0"}
    first = [f["check"] for f in wrong if not f["follows_from"]]
    assert first == ["kube-proxy-runs"]
    assert "kube-proxy-healthy" in {f["check"] for f in wrong}


def test_down_by_name_needs_no_spec(
    small: Hardway, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small("up", "--until", "machines")
    file = small.folder / "hardway.yaml"
    good = file.read_text()
    file.write_text("name: [")
    refused = small.tries("down", "--yes")
    assert refused.returncode == 2
    assert "hardway down --name NAME" in refused.stderr
    elsewhere = Hardway(tmp_path_factory.mktemp("elsewhere"))
    elsewhere("down", "--yes", "--name", "small")
    assert not (small.folder / "clusters/small").exists()
    again = elsewhere.tries("down", "--yes", "--name", "small")
    assert again.returncode == 10
    assert "there is no cluster small on this host" in again.stderr
    file.write_text(good)
