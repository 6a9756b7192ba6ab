"""The plan: tiers, their needs, and a refusal only of what no tier can do."""

from __future__ import annotations

import re

import numpy as np
import pytest

import certify.prove.plan as plan
from certify.auditing.spec_run import load
from certify.cli.explain import explain
from certify.format.errors import SpecError
from certify.problem import limits
from certify.problem.cost import BASE_MEMORY
from certify.problem.question import asked as quantities
from certify.prove.prover import prover
from certify.systems.critical.cost import mixed_cost
from certify.systems.interpolation import cost as costs
from certify.theorems.distance import compensation
from certify.theorems.predictions import interpolation as fit_predictions
from certify.theorems.predictions.critical import CriticalPredictions
from tests.families.small import SPEC, features, gate, tensors, write

GIB = 1 << 30
SUBLEVEL = '[solution]\nmap = "sublevel"\n'


@pytest.fixture
def problem(tmp_path):
    """A problem of so many rows, with more lines in its spec."""

    def make(rows=10, more="", hidden=8):
        X = features(rows)
        spec = SPEC.replace("[3, 8, 1]", f"[3, {hidden}, 1]") + more
        path = write(tmp_path, spec, model=tensors(widths=(3, hidden, 1)), X=X, y=np.sign(X[:, 0]))
        return load(path, False).problem

    return make


def tiers(found):
    return {tier.name: tier for tier in plan.make_plan(found).tiers}


def test_small_interpolation_has_no_direct_tier(problem):
    assert list(tiers(problem())) == ["congruence", "double-double", "Jacobian"]


def test_direct_tier_is_small_and_serves_only_the_modulus(problem):
    found = tiers(problem(1600, hidden=400))
    assert list(found)[:3] == ["direct", "finer direct", "congruence"] and found["direct"].quantities == ("modulus",)
    assert found["direct"].memory < found["congruence"].memory < found["double-double"].memory


def limited(monkeypatch, memory):
    """What the machine has free, for the plan and for the run."""
    monkeypatch.setattr(limits, "free_memory", lambda: memory)


def test_what_the_direct_tier_can_do_is_not_left_out(problem, monkeypatch):
    found = tiers(problem(1600, hidden=400))
    limited(monkeypatch, (found["direct"].memory + found["congruence"].memory) // 2)
    both = problem(1600, hidden=400)
    remarks = {q.name: (q.feasible, q.remark) for q in plan.make_plan(both).quantities}
    assert remarks["modulus"] == (True, "but there is too little memory or time for congruence, double-double "
                                        "and Jacobian, which some problems need")
    assert not remarks["sample_modulus"][0]
    reason = prover(both).bound("sample_modulus").reason
    assert "ask for modulus alone with a gate" in reason and "the congruence computation needs about" in reason
    limited(monkeypatch, found["direct"].memory - 1)
    alone = problem(1600, gate(max=1.0), hidden=400)
    assert tiers(alone)["direct"].refused
    words = "the direct computation needs .* use at most about 1599 rows"
    assert re.search(words, prover(alone).bound("modulus").reason)


def test_beyond_the_caps_only_the_direct_tier_is_left(problem, monkeypatch):
    monkeypatch.setattr(costs, "DIRECT_FROM", 4)
    monkeypatch.setattr(costs, "EXTENDED_LIMIT", 5)
    monkeypatch.setattr(costs, "CONGRUENCE_LIMIT", 6)
    found = problem(10)
    assert list(tiers(found)) == ["direct", "finer direct"]
    remarks = {q.name: q for q in plan.make_plan(found).quantities}
    assert remarks["modulus"].feasible and not remarks["sample_modulus"].feasible
    bounds = prover(found)
    assert bounds.bound("modulus").upper is not None
    assert "10 equations are more than any way of computing it" in bounds.bound("sample_modulus").reason


def test_an_exact_solution_nearby_needs_double_double(problem, monkeypatch):
    near = problem(1600, '[solution]\nbase = "nearby"\n' + gate(max=1.0), hidden=400)
    found = tiers(near)
    assert next(iter(found)) == "solution" and found["solution"].memory == found["double-double"].memory
    assert any("nearby: first an exact solution" in line for line in plan.make_plan(near).as_lines())
    limited(monkeypatch, found["congruence"].memory)
    bound = prover(near).bound("modulus")
    assert bound.upper is None and bound.reason.startswith("the proof of an exact solution nearby needs about")


def test_sublevel_has_one_inequality_and_no_matrix_over_the_rows(problem):
    found = problem(3000, SUBLEVEL + "level = 100.0\n" + gate("persistence_radius", min=0.1) + gate(max=1.0))
    made = plan.make_plan(found)
    assert made.equations == 1 and quantities(found) == ("persistence_radius", "modulus")
    assert [tier.name for tier in made.tiers] == ["passes", "radius", "double-double"]
    assert max(tier.memory for tier in made.tiers) < GIB // 2
    text = "\n".join(made.as_lines())
    assert "one inequality" in text and "n·k" not in text and "it is 0 if the level is above the loss" in text
    assert made.as_json()["tiers"][0]["name"] == "passes" and made.as_json()["map"] == "sublevel"


def test_equal_rows_are_no_obstacle_to_the_sublevel_map(tmp_path):
    X = np.vstack([features(), features()[3:4]])
    found = plan.make_plan(load(write(tmp_path, SPEC + SUBLEVEL, X=X, y=np.zeros(11)), False).problem)
    assert all(quantity.feasible for quantity in found.quantities) and found.equal == ((3, 10),)


def test_too_many_rows_for_the_passes_are_left_open(problem, monkeypatch):
    limited(monkeypatch, BASE_MEMORY + 1_000_000)
    found = problem(3000, SUBLEVEL)
    assert not plan.make_plan(found).quantities[0].feasible
    bound = prover(found).bound("modulus")
    assert bound.upper is None and "use at most about 1041 rows" in bound.reason


@pytest.mark.parametrize("label", ["M6", "Q2", "P3", "L1", "persistence_radius", "sublevel", "nearby", "level", "set",
                                   "scale", "columns", "base", "loss", "hypothesis", "witness", "parameter",
                                   "time_limit", "memory_limit"])  # fmt: skip
def test_words_are_explained(label):
    assert explain(label.upper()).startswith(f"{label}: ")
    assert max(map(len, explain(label).split(": ", 1)[1].splitlines())) <= 120


def test_a_theorem_that_no_certificate_names_is_looked_up_in_the_proofs():
    with pytest.raises(SpecError, match="proofs/README.md"):
        explain("R5")


EVALUATION = '[evaluation]\nfile = "train.npz"\nfeatures = "X"\n'
CHANGES = gate("first_order_prediction_change", max=9.0)


def foreseen(found):
    return {q.name: (q.feasible, q.remark) for q in plan.make_plan(found).quantities}


def test_predictions_of_critical_points_are_in_the_plan_and_the_run_keeps_to_it(problem, monkeypatch):
    more = ('[training]\nloss = "logistic"\nweight_decay = 0.1\n[solution]\nmap = "critical"\n'
            + EVALUATION + '[perturbation]\nradius = 1.0\n' + CHANGES)
    few, many = problem(10, more), problem(2000, more)
    assert list(tiers(few)) == ["Hessian", "predictions"]
    predictions = CriticalPredictions().cost(many)[1].memory
    assert predictions - mixed_cost(many).memory >= 8 * 2000 * (41 + 2000 * 3)  # the effects
    assert tiers(few)["predictions"].memory < tiers(many)["predictions"].memory
    limited(monkeypatch, CriticalPredictions().cost(few)[1].memory - 1)  # enough for all the rest
    refused = prover(few).bound("first_order_prediction_change")
    assert refused.upper is None and "the changes of predictions needs about" in refused.reason
    assert not foreseen(few)["first_order_prediction_change"][0]


def test_predictions_of_exact_fits_that_are_too_many_are_foreseen(problem, monkeypatch):
    more = EVALUATION + '[perturbation]\nradius = 1.0\n' + CHANGES
    found = problem(4, more)
    with monkeypatch.context() as patch:
        patch.setattr(costs, "prediction_entries", lambda problem: 0)
        plain = tiers(found)
    assert all(tiers(found)[name].memory > tier.memory for name, tier in plain.items())
    assert foreseen(found)["first_order_prediction_change"] == (True, "")
    monkeypatch.setattr(fit_predictions, "JACOBIAN_LIMIT", costs.prediction_entries(found) - 1)
    assert not foreseen(found)["first_order_prediction_change"][0]
    run = prover(found).bound("first_order_prediction_change")
    assert run.upper is None and "too many to be formed" in run.reason
    assert "too many to be formed" in foreseen(found)["first_order_prediction_change"][1]


def test_constants_of_layers_are_in_the_plan_and_left_out_where_they_do_not_fit(problem, monkeypatch):
    found = problem(5, '[perturbation]\nradius = 1e-3\n' + gate("distance", max=9.0))
    assert list(tiers(found)) == ["distance", "constants"]
    frozen = problem(5, '[solution]\nlayer = 1\n[perturbation]\nradius = 1e-3\n' + gate("distance", max=9.0))
    assert list(tiers(frozen)) == ["distance"]  # its inputs are the features
    whole = prover(found).bound("distance")
    assert whole.upper is not None and not whole.reason
    limited(monkeypatch, tiers(found)["constants"].memory - 1)
    found = problem(5, '[perturbation]\nradius = 1e-3\n' + gate("distance", max=9.0))
    assert foreseen(found)["distance"] == (
        True, "but there is too little memory or time for constants, which some problems need")
    monkeypatch.setattr(compensation, "neighbourhood", None)  # not called
    norms = prover(found).bound("distance")
    assert norms.upper is not None and "constants" not in norms.witness
    assert "LipSDP for every row needs about" in norms.reason
