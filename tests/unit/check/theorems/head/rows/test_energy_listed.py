"""D7 in the checker: refits of many listed sets by gradients in whole numbers, against balls of many more bits."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import norm
from certify.check.theorems.head.rows.energy import listed
from certify.check.theorems.head.rows.energy.lines import Lines, lines_of
from certify.check.theorems.head.rows.energy.listed import Narrow, gradients, outputs, settled
from certify.check.theorems.head.rows.energy.sigmoids import (
    BITS,
    CELLS,
    LARGEST,
    PLACES,
    ROUNDED,
    STEEP,
    WIDE,
    ZERO,
    chords,
    curvature,
    steepness,
    values,
)
from certify.systems.head.rows.head import Head
from tests.effort import examples
from tests.families.class_heads import as_checked, class_head, refits

PRECISION = 64


def sigma(z: arb) -> arb:
    return 1 / (1 + (-z).exp())


def test_slopes_are_off_by_no_more_than_is_said() -> None:
    """At random places, at ends of cells, and at both ends of all."""
    rng = np.random.default_rng(0)
    places = [int(x * 2**PLACES) for x in (*rng.uniform(-LARGEST, LARGEST, 3000), *rng.standard_normal(3000))]
    places += [k << PLACES - CELLS for k in range(-40, 40)] + [-LARGEST << PLACES, LARGEST << PLACES]
    found, worst = values(places, ZERO, 0), 0.0
    with ctx.workprec(128):
        for x, value in zip(places, found, strict=True):
            z = arb(x) * arb(2) ** -PLACES
            s = sigma(z)
            bend = float(s * (1 - s)) * 1.001  # over a cell
            off = float(abs(arb(value) * arb(2) ** -BITS - s).upper())
            assert off <= min(bend, STEEP) * WIDE + ROUNDED
            worst = max(worst, off / (min(bend, STEEP) * WIDE + ROUNDED))
            at = abs(float(z))
            assert bend / 1.001 <= steepness(at * (1 - 1e-12)) * (1 + 1e-9)
            assert bool(curvature(arb(at) + 1e-9) <= s * (1 - s))
            assert bool(curvature(arb(at)) * 1.001 >= s * (1 - s))
    assert 0.5 < worst
    assert len(chords()) == 2 * (LARGEST << CELLS) + 1


def case(seed: int, free: bool, n: int = 14, spread: float = 0.0) -> tuple[Head, Lines, list[list[int]], np.ndarray]:
    """Every set of at most two wrong labels with weights near its refit, and an evaluation row."""
    rng = np.random.default_rng([seed, free])
    head = class_head(rng, n, 1, decay=0.05, free=free, apart=1.0)
    made = as_checked(head, tuple(range(head.n)), 2)
    with ctx.workprec(PRECISION):
        lines = lines_of(made)
    sets = [list(s) for size in range(3) for s in combinations(range(n), size)]
    Y = np.repeat(head.Y[None], len(sets), axis=0)
    for y, some in zip(Y, sets, strict=True):
        y[some] *= -1
    V = refits(head.phi, Y, np.ones((len(sets), head.n)), head.n * head.weight_decay, head.decayed)
    W = V.reshape(len(sets), -1).astype(np.float32).astype(float)
    return head, lines, sets, W + spread * rng.standard_normal(W.shape)


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("spread", [0.0, 1.0, 300.0])
def test_gradients_are_off_by_no_more_than_is_said(free: bool, spread: float) -> None:
    """Of weights near each other and of others far apart, also where outputs lie beyond all cells."""
    nearest = 0.0
    for seed in range(examples(4)):
        _, lines, sets, W = case(seed, free, 9, spread)
        columns = list(zip(*W.tolist(), strict=True))
        with ctx.workprec(PRECISION):
            at = outputs(Narrow(lines), columns)
            assert at is not None
            found, lost = gradients(Narrow(lines), at, sets, columns)
        with ctx.workprec(200):
            for some, w, g in zip(sets, W.tolist(), found, strict=True):
                z = (lines.A * arb_mat([[x] for x in w])).entries()
                off = [sigma(x) - t for x, t in zip(z, lines.targets(some), strict=True)]
                exact = (arb_mat([off]) * lines.A).entries()
                exact = [
                    x if j in lines.free else x + lines.mu * v for j, (x, v) in enumerate(zip(exact, w, strict=True))
                ]
                apart = norm([x - v for x, v in zip(exact, g, strict=True)])
                assert bool(apart <= lost)
                nearest = max(nearest, float(apart) / lost)
            for line, (values_, most, least, off_) in enumerate(zip(at.slopes, at.most, at.least, at.off, strict=True)):
                for w, value in zip(W.tolist(), values_, strict=True):
                    z = sum((a * v for a, v in zip(lines.A.tolist()[line], w, strict=True)), arb(0))
                    assert bool(abs(z) <= most)
                    assert bool(abs(z) >= least)
                    assert bool(abs(arb(value) * arb(2) ** -BITS - sigma(z)) <= off_)
    assert nearest > 1e-3  # what is said is no wild number


@pytest.mark.parametrize("free", [False, True])
def test_what_is_settled_keeps_its_label(free: bool) -> None:
    """Thresholds about the exact outputs: none on the wrong side is settled, and those a little off are."""
    for seed in range(examples(3)):
        head, lines, sets, W = case(seed, free)
        e = head.points[0].tolist()
        exact = W @ np.array(e)
        with ctx.workprec(PRECISION):
            balls = [arb(x) for x in e]
            for share in (0.1, 0.5, 0.9):
                c = float(np.quantile(exact, share))
                moved = Lines(lines.head, lines.A, lines.tau, lines.alternatives, lines.deltas, arb(c))
                done = np.array(settled(Narrow(moved), balls, sets, W.tolist()))
                assert not done[exact < c - 1e-5].any()
                assert done[exact > c + 1e-2].all()


def test_weights_that_are_no_refit_are_not_settled() -> None:
    """Those of other sets, whose gradient is long."""
    _, lines, sets, W = case(0, True)
    e = lines.A.tolist()[0]
    side = 1 if float(sum((a * b for a, b in zip(e, W[0].tolist(), strict=True)), arb(0))) > 0 else -1
    with ctx.workprec(PRECISION):
        e = [side * x for x in e]
        assert settled(Narrow(lines), e, sets, W.tolist())[0]
        assert not any(settled(Narrow(lines), e, [[0, 1]] * len(sets), [W[0].tolist()] * len(sets)))


@pytest.mark.parametrize("wild", [1e101, 1e308, float("inf"), float("nan")])
def test_wild_weights_settle_nothing_and_break_nothing(wild: float) -> None:
    _, lines, sets, W = case(0, False)
    with ctx.workprec(PRECISION):
        for at in (0, -1):
            V = W.copy()
            V[3, at] = wild
            assert not any(settled(Narrow(lines), lines.A.tolist()[0], sets, V.tolist()))


@pytest.mark.parametrize("power", [-1060, -950, 400, 1020])
def test_inputs_of_any_size_are_left_to_balls(power: int) -> None:
    _, lines, sets, W = case(0, False)
    with ctx.workprec(PRECISION):
        A = arb_mat([[x * arb(2) ** power for x in line] for line in lines.A.tolist()])
        e = lines.A.tolist()[0]
        far = Lines(lines.head, A, lines.tau, lines.alternatives, lines.deltas)
        assert not any(settled(Narrow(far), e, sets, W.tolist()))
        assert not any(settled(Narrow(lines), [x * arb(2) ** -1070 for x in e], sets, W.tolist()))


def test_the_ball_holds_every_refit() -> None:
    """`share` times the gradient is no less than the way to the exact refit, the intercept without decay."""
    head, lines, sets, W = case(1, True)
    rng = np.random.default_rng(0)
    far = W + 1e-3 * rng.standard_normal(W.shape)
    columns = list(zip(*far.tolist(), strict=True))
    with ctx.workprec(PRECISION):
        narrow = Narrow(lines)
        at = outputs(narrow, columns)
        assert at is not None
        found, lost = gradients(narrow, at, sets, columns)
        long = [float(np.linalg.norm(g)) + lost for g in found]
        share, ball = listed._share(narrow, at, max(long))
        assert share < float("inf")
    for x, w, v in zip(long, W, far, strict=True):
        assert x * share < ball
        assert np.linalg.norm(w - v) <= x * share + 1e-6
    assert Fraction(share) >= 1 / Fraction(float(lines.mu.upper())) - Fraction(1, 10**9)
