"""Components: the pinned binaries and images a cluster is made of, and where they come from."""

from hardway.components.cache import cache_folder, cached, lookup
from hardway.components.lock import Lock
from hardway.components.lock import beside as lock_beside
from hardway.components.lock import load as load_lock
from hardway.components.lock import save as save_lock
from hardway.components.sources import ensure
from hardway.components.stored import Stored
from hardway.components.table import (
    DEFAULT_KUBERNETES,
    Component,
    architecture,
    for_kubernetes,
    image,
    resolve_version,
)

__all__ = [
    "DEFAULT_KUBERNETES",
    "Component",
    "Lock",
    "Stored",
    "architecture",
    "cache_folder",
    "cached",
    "ensure",
    "for_kubernetes",
    "image",
    "load_lock",
    "lock_beside",
    "lookup",
    "resolve_version",
    "save_lock",
]
