"""Rows far from the origin with a free intercept: columns as they come, in millimetres or dollars."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import ctx
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import certify
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows import enumeration as checker
from certify.check.theorems.head.rows.head import BITS
from certify.finders.head.refits import Refitter
from certify.format.methods import FIRST
from certify.systems.head.rows.centred import centred
from certify.systems.head.rows.change import choices_of
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.survey import survey
from tests.effort import some
from tests.families.heads import any_rows, ball_head, drawn_head
from tests.unit.systems.head.rows.test_refit import truth


def far_head(rng, loss, place=(1.5, 2.5)):
    """A head whose columns have units of their own, and a place far away."""
    head = drawn_head(rng, loss, n=9, N=8, free=True, apart=1.0, decay=float(10.0 ** rng.uniform(-3, 0)))
    units = np.append(10.0 ** rng.uniform(-1, 1.5, head.m - 1), 1.0)
    place = np.append(rng.choice([-1.0, 1.0], head.m - 1) * 10.0 ** rng.uniform(*place), 0.0)
    phi, points = head.phi * units + place, head.points * units + place
    far = replace(head, phi=phi, points=points, V=np.zeros_like(head.V))
    seen = centred(far)  # from the middle of the rows Newton's method finds its way
    return replace(far, V=Refitter(far).V0 if seen is None else seen.back(Refitter(seen.head).V0))


def exact_labels(head, choices):
    W = np.array([[float(x) for x in row] for row in truth(head, choices)])
    F = head.points @ W.T
    return (F[:, 0] > 0).astype(int) if head.k == 1 else F.argmax(axis=1), F


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
@pytest.mark.parametrize("relabels", [False, True])
@pytest.mark.parametrize("seed", some(range(4), 2))
def test_what_is_proved_is_true_and_checked(loss, relabels, seed):
    head = far_head(np.random.default_rng([seed, relabels, len(loss)]), loss)
    change = any_rows(head, 1, relabels)
    found = survey(head, change, methods=("enumeration",))
    assert centred(head) is not None
    if not found.parts and not found.attacked.any():  # a class may lose all its rows
        assert found.reasons
        return
    stays = np.ones(len(head.points), dtype=bool)
    for size in (0, 1):
        for choices in choices_of(head, change, size, at_once=1):
            stays &= exact_labels(head, choices)[0] == head.today
    assert not (found.proved & ~stays).any() and not (found.attacked & stays).any()
    assert found.undecided.sum() <= 1
    if "enumeration" not in found.parts:
        return
    ball = ball_head(head, change)
    with ctx.workprec(BITS):
        arrays = {name: Array(one.shape, tuple(one.ravel().tolist()), one.dtype.kind)
                  for name, one in found.parts["enumeration"].arrays.items()}
        asked = [bool(s >= FIRST) for s in found.status]
        assert ball.far and checker.proved(ball, arrays, "here", asked) == asked
        worse = {name: Array(one.shape, tuple(x * 1.5 for x in one.values), one.kind) if one.kind == "f" else one
                 for name, one in arrays.items()}
        assert not all(checker.proved(ball, worse, "here", [True] * len(asked)))


def test_the_first_thing_that_a_user_tries():
    """scikit-learn's defaults on columns as they come: any one row deleted decides every prediction."""
    X, y = load_breast_cancer(return_X_y=True)
    X, points, y, _ = train_test_split(X, y, test_size=0.25, random_state=0)
    model = LogisticRegression(max_iter=100000, tol=1e-8).fit(X, y)
    found = certify.stable_predictions(certify.from_sklearn(model, X, y), points, delete=1)
    assert "138 of 143 predictions proved to stay, 5 flipped, 0 undecided" in repr(found)


def test_a_middle_is_taken_of_far_rows_alone():
    rng = np.random.default_rng(0)
    head = drawn_head(rng, "logistic", free=True)
    assert centred(head) is None and centred(replace(far_head(rng, "logistic"), decayed=np.ones(3, bool))) is None
    seen = centred(far_head(rng, "logistic"))
    assert seen is not None
    V = rng.standard_normal((2, 1, 3))
    assert np.allclose(seen.back(seen.forth(V)), V, rtol=0, atol=1e-9)


def test_rounding_of_the_rows_is_counted():
    """`x − c` lies within the stated radius of the float that stands for it."""
    head = far_head(np.random.default_rng(5), "logistic")
    seen = centred(head)
    for row, moved, rad in zip(head.phi.tolist(), seen.head.phi.tolist(), seen.head.phi_rad.tolist(), strict=True):
        off = sum((Fraction(x) - Fraction(c) - Fraction(z)) ** 2
                  for x, c, z in zip(row, seen.c.tolist(), moved, strict=False))
        assert off <= Fraction(rad) ** 2


def test_rows_that_carry_weights_keep_their_place():
    """What is enclosed from the middle is the sum of rows that count alike: another one would be spoken of."""
    head = far_head(np.random.default_rng(3), "logistic")
    assert centred(head) is not None
    assert centred(replace(head, weights=RowWeights(np.linspace(1, 5, head.n), None, False))) is None


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
@pytest.mark.parametrize("seed", range(6))
def test_points_near_a_tie_are_proved_by_the_weights_that_are_stored(loss: str, seed: int) -> None:
    """Weights are rounded on the way back from the middle: what is proved of thin margins is to hold after it, too."""
    rng = np.random.default_rng([seed, 9, len(loss)])
    head = drawn_head(rng, loss, n=9, d=1, free=True, decay=float(10.0 ** rng.uniform(-5, -3)))
    unit, place = float(10.0 ** rng.uniform(-1, 0)), float(10.0 ** rng.uniform(4.3, 5.0))
    head = replace(head, phi=head.phi * [unit, 1.0] + [place, 0.0], V=np.zeros_like(head.V))
    seen, change = centred(head), any_rows(head, 1, False)
    refitter = Refitter(seen.head)
    W = np.concatenate([refitter.solve(choices) for choices in change.every(head)])
    gap = W[:, 0] - (W[:, 1] if head.k > 1 else 0.0)
    with np.errstate(all="ignore"):
        ties, steep = -gap[:, 1] / gap[:, 0], abs(float(gap[0, 0]))
    if not np.isfinite(ties).all():  # a class that is left without a row, or a column of ones
        return
    x = [end + sign * e / steep + seen.c[0] for end, sign in ((ties.max(), 1), (ties.min(), -1))
         for e in 10.0 ** np.arange(-9.0, -2.0)]
    points = np.stack([x, np.ones(len(x))], axis=1)
    head = replace(head, points=points, points_rad=np.zeros(len(x)), V=seen.back(refitter.V0))
    found = survey(head, change, methods=("enumeration",))
    if "enumeration" not in found.parts:
        return
    with ctx.workprec(BITS):
        arrays = {name: Array(one.shape, tuple(one.ravel().tolist()), one.dtype.kind)
                  for name, one in found.parts["enumeration"].arrays.items()}
        asked = [bool(s >= FIRST) for s in found.status]
        assert checker.proved(ball_head(head, change), arrays, "here", asked) == asked
