"""Random attacks on congruences, moduli and whole problems, and what these must refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import arb

from certify.format.errors import CertifyError, InputError, SpecError
from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.network.network import Network
from certify.problem.perturbations.factor import BlockFactor
from certify.problem.problem import Problem
from certify.prove.prover import bound, prover
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from certify.systems.interpolation.congruence import Failure, jacobian_congruence
from certify.systems.interpolation.nearby import prove_nearby
from certify.theorems.modulus.direct import direct_modulus, verify_modulus_below
from tests.containment.attack import attack
from tests.effort import FULL
from tests.families.training import outputs
from tests.oracles import matrices as exact
from tests.oracles.sublevel import training_loss

NAMES = {
    "congruence": 40, "witness": 60, "moduli": 25, "jacobian_moduli": 30, "direct_modulus": 40, "modulus": 50,
    "sample_modulus": 50, "refuting_pair": 60, "base_point": 60, "congruence_tier": 50, "jacobian_tier": 50,
    "direct_tier": 60, "sublevel_modulus": 60, "sublevel_sample_modulus": 60, "nearby": 20, "rise": 15,
    "persistence_radius": 4, "weight_norms": 60, "sublevel_weight_norms": 60, "scaled_adjoints": 100,
    "reference_kernel": 60, "distance": 12,
}


@pytest.mark.parametrize("name", NAMES)
def test_random_attacks(name):
    cases = range(NAMES[name] if FULL else NAMES[name] // 2)
    _, tally, messages, _ = attack(name, 4, cases)
    assert messages == [] and tally["decided"] > len(cases) // 4


# single tiers


def test_jacobian_tier_refuses_dependent_rows_and_wide_radii():
    A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    sums = np.vstack([A, A.sum(axis=0)])
    for mid, rad in ((A[[0, 0]], 0.0), (A[[0, 1, 0]], 0.0), (sums, 0.0), (A, 1.0), (A.T, 0.0)):
        found = jacobian_congruence(Jacobian(Pair(mid, np.zeros_like(mid)), np.full(len(mid), rad)), DoubleDouble())
        assert isinstance(found, Failure) and found.reason


def test_direct_tier_refuses():
    Q = BlockFactor(np.ones((2, 1, 1)), np.zeros(2))
    tiny = np.full(2, 1e-300)
    good, singular = Kernel(Pair(np.eye(2)), tiny, np.ones(2)), Kernel(Pair(np.ones((2, 2))), tiny, np.ones(2))
    for kappa in (0.0, -1.0, np.nan, np.inf, 1e200, 1e-200):
        with pytest.raises(InputError):
            verify_modulus_below(good, Q, kappa)
    assert verify_modulus_below(good, Q, 1.001)
    assert not verify_modulus_below(good, Q, 1.0) and not verify_modulus_below(good, Q, 0.999)
    assert not verify_modulus_below(singular, Q, 1e6) and direct_modulus(singular, Q, Binary64()).upper is None
    with pytest.raises(InputError):
        verify_modulus_below(Kernel(Pair(np.eye(2), np.zeros((2, 2))), tiny, np.ones(2)), Q, 2.0)
    wide = Kernel(Pair(np.eye(2)), np.full(2, 0.6), np.ones(2))  # I ± 1.2 everywhere holds singular members
    assert not verify_modulus_below(wide, Q, 1e6)


# problems that must stay open or be refused

RNG = np.random.default_rng(0)
NET = Network((RNG.standard_normal((3, 2)), RNG.standard_normal((1, 3))), (RNG.standard_normal(3), None), "tanh")
TWO = Network((RNG.standard_normal((3, 2)), RNG.standard_normal((2, 3))), (RNG.standard_normal(3), None), "tanh")
X = RNG.standard_normal((3, 2))
Y = RNG.standard_normal((3, 1))


def sublevel(network: Network = NET, y: Any = Y, **members: Any) -> Problem:
    return Problem(network, y=y, **({"X": X, "parameter": "features", "rows": (0, 1, 2), "map": "sublevel"} | members))


def undecided(problem: Problem, quantity: str = "modulus") -> str:
    found = bound(problem, quantity)
    assert found.upper is None and not found.refuted
    return found.reason


def test_sublevel_stays_open_at_stationary_points_and_kinks():
    flat = replace(NET, weights=(NET.weights[0], np.zeros((1, 3))))
    assert "gradient" in undecided(sublevel(flat, layer=1))
    assert "gradient" in undecided(sublevel(flat, layer=1), "sample_modulus")
    exact_fit = Network((np.ones((1, 1)),), (None,), "tanh")
    data = np.array([[1.0], [2.0]])
    assert "gradient" in undecided(sublevel(exact_fit, data, X=data, rows=(0, 1)))
    for name in ("relu", "leaky_relu"):
        kink = Network((np.array([[1.0], [1.0]]), np.ones((1, 2))), (np.array([-1.0, 0.3]), None), name)
        assert "pre-activation" in undecided(sublevel(kink, X=np.array([[1.0], [2.0], [3.0]])))


def test_levels_that_are_no_level():
    loss = bound(sublevel(level=1e3), "modulus").hypotheses[0].value
    assert bound(sublevel(level=float(loss) * 1.1), "modulus").upper == 0.0
    with pytest.raises(SpecError, match="below the loss"):
        bound(sublevel(level=0.0), "modulus")
    with exact.precision(200):
        truth = float(arb(training_loss(sublevel())).mid())
    assert "rounding" in undecided(sublevel(level=truth))
    with pytest.raises(SpecError, match="a level above the loss"):
        bound(sublevel(), "persistence_radius")
    with pytest.raises(InputError, match="parameter 'targets'.*cannot move a little; use parameter = 'features'"):
        sublevel(y=None, labels=np.array([0, 1, 1]), loss="logistic", parameter="targets", level=9.0)


def test_persistence_does_not_reach_the_level():
    """A linear net in one feature: the radius is known, and the certified one stays below it."""
    net = Network((np.ones((1, 1)),), (None,), "tanh")
    problem = sublevel(net, np.array([[0.0]]), X=np.array([[1.0]]), rows=(0,), level=2.0)  # ½(1 + u)² = 2 at u = 1
    found = bound(problem, "persistence_radius")
    assert 0.9 < found.lower <= 1.0 <= found.upper < 1.1
    moved = bound(replace(problem, scale=np.array([2.0])), "persistence_radius")
    assert 0.45 < moved.lower <= 0.5 <= moved.upper < 0.55


def test_nearby_refuses_conflicts_and_far_targets():
    fitted = outputs(NET, X)
    good = Problem(NET, X, fitted + 1e-9, "features", (0, 1, 2), base="nearby")
    assert not isinstance(prove_nearby(good), str)
    doubled = np.vstack([X, X[:1]])
    for y in (np.vstack([fitted, fitted[:1]]), np.vstack([fitted, [[9.0]]])):
        assert isinstance(prove_nearby(Problem(NET, doubled, y, "features", (0, 1, 2, 3), base="nearby")), str)
    for gap in (100.0, np.array([[1e6], [-1e6], [0.0]])):
        far = replace(good, y=fitted + gap)
        assert isinstance(prove_nearby(far), str) and "no exact solution" in undecided(far)
    kink = Network((np.array([[1.0], [1.0]]), np.ones((1, 2))), (np.array([-1.0, 0.3]), None), "relu")
    at_kink = Problem(kink, np.ones((1, 1)), np.array([[1.3]]), "features", (0,), base="nearby")
    assert isinstance(prove_nearby(at_kink), str)


# what Problem lets through although no theorem covers it (reported): strict, so that mending it shows

DEFECTS: dict[str, Any] = {
    "layer 0 is no layer": lambda: sublevel(layer=0),
    "layer 7 of 2": lambda: sublevel(layer=7),
    "unknown loss": lambda: sublevel(TWO, RNG.standard_normal((3, 2)), loss="hinge"),
    "unknown set": lambda: sublevel(set="sparse"),
    "unknown parameter": lambda: sublevel(parameter="biases"),
    "unknown map": lambda: replace(sublevel(), map="fixed_points"),
    "interpolation moved by sample weights": lambda: Problem(NET, X, Y, "sample_weights", (0, 1, 2)),
    "negative probabilities": lambda: sublevel(TWO, -np.ones((3, 2)), loss="cross_entropy"),
    "class -1": lambda: sublevel(TWO, None, labels=np.array([0, -1, 1]), loss="cross_entropy"),
    "class 2 of 2": lambda: sublevel(TWO, None, labels=np.array([0, 2, 1]), loss="cross_entropy"),
    "logistic label 5": lambda: sublevel(y=None, labels=np.array([0, 5, 1]), loss="logistic"),
    "level NaN": lambda: sublevel(level=np.nan),
    "level infinite": lambda: sublevel(level=np.inf),
    "weight decay NaN": lambda: sublevel(weight_decay=np.nan),
    "negative scale": lambda: sublevel(scale=np.array([-1.0, 1.0])),
    "sublevel with merged rows": lambda: sublevel(X=X[[0, 1, 0]], rows=(0, 1), merge_duplicates=True),
    "nearby without targets": lambda: Problem(NET, X, None, "features", (0, 1, 2), base="nearby"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_problems_outside_the_theorems_are_refused(name):
    with pytest.raises(CertifyError):
        bound(DEFECTS[name](), "modulus")


def test_merging_rows_with_different_targets_is_refused_by_name():
    rows, y = X[[0, 1, 0, 2]], np.array([[1.0], [2.0], [1.0], [3.0]])
    Problem(NET, rows, y, "features", (0, 1, 3), base="nearby", merge_duplicates=True)
    y[2] = np.nextafter(1.0, 2.0)
    Problem(NET, rows, y, "features", (0, 1, 3), merge_duplicates=True)  # base given has targets of its own
    with pytest.raises(InputError, match="rows 0 and 2 have equal features and different targets"):
        Problem(NET, rows, y, "features", (0, 1, 3), base="nearby", merge_duplicates=True)


def test_labels_that_interpolation_does_not_use_are_no_obstacle():
    labels = np.array([0, 1, 1])
    assert bound(Problem(NET, X, None, "features", (0, 1, 2), labels=labels), "modulus").upper is not None
    Problem(NET, X, None, "features", (0, 1, 2), labels=labels, loss="logistic")
    for loss, words in (("cross_entropy", 'for one output give loss = "logistic"'), ("squared", "give real targets y")):
        with pytest.raises(InputError, match=words):
            Problem(NET, X, None, "features", (0, 1, 2), labels=labels, loss=loss, map="sublevel", level=9.0)
    with pytest.raises(InputError, match="one label a row"):
        Problem(NET, X, None, "features", (0, 1, 2), labels=labels[:2])


def test_a_problem_stays_what_it_was_when_the_caller_changes_the_arrays():
    """The rows once equal were still called equal after one of them had moved: a false refutation."""
    rows = X[[0, 0, 1]].copy()
    weights, biases = [W.copy() for W in NET.weights], [None if b is None else b.copy() for b in NET.biases]
    view = rows[:]
    view.flags.writeable = False
    problem = Problem(Network(tuple(weights), tuple(biases), "tanh"), view, Y.copy(), "features", (0, 1, 2))
    proving = prover(problem)
    for array in (rows, *weights, biases[0]):
        array += 1.0
        array[0] = np.nan
    assert proving.bound("modulus").refuted and bound(problem, "modulus").refuted
    assert np.array_equal(problem.X, X[[0, 0, 1]]) and np.array_equal(problem.network.weights[0], NET.weights[0])
    for array in (problem.X, problem.y, *problem.network.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    assert replace(problem, rows=(0,)).X is problem.X  # nothing is copied twice


def test_masked_arrays_are_refused():
    masked = np.ma.masked_invalid(np.vstack([X[:2], [[np.nan, 0.0]]]))
    for change in ({"X": masked}, {"y": masked[:, :1]}, {"scale": masked[2]}):
        arguments = {"network": NET, "X": X, "y": Y, "parameter": "features", "rows": (0, 1, 2)} | change
        with pytest.raises(InputError, match="masked"):
            Problem(**arguments)
    matrix = Problem(NET, X.view(np.matrix), None, "features", (0, 1, 2))  # a subclass whose * is another product
    assert type(matrix.X) is np.ndarray and bound(matrix, "modulus").upper is not None
