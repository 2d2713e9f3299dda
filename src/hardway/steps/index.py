"""The steps, in the reader's order: each is a chapter of the way from machines to a cluster."""

from hardway.steps import (
    access,
    certificates,
    components,
    control_plane,
    dns,
    encryption,
    endpoint,
    etcd,
    kubeconfigs,
    machines,
    pod_network,
    smoke_test,
    workers,
)
from hardway.steps.base import Step

STEPS: tuple[Step, ...] = (
    machines.STEP,
    components.STEP,
    certificates.STEP,
    kubeconfigs.STEP,
    encryption.STEP,
    etcd.STEP,
    control_plane.STEP,
    endpoint.STEP,
    workers.STEP,
    pod_network.STEP,
    access.STEP,
    dns.STEP,
    smoke_test.STEP,
)
