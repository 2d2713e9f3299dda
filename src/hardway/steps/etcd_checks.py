"""Checks of etcd: each member by itself, and all of them as one. Rows of the step etcd."""

import shlex
from collections import Counter

from hardway.model.checks import (
    CLUSTER,
    CONTROL_PLANES,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    Where,
    judged,
    says,
)
from hardway.model.cluster import ETCD_CLIENT_PORT
from hardway.model.etcd import MemberStatus, argv, parse_status
from hardway.model.members import parse as parse_members
from hardway.model.members import peer_url
from hardway.model.resources import Severity, Verdict
from hardway.steps import cures
from hardway.steps.base import CURL
from hardway.steps.certificate_checks import TLS
from hardway.text import cut, joined, text

NAME = "etcd"
DATA = "/var/lib/etcd"
FULL = 0.8
"""Of its quota; compaction gives back what is no longer needed, once an hour."""
ETCDCTL = shlex.join(argv())
STATUS = Sh(f"{ETCDCTL} endpoint status --write-out=json 2>&1 | grep -v '^null$'")
"""A member that does not answer is `null` beside the error."""
NOBODY_LISTENS = {"7", "28"}
STRANGER_ASKS = (
    CURL.replace("'", '"') + f" --http1.1 --insecure https://127.0.0.1:{ETCD_CLIENT_PORT}/health"
)
"""A stranger does not ask who answers: etcd's own certificate is another check's."""
STRANGER = Sh(f"{STRANGER_ASKS}\necho $?")


def member(said: str) -> MemberStatus | None:
    """Return what a member says of itself; None where that is an error."""
    try:
        return parse_status(said)
    except ValueError:
        return None


def _healthy(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    said = member(answer.last_line)
    if said is None:
        return judged(text("healthy"), cut(answer.last_line, 200))
    well = text("healthy") if said.leader_id else text("no leader")
    return judged(text("healthy"), "; ".join(said.errors) or well)


def _one_leader(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    said = [member(Answer(own).last_line) for own in answer.elsewhere.values()]
    leaders = {m.leader_id for m in said if m}
    one = text("one leader")
    if not member(answer.last_line):
        return (Judgement(Verdict.UNKNOWN, one, cut(answer.last_line, 200)),)
    return judged(one, one if len(leaders) == 1 else text("{count} leaders", count=len(leaders)))


def _refused(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    # The server ends the handshake for want of a certificate: 35 with TLS 1.2; with TLS 1.3 the
    # alert comes after the client's part is done, while it sends (55) or receives (56); over
    # HTTP/2 curl 7.81 may say 16 to that, as to much else.
    status, refused = answer.last_line, text("refused")
    if status in NOBODY_LISTENS:
        nobody = text("nobody listens (curl status {status})", status=status)
        return (Judgement(Verdict.UNKNOWN, refused, nobody),)
    return judged(refused, refused if status in {"35", "55", "56"} else
                  text("curl status {status}", status=status))  # fmt: skip


def _members(subject: Subject, answer: Answer) -> tuple[Judgement]:
    """Compare the members with the control planes; strangers are named, never removed."""
    machines = {peer_url(m): m.name for m in subject.cluster.control_planes}
    found = {url: m for m in parse_members(answer.text) for url in m.peer_urls}
    strange = [text("stranger {member} ({id:x})", member=m.name or url, id=m.id)
               for url, m in found.items() if url not in machines]  # fmt: skip
    learning = [text("{member} does not vote yet", member=machines[url])
                for url, m in found.items() if url in machines and m.learner]  # fmt: skip
    missing = [text("{machine} is not a member", machine=name)
               for url, name in machines.items() if url not in found]  # fmt: skip
    alike = text("all control planes")
    return judged(alike, joined("; ", (*strange, *learning, *missing)) or alike)


def _one_cluster(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    ids = {name: own.cluster_id for name, said in answer.elsewhere.items()
           if (own := member(Answer(said).last_line))}  # fmt: skip
    own = member(answer.last_line)
    if own is None:
        return (Judgement(Verdict.UNKNOWN, text("one cluster"), cut(answer.last_line, 200)),)
    most = Counter(ids.values()).most_common(1)[0][0]
    return judged(f"{most:x}", f"{own.cluster_id:x}")


def _room(_subject: Subject, answer: Answer) -> tuple[Judgement, ...]:
    own = member(answer.last_line)
    if own is None or not own.quota_bytes:
        return ()
    most, size = (round(n / 2**20) for n in (own.quota_bytes * FULL, own.db_size_bytes))
    return judged(text("at most {size} MiB", size=most), text("{size} MiB", size=size),
                  holds=own.db_size_bytes <= own.quota_bytes * FULL)  # fmt: skip


MEMBER = Check(
    name="etcd-member-healthy", step=NAME, scope=CONTROL_PLANES, ask=STATUS, judge=_healthy,
    causes=("etcd-runs", "etcd-flags", *TLS, "etcd-data-private"), anywhere=("ports-reached",),
    why="a quorum of members must agree before anything is stored",
    cure=cures.restart("etcd"),
    see=f"hardway ssh <MACHINE> -- {ETCDCTL} endpoint health",
    test=f"hardway ssh <MACHINE> -- {ETCDCTL} endpoint health",
)  # fmt: skip
CHECKS = (
    MEMBER,
    Check(name="etcd-members-known", step=NAME, scope=CLUSTER,
          ask=Sh(f"{ETCDCTL} member list --write-out=json", where=Where.CONTROL_PLANE),
          judge=_members, severity=Severity.WARN, causes=("etcd-member-healthy",),
          why="each member has all data and a vote; hardway removes none that it did not add",
          cure="remove the member that nobody knows: etcdctl member remove ID",
          see=f"hardway ssh <CONTROL_PLANE> -- {ETCDCTL} member list --write-out=table"),
    Check(name="etcd-one-leader", step=NAME, scope=CONTROL_PLANES, ask=STATUS, judge=_one_leader,
          causes=("etcd-member-healthy",), anywhere=("etcd-one-cluster",),
          why="members that follow different leaders are two clusters",
          test=f"[ 1 = $(hardway ssh <MACHINE> -- '{ETCDCTL} endpoint status --cluster "
          "--write-out=fields | grep Leader | sort -u | wc -l') ]",
          cure=cures.OWN_DATA,
          see=f"hardway ssh <MACHINE> -- {ETCDCTL} endpoint status --cluster --write-out=table"),
    Check(name="etcd-refuses-strangers", step=NAME, scope=CONTROL_PLANES, ask=STRANGER,
          judge=_refused, causes=("etcd-runs", "etcd-flags"),
          why="whoever reads etcd without a certificate reads every Secret",
          test=f"hardway ssh <MACHINE> -- '{STRANGER_ASKS}; case $? in 35|55|56) ;; "
          "*) exit 1 ;; esac'",
          cure="find what changes etcd's start (systemctl show-environment, drop-ins), remove it "
          "and restart etcd",
          see="hardway ssh <MACHINE> -- curl --insecure "
          f"https://127.0.0.1:{ETCD_CLIENT_PORT}/health"),
    Check(name="etcd-one-cluster", step=NAME, scope=CONTROL_PLANES, ask=STATUS,
          judge=_one_cluster, when=Occasion.ASKED, causes=("etcd-member-healthy",),
          why="a member with old data of another cluster joins nobody, and has other objects",
          cure=cures.OWN_DATA,
          see=f"hardway ssh <MACHINE> -- {ETCDCTL} endpoint status --write-out=json"),
    Check(name="etcd-room", step=NAME, scope=CONTROL_PLANES, ask=STATUS, judge=_room,
          when=Occasion.ASKED, severity=Severity.WARN, causes=("etcd-member-healthy",),
          why="past its quota etcd takes no writes; what fills it is mostly one kind of object",
          cure="make room: etcdctl compact, etcdctl defrag, then etcdctl alarm disarm",
          see=f"hardway ssh <MACHINE> -- {ETCDCTL} endpoint status --write-out=table"),
    Check(name="etcd-data-private", step=NAME, scope=CONTROL_PLANES, when=Occasion.ASKED,
          ask=Sh(f"stat --format '%a %U' {DATA}"), judge=says("700 etcd"),
          why="etcd does not start on a folder that others may read, or that is not its own",
          see=f"hardway ssh <MACHINE> -- stat {DATA}"),
)  # fmt: skip
