"""A pass with other free weights takes over what lies below them, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flint import arb, ctx

from certify.check.enclosure.network import Forward, forward, given
from certify.check.systems.nearby import spread
from certify.systems.head.change import Change
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
