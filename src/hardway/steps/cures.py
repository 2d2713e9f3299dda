"""What people do where `hardway up` does not help: texts that several checks share."""

from hardway.text import Text, text

PACKETS_PASS = text(
    "find the rule that drops these packets (nft list ruleset, or the network's firewall) and "
    "remove it"
)
SMALLER_PACKETS = text(
    "the network between these machines drops large packets without a word: mend it, or say as "
    "network.podMtu in hardway.yaml how large they may be"
)
OWN_DATA = text(
    "stop etcd where its data is of another cluster, move that data away, then run hardway up: "
    "the member joins the others again"
)
NO_BINDING = text("delete the binding: hardway kubectl delete clusterrolebinding NAME")


def restart(unit: str) -> Text:
    """Return the cure of a unit that runs with all it was given, and does not answer."""
    return text("read its journal, then restart it: systemctl restart {unit}", unit=unit)
