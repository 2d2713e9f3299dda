"""The report as one HTML page that needs nothing else."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hardway.pages.model import Page, anchor
from hardway.pictures.svg import STYLE
from hardway.text import text

Say = Callable[[str], str]


def html(page: Page, say: Say, language: str) -> str:
    """Return the page; whatever is in it is escaped, but for pictures drawn by hardway."""
    environment = Environment(
        loader=PackageLoader("hardway.pages"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "say": say,
        "anchor_of": partial(anchor, "file"),
        "drawn": Markup,
        "days": partial(_days, now=page.made),
    }
    environment.globals["text"] = text
    template = environment.get_template("report.html")
    return template.render(page=page, language=language, picture_style=Markup(STYLE))  # noqa: S704


def _days(until: datetime, *, now: datetime) -> int:
    return (until - now).days
