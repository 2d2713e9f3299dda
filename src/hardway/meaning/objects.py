"""Objects of the Kubernetes API: each wanted entry beside the one that the API has.

What the API adds of its own, such as defaults, is no deviation.
"""

from collections.abc import Mapping
from typing import Any

from hardway.meaning import document
from hardway.meaning.base import Deviation
from hardway.meaning.comments import without_comments


def deviations(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[Deviation]:
    """Return the wanted entries that are not there, or not so; of texts line by line."""
    return list(document.subset(wanted, found))


def meant(value: Any) -> Any:
    """Return a value without comments in its texts, such as those in CoreDNS's Corefile."""
    match value:
        case Mapping():
            return {key: meant(inner) for key, inner in value.items()}
        case list():
            return [meant(inner) for inner in value]
        case str():
            return without_comments(value.encode()).decode()
    return value
