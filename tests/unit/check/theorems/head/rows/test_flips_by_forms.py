"""Flips by forms of the inverse (D3): weights off by different amounts, and data in balls, at their worst corners.

What the forms leave open is left open here: what balls say of it afterwards would hide a label that is said wrongly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.linalg.balls import norm
from certify.check.linalg.fixed import Fixed
from certify.check.theorems.head.rows import head as checked
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.head import BITS, OPEN
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.check.theorems.head.rows.squared import refits
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head
from tests.oracles import squared_head as oracle

Array = np.ndarray
LOST, FAR = 0.98, 4.0
"""Thresholds are this part of the way to the worst corner, and so many times as far."""


@pytest.fixture(autouse=True)
def nothing_by_balls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refits, "in_balls", lambda head, changes, weights: [[OPEN] * len(head.lengths)] * len(changes))


def in_balls(twin: checked.Head, phi: Array, points: Array) -> checked.Head:
    """The head with features and evaluation rows known within so much, entry by entry."""
    def balls(rows: Sequence[Sequence[arb]], off: Array) -> arb_mat:
        return arb_mat([[arb(float(x), float(r)) for x, r in zip(*both, strict=True)]
                        for both in zip(rows, off, strict=True)])

    P, Q = balls(twin.rows, phi), balls(twin.evaluated.tolist(), points)
    return dataclasses.replace(twin, phi=P, rows=P.tolist(), evaluated=Q, lengths=[norm(r).upper() for r in Q.tolist()])


def one_output(phi: Array, t: Array, mu: float, e: Array, off: Array, e_off: Array, weights: Array, threshold: float,
               ) -> int:
    """The label of one evaluation row, of the targets as they are."""
    n, m = phi.shape
    small = SmallHead(phi, t[:, None], np.array([[0.0], [1.0]]), np.zeros(n, np.int64), mu, np.ones(m, bool), e[None],
                      np.zeros(1, np.int64), threshold)
    twin = in_balls(as_checked(small, as_head(small), tuple(range(n)), 1, True), off, e_off[None])
    with ctx.workprec(BITS):
        return refits.labels_after(twin, [()], [weights.tolist()])[0][0]


def output(phi: Sequence[Fraction], t: Array, mu: float, e: Fraction) -> Fraction:
    """Of one column, at the refit."""
    pull = sum((x * Fraction(y) for x, y in zip(phi, t.tolist(), strict=True)), Fraction(0))
    return e * pull / (sum(x * x for x in phi) + Fraction(mu))


def corners(middle: Array, off: Array) -> list[list[Fraction]]:
    return [[Fraction(x) + s * Fraction(r) for x, r, s in zip(middle.tolist(), off.tolist(), signs, strict=True)]
            for signs in product((-1, 1), repeat=len(middle))]


@pytest.mark.parametrize("loose", ["features", "points", "points about 0", "both"])
def test_no_label_is_said_that_a_corner_of_the_balls_has_not(loose: str) -> None:
    """One column, so that lengths are what they bound; rows are short beside the decay where features are loose."""
    said = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, 17])
        n, scale = int(rng.choice([1, 2])), 2.0 ** rng.integers(-20, 20)
        phi = scale * rng.uniform(0.5, 4.0, n)
        t, e = rng.uniform(0.5, 2.0, n) * rng.choice([-1.0, 1.0]), scale * rng.uniform(0.5, 2.0, 1)
        mu = float(scale**2 * 2.0 ** rng.uniform(-3.0, 1.0)) * (2e4 if loose == "features" else 1.0)
        share = 10.0 ** rng.uniform(-6.0, -1.5)
        off = share * phi * (np.arange(n) == rng.integers(n)) * (loose in ("features", "both"))
        e_off = share * e * (loose != "features")
        w = float(output([Fraction(x) for x in phi.tolist()], t, mu, Fraction(1)))
        if loose == "points about 0":  # weights of 0: their residual is all there is
            e, w = 0.0 * e, 0.0
        found = [output(x, t, mu, y) for x in corners(phi, off) for (y,) in corners(e, e_off)]
        middle = output([Fraction(x) for x in phi.tolist()], t, mu, Fraction(e[0]))
        for worst, label in ((min(found), 1), (max(found), 0)):
            for part in (LOST, FAR):
                threshold = float(middle + Fraction(part) * (worst - middle))
                answer = one_output(phi[:, None], t, mu, e, off[:, None], e_off, np.array([w]), threshold)
                assert answer in ((OPEN,) if part == LOST else (OPEN, label)), (seed, part)
                said += answer != OPEN
    assert said > 40  # of 80 that are far


def test_a_row_is_off_as_far_as_in_the_shortest_column() -> None:
    """Columns are scaled each by its own length: a point that is loose in the short one moves by that."""
    rng, said = np.random.default_rng(5), 0
    for _ in range(10):
        phi = rng.standard_normal((4, 2)) * [1.0, 1e6]
        t, e = rng.standard_normal(4), rng.standard_normal(2) * [1.0, 1e6]
        W = oracle.refit(phi.tolist(), t[:, None].tolist(), 0.5, [True, True])
        assert W is not None
        w = np.array([float(arb(x)) for x in W.entries()])
        for part in (LOST, FAR):
            threshold = float(w @ e) - part * 1e-3 * abs(float(w[0]))
            answer = one_output(phi, t, 0.5, e, np.zeros((4, 2)), np.array([1e-3, 0.0]), w, threshold)
            assert answer in ((OPEN,) if part == LOST else (OPEN, 1))
            said += answer == 1
    assert said > 5


@pytest.mark.parametrize("part", [1.9, 1.2])
def test_what_is_cut_off_a_short_evaluation_row_counts(part: float) -> None:
    """It has 60 bits of the column: one that is shorter than the last of them twice over."""
    phi, t, e = np.array([[0.5]]), np.array([1.0]), np.array([part * 2.0**-60])
    w = 0.5 / 0.5
    none = np.zeros((1, 1))
    for threshold, label in ((1.5 * 2.0**-60 * w, int(part > 1.5)), (-(2.0**-50), 1), (2.0**-50, 0)):
        answer = one_output(phi, t, 0.25, e, none, none[0], np.array([w]), threshold)
        assert answer in (OPEN, label) and (abs(threshold) < 2.0**-55 or answer == label)


def drawn(seed: int) -> tuple[SmallHead, list[tuple[tuple[int, int], ...]], list[Array]]:
    """Three outputs, of which the first is short, some changes, and the refit after each to 53 bits."""
    rng = np.random.default_rng([seed, 23])
    small = small_head(rng, 7, 3, points=8)
    codes = np.array([[1e-3, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    small = dataclasses.replace(small, codes=codes, Y=codes[small.label])
    changes = [()] + [tuple((int(i), int((small.label[i] + 1 + rng.integers(2)) % 3)) for i in sorted(
        rng.choice(7, int(rng.integers(0, 4)), replace=False))) for _ in range(3)]
    found = []
    for change in changes:
        W = oracle.refit(small.phi.tolist(), targets(small, change).tolist(), 7 * Fraction(small.mu / 7),
                         small.decayed.tolist())
        found.append(None if W is None else np.array(W.tolist(), object))
    return small, changes, found


def targets(small: SmallHead, change: tuple[tuple[int, int], ...]) -> Array:
    Y = small.Y.copy()
    for i, c in change:
        Y[i] = small.codes[c]
    return Y


@pytest.mark.parametrize("loose", [False, True])
def test_every_output_has_its_own_error(loose: bool) -> None:
    """Weights of the first output of the first change are right and those of others are not, or rows are in balls."""
    said = 0
    for seed in range(16):
        rng = np.random.default_rng([seed, 29])
        small, changes, exact = drawn(seed)
        if any(W is None for W in exact):
            continue
        weights = [np.array([[float(arb(x)) for x in line] for line in W.T]) for W in exact]
        if not loose:
            for b, V in enumerate(weights):
                V += (10.0 ** rng.uniform(-7.0, 0.5, (3, 1)) * np.arange(0, 3)[:, None] + (b > 0) * 1e-3) * np.abs(
                    V).max() * rng.standard_normal(V.shape)
        off = np.abs(small.points) * (10.0 ** rng.uniform(-4.0, 0.0, (8, 1)) if loose else 0.0)
        twin = in_balls(as_checked(small, as_head(small), tuple(range(7)), 3, True), np.zeros(small.phi.shape), off)
        with ctx.workprec(BITS):
            found = refits.labels_after(twin, changes, [V.ravel().tolist() for V in weights])
        for W, labels in zip(exact, found, strict=True):
            for e, r, label in zip(small.points.tolist(), off.tolist(), labels, strict=True):
                if label == OPEN:
                    continue
                said += 1
                for b in {0, 1, 2} - {label}:
                    gap = [line[label] - line[b] for line in W]
                    assert sum(oracle.q(x) * y - oracle.q(d) * abs(y) for x, d, y in zip(e, r, gap, strict=True)) > 0
    assert said > 60


def test_targets_have_all_their_bits() -> None:
    """Codes that no few bits hold, and a threshold within 1e-10 of what is there: of the right weights the label is
    said, of those for targets in fewer bits the wrong one is not."""
    codes, label, said = np.array([[-0.3], [0.7]]), np.array([0, 1, 1]), 0
    for seed in range(12):
        rng = np.random.default_rng([seed, 31])
        phi, e = rng.standard_normal((3, 2)), rng.standard_normal(2)
        for bits in (27, 54):
            t = np.trunc(codes[label] * 2.0**bits) / 2.0**bits if bits < 54 else codes[label]
            W, true = (oracle.refit(phi.tolist(), x.tolist(), 0.375, [True, True]) for x in (t, codes[label]))
            assert W is not None and true is not None
            weights = [float(arb(x)) for x in W.entries()]
            z = sum(oracle.q(x) * y for x, y in zip(e.tolist(), true.entries(), strict=True))
            for away in (-1e-10, 1e-10):
                small = SmallHead(phi, codes[label], codes, label, 0.375, np.ones(2, bool), e[None],
                                  np.zeros(1, np.int64), float(arb(z)) + away)
                twin = as_checked(small, as_head(small), (0, 1, 2), 1, True)
                with ctx.workprec(BITS):
                    answer = refits.labels_after(twin, [()], [weights])[0][0]
                assert answer in (OPEN, int(away < 0))
                said += answer != OPEN
                assert bits < 54 or answer != OPEN
    assert said >= 24


def test_what_is_no_plain_squared_loss_is_left_to_balls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted rows, other losses and rows that do not keep their weights."""
    small = small_head(np.random.default_rng(5), 7, 1)
    twin = as_checked(small, as_head(small), tuple(range(7)), 1, True)
    monkeypatch.setattr(refits, "in_balls", lambda *_: "by balls")
    V = [[0.0] * small.phi.shape[1]]
    for head, change in ((twin, ((2, DELETED),)), (dataclasses.replace(twin, loss=row_loss("logistic")), ()),
                         (dataclasses.replace(twin, balanced=True), ()),
                         (dataclasses.replace(twin, labelled=(arb(1), arb(2))), ())):
        with ctx.workprec(BITS):
            assert refits.labels_after(head, [change], V) == "by balls"


@pytest.mark.parametrize("inverse", [64.0, 1.0 / 64.0])
@pytest.mark.parametrize("error", [2.0**-20, 0.25])
def test_an_inverse_is_off_by_what_is_said_of_it(inverse: float, error: float) -> None:
    """One column, where `H⁻¹ = X/(1 − ε)` at worst: lengths are these, and no shorter."""
    X = Fixed(fmpz_mat(1, 1, [int(inverse * 2**20)]), 20, arb(0))
    system = SimpleNamespace(inverse=SimpleNamespace(X=X, error=arb(error)), stretch=arb(1e9))
    for length in (2**-9, 2**9):
        with ctx.workprec(BITS):
            (found,) = refits._lengths(system, fmpz_mat(1, 1, [int(length * 2**30)]), 30)  # type: ignore[arg-type]
            true = (arb(inverse) / (1 - arb(error))).sqrt() * length
            assert found >= true.lower() and found <= true * (1 + arb(2) ** -40)
