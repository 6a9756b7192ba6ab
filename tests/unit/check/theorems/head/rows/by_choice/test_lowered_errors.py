"""D17, Lemma 4 in the checker: what a known inverse, a factor and few bits are off by is allowed for.

Of one column, and of a row that is most of a matrix, the bounds of the lemma are nearly all used up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from certify.check.linalg.definite import Definiteness, Truth, definiteness
from certify.check.theorems.head.rows.boxes import fixed_rows
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, Sums, size, sums
from certify.check.theorems.head.rows.boxes.products import inverse
from certify.check.theorems.head.rows.by_choice import lowered as place
from certify.check.theorems.head.rows.by_choice.lowered import Metric, lowered
from certify.check.theorems.head.rows.pair_tree.steps import row_lengths
from tests.unit.check.theorems.head.rows.by_choice.test_lowered import outside

Array = NDArray[np.float64]
DECAY = 1e-4
SEEDS = range(6)


def unit(p: int, x: float) -> arb_mat:
    """x times the unit matrix."""
    return arb_mat(p, p, [arb(x) if i == j else arb(0) for i in range(p) for j in range(p)])


def heavy(seed: int, p: int, off: float, sign: float) -> tuple[Sums, Metric, list[int], Array]:
    """A matrix that is mostly one row, its inverse moved by what it is said to be off by, and weights without that row.

    `off` is in units of the matrix.
    """
    rng = np.random.default_rng([seed, 67])
    S, a = rng.standard_normal((p + 3, p)), rng.uniform(0.05, 0.2, p + 3)
    S[0] = 4.0 * np.sign(S[0])
    wide = float(np.linalg.norm((S.T * a) @ S, 2))
    weights = [int(x * 2.0**WEIGHT) for x in a]
    with ctx.workprec(64):
        s = sums(S.tolist(), [arb(DECAY)] * p, False)
        found = inverse(s, weights)
        assert found is not None
        X, error, big = found
        m = [x * 2.0**-WEIGHT for x in weights]
        moved = (X + unit(p, sign * off / wide)).mid(), (arb(off / wide) + error).upper(), big
        A = Metric(weights, moved, m, m, row_lengths(s, moved))
    return s, A, [int(x * y) for x, y in zip(weights, [0.02, *[1.0] * (p + 2)], strict=True)], S


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("loses", [False, True])
def test_a_known_inverse_may_be_off_by_what_is_said(p: int, sign: float, loses: bool) -> None:
    for seed in SEEDS:
        s, A, weights, S = heavy(seed, p, 1e-3, sign)
        weights = weights if loses else list(A.weights or ())
        with ctx.workprec(64):
            found = lowered(s, A, weights)
        assert found is not None and not outside(found, weights, A, S, np.full(p, DECAY)), seed


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_factor_may_be_off_by_what_is_said(monkeypatch: pytest.MonkeyPatch, p: int, sign: float) -> None:
    """Off by three tenths, and by all of that in the direction of the row."""
    def crude(G: arb_mat) -> Definiteness:
        found = definiteness(G)
        assert found.R is not None
        return Definiteness(Truth.PROVED, (found.R * arb(1.0 + sign * 0.2999999).sqrt()).mid(), arb(0.3))

    monkeypatch.setattr(place, "definiteness", crude)
    for seed in SEEDS:
        s, A, weights, S = heavy(seed, p, 0.0, 0.0)
        with ctx.workprec(64):
            found = lowered(s, A, weights)
        assert found is not None and not outside(found, weights, A, S, np.full(p, DECAY)), seed


@pytest.mark.parametrize(("defect", "used"), [(0.49, True), (0.5, False), (0.9999999995, False), ("nan", False)])
def test_a_factor_that_is_far_off_is_not_used(monkeypatch: pytest.MonkeyPatch, defect: Any, used: bool) -> None:
    def crude(G: arb_mat) -> Definiteness:
        return Definiteness(Truth.PROVED, definiteness(G).R, arb(defect))

    s, A, weights, _ = heavy(0, 2, 0.0, 0.0)
    monkeypatch.setattr(place, "definiteness", crude)
    with ctx.workprec(64):
        W, _ = place._factor(s, A.inverse[0], [0], [0.1])
        assert (W is not None) == used and (lowered(s, A, weights) is not None) == used


@pytest.mark.parametrize("scale", [arb(2) ** 200, arb("inf"), arb("nan")])
def test_a_factor_that_is_large_or_no_number_is_not_used(monkeypatch: pytest.MonkeyPatch, scale: arb) -> None:
    def large(G: arb_mat) -> Definiteness:
        found = definiteness(G)
        assert found.R is not None
        return Definiteness(Truth.PROVED, found.R * scale, arb(0.1))

    s, A, _, _ = heavy(0, 2, 0.0, 0.0)
    with ctx.workprec(64):
        assert place._factor(s, A.inverse[0], [0], [0.1])[0] is not None
        monkeypatch.setattr(place, "definiteness", large)
        assert place._factor(s, A.inverse[0], [0], [0.1])[0] is None


@pytest.mark.parametrize("bits", [10, 30])
def test_what_is_rounded_is_measured(bits: int) -> None:
    """Of a matrix that loses nothing the inverse is the known one and what that is off by, but for a last rounding."""
    for seed in SEEDS:
        s, A, _, _ = heavy(seed, 3, 1e-3, 1.0)
        with ctx.workprec(bits):
            found = lowered(s, A, list(A.weights or ()))
        assert found is not None
        X, off, _ = found.inverse
        with ctx.workprec(300):
            true = (A.inverse[0] + A.inverse[1] * unit(3, 1.0)) * arb(place.UP)
            assert arb(0) < size(true - X) <= off < 2.0 ** (8 - bits) * A.inverse[2]


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_factor_of_balls_stands_for_all_it_holds(monkeypatch: pytest.MonkeyPatch, sign: float) -> None:
    real, kept, radius = place._factor, list[arb_mat](), 2.0**-7

    def wide(*given: Any) -> tuple[arb_mat | None, float]:
        W, defect = real(*given)
        assert W is not None
        kept.append(W.mid())
        return arb_mat([[arb(x, radius) for x in row] for row in W.mid().tolist()]), defect

    monkeypatch.setattr(place, "_factor", wide)
    for seed in SEEDS:
        s, A, weights, S = heavy(seed, 2, 0.0, 0.0)
        with ctx.workprec(64):
            found = lowered(s, A, weights)
        assert found is not None
        W = np.array([[float(x) for x in row] for row in kept[-1].tolist()])
        W += sign * radius * np.sign(W)
        X = np.array([[float(x) for x in row] for row in A.inverse[0].tolist()]) + W @ W.T
        mid = np.array([[float(x) for x in row] for row in found.inverse[0].tolist()])
        assert np.linalg.norm(X - mid, 2) <= float(found.inverse[1])
        assert (np.sqrt(np.einsum("ij,jk,ik->i", S, X, S)) <= np.array(found.long)).all()


@pytest.mark.parametrize("what", ["rows", "factor", "radius"])
def test_lengths_from_six_bits_are_never_less(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Rows, the factor, or neither are more than so many bits hold, and the last is of balls; all else is exact."""
    less, p, word = 0, 3, fixed_rows.WORD
    six = 12 + p.bit_length()
    for seed in SEEDS:
        rng = np.random.default_rng([seed, 71])
        S, W = (rng.integers(-15, 16, shape).astype(float) for shape in ((12, p), (p, 1)))
        S += rng.uniform(-0.5, 0.5, S.shape) * (what == "rows")
        W += rng.uniform(-0.5, 0.5, W.shape) * (what == "factor")
        radius = 0.25 * (what == "radius")
        with ctx.workprec(64):
            monkeypatch.setattr(fixed_rows, "WORD", six if what == "rows" else word)
            s = sums(S.tolist(), [arb(1)] * p, False)
            monkeypatch.setattr(fixed_rows, "WORD", six)
            found = place._lengths(s, [0.0] * 12, arb_mat([[arb(x, radius) for x in row] for row in W.tolist()]), 1.0)
            cut = np.array([[float(x) for x in row] for row in s.short.mat.tolist()])
        true = abs(S @ W)[:, 0] + radius * abs(S).sum(axis=1)
        rounded = abs(np.ldexp(cut, np.array(s.short.unit)[:, None]) @ np.rint(W))[:, 0]
        assert (true <= np.array(found)).all()
        less += int((rounded < 0.999 * true).sum())
    assert less > 12
