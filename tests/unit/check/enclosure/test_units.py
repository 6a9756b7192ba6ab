"""Weights unit by unit where biases carry no decay: those of the layer itself, and 0 at each bias."""

from __future__ import annotations

from types import SimpleNamespace

from flint import arb, arb_mat

from certify.check.enclosure.units import _without_bias


def test_every_layer_has_its_own_weights():
    problem = SimpleNamespace(layers=[SimpleNamespace(biases=b) for b in (None, (1.0, 2.0), (3.0,))])
    parameters = SimpleNamespace(weights=[arb_mat([[1, 2]]), arb_mat([[3], [4]]), arb_mat([[5, 6]])])
    found = [_without_bias(problem, h, parameters) for h in (1, 2, 3)]
    assert found == [[arb(x) for x in part] for part in ([1, 2], [3, 0, 4, 0], [5, 6, 0])]
