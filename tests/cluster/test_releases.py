"""Packages in a bundle for each release: installed by that release's own apt, with no network."""

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardway import bundle, components
from hardway.bundle import debs
from hardway.engine import ledger, offline
from hardway.errors import CommandError
from hardway.model.resources import LEDGER
from hardway.providers.hosts.distributions import BY_SUITE
from hardway.steps.packages import ROWS
from hardway.transport.base import Completed, run_checked

NAMES = sorted({row.name for row in ROWS})
ENTER = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'


@dataclass(frozen=True)
class Root:
    """A machine that is a folder: real programs of its release, and no network at all."""

    machine: str
    folder: Path

    async def run(
        self, argv: Sequence[str], *, stdin: bytes | Path = b"", timeout_s: float = 60
    ) -> Completed:
        content = stdin.read_bytes() if isinstance(stdin, Path) else stdin
        enter = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"]
        words = [*enter, ENTER, str(self.folder), *argv]
        done = subprocess.run(words, input=content, capture_output=True, check=False)
        return Completed(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages for all releases, as a bundle leaves it in the cache."""
    folder = tmp_path_factory.mktemp("brought")
    wanted = bundle.Wanted((components.architecture(),), tuple(BY_SUITE))
    made = asyncio.run(debs.apt_packages(wanted, bundle.Place(folder, folder / "work", print)))
    for member in made.members:
        place = folder / member.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to(member.path)
    for line in made.lacking:
        print(line)
    return folder / "packages"


@pytest.mark.parametrize("suite", BY_SUITE)
def test_a_release_installs_what_a_bundle_has_for_it(
    suite: str, brought: Path, tmp_path: Path
) -> None:
    place = f"{suite}-{components.architecture()}"
    if not (brought / place).is_dir():
        pytest.skip(f"needs packages for {place}, which this host's apt could not get")
    root = Root(suite, tmp_path / "root")
    sources = debs.sources(suite, components.architecture())
    make = ["mmdebstrap", "--mode=root", "--variant=apt", "--quiet", suite, str(root.folder), "-"]
    subprocess.run(make, input=sources, text=True, check=True)
    (root.folder / LEDGER.lstrip("/")).mkdir(parents=True)
    there = asyncio.run(run_checked(root, ["dpkg-query", "--show", "--showformat=${Package}\n"]))
    assert not {"haproxy", "keepalived", "runc"} & set(there.split())
    with pytest.raises(CommandError):
        asyncio.run(run_checked(root, ledger.install(NAMES)))

    asyncio.run(offline.install(root, NAMES, brought))
    shown = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n", *NAMES]
    states = asyncio.run(run_checked(root, shown)).splitlines()
    assert states == [f"installed {name}" for name in NAMES]
    assert asyncio.run(run_checked(root, ["haproxy", "-v"]))
