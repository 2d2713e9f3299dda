"""A kubeconfig's current context: what a client takes of the file."""

from collections.abc import Iterable, Mapping
from typing import Any

from hardway.text import text


def current(document: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the cluster and the user of the current context.

    Raises:
        ValueError: it has no current context, cluster or user, or is no kubeconfig.
    """
    if not isinstance(document, Mapping):
        raise ValueError(text("not a kubeconfig"))  # noqa: TRY004 - bad content, not type
    context = _named(document, "contexts", document.get("current-context"), "context")
    cluster = _named(document, "clusters", context.get("cluster"), "cluster")
    return cluster, _named(document, "users", context.get("user"), "user")


def _named(document: Mapping[str, Any], kind: str, name: object, part: str) -> Mapping[str, Any]:
    entries: Iterable[Any] = document.get(kind) or ()
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("name") == name and name:
            found = entry.get(part)
            return found if isinstance(found, Mapping) else {}
    missing = text("no {part} called {name}", part=part, name=name)
    raise ValueError(missing if name else text("no current {part}", part=part))
