"""All that is written down of a cluster."""

from collections.abc import Sequence

from hardway.export import made
from hardway.export.chapters import chapters, kubectl
from hardway.export.model import Book, Login
from hardway.render.kubeconfig import host_kubeconfigs
from hardway.steps.base import Given


def book(given: Given, logins: Sequence[Login], cache: str) -> Book:
    """Return a cluster's book; `given` has marks in place of secrets (`made.secrets`)."""
    known = made.names(given.cluster)
    kubeconfigs = host_kubeconfigs(given.cluster, given.secrets)
    return Book(
        cluster=given.cluster,
        logins=tuple(logins),
        chapters=chapters(given),
        kubeconfigs={name: made.content(text, known) for name, text in kubeconfigs.items()},
        components={s.sha256: s for own in given.stored.values() for s in own.values()},
        kubectl=kubectl(given).sha256,
        cache=cache,
    )
