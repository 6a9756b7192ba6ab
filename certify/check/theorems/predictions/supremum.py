"""The largest value of linear functions of the change over a budget, and where they may be taken (P1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flint import arb

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Forward
from certify.check.kernel import NotSmooth
from certify.check.linalg.balls import ONE, ZERO, largest, norm, root, squares
from certify.check.reading.subject import Problem

Rows = list[list[arb]]


def supremum(problem: Problem, count: int, effects: Iterable[Sequence[Any]]) -> list[arb]:
    """`sup |Σ⟨s_ji, u_i⟩|` over the budget (not `given`) of `count` predictions.

    Args:
        problem: its set, norm, count and radius.
        count: how many predictions there are.
        effects: of every moving row the vectors `s_j`, and how far in Euclidean length each may be off.
    """
    total = problem.set == "total"
    found: Rows = [[] for _ in range(count)]
    sums = [ZERO] * count
    for S, wide in effects:
        for j, row in enumerate(S):
            value = norm(row) if total else _dual(row, problem.norm)
            error = wide[j] * (ONE if total or problem.norm != "inf" else arb(len(row)).sqrt())
            value = (value + arb(0, error.upper())).max(ZERO)
            if problem.set == "sparse":
                found[j].append(value)
            else:
                sums[j] += value ** 2 if total else value
    assert problem.radius is not None  # the spec was checked
    if problem.set == "sparse":
        sums = [_most(values, problem.at_once) for values in found]
    return [(root(v) if total else v) * arb(problem.radius) for v in sums]


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


def _dual(values: Sequence[arb], q: int | str) -> arb:
    """`|v|_{q*}`."""
    sizes = [abs(v) for v in values]
    return root(squares(values)) if q == 2 else largest(sizes) if q == 1 else sum(sizes, ZERO)


def _most(values: list[arb], count: int) -> arb:
    """A ball that holds the sum of the `count` largest, by both ends of every value."""
    if not all(v.is_finite() for v in values):
        return arb(0, arb("inf"))
    low = sum(sorted((v.lower() for v in values), reverse=True)[:count], ZERO)
    high = sum(sorted((v.upper() for v in values), reverse=True)[:count], ZERO)
    return low.union(high)
