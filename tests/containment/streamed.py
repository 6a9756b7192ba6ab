"""Containment of factors by blocks of columns, and of the moduli that are proved by them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from unittest.mock import patch

import numpy as np

from certify.format.errors import InputError
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.rigor.blocked import cholesky
from certify.rigor.blocked.columns import Columns, blocks
from certify.systems.interpolation.streamed import stream
from certify.theorems.modulus.streamed import columns as streamed_columns
from certify.theorems.modulus.streamed.ends import streamed_modulus
from certify.theorems.modulus.streamed.gate import verify_streamed_modulus_below
from tests.containment.bounds import described
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect, refusing
from tests.families import adversarial as families
from tests.oracles import matrices as exact
from tests.oracles import network as network_oracles


def defect(M: np.ndarray, width: int, leaf: int, D: np.ndarray | None = None) -> Fraction | None:
    """ε of a factor of `M − D` in blocks of so many columns, D on the diagonal; None where there is no factor."""
    N = len(M)
    d = np.zeros(N) if D is None else D
    made: list[Columns] = []
    left = cholesky.Residual()
    with patch.object(cholesky, "LEAF", leaf):
        for own in blocks(N, width):
            columns = Columns(own.start, M[own.start :, own].copy())
            columns.diagonal()[:] -= d[own]
            found = cholesky.factor_next(columns, made)
            if found is None:
                return None
            left += found
            made.append(columns)
    return cholesky.factor_defect(sum(map(Fraction, np.diagonal(M).tolist()), Fraction()), N, left)


def factor_holds(M: np.ndarray, width: int, leaf: int, D: np.ndarray | None = None) -> Outcome:
    """`M − D + ε ⪰ 0` in exact numbers."""
    epsilon = refusing(lambda: defect(M, width, leaf, D))
    if epsilon is None:
        return "refused"
    low = np.tril(M)
    whole = exact.matrix(low + np.tril(M, -1).T)
    for i, d in enumerate(np.zeros(len(M)) if D is None else D):
        whole[i][i] -= exact.rational(float(d))
    expect(exact.is_semidefinite(exact.shifted(whole, -exact.rational(epsilon))), f"M ⪰ −{float(epsilon)!r}",
           M=M, D=D, width=width, leaf=leaf)
    return "decided"


@attack("blocked_cholesky", "R5")
def any_blocked_cholesky(rng: np.random.Generator) -> Outcome:
    """Symmetric matrices near the border of what has a factor, in blocks of every width."""
    N = int(rng.integers(1, 9))
    A = rng.standard_normal((N, N)) * np.logspace(0, -float(rng.choice([0, 3, 7, 9])), N)
    A = np.linalg.qr(rng.standard_normal((N, N)))[0] @ A if rng.random() < 0.5 else A
    M = A @ A.T * 10.0 ** float(rng.choice([-100, -3, 0, 5, 40]))
    D = np.diagonal(M) * rng.random(N) * float(rng.choice([1e-16, 1e-14, 1e-8, 0.1])) if rng.random() < 0.5 else None
    return factor_holds(M, int(rng.integers(1, N + 1)), int(rng.integers(1, 4)), D)


def streamed(problem: Problem, width: int, factor: float) -> Outcome:
    """Every step of the search, and the gate, against the exact network."""
    at = refusing(lambda: stream(problem, silent))
    if at is None or at.passed.kinks[0]:
        return "refused"
    with patch.object(streamed_columns, "WIDTH", width), np.errstate(all="ignore"):
        steps = refusing(lambda: list(streamed_modulus(at, silent, 1e-9)))
        if not steps:
            return "refused"
        ends = steps[-1].ends
        kappa = (ends.lower or 1.0) * factor
        below = refusing(lambda: verify_streamed_modulus_below(at, kappa))

    def holds() -> Outcome:
        truth = network_oracles.linearise(problem)
        for step in steps:
            if step.ends.lower is not None:
                expect(network_oracles.modulus_at_least(truth, step.ends.lower), "lower", **described(problem))
            if step.ends.upper is not None:
                expect(network_oracles.modulus_at_most(truth, step.ends.upper), "upper", **described(problem))
        if ends.lower and ends.z is not None:
            gap = network_oracles.quadratic(truth.pencil(exact.rational(ends.lower) ** 2), exact.vector(ends.z))
            expect(exact.sign(gap) <= 0, "zᵀQz ≥ lower² zᵀKz", **described(problem))
        if below:
            expect(network_oracles.modulus_at_most(truth, kappa), f"below {kappa!r}", **described(problem))
        return "decided" if ends.upper is not None else "refused"

    return exact.decided(holds)


@attack("streamed_modulus", "M2", slow=1)
def any_streamed_modulus(rng: np.random.Generator) -> Outcome:
    problem = families.problem(rng)
    if rng.random() < 0.3:
        with suppress(InputError):  # a layer of zeros has no such norm
            problem = replace(problem, weight_norm="relative")
    factor = 1.0 + float(rng.choice([-1e-3, -1e-9, -1e-13, 1e-14, 1e-9, 1e-3, 0.1]))
    return streamed(problem, int(rng.choice([1, 2, 3, 1024])), factor)
