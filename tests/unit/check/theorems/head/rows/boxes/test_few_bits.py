"""Matrices in few bits and their norms: never less than the truth, and what is cut off is measured."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat

from certify.check.theorems.head.rows.boxes import fixed_rows
from certify.check.theorems.head.rows.boxes.fixed_rows import few, power, size, spectral, whole_norm


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e200])
@pytest.mark.parametrize("even", [False, True])
def test_what_is_cut_off_is_held_and_little_more(scale: float, even: bool) -> None:
    """Of numbers of any kind a third of a unit each; of whole numbers next to nothing."""
    rng = np.random.default_rng(0)
    A = rng.integers(-9, 10, (30, 20)).astype(float) if even else rng.standard_normal((30, 20))
    with ctx.workprec(128):
        M = arb_mat((A * scale).tolist()) if not even else arb_mat(A.tolist()) * power(7)
        found = few(M, 30)
        true, unit = size(M - arb_mat(found.mat) * power(found.unit)), power(found.unit) * arb(600).sqrt()
        assert true <= found.off < true * arb(1.001) + unit * arb(2.0**-19)
        assert (found.off < unit * arb(0.01)) == even


def test_the_norm_of_a_large_matrix_in_few_bits_is_never_less(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(12):
        rng = np.random.default_rng([seed, 7])
        A = rng.standard_normal((9, 9)) * 10.0 ** rng.uniform(-8, 8)
        A, radius = A + A.T, abs(A).max() * 1e-3 * (seed % 2)
        M = arb_mat([[arb(x, radius) for x in row] for row in A.tolist()])
        true = float(np.linalg.norm(A, 2))
        with ctx.workprec(64):
            monkeypatch.setattr(fixed_rows, "WIDE", 99)
            plain = float(spectral(M))
            monkeypatch.setattr(fixed_rows, "WIDE", 9)
            short = float(spectral(M))
        assert true * (1.0 - 1e-12) <= short and plain >= true * (1.0 - 1e-12)
        assert short <= true * 9.0 ** (1.0 / 16.0) * (1.0 + 1e-4) + 9.0 * radius


@pytest.mark.parametrize("value", ["nan", "inf", "1e400"])
def test_what_is_beyond_doubles_has_no_norm_in_few_bits(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr(fixed_rows, "WIDE", 2)
    with ctx.workprec(64):
        found = spectral(arb_mat([[arb(value), arb(0)], [arb(0), arb(1)]]))
        assert not found < fixed_rows.HUGE


@pytest.mark.parametrize("what", ["cut off", "radius"])
def test_the_norm_of_a_matrix_of_one_number_has_what_is_left_out(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """There the Frobenius norm is the norm, so what few bits cut off, or radii, has no room elsewhere."""
    p = 9
    monkeypatch.setattr(fixed_rows, "WIDE", p)
    monkeypatch.setattr(fixed_rows, "WORD", 12 + p.bit_length())
    for whole in range(32, 64, 5):
        for sign in (1.0, -1.0):
            x, radius = sign * (whole + 0.4 * (what == "cut off")), 0.5 * (what == "radius")
            with ctx.workprec(64):
                found = float(spectral(arb_mat([[arb(x, radius)] * p] * p)))
            assert p * (abs(x) + radius) <= found < p * (abs(x) + radius) * 1.01


@pytest.mark.parametrize("squarings", [1, 2, 3])
def test_the_norm_of_a_product_of_two_vectors_is_never_less(monkeypatch: pytest.MonkeyPatch, squarings: int) -> None:
    """As above, with four bits of each square kept."""
    monkeypatch.setattr(fixed_rows, "SHORT", 4)
    for seed in range(12):
        v = np.random.default_rng([seed, 11]).integers(1, 100, 5)
        assert float(v @ v) <= whole_norm(fmpz_mat(np.outer(v, v).tolist()), squarings)
