"""Largest eigenvalues of many weighed sums: everything that floats lose on the way counts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.rigor import fp
from certify.theorems.head.rows.bent_box import spectra

H = np.diag([4.0, 1.0, 0.25])
L = np.diag([0.5, 1.0, 2.0])


def test_rows_that_cancel_are_bounded_in_exact_numbers() -> None:
    rng, n, below = np.random.default_rng(6), 400, 0
    S = 1e6 * rng.uniform(0.5, 1.5, (n, 1))
    w = spectra.whitened(S, np.abs(S[:, 0]), np.ones((1, 1)), 0.0, np.ones((1, 1)))
    assert w is not None
    for _ in range(30):
        beta = rng.standard_normal(n)
        beta[-1] = -float(beta[:-1] @ S[:-1, 0] ** 2) / float(S[-1, 0] ** 2)
        true = sum(Fraction(b) * Fraction(s) ** 2 for b, s in zip(beta.tolist(), S[:, 0].tolist(), strict=True))
        sums = (beta @ w.products)[None, :]
        lam = spectra.largest(w, sums, (np.abs(beta) @ w.rounding)[None])
        assert lam is not None
        assert Fraction(float(lam[0])) >= max(true, Fraction(0))
        below += true > Fraction(float(sums[0, 0])) * Fraction(10002, 10000)
    assert below > 5  # floats alone are below the truth


def test_what_sums_are_rounded_by_is_that_of_the_page() -> None:
    rng, u = np.random.default_rng(2), 2.0**-53
    S = rng.standard_normal((50, 3)) * 1e3
    norms = np.linalg.norm(S, axis=1) * 1.5
    w = spectra.whitened(S, norms, H, 0.0, L)
    assert w is not None
    long, off = np.linalg.norm(S @ L, axis=1), 5 * u * norms * np.linalg.norm(L)
    page = 60 * u * long**2 + 2 * long * off + off**2
    assert (w.rounding >= page * (1 - 1e-9)).all()
    assert (w.rounding <= page * 1.01).all()


@pytest.mark.parametrize(("scale", "unsure"), [(0.98, 0.0), (1.0, 0.01)])
def test_coordinates_in_which_all_is_a_little_short_count(scale: float, unsure: float) -> None:
    """The matrix in question is as far below H as it may be."""
    S, found = np.eye(3), H - unsure * np.eye(3)
    w = spectra.whitened(S, np.ones(3), H, unsure, scale * L)
    assert w is not None
    beta = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    lam = spectra.largest(w, beta @ w.products, beta @ w.rounding)
    assert lam is not None
    assert (lam >= 1.0 / np.diag(found)).all()


def test_what_a_factor_proves_is_less_than_its_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Factors err by a hundredth of the trace here, on purpose."""
    w = spectra.whitened(np.eye(3), np.ones(3), H, 0.0, L)
    assert w is not None
    monkeypatch.setattr(fp, "cholesky_unit", lambda p: Fraction(1, 100))
    factored, factor = [], np.linalg.cholesky

    def spied(M: np.ndarray) -> np.ndarray:
        factored.append(M)
        return np.asarray(factor(M))

    monkeypatch.setattr(np.linalg, "cholesky", spied)
    sums = np.array([[1.0, 0.0, 0.0, 0.5, 0.0, -2.0]])
    lam = spectra.largest(w, sums, np.zeros(1))
    assert lam is not None
    proved = factored[-1][0, 0, 0] + 1.0
    assert lam[0] * w.kept >= (proved + 0.01 * np.trace(factored[-1][0])) * (1 - 1e-9)
    more = spectra.largest(w, sums, np.ones(1))
    assert more is not None
    assert more[0] >= lam[0] + 1.0 / w.kept * (1 - 1e-9)
