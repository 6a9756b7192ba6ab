"""What is no number in the checker's sums of largest pushes: it has no place in an order, and must not be left out."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.rows.boxes.trap import most
from certify.check.theorems.head.rows.softmax.centre import Centre, square
from certify.check.theorems.head.rows.softmax.centre import centre as middle
from certify.check.theorems.head.rows.softmax.pushes import _largest, above, tops
from certify.check.theorems.head.rows.softmax.trap import Change, box
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.cross_entropy import CrossEntropyHead
from certify.theorems.head.rows.softmax.centre import centre, changes_of
from certify.theorems.head.rows.softmax.finder import ranges
from certify.theorems.head.rows.softmax.trap import trap
from tests.effort import FULL
from tests.families.class_heads import as_checked, refit

NONE = arb("nan")
ONE, TWO, ZERO = arb(1), arb(2), arb(0)


@pytest.mark.parametrize("values", [[NONE, ONE], [ONE, NONE], [ONE, NONE, TWO], [TWO, ONE, NONE], [ONE, arb("inf")]])
@pytest.mark.parametrize("count", [1, 2])
def test_a_sum_of_the_largest_of_what_is_no_number_bounds_nothing(values: list[arb], count: int) -> None:
    assert not most(values, count) < arb(1e300)
    assert not tops([9.0] * len(values), lambda i: values[i], ZERO, count) < arb(1e300)
    assert not tops([above(x) for x in values], lambda i: ONE, ZERO, count) < arb(1e300)
    assert not tops([2.0], lambda i: TWO, NONE, count) < arb(1e300)


@pytest.mark.parametrize("other", [arb(1), arb(-3), arb(1, 2.0**-30), arb(-1, 1), arb(0, 2.0**-60), NONE, arb("inf")])
def test_doubles_of_a_matrix_of_balls_are_above_its_entries_or_are_none(other: arb) -> None:
    one = arb_mat([[other, arb(1) / 3, -arb(1) / 3, arb(2) ** -70, -TWO]])
    for parts in ([one], [one, -one], [-one, one], [arb_mat([[ONE] * 5]), one]):
        for found, sign in zip(_largest(parts), (1, -1), strict=True):
            for a, value in enumerate(found[0]):
                if not other.is_finite():
                    assert a > 0 or not value < float("inf")
                else:
                    assert value >= 0.0 and all(arb(value) >= sign * part[0, a] for part in parts)
                    assert all(value < 1e-3 + max(0.0, *(float((sign * part[0, a]).upper()) for part in parts))
                               + 2.0 * float(other.rad()) for part in parts)


def test_the_square_of_a_ball_about_zero_is_a_number() -> None:
    with ctx.workprec(64):
        thirds = [ONE / 3] * 3
        found = square(thirds, [arb(1, 1e-18), arb(-1, 1e-18), arb(0, 1e-18)])
        assert found.overlaps(arb(2) / 3) and found.is_finite()
        assert square(thirds, [arb(0, 1e-18)] * 3).is_finite()


def mixed(rng: np.random.Generator) -> tuple[Head, RowChange]:
    """Rows of one label each in one column, and in the other one input of all labels: there σ is a third each."""
    b, decay = float(10 ** rng.uniform(-2.5, -1.2)), float(10 ** rng.uniform(-0.3, 0.3))
    phi = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, b], [0.0, b], [0.0, b]])
    label, decayed = np.array([0, 1, 0, 1, 2]), np.ones(2, dtype=bool)
    V = refit(phi, np.eye(3)[label], 5 * decay, decayed)
    V[:, 1] = 0.0
    e = np.array([[5.0, 0.0]])
    return Head(phi, np.zeros(5), np.eye(3)[label], np.eye(3), label, CrossEntropyHead(), V, decay, decayed, False, e,
                np.zeros(1)), RowChange(False, 1, tuple(range(5)))


def test_slabs_below_the_motion_of_rows_whose_pushes_cancel_are_refused() -> None:
    rng, pairs = np.random.default_rng(3), [(a, b) for a in range(3) for b in range(3) if a != b]
    tried = 0
    for _ in range(40):
        if tried > 10 and not FULL:
            break
        head, change = mixed(rng)
        c, changes = centre(head, head.V), changes_of(head, change)
        proposed = ranges(c, changes)
        assert proposed is not None
        R, x, shift = proposed
        x[:2] *= 10 ** rng.uniform(1.5, 3.0)  # long rows that stray come first in the order
        for _ in range(30):
            t = trap(c, changes, R, x, shift)
            R = R if t is None else np.maximum(R, t.outside * 1.05)
        if not np.isfinite(R).all():
            continue
        moved = np.zeros_like(R)
        for out in range(5):
            kept = np.arange(5) != out
            D = head.phi @ (refit(head.phi[kept], head.Y[kept], 5 * head.weight_decay, head.decayed) - head.V).T
            moved[kept] = np.maximum(moved[kept], np.stack([D[:, a] - D[:, b] for a, b in pairs], axis=1)[kept])
        with ctx.workprec(64):
            twin = as_checked(head, change.rows, 1, False)
            at, rows = middle(twin, head.V.ravel().tolist()), [
                Change(i, [None], [shift[i, 0].tolist()], arb(x[i])) for i in change.rows]

            def holds(R: np.ndarray, at: Centre = at, rows: list[Change] = rows) -> bool:
                slabs = [[[ZERO] * 3 for _ in range(3)] for _ in R]
                for j, line in enumerate(R.tolist()):
                    for (a, b), size in zip(pairs, line, strict=True):
                        slabs[j][a][b] = arb(size)
                return box(at, rows, 1, slabs) is not None

            tried += holds(R * 1.01)
            for j, q in np.argwhere(moved > 1e-9):
                small = R * 1.01
                small[j, q] = 0.5 * moved[j, q]
                assert not holds(small)
    assert tried > 10
