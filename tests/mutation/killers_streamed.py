"""Crafted attacks on factors by blocks of columns; beside those of `tests.mutation.killers`."""

from __future__ import annotations

from contextlib import ExitStack
from unittest.mock import patch

import numpy as np

from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor.blocked import cholesky
from certify.rigor.blocked.columns import Columns
from certify.theorems.modulus.streamed import ends, factor
from tests.containment.streamed import defect, factor_holds, streamed
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


@killer
def solves_that_lie() -> None:
    """BLAS's rows below a diagonal block, a little too short."""
    honest = cholesky.dtrsm
    with patch.object(cholesky, "dtrsm", lambda *a, **o: honest(*a, **o) * (1 - 1e-3)):
        for width in (1, 2):
            factor_holds(np.array([[1.0, 1.0], [1.0, 1.0 - 1e-4]]), width, 1)


def exact_fit(seed: int) -> Problem:
    """Seven rows of a network of one hidden layer, of which two almost repeat: these are factorised last."""
    rng = np.random.default_rng(seed)
    weights = (rng.standard_normal((9, 3)) / 2, rng.standard_normal((1, 9)) / 3)
    net = Network(weights, (0.1 * rng.standard_normal(9), np.zeros(1)), "tanh")
    X = rng.standard_normal((7, 3))
    X[4] = X[1] + 0.1 * rng.standard_normal(3)
    return Problem(net, X, None, "features", tuple(range(7)))


TOO_LOW = (-0.1, -1e-2, -1e-3, -1e-6, -1e-9, 1e-6, 1e-2)
"""What is tried first must fail."""


@killer
def thresholds_that_are_too_low() -> None:
    """A proof is tried below the modulus: every row that is forgotten makes one."""
    with patch.object(ends, "_TRIED", TOO_LOW):
        for seed in range(4):
            for width in (1, 2):
                streamed(exact_fit(seed), width, 1 - 1e-6)


def _lying(where: str, blocks: int, size: float) -> None:
    """A factor that is too short or too long, in so many blocks of one half of the work: what is off is counted."""
    exact, honest = cholesky.dpotrf, getattr(factor, where)

    def lies(columns: Columns, earlier: tuple[Columns, ...]) -> object:
        if len(earlier) >= blocks:
            return honest(columns, earlier)
        with patch.object(cholesky, "dpotrf", lambda *a, **o: (exact(*a, **o)[0] * (1 - size), 0)):
            return honest(columns, earlier)

    with ExitStack() as patches:
        patches.enter_context(patch.object(ends, "_TRIED", TOO_LOW))
        patches.enter_context(patch.object(cholesky, "LEAF", 1))
        patches.enter_context(patch.object(factor, where, lies))
        for seed in range(4):
            streamed(exact_fit(seed), 1 + seed % 2, 1 + 1e-6)


LIES = (1e-2, 1e-4, -1e-2, -1e-4)


@killer
def first_rows_that_lie() -> None:
    """Those that are factorised once for all thresholds."""
    for size in LIES:
        _lying("factor_next", 1, size)
        _lying("factor_next", 7, size)


@killer
def last_rows_that_lie() -> None:
    """Those that are factorised for every threshold."""
    for size in LIES:
        _lying("factor_updated", 7, size)
