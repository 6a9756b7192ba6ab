"""The largest value of linear functions of the change over a budget, and where they may be taken (P1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flint import arb

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Forward
from certify.check.kernel import NotSmooth
from certify.check.linalg.balls import ZERO
from certify.check.reading.subject import Problem

Rows = list[list[arb]]


def supremum(problem: Problem, count: int, effects: Iterable[Sequence[Any]]) -> list[arb]:
    """`sup |Σ⟨s_ji, u_i⟩|` over the budget (not `given`) of `count` predictions.

    Args:
        problem: its set, norm, count and radius.
        count: how many predictions there are.
        effects: of every moving row the vectors `s_j`, and how far in Euclidean length each may be off.
    """
    budget, q = problem.budget, problem.row_norm
    held: Rows = [[] for _ in range(count)]
    for S, wide in effects:
        around = arb(0, 1) * q.longest(len(S[0])) if S else ZERO
        for sizes, row, error in zip(held, S, wide, strict=True):
            budget.gather(sizes, (q.dual(row) + error * around).max(ZERO))
    assert problem.radius is not None  # the spec was checked
    return [budget.most(sizes, problem.at_once) * arb(problem.radius) for sizes in held]


def require_smooth(problem: Problem, passed: Forward) -> None:
    """Raise `NotSmooth` where an input of a unit may be 0 and the activation has a kink there."""
    if not ACTIVATIONS[problem.activation].kinked:
        return
    for h, before in enumerate(passed.before, 1):
        width = problem.layers[h - 1].outputs
        for place, z in enumerate(before):
            if not (z > 0 or z < 0):
                raise NotSmooth(f"the input of unit {place % width} of layer {h} at evaluation row {place // width}",
                                bool(z == 0))
