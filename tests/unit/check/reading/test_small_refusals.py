"""Numbers that a file may not hold, norms that a theorem may not take for another, and graphs that do not fit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from certify.check.reading.arrays import LARGEST_INTEGER, unpack
from certify.check.reading.optional.last_node import of_last
from certify.check.reading.sections.graph import graph_spec
from certify.check.words.weight_norms import WEIGHT_NORMS
from certify.format.refusal import Invalid


@pytest.mark.parametrize(("kind", "code", "last"), [("b", "B", 1), ("i", "q", LARGEST_INTEGER)])
def test_a_truth_value_is_0_or_1_and_an_integer_is_a_double(kind, code, last):
    def read(value):
        return unpack(value.to_bytes(8 if code == "q" else 1, "little"), "<", code, kind, (1,), "some")

    assert read(last).values == (float(last),)
    with pytest.raises(Invalid, match="the value is"):
        read(last + 1)


def test_only_the_euclidean_norm_is_plain():
    assert {name for name, norm in WEIGHT_NORMS.items() if norm.plain} == {"euclidean"}


@pytest.mark.parametrize(("op", "sequence"), [("tanh", False), ("linear", True), ("softmax", True)])
def test_a_last_layer_is_a_linear_node_of_one_row(op, sequence):
    node = SimpleNamespace(name="out", op=op, sequence=sequence, shape=(2,), before=(3,), tensors={})
    with pytest.raises(Invalid, match="a linear node as the output is needed"):
        of_last(SimpleNamespace(), SimpleNamespace(nodes=(SimpleNamespace(name="in"), node), output="out"))


def test_features_that_move_are_refused_wherever_a_node_embeds_them():
    nodes = tuple(SimpleNamespace(op=op) for op in ("embedding", "linear", "tanh"))
    with pytest.raises(Invalid, match="rows of an embedding"):
        graph_spec(SimpleNamespace(parameter="features"), SimpleNamespace(shape=(3,), outputs=1, nodes=nodes))
