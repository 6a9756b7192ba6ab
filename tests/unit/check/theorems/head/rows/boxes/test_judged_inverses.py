"""Inverses of Gram matrices: each demand on them fails alone, and doubles of matrices of any size are numbers."""

from __future__ import annotations

from math import isfinite

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.in_doubles import doubles
from certify.check.theorems.head.rows.boxes.fixed_rows import WEIGHT, sums
from certify.check.theorems.head.rows.boxes.products import judged

ROWS = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]])


@pytest.mark.parametrize(("rows", "decay", "said"), [
    (ROWS, 0.5, True),
    (ROWS * 0.0 + [1.0, 0.1], 2.0**-100, False),  # what whole numbers lose is more than the decay
    (ROWS * 2.0**-460, 2.0**-910, False),  # beyond 2^900, though whole numbers lose far less
    (ROWS, 2.0**910, False),  # below 2^-900, likewise
])
def test_each_demand_on_an_inverse_fails_alone(rows: np.ndarray, decay: float, said: bool) -> None:
    with ctx.workprec(64):
        found = judged(sums(rows.tolist(), [arb(decay)] * 2, False), [1 << WEIGHT - 1] * 3)
    assert (found is not None) is said
    if found is not None:
        H = 0.5 * rows.T @ rows + decay * np.eye(2)
        Y = np.array([float(x) for x in found.mid.entries()]).reshape(2, 2)
        assert np.linalg.norm(Y - np.linalg.inv(H)) <= float((found.off + 2 * found.part * found.big).upper()) + 1e-14


@pytest.mark.parametrize("powers", [(0, 1), (0, 1100), (-1100, 0), (-1100, -1090), (-5000, 5000), (890, 1020)])
def test_doubles_of_entries_far_apart(powers: tuple[int, int]) -> None:
    """Each entry within `2^-52` of itself, or `2^-120` of the largest: none is infinite."""
    M = arb_mat([[arb(3) * arb(2) ** powers[0], arb(-5) * arb(2) ** powers[1]]])
    found, e = doubles(M)
    assert all(map(isfinite, found))
    largest = abs(M[0, 1])
    for x, y in zip(found, M.entries(), strict=True):
        assert abs(arb(x) * arb(2) ** e - y) <= abs(y) * 2.0**-52 + largest * 2.0**-120
