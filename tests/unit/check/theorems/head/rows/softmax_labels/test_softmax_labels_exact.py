"""D18 for changed labels in the checker, against numbers of 300 bits: every rounding is within what is said of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.rows.softmax_labels import margins, matrix
from certify.check.theorems.head.rows.softmax_labels.candidates import Candidate, Candidates
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre, centre
from certify.check.theorems.head.rows.softmax_pairs.data import in_numbers
from certify.check.theorems.head.rows.softmax_pairs.gradients import Gradients
from certify.check.theorems.head.rows.softmax_pairs.moved import Cut, cut
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head
from tests.containment.heads_softmax_by_choice import without
from tests.families.class_heads import as_checked, class_head

LIVE = list(range(30))


def head_of(seed: int) -> Head:
    return class_head(np.random.default_rng([seed, 78]), 12, 3, 30, 0.3, False, 1.5)


def centred(head: Head) -> Centre:
    data = in_numbers(as_checked(head, tuple(range(head.n)), 1), "here")
    found = centre(data, without(head, ()).ravel().tolist(), None)
    assert found is not None
    return found


def known(c: Centre, head: Head, steps: Array) -> Candidates:
    """Candidates that are such steps away, of which the first changes nothing and the others a label."""
    changes = [(), *(((i, int(head.label[i] + 1) % head.k),) for i in range(1, len(steps)))]
    V = np.array(c.weights)
    return Candidates(Gradients(replace(c, tie=0.0)), changes, [(V + x.ravel()).tolist() for x in steps],
                      margins.Margins(c, LIVE))


def truth(head: Head, W: list[Fraction], choice: Any) -> tuple[list[arb], list[list[arb]]]:
    """The gradient and the probabilities at weights, in balls of the precision that is set."""
    k, p, mu = head.k, head.m, arb(head.n) * arb(head.weight_decay)
    w = [arb(x.numerator) / arb(x.denominator) for x in W]
    V, X = arb_mat(k, p, w), arb_mat(head.phi.tolist())
    S = []
    for row in (X * V.transpose()).tolist():
        e = [x.exp() for x in row]
        S.append([x / sum(e, arb(0)) for x in e])
    label = [int(x) for x in head.label]
    for i, code in choice:
        label[i] = code
    slopes = arb_mat([[x - int(a == label[j]) for a, x in enumerate(s)] for j, s in enumerate(S)])
    g = (slopes.transpose() * X).entries()
    return [x + mu * y * bool(head.decayed[at % p]) for at, (x, y) in enumerate(zip(g, w, strict=True))], S


def weights_at(c: Centre, one: Cut) -> list[Fraction]:
    return [Fraction(x) + Fraction(y) for x, y in zip(c.weights, one.step, strict=True)]


def test_gradients_and_curvatures_hold_the_true_ones() -> None:
    """What a gradient is off by, and what rows keep: of nearly all numbers in eight bytes the true ones lie apart."""
    off = apart = 0
    for seed in range(3):
        head = head_of(seed)
        rng = np.random.default_rng(seed)
        with ctx.workprec(64):
            c = centred(head)
            some = known(c, head, 10.0 ** rng.uniform(-6.0, -1.0, 6)[:, None, None] * rng.standard_normal((6, head.k,
                                                                                                       head.m)))
        assert len(some.known) == 6
        with ctx.workprec(300):
            _, before = truth(head, [Fraction(x) for x in c.weights], ())
            for one in some.known:
                g, S = truth(head, weights_at(c, one.cut), some.choices[one.at])
                lost = sum(((x - arb(y)) ** 2 for x, y in zip(g, one.g, strict=True)), arb(0)).sqrt()
                assert lost < one.off and sum((arb(x) ** 2 for x in one.g), arb(0)).sqrt() < one.size
                off += bool(lost > 0)
                for e, s, t in zip(one.kept, S, before, strict=True):
                    least = min((x / y for x, y in zip(s, t, strict=True)), key=float)
                    assert e < least
                    apart += bool(e * (1.0 + 2.0**-30) > least)
    assert off > 12 and apart > 100


def exact(c: Centre, j: int, a: int, one: Cut) -> Fraction:
    """The margin of an evaluation row against a class after a step."""
    p, W, own = c.data.p, weights_at(c, one), c.data.today[j]
    row = map(Fraction, c.data.points.rows[j])
    return sum((x * (W[own * p + i] - W[a * p + i]) for i, x in enumerate(row)), Fraction(0))


@pytest.mark.parametrize("across", [False, True])
def test_margins_are_at_most_the_true_ones(across: bool) -> None:
    """Also where a step lies across a row, and its product with the row is far less than its length."""
    near = 0
    for seed in range(3):
        head, rng = head_of(seed), np.random.default_rng(seed)
        with ctx.workprec(64):
            c = centred(head)
            held = margins.Margins(c, LIVE)
            for j in LIVE:
                x = np.array(c.data.points.rows[j])
                delta = rng.standard_normal((head.k, head.m)) * (1e-3 if seed else 1e3)
                delta -= np.outer(delta @ x, x) / (x @ x) * across
                one = cut(delta.ravel().tolist())
                left = held.at(one)
                for a in range(head.k):
                    if a == c.data.today[j]:
                        assert left[a][j] == held.room[a][j] == inf
                        continue
                    nothing = cut([0.0] * delta.size)
                    assert Fraction(held.room[a][j]) < exact(c, j, a, nothing)
                    true = exact(c, j, a, one)
                    assert Fraction(left[a][j]) < true
                    near += left[a][j] > float(true) - 1e-9 * (np.abs(delta).max() + 1.0)
    assert near > 100


def test_lengths_and_shares_hold_the_true_ones() -> None:
    """Those of a matrix with drawn parts of the curvature, against its inverse in floats."""
    head = head_of(1)
    h, eye = np.random.default_rng(1).uniform(0.05, 1.0, head.n), np.eye(head.k)
    with ctx.workprec(64):
        c = centred(head)
        m = matrix.matrix(c, h.tolist(), LIVE)
    assert m is not None
    S = np.array(c.s).T
    curved = np.array([np.diag(s) - np.outer(s, s) for s in S])
    H = np.diag(np.tile(np.where(head.decayed, head.n * head.weight_decay, 0.0), head.k))
    H = H + sum(x * np.kron(A, np.outer(p, p)) for x, A, p in zip(h, curved, head.phi, strict=True))
    inverse = np.linalg.inv(H)

    def block(x: Array) -> Array:
        return np.asarray(np.kron(eye, x) @ inverse @ np.kron(eye, x).T)

    for x, A, part, lever, long in zip(head.phi, curved, h, m.lever, m.long, strict=True):
        K = block(x)
        true = part * np.linalg.eigvals(A @ K).real.max()
        assert true * (1.0 - 1e-9) <= lever <= true * 1.2
        true = max(np.sqrt((a - b) @ K @ (a - b)) for a in eye for b in eye)
        assert true * (1.0 - 1e-9) <= long <= true * (1.0 + 1e-6)
    for j in LIVE:
        own, K = c.data.today[j], block(np.array(c.data.points.rows[j]))
        for a in range(head.k):
            true = np.sqrt((eye[own] - eye[a]) @ K @ (eye[own] - eye[a]))
            assert true * (1.0 - 1e-9) <= m.seen[a][j] <= true * (1.0 + 1e-6)


def test_a_gradient_that_is_far_off_leaves_every_point_open() -> None:
    head = head_of(0)
    with ctx.workprec(64):
        c = centred(head)
        m = matrix.matrix(c, [0.5] * head.n, LIVE)
        some = known(c, head, np.zeros((1, head.k, head.m)))
        assert m is not None and len(m.open(some, [set(LIVE)])[0]) < len(LIVE)
        some.known[0] = replace(some.known[0], off=10.0)
        assert m.open(some, [set(LIVE)]) == [set(LIVE)]


def test_a_distance_is_within_what_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where less of the curvature is kept than for which it is, nothing is known of the refit."""
    head = head_of(0)
    monkeypatch.setattr(matrix, "TURNS", 1)
    with ctx.workprec(64):
        c = centred(head)
        m = matrix.matrix(c, [0.5] * head.n, LIVE)
        some = known(c, head, np.zeros((1, head.k, head.m))).known[0]
    assert m is not None
    for kept, found in ((0.9, True), (0.3, False)):
        monkeypatch.setattr(matrix.Matrix, "kept", lambda self, e, a, kept=kept: kept)
        assert (m.distance(some, 1e-3) < inf) == found


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_what_is_kept_is_the_best_of_all_levels(level: float) -> None:
    """Against shares by hand: `1 − t − Σ (y_j − t)₊ℓ_j`, for rows that lose all alike, and much or little."""
    head = head_of(0)
    with ctx.workprec(64):
        m = matrix.matrix(centred(head), [0.5] * head.n, LIVE)
    assert m is not None
    m.lever = [0.4 if level else 0.05] * head.n
    e = [0.5 * (1.0 - (0.9 if j < 3 else level)) for j in range(head.n)]  # y_j for a = 0
    y = [1.0 - x / 0.5 for x in e]
    best = min(t + sum(max(x - t, 0.0) * l for x, l in zip(y, m.lever, strict=True)) for t in [0.0, *y])
    found = m.kept(e, 2.0**-60)
    assert 1.0 - best - 1e-6 < found < 1.0 - best
    assert m.kept([*e[1:], nan], 2.0**-60) == 0.0


def candidate(head: Head, step: Array) -> list[Candidate]:
    with ctx.workprec(64):
        return known(centred(head), head, np.array([step])).known


def test_steps_that_are_too_long_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where outputs move by 100 and more; where the bits of rows tell too little of it; and what is no number."""
    head = head_of(0)
    head.phi[:, 0] = 0.0
    step = np.zeros((head.k, head.m))
    step[0, -1] = 99.0
    assert len(candidate(head, step)) == 1
    step[0, -1] = 101.0
    assert not candidate(head, step)
    step[0] = 0.0
    step[0, 0] = 1.0
    assert len(candidate(head, step)) == 1
    step[0, 0] = 2.0**45
    assert not candidate(head, step)
    monkeypatch.setattr(Gradients, "at", lambda self, steps, slopes, gone: [[inf] * head.V.size for _ in steps])
    assert not candidate(head, np.zeros_like(step))
