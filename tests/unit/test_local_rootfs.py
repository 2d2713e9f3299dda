"""The base root: a second run waits for the first, is told so, and can be interrupted."""

import asyncio
from pathlib import Path

import pytest

from hardway.files import try_lock
from hardway.providers.local import rootfs


def test_who_waits_for_another_build_is_told_so_and_can_be_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def build(root: Path) -> None:
        root.mkdir()

    monkeypatch.setattr(rootfs, "_build", build)
    base = rootfs.base_root(tmp_path)
    base.parent.mkdir(parents=True)
    said: list[str] = []

    async def interrupted() -> None:
        task = asyncio.ensure_future(rootfs.ensure_base(tmp_path, said.append))
        while not said:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with (base.parent / f"{base.name}.lock").open("w") as lock:
        assert try_lock(lock)
        asyncio.run(interrupted())
    assert said == ["waiting for another hardway that builds the machines' base root"]
    assert not base.exists()
    assert asyncio.run(rootfs.ensure_base(tmp_path, said.append)).is_dir()
