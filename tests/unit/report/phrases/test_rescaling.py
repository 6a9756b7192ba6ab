"""A gate on the Euclidean length of weights that can be rescaled is said to be one."""

from __future__ import annotations

import pytest

from certify.report.phrases.rescaling import _homogeneous, rescaling_note
from certify.spec.vocabulary import ACTIVATIONS


def certificate(**changes):
    problem = {"widths": [2, 3, 1], "activation": "relu", "weight_norm": "euclidean", "layer": "all",
               "weight_decay": 0.0} | changes
    return {"problem": problem, "claims": [{"quantity": "modulus", "gate": {"max": 1.0}}]}


def test_a_network_whose_layers_can_be_rescaled_is_told():
    assert rescaling_note(certificate()).startswith("modulus counts weights by their Euclidean length")


@pytest.mark.parametrize("changes", [
    {"activation": "tanh"}, {"weight_norm": "relative"}, {"weight_norm": "function"}, {"layer": 2},
    {"weight_decay": 0.1}, {"widths": [2, 1]}])
def test_others_are_not(changes):
    assert rescaling_note(certificate(**changes)) == ""


def test_no_gate_and_no_weights_are_not():
    plain = certificate()
    plain["claims"][0]["gate"] = None
    assert rescaling_note(plain) == ""
    plain["claims"] = [{"quantity": "persistence_radius", "gate": {"min": 1.0}}]
    assert rescaling_note(plain) == ""


def test_which_activations_can():
    assert [name for name in ACTIVATIONS if _homogeneous(name)] == ["relu", "leaky_relu", "identity"]
