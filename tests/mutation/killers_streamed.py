"""Crafted attacks on factors by blocks of columns; beside those of `tests.mutation.killers`."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np

from certify.rigor.blocked import cholesky
from tests.containment.streamed import defect, factor_holds
from tests.mutation.killers import killer


@killer
def bordered_identities() -> None:
    """`[[I, c], [cᵀ, m]]` with the least m that has a factor: what sums lose makes some of them indefinite."""
    for seed in range(20):
        c = np.random.default_rng(seed).uniform(1, 2, 12)
        M = np.eye(13)
        M[12, :12] = c
        M[12, 12] = c @ c * (1 - 2.0**-49)
        while defect(M, 1, 1) is None:
            M[12, 12] = np.nextafter(M[12, 12], np.inf)
        factor_holds(M, 1, 1)


@killer
def factors_that_lie() -> None:
    """LAPACK's factor of a diagonal block, a little too short: what it leaves out has to be counted."""
    honest = cholesky.dpotrf
    with patch.object(cholesky, "dpotrf", lambda *a, **o: (honest(*a, **o)[0] * (1 - 1e-3), 0)):
        for least in (0.0, 1e-6, 1e-4):
            M = np.diag([1.0, least * 1e-3 - 1e-3, 1.0]) + 1e-3 * np.eye(3)
            M[1, 1] = max(M[1, 1], 1e-12)
            factor_holds(M, 3, 3)
        for excess in (1e-4, 1e-3):
            M = np.array([[1.0, 0.0], [1.0, 1.0 + excess]])  # its lower part
            with patch.object(cholesky, "dpotrf", lambda *a, **o: (np.array([[1.0, 0.99], [0.0, 0.2]]), 0)):
                factor_holds(M - np.diag([0.0, 2 * excess]), 2, 2)
