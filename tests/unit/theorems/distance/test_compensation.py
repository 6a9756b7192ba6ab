from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import bound
from certify.format.errors import SpecError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.theorems.distance.budget import inside
from certify.theorems.distance.compensation import compensate, total_budget
from tests.containment.compensation import compensation, random_budget
from tests.effort import examples


def problem(weights, X, set="total", radius=0.1, activation="identity", biases=None, **more) -> Problem:
    biases = biases or (None,) * len(weights)
    X = np.array(X, dtype=float)
    return Problem(Network(tuple(np.array(W, float) for W in weights), tuple(biases), activation), X, None, "features",
                   tuple(range(len(X))), set=set, radius=radius, **more)  # fmt: skip


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 2**32))
def test_exact_compensation_stays_within_the_ends(seed):
    rng = np.random.default_rng(seed)
    compensation(random_budget(rng), rng)


def test_one_row_in_closed_form():
    """`f = w·x`, n = 1: the worst change shortens x along w, and then `|Δw| = |w|r/(|x| − r)` exactly where w ∥ x."""
    found = bound(problem([[[3.0, 4.0]]], [[3.0, 4.0]], radius=1.0), "distance")
    exact = 5.0 * 1.0 / (5.0 - 1.0)
    assert found.theorem == "Q4" and found.witness["layer"] == 1
    assert exact <= found.upper <= exact * (1 + 1e-2)
    assert 0.5 * exact <= found.lower <= exact


def test_budgets_of_rows_and_their_norms():
    base = problem([[[1.0, 0.0]]], [[1.0, 2.0], [2.0, -1.0]])
    for kind, norm, count, squared in (("total", 2, None, 1), ("per_sample", 2, None, 2), ("per_sample", 1, None, 2),
                                       ("per_sample", "inf", None, 4), ("sparse", 2, 1, 1), ("sparse", "inf", 5, 4)):
        r = total_budget(replace(base, set=kind, norm=norm, count=count, radius=0.5))
        assert r**2 >= Fraction(1, 4) * squared and float(r) == pytest.approx(0.5 * squared**0.5, rel=1e-12)


def test_what_cannot_be_compensated_is_open_with_a_reason():
    wide = bound(problem([[[3.0, 4.0]]], [[3.0, 4.0]], radius=5.0), "distance")
    small = float(re.search(r"give a radius below (\S+)$", wide.reason)[1])
    assert wide.upper is None and 0 < small < 5.0
    assert bound(problem([[[3.0, 4.0]]], [[3.0, 4.0]], radius=0.99 * small), "distance").upper is not None
    few = bound(problem([[[1.0]]], [[1.0], [2.0]]), "distance")
    assert few.upper is None and "as many inputs" in few.reason
    equal = bound(problem([[[1.0, 2.0, 0.5]]], [[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]), "distance")
    assert equal.upper is None and not equal.refuted  # σ(A) = 0 proves nothing, and refutes nothing either
    assert "not proved linearly independent" in equal.reason and "radius" not in equal.reason


def test_kinks_are_allowed_and_frozen_layers_stay():
    rng = np.random.default_rng(0)
    W1, W2 = rng.standard_normal((30, 3)), rng.standard_normal((1, 30))
    X = rng.standard_normal((6, 3))
    W1[0] = 0.0  # a pre-activation that is 0 on every row
    both = compensate(problem([W1, W2], X, activation="relu", radius=1e-3))
    assert [c.layer for c in both] == [2] and both[0].upper < 1
    assert compensate(problem([W1, W2], X, activation="relu", radius=1e-3, layer=1)) == ()
    relative = compensate(problem([W1, W2], X, activation="relu", radius=1e-3, weight_norm="relative"))
    assert relative[0].upper == pytest.approx(both[0].upper / np.linalg.norm(W2), rel=1e-6)


def test_wrong_formulas_are_below_the_truth():
    """Without the loss of rank, `ω_zr/σ`, a change is missed: the exact compensation is farther."""
    one = problem([[[3.0, 4.0]]], [[3.0, 4.0]], radius=2.5)
    found = compensate(one)[0]
    assert 5.0 * 2.5 / found.sigma < 5.0 * 2.5 / (5.0 - 2.5) <= found.upper


@pytest.mark.parametrize("more", [
    {"parameter": "targets"}, {"radius": None}, {"base": "nearby", "y": np.zeros((1, 1))},
])
def test_questions_without_an_answer_are_refused(more):
    with pytest.raises(SpecError, match="distance"):
        bound(replace(problem([[[3.0, 4.0]]], [[3.0, 4.0]]), **more), "distance")


@pytest.mark.parametrize(("more", "change", "holds"), [
    ({}, [[0.06], [np.nextafter(0.08, 1)]], False), ({}, [[0.06], [0.0799]], True),
    ({"set": "per_sample"}, [[0.1], [-0.1]], True), ({"set": "per_sample"}, [[0.1], [np.nextafter(0.1, 1)]], False),
    ({"set": "sparse", "count": 1}, [[0.1], [0.0]], True), ({"set": "sparse", "count": 1}, [[0.1], [1e-300]], False),
])
def test_membership_in_a_budget_is_exact(more, change, holds):
    # the first is beyond 0.1 by less than rounding shows
    given = problem([[[1.0]]], [[1.0], [2.0]], **more)
    assert inside(given, np.array(change)) == holds
