"""Which keys and which version an API server runs with, by its own word.

Checks of the step control-plane.
"""

import json

from hardway.model.checks import (
    CONTROL_PLANES,
    Answer,
    Check,
    Judgement,
    Occasion,
    Sh,
    Subject,
    judged,
)
from hardway.model.resources import Verdict
from hardway.steps import apiserver, encryption
from hardway.steps.base import CURL
from hardway.steps.certificate_checks import TLS
from hardway.text import text

LOADED = "apiserver_encryption_config_controller_last_config_info"
"""The metric with the digest of the file whose keys the process uses, at its start and after each
reload; Kubernetes has it since 1.34 (kubernetes/kubernetes#132299)."""
ASKED = f"""{CURL} --cacert {apiserver.PKI}/ca.crt --cert {apiserver.OWN}/front-proxy-client.crt \\
    --key {apiserver.OWN}/front-proxy-client.key --header 'X-Remote-User: hardway' \\
    --header 'X-Remote-Group: system:monitoring' https://<MACHINE>:<API_PORT>"""
"""As somebody who may read metrics: API servers take names from whom their front proxy's CA has
signed for."""


def _version(subject: Subject, answer: Answer) -> tuple[Judgement]:
    wanted, said = f"v{subject.cluster.kubernetes_version}", json.loads(answer.text)
    if "gitVersion" not in said:
        return (Judgement(Verdict.UNKNOWN, wanted, said["message"]),)
    return judged(wanted, said["gitVersion"])


def _loaded(_subject: Subject, answer: Answer) -> tuple[Judgement]:
    in_file, _, in_use = answer.text.strip().partition("\n")
    if not in_use:
        unsaid = text("its API server does not say")
        return (Judgement(Verdict.UNKNOWN, in_file[:12], unsaid),)
    return judged(in_file[:12] or text("a file"), in_use[:12])


KEYS_IN_USE = Check(
    name="encryption-key-in-use", step="control-plane", scope=CONTROL_PLANES, when=Occasion.ASKED,
    causes=("apiserver-ready", *TLS, "encryption-key-same"),
    ask=Sh(f"""sha256sum {encryption.PATH} | cut -d' ' -f1
{ASKED}/metrics |
    sed -n 's/^{LOADED}.*,hash="sha256:\\([0-9a-f]*\\)".*/\\1/p'
"""),
    judge=_loaded,
    why="an API server takes up to a minute to use a file that was changed: until then it writes "
    "Secrets with a key that others may not have",
    see="hardway kubectl --server=https://<ADDRESS>:<API_PORT> get --raw=/metrics "
    f"| grep {LOADED}",
)  # fmt: skip
VERSION = Check(
    name="apiserver-version", step="control-plane", scope=CONTROL_PLANES, when=Occasion.ASKED,
    causes=("components-genuine", "programs-current", "apiserver-ready", *TLS),
    ask=Sh(f"{ASKED}/version"), judge=_version,
    why="a kubelet may be three minors older than its API server and no newer, a controller "
    "manager one older: hardway keeps all of them the same",
    see="hardway kubectl --server=https://<ADDRESS>:<API_PORT> get --raw=/version",
)  # fmt: skip
