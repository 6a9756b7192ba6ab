"""D22: how far predictions move when every target is off: exact refits of every corner, and what it must refuse."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import certify
from certify.format.errors import EnclosureError, InputError
from certify.problem.problem import Problem
from certify.prove.changed.amounts import Off, off_of
from certify.prove.prover import bound
from certify.systems.head.rows.of_problem import head_of
from certify.theorems.head.targets import ends_of, radii_of
from tests.families.squared_heads import as_head, small_head
from tests.oracles.squared_head import worst_targets


def ridge(seed: int = 3, n: int = 12, bias_decay: bool = False, **more: object) -> Problem:
    """A head of two features and an intercept, targets far from 0."""
    rng = np.random.default_rng(seed)
    X, points = rng.normal(size=(n, 2)), rng.normal(size=(4, 2))
    y = X @ [2.0, -1.0] + 10.0 + rng.normal(size=n)
    found = certify.from_arrays([np.array([[2.0, -1.0]])], [np.array([10.0])], X, y, loss="squared", weight_decay=0.25,
                                bias_decay=bias_decay, activation="identity")
    asked = {"parameter": "targets", "set": "per_sample", "radius": 0.5, "evaluation": points, "map": "critical",
             "base": "nearby", "count": None}
    return replace(found, **{**asked, **more})


def exact(problem: Problem, amounts: list[Fraction]) -> list[Fraction]:
    """The largest change of every prediction by refits."""
    head = head_of(problem)
    return [worst_targets(head.phi.tolist(), head.Y.tolist(), Fraction(problem.weight_decay) * problem.n,
                          head.decayed.tolist(), point, amounts) for point in head.points.tolist()]


@pytest.mark.parametrize("seed", range(6))
def test_both_ends_hold_every_corner(seed: int) -> None:
    rng = np.random.default_rng(seed)
    small = small_head(rng, 5, 1, 2)
    head, radii = as_head(small), np.abs(rng.standard_normal(5)) * (rng.random(5) < 0.7)
    found = ends_of(head, radii)
    assert not isinstance(found, str)
    for j, point in enumerate(small.points.tolist()):
        most = worst_targets(small.phi.tolist(), small.Y.tolist(), Fraction(head.weight_decay) * 5,
                             small.decayed.tolist(), point, [Fraction(r) for r in radii.tolist()])
        assert Fraction(float(found.lower[j])) <= most <= Fraction(float(found.upper[j]))
        assert float(found.upper[j]) <= float(most) * (1 + 1e-6) + 1e-300


@pytest.mark.parametrize("bias_decay", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_a_claim_holds_the_exact_number(bias_decay: bool, relative: bool) -> None:
    problem = ridge(n=7, bias_decay=bias_decay, relative=relative, rows=(0, 1, 3, 4, 6))
    assert problem.y is not None
    amounts = [Fraction(0)] * problem.n
    for i in problem.rows:
        amounts[i] = Fraction(0.5) * (abs(Fraction(float(problem.y[i, 0]))) if relative else 1)
    found, most = bound(problem, "prediction_change"), max(exact(problem, amounts))
    assert found.theorem == "D22" and found.lower is not None and found.upper is not None
    assert Fraction(found.lower) <= most <= Fraction(found.upper) and found.upper - found.lower < 1e-7 * float(most)
    other = ridge(n=7, bias_decay=not bias_decay, relative=relative, rows=(0, 1, 3, 4, 6))
    assert not Fraction(found.lower) <= max(exact(other, amounts)) <= Fraction(found.upper)  # another model


def test_several_outputs_are_taken_together() -> None:
    one = ridge()
    assert one.y is not None
    net = certify.from_arrays([np.array([[2.0, -1.0], [0.5, 1.0]])], [np.array([10.0, 0.0])], one.X,
                              np.hstack([one.y, one.X[:, :1]]), loss="squared", weight_decay=0.25, bias_decay=False,
                              activation="identity")
    both = replace(net, parameter="targets", set="per_sample", radius=0.5, evaluation=one.evaluation, map="critical",
                   base="nearby", count=None)
    ours, theirs = bound(both, "prediction_change"), bound(one, "prediction_change")
    assert (ours.lower, ours.upper) == (theirs.lower, theirs.upper)
    with pytest.raises(InputError, match="relative: true with 2 outputs"):
        bound(replace(both, relative=True), "prediction_change")


def test_what_is_no_amount_is_refused() -> None:
    head = head_of(ridge())
    for wrong in (np.nan, np.inf, -0.5):
        with pytest.raises(EnclosureError):
            ends_of(head, np.array([wrong, *[0.5] * 11]))
    with pytest.raises(EnclosureError):
        ends_of(head, np.full(12, 1e308))
    nothing = ends_of(head, np.zeros(12))
    assert not isinstance(nothing, str) and not nothing.lower.any() and (nothing.upper < 1e-100).all()
    flat = replace(head, phi=np.zeros_like(head.phi), weight_decay=0.0)
    assert isinstance(ends_of(flat, np.ones(12)), str)  # no minimum is one point


def test_python_says_it_of_every_prediction() -> None:
    problem = ridge(n=6)
    assert problem.evaluation is not None and problem.y is not None
    found = certify.targets_off(problem, problem.evaluation, "2%")
    share = [Fraction(2, 100) * abs(Fraction(float(y))) for y in problem.y[:, 0]]
    for low, most, high in zip(found.lower, exact(problem, share), found.upper, strict=True):
        assert Fraction(float(low)) <= most * (1 + Fraction(1, 2**50)) and most <= Fraction(float(high))
    assert "2 % of itself" in repr(found)
    amount = certify.targets_off(problem, problem.evaluation, 0.5)
    held = ends_of(head_of(problem), radii_of(problem))
    assert not isinstance(held, str) and (amount.upper == held.upper).all()
    with pytest.raises(InputError, match="no amount above 0"):
        certify.targets_off(problem, problem.evaluation, 0.0)
    with pytest.raises(InputError, match="no amount above 0"):
        certify.targets_off(problem, problem.evaluation, "much")
    with pytest.raises(InputError, match="without weight decay"):
        certify.targets_off(replace(problem, weight_decay=0.0, parameter="features", set="total", bias_decay=True,
                                    map="interpolation", evaluation=None), problem.evaluation, 0.5)
    labels = certify.from_arrays([np.array([[2.0, -1.0]])], [np.array([0.0])], problem.X, np.arange(6) % 2,
                                 loss="logistic", weight_decay=0.25, bias_decay=False, activation="identity")
    with pytest.raises(InputError, match="class labels|linear"):
        certify.targets_off(labels, problem.evaluation, 0.5)


def test_an_amount_is_no_less_than_what_was_said() -> None:
    for text in ("3%", "0.1%", "7 percent", "1e-3%"):
        off = off_of(text, "by")
        assert off is not None and off.share and Fraction(off.radius) >= off.number / 100
    assert off_of("1500", "by") == Off(Fraction(1500), False) and off_of(None, "by") is None
