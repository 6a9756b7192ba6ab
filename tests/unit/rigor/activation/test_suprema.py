"""The registered bounds of φ', φ'', φ''' hold on the whole line: balls on [−60, 60], proofs/activations.md beyond."""

from __future__ import annotations

from fractions import Fraction

import pytest
from flint import arb

from certify.check.enclosure.activation import ACTIVATIONS as CHECKED
from tests.unit.rigor.activation.registry import CASES, Case

END = 60
ATTAINED = arb(2) ** -10  # the neighbourhood of 0 where a bound attained at 0 is proved by concavity
SMOOTH = [c for c in CASES if c.at_zero or c.name == "gelu"]


def bound(case: Case, order: int) -> arb:
    phi = case.activation
    return arb((phi.slope_bound, phi.curvature, phi.third)[order - 1])


def proved(case: Case, order: int, low: arb, high: arb, limit: arb) -> int:
    """Number of pieces of a subdivision of [low, high] that proves `|φ^(order)| ≤ limit`."""
    grid = [low + (high - low) * i / 480 for i in range(481)]
    pending, count = list(zip(grid[:-1], grid[1:], strict=True)), 0
    while pending:
        a, b = pending.pop()
        count += 1
        assert count < 20_000, f"{case.name}: sup of derivative {order} not proved near {a}"
        piece = a.union(b)
        right = bool(piece.mid() >= 0)
        centre = case.derivatives(piece.mid(), right, order + 1)[order]
        slope = case.derivatives(piece, right, order + 2)[order + 1]
        if not abs(centre) + piece.rad() * abs(slope) <= limit:
            middle = piece.mid()
            pending += [(a, middle), (middle, b)]
    return count


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("case", SMOOTH, ids=lambda c: c.name)
def test_bound_of_a_smooth_activation(case: Case, order: int):
    limit = bound(case, order)
    if order not in case.at_zero:
        proved(case, order, arb(-END), arb(END), limit)
        return
    proved(case, order, arb(-END), -ATTAINED, limit)
    proved(case, order, ATTAINED, arb(END), limit)
    # φ^(order) is even, so its slope vanishes at 0, and |φ^(order)| is concave around 0:
    near = case.derivatives((-ATTAINED).union(ATTAINED), True, order + 3)
    assert near[order] * near[order + 2] < 0
    assert case.derivatives(arb(0), True, order + 1)[order].abs_lower() <= limit
    assert abs(abs(case.derivatives(arb(0), True, order + 1)[order]) - limit) < arb(2) ** -140


@pytest.mark.parametrize("case", [c for c in CASES if c not in SMOOTH], ids=lambda c: c.name)
def test_bound_of_a_piecewise_activation(case: Case):
    """Derivatives are constants, or e^x ≤ 1 for x < 0: points suffice to catch a wrong entry."""
    for k in range(-60, 7):
        for x in (arb(2) ** k, -(arb(2) ** k)):
            values = case.derivatives(x, bool(x > 0), 4)
            assert all(abs(values[order]) <= bound(case, order) for order in (1, 2, 3))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_bounds_are_tight(case: Case):
    """Each bound is within 0.1 % of a value that is attained (1 − e^-60 for softplus' slope)."""
    for order in (1, 2, 3):
        best = arb(0)
        for i in [*range(-6000, -600, 100), *range(-600, 600), *range(600, 6001, 100)]:
            for x in (arb(i) / 100 - arb(2) ** -60, arb(i) / 100 + arb(2) ** -60):
                best = best.max(abs(case.derivatives(x, bool(x > 0), order + 1)[order]))
        assert best >= bound(case, order) * arb("0.999"), (case.name, order)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_least_slope_holds_and_is_tight(case: Case):
    """gelu's and silu's slopes at x and −x add up to 1, so that what bounds them above bounds them below (A8, A9)."""
    phi, least = case.activation, arb(10)
    assert CHECKED[case.name].gentlest == phi.slope_floor
    for i in [*range(-6000, -600, 100), *range(-600, 600), *range(600, 6001, 100)]:
        x = arb(i) / 100 + arb(2) ** -60
        slope, other = (case.derivatives(v, bool(v > 0), 2)[1] for v in (x, -x))
        assert slope >= phi.slope_floor
        least = least.min(slope)
        if phi.slope_floor < 0:
            assert abs(slope + other - 1) < arb(2) ** -60
    assert least <= phi.slope_floor + arb("0.0001")
    if phi.slope_floor < 0:
        assert Fraction(phi.slope_floor) < 1 - Fraction(phi.slope_bound)
