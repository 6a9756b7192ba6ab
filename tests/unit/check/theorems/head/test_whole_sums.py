"""Sums of whole numbers for a last layer, and labels that are counted until they are enough (Q6, P4b; V40 to V42)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed
from certify.check.systems.point import Point
from certify.check.theorems.head import motion, whole
from certify.check.theorems.head.layer import Layer
from certify.check.theorems.head.whole import squared
from certify.systems.head.change import Change
from certify.theorems.head.motion import enclose_motion
from tests.containment.convex import enclosed
from tests.unit.check.theorems.head.test_motion import BITS, stated, truth
from tests.unit.theorems.head.test_motion import fitted


def exact(x: arb) -> Fraction:
    """An exact ball as a fraction."""
    mantissa, exponent = x.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def drawn(seed: int, power: int, radius: float) -> tuple[list[list[Fraction]], arb_mat]:
    """Rows, and balls of such a radius at whose edge they lie, or in them; of seed 0 one long row."""
    rng, shape = np.random.default_rng([7, seed]), (5, 3) if seed else (1, 150)
    middle = rng.normal(size=shape) * 2.0 ** rng.integers(-3, 3, size=(shape[0], 1))
    middle[0, 0] += 100 * (seed % 2)
    off = np.where(rng.random(shape) < 0.4, 0.0, radius * 2.0**6)
    scale, up = arb(2) ** power, Fraction(2) ** power
    rows = [[(Fraction(x) + (1 if x > 0 else -1) * Fraction(r)) * up for x, r in zip(*pair, strict=True)]
            for pair in zip(middle.tolist(), off.tolist(), strict=True)]
    return rows, arb_mat([[arb(x, r) * scale for x, r in zip(*pair, strict=True)]
                          for pair in zip(middle.tolist(), off.tolist(), strict=True)])


def lost(found: Fixed, rows: list[list[Fraction]]) -> bool:
    """Whether the products of these rows lie farther from the middle than the radius says."""
    values = [x * y for row in rows for j, x in enumerate(row) for y in row[:j + 1]]
    unit = Fraction(2) ** -found.bits
    off = sum((v - int(m) * unit) ** 2 for v, m in zip(values, found.mid.entries(), strict=True))
    return off > exact(found.radius) ** 2


CASES = [(seed, power, radius) for seed in range(4) for power in (0, 400, -400) for radius in (0.0, 1e-12, 1e-3)]


@pytest.mark.parametrize("case", CASES)
def test_products_of_entries_are_within_the_radius(case: tuple[int, int, float]) -> None:
    with ctx.workprec(BITS):
        rows, balls = drawn(*case)
        found = squared(balls)
        assert found.radius.is_finite() and not lost(found, rows)


def _less(known: Fixed) -> Fixed:
    return Fixed(known.mid, known.bits, known.radius / 2)


def known_well(patch: pytest.MonkeyPatch, known: Callable[..., Fixed] = whole.enclosed) -> None:
    """Numbers without a radius of which the whole numbers lose nothing are known without one."""
    patch.setattr(whole, "enclosed", lambda M, width: Fixed((found := known(M, width)).mid, found.bits, ZERO))


def test_what_is_cut_off_is_all_that_is_lost_of_short_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    known_well(monkeypatch)
    with ctx.workprec(BITS):
        assert not any(lost(squared(balls), rows) for rows, balls in (drawn(*case) for case in CASES if case[2] == 0))


WRONG: dict[str, Callable[[pytest.MonkeyPatch], object]] = {
    "nothing is cut off": lambda patch: (known_well(patch), patch.setattr(whole, "cut", lambda *_: ZERO)),
    "half of what rows are off": lambda patch, known=whole.enclosed: patch.setattr(
        whole, "enclosed", lambda M, width: _less(known(M, width))),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_versions_are_seen(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ctx.workprec(BITS):
        WRONG[what](monkeypatch)
        cases = [drawn(*case) for case in CASES if not case[2] or what.startswith("half")]
        assert any(lost(squared(balls), rows) for rows, balls in cases)


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_what_is_no_number_proves_nothing(bad: str) -> None:
    with ctx.workprec(BITS):
        found = squared(arb_mat([[arb(1), arb(bad)]]))
        assert not found.radius.is_finite()


@pytest.mark.parametrize(("loss", "change"), [
    (loss, change) for loss in ("cross_entropy", "logistic", "squared")
    for change in (Change("sample_weights", 1.0, 2), Change("features", 0.01))])
def test_both_ways_hold_the_same_numbers(loss: str, change: Change) -> None:
    """Blocks and Gram matrices of the layer overlap, and both ways prove what the run does."""
    t = fitted(12, loss, n=10)
    moved, problem = enclose_motion(enclosed(t), change)[0], stated(t, change)
    with ctx.workprec(BITS):
        quick, plain = (Layer(Point(problem, BITS), moved.metric.theta, way) for way in (True, False))
        (exact_blocks, _), (blocks, off) = plain._blocks(), quick._blocks()
        away = [x - y for (a, b), block in exact_blocks.items() for _ in range(1 + (a != b))
                for row, other in zip(block, blocks[a, b], strict=True) for x, y in zip(row, other, strict=True)]
        assert norm(away) <= off < 1e-12  # of the whole matrix, blocks above the diagonal too
        quick.parts = plain.parts  # of one metric
        for G, other in zip(plain.grams, quick.grams_of(quick.phi), strict=True):
            assert all(x.overlaps(y) for row, own in zip(G, other, strict=True) for x, y in zip(row, own, strict=True))
        assert all(motion.motion(Point(problem, BITS), moved.metric.theta, moved.reach, way).layer
                   for way in (True, False))


def test_a_sum_counts_twice_off_the_diagonal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands at up to four places of the matrix of all, so that its error counts `√4` times."""
    problem, made, right = stated(fitted(12), Change("features", 0.01)), list[Fixed](), whole.product

    def seen(A: Fixed, B: Fixed, width: int) -> Fixed:
        made.append(right(A, B, width))
        return made[-1]

    with ctx.workprec(BITS):
        own = Layer(Point(problem, BITS), 0.5, True)
        monkeypatch.setattr(whole, "product", seen)
        assert whole.blocks(own, arb(3))[1] >= 6 * made[-1].radius * (1 - arb(2) ** -60) > 0


def test_where_whole_numbers_prove_nothing_balls_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """With six bits of them the barrier is not proved, and the claim is all the same; a smaller one is not."""
    t, change = fitted(12, n=10), Change("features", 0.01)
    moved, problem = enclose_motion(enclosed(t), change)[0], stated(t, change)
    monkeypatch.setattr(whole, "WIDE", 6)
    monkeypatch.setattr(motion, "MANY", 0)
    with ctx.workprec(BITS):
        assert motion.motion(Point(problem, BITS), moved.metric.theta, moved.reach, True).layer is None
    assert truth(problem, moved) is Truth.PROVED
    assert truth(problem, moved, reach=moved.reach * 0.99) is Truth.UNDECIDED


def rivals(f: list[Any], reach: float = 1.0) -> list[int]:
    """Of outputs with lengths 1 and √2 between them."""
    k = len(f)
    G = [[arb(1 if a == b else 0) for b in range(k)] for a in range(k)]
    return [b for _, b in motion._rivals([arb(x) for x in f], G, arb(reach))]


def test_a_rival_is_every_output_that_is_not_proved_to_stay_below() -> None:
    """The nearest first; what is no number is one, and proves nothing."""
    assert rivals([3, 0, 1]) == [] and rivals([1, 3, 2, 1.9]) == [2, 3] and rivals([3, 0], 3.0) == [1]
    assert set(rivals([3, "nan", 0])) >= {1} and rivals(["nan"]) == [0] and rivals([2]) == [] and rivals([-2]) == []
    assert rivals([1]) == [0] and rivals([arb(3), arb(1, 2.5)]) == [1]


@pytest.mark.parametrize(("least", "tried"), [(1, []), (2, [2]), (3, [2, 0, 3]), (4, [2, 0, 3]), (9, [2, 0, 3])])
def test_labels_are_counted_until_they_are_enough(least: int, tried: list[int]) -> None:
    """Those that are easy first; none counts that is not proved, and none that was not tried."""
    asked: list[int] = []

    def stays(j: int, found: list[int]) -> bool:
        asked.append(j)
        return j != 0

    count = motion._counted([[(0.5, 1)], [], [(0.9, 2)], [(0.1, 1), (0.8, 2)]], stays, least)
    assert asked == tried and count == 1 + len([j for j in tried if j != 0])


@pytest.mark.parametrize("beaten", [1, 2])
def test_a_label_stays_below_every_rival(beaten: int) -> None:
    """Of two outputs that come near one does not stay below: neither of them may be left out."""
    assert motion._counted([[(0.1, 1), (0.8, 2)]], lambda j, found: beaten not in found, 1) == 0


def test_no_row_counts_for_the_integers_of_flint_alone() -> None:
    """The widest product that whole numbers make is exact: entries of 60 bits, of thousands of places."""
    with ctx.workprec(BITS):
        found = squared(arb_mat([[arb(1) - arb(2) ** -60] * 40]))
        assert all(fmpz(0) < x < fmpz(1) << whole.WIDE + 2 for x in found.mid.entries())
