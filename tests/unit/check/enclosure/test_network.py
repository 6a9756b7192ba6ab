"""A pass with other free weights takes over what lies below them, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.enclosure.network import Forward, backward, forward, given, tangent_kernel
from certify.check.enclosure.units import pulled
from certify.check.systems.nearby import spread
from certify.systems.head.change import Change
from tests.oracles import taylor
from tests.unit.check.theorems.head.test_motion import BITS, stated
from tests.unit.theorems.head.test_motion import fitted


def numbers(passed: Forward) -> list[str]:
    """Every ball of a pass."""
    return [str(x) for part in (*(A.entries() for A in passed.inputs), *passed.before, passed.outputs.entries())
            for x in part]


@pytest.mark.parametrize("free", [(1, 2), (2,), (1,)])
def test_only_layers_below_the_free_ones_are_not_passed_again(free: tuple[int, ...]) -> None:
    problem = replace(stated(fitted(12), Change("features", 0.01)), free=free)
    with ctx.workprec(BITS):
        at = forward(problem, given(problem), problem.points)
        moved = spread(problem, given(problem), arb(1))
        assert (numbers(forward(problem, moved, problem.points, at))
                == numbers(forward(problem, moved, problem.points)) != numbers(at))


@pytest.mark.parametrize("squares", [None, {1: arb(4), 2: arb(0.25)}])
@pytest.mark.parametrize("n, k", [(1, 1), (3, 2), (131, 1), (130, 2)])
def test_the_kernel_is_the_square_of_the_jacobian(n: int, k: int, squares: dict[int, arb] | None) -> None:
    """Of more rows than are made at a time too, and with layers of different sizes."""
    rng = np.random.default_rng(n)
    problem = taylor.problem(rng, n=n, widths=[2, 2, k], loss="squared", activation="tanh", free=(1, 2))
    with ctx.workprec(128):
        passed = forward(problem, given(problem), problem.points)
        K = tangent_kernel(problem, passed, backward(problem, given(problem), passed), squares)
        J, p = pulled(problem, given(problem), passed), problem.layers[0].parameters
        sizes = [arb(1) if squares is None else squares[1 if j < p else 2].sqrt() for j in range(J.ncols())]
        for j, size in enumerate(sizes):
            for i in range(J.nrows()):
                J[i, j] *= size
        truth = J * J.transpose()
    assert all(x.overlaps(y) and x.rad() < 1e-30 * (1 + abs(y)) for x, y in zip(
        K.entries(), truth.entries(), strict=True))
