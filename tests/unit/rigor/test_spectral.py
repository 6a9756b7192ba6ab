"""Spectral norms by powers."""

from __future__ import annotations

import numpy as np
import pytest

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.spectral import spectral


@pytest.mark.parametrize("seed", range(8))
def test_the_norm_is_below(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(48, 90))
    Q = np.linalg.qr(rng.standard_normal((k, k)))[0]
    values = 10.0 ** rng.uniform(-8, 0, k) * 10.0 ** rng.uniform(-60, 60)
    for A in (Q * values @ Q.T, Q * values, (Q * values)[:, : k // 2], np.diag(values)):
        top = float(np.linalg.norm(A / values.max(), 2)) * values.max()
        assert top * (1 - 1e-12) <= spectral(A) <= fp.frobenius(A)
    assert spectral(Q) < 1.5 < fp.frobenius(Q)


def test_one_large_value_is_not_lost() -> None:
    """A power whose errors were left out would be below: the exact norm is the largest entry of a diagonal."""
    for top in (1.0, 3.0, 1e-80, 1e80):
        values = np.full(64, top * 1e-9)
        values[5] = top
        assert top <= spectral(np.diag(values)) < top * 1.001


def test_what_is_no_number_is_refused() -> None:
    A = np.eye(64)
    A[3, 4] = np.nan
    with pytest.raises(EnclosureError):
        spectral(A)
