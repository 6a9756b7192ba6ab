"""What the whole numbers of D1c are off by, term by term: heads on which one of them is nearly all there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import pytest
from flint import arb, ctx, fmpz_mat

from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted import held
from certify.check.theorems.head.rows.refitted.block import Block, ones
from certify.check.theorems.head.rows.refitted.held import Held, hold
from certify.check.theorems.head.rows.refitted.packed import HALF, SLOPE, Packed, V, numbers
from certify.check.theorems.head.rows.refitted.packed_held import PULL, PackedHeld, Pulls
from tests.families.plain_heads import plain_head

FREE = 200
"""Bits of what is true."""


@dataclass(frozen=True)
class Case:
    """Rows, μ and weights at which one error is nearly as large as its bound."""

    rows: list[list[float]]
    mu: float
    weights: list[float]

    @property
    def n(self) -> int:
        return len(self.rows)


EDGE = int(log(2.0) * 2**14) * 2.0**-14 - 2.0**-V
CASES = {
    "margins beyond the table": Case([[1.0, 0.0]] * 64, 2.0**-10, [30.0, 0.0]),
    "margins at the end of a cell": Case([[1.0, 0.0]] * 64, 2.0**-10, [EDGE, 0.0]),
    "inputs between two units": Case([[2.0**-22, 2.0**-22]] * 64, 2.0**-10, [0.0, 0.0]),
    "a decay between two units": Case([[2.0**-10, 0.0]], 5.9 * 2.0**-22, [2.0**12, 0.0]),
    "gradients between two units": Case([[-15 * 2.0**-21] * 4], 2.0**-10, [0.0] * 4),
}


def placed(weights: Sequence[Sequence[float]]) -> list[int]:
    """Columns of weights, as blocks have them."""
    return [sum(int(x * 2**V) << 64 * b for b, x in enumerate(column)) for column in zip(*weights, strict=True)]


def told(columns: Sequence[int], B: int) -> list[list[float]]:
    return [[(x - HALF) / 2.0**PULL for x in numbers(column + HALF * ones(B), B)] for column in columns]


@pytest.mark.parametrize("name", CASES)
def test_gradients_and_curvatures_are_off_by_no_more_than_is_said(name: str) -> None:
    case = CASES[name]
    with ctx.workprec(BITS):
        head = plain_head(case.rows, [1.0] * case.n, case.mu, case.rows[:1])
        block, one = Block([0], [()], placed([case.weights])), PackedHeld(Packed(head), [[0] * case.n])
        found = one.pulls(block, fmpz_mat([[x] for x in block.columns]), arb(block.longest()) / 2**V, head.mu(), ())
    with ctx.workprec(FREE):
        p = [1 / (1 + sum((arb(x) * w for x, w in zip(row, case.weights, strict=True)), arb(0)).exp())
             for row in case.rows]
        off = [arb(case.mu) * w - sum((q * row[j] for q, row in zip(p, case.rows, strict=True)), arb(0)) - g
               for j, (w, (g,)) in enumerate(zip(case.weights, told(found.across, 1), strict=True))]
        size = sum((x * x for x in off), arb(0)).sqrt()
        assert 0.2 * found.error < size < found.error
        assert all(least * found.fade <= q * (1 - q) * 2**SLOPE for least, q in zip(found.least, p, strict=True))


def test_a_row_that_a_change_deletes_has_no_curvature_in_any() -> None:
    """Nothing is said by rows that are gone: of three rows two are, and those that are left hold the weights alone."""
    rows, changes = [[1.0, 0.0]] * 3, [((0, DELETED), (2, 0)), ((1, DELETED), (2, 0))]
    with ctx.workprec(BITS):
        head = plain_head(rows, [1.0] * 3, 1.0, rows[:1], moving=(0, 1, 2))
        block, one = Block([0, 3], changes, placed([[0.5, 0.0]] * 2)), PackedHeld(Packed(head), [[1 << 20] * 3])
        found = one.pulls(block, fmpz_mat([[x] for x in block.columns]), arb(1), head.mu(), ())
        form = hold(head, found.least, found.fade / 2**SLOPE, one.shares, one.rows, 21, arb(0), head.mu(), 1.5)
    assert form is not None and found.least[:2] == [0, 0] < found.least[1:]
    with ctx.workprec(FREE):  # the Hessian of the row that is left is at most ¼, that of three three times as much
        assert form.inverse[0][0] >= (1 / (1 + arb(1) / 4)).lower() * 2**held.FINE


def by_decay(points: Sequence[Sequence[float]], mu: float = 1.0) -> tuple[PackedHeld, Held]:
    """What looks at points, and a form that is little but the decay."""
    head = plain_head([[1.0, 0.0]], [1.0], mu, points)
    form = held._form(head, [[arb(1), arb(0)]], [arb(2) ** -40], arb(mu), 1.5)
    assert form is not None
    return PackedHeld(Packed(head), [[0]]), form


def stays(one: PackedHeld, form: Held, weights: Sequence[float], pull: Sequence[float], error: float = 0.0) -> bool:
    """Whether the first point is on its side, by a gradient that is off by an error."""
    W = fmpz_mat([[int(x * 2**V)] for x in weights])
    found = Pulls([int(x * 2**PULL) for x in pull], arb(error), [0], arb(1))
    return one._within(form, W, found, [0], arb(max(map(abs, weights))), 1)[0]


def test_what_gradients_are_off_by_moves_points() -> None:
    """μ = 1: a gradient of length 1/4 along a point moves it by 1/4, whichever part of it is an error."""
    with ctx.workprec(BITS):
        one, form = by_decay([[1.0, 0.0]])
        for pull, error in (([0.0, 0.0], 0.25), ([0.25, 0.0], 0.0), ([0.125, 0.0], 0.125)):
            assert not stays(one, form, [0.245, 0.0], pull, error) and stays(one, form, [0.3, 0.0], pull, error)
        bad = replace(form, slip=arb(0.25))  # of the form itself: a quarter of |g|·√2
        assert not stays(one, bad, [1.3, 0.0], [1.0, 0.0]) and stays(one, bad, [2.5, 0.0], [1.0, 0.0])


def test_refits_are_looked_for_within_a_length_alone() -> None:
    with ctx.workprec(BITS):
        one, form = by_decay([[1.0, 0.0]])
        assert stays(one, form, [50.0, 0.0], [1.4, 0.0]) and not stays(one, form, [50.0, 0.0], [1.6, 0.0])
        assert not stays(one, form, [50.0, 0.0], [1.4, 0.0], 0.2)
        assert not stays(one, replace(form, slip=arb(0.2)), [50.0, 0.0], [1.4, 0.0])


def test_points_that_are_rounded_may_lie_on_the_other_side() -> None:
    with ctx.workprec(BITS):
        one, form = by_decay([[0.005, 0.0]])
        assert stays(one, form, [1.0, 0.0], [0.0, 0.0])
        one.packed.eta_points = arb(0.01)
        assert not stays(one, form, [1.0, 0.0], [0.0, 0.0])
        assert replace(form, slip=arb(1)).far(one.points, 21, arb(0), one.head.lengths)[0] >= 2**39
        far, near = by_decay([[0.0, 0.0]])[0], form.far(one.points, 21, arb(0), one.head.lengths)
        assert form.far(far.points, 21, arb(0.01), far.head.lengths)[0] * 2.0**-39 > 0.01 > near[0] * 2.0**-39 / 2


@pytest.mark.parametrize(("weights", "mu"), [([2.0**13, 0.0], 2.0**-10), ([2.0**6, 0.0], 2.0**10)])
def test_numbers_that_do_not_fit_are_not_looked_at(weights: list[float], mu: float,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*some: object) -> Pulls:
        raise AssertionError("looked at")

    monkeypatch.setattr(PackedHeld, "pulls", fails)
    with ctx.workprec(BITS):
        one, _ = by_decay([[1.0, 0.0]], mu)
        assert one.keep(Block([0, 1], [(), ()], placed([weights] * 2)), [0]) == [False, False]


@pytest.mark.parametrize(("part", "value", "pull"), [
    ("parts", 1 << 40, 1.0), ("inverse", 1 << 40, 1.0), ("inverse", 1 << 36, 0.25)])
def test_forms_whose_products_do_not_fit_say_nothing(part: str, value: int, pull: float) -> None:
    with ctx.workprec(BITS):
        one, form = by_decay([[64.0, 0.0]])
        bad = replace(form, **{part: [[value] * 2 for _ in getattr(form, part)]}, slip=arb(0), reach=1e9)
        W, found = fmpz_mat([[0], [0]]), Pulls([int(-pull * 2**PULL)] * 2, arb(0), [0], arb(1))
        assert one._within(bad, W, found, [0], arb(1), 1) == [False]


def test_points_that_are_not_asked_about_take_nothing_from_others() -> None:
    """One that is hundreds of times as long leaves no room for its own products, and is not looked at."""
    with ctx.workprec(BITS):
        for others in ([], [[400.0, 0.0]]):
            one, form = by_decay([[1.0, 0.0], *others], 2.0**-10)
            assert stays(one, form, [70.0, 0.0], [1.4 / 32, 0.0]) and not stays(one, form, [40.0, 0.0], [1.4 / 32, 0.0])


@pytest.mark.parametrize("error", [2.0**10, 2500.0, 3072.0, 4000.0, 2.0**13])
def test_distances_that_reach_into_the_next_number_say_nothing(error: float) -> None:
    with ctx.workprec(BITS):
        one, form = by_decay([[64.0, 0.0]])
        assert not stays(one, replace(form, reach=1e9), [0.0, 0.0], [0.0, 0.0], error)


def test_the_form_is_no_more_than_the_curvature_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """`s M(R/√t) ≥ R²`, and averages are known up to what rows are off by."""
    rows, seen = [[1.0, 0.5], [0.5, 1.0]], list[tuple[list[arb], float]]()
    form = held._form

    def noted(head: object, v: list[list[arb]], strength: list[arb], mu: arb, reach: float) -> Held | None:
        seen.append((strength, reach))
        return form(head, v, strength, mu, reach)  # type: ignore[arg-type]

    monkeypatch.setattr(held, "_form", noted)
    with ctx.workprec(BITS):
        head = plain_head(rows, [1.0, -1.0], 1.0, rows)
        whole = [[int(x * 2**21) for x in row] for row in rows]
        for reach in (0.1, 0.3, 1.5, 4.0):
            exact, off = (hold(head, [1 << 24] * 2, arb(2) ** -SLOPE, [[1 << 20] * 2], whole, 21, arb(x), head.mu(),
                               reach) for x in (0.0, 0.01))
            assert exact is not None and off is not None and off.slip > 10 * exact.slip
    with ctx.workprec(FREE):
        for (t,), reach in seen:
            z = reach / t.sqrt()
            M = z * (1 - (-z).exp()) if z <= 1 else z - (-arb(1)).exp()
            assert reach**2 <= M / 2 * (1 + arb(2) ** -40) and M / 2 < 1.01 * reach**2
