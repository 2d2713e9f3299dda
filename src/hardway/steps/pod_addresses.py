"""Whether a worker has addresses left for pods; a part of the step pod-network."""

from hardway.model.checks import WORKERS, Answer, Check, Judgement, Occasion, Sh, Subject, judged
from hardway.text import text

GIVEN = "/var/lib/cni/networks/pods"
"""Where the plugin host-local keeps a file for each address that a pod has: in the data folder that
it takes where none is configured, by the network's name in the conflist."""
NOT_FOR_PODS = 3
"""The network's own address, the bridge's and the broadcast's."""


def _left(subject: Subject, answer: Answer) -> tuple[Judgement]:
    pods = subject.machine.pod_cidr
    assert pods is not None  # noqa: S101 - workers have one
    given, all_ = int(answer.text), pods.num_addresses - NOT_FOR_PODS
    found = text("{given} of {all} given away", given=given, all=all_)
    return judged(text("fewer than {all} given away", all=all_), found, holds=given < all_)


CHECK = Check(
    name="pod-addresses-left", step="pod-network", scope=WORKERS, when=Occasion.ASKED,
    ask=Sh(f"ls {GIVEN} 2>/dev/null | grep -c '^[0-9]'"), judge=_left,
    why="without one no new pod starts on this worker. A pod gives its address back when it is "
    "deleted; of one that vanished, as with a lost disk of containerd, it stays taken",
    cure="delete the files of pods that are gone: each begins with the id of its container (`ctr "
    "--namespace k8s.io containers ls` lists those there are; hardway-probe is no pod)",
    see=f"hardway ssh <MACHINE> -- ls {GIVEN}",
)  # fmt: skip
