"""Checks that no mutation of a living cluster turns red; recorded answers stand for them."""

from collections.abc import Mapping

UNMADE: Mapping[str, str] = {
    "machine-answers": "It is never wrong of a living cluster: a machine that does not answer is "
    "unknown, and so is all that is asked there.",
    "etcd-one-leader": "Members with different leaders are two clusters with the same data. One "
    "is made by --force-new-cluster only, and what is written to it is lost.",
    "dns-apart": "The scheduler keeps the replicas apart, and a Deployment that asks for that no "
    "longer is rolled out again by each up.",
}
"""Why, by the check's name."""
