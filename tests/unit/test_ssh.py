"""SSH to machines that are not ours: by a real server in this process."""

import asyncio
import inspect
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import asyncssh
import pytest
from tests.fakes.sshd import Sshd, serving

from hardway.errors import ConnectError, RefusedError
from hardway.transport import dial, ssh
from hardway.transport.base import Reached
from hardway.transport.become import BEGINS, Become
from hardway.transport.refusals import connect_error, meaning
from hardway.transport.target import Target, login

PASSWORD = "correct horse $battery"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator with a home of their own and no agent."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture
def key(home: Path) -> asyncssh.SSHKey:
    made = asyncssh.generate_private_key("ssh-ed25519")
    made.write_private_key(home / ".ssh/id_ed25519")
    made.write_public_key(home / ".ssh/id_ed25519.pub")
    return made


def knows(home: Path, *lines: str) -> None:
    with (home / ".ssh/known_hosts").open("a") as file:
        file.writelines(lines)


def host(sshd: Sshd, **more: object) -> Target:
    plain = Target("a", "127.0.0.1", "root", None, None, port=sshd.port)
    return replace(plain, **more)  # type: ignore[arg-type]  # the tests' own words


async def reached(target: Target, **more: object) -> Reached:
    async with ssh.connect([target], timeout_s=10, **more) as fleet:  # type: ignore[arg-type]
        return fleet


async def refusal(target: Target, **more: object) -> ConnectError:
    fleet = await reached(target, **more)
    assert "a" not in fleet
    return fleet.refused["a"]


Act = Callable[[Sshd], Awaitable[None]]


def against(folder: Path, key: asyncssh.SSHKey, act: Act, **server: object) -> None:
    async def run() -> None:
        async with serving(folder, key, **server) as sshd:  # type: ignore[arg-type]
            await act(sshd)

    asyncio.run(run())


def test_a_known_host_and_the_usual_key(tmp_path: Path, home: Path, key: asyncssh.SSHKey) -> None:
    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        async with ssh.connect([host(sshd)], timeout_s=10) as fleet:
            done = await fleet["a"].run(["printf", "%s", "it's"])
            assert (done.status, done.stdout) == (0, b"it's")
            assert (await fleet["a"].run(["cat"], stdin=b"in")).stdout == b"in"

    against(tmp_path / "a", key, act)


def test_an_unknown_host_is_refused_with_its_fingerprint_and_the_way_to_accept_it(
    tmp_path: Path, key: asyncssh.SSHKey
) -> None:
    async def act(sshd: Sshd) -> None:
        error = await refusal(host(sshd))
        assert "its host key is not known" in str(error)
        assert sshd.host_key.get_fingerprint() in str(error)
        assert f"ssh -p {sshd.port} root@127.0.0.1 true" in error.hint
        assert "ssh_host_ed25519_key.pub" in error.hint

    against(tmp_path / "a", key, act)


def test_a_changed_host_key_is_told_apart(tmp_path: Path, home: Path, key: asyncssh.SSHKey) -> None:
    async def act(sshd: Sshd) -> None:
        knows(home, replace(sshd, host_key=key).line())
        error = await refusal(host(sshd))
        assert "CHANGED" in str(error)
        assert sshd.host_key.get_fingerprint() in str(error)
        assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}'" in error.hint

    against(tmp_path / "a", key, act)


def test_a_host_key_of_another_kind_than_the_known_one(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey
) -> None:
    async def act(sshd: Sshd) -> None:
        knows(home, replace(sshd, host_key=key).line())
        assert "no common method" in str(await refusal(host(sshd)))

    against(tmp_path / "a", key, act, kind="ecdsa-sha2-nistp256")


def test_a_machine_that_hardway_made_has_no_other_key(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey
) -> None:
    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        (tmp_path / "known").write_text(replace(sshd, host_key=key).line())
        made = host(sshd, known_hosts=tmp_path / "known", key=home / ".ssh/id_ed25519")
        error = await refusal(made)
        assert "not the one it was made with" in str(error)
        assert "not the machine that hardway made" in error.hint

    against(tmp_path / "a", key, act)


@pytest.mark.parametrize("nobody", ["none", "/dev/null"])
def test_no_setting_of_the_operator_disables_the_check(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey, nobody: str
) -> None:
    (home / ".ssh/config").write_text(
        f"Host *\n  UserKnownHostsFile {nobody}\n  StrictHostKeyChecking no\n"
    )

    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        assert "not known" in str(await refusal(host(sshd)))

    against(tmp_path / "a", key, act)


def test_what_ssh_config_says_counts(tmp_path: Path, home: Path, key: asyncssh.SSHKey) -> None:
    (home / ".ssh/id_ed25519").rename(home / "another")

    async def act(sshd: Sshd) -> None:
        (home / "known").write_text(sshd.line())
        (home / ".ssh/config").write_text(
            f"Host alpha\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User root\n"
            f"  IdentityFile {home}/another\n  UserKnownHostsFile {home}/known\n"
        )
        target = Target("a", "alpha", None, None, None)
        async with ssh.connect([target], timeout_s=10, gates=["a"]) as fleet:
            assert (await fleet["a"].run(["true"])).status == 0
            # Nobody but ssh can read `alpha`: the API is reached over it as well.
            assert fleet.way is not None
            assert fleet.way.machine == "a"

    against(tmp_path / "a", key, act)


def test_a_config_of_the_clusters_own(tmp_path: Path, home: Path, key: asyncssh.SSHKey) -> None:
    (home / ".ssh/config").write_text("Host *\n  Port 1\n")

    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        own = tmp_path / "config"
        own.write_text(f"Host *\n  Port {sshd.port}\n")
        target = Target("a", "127.0.0.1", None, None, None, config=own)
        assert "a" in await reached(target)
        assert login(target) == ["ssh", "-F", str(own), "127.0.0.1"]
        assert "Connect call failed" in str(await refusal(replace(target, config=None)))
        gone = replace(target, config=tmp_path / "gone")
        assert "No such file" in str(await refusal(gone))

    against(tmp_path / "a", key, act)


@asynccontextmanager
async def two(tmp_path: Path, key: asyncssh.SSHKey) -> AsyncIterator[tuple[Sshd, Sshd]]:
    async with serving(tmp_path / "gate", key) as gate, serving(tmp_path / "a", key) as sshd:
        yield gate, sshd


def test_over_a_bastion_whose_key_is_checked_too(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey
) -> None:
    async def run() -> None:
        async with two(tmp_path, key) as (gate, sshd):
            knows(home, sshd.line())
            there = host(sshd, bastion=f"ops@127.0.0.1:{gate.port}")
            error = await refusal(there)
            assert "bastion 127.0.0.1" in str(error)
            assert gate.host_key.get_fingerprint() in str(error)
            knows(home, gate.line())
            targets = [there, replace(there, machine="b")]
            async with ssh.connect(targets, timeout_s=10, gates=["b", "a"]) as fleet:
                assert set(fleet) == {"a", "b"}
                assert fleet.way is not None
                port = int(fleet.way.proxy.rpartition(":")[2])
                assert await _by_socks(port, sshd.port) == b"SSH-2.0-"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("config", "more", "dialled"),
    [
        ("", {}, "alpha"),
        ("Host alpha\n  HostName 192.0.2.1\n", {}, "192.0.2.1"),
        ("", {"bastion": "ops@gate:2222"}, "gate"),
        ("Host gate\n  HostName gate.example\n", {"bastion": "gate"}, "gate.example"),
        ("Host alpha\n  ProxyJump last,ops@first:22,middle\n", {}, "last"),
        ("Host *\n  ProxyJump gate\nHost gate\n  HostName 192.0.2.2\n", {}, "192.0.2.2"),
        ("Host alpha\n  ProxyJump gate\nHost gate\n  ProxyJump outer\n", {}, "outer"),
        ("Host alpha\n  ProxyJump none\n", {}, "alpha"),
    ],
)
def test_whom_this_host_dials(home: Path, config: str, more: dict[str, str], dialled: str) -> None:
    (home / ".ssh/config").write_text(config)
    assert dial.way_in(Target("a", "alpha", None, None, None, **more)) == dialled


def test_whom_a_program_dials_nobody_knows(home: Path) -> None:
    (home / ".ssh/config").write_text("Host alpha\n  ProxyCommand nc gate 22\n")
    with pytest.raises(RefusedError, match=r"a \(alpha\): hardway cannot know whom its"):
        dial.way_in(Target("a", "alpha", None, None, None))


def test_a_config_that_cannot_be_read_is_an_error_of_ours(home: Path) -> None:
    (home / ".ssh/config").write_text("Host alpha\n  Port many\n")
    with pytest.raises(ConnectError, match="many"):
        dial.way_in(Target("a", "alpha", None, None, None))


def test_known_hosts_are_parsed_once_for_all_machines(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed, read = [], asyncssh.read_known_hosts
    monkeypatch.setattr(
        asyncssh, "read_known_hosts", lambda files: parsed.append(files) or read(files)
    )

    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        targets = [host(sshd, machine=name) for name in "abc"]
        for run in (1, 2):
            async with ssh.connect(targets, timeout_s=10) as fleet:
                assert set(fleet) == set("abc")
            assert parsed == [(f"{home}/.ssh/known_hosts",)] * run, "anew with each run"

    against(tmp_path / "a", key, act)


async def _by_socks(proxy: int, port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy)
    writer.write(b"\x05\x01\x00")
    assert await reader.readexactly(2) == b"\x05\x00"
    writer.write(b"\x05\x01\x00\x01" + bytes([127, 0, 0, 1]) + port.to_bytes(2, "big"))
    assert (await reader.readexactly(10))[1] == 0
    banner = await reader.readexactly(8)
    writer.close()
    return banner


def test_over_proxy_jump_for_all_hosts_the_bastion_itself_included(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey
) -> None:
    async def run() -> None:
        async with two(tmp_path, key) as (gate, sshd):
            knows(home, sshd.line(), gate.line())
            (home / ".ssh/config").write_text(
                f"Host gate\n  HostName 127.0.0.1\n  Port {gate.port}\nHost *\n  ProxyJump gate\n"
            )
            assert "a" in await reached(host(sshd))

    asyncio.run(run())


def test_a_key_with_a_passphrase_is_the_agents(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey
) -> None:
    for name in ("id_ed25519", "id_ed25519.pub"):
        (home / ".ssh" / name).rename(home / name.replace("id_ed25519", "locked"))
    (home / "locked").chmod(0o600)
    argv = ["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(home / "locked")]
    subprocess.run(argv, check=True, capture_output=True)

    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        for named in (home / "locked", None):
            error = await refusal(host(sshd, key=named))
            assert "it refuses the login" in str(error)
            assert "ssh-add" in error.hint

    against(tmp_path / "a", key, act)


def test_a_key_that_is_not_there(tmp_path: Path, home: Path, key: asyncssh.SSHKey) -> None:
    async def act(sshd: Sshd) -> None:
        assert "No such file" in str(await refusal(host(sshd, key=home / "gone")))

    against(tmp_path / "a", key, act)


def test_sudo_without_a_password(tmp_path: Path, home: Path, key: asyncssh.SSHKey) -> None:
    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        async with ssh.connect([host(sshd, user="ops")], timeout_s=10) as fleet:
            assert (await fleet["a"].run(["cat"], stdin=b"in\n")).stdout == b"in\n"
        assert sshd.sudo_log().splitlines()[0] == "-n true"
        assert sshd.sudo_log().splitlines()[1].startswith("-n -- sh -c umask 022;")

    against(tmp_path / "a", key, act, uid=1000)


@pytest.mark.parametrize("excused", [False, True])
def test_sudo_with_a_password_asked_once_and_nowhere_to_be_seen(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey, *, excused: bool
) -> None:
    """Also where a command needs none: what is meant for sudo never reaches the command."""
    asked = []
    big = tmp_path / "big"
    big.write_bytes(bytes(range(256)) * 10000)

    def ask() -> str:
        asked.append(1)
        return PASSWORD

    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        (sshd.bin / "password").write_text(PASSWORD)
        targets = [host(sshd, user="ops"), host(sshd, user="ops", machine="b")]
        async with ssh.connect(targets, timeout_s=10, password=ask) as fleet:
            if excused:
                (sshd.bin / "password").unlink()
            assert (await fleet["a"].run(["cat"])).stdout == b""
            assert (await fleet["b"].run(["cat"], stdin=b"a\nb")).stdout == b"a\nb"
            digest = await fleet["a"].run(["sh", "-c", "wc -c; echo ok"], stdin=big)
            assert digest.stdout.split() == [b"2560000", b"ok"]
            assert (await fleet["a"].run(["cat"], stdin=big)).stdout == big.read_bytes()
            assert PASSWORD not in repr(fleet)
        assert asked == [1]
        assert PASSWORD not in sshd.sudo_log()
        assert "-k -S -p" in sshd.sudo_log()

    against(tmp_path / "a", key, act, uid=1000)


@pytest.mark.parametrize(
    ("file", "says"), [("password", "incorrect password"), ("denied", "not in the sudoers file")]
)
def test_sudo_that_refuses(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey, file: str, says: str
) -> None:
    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        (sshd.bin / file).write_text("other")
        error = await refusal(host(sshd, user="ops"), password=lambda: PASSWORD)
        assert says in str(error)
        assert PASSWORD not in str(error) + error.hint

    against(tmp_path / "a", key, act, uid=1000)


def test_a_login_that_only_says_whom_to_log_in_as(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey
) -> None:
    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        says = 'Please login as the user "admin" rather than "root".'
        (sshd.bin / "bashrc").write_text(f"echo '{says}'; exit 142\n")
        error = await refusal(host(sshd))
        assert 'Please login as the user "admin"' in str(error)
        assert "user: NAME" in error.hint

    against(tmp_path / "a", key, act)


@pytest.mark.parametrize("uid", [0, 1000])
def test_a_login_that_prints_and_has_a_mask_of_its_own(
    tmp_path: Path, home: Path, key: asyncssh.SSHKey, uid: int
) -> None:
    """Neither what a `.bashrc` prints nor its umask is seen by what runs there."""
    made = tmp_path / "made/inside"

    async def act(sshd: Sshd) -> None:
        knows(home, sshd.line())
        (sshd.bin / "bashrc").write_text("umask 077; printf 'Welcome\\nto a'; echo oh >&2\n")
        async with ssh.connect([host(sshd)], timeout_s=10) as fleet:
            script = f"mkdir -p {made} && touch {made}/file && cat && exit 3"
            done = await fleet["a"].run(["sh", "-c", script], stdin=b"in")
            assert (done.status, done.stdout) == (3, b"in")
        assert made.parent.stat().st_mode & 0o777 == 0o755
        assert (made / "file").stat().st_mode & 0o777 == 0o644

    against(tmp_path / "a", key, act, uid=uid)


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        ("Welcome\nto ahardway-begins\none\ntwo\n", [b"one\n", b"two\n", b""]),
        ("hardway-begins\n", [b"", b""]),
        ("Please login as the user admin\n", [b"", b""]),
    ],
)
def test_lines_of_a_process_begin_where_it_does(printed: str, lines: list[bytes]) -> None:
    async def act() -> None:
        stdout = asyncio.StreamReader()
        stdout.feed_data(printed.encode())
        stdout.feed_eof()
        running = ssh.SshProcess("a", SimpleNamespace(stdout=stdout))  # type: ignore[arg-type]
        assert [await running.readline() for _ in lines] == lines

    asyncio.run(act())


def test_a_password_is_never_in_the_line_that_is_run() -> None:
    become = Become(sudo=True, password=PASSWORD)
    assert PASSWORD not in become.command(["true"]) + repr(become)
    assert become.before() == f"{PASSWORD}\n{BEGINS}\n".encode()


def test_ssh_goes_the_same_way() -> None:
    target = Target("a", "h", "ops", Path("/k"), None, port=2222, bastion="u@b:22")
    assert login(target) == [
        "ssh", "-p", "2222", "-i", "/k",
        "-o", "ProxyCommand=ssh -p 22 -i /k -W '[%h]:%p' u@b", "ops@h",
    ]  # fmt: skip


def exceptions() -> list[type[BaseException]]:
    """Return every exception asyncssh can raise, wherever in it that is written."""
    import pkgutil

    found: set[type[BaseException]] = set()
    for module in pkgutil.iter_modules(asyncssh.__path__):
        loaded = getattr(asyncssh, module.name, None)
        members = vars(loaded).values() if inspect.ismodule(loaded) else ()
        found |= {m for m in members if inspect.isclass(m) and issubclass(m, BaseException)}
    return sorted(
        (kind for kind in found if kind.__module__.startswith("asyncssh")), key=lambda k: k.__name__
    )


NEVER_SEEN = ("Error",)
"""What others inherit from."""


@pytest.mark.parametrize("kind", exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_asyncssh_has_a_meaning(kind: type[BaseException]) -> None:
    if kind.__name__ in NEVER_SEEN or kind.__name__.startswith("SoftEOF"):
        return
    row = meaning(kind.__new__(kind))
    assert row is not None, f"{kind} has no row in REFUSALS"
    assert row.hint


def test_asyncssh_has_the_exceptions_we_know() -> None:
    assert len(exceptions()) > 50


def test_an_error_says_which_machine_and_what_next() -> None:
    error = connect_error("a (h)", OSError(113, "No route to host"))
    assert str(error) == "a (h): [Errno 113] No route to host"
    assert error.hint == "see whether it runs: hardway machine list"
