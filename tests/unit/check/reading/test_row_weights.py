"""Weights of rows: numbers above 0, one a row, and nothing else."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest

from certify.check.reading.optional.row_weights import named
from certify.format.refusal import Invalid

SPEC = SimpleNamespace(row_weights="c", data="rows.npz", features="X", targets="y")


def held(*weights):
    found = io.BytesIO()
    np.savez(found, X=np.zeros((3, 2)), y=np.zeros(3), c=np.array(weights))
    return found.getvalue()


def test_numbers_above_0_are_read():
    assert named(SPEC, held(1.0, 5e-324, 3.0), 3) == (1.0, 5e-324, 3.0)


@pytest.mark.parametrize("weight", [0.0, -0.5, -1.0, np.inf, np.nan])
@pytest.mark.parametrize("at", range(3))
def test_others_are_refused(weight, at):
    weights = [1.0, 2.0, 3.0]
    weights[at] = weight
    with pytest.raises(Invalid, match="numbers above 0 are needed|finite"):
        named(SPEC, held(*weights), 3)


def test_another_number_of_them_is_refused():
    for weights in ((1.0, 2.0), (1.0, 2.0, 3.0, 4.0)):
        with pytest.raises(Invalid, match="3 numbers above 0"):
            named(SPEC, held(*weights), 3)
