"""Numbers that a file may not hold, and norms that a theorem may not take for another."""

from __future__ import annotations

import pytest

from certify.check.reading.arrays import LARGEST_INTEGER, unpack
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
