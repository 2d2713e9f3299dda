"""What one round trip asks a machine of a cluster that others made. It reads, and writes nothing.

Every file is read as the process that names it sees it (/proc/PID/root), so that a static pod's
files are found as a unit's are. No private key and no token leaves the machine: of keys it prints
the public half, and words that could be secrets are replaced there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from hardway.meaning.document import at as held
from hardway.meaning.document import mapping
from hardway.model.checks import Sh
from hardway.spec.inventory import Places
from hardway.text import text

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet",
            "kube-proxy", "containerd")  # fmt: skip
FOLLOWED = 2
"""How many files deep paths are followed: a flag names a kubeconfig, that names a certificate."""
LARGEST_BYTES = 200_000
HEAD = "== "
PUBLIC = "public:"
REDACTED = "REDACTED"
SECRETS = "secret|token|password|client-key-data|id-token|refresh-token"
TIMEOUT_S = 40

SCRIPT = r"""
seen=" "
public() { openssl pkey -pubout 2>/dev/null | sed 's/^/\tPUBLIC/'; }
text() {
    if grep -q 'PRIVATE KEY-----' "$1"; then
        sed -n 's/\r$//; /-----BEGIN CERT/,/-----END CERT/s/^/\t/p' "$1"
        public <"$1"
        return
    fi
    sed -E 's/^/\t/; s/((SECRETS)"?[[:space:]]*:[[:space:]]*)["'\'']?[^"'\'',}[:space:]]+/\1REDACTED/g' "$1"
    grep -oE 'client-key-data"?[[:space:]]*:[[:space:]]*"?[A-Za-z0-9+/=]+' "$1" |
        sed 's/.*[":[:space:]]//' | base64 -d 2>/dev/null | public
}
show() {
    case "$seen" in *" $1:$2 "*) return ;; esac
    seen="$seen$1:$2 "
    at="/proc/$1/root$2"
    [ -e "$at" ] || return 0
    stat -L -c "== path $1 %F|%a|%U|$2" "$at"
    [ -f "$at" ] && [ "$(stat -L -c %s "$at")" -lt LARGEST ] || return 0
    grep -qE -e '-----BEGIN|^ *"?(kind|apiVersion|cniVersion)"? *:|^ *version *=|^\[(Unit|Service)\]' "$at" || return 0
    text "$at"
    echo
    [ "$3" -gt 0 ] || return 0
    for next in $(grep -oE '(^|[ :"=])/[A-Za-z0-9._/-]+' "$at" | sed 's/^[^/]//' | sort -u); do
        show "$1" "$next" $(($3 - 1))
    done
}
for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    name=$(tr '\0' '\n' <"$dir/cmdline" 2>/dev/null | head -n 1)
    name=${name##*/}
    case " PROGRAMS " in *" $name "*) ;; *) continue ;; esac
    unit=$(sed -n 's|.*/\([^/]*\.service\)$|\1|p' "$dir/cgroup" | head -n 1)
    echo "== process $pid $name $(stat -c %U "$dir") ${unit:-pod}"
    tr '\0' '\n' <"$dir/cmdline" | tail -n +2 | sed -E 's/^/\t/; s/(token=).*/\1REDACTED/'
    if [ -n "$unit" ]; then
        echo "== unit $name"
        systemctl cat "$unit" 2>/dev/null | sed 's/^/\t/'
    fi
    echo "== environment $name"
    tr '\0' '\n' <"$dir/environ" 2>/dev/null | sed -n 's/^ETCD_/\tETCD_/p'
    for path in $(tr '\0' '\n' <"$dir/cmdline" | grep -oE '(^|=)/[^ ,=]+' | sed 's/^=//'); do
        show "$pid" "$path" FOLLOWED
    done
done
for path in PATHS; do show 1 "$path" 1; done
echo "== sysctl"
sysctl --ignore SETTINGS 2>/dev/null | sed 's/^/\t/'
echo "== routes"
ip -4 route show | sed 's/^/\t/'
echo "== address"
ip -4 -oneline address show scope global | sed -n 's/.* inet \([0-9.]*\).*/\t\1/p'
"""  # noqa: E501 - one line of the script each


def question(places: Places, settings: Sequence[str]) -> Sh:
    """Return what a machine is asked."""
    paths = (
        *places.sources.values(),
        *places.kubeconfigs,
        *places.authority_keys,
        f"{CNI_FOLDER}/*",
        RUNTIME,
    )
    words = {
        "SECRETS": SECRETS,
        "REDACTED": REDACTED,
        "LARGEST": str(LARGEST_BYTES),
        "PROGRAMS": " ".join(PROGRAMS),
        "FOLLOWED": str(FOLLOWED),
        "PATHS": " ".join(paths),
        "SETTINGS": " ".join(settings),
    }
    return Sh(re.sub("|".join(words), lambda hole: words[hole[0]], SCRIPT), timeout_s=TIMEOUT_S)


CNI_FOLDER, RUNTIME = "/etc/cni/net.d", "/etc/containerd/config.toml"
"""What new pods are given, and containerd's own configuration, which no flag names."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file or folder as a process sees it."""

    kind: str
    mode: int
    owner: str
    content: bytes = b""
    """Without what is secret; empty of folders, and of files that are no configuration."""
    public: bytes = b""
    """Of a private key in it, the public half."""


@dataclass(frozen=True, slots=True)
class Process:
    """A component that runs."""

    name: str
    user: str
    unit: str
    """The unit that it belongs to; `pod` for a static pod's."""
    arguments: tuple[str, ...]
    files: Mapping[str, SeenFile] = field(default_factory=dict, repr=False)
    """What it sees at the paths that it was told, and at those named there."""

    def read(self, path: str) -> bytes | None:
        """Return a file's content, if it sees one there."""
        file = self.files.get(path)
        return file.content if file else None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a machine answered."""

    processes: Mapping[str, Process]
    units: Mapping[str, bytes]
    """Unit file and drop-ins, by component."""
    files: Mapping[str, SeenFile]
    """What the machine itself has at the paths of its layout."""
    sysctls: bytes
    routes: bytes
    addresses: tuple[str, ...]


def bridge(seen: Seen) -> tuple[str, Mapping[str, Any]]:
    """Return the plugin that joins a machine's pods by a bridge, and its file; empty without."""
    for path, file in sorted(seen.files.items()):
        if path.startswith(CNI_FOLDER) and file.content:
            network = mapping(file.content)
            for plugin in network.get("plugins") or [network]:
                if held(plugin, "type") == BRIDGE:
                    return path, plugin
    return "", {}


BRIDGE = "bridge"
Block = tuple[list[str], list[str]]
"""The words of a head, and the lines below it."""


def parse(answer: str) -> Seen:
    """Return what a machine's answer says.

    Raises:
        ValueError: it is none, such as an error of the shell.
    """
    blocks = list(_blocks(answer))
    if not blocks:
        raise ValueError(answer.strip() or text("no answer"))
    files: dict[str, dict[str, SeenFile]] = {}
    for (kind, *words), lines in blocks:
        if kind == "path":
            pid, described = words[0], " ".join(words[1:])
            path, file = _file(described, lines)
            files.setdefault(pid, {})[path] = file
    rest = {" ".join(words): lines for words, lines in blocks if words[0] in REST}
    processes = {
        words[2]: Process(
            words[2], words[3], words[4],
            (*lines, *_from_environment(rest.get(f"environment {words[2]}", []), lines)),
            files.get(words[1], {}),
        )
        for words, lines in blocks
        if words[0] == "process" and len(words) > PARTS
    }  # fmt: skip
    return Seen(
        processes=processes,
        units={name.removeprefix("unit "): _text(lines) for name, lines in rest.items()
               if name.startswith("unit ")},
        files=files.get("1", {}),
        sysctls=_text(rest.get("sysctl", [])),
        routes=_text(rest.get("routes", [])),
        addresses=tuple(rest.get("address", [])),
    )  # fmt: skip


PARTS = 4
"""Words of a process's head: pid, name, user and unit, after what it is."""


def _from_environment(variables: Sequence[str], flags: Sequence[str]) -> Iterator[str]:
    """Yield etcd's variables as the flags that they stand for, where no flag says otherwise."""
    for variable in variables:
        name, _, value = variable.removeprefix("ETCD_").partition("=")
        flag = "--" + name.lower().replace("_", "-")
        if not any(word.split("=")[0] == flag for word in flags):
            yield f"{flag}={value}"


REST = ("environment", "unit", "sysctl", "routes", "address")


def _blocks(answer: str) -> Iterator[Block]:
    head: list[str] = []
    lines: list[str] = []
    for line in chain(answer.splitlines(), [HEAD]):
        if line.startswith(HEAD):
            if head:
                yield head, lines
            head, lines = line.removeprefix(HEAD).split(), []
        elif line.startswith("\t"):
            lines.append(line[1:])


def _file(described: str, lines: Sequence[str]) -> tuple[str, SeenFile]:
    kind, mode, owner, path = described.split("|", 3)
    content = [line for line in lines if not line.startswith("PUBLIC")]
    public = [line.removeprefix("PUBLIC") for line in lines if line.startswith("PUBLIC")]
    return path, SeenFile(kind, int(mode, 8), owner, _text(content), _text(public))


def _text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
