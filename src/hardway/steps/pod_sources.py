"""Whether packets from pods' addresses pass the network between machines.

A part of the step pod-network: the cause of what the data path's checks only see as silence.
"""

from collections.abc import Mapping

from hardway.model.checks import WORKERS, Answer, Check, Judgement, Sh, Subject, judged
from hardway.model.cluster import API_PORT
from hardway.steps import cures
from hardway.steps.base import CA, CURL, TOGETHER, ask_for
from hardway.steps.kube_proxy import HEALTH_PORT
from hardway.text import text

SILENT = "000"
"""curl's status where nobody answered."""
ASK = Sh(f"""ip -4 address show to <GATEWAY> | grep -q inet || exit 0
ask() {{
    {CURL} --connect-timeout 3 --cacert {CA} {TOGETHER} \\
        --write-out '%{{http_code}} %{{url}}\\n' "$@" <URLS>
}}
ask | sed 's/^/machine /' &
ask --interface <GATEWAY> | sed 's/^/pod /' &
wait""")
"""Asks neighbours as this machine, then as a pod: from the bridge's own address, which is of the
pods' range."""

BY_HAND = f"hardway ssh <MACHINE> -- {CURL} --interface <GATEWAY> --cacert {CA} <URL>"


def _words(subject: Subject) -> Mapping[str, str]:
    """Return whom a worker asks: two neighbours are enough, whatever the number of machines."""
    workers = subject.cluster.workers
    after = workers[(workers.index(subject.machine) + 1) % len(workers)]
    control_plane = subject.cluster.control_planes[0]
    urls = [f"https://{control_plane.address}:{API_PORT}/livez"]
    if after != subject.machine:
        urls.insert(0, f"http://{after.address}:{HEALTH_PORT}/healthz")
    pods = subject.machine.pod_cidr
    return {"GATEWAY": str(pods[1]) if pods else "", "URLS": ask_for(urls), "URL": urls[0]}


def _pass(subject: Subject, answer: Answer) -> tuple[Judgement, ...]:
    said = {"machine": dict[str, str](), "pod": dict[str, str]()}
    for line in answer.text.splitlines():
        who, status, url = line.split()
        said[who][url] = status
    lost = sorted(url for url, status in said["machine"].items()
                  if status != SILENT and said["pod"][url] == SILENT)  # fmt: skip
    if not lost:
        return judged(text("answers"), text("answers"))
    return judged(text("answers"), text(
        "none from {urls}, which answers this machine's own address: the network drops what comes "
        "from a pod's; let {range} pass as a source (allowed-address-pairs or port security in "
        "OpenStack, IP filters of Proxmox and libvirt, AllowedIPs of WireGuard, source/destination "
        "checks of clouds)", urls=", ".join(lost), range=subject.cluster.pod_cidr,
    ))  # fmt: skip


SOURCES = Check(
    name="pod-sources-pass", step="pod-network", scope=WORKERS, ask=ASK, judge=_pass, words=_words,
    anywhere=("pod-routes",),
    why="pods keep their own address on the way to other machines, and networks may allow a "
    "machine no address but its own",
    cure=cures.PACKETS_PASS,
    test=BY_HAND, see=BY_HAND,
)  # fmt: skip
