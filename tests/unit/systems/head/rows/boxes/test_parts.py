"""Long inner products in parts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.rigor import fp
from certify.systems.head.rows.boxes.parts import PART, dot_parts, products


@pytest.mark.parametrize("k", [1, 300, PART, PART + 1, 1500])
def test_parts_hold_the_exact_product(k: int) -> None:
    rng = np.random.default_rng(k)
    a, b = rng.standard_normal((2, k)) * 10.0 ** rng.uniform(-3, 3, (2, k))
    b[: k // 2] = -b[k - k // 2 :] * a[k - k // 2 :] / a[: k // 2]  # most of it cancels
    exact = sum((Fraction(x) * Fraction(y) for x, y in zip(a.tolist(), b.tolist(), strict=True)), Fraction(0))
    sizes = sum((abs(Fraction(x) * Fraction(y)) for x, y in zip(a.tolist(), b.tolist(), strict=True)), Fraction(0))
    got = float(products(a[None], b[None])[0, 0])
    assert abs(Fraction(got) - exact) <= Fraction(dot_parts(k)) * sizes
    assert dot_parts(k) <= fp.dot_unit(k) or k < 2 * PART
