"""Checks that no mutation of a living cluster turns red; recorded answers stand for them."""

from collections.abc import Mapping

UNMADE: Mapping[str, str] = {
    "machine-answers": "It is never wrong of a living cluster: a machine that does not answer is "
    "unknown, and so is all that is asked there.",
    "etcd-one-leader": "Members with different leaders are two clusters with the same data. One "
    "is made by --force-new-cluster only, and what is written to it is lost.",
    "etcd-one-cluster": "A member with the data of another cluster has lost its own.",
    "etcd-room": "Gigabytes of objects fill etcd's quota, and then it takes no writes any more.",
    "clocks-agree": "Machines of one host have its clock.",
    "swap-off": "Swap is the kernel's: machines of one host share it.",
    "kernel-modules": "Modules are the kernel's: machines of one host share it.",
    "certificates-presented": "Servers read their certificates again within a minute: only for so "
    "long one presents an older one.",
    "apiserver-version": "It takes another binary of the API server, which is a release of its "
    "own; components-genuine notices the file.",
    "dns-apart": "The scheduler keeps the replicas apart, and a Deployment that asks for that no "
    "longer is rolled out again by each up.",
}
"""Why, by the check's name."""
