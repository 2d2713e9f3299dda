"""Shell that changes objects of the API where no kubectl is: on a control plane, in etcd itself.

What is taken away is kept as etcd had it, so that the undo needs no credentials of people.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from hardway.model.etcd import argv

ETCDCTL = shlex.join(argv())
VALUE = "value"
"""A file in the run's folder: the object as etcd has it."""


def _get(key: str) -> str:
    # etcdctl ends what it prints with a line break of its own.
    return f"{ETCDCTL} get '{key}' --print-value-only | head -c -1"


def delete(key: str) -> str:
    """Return the shell that deletes an object and keeps its value."""
    return f"{_get(key)} >{VALUE}\n{ETCDCTL} del '{key}'"


def restore(key: str) -> str:
    """Return the shell that puts a kept value back."""
    return f"[ ! -s {VALUE} ] || {ETCDCTL} put '{key}' <{VALUE}"


def edit(key: str, sed: str) -> str:
    """Return the shell that edits a value in place: the text may not change its length."""
    return f"{_get(key)} >{VALUE}\nLC_ALL=C sed '{sed}' {VALUE} | {ETCDCTL} put '{key}'"


def create(key: str, manifest: Mapping[str, Any]) -> str:
    """Return the shell that puts an object there as JSON, which API servers read too."""
    return f"{ETCDCTL} put '{key}' {shlex.quote(json.dumps(manifest))}"


def remove(key: str) -> str:
    """Return the shell that takes it away."""
    return f"{ETCDCTL} del '{key}'"
