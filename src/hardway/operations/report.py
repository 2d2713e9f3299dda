"""The report: a page about the cluster as it is now."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from hardway.atlas.usage import CertificateMap
from hardway.files import write
from hardway.operations import certificates
from hardway.operations.view import view, without_machines
from hardway.pages.html import html
from hardway.pages.model import page
from hardway.pictures import PICTURES
from hardway.pictures.view import View
from hardway.project import Project

PAGE = "index.html"


def report(
    project: Project, folder: Path, say: Callable[[str], str], language: str, *, offline: bool
) -> Path:
    """Write the page into a folder, which is made if it is not there; return its path."""
    seen, mapped = asyncio.run(_seen(project, offline=offline))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / PAGE
    write(file, html(page(seen, mapped, say), say, language).encode())
    return file


async def _seen(project: Project, *, offline: bool) -> tuple[View, CertificateMap]:
    if offline or project.decisions is None:
        return without_machines(project), certificates.offline(project)
    atlas = without_machines(project).atlas
    looks = dict.fromkeys(look for row in PICTURES for about in row.choices(atlas)
                          for look in row.looks(atlas, about))  # fmt: skip
    return await view(project, tuple(looks)), await certificates.live(project)
