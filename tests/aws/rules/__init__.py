"""Everything AWS does that moto does not: a table, in the order the rules are asked."""

from tests.aws.rules import (
    addresses,
    balancers,
    consistency,
    dependencies,
    gaps,
    idempotence,
    paging,
    parameters,
    permissions,
    quotas,
    states,
)

RULES = (
    *permissions.RULES,
    *consistency.RULES,
    *idempotence.RULES,
    *parameters.RULES,
    *quotas.RULES,
    *addresses.RULES,
    *dependencies.RULES,
    *states.RULES,
    *balancers.RULES,
    *gaps.RULES,
    *paging.RULES,
)
