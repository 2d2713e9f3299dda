"""kubectl as hardway calls it, with a stand-in for the binary that answers as told."""

import asyncio
import os
from pathlib import Path

import pytest

from hardway.errors import CommandError
from hardway.tools import kubectl
from hardway.tools.kubectl import Kubectl, unreached

UNREACHED = 'Get "https://10.240.0.100:6443/": dial tcp 10.240.0.100:6443: no route to host'
SLOW = 'Get "https://10.240.0.100:6443/api": net/http: TLS handshake timeout'
NO_ETCD = (
    "Error from server: rpc error: code = Unavailable desc = connection error: desc = "
    '"transport: Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused"'
)
WEBHOOK = (
    'Error from server (InternalError): failed calling webhook "a.example": Post '
    '"https://a.n.svc:443/": dial tcp 10.32.0.9:443: connect: connection refused'
)
OBJECTS = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}]


def stand_in(folder: Path, *answers: str) -> Kubectl:
    """Return a kubectl that fails with each answer in turn and then succeeds."""
    for number, answer in enumerate(answers):
        (folder / f"answer-{number}").write_text(answer)
    binary = folder / "kubectl"
    binary.write_text(f"""#!/bin/sh
cat >/dev/null
echo call >>{folder}/calls
for answer in {folder}/answer-*; do
    [ -e "$answer" ] || exit 0
    cat "$answer" >&2
    rm "$answer"
    exit 1
done
""")
    binary.chmod(0o755)
    return Kubectl(binary, folder / "kubeconfig")


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_applies_again_while_the_endpoint_moves(tmp_path: Path) -> None:
    asyncio.run(stand_in(tmp_path, UNREACHED, SLOW, NO_ETCD).apply(OBJECTS))
    assert calls(tmp_path) == 4


@pytest.mark.parametrize("said", ['Namespace "n" is invalid', WEBHOOK])
def test_what_the_api_refused_is_not_tried_again(said: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        asyncio.run(stand_in(tmp_path, said).apply(OBJECTS))
    assert refused.value.output == said
    assert calls(tmp_path) == 1


def test_gives_up_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubectl, "ANSWERS_S", 0.0)
    with pytest.raises(CommandError, match="no route to host"):
        asyncio.run(stand_in(tmp_path, UNREACHED).apply(OBJECTS))


PROXIES = {"HTTPS_PROXY": "http://192.0.2.1:9", "https_proxy": "http://192.0.2.1:9"}


@pytest.mark.parametrize("given", [{}, {"NO_PROXY": "corp"}, {"no_proxy": "corp"}])
def test_the_api_is_behind_no_proxy_of_the_shell(
    given: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what the operator excepted stays excepted, for manifests from elsewhere."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**PROXIES, **given}.items():
        monkeypatch.setenv(name, value)
    direct = Kubectl(tmp_path / "kubectl", tmp_path / "config", direct=("10.240.0.100",))
    (tmp_path / "kubectl").write_text('#!/bin/sh\necho "$HTTPS_PROXY $NO_PROXY $no_proxy"\n')
    (tmp_path / "kubectl").chmod(0o755)
    excepted = "corp,10.240.0.100" if given else "10.240.0.100"
    said = asyncio.run(direct.run("get", "nodes")).split()
    assert said == [PROXIES["HTTPS_PROXY"], excepted, excepted]
    became: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda _path, _argv, env: became.append(env))
    direct.become(["get", "nodes"])
    assert [became[0][n] for n in ("HTTPS_PROXY", "NO_PROXY", "no_proxy")] == said


def test_over_a_machine_nothing_is_excepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go takes the lower-case variable where the other is empty."""
    monkeypatch.setenv("no_proxy", "10.0.0.0/8")
    over = Kubectl(tmp_path, tmp_path, "https://10.240.0.10:6443", "socks5://127.0.0.1:1")
    assert over.environment["NO_PROXY"] == over.environment["no_proxy"] == ""


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_kubectl_that_cannot_be_started_is_an_error_of_ours(tmp_path: Path, mode: int) -> None:
    """Not executable, as on a noexec file system; or built for another architecture."""
    (tmp_path / "kubectl").write_bytes(b"\x7fELF")
    (tmp_path / "kubectl").chmod(mode)
    with pytest.raises(CommandError, match="kubectl"):
        asyncio.run(Kubectl(tmp_path / "kubectl", tmp_path).run("get", "nodes"))


NO_NAME = 'Get "http://probe:8080/": dial tcp: lookup probe on 10.32.0.10:53: no such host'
NOT_REACHED = 'Get "https://10.240.0.20:10250/containerLogs/a": dial tcp: connection refused'


@pytest.mark.parametrize(
    ("output", "silent"),
    [
        ("Unable to connect to the server: dial tcp 10.240.0.100:6443: i/o timeout", True),
        ("Unable to connect to the server: unexpected EOF", True),
        (f"Error from server: {NOT_REACHED}", False),
        ("Error from server (Forbidden): pods is forbidden", False),
        (f"{NO_NAME}\ncommand terminated with exit code 1", False),
    ],
)
def test_what_kubelet_or_a_pod_did_not_reach_is_no_silence_of_the_api(
    output: str, *, silent: bool
) -> None:
    assert unreached(output) is silent


def test_a_forwarded_port_that_does_not_answer_is_no_silence_of_kubectl(tmp_path: Path) -> None:
    binary = tmp_path / "kubectl"
    binary.write_text('#!/bin/sh\necho "Forwarding from 127.0.0.1:4711 -> 80"\nexec sleep 60\n')
    binary.chmod(0o755)

    async def get() -> None:
        async with Kubectl(binary, tmp_path / "kubeconfig").forward("n", "p", 80) as local:
            raise TimeoutError(local)

    with pytest.raises(TimeoutError, match="4711"):
        asyncio.run(get())
