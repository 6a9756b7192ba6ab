"""The critical map in the relative norm of the weights: closed forms, a wrong minimiser, invariance, refusals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.bounds import bound, critical_base
from certify.errors import InputError
from certify.network.network import Network
from certify.network.reference import Reference
from certify.problem import Problem
from tests import containment_critical as contained
from tests import critical_families as families
from tests.bounds.test_critical import always_active, deep_linear, toy


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


def test_the_function_norm_is_refused_by_name():
    with pytest.raises(InputError, match="'function' with map critical"):
        toy(weight_norm="function", reference=Reference(np.ones((1, 1)), 0.5))


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
