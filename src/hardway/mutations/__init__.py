"""Single faults made on purpose, each with its undo: what proves that checks notice."""

from hardway.mutations import (
    access,
    certificates,
    control_plane,
    etcd,
    machines,
    network,
    smoke,
    units,
    workers,
)
from hardway.mutations.judge import CHECKS, consequences, judge
from hardway.mutations.row import Mutation, Which
from hardway.mutations.unmade import UNMADE

MUTATIONS: tuple[Mutation, ...] = (
    *machines.ROWS,
    *certificates.ROWS,
    *units.ROWS,
    *etcd.ROWS,
    *control_plane.ROWS,
    *workers.ROWS,
    *network.ROWS,
    *access.ROWS,
    *smoke.ROWS,
)
"""All of them, in the order of the steps."""

__all__ = ["CHECKS", "MUTATIONS", "UNMADE", "Mutation", "Which", "consequences", "judge"]
