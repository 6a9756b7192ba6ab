"""The distance of critical points after one given change: attacks, exact cases, and what has to be refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.format.errors import InputError, SpecError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer, bound
from certify.systems.critical.point import CriticalPoint
from tests.containment.attack import attack
from tests.effort import FULL

X = np.array([[1.0], [2.0], [-1.0]])
Y = np.array([[1.0], [1.0], [0.0]])


def ridge(parameter: str, change: np.ndarray, decay: float = 0.5, w: float = 1 / 2.5) -> Problem:
    """`f = wx`: `w* = Σ s_ix_iy_i/(Σ s_ix_i² + nλ)`, with the data above 3/7.5."""
    network = Network((np.array([[w]]),), (None,), "identity")
    return Problem(network, X, Y, parameter, (0, 1, 2), map="critical", base="nearby", weight_decay=decay,
                   set="given", change=change)


def test_random_attacks():
    _, tally, messages, _ = attack("critical_distance", 4, range(12 if FULL else 7))
    assert messages == [] and tally["decided"] > 3


@pytest.mark.parametrize("parameter, change, exact", [
    ("sample_weights", [[-1.0], [0.0], [0.0]], 3 / 7.5 - 2 / 6.5),
    ("sample_weights", [[0.0], [0.5], [1.0]], 4 / 10.5 - 3 / 7.5),
    ("features", [[1.0], [0.0], [0.0]], 4 / 10.5 - 3 / 7.5),
    ("targets", [[0.0], [-3.0], [1.0]], (1 - 4 - 1) / 7.5 - 3 / 7.5),
])
def test_a_ridge_regression_moves_by_its_formula(parameter, change, exact):
    """The Hessian does not depend on w, so both ends meet the formula."""
    found = bound(ridge(parameter, np.array(change)), "distance")
    assert found.theorem == "Q7" and found.lower is not None and found.upper is not None
    assert found.lower <= abs(exact) * (1 + 1e-12) and abs(exact) * (1 - 1e-12) <= found.upper
    assert found.upper <= found.lower * (1 + 1e-6)


def test_nothing_moves_without_a_change():
    found = bound(ridge("sample_weights", np.zeros((3, 1))), "distance")
    assert found.lower == 0.0 and found.upper is not None and found.upper < 1e-12


def test_weights_beside_a_critical_point_measure_from_the_point():
    """The distance counts from the exact critical point, wherever the weights in the file are."""
    change = np.array([[-1.0], [0.0], [0.0]])
    found = bound(ridge("sample_weights", change, w=0.1), "distance")
    assert found.lower is not None and found.upper is not None
    assert found.lower <= 3 / 7.5 - 2 / 6.5 <= found.upper and found.upper - found.lower < 1e-4


@pytest.mark.parametrize("loss, flip", [("logistic", [[1.0], [0.0], [0.0]]),
                                        ("cross_entropy", [[-1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])])
def test_labels_flip(loss, flip):
    """A flip moves the point; of an equal problem with that label the point is within the upper end."""
    k = len(flip[0])
    labels = np.array([0, 1, 1])
    network = Network((np.zeros((k, 1)),), (np.zeros(k),), "identity")
    common = {"map": "critical", "base": "nearby", "loss": loss, "weight_decay": 0.3, "labels": labels}
    problem = Problem(network, X, None, "targets", (0,), set="given", change=np.array(flip), **common)
    found = bound(problem, "distance")
    other = replace(problem, labels=np.array([1, 1, 1]), set="total", change=None, parameter="features")
    flipped = CriticalPoint(other, answer).solution
    today = CriticalPoint(replace(problem, set="total", change=None, parameter="features"), answer, silent).solution
    assert found.lower and found.upper and flipped and today
    pairs = zip((*flipped.parameters.weights, *flipped.parameters.biases),
                (*today.parameters.weights, *today.parameters.biases), strict=True)
    far = np.sqrt(sum(float(np.sum((a[0] - b[0]) ** 2)) for a, b in pairs))
    assert found.lower <= far * (1 + 1e-12) <= found.upper * (1 + 1e-9)


@pytest.mark.parametrize("change, words", [
    ({"loss": "logistic", "labels": np.array([0, 1, 1]), "parameter": "targets",
                                   "change": np.array([[0.5], [0.0], [0.0]])}, "labels"),
    ({"loss": "logistic", "labels": np.array([0, 1, 1]), "parameter": "targets",
      "change": np.array([[0.0], [1.0], [0.0]])}, "labels"),
    ({"loss": "cross_entropy", "y": np.array([[0.5], [1.0], [1.0]]), "parameter": "targets"}, "probabilities"),
    ({"change": np.zeros((3, 2))}, "change"),
])
def test_changes_without_a_meaning_are_refused(change, words):
    problem = ridge("sample_weights", np.array([[-1.0], [0.0], [0.0]]))
    with pytest.raises(InputError, match=words):
        replace(problem, **change)


def test_what_has_no_meaning_is_refused():
    problem = ridge("sample_weights", np.zeros((3, 1)))
    flip = replace(problem, loss="logistic", labels=np.array([0, 1, 1]), parameter="targets")
    given = replace(problem, base="given")
    for wrong, quantity, words in (
            (problem, "modulus", "modulus"), (given, "distance", "base"), (flip, "first_order_distance", "labels"),
            (problem, "prediction_change", "no theorem here bounds prediction_change")):
        with pytest.raises(SpecError, match=words):
            bound(wrong, quantity)


def test_a_kink_within_reach_proves_nothing_below():
    """A unit that is dead but for the reach of the ball: no lower end beyond it, and a critical point above."""
    network = Network((np.array([[1.0], [1.0]]), np.array([[0.3, 0.3]])), (np.array([2.0, -2.001]), None), "relu")
    problem = Problem(network, X, Y, "sample_weights", (0,), map="critical", base="nearby", weight_decay=0.5,
                      set="given", change=np.array([[-1.0], [0.0], [0.0]]))
    found = bound(problem, "distance")
    assert found.upper is None or found.lower is None or found.lower <= found.upper


def test_a_changed_loss_without_a_critical_point_proved():
    """Without the rows that hold them the weights run away: no upper end, in words."""
    network = Network((np.array([[0.5]]),), (None,), "identity")
    problem = Problem(network, np.array([[1.0], [1.0]]), None, "sample_weights", (1,), map="critical", base="nearby",
                      loss="logistic", labels=np.array([1, 0]), set="given", change=np.array([[0.0], [-1.0]]))
    found = bound(replace(problem, network=Network((np.array([[0.0]]),), (None,), "identity")), "distance")
    assert found.upper is None and "changed loss" in found.reason


def test_a_scale_is_refused_with_one_given_change():
    """The change is taken in the data's own units; with a scale the two would be another change."""
    with pytest.raises(SpecError, match="scale"):
        bound(replace(ridge("features", np.array([[0.01], [0.0], [0.0]])), scale=np.array([10.0])), "distance")
