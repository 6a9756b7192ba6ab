"""Losses that only heads know: slopes, their motion and floors of the curvature, prover's and checker's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.losses.base import row_loss
from certify.finders.head.plain import PlainRefits
from certify.finders.head.refits import Refitter
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.of_problem import given_base
from certify.systems.head.rows.refit import enclose_refits
from certify.systems.head.rows.weights import RowWeights
from tests.families.other_heads import LABELLED, NUMBERS, other_head
from tests.oracles.head_refit import _curvature, _slope
from tests.unit.systems.head.rows.test_refit import away, drawn_choice, truth

LOSSES = (*LABELLED, *NUMBERS)
WEIGHTS = ("", "rows", "labels", "both", "balanced")


def drawn(loss: str, seed: int, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of every size, some next to kinks, and targets."""
    rng = np.random.default_rng([seed, LOSSES.index(loss)])
    Z = rng.normal(size=(200, k)) * 10.0 ** rng.uniform(-6, 1.5, size=(200, 1))
    if loss in LABELLED:
        Y = rng.choice([-1.0, 1.0], size=(200, k))
        Z[:40] = Y[:40] * (1 + rng.integers(-3, 4, size=(40, k)) * 2.0**-52)
    else:
        Y = rng.integers(0, 9, size=(200, k)) + rng.normal(size=(200, 1)) * (loss == "huber")
        if loss == "gamma":
            Y = (Y + 0.1) * 10.0 ** rng.uniform(-3, 3, size=(200, 1))
        near = np.log(Y[:40]) if loss == "gamma" else Y[:40] + 1.0
        Z[:40] = near + rng.integers(-3, 4, size=(40, k)) * 2.0**-51
    return Z, Y


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(4))
def test_slopes_and_their_motion(loss: str, seed: int) -> None:
    """The slope is within the error, and moves by `moved` at most; the checker has the same one."""
    Z, Y = drawn(loss, seed)
    head, checked = HEAD_LOSSES[loss], row_loss(loss)
    rng = np.random.default_rng(seed)
    off = 10.0 ** rng.uniform(-12, 0.5, size=len(Z))
    with ctx.workprec(300):
        for i in range(len(Z)):
            g, error = head.slopes(Z[i : i + 1], Y[i : i + 1])
            exact = _slope(loss, [arb(v) for v in Z[i].tolist()], Y[i].tolist())
            for a in range(Z.shape[1]):
                assert abs(arb(float(g[0, a])) - exact[a]) <= error
            own = checked.slope([arb(v) for v in Z[i].tolist()], Y[i].tolist())
            assert all(abs(x - y) < arb(2) ** -100 for x, y in zip(own, exact, strict=True))
            step = rng.normal(size=Z.shape[1])
            step *= off[i] / np.linalg.norm(step) * rng.choice([1.0, 0.3])
            near = [arb(float(z)) + arb(float(s)) for z, s in zip(Z[i], step, strict=True)]
            moved = sum(((x - y) ** 2 for x, y in zip(_slope(loss, near, Y[i].tolist()), exact, strict=True)), arb(0))
            assert moved.sqrt() <= float(head.moved(Z[i : i + 1], off[i : i + 1], g)[0]) * (1 + 1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(4))
def test_floors_lie_below_the_curvature_in_the_ball(loss: str, seed: int) -> None:
    Z, Y = drawn(loss, seed)
    rng = np.random.default_rng([9, seed])
    radius = 10.0 ** rng.uniform(-16, 0.5, size=len(Z))
    g, _ = HEAD_LOSSES[loss].slopes(Z, Y)
    together, each = HEAD_LOSSES[loss].floor(Z, radius, g), HEAD_LOSSES[loss].floors(Z, radius, g)
    assert np.allclose(np.min(each, axis=0), together, rtol=1e-12)
    met = 0
    with ctx.workprec(300):
        for i in range(len(Z)):
            z, y = [arb(v) for v in Z[i].tolist()], Y[i].tolist()
            balls = row_loss(loss).floors(row_loss(loss).slope(z, y), y, arb(radius[i]))
            for a in range(Z.shape[1]):
                for way in (-1.0, 0.0, 1.0, float(rng.uniform(-1, 1))):
                    there = list(z)
                    there[a] = there[a] + arb(way) * arb(float(radius[i])) * (1 - arb(2) ** -60)
                    curve = _curvature(loss, there, y)[a][a]
                    assert float(each[a][i]) <= curve and balls[a].lower() <= curve
                met += each[a][i] > 0
                # the checker is no weaker, but for what rounding leaves of it next to a kink
                assert balls[a].upper() >= float(each[a][i]) * (1 - 1e-12)
    assert met > 20


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(5))
def test_the_refit_lies_within_the_distance(loss: str, seed: int) -> None:
    rng = np.random.default_rng([seed, LOSSES.index(loss)])
    relabels = loss in LABELLED and seed % 2 == 1
    weights = WEIGHTS[seed] if loss in LABELLED else WEIGHTS[seed % 2]
    head = other_head(rng, loss, n=9, k=1 + (seed % 3) if loss != "one_vs_rest" else 3, weights=weights,
                      scale=float(10.0 ** rng.integers(-1, 2)), remaining=seed % 2 == 0)
    choices = drawn_choice(rng, head, relabels)
    try:
        exact = truth(head, choices)
    except (AssertionError, ZeroDivisionError):  # there is no refit: nothing may be proved of it
        assert np.isinf(enclose_refits(head, choices, Refitter(head).solve(choices))).all()
        return
    near = np.array([[float(x) for x in row] for row in exact])
    for off in (0.0, 1e-12, 1e-6, 1e-2, 1.0):
        V = near + off * rng.normal(size=near.shape)
        assert away(head, V, exact) <= enclose_refits(head, choices, V[None])[0]
    found = Refitter(head).solve(choices)
    assert enclose_refits(head, choices, found)[0] < 1e-6 * (1 + np.abs(found).max())


def test_a_kink_holds_no_intercept() -> None:
    """With every margin beyond 1 no row holds a free intercept: the minimum is not one point, and none is proved."""
    head = other_head(np.random.default_rng(0), "squared_hinge", free=True)
    V = np.array([[[0.0, 0.0, 50.0]]])
    assert np.isinf(enclose_refits(head, Choices(np.array([[0]]), np.array([[DELETED]])), V)).all()


def test_a_label_without_rows_has_no_balanced_weight() -> None:
    head = other_head(np.random.default_rng(0), "squared_hinge", n=4, free=False, weights="balanced")
    gone = np.flatnonzero(head.label == 0)
    choices = Choices(gone[None], np.full((1, len(gone)), DELETED))
    assert len(gone) == 2 and np.isinf(enclose_refits(head, choices, head.V[None]))[0]
    one = Choices(gone[None, :1], np.full((1, 1), DELETED))
    assert np.isfinite(enclose_refits(head, one, PlainRefits(head).newton(one, head.V[None])))[0]


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_overflow_of_the_exponential_proves_nothing(loss: str) -> None:
    head = other_head(np.random.default_rng(0), loss, free=False)
    choices = Choices(np.array([[0]]), np.array([[DELETED]]))
    for far in (800.0, 1e200, -1e200):
        found = enclose_refits(head, choices, np.array([[[0.0, 0.0, far]]]))[0]
        assert found > 100 * abs(far) / 800 or np.isinf(found)


WRONG = {
    "squared_hinge": lambda self, Z, radius, slopes: np.where(np.abs(slopes).min(axis=-1) > 0, 1.0, 0.0),
    "huber": lambda self, Z, radius, slopes: np.where(np.abs(slopes).max(axis=-1) < 1, 1.0, 0.0),
    "poisson": lambda self, Z, radius, slopes: np.exp(Z.min(axis=-1)),
    "gamma": lambda self, Z, radius, slopes: (1.0 - slopes).min(axis=-1),
    "one_vs_rest": lambda self, Z, radius, slopes: 0.25 * np.exp(-radius),
}
"""Floors at the middle of the ball, or everywhere."""


@pytest.mark.parametrize("loss", LOSSES)
def test_a_wrong_floor_is_caught(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(HEAD_LOSSES[loss]), "floor", WRONG[loss])
    with pytest.raises(AssertionError):
        for seed in range(4):
            test_floors_lie_below_the_curvature_in_the_ball(loss, seed)


@pytest.mark.parametrize("loss", LOSSES)
def test_slopes_that_move_too_little_are_caught(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"poisson": lambda self, Z, off, g: np.exp(Z.max(axis=-1)) * off,  # the curvature at the middle
             "gamma": lambda self, Z, off, g: (1.0 - g).max(axis=-1) * off}
    monkeypatch.setattr(type(HEAD_LOSSES[loss]), "moved", wrong.get(
        loss, lambda self, Z, off, g: 0.9 * type(self).lipschitz * off))
    with pytest.raises(AssertionError):
        for seed in range(4):
            test_slopes_and_their_motion(loss, seed)


def test_weights_that_are_left_out_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slopes with the weights of the rows as they were, and not as they are after the change."""
    whole = RowWeights.of

    def before(self: RowWeights, head: Head, choices: Choices) -> np.ndarray:
        return np.repeat(whole(self, head, Choices(choices.rows[:1, :0], choices.codes[:1, :0])), len(choices), axis=1)

    monkeypatch.setattr(RowWeights, "of", before)
    for weights in ("labels", "balanced"):
        head = other_head(np.random.default_rng(1), "squared_hinge", n=9, free=False, weights=weights)
        choices = drawn_choice(np.random.default_rng(2), head, True)
        exact = truth(head, choices)
        V = np.array([[[float(x) for x in row] for row in exact]])
        found = PlainRefits(head).newton(choices, V)
        assert not away(head, found[0], exact) <= enclose_refits(head, choices, found)[0]


def test_of_weights_whose_squares_overflow_nothing_is_said() -> None:
    """No NaN, which a message would print as how near the refit is."""
    head = other_head(np.random.default_rng(0), "gamma", free=False)
    for size in (1e200, 1e308):
        far = replace(head, V=np.full_like(head.V, size))
        with np.errstate(all="ignore"):
            assert given_base(far, far.V) == (np.inf, np.inf)


def test_gamma_says_nothing_where_the_error_of_the_exponential_is_not_relative() -> None:
    loss, one = HEAD_LOSSES["gamma"], np.ones((1, 1))
    with np.errstate(all="ignore"):
        for reach, there in ((499.0, True), (500.0, False), (699.0, False), (np.nan, False)):
            assert (loss.floor(one, np.array([reach]), -1e300 * one)[0] > 0) == there
