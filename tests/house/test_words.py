"""The words of the format are those that the lists elsewhere repeat, until these lists go."""

from __future__ import annotations

import json
import pickle
from typing import get_args

import pytest

from certify.check import table, verdicts
from certify.check.reading import certificate, spec
from certify.check.theorems.modulus import set_quantities
from certify.check.words.parameters import PARAMETERS
from certify.check.words.sets.base import set_of
from certify.check.words.weight_norms import WEIGHT_NORMS
from certify.format import quantities, words
from certify.format.question import KEYS, LAWS, Domain, Question
from certify.format.support import applying
from certify.format.theorems import LABELS, THEOREMS
from certify.format.witnesses import FORMS
from certify.inputs.chain import OPTIONS
from certify.report.phrases.losses import LOSSES
from certify.report.quantities import QUANTITIES as SAID
from certify.spec import literals, vocabulary
from certify.spec.nearest import WRITTEN
from tests.house.grid import GATED, SINCE

OWN = {"model.activation": words.Activation, "training.loss": words.Loss, "solution.map": words.Map,
       "solution.base": words.Base, "weights.norm": words.WeightNorm, "perturbation.parameter": words.Parameter,
       "perturbation.set": words.Set, "run.arithmetic": words.Arithmetic, "gate.rigour": words.Rigour,
       "gate.severity": words.Severity}


def test_words_are_those_of_prover_and_checker():
    for key, kind in OWN.items():
        assert spec._WORDS[key] == words.words(kind), key
        assert vocabulary.BUILT.get(key, words.words(kind)) == words.words(kind), key
    assert set(spec._WORDS["gate.quantity"]) == set(vocabulary.BUILT["gate.quantity"]) == set(quantities.QUANTITIES)
    assert set(certificate.QUANTITIES) == set(SAID) == {*GATED, *SINCE} == set(quantities.QUANTITIES)
    assert vocabulary.WORDS["gate.quantity"] == quantities.ESTIMATED
    assert {*quantities.QUANTITIES, *quantities.ESTIMATED} == set(get_args(literals.Quantity))
    assert certificate.VERDICTS == words.words(words.Verdict) and certificate.STATES == words.words(words.State)
    assert set_quantities.MEMBERS == words.words(words.Summand)
    assert verdicts.EXIT == {str(state): state.status for state in words.State}
    assert (verdicts.INVALID, verdicts.INTERRUPTED) == (words.INVALID, words.INTERRUPTED)
    assert set(OPTIONS) == set(words.Activation) and set(LOSSES) == set(words.Loss)
    assert {name: norm.distance for name, norm in WEIGHT_NORMS.items()} == {
        str(norm): norm.distance for norm in words.WeightNorm}
    assert {*PARAMETERS} == {*map(str, words.Parameter)}
    for name, moves in PARAMETERS.items():
        own = words.Parameter(name)
        assert moves.sized == own.sized and (not own.sized or (moves.moved, moves.budget) == (own.moved, own.budget))


def test_a_word_is_its_string_everywhere():
    assert json.dumps([*words.Set]) == '["total", "per_sample", "sparse", "given"]'
    assert pickle.loads(pickle.dumps(words.Set.GIVEN)) is words.Set.GIVEN and words.Set("given") == "given"
    assert {"features": 1}[words.Parameter.FEATURES] == 1 and f"{words.State.OPEN}" == "open"
    with pytest.raises(ValueError):
        words.Map("other")


def test_the_rows_of_a_certificate_and_its_witnesses():
    assert {q.name for q in quantities.QUANTITIES.values() if q.per_row} == set(certificate.BY_ROW)
    assert {member for theorem in THEOREMS for member in theorem.witness.members()} == set(FORMS)


def test_units_of_merged_rows_are_those_of_the_checker():
    from types import SimpleNamespace

    for name in quantities.QUANTITIES:
        problem = SimpleNamespace(map="interpolation", set="total", parameter="features", weight_norm="relative",
                                  kept=(0,), features=((0.0,), (0.0,)), lengths=WEIGHT_NORMS["relative"],
                                  moves=PARAMETERS["features"], budget=set_of("total"))
        claim = SimpleNamespace(quantity=name, theorem="")
        # two are of the critical map alone, where no rows are merged; the others say what a label is (V60)
        if name not in ("prediction_change", "functional", "stable_predictions", "correct_predictions",
                        "tolerated_changes"):
            problem.set = "given" if name == "first_order_distance" else "total"
            problem.norm = 2
            if name == "persistence_radius":
                problem.map = "sublevel"
            units = table.rule_of(claim, problem).units(claim, problem)
            assert units == (quantities.unit(name, "features", "total", "relative", merged=True),)


def test_no_domain_is_idle_and_keys_are_known():
    assert set(WRITTEN) == set(KEYS) and len(set(LABELS)) == len(LABELS)
    with pytest.raises(TypeError, match="no key colour"):
        Domain(colour="red")
    for law in LAWS:
        assert law.because and set(law.then.keys) <= set(KEYS)
    assert [str(t) for t in applying(Question("sample_modulus", set="per_sample", norm="inf"))] == ["N4"]
    assert applying(Question("unheard_of")) == ()


def test_every_table_of_activations_knows_all_of_them():
    """Each has content of its own; the words are one list."""
    from certify.check.enclosure import activation as checked
    from certify.inputs.onnx import onnx_file
    from certify.inputs.torch import export_file, factory, fully_connected
    from certify.network.graph import graph
    from certify.rigor import activation as rigorous
    from certify.symbolic import network as symbolic

    known = set(words.words(words.Activation))
    for listed in (OPTIONS, factory._CLASSES.values(), fully_connected._ACTIVATIONS, graph.ACTIVATIONS,
                  rigorous.ACTIVATIONS, checked.ACTIVATIONS):
        assert set(listed) == known, listed
    assert set(export_file._ACTIVATIONS.values()) == known - {"identity"}  # no operation at all
    assert set(onnx_file._ACTIVATIONS.values()) == known - {"silu"}  # which is two operations there
    assert {*symbolic._SMOOTH, *symbolic._SLOPES} == known - {"elu"}  # which has no closed form on both sides
