"""The numerical constants of proofs/rounding.md A1 and A2, re-derived in ball arithmetic."""

import math

import flint
import pytest

from certify.rigor import activations, fp

U = flint.arb(2) ** -53


@pytest.fixture(autouse=True)
def precision():
    """200 bits for every test here."""
    old, flint.ctx.prec = flint.ctx.prec, 200
    yield
    flint.ctx.prec = old


def test_ln2_is_split_exactly():
    low = flint.arb(2).log() - activations._LN2_HIGH
    assert abs(low - activations._LN2_LOW) < flint.arb(2) ** -86
    mantissa = int(activations._LN2_HIGH * 2**32)
    assert mantissa == activations._LN2_HIGH * 2**32  # at most 32 bits, so k·H is exact for |k| < 2^21


def test_exp_error_is_within_its_constant():
    """Running error of the Horner scheme for |r| ≤ 0.3467, with the reduction and truncation errors."""
    r = flint.arb("0.3467")
    error, size = flint.arb(0), flint.arb(0)
    for k in range(13, -1, -1):
        c = flint.arb(1) / math.factorial(k)
        if k == 13:
            error, size = U * c, c
            continue
        product_error = error * r + U * (size + error) * r
        error = product_error + U * c + U * (size * r + product_error + c * (1 + U))
        size = size * r + c
    least = (-r).exp()
    truncation = r**14 / math.factorial(14) * r.exp()
    reduction = flint.arb("0.36") * U
    assert error / least + truncation / least + reduction < fp.EXP_ERROR * U


def test_tanh_errors_are_within_their_constants():
    contribution = fp.EXP_ERROR * U / 2  # sup 2t/(1+t)² = 1/2
    rounding = 3 * U + 100 * U * U
    value = contribution + rounding + flint.arb(2) ** -114
    assert value < fp.TANH_ERROR * U
    assert 2 * fp.TANH_ERROR * U + 3 * U + 1000 * U * U < fp.TANH_SLOPE_ERROR * U


def test_curvature_of_tanh():
    """sup|tanh''| = 4/(3√3), attained where tanh² = 1/3."""
    assert flint.arb(4) / (3 * flint.arb(3).sqrt()) < fp.TANH_CURVATURE
    t = (1 / flint.arb(3)).sqrt()
    assert abs(2 * t * (1 - t * t) - flint.arb(4) / (3 * flint.arb(3).sqrt())) < flint.arb(2) ** -150
