"""Checks of machines as such: names, ways to each other, clocks, texts. Rows of the step machines.

They are made when asked: `up` has looked at what it puts, and has no need of them.
"""

from collections.abc import Mapping
from statistics import median

from hardway.model import ports
from hardway.model.checks import (
    MACHINES,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    judged,
)
from hardway.model.cluster import Role
from hardway.model.resources import LEDGER
from hardway.steps import cures
from hardway.text import joined, text

NAME = "machines"
LOOPBACK = "127.0.1.1"
"""What Debian gives a host's own name; nothing of hardway's listens there or asks by it."""
TOLERATED_S = 10
"""All machines are asked at once; a host with no time to spare needs seconds for that."""

NAMES = Sh("""awk '!/^#/ {for (n = 2; n <= NF; n++) print $n, $1}' /etc/hosts
for name in <NAMES>; do
    getent ahostsv4 "$name" | while read -r address _; do echo "$name $address"; done
done""")
FILES = rf"sed -n 's#^[a-z]* - - \(/etc/.*\)#\1#p' {LEDGER}/paths | grep -v '[.]\(sh\|crt\|key\)$'"
UNFILLED = (
    r"\$\{[A-Za-z_]+\}|\$[A-Z][A-Z_]+_[A-Z_]+|<[A-Z_]{3,}>|\{\{|https?://[:/]|--[a-z-]+=( |$)"
    '|(server|certificate-authority|client-certificate|client-key): *("")?$'
)
"""What a text has where a value should be: nothing, or the name of a variable."""
TEXTS = Sh(f"{FILES} | xargs grep -snHoE '{UNFILLED}'\nexit 0")
"""The match alone is printed, never a line: some files have secrets."""

REACHED = Sh("""timeout 4 bash -c 'for target in <TARGETS>; do
    { exec 3<>"/dev/tcp/${target%:*}/${target#*:}" && echo "$target open"; } &
done
wait' 2>&1 |
sed -n 's#.*/dev/tcp/\\(.*\\)/\\(.*\\): Connection refused$#\\1:\\2 refused#p; / open$/p'""")
"""Who is silent has no line. One bash says who refused: programs for each port would cost a machine
more than all connections."""


def _names_words(subject: Subject) -> Mapping[str, str]:
    return {"NAMES": " ".join(m.name for m in subject.cluster.machines)}


def _resolve(subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge by the file and by what programs are told: the first line counts, and is not all."""
    wanted = {m.name: str(m.address) for m in subject.cluster.machines}
    found: dict[str, set[str]] = {name: set() for name in wanted}
    for line in answer.text.splitlines():
        name, _, address = line.partition(" ")
        if name in found and not (name == subject.name and address == LOOPBACK):
            found[name].add(address)
    wrong = [
        text("{name} is {found}, not {address}", name=name, address=wanted[name],
             found=", ".join(sorted(own)) or text("nowhere"))
        for name, own in found.items()
        if own != {wanted[name]} and not (name == subject.name and not own)
    ]  # fmt: skip
    alike = text("each machine at its address")
    return judged(alike, joined("; ", wrong) or alike)


def _filled(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    places = [line.split(":", 2) for line in answer.text.splitlines()]
    wrong = [text("{file}, line {line}: {match}", file=file, line=line, match=match)
             for file, line, match in places]  # fmt: skip
    return judged(text("values everywhere"), joined("; ", wrong) or text("values everywhere"))


def targets(subject: Subject) -> dict[str, tuple[str, ports.Port]]:
    """Return whom a machine has to reach: addresses with ports, whose they are, and the row."""
    machine = subject.machine
    role = {Role.CONTROL_PLANE: ports.Peer.CONTROL_PLANES, Role.WORKER: ports.Peer.WORKERS}
    return {
        f"{other.address}:{port.number}": (other.name, port)
        for port in ports.PORTS
        if role[machine.role] in {peer for peer, _ in port.allows}
        for other in subject.cluster.machines
        if other.role in port.roles and other != machine
    }


def _targets_words(subject: Subject) -> Mapping[str, str]:
    return {"TARGETS": " ".join(targets(subject))}


def _reached(subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Judge silence alone: a port that refuses is reached, and its service is another check's."""
    wanted = targets(subject)
    spoke = {line.split()[0] for line in answer.text.splitlines()}
    silent = [
        text("{machine}'s {address} is silent ({why})", machine=name, address=address,
             why=port.why)
        for address, (name, port) in wanted.items()
        # A machine that does not answer us is its own finding.
        if address not in spoke and name in answer.elsewhere
    ]  # fmt: skip
    alike = text("all that it has to reach")
    return judged(alike, joined("; ", silent) or alike)


def _clocks(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    times = [int(said) for said in answer.elsewhere.values()]
    ahead = int(answer.text) - round(median(times))
    alike = text("as the other machines, within {seconds} s", seconds=TOLERATED_S)
    apart = text("{seconds} s ahead", seconds=ahead) if ahead > 0 else (
        text("{seconds} s behind", seconds=-ahead))  # fmt: skip
    return judged(alike, alike if abs(ahead) <= TOLERATED_S else apart)


CHECKS = (
    Check(name="names-resolve", step=NAME, scope=MACHINES, ask=NAMES, judge=_resolve,
          words=_names_words, when=Occasion.ASKED,
          why="API servers and people reach machines by their names; of two lines for one name "
          "programs take the first",
          see="hardway ssh <MACHINE> -- 'cat /etc/hosts; getent ahostsv4 <NAMES>'"),
    Check(name="ports-reached", step=NAME, scope=MACHINES, ask=REACHED, judge=_reached,
          words=_targets_words, when=Occasion.ASKED,
          why="a firewall between two machines is seen as silence, and as a failure of whatever "
          "waits for an answer",
          cure=cures.PACKETS_PASS,
          see="hardway ssh <MACHINE> -- 'for at in <TARGETS>; do curl --connect-timeout 4 "
          "--verbose telnet://$at </dev/null; done'"),
    Check(name="clocks-agree", step=NAME, scope=MACHINES, ask=Sh("date +%s"), judge=_clocks,
          when=Occasion.ASKED,
          why="by a wrong clock certificates have ended or not begun, and pods' tokens are refused",
          cure="set the clock of this machine: timedatectl set-ntp true",
          see="hardway ssh <MACHINE> -- timedatectl"),
    Check(name="files-filled", step=NAME, scope=MACHINES, ask=TEXTS, judge=_filled,
          when=Occasion.ASKED, causes=("files-as-given",),
          why="a variable that was not set when a file was written leaves its name there, or "
          "nothing",
          see=f"hardway ssh <MACHINE> -- '{FILES.replace(chr(39), chr(34))} | xargs grep -nE "
          "\"[$][{]|://:\"'"),
)  # fmt: skip
