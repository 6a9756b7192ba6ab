"""What the outputs of a row answer to its weight: every k numbers in turn, less the last of them; no reference rows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flint import arb

from certify.check.systems.contrasts import _contrasts
from certify.check.systems.near.reference import reference


@pytest.mark.parametrize("k", [2, 3, 4])
def test_contrasts_are_with_the_last_output_of_the_same_row(k):
    rows = [[arb(7 * i + a * a) for a in range(k)] for i in range(3)]
    assert _contrasts([x for row in rows for x in row], k) == [row[a] - row[-1] for row in rows for a in range(k - 1)]


def test_a_kernel_of_contrasts_without_reference_rows_has_none():
    assert reference(SimpleNamespace(problem=SimpleNamespace(reference=()))) is None
