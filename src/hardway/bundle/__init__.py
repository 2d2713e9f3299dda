"""Bundles: all that `hardway up` needs for a spec, in one file, for where there is no internet."""

from collections.abc import Awaitable, Callable, Mapping

from hardway.bundle.debs import apt_packages
from hardway.bundle.extras import Extras, Place, Wanted, base_roots
from hardway.bundle.manifest import Contents
from hardway.bundle.pack import pack
from hardway.bundle.unpack import read, unpack, verify

__all__ = ["EXTRAS", "Contents", "Place", "Wanted", "pack", "read", "unpack", "verify"]

EXTRAS: Mapping[str, Callable[[Wanted, Place], Awaitable[Extras]]] = {
    "local": base_roots,
    "ssh": apt_packages,
}
"""What a bundle holds beside the components, by provider."""
