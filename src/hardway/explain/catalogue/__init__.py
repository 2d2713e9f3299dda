"""The catalogue of error texts that people paste: what each means, and what causes it.

The order matters: the first row that matches is the answer, so that what is special stands before
what is general, within a module and among them.
"""

from hardway.explain.catalogue import (
    api,
    certificates,
    configuration,
    etcd,
    handshakes,
    network,
    nodes,
    pods,
)
from hardway.explain.catalogue.row import Cause, Error

ERRORS: tuple[Error, ...] = (
    *configuration.ERRORS,
    *etcd.ERRORS,
    *nodes.ERRORS,
    *pods.ERRORS,
    *certificates.ERRORS,
    *handshakes.ERRORS,
    *api.ERRORS,
    *network.ERRORS,
)

__all__ = ["ERRORS", "Cause", "Error"]
