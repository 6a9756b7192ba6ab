"""The critical map in the relative and the function norm: closed forms, a wrong minimiser, invariance, refusals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.network.network import Network
from certify.problem.norms.function import Reference
from certify.problem.problem import Problem
from certify.prove.prover import bound
from certify.rigor.arithmetic import Pair
from certify.systems.critical import settle as critical_base
from tests.containment import critical as contained
from tests.containment import critical_seen as containment_critical_seen
from tests.containment.attack import attack
from tests.effort import FULL, examples
from tests.families import critical as families
from tests.unit.prove.test_critical import always_active, deep_linear, toy


def test_the_toy_in_closed_form():
    """`f = w₁w₂x` at (1, 2): `2dw₁ + dw₂ = dr` costs dr/√5, and dr/√8 where dw₂ counts by half: 2/5·√(5/8) = √0.1."""
    b = bound(toy(weight_norm="relative"), "modulus")
    assert b.theorem == "M5b" and b.lower <= 0.1**0.5 <= b.upper and b.upper - b.lower < 1e-9
    assert b.unit == "weight distance relative to each layer per unit of feature change"
    # the shortest Euclidean solution, measured in the relative norm, is no shortest one
    assert b.upper < 0.4 * 5**0.5 * (4 + 1 / 4) ** 0.5 / 5 * 0.9


def test_one_layer_is_the_euclidean_modulus_in_another_unit():
    rng = np.random.default_rng(5)
    network = Network((rng.standard_normal((1, 3)),), (rng.standard_normal(1),), "identity")
    base = Problem(network, rng.standard_normal((9, 3)), rng.standard_normal((9, 1)), "sample_weights",
                   tuple(range(9)), map="critical", radius=0.5)
    size = float(np.linalg.norm(network.weights[0]))
    for more in ({}, {"set": "sparse", "count": 2}, {"set": "per_sample"}):
        problem = replace(base, **more)
        plain, own = (bound(replace(problem, weight_norm=norm), "first_order_distance")
                      for norm in ("euclidean", "relative"))
        assert plain.lower / size <= own.upper and own.lower <= plain.upper / size
        assert own.upper <= plain.upper / size * (1 + 1e-6)


def test_rescaling_whole_layers_leaves_it_alone():
    problem = always_active(seed=3, n=30)
    net = problem.network
    weights = (net.weights[0], net.weights[1])
    plain = replace(problem, network=Network(weights, (None, None), "relu"), parameter="sample_weights",
                    weight_norm="relative")
    moved = replace(plain, network=Network((weights[0] * 4.0, weights[1] / 4.0), (None, None), "relu"))
    a, b = bound(plain, "modulus"), bound(moved, "modulus")
    assert a.theorem == b.theorem == "M5b" and a.upper is not None and b.upper is not None
    assert a.lower <= b.upper and b.lower <= a.upper and a.upper <= a.lower * (1 + 1e-6)
    c, d = (bound(replace(p, weight_norm="euclidean"), "modulus") for p in (plain, moved))
    assert c.lower > d.upper * 1.01 or d.lower > c.upper * 1.01  # the Euclidean one does not stay


def test_random_problems_against_the_shortest_solution():
    """The oracle takes any solution and shortens it by the kernel of H: it knows no field and no coordinates."""
    theorems: Counter[str] = Counter()
    for seed in range(16):
        if theorems["M5c"] == 10 and not FULL:
            break
        problem = replace(families.critical_problem(np.random.default_rng([seed, 9])), weight_norm="relative")
        if contained.whole_problem(problem) == "decided":
            theorems[bound(problem, "modulus").theorem] += 1
    assert theorems["M5c"] >= 10, theorems


@pytest.mark.parametrize("problem", [always_active(), deep_linear(), toy()])
@pytest.mark.parametrize("parameter", ["features", "sample_weights"])
def test_symmetries_are_those_of_the_norm(problem, parameter):
    """Fields turned into the coordinates of the norm: without that the solution is not the shortest one."""
    problem = replace(problem, weight_norm="relative", parameter=parameter)
    assert bound(problem, "modulus").theorem == "M5b"
    assert contained.whole_problem(problem) == "decided"


def test_fields_that_are_not_turned_into_the_coordinates_give_no_shortest_solution(monkeypatch):
    """Some solution they do give (`T₀ᵀT` is nonsingular), so the upper end stays true and is loose: 1/3 for √0.1."""
    right = critical_base.spanning
    monkeypatch.setattr(critical_base, "spanning", lambda fields, length, distance=Fraction(0), _=None: right(
        fields, length, distance))
    wrong = bound(toy(weight_norm="relative"), "modulus")
    assert wrong.upper is not None and wrong.upper > 1.05 * 0.1**0.5 >= wrong.lower


def ridge(tau: float = 0.5, parameter: str = "targets") -> Problem:
    """`f = wx`, x = 1, 2, −1, λ = 1/2: `H = 6/3 + 1/2 = 5/2`, targets `C = −(1, 2, −1)/3`; one reference row, x = 3."""
    X, y = np.array([[1.0], [2.0], [-1.0]]), np.array([[1.0], [1.0], [0.0]])
    network = Network((np.array([[0.4]]),), (None,), "identity")
    return Problem(network, X, y, parameter, (0, 1, 2), map="critical", base="nearby", weight_decay=0.5,
                   weight_norm="function", reference=Reference(np.array([[3.0]]), tau))


@pytest.mark.parametrize("tau", [0.5, 2.0**-10, 100.0])
def test_a_ridge_regression_in_the_function_norm(tau):
    """`|v|_S = √(9 + τ²)|v|`: modulus `√(9 + τ²)·√6/3/(5/2)`, and each row by its own x."""
    whole, rows = (bound(ridge(tau), quantity) for quantity in ("modulus", "sample_modulus"))
    unit = (9 + tau**2) ** 0.5 / 7.5
    assert whole.theorem == "M5c" and whole.unit.startswith("weight distance as the reference rows see it")
    assert whole.lower <= unit * 6**0.5 * (1 + 1e-12) and unit * 6**0.5 * (1 - 1e-12) <= whole.upper
    assert whole.upper <= whole.lower * (1 + 1e-6)
    for low, high, x in zip(rows.row_lower, rows.row_upper, (1, 2, 1), strict=True):
        assert low <= unit * x * (1 + 1e-12) and unit * x * (1 - 1e-12) <= high <= low * (1 + 1e-6)


@pytest.mark.parametrize("norm", [1, 2, "inf"])
@pytest.mark.parametrize("kind, count, exact", [("per_sample", None, 4), ("sparse", 1, 2), ("sparse", 2, 3)])
def test_budgets_of_rows_in_the_function_norm(norm, kind, count, exact):
    """One parameter: the sum of the largest |x_i|, whatever the norm of one number."""
    problem = replace(ridge(), set=kind, count=count, norm=norm, radius=1.0)
    found, truth = bound(problem, "first_order_distance"), (9.25**0.5 / 7.5) * exact
    assert found.lower <= truth * (1 + 1e-12) and truth * (1 - 1e-12) <= found.upper <= truth * (1 + 1e-5)


def test_the_function_norm_against_jets():
    cases = range(examples(40))
    _, tally, messages, _ = attack("critical_seen", 6, cases)
    assert messages == [] and tally["decided"] >= 0.7 * len(cases)


@pytest.mark.parametrize(("wrong", "first"), [("theta", 3), ("norm", 3), ("error", 14)])
def test_the_oracle_catches_what_is_left_out(wrong, first, monkeypatch):
    """Without F's part of the measure, or the error of h, an end or a length is false: in the first case or later."""
    right, length = critical_base.measured, containment_critical_seen.dual_length_above
    if wrong == "theta":  # τI left out of F
        monkeypatch.setattr(critical_base, "measured", lambda inverse, seen: right(
            inverse, replace(seen, F=Pair(seen.F.hi[: -seen.F.shape[1]]))))
    elif wrong == "norm":  # J_ref left out
        monkeypatch.setattr(critical_base, "measured", lambda inverse, seen: right(
            inverse, replace(seen, F=Pair(seen.F.hi[-seen.F.shape[1]:]))))
    else:
        monkeypatch.setattr(containment_critical_seen, "dual_length_above", lambda seen, h, e: length(seen, h, 0 * e))
    found = (message for case in range(first, 60) for message in attack("critical_seen", 6, range(case, case + 1))[2])
    assert any("false for" in message for message in found)


def test_a_kink_of_a_reference_row_blocks_the_function_norm():
    net = Network((np.array([[1.0], [2.0]]), np.array([[1.0, 1.0]])), (None, None), "relu")
    problem = Problem(net, np.array([[1.0]]), np.array([[1.0]]), "features", (0,), map="critical", weight_decay=0.5,
                      weight_norm="function", reference=Reference(np.zeros((1, 1)), 0.5))
    found = bound(problem, "modulus")
    assert found.upper is None and found.lower is None and "reference rows" in found.reason


def test_nothing_is_claimed_under_a_weight_tilt_whose_hessian_is_lost_in_the_norm():
    """M5d takes no weight tilt; found where the relative norm's coordinates were too far apart to invert."""
    a = 1e6
    first, last = np.array([[a, 0.3 * a], [-0.2 * a, 0.5 * a]]), np.array([[1.0 / a, 0.7 / a]])
    network = Network((first, last), (None, None), "tanh")
    X, y = np.array([[1.0 / a, 2 / a], [0.5 / a, -1 / a]]), np.array([[1.0], [0.0]])
    problem = Problem(network, X, y, "features", (0, 1), map="critical", base="given", weight_decay=0.125,
                      weight_norm="relative")
    found = bound(problem, "modulus")
    assert found.theorem == "M5" and found.lower is None and found.upper is None
