"""What files cause: looked at by shell lines, compared by words, put right by a command."""

import asyncio
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests import support
from tests.fakes.machine import FakeMachine, needs_root

from hardway.engine import converge, diff, observe
from hardway.model.resources import Change, Desired, Effect, Kind, Observed, Unit
from hardway.steps import containerd, network

EFFECT = Effect(name="a word", see="cat /tmp/word", value="right\n", unit="a.service",
                fix="echo right >/tmp/word", why="")  # fmt: skip
UNIT = Unit(name="a.service", path="", digest="", reads=(), why="")
TOPOLOGY = support.topology("3+3")


def changes(observed: Observed) -> list[Change]:
    return diff.changes("m", {"s": Desired(effects=(EFFECT,))}, observed)


@needs_root
@pytest.mark.parametrize("there", ["wrong", "right\nand more", None])
def test_what_others_undid_is_seen_planned_and_put_right(tmp_path: Path, there: str | None) -> None:
    machine = FakeMachine("m", tmp_path / "root")
    if there is not None:
        (machine.root / "tmp/word").write_text(there)
    wanted = Desired(effects=(EFFECT, replace(EFFECT, name="another", see="cd /tmp; pwd")))
    seen = asyncio.run(observe.observe(machine, wanted))
    assert seen.effects["another"] == "/tmp\n"
    found = changes(seen)
    assert [(c.kind, c.path_or_unit) for c in found] == [(Kind.SET, "a word")]
    assert "+right" in found[0].diff.splitlines() or there == "right\nand more"
    asyncio.run(converge.set_effects(machine, found))
    assert changes(asyncio.run(observe.observe(machine, wanted))) == []


@pytest.mark.parametrize("kind", [Kind.START, Kind.RESTART])
def test_what_a_unit_brings_about_that_was_just_started_is_left_to_it(kind: Kind) -> None:
    found = changes(Observed())
    started = Change(machine="m", step="s", kind=kind, path_or_unit="a.service", item=UNIT)

    class Nowhere:
        machine = "m"

        async def run(self, *_: object, **__: object) -> None:
            raise AssertionError

    asyncio.run(converge.set_effects(Nowhere(), [*found, started]))
    with pytest.raises(AssertionError):
        asyncio.run(converge.set_effects(Nowhere(), found))


@pytest.mark.parametrize(
    ("said", "planned"),
    [
        ("sleep 9", []),
        ("exit 1", ["container images"]),
        (f"echo {containerd.image('probe')} pinned", ["container images"]),
    ],
)
def test_containerd_that_is_late_is_not_without_images(
    tmp_path: Path, said: str, planned: list[str]
) -> None:
    effect = containerd.images_effect()
    ctr = tmp_path / "ctr"
    ctr.write_text(f"#!/bin/sh\n{said}\n")
    ctr.chmod(0o755)
    script = effect.see.replace(containerd.CTR, str(ctr)).replace("timeout 5", "timeout 0.5")
    seen = subprocess.run(["sh", "-c", script], text=True, capture_output=True, check=False).stdout
    wanted = {"s": Desired(effects=(effect,))}
    found = diff.changes("m", wanted, Observed(effects={effect.name: seen}))
    assert [change.path_or_unit for change in found] == planned


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("right", True),
        ("\n\t right  \n\n", True),
        ("", False),
        ("right a", False),
        ("Right", False),
    ],
)
def test_words_count_and_what_is_between_them_does_not(text: str, same: bool) -> None:
    assert (changes(Observed(effects={"a word": text})) == []) == same


EVERYWHERE = [own for name in support.TOPOLOGIES for own in support.wanted(name).values()]


def test_every_effect_has_a_name_of_its_own_and_a_unit_that_is_wanted() -> None:
    for wanted in EVERYWHERE:
        names = [e.name for e in wanted.effects]
        assert len(set(names)) == len(names)
        assert {e.unit for e in wanted.effects} <= {u.name for u in wanted.units}


def test_nothing_that_a_unit_runs_waits_for_another_unit() -> None:
    """systemd may hold that one back until the waiting one has ended, or what waits for it."""
    changed = re.compile(r".*\bsystemctl\b.*\b(?:re|try-re)?(?:start|load|stop)\b.*")
    lines = {line for own in EVERYWHERE for file in own.files
             for line in changed.findall(file.content.decode())}  # fmt: skip
    assert lines, "kube-proxy is restarted by a script"
    assert [line for line in lines if "--no-block" not in line] == []


def test_a_shell_can_read_how_effects_are_seen_and_brought_about() -> None:
    texts = {text for own in EVERYWHERE for e in own.effects for text in (e.see, e.fix)}
    with_quote = Desired(effects=(replace(EVERYWHERE[0].effects[0], name="the kernel's"),))
    texts |= {observe.script(wanted) for wanted in (*EVERYWHERE, with_quote)}
    for text in texts:
        subprocess.run(["sh", "-n"], input=text.encode(), check=True)


TOOLS = {
    "systemctl": "echo $* >>$LOG",
    "curl": f"""case $* in
*/healthz) exit $UNWELL ;;
*/metrics) [ $WRITTEN = 0 ] || echo '{network.SYNCED}{{ip_family="IPv4"}} 1.79e+09' ;;
esac""",
}
OTHERS = """
ip link set lo up
ip address add 10.240.0.20/24 dev lo
"""


def in_a_namespace(folder: Path, *scripts: str, written: int = 1, unwell: int = 0) -> str:
    """Run scripts in a network of their own, as a worker's; each after the machine's own script.

    Routes to an address of one's own loopback have no meaning, but the kernel takes them.
    """
    kept = network.effects(TOPOLOGY, TOPOLOGY.machine("worker-0"))
    (script, _, _), _ = network.timer(kept)
    (folder / "network.sh").write_bytes(script.content)
    rules = network.masquerade_file(TOPOLOGY, TOPOLOGY.machine("worker-0"))
    (folder / "masquerade.nft").write_bytes(rules.content)
    for name, text in TOOLS.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    once = f"sed s,/etc/hardway,{folder}, {folder}/network.sh | sh\n"
    lines = [OTHERS, *(once + script for script in scripts)]
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", "\n".join(lines)],
        env={"PATH": f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin", "LOG": str(folder / "log"),
             "WRITTEN": str(written), "UNWELL": str(unwell)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


@needs_root
def test_the_script_makes_routes_and_rules_and_then_leaves_them_alone(tmp_path: Path) -> None:
    own = "nft add table ip kube-proxy; echo ==; " + "ip route show proto 87; echo =="
    made, routes, after = in_a_namespace(tmp_path, own, "").split("==\n")
    assert "not as wanted: routes to pods" in made
    assert [line.split()[0] for line in routes.splitlines()] == ["10.200.1.0/24", "10.200.2.0/24"]
    assert after == "", "what it made is what it wants to see"


@needs_root
@pytest.mark.parametrize(
    ("damage", "effect", "shows", "left"),
    [
        ("ip route flush proto 87", "routes to pods", "ip route show proto 87", 2),
        ("ip route add 10.99.0.0/24 via 10.240.0.9 proto 87", "routes to pods",
         "ip route show proto 87", 2),
        ("nft flush chain ip hardway_pods postrouting", "nftables table hardway_pods",
         "nft list table ip hardway_pods | grep masquerade", 1),
        ("iptables --policy FORWARD DROP", "forwarding for pods",
         "iptables -S FORWARD | sed -n 2,3p | grep hardway", 2),
        ("iptables -I FORWARD -j REJECT", "forwarding for pods",
         "iptables -S FORWARD | sed -n 2,3p | grep hardway", 2),
    ],
)  # fmt: skip
def test_the_script_puts_right_what_was_undone(
    tmp_path: Path, damage: str, effect: str, shows: str, left: int
) -> None:
    before = f"nft add table ip kube-proxy; {damage}; echo =="
    _, after = in_a_namespace(tmp_path, before, shows).split("==\n")
    said, *rows = after.splitlines()
    assert said == f"<5>not as wanted: {effect}"
    assert len(rows) == left


@needs_root
@pytest.mark.parametrize(
    ("written", "unwell", "restarted"), [(1, 0, True), (0, 0, False), (1, 22, False)]
)
def test_kube_proxy_is_restarted_only_if_it_is_healthy_and_had_a_table(
    tmp_path: Path, written: int, unwell: int, restarted: bool
) -> None:
    in_a_namespace(tmp_path, "", written=written, unwell=unwell)
    log = tmp_path / "log"
    said = log.read_text() if log.exists() else ""
    assert said == ("restart --no-block kube-proxy.service\n" if restarted else "")
