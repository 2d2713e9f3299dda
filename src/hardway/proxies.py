"""Addresses that are asked directly, whatever proxy the operator's environment names."""

import os
from collections.abc import Iterable


def past_proxies(addresses: Iterable[str]) -> dict[str, str]:
    """Return what to add to the environment so that no proxy is asked for some addresses.

    Both spellings: Go reads the first that is not empty, curl and others the lower-case one alone.
    """
    given = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    value = ",".join(filter(None, (given, *addresses)))
    return {"NO_PROXY": value, "no_proxy": value}
