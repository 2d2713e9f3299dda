"""What must be true of a machine, what was seen there, and the difference. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from hardway.model.rows import Reread, Row

ROOT = "root"


def hexdigest(content: bytes) -> str:
    """Return the SHA-256 digest of a content, in hex."""
    return sha256(content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A small file, written whole."""

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o644
    owner: str = ROOT
    """User and group of that name."""
    secret: bool = False
    """Plans show its digest only."""
    rows: tuple[Row, ...] = field(default=(), repr=False, compare=False)
    """What is in it and why, entry by entry; none where the file is one thing, such as a key."""
    why: str

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hex."""
        return hexdigest(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder and who may enter it; its content is the component's own."""

    path: str
    mode: int = 0o755
    owner: str = ROOT
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A large file kept under its digest in the machine's store, and the name it is used by."""

    path: str
    """A symbolic link into the store, e.g. /usr/local/bin/etcd."""
    sha256: str
    size_bytes: int
    source: str
    """Where this host has it."""
    why: str

    @property
    def stored(self) -> str:
        """Where the content lies on a machine."""
        return f"{STORE}/{self.sha256}/{self.path.rsplit('/', 1)[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package of the machine's distribution; any version will do."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Lines of ours, between marks, within a file that is not ours."""

    path: str
    text: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A systemd unit that is enabled and runs with what its files say now."""

    name: str
    path: str
    digest: str
    """Over the unit's text and all it reads; the running process carries it (ADR 3)."""
    reads: tuple[str, ...]
    """Paths of the files the digest is over."""
    rereads: tuple[Reread, ...] = field(default=(), compare=False)
    """Files that its process reads again by itself, or when it is told to."""
    reload_digest: str = ""
    """Over the files that its process reads again when it is told to; empty where it cannot be told
    (ADR 29)."""
    executable: str = ""
    """What its process is the program of, behind all links; empty where that is not ours."""
    server: str = ""
    """A unit of this machine whose client it is and which it calls again only after minutes."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What files cause on a running machine, and others may undo: routes, rules, users."""

    name: str
    """In the words of the plan; one of its kind on a machine."""
    see: str
    """Shell lines that print what is there; read-only, cheap, and never waiting long."""
    value: str
    """What they print where all is as wanted; spaces and line breaks are all the same."""
    unit: str
    """The unit that brings it about when it starts."""
    fix: str
    """The shell command that brings it about while that unit runs; it may be run again. Empty: what
    is seen is put right through the API."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What a run that was killed had not put in its place yet."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate or key in the cluster's folder that `up` makes; only plans have it."""

    name: str
    why: str


class Before(StrEnum):
    """What stood at a path before hardway's first change there: the ledger's words."""

    ABSENT = "absent"
    FILE = "file"
    LINES = "lines"
    """A file of others that has lines of ours."""
    STORED = "stored"
    """Not in the ledger: the content of a blob, in the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obsolete:
    """What hardway put once and no step wants any longer."""

    path: str
    before: Before


@dataclass(frozen=True, slots=True)
class Desired:
    """What one step wants of one machine, in the order it is to be put there."""

    packages: tuple[Package, ...] = ()
    folders: tuple[Folder, ...] = ()
    files: tuple[File, ...] = ()
    blocks: tuple[Block, ...] = ()
    blobs: tuple[Blob, ...] = ()
    units: tuple[Unit, ...] = ()
    effects: tuple[Effect, ...] = ()

    @property
    def paths(self) -> tuple[Folder | File | Blob, ...]:
        """All that is put at a path, in that order."""
        return (*self.folders, *self.files, *self.blobs)

    @property
    def items(self) -> tuple["Item", ...]:
        """All that is wanted, in the order in which it is put."""
        return (*self.packages, *self.blocks, *self.paths, *self.units, *self.effects)


Manifest = Mapping[str, Any]
"""A Kubernetes object; applied server-side."""


@dataclass(frozen=True, slots=True)
class SeenPath:
    """A path as it is on a machine."""

    kind: str
    """As `find -printf %y` has it: `f`, `d`, `l`, or another letter."""
    mode: int
    owner: str
    """Its user; with the group after a colon where that is another."""
    size_bytes: int
    changed_at: float
    """When content, mode or owner last changed: seconds since 1970, by the machine's clock."""
    target: str = ""
    """Where a link leads."""
    digest: str = ""
    """SHA-256 of a file's content, in hex."""


@dataclass(frozen=True, slots=True)
class SeenUnit:
    """A unit as systemd reports it."""

    active: str
    """systemd's ActiveState: `active`, `activating`, `failed`, …

    Here `activating` is also a unit whose process does not run the unit's program yet (systemd
    calls a `simple` one active as soon as it has forked), or has just ended.
    """
    enabled: bool
    digest: str
    """What it was started with; empty when it does not run."""
    started_at: float
    """Seconds since 1970, by the machine's clock; 0 when it does not run."""
    reload_needed: bool
    active_s: float = 0.0
    """Since it became active."""
    away_s: float = 0.0
    """How long it had not been active before that; 0 where it never had been."""
    executable: str = ""
    """Of its process, behind all links; empty when there is none."""
    fails: bool = False
    """It ended, and systemd waits before it starts it again."""
    reload_digest: str = ""
    """Over the files that it reads again when told to, as they were when it last read them."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What one round trip to a machine saw; absent paths and units are absent keys."""

    paths: Mapping[str, SeenPath] = field(default_factory=dict)
    units: Mapping[str, SeenUnit] = field(default_factory=dict)
    packages: frozenset[str] = frozenset()
    """Those that are wanted and installed."""
    blocks: Mapping[str, str] = field(default_factory=dict)
    """Our lines within others' files, by path."""
    effects: Mapping[str, str] = field(default_factory=dict)
    """What the look at each effect printed, by its name."""
    put: Mapping[str, Before] = field(default_factory=dict)
    """What is there of all that hardway ever put, by path."""
    content: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Of files that differ from what was expected; keys are never among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdMember:
    """A control plane's member of etcd."""

    name: str


Item = (
    Package
    | File
    | Folder
    | Block
    | Blob
    | Unit
    | Effect
    | Leftover
    | Obsolete
    | Issued
    | EtcdMember
    | Manifest
)


class Kind(StrEnum):
    """What a change does."""

    ISSUE = "issue"
    INSTALL = "install"
    CREATE = "create"
    UPDATE = "update"
    START = "start"
    RESTART = "restart"
    RELOAD = "reload"
    """Tell a running process to read its files again: its connections stay."""
    ENABLE = "enable"
    SET = "set"
    APPLY = "apply"
    REMOVE = "remove"
    REGISTER = "register"
    """Restart a kubelet, so that it makes its Node again."""
    JOIN = "join"
    """Let a control plane without data become a member of etcd."""
    ASSIGN = "assign"
    """Set what the API lets be set once."""
    ROLLOUT = "rollout"
    """Let a Deployment make its pods anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between what should be and what is: a line of the plan."""

    machine: str
    step: str
    kind: Kind
    path_or_unit: str
    item: Item = field(repr=False)
    """All that making the change takes."""
    diff: str = ""
    before: str = ""
    """SHA-256 of the file that is there now, in hex; empty of other things."""
    prose: bool = False
    """The text differs and its meaning does not: no process acts on it."""


class Verdict(StrEnum):
    """What became of a check."""

    HOLDS = "holds"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """Nobody answered, so that nothing is known."""


class Severity(StrEnum):
    """What follows when a check does not hold."""

    FAIL = "fail"
    """The command fails."""
    REFUSE = "refuse"
    """Nothing is changed until it is fixed."""
    WARN = "warn"
    """It is said; no exit status changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check saw of one subject."""

    check: str
    step: str
    machine: str
    """The subject's name; `endpoint` for the cluster as a whole."""
    ok: bool
    """Whether the verdict is that it holds."""
    expected: str
    found: str
    why: str
    see: str
    """A command that shows the same, for people."""
    verdict: Verdict
    severity: Severity
    subject: str
    """Its kind and name: `machine/worker-0`, `node/worker-0`, `cluster/endpoint`."""
    causes: tuple[str, ...]
    """Names of checks that, where they are wrong, make this one wrong."""
    anywhere: tuple[str, ...] = ()
    """Names of those that do so from any other machine too."""
    due: str = ""
    """The step that brings it, where the cluster has not come so far: until then it holds."""
    cure: str = ""
    """What a person does about it; empty where `hardway up` puts it right."""
    asked: str
    """The question as it was asked."""
    answer: str
    """What was said to it, cut; never a secret."""
    said: str = ""
    """The last words of a process that does not run."""

    @property
    def fails(self) -> bool:
        """Return whether this is wrong and no mere warning."""
        return self.verdict is Verdict.WRONG and self.severity is not Severity.WARN

    @property
    def open(self) -> bool:
        """Return whether this is unknown and no mere warning."""
        return self.verdict is Verdict.UNKNOWN and self.severity is not Severity.WARN


BLOCK_BEGIN, BLOCK_END = "# hardway: begin", "# hardway: end"
"""What a block's lines stand between."""

NEW = ".hardway-new"
"""What is on its way to its place: a folder beside its targets, hence on the same file system, from
which a rename puts each of them there whole or not at all; and the end of such names in the store.
"""

STORE = "/opt/hardway/store"
"""Where a machine keeps blobs: STORE/<sha256>/<name>."""

IDENTITY = "/var/lib/hardway/identity"
"""Where a machine notes of which cluster it is (ownership.py)."""

LEDGER = "/var/lib/hardway/before"
"""Where a machine keeps what it was before hardway's first change."""
