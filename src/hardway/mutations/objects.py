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
"""Files in the run's folder, numbered: objects as etcd has them."""


def _get(key: str) -> str:
    # etcdctl ends what it prints with a line break of its own.
    return f"{ETCDCTL} get '{key}' --print-value-only | head -c -1"


def delete(*keys: str) -> str:
    """Return the shell that deletes objects and keeps their values."""
    return "\n".join(
        f"{_get(key)} >{VALUE}-{n}\n{ETCDCTL} del '{key}'" for n, key in enumerate(keys)
    )


def restore(*keys: str) -> str:
    """Return the shell that puts kept values back."""
    return "\n".join(
        f"[ ! -s {VALUE}-{n} ] || {ETCDCTL} put '{key}' <{VALUE}-{n}" for n, key in enumerate(keys)
    )


def edit(key: str, sed: str) -> str:
    """Return the shell that edits a value in place: the text may not change its length."""
    kept = f"{VALUE}-0"
    return f"{_get(key)} >{kept}\nLC_ALL=C sed '{sed}' {kept} | {ETCDCTL} put '{key}'"


def move(prefix: str) -> str:
    """Return the shell that moves the second of some pods to the first one's node."""
    return f"""names=$(echo <WORKERS> | tr ' ' '|')
for key in $({ETCDCTL} get --prefix {prefix} --keys-only); do
    {ETCDCTL} get "$key" --print-value-only | head -c -1 >pod
    node=$(grep --text --only-matching --extended-regexp "$names" pod | head -n 1)
    [ -n "${{there:=$node}}" ] && [ "$node" != "$there" ] || continue
    echo "$key" >moved
    LC_ALL=C sed "s/$node/$there/g" pod | {ETCDCTL} put "$key"
    break
done"""


def create(key: str, manifest: Mapping[str, Any]) -> str:
    """Return the shell that puts an object there as JSON, which API servers read too."""
    return f"{ETCDCTL} put '{key}' {shlex.quote(json.dumps(manifest))}"


def remove(key: str) -> str:
    """Return the shell that takes it away."""
    return f"{ETCDCTL} del '{key}'"


def grant(name: str, group: str) -> str:
    """Return the shell that makes a group of clients administrators."""
    api = "rbac.authorization.k8s.io"
    return create(f"/registry/clusterrolebindings/{name}", {
        "apiVersion": f"{api}/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "uid": f"6d75746e-0000-4000-8000-{len(name):012}",
                     "creationTimestamp": "2026-01-01T00:00:00Z"},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": api, "kind": "Group", "name": group}],
    })  # fmt: skip
