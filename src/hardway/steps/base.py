"""What a step is: one chapter of the way from plain machines to a cluster."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hardway.components import Stored
from hardway.model.checks import Check, Occasion, Sh
from hardway.model.cluster import Cluster, HostFacts, Machine
from hardway.model.resources import Blob, Desired, File, Manifest
from hardway.model.rows import Note
from hardway.model.trials import Trial
from hardway.pki.values import Secrets
from hardway.render.systemd import Service, service


@dataclass(frozen=True, slots=True)
class Given:
    """All that rendering may depend on."""

    cluster: Cluster
    secrets: Secrets
    stored: Mapping[str, Mapping[str, Stored]] = field(repr=False)
    """Components by architecture, then by file name."""
    hosts: Mapping[str, HostFacts]
    """What each machine's system is like, by the machine's name; silent machines are absent."""


Inventory = Mapping[str, File | Blob]
"""What a machine is given by the steps so far, by path: what units may read."""


CA = "/etc/kubernetes/pki/ca.crt"
API = ("endpoint-answers", "apiserver-ready")
"""Causes of what is asked of the API, or needs it to come true."""
CURL = "curl --silent --noproxy '*' --max-time 10"
"""How checks ask a server. Past any proxy that the login is told of, in /etc/environment or so. 4 s
once passed without an answer on emulated processors, where nothing was wrong."""


STATUS = "%{http_code} %{errormsg}"
"""What curl says of an answer: `200`; `000`, and why, where there is none."""


def ask_for(urls: Sequence[str]) -> str:
    """Return curl's words for URLs whose answers do not matter, only what --write-out says."""
    return " ".join(f"--output /dev/null {url}" for url in urls)


def status_of(url: str) -> Sh:
    """Return the question with which STATUS a server answers who shows it no certificate."""
    return Sh(f"{CURL} --cacert {CA} --write-out '{STATUS}\\n' {ask_for([url])}", url=url)


TOGETHER = "--parallel --no-progress-meter --http1.1"
"""Lets curl ask for several URLs at once. With --silent alone it prints a line of progress then;
with HTTP/2, over one connection, 7.88 fails now and then (`Error in the HTTP2 framing layer`)."""


def statuses_of(urls: Sequence[str]) -> Sh:
    """Return the same about several at once: a line for each, which its number begins, from 0."""
    said = f"%{{urlnum}} {STATUS}\\n"
    return Sh(f"{CURL} --cacert {CA} {TOGETHER} --write-out '{said}' {ask_for(urls)}")


def nothing(_given: Given, _machine: Machine, _inventory: Inventory) -> Desired:
    """Want nothing of a machine."""
    return Desired()


def no_manifests(_given: Given) -> tuple[Manifest, ...]:
    """Want nothing of the API."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One chapter: what it puts where, and how one sees that it holds."""

    name: str
    title: str
    why: str
    render: Callable[[Given, Machine, Inventory], Desired] = nothing
    manifests: Callable[[Given], tuple[Manifest, ...]] = no_manifests
    checks: tuple[Check, ...] = ()
    trial: Trial | None = None
    """Checks that write, and all that they write."""
    notes: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    """Why objects are as they are, by `Kind/name`, `Kind/namespace/name`, or the kind of all."""
    settles_s: float = 60
    """How long it may take after a change until the checks hold."""
    settles_more_s: Callable[[Cluster], float] = lambda _: 0
    """Beside that, on some clusters."""
    serves: tuple[str, ...] = ()
    """Names of the checks that ask a machine's own process: by these its restarts are ordered."""
    majority: bool = False
    """Its service stops for everybody once a majority of its machines is gone."""

    @property
    def only_tries(self) -> bool:
        """Whether it gives neither machines nor the API anything, and has no checks but a trial."""
        gives = self.render is not nothing or self.manifests is not no_manifests
        return self.trial is not None and not (gives or self.checks)

    @property
    def checked(self) -> Occasion:
        """When its first checks are made."""
        rows = (*self.checks, *(self.trial.checks if self.trial else ()))
        whens = {row.when for row in rows} or {Occasion.ALWAYS}
        return next(occasion for occasion in Occasion if occasion in whens)


def services(specs: tuple[Service, ...], inventory: Inventory, desired: Desired) -> Desired:
    """Return `desired` with these services' unit files and units added."""
    known = {
        **inventory,
        **{f.path: f for f in desired.files},
        **{b.path: b for b in desired.blobs},
    }
    made = [service(spec, known) for spec in specs]
    return replace(
        desired,
        files=(*desired.files, *(file for file, _ in made)),
        units=(*desired.units, *(unit for _, unit in made)),
    )
