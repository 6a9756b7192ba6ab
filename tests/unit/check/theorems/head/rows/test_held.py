"""The form that averages of rows hold (D1c): what whole numbers say of dual lengths and of steps, against rationals."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, ctx, fmpq, fmpq_mat

from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted.held import FINE, PARTS, _form

M, MU = 4, fmpq(1, 2)


def form_of(v: list[list[int]], strength: list[int], free: bool) -> fmpq_mat:
    """`μ` of every weight that has a decay, and the averages."""
    return fmpq_mat(M, M, [sum((fmpq(s * row[i] * row[j]) for s, row in zip(strength, v, strict=True)), fmpq(0))
                           + (MU if i == j and not (free and j == M - 1) else 0) for i in range(M) for j in range(M)])


def root(x: fmpq) -> arb:
    return arb(x).sqrt()


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("large", [1, 30, 1000])
def test_dual_lengths_and_steps_are_off_by_no_more_than_the_slip(large: int, free: bool) -> None:
    """`|g|_* + |(1 − AÃ)g|_* ≤ |Cg| + slip·|g|`; large rows leave most to the inverse, small ones to the parts."""
    whole = 0
    for seed in range(6):
        rng = np.random.default_rng([seed, large])
        v = [[*row, 1] for row in rng.integers(-large, large + 1, (2, M - 1)).tolist()]
        strength = rng.integers(1, 10 * large, 2).tolist()
        A = form_of(v, strength, free)
        with ctx.workprec(BITS):
            head = SimpleNamespace(m=M, free_intercept=free)
            found = _form(head, [[arb(x) for x in row] for row in v], list(map(arb, strength)), arb(MU), 1.0)
        assert found is not None
        with ctx.workprec(128):
            lost = fmpq_mat(M, M, [fmpq(i == j) for i in range(M) for j in range(M)]) - A * fmpq_mat(
                found.inverse) / fmpq(1 << FINE)
            vectors = [*np.eye(M, dtype=int).tolist(), *rng.integers(-99, 99, (8, M)).tolist()]
            for g in (fmpq_mat(M, 1, [fmpq(x) for x in vector]) for vector in vectors):
                dual, off = (root((x.transpose() * A.solve(x))[0, 0]) for x in (g, lost * g))
                told = root(sum((x * x for x in (fmpq_mat(found.parts) * g).entries()), fmpq(0))) / (1 << PARTS)
                slip = found.slip * root(sum((x * x for x in g.entries()), fmpq(0)))
                assert dual + off <= told + slip
                assert dual <= found.per_error * root(sum((x * x for x in g.entries()), fmpq(0)))
                whole += slip < dual
    assert whole > 0 or large == 1000


@pytest.mark.parametrize(("v", "strength"), [([0, 0, 0, 1], fmpq(1, 16)), ([9, 0, 0, 1], fmpq(1000))])
def test_a_free_intercept_is_as_long_as_it_may_be(v: list[int], strength: fmpq) -> None:
    """One average of little weight, or far from the origin: the intercept's length is nearly what is said of all."""
    A = fmpq_mat(M, M, [strength * v[i] * v[j] + (MU if i == j != M - 1 else 0) for i in range(M) for j in range(M)])
    with ctx.workprec(BITS):
        found = _form(SimpleNamespace(m=M, free_intercept=True), [[arb(x) for x in v]],  # type: ignore[arg-type]
                      [arb(strength)], arb(MU), 1.0)
    assert found is not None
    with ctx.workprec(128):
        one = fmpq_mat(M, 1, [fmpq(i == M - 1) for i in range(M)])
        dual = root((one.transpose() * A.solve(one))[0, 0])
        assert dual <= found.per_error < 1.3 * dual
