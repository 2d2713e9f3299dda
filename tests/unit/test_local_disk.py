"""Disks of machines on this host: killed at any moment, none is left that is half of one."""

import shutil
from pathlib import Path

import pytest

from hardway.providers.local import cleanup, disk, names


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a machine's disk."""
    for place in ("STATE", "NETNS"):
        monkeypatch.setattr(names, place, tmp_path / place)
    disk.make("c", "worker-0", tmp_path / "base", {"etc/key": (b"key", 0o600)})
    return names.folder("c", "worker-0")


def test_a_file_is_there_whole_and_as_secret_as_it_should_be(made: Path) -> None:
    key = made / "upper/etc/key"
    assert key.read_bytes() == b"key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_removal_that_was_killed_leaves_no_disk_to_boot_and_is_gone_on_with(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda _path: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            disk.remove("c", "worker-0")
    assert not made.exists()
    assert cleanup.machine_names("c") == ["worker-0"]
    disk.make("c", "worker-0", made, {})
    disk.remove("c", "worker-0")
    assert cleanup.machine_names("c") == []
    assert list(names.folder("c").iterdir()) == []
