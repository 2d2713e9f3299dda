"""Provider ssh: what hardway.yaml says of machines, and what is not in its power."""

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests import support

from hardway.errors import ConnectError, PreflightError, RefusedError
from hardway.operations import ha
from hardway.project import Project
from hardway.providers.hosts import password as of_password
from hardway.providers.ssh.provider import SshProvider
from hardway.spec.load import parse

TEXT = support.TWO_HOSTS.replace("KIND", "proxy").replace(
    "host: 192.168.7.4", "host: 192.168.7.4, user: root"
)


def provider(folder: Path, more: str = "") -> SshProvider:
    return SshProvider(parse(TEXT + more, "hardway.yaml").spec, folder, folder)


def test_a_machine_may_say_otherwise_for_itself(tmp_path: Path) -> None:
    a, b = provider(tmp_path, "ssh: {user: ops, port: 2222, bastion: g}\n")._targets()
    assert (a.user, a.port, a.bastion, a.known_hosts) == ("root", 2222, "g", None)
    assert (b.user, b.host) == ("ops", "192.168.7.5")


def test_how_a_machine_is_reached_outlives_its_line_in_hardway_yaml() -> None:
    of = support.cluster(f"{TEXT}ssh: {{user: ops, port: 2222}}\n")
    assert dict(of.machine("a").login) == {"user": "root", "port": "2222"}
    assert dict(of.machine("b").login) == {"user": "ops", "port": "2222"}


def test_root_by_ssh_as_root_and_by_sudo_else(tmp_path: Path) -> None:
    of = support.cluster(TEXT)
    ours = provider(tmp_path, "ssh: {user: ops}\n")
    assert ours.ssh_command(of.machine("a"), ["id", "-u"]) == ["ssh", "root@192.168.7.4", "id",
                                                              "-u"]  # fmt: skip
    *ssh, script = ours.ssh_command(of.machine("b"), ["id; echo 'a b'"])
    assert ssh == ["ssh", "ops@192.168.7.5"]
    # By a shell as sshd starts it, with a sudo that only says that it was there.
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\necho sudo; shift; exec "$@"\n')
    sudo.chmod(0o755)
    identity = tmp_path / "id"
    identity.write_text("#!/bin/sh\necho 1000\n")
    identity.chmod(0o755)

    async def run() -> bytes:
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", script, stdout=asyncio.subprocess.PIPE,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        )  # fmt: skip
        return (await process.communicate())[0]

    assert asyncio.run(run()) == b"sudo\n1000\na b\n"


def test_files_that_are_not_there_are_said_at_once(tmp_path: Path) -> None:
    ours = provider(tmp_path, "ssh: {key: gone, config: none}\n")
    with pytest.raises(PreflightError) as caught:
        asyncio.run(ours.preflight(support.cluster(TEXT)))
    assert caught.value.problems == (
        "a: the file gone is missing", "a: the file none is missing",
        "b: the file gone is missing", "b: the file none is missing",
    )  # fmt: skip


def test_a_host_is_not_switched_off(tmp_path: Path) -> None:
    of = support.cluster(TEXT)
    with pytest.raises(RefusedError, match="could not switch a on again") as caught:
        asyncio.run(provider(tmp_path).stop(of, of.machine("a"), force=True))
    assert "hardway machine restart a" in caught.value.hint


@pytest.mark.parametrize(
    ("more", "host", "within"),
    [
        ("", "192.168.7.4", True),
        ("ssh: {bastion: g}\n", "192.168.7.4", False),
        ("", "alpha", False),
        ("", "beta", False),
    ],
)
def test_the_api_behind_a_bastion_or_an_alias_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, host: str, *, within: bool
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(
        "Host alpha\n  HostName 192.168.7.4\nHost beta\n  ProxyJump gate\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    text = TEXT.replace("host: 192.168.7.4", f"host: {host}, address: 192.168.7.4")
    ours = SshProvider(parse(text + more, "x").spec, tmp_path, tmp_path)
    assert asyncio.run(ours.within_reach(support.cluster(text))) is within


@pytest.mark.parametrize(
    ("more", "reached"),
    [
        ("", {"192.168.7.4", "b.example", "lb.example"}),
        # Over machines then, not over the load balancer.
        ("ssh: {bastion: g}\n", {"g"}),
    ],
)
def test_what_this_host_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, reached: set[str]
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host 192.168.7.5\n  HostName b.example\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    text = TEXT.replace("kind: proxy", "kind: given, host: lb.example") + more
    ours = SshProvider(parse(text, "x").spec, tmp_path, tmp_path)
    assert ours.reaches(support.cluster(text)) == reached


def test_a_password_from_the_environment_or_a_descriptor_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(of_password.VARIABLE, "word")
    assert of_password.Password()() == "word"
    (tmp_path / "secret").write_text("other word\n")
    monkeypatch.setenv(of_password.DESCRIPTOR, str(os.open(tmp_path / "secret", os.O_RDONLY)))
    ask = of_password.Password()
    assert (ask(), ask()) == ("other word", "other word")
    with pytest.raises(ConnectError, match="cannot be read"):
        of_password.Password()()


def test_a_password_is_asked_for_at_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(of_password.VARIABLE, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(ConnectError, match="no terminal") as caught:
        of_password.Password()()
    assert of_password.VARIABLE in caught.value.hint
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    asked = list[str]()

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr("getpass.getpass", answer)
    ask = of_password.Password()
    assert (ask(), ask(), len(asked)) == ("typed", "typed", 1)


PLANES = "".join(f"- {{name: {n}, role: control-plane, host: 192.168.7.{i}}}\n"
                 for i, n in enumerate("abc", start=4))  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "more", "says"),
    [
        ("proxy", "", "the balancers are on the machines"),
        ("vip, host: 192.168.7.9", "ssh: {bastion: g}\n", "192.168.7.9 over machines only"),
    ],
)
def test_control_planes_are_not_taken_away_where_clients_here_depend_on_one(
    tmp_path: Path, kind: str, more: str, says: str
) -> None:
    text = f"""provider: ssh
network: {{nodes: 192.168.7.0/24}}
endpoint: {{kind: {kind}}}
machines:
{PLANES}"""
    ours = SshProvider(parse(text + more, "x").spec, tmp_path, tmp_path)
    at = cast("Project", SimpleNamespace(cluster=support.cluster(text), provider=ours))
    with pytest.raises(RefusedError, match=says):
        asyncio.run(ha.dispensable(at))
