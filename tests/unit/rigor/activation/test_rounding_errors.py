"""Every error constant of certify.rigor.activation, derived in balls from the code it speaks of (A1, A2, A4–A10).

The straight-line parts run on numbers that carry their rounding errors, over a subdivision of their whole domain;
polynomial against function is Taylor's theorem with Lagrange's remainder. Together with the prose of
proofs/activations.md these are the proofs of the constants.
"""

from __future__ import annotations

from collections.abc import Iterator

import flint
import pytest
from flint import arb

from certify.rigor.activation import elementary, elu, gelu, sigmoid, silu, softplus, tanh
from tests.unit.rigor.activation.running import Running, U, difference, largest, pieces

HALF_LN2 = arb("0.34658")


@pytest.fixture(autouse=True)
def more_precision(precision):
    flint.ctx.prec = 200


def horner(x, coefficients: tuple[float, ...]):
    """The exact polynomial, of a ball or a series."""
    p = x * coefficients[-1] + coefficients[-2]
    for c in coefficients[-3::-1]:
        p = p * x + c
    return p


def exponential(argument: Running) -> Running:
    """What `exp` returns for a nonpositive argument with an error, by A1."""
    t = (-abs(argument.value)).exp()
    return Running(t, (t * (argument.error.exp() * (1 + elementary.EXP_ERROR * U) - 1)).abs_upper())


def point(piece: arb) -> Running:
    """A float of the piece, exact."""
    return Running(piece, arb(0))


def columns(rows: Iterator[list[Running]]) -> list[arb]:
    """Largest error, in units of u, of each result over all pieces."""
    return [largest(iter(column)) for column in zip(*([r.units() for r in row] for row in rows), strict=True)]


def within(found: arb, constant: float) -> None:
    """The proved error and the clip's 2^-60 u stay within the constant, which is not loose either."""
    assert found + arb(2) ** -10 < constant < 1.3 * found + 0.1


# --- A1: exp ---------------------------------------------------------------------------------------------------------


def test_ln2_is_split_exactly():
    high, low = elementary._LN2_HIGH, elementary._LN2_LOW
    assert abs(arb(2).log() - high - low) < arb(2) ** -86
    assert high * 2**32 == int(high * 2**32)  # 32 bits, so k·high is exact for |k| < 2^21


def test_reduced_argument():
    """|r| ≤ HALF_LN2: k is the nearest integer to a product with relative error 2u + |fl(log₂e) − log₂e|/log₂e."""
    factor = abs(arb(elementary._LOG2E) * arb(2).log() - 1) + 2 * U
    assert arb(2).log() * (arb(1) / 2 + 1010 * 2 * factor) < HALF_LN2


def test_exp():
    largest_k = arb(2) ** 10  # 700 log₂e < 2^10
    k_low = largest_k * elementary._LN2_LOW
    argument = U / 4 + U * k_low * 2 + largest_k * arb(2) ** -86  # last subtraction, product k·low, and low itself
    cover = list(pieces(-HALF_LN2, HALF_LN2, 2000))
    fit = largest(
        difference(lambda s: s.exp(), lambda s: horner(s, elementary._EXP), p) / p.exp().abs_lower()
        for p in pieces(-HALF_LN2, HALF_LN2, 32)
    )
    run = largest(elementary.horner(Running(p, argument), elementary._EXP).error / p.exp().abs_lower() for p in cover)
    within((fit + run) / U, elementary.EXP_ERROR)
    assert (arb(-elementary.EXP_CLIP)).exp() < elementary.UNDERFLOW


# --- A4: log1p -------------------------------------------------------------------------------------------------------


def fit_of_log1p() -> arb:
    """In units of u; the series' own remainder and the rounding of its coefficients."""
    return largest(
        difference(lambda z: ((1 + z) / (1 - z)).log(), lambda z: 2 * z * horner(z * z, elementary._ATANH), p) / U
        for p in pieces(0, arb(1) / 3, 32)
    )


def test_log1p():
    run = largest(elementary.log1p(point(p)).error for p in pieces(0, 1, 1000))
    within(fit_of_log1p() + run / U, elementary.LOG1P_ERROR)


# --- A5: the normal tail ---------------------------------------------------------------------------------------------


def test_fit_of_the_normal_tail():
    root = arb(2).sqrt()
    fit = largest(
        difference(
            lambda a: (a / root).erfc() / 2 * (a * a / 2).exp(),
            lambda a: horner((a - elementary._TAIL_CENTRE) / (a + elementary._TAIL_CENTRE), elementary._TAIL),
            p,
        ) * (-p * p / 2).exp() * arb(1).max(p)
        for p in pieces(0, elementary.TAIL_CLIP, 250)
    )  # fmt: skip
    within(fit / U, elementary.TAIL_FIT)


# --- A2, A6–A10: the activations -------------------------------------------------------------------------------------


def test_tanh():
    t = (exponential(point(2 * p)) for p in pieces(0, tanh.CLIP, 2000))
    value, slope, second = columns(list(tanh.kernel(x)) for x in t)
    within(value, tanh.VALUE_ERROR)
    within(slope, tanh.SLOPE_ERROR)
    within(second, tanh.SECOND_ERROR)


def sigmoid_errors() -> list[arb]:
    return columns(list(sigmoid.kernel(exponential(point(p)))) for p in pieces(0, sigmoid.CLIP, 4000))


def test_sigmoid():
    s, q, slope, second = sigmoid_errors()
    within(s.max(q), sigmoid.VALUE_ERROR)
    within(slope, sigmoid.SLOPE_ERROR)
    within(second, sigmoid.SECOND_ERROR)


def test_softplus():
    """Slope and second derivative are the sigmoid's value and slope."""
    (run,) = columns([elementary.log1p(exponential(point(p)))] for p in pieces(0, sigmoid.CLIP, 4000))
    within(run + fit_of_log1p(), softplus.VALUE_ERROR)


def test_silu():
    def row(p: arb) -> list[Running]:
        m, h, second = silu.kernel(point(p), exponential(point(p)))
        return [m, h, 1.0 - h, second]

    m, h, mirrored, second = columns(row(p) for p in pieces(0, silu.CLIP, 4000))
    within(m, silu.VALUE_ERROR)
    within(h.max(mirrored), silu.SLOPE_ERROR)
    within(second, silu.SECOND_ERROR)


def test_gelu():
    def row(p: arb) -> list[Running]:
        a = point(p)
        square = a * a
        m, h, second = gelu.kernel(a, square, exponential(-0.5 * square))
        return [m, h, 1.0 - h, second]

    m, h, mirrored, second = columns(row(p) for p in pieces(0, elementary.TAIL_CLIP, 4000))
    # The tail polynomial enters m and h with factors a and 1, the float for 1/√(2π) enters h and gelu'' with
    # a φ₁(a) ≤ 1/4 and |2 − a²|φ₁(a) ≤ 4/5.
    density = abs(arb(elementary._DENSITY) * (2 * arb.pi()).sqrt() - 1) / U
    within(m + elementary.TAIL_FIT, gelu.VALUE_ERROR)
    within(h.max(mirrored) + elementary.TAIL_FIT + density / 4, gelu.SLOPE_ERROR)
    within(second + density * 4 / 5, gelu.SECOND_ERROR)


def test_elu():
    t = [exponential(point(p)) for p in pieces(0, elu.CLIP, 2000)]
    (value,) = columns([x - 1.0] for x in t)
    within(value, elu.VALUE_ERROR)
    assert elementary.EXP_ERROR <= elu.SLOPE_ERROR  # e^x ≤ 1


def test_clips_move_nothing():
    """Beyond the clip what is clipped is below 2^-64 = 2^-11 u (the bounds are those of proofs/activations.md, A0)."""
    tiny = arb(2) ** -64
    for clip in (sigmoid.CLIP, silu.CLIP, elu.CLIP):
        assert (2 + arb(clip)) * (-arb(clip)).exp() < tiny
    assert 8 * (-2 * arb(tanh.CLIP)).exp() < tiny
    a = arb(elementary.TAIL_CLIP)
    assert (1 + a * a) * (-a * a / 2).exp() < tiny
