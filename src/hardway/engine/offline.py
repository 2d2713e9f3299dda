"""Installing packages from a bundle: apt on the machine sees a folder of ours and nothing else."""

import tarfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from hardway.engine import ledger
from hardway.errors import PreflightError
from hardway.text import text
from hardway.transport.base import Transport, run_checked

WHICH = '. /etc/os-release; echo "$VERSION_CODENAME-$(dpkg --print-architecture)"'
FROM_FOLDER = """set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
mkdir -p "$folder/lists/partial"
tar --extract --no-same-owner -C "$folder"
# Each package's digest stands in the bundle, which was checked; apt has no key for this folder.
echo "deb [trusted=yes] file:$folder ./" >"$folder/sources.list"
cat >"$folder/apt.conf" <<END
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$folder/lists";
END
script=$1
shift
APT_CONFIG=$folder/apt.conf sh -c "$script" sh "$@"
"""
INSTALL_S = 900.0


async def install(transport: Transport, names: Sequence[str], packages: Path) -> None:
    """Install packages that a bundle brought, by the machine's suite and architecture.

    Raises:
        PreflightError: the bundle has none for such a machine.
    """
    place = (await run_checked(transport, ["sh", "-c", WHICH])).strip()
    folder = packages / place
    if not folder.is_dir():
        raise PreflightError(
            [text("{machine}: the bundle has no packages for {place}", machine=transport.machine,
                  place=place)],
            hint=text("elsewhere: hardway bundle create --suite {suite}; or install there: {names}",
                      suite=place.rpartition("-")[0], names=" ".join(names)),
        )  # fmt: skip
    with NamedTemporaryFile(suffix=".tar") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for path in sorted(folder.iterdir()):
                tar.add(path, path.name)
        file.flush()
        argv = ["sh", "-c", FROM_FOLDER, "sh", ledger.INSTALL, *names]
        await run_checked(transport, argv, stdin=Path(file.name), timeout_s=INSTALL_S)
