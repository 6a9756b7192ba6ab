"""`certify.polish`: what it reaches, what it says of it, what it writes and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

import certify
from certify import Problem
from certify.certificate.polished import Changed
from certify.format.errors import InputError
from certify.network.graph.graph import GraphNetwork, Node
from certify.network.network import Network
from tests.families.small import files
from tests.unit.problem.test_closeness import problem


def test_all_layers_and_the_last_one():
    p = problem(evaluation=np.random.default_rng(5).normal(size=(7, 4)))
    whole = certify.polish(p)
    assert whole.reached and whole.layer == "all" and whole.gradient <= 1e-12 * whole.scale
    assert whole.loss < whole.loss_before and 0 < whole.distance and whole.problem.layer == "all"
    assert whole.training.labels is not None and whole.evaluation is not None and whole.evaluation.rows == 7
    assert repr(whole).startswith("Polished(polished: loss ") and "training predictions changed" in repr(whole)
    head = certify.polish(p, layer="last")
    assert head.reached and head.layer == 2
    assert np.array_equal(head.problem.network.weights[0], p.network.weights[0])
    assert not np.array_equal(head.problem.network.weights[1], p.network.weights[1])
    again = certify.polish(head.problem, layer="last")
    assert again.reached and again.distance < 1e-12 and again.training.labels == 0


def test_the_new_problem_is_proved_where_the_old_one_was_not():
    p = problem()
    assert certify.bound(p, "modulus").upper is None
    proved = certify.bound(certify.polish(p).problem, "modulus")
    assert proved.upper is not None and proved.lower > 0


def test_predictions_are_labels_only_where_there_are_some():
    X = np.arange(4.0)[:, None]
    net = Network((np.array([[1.0]]),), (None,), "identity")
    p = Problem(net, X, -X, "targets", (0, 1), map="critical", base="nearby", weight_decay=0.5)
    found = certify.polish(p)
    assert found.training.labels is None and found.training.output > 0
    assert "outputs at 4 training rows changed by at most" in found.sentence()
    assert Changed(5, 2, 1.0).words("evaluation") == "2 of 5 evaluation predictions changed"


def test_no_minimiser_and_time_that_is_up_are_said():
    p = problem(decay=0.0)
    right = replace(p, labels=(certify.polish(p).problem.X[:, 0] > 0).astype(np.int64))
    found = certify.polish(right)
    assert not found.reached and "no minimiser" in found.sentence() and "weights grow" in found.stopped
    late = certify.polish(problem(), seconds=0.0)
    assert not late.reached and late.distance == 0 and "the time was up" in late.sentence()


def test_a_least_loss_at_a_kink_is_said():
    found = certify.polish(problem("relu", decay=0.05), seconds=20.0)
    assert not found.reached and found.kinks > 0 and "kinks of relu" in found.sentence() and "--layer last" in (
        found.stopped)
    assert certify.polish(found.problem, layer="last").reached


def test_the_sublevel_map_can_be_polished():
    assert certify.polish(replace(problem(), map="sublevel", base="given")).reached


def test_what_is_refused():
    p = problem()
    with pytest.raises(InputError, match=r"map = .*exact fits"):
        net = Network((np.ones((1, 2)),), (None,), "identity")
        certify.polish(Problem(net, np.eye(2), np.ones((2, 1)), "targets", (0, 1)))
    with pytest.raises(InputError, match="use 'last' or 'all'"):
        certify.polish(p, layer="first")  # type: ignore[arg-type]
    graph = GraphNetwork((Node("a", "linear", ("input",), weight="w"),), {"w": np.ones((1, 4))}, (4,), "a")
    object.__setattr__(p, "network", graph)
    with pytest.raises(InputError, match="graph network"):
        certify.polish(p)


def test_save_writes_weights_and_figures_and_replaces_nothing(tmp_path):
    found = certify.polish(problem(), layer="last")
    assert found.save(tmp_path / "new") == tmp_path / "new" / "polished.safetensors"
    tensors = load_file(tmp_path / "new" / "polished.safetensors")
    assert sorted(tensors) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    assert np.array_equal(tensors["2.weight"], found.problem.network.weights[1])
    figures = json.loads((tmp_path / "new" / "polish.json").read_bytes())
    assert figures["format"] == "certify-polish/1" and figures["reached"] and figures["layer"] == 2
    assert figures["distance"]["absolute"] == found.distance and len(figures["weights"]["sha256"]) == 64
    before = files(tmp_path)
    with pytest.raises(InputError, match="is there already, and polish replaces nothing"):
        found.save(tmp_path / "new")
    assert files(tmp_path) == before
