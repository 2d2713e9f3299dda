"""Reading hardway.yaml: every error at once, each with its line."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hardway.errors import SpecError
from hardway.spec.aws import Aws
from hardway.spec.inventory import Found, Inventory
from hardway.spec.options import Extra, Nodes, PodSecurity, ServiceAccounts
from hardway.spec.schema import TAGS, ClusterSpec, Counts, EndpointSpec, Named, Network, Pki
from hardway.spec.ssh import Ssh
from hardway.text import Text, text

M = TypeVar("M", bound=BaseModel)
LARGEST_BYTES = 1 << 16
Place = tuple[str | int, ...]
"""Where something stands in the file, e.g. ("machines", 0, "name")."""

PARTS: Mapping[str, type[BaseModel]] = {
    "": ClusterSpec,
    "network": Network,
    "endpoint": EndpointSpec,
    "ssh": Ssh,
    "aws": Aws,
    "pki": Pki,
    "nodes": Nodes,
    "podSecurity": PodSecurity,
    "serviceAccounts": ServiceAccounts,
    "components": Extra,
}
INVENTORY: Mapping[str, type[BaseModel]] = {"": Inventory, "ssh": Ssh, "machines": Found}
"""The same of the file of `verify --inventory`."""
PLAIN_TAGS = frozenset({"int", "bool", "null"})
"""Scalars taken as what they look like; all others are their own text: `1.30` is no 1.3."""
RULES = {
    "missing": "is needed",
    "address": "an address is wanted, as in 10.240.0.0",
    "ip_v4_address": "must be an IPv4 address",
    "ip_v4_network": "must be a range of IPv4 addresses, as in 10.240.0.0/24",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "path_type": "must be a path",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
}
"""What pydantic's kinds of errors say to people; the others keep pydantic's words."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A spec, and where in which file each part of it stands."""

    spec: ClusterSpec
    file: str
    lines: Mapping[Place, int]

    def problem(self, place: Place, message: str) -> Text:
        """Return a problem as `file:line: place: message`."""
        return problem(self.file, self.lines, place, message)


def problem(file: str, lines: Mapping[Place, int], place: Place, message: str) -> Text:
    """Return a problem with its line: the one of the place, or of what it is in."""
    within = place
    while within and within not in lines:
        within = within[:-1]
    name = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")
    where = f"{file}:{lines.get(within, 1)}" + (f": {name}" if name else "")
    return text("{where}: {message}", where=where, message=message)


def load(path: Path | None) -> Loaded:
    """Read a spec; without a path the default one.

    Raises:
        SpecError: with everything that is wrong in the file.
    """
    if path is None:
        return Loaded(ClusterSpec(), "defaults", {})
    return parse(_read(path), str(path))


def load_inventory(path: Path) -> Inventory:
    """Read the file of `verify --inventory`.

    Raises:
        SpecError: with everything that is wrong in the file.
    """
    file = str(path)
    content = _read(path, hint="docs/inventory.md shows one")
    inventory, lines = _validated(content, file, Inventory, INVENTORY)
    names = [machine.name for machine in inventory.machines]
    problems = [
        problem(file, lines, ("machines", n, "name"),
                text("{name} is the name of another machine too", name=name))
        for n, name in enumerate(names)
        if name in names[:n]
    ]  # fmt: skip
    if "control-plane" not in {machine.role for machine in inventory.machines}:
        message = text("none is a control plane")
        problems.append(problem(file, lines, ("machines",), message))
    if problems:
        raise SpecError(problems)
    return inventory


def _read(path: Path, hint: str = "") -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        absent = isinstance(error, FileNotFoundError)
        why = text("No such file") if absent else error.strerror
        raise SpecError(
            [text("{path}: {why}", path=path, why=why)],
            hint=hint or text("hardway init {path} writes one", path=path),
        ) from error
    if len(content) > LARGEST_BYTES:
        raise SpecError([text("{path}: {size} bytes; hardway reads at most {most}",
                              path=path, size=len(content), most=LARGEST_BYTES)])  # fmt: skip
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SpecError(
            [text("{path}: byte {number} is not UTF-8", path=path, number=error.start)]
        ) from error


def parse(written: str, file: str) -> Loaded:
    """Read a spec from a text; `file` is what errors call it."""
    spec, lines = _validated(written, file, ClusterSpec, PARTS)
    return Loaded(spec, file, lines)


def _validated(
    written: str, file: str, model: type[M], parts: Mapping[str, type[BaseModel]]
) -> tuple[M, dict[Place, int]]:
    """Return a text's content, and where each part of it stands."""
    lines: dict[Place, int] = {}
    problems: list[str] = []
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(written)):
            message = text("hardway reads no aliases (*name): write the value out")
            raise SpecError([problem(file, {}, (), message)])
        node = yaml.compose(written, Loader=yaml.SafeLoader)
        data = _plain(node, (), lines, problems, file) if node else {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError([problem(file, {(): line}, (), error.problem or str(error))]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise SpecError([problem(file, {}, (), first)]) from error
    try:
        content = model.model_validate(data if data is not None else {})
    except ValidationError as error:
        problems += [_explain(e, file, lines, parts) for e in error.errors()]
    if problems:
        raise SpecError(problems)
    return content, lines


def _plain(
    node: yaml.Node, at: Place, lines: dict[Place, int], problems: list[str], file: str
) -> Any:
    """Return a node's value, noting where each part stands and which keys stand there twice."""
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        value: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*at, key)
            line = key_node.start_mark.line + 1
            if key in value:
                again = text("stands here a second time")
                problems.append(problem(file, {here: line}, here, again))
            lines[here] = line
            value[key] = _plain(value_node, here, lines, problems, file)
        return value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(n, (*at, i), lines, problems, file) for i, n in enumerate(node.value)]
    if node.tag.rsplit(":", 1)[-1] in PLAIN_TAGS:
        return yaml.SafeLoader("").construct_object(node)
    return node.value


def _explain(
    error: ErrorDetails,
    file: str,
    lines: Mapping[Place, int],
    parts: Mapping[str, type[BaseModel]],
) -> str:
    place = tuple(part for part in error["loc"] if part not in TAGS)
    if error["type"] == "extra_forbidden":
        return problem(file, lines, place, _not_a_field(place, parts))
    known = error["type"] in RULES
    message = text(RULES[error["type"]], **error.get("ctx", {})) if known else error["msg"]
    found = error["input"]
    if error["type"] != "missing" and not isinstance(found, dict | list):
        found = json.dumps(found, default=str, ensure_ascii=False)
        message = text("{message}, found {found}", message=message, found=found)
    return problem(file, lines, place, message)


def _not_a_field(place: Place, parts: Mapping[str, type[BaseModel]]) -> Text:
    model = parts.get(str(place[0]) if len(place) > 1 else "")
    if model is None:
        model = Named if isinstance(place[1], int) else Counts
    known = [field.alias or name for name, field in model.model_fields.items()]
    for close in difflib.get_close_matches(str(place[-1]), known, n=1):
        return text("is not a field here; did you mean {name}?", name=close)
    return text("is not a field here; the fields are {names}", names=", ".join(known))


def json_schema() -> str:
    """Return the JSON Schema of hardway.yaml, for editors."""
    schema = ClusterSpec.model_json_schema(by_alias=True)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema},
                      indent=2) + "\n"  # fmt: skip


def default_text() -> str:
    """Return the text of a hardway.yaml with all defaults, each with what it is."""
    return DEFAULT_TEXT


DEFAULT_TEXT = """\
# A Kubernetes cluster, for hardway. Everything here is a default: keep what you change.
apiVersion: hardway/v1alpha1

# Tells clusters on one host apart: their folders, bridges and machines are named by it.
name: default

# Where the machines come from. local: systemd-nspawn machines on this host.
# ssh: hosts that exist already (docs/ssh.md). aws: instances on AWS (docs/aws.md).
provider: local

# A minor version (1.35, 1.36, 1.37), or an exact one that hardway knows.
kubernetes: "1.37"

# How many machines of each role. Control planes: an odd number, of which a majority must live.
machines:
  controlPlanes: 3
  workers: 3
# Or a list, with names and, where you like, addresses:
# machines:
#   - {name: alpha, role: control-plane, address: 10.240.0.10}
#   - {name: beta, role: worker}

# Address ranges: private, apart from each other, and not in use on this host.
network:
  nodes: 10.240.0.0/24
  # Each worker gets a /24 of it.
  pods: 10.200.0.0/16
  # The first address is the API's, the tenth the DNS's.
  services: 10.32.0.0/24
  # Nodes' addresses at which NodePorts answer: primary, all, or ranges (docs/options.md).
  nodePorts: [primary]

# Where clients reach the API, whichever control planes live. vip: an address that they hand over;
# given: a load balancer of your own, by its host; proxy: haproxy on every machine.
endpoint:
  kind: vip
  host: 10.240.0.100
  port: 6443

# Kind of keys (ecdsa-p256, ecdsa-p384, rsa-2048, rsa-4096), and how long certificates are good.
pki:
  algorithm: ecdsa-p256
  caDays: 3650
  leafDays: 365
  # People's: `hardway up` renews them.
  adminDays: 7

# Labels and taints of all nodes, and how many processes a pod may have.
nodes:
  labels: {}
  taints: []
  podPidsLimit: 4096
"""
