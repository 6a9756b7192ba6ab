"""Single precision: bounds of products, the exponential against 100 bits, and products that are not what they seem."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx

from certify.rigor.single import floats as single
from certify.rigor.single.floats import EXP_ERROR, FARTHEST, LEAST, UNIT, above, below, dot_unit, exp, is_exact
from certify.rigor.single.grams import ROWS, gram_above, most_above, not_tiny
from certify.rigor.single.lengths import LARGEST, lengths_above
from certify.rigor.single.pieces import product, terms

Short = single.Short


def off(x: Short, y: Short) -> float:
    """The largest error of an exponential, as a part of it."""
    with ctx.workprec(100):
        return max(abs(float((arb(float(v)) - arb(float(u)).exp()) / arb(float(u)).exp()))
                   for u, v in zip(x, y, strict=True))


def arguments() -> Short:
    """All over the range, next to its ends, next to 0 and next to where powers of two change."""
    rng, half = np.random.default_rng(0), np.arange(-122.5, 123.0) * np.log(2.0)
    near = (half[:, None] + np.array([-1e-6, 0.0, 1e-6])).ravel()
    x = np.concatenate([rng.uniform(-FARTHEST, FARTHEST, 4000), near, 10.0 ** rng.uniform(-40, 0, 200), [0.0, -0.0]])
    return x[np.abs(x) <= FARTHEST].astype(np.float32)


def test_exponentials_are_as_near_as_is_said() -> None:
    x = arguments()
    assert off(x, exp(x)) < EXP_ERROR and off(x, exp(x)) > 2.0**-24


def test_exponentials_beyond_the_range_are_those_at_its_ends() -> None:
    far = np.array([86.0, 1e3, 3e38, np.inf], np.float32)
    assert (exp(far) == exp(np.array([FARTHEST], np.float32))).all()
    assert (exp(-far) == exp(np.array([-FARTHEST], np.float32))).all()


@pytest.mark.parametrize("left_out", ["_LOW", "_EXP"])
def test_an_exponential_without_a_part_is_missed(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, left_out, np.float32(0.0) if left_out == "_LOW" else single._EXP[:-1])
    assert off(arguments(), exp(arguments())) > EXP_ERROR


@pytest.mark.parametrize("scale", [1.0, 2.0**60, 2.0**-60])
def test_products_err_by_no_more_than_is_said(scale: float) -> None:
    rng, worst = np.random.default_rng(1), 0.0
    for k in (3, 50, 1000):
        x = (scale * rng.standard_normal(k) * 10.0 ** rng.uniform(-3, 3, k)).astype(np.float32)
        y = rng.standard_normal(k).astype(np.float32)
        true = sum((Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x, y, strict=True)), Fraction(0))
        size = float(np.abs(x).astype(np.float64) @ np.abs(y).astype(np.float64))
        error = abs(float(Fraction(float((x[None] @ y[:, None])[0, 0])) - true))
        assert error <= dot_unit(k) * size
        worst = max(worst, error / (UNIT * size))
    assert worst > 0.01 and dot_unit(single.MOST + 1) == np.inf


@pytest.mark.parametrize("n", [3, 512, 513, 640, 641, 3000])
def test_long_products_in_parts_err_by_no_more_than_is_said(n: int) -> None:
    """Of products with the first terms alone, too, in the same parts."""
    rng = np.random.default_rng(n)
    for k in (n, n - 1, 2 * n // 3, 100):
        x = (rng.standard_normal((3, k)) * 10.0 ** rng.uniform(-3, 3, k)).astype(np.float32)[:, :n]
        y = np.abs(rng.standard_normal((k, 2))).astype(np.float32)[:n]
        for right in (y, y[:, 0]):
            wide, size = x.astype(np.longdouble) @ right, np.abs(x).astype(np.float64) @ right
            assert product(x, right, n).shape == wide.shape
            assert (np.abs(product(x, right, n) - wide) <= dot_unit(terms(n)) * size).all()


def test_terms_that_are_lost_beside_a_part_are_paid_for() -> None:
    """Each part but the first is half of the last digit of the first one, and lost."""
    n = 4096
    x = np.zeros((4, n), np.float32)
    x[:, 0], x[:, 128::128] = 1.0, UNIT
    off = np.abs(product(x, np.ones((n, 2), np.float32), n) - x.astype(np.float64).sum(axis=1)[:, None])
    assert (off <= dot_unit(terms(n))).all() and (off > 25 * UNIT).all()
    assert all(terms(k) <= terms(k + 1) for k in range(513, 9000)) and terms(512) == 512 > terms(513) > 2 * 513 / 128


def test_numbers_are_rounded_up_and_down() -> None:
    rng = np.random.default_rng(2)
    x = 10.0 ** rng.uniform(-320, 38, 3000)
    up, down = above(x).astype(np.float64), below(x).astype(np.float64)
    assert (up >= x).all() and (down <= x).all() and (up >= LEAST).all() and above(np.zeros(1))[0] > 0.0
    some = x > 2.0 * LEAST
    assert (up[some] <= x[some] * (1.0 + 1e-6)).all() and (down[some] >= x[some] * (1.0 - 1e-6)).all()
    assert np.isnan(above(np.array([np.nan]))[0]) and above(np.array([np.inf]))[0] == np.inf


def shorter(bits: int, x: Short) -> Short:
    """Only the leading bits."""
    whole = x.view(np.uint32) & np.uint32((0xFFFFFFFF << (24 - bits)) & 0xFFFFFFFF)
    return np.asarray(whole.view(np.float32))


def strassen(a: Short, b: Short) -> Short:
    """One level of it."""
    h = len(a) // 2
    p, q, r, s, e, f, g, i = a[:h, :h], a[:h, h:], a[h:, :h], a[h:, h:], b[:h, :h], b[:h, h:], b[h:, :h], b[h:, h:]
    one, two, three, four = p @ (f - i), (p + q) @ i, (r + s) @ e, s @ (g - e)
    five, six, seven = (p + s) @ (e + i), (q - s) @ (g + i), (p - r) @ (e + f)
    return np.block([[five + four - two + six, one + two], [three + four, one + five - three - seven]])


def test_products_of_fewer_bits_are_told() -> None:
    assert single.products_are_exact() and is_exact(64, np.matmul)
    assert not is_exact(64, lambda a, b: shorter(8, a) @ shorter(8, b))  # bfloat16
    assert not is_exact(64, lambda a, b: shorter(11, a) @ shorter(11, b))  # tf32
    assert not is_exact(64, strassen)


def nonnegative(rng: np.random.Generator, n: int, f: int) -> np.ndarray:
    """Zeros, numbers that squares would lose, and ordinary ones."""
    return rng.random((n, f)) * 10.0 ** rng.uniform(-40, 1, (n, f)) * (rng.random((n, f)) < 0.8)


@pytest.mark.parametrize("n", [1, 40, ROWS + 3])
@pytest.mark.parametrize("squared", [False, True])
def test_gram_matrices_of_nonnegative_numbers_are_above_the_exact_ones(n: int, squared: bool) -> None:
    rng = np.random.default_rng([n, squared])
    M, weights = nonnegative(rng, n, 3), nonnegative(rng, n, 1)[:, 0]
    found = gram_above(not_tiny(M), weights, squared)
    assert found is not None
    rows = [[Fraction(float(x)) ** (1 + squared) for x in row] for row in M]
    for a in range(3):
        for b in range(3):
            true = sum((Fraction(float(w)) * row[a] * row[b] for w, row in zip(weights, rows, strict=True)),
                       Fraction(0))
            assert true <= Fraction(float(found[a, b]))
            assert float(found[a, b]) <= float(true) * 1.001 + 1e-12
    most = most_above(not_tiny(M), weights)
    true_most = np.max(weights[:, None] * M, axis=0)
    assert (most >= true_most).all() and (most <= true_most * 1.001 + 1e-15).all()


def test_numbers_too_large_for_single_precision_have_no_such_matrix() -> None:
    with np.errstate(over="ignore"):
        for large in (1e25, 1e60, np.inf):
            assert gram_above(not_tiny(np.full((2, 2), large)), np.ones(2)) is None
    assert gram_above(not_tiny(np.full((2, 2), np.nan)), np.ones(2)) is None


@pytest.mark.parametrize("p", [1, 5, 120, 300])
@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_lengths_are_above_the_exact_ones_and_near_them(p: int, spread: float) -> None:
    rng = np.random.default_rng([p, int(spread)])
    A = rng.standard_normal((p, p)) * 10.0 ** rng.uniform(-spread, 0.0, (p, 1))
    X = A @ A.T + 1e-3 * np.eye(p)
    X = 0.5 * (X + X.T)
    S = rng.standard_normal((7, p)) * 10.0 ** rng.uniform(-3, 0, (7, 1))
    norms = np.linalg.norm(S, axis=1) * (1.0 + 1e-12)
    assert norms.max() < LARGEST
    found = lengths_above(S.astype(np.float32), norms, X, 1e-9)
    assert found is not None
    true = np.sqrt(np.einsum("ij,jk,ik->i", *(x.astype(np.longdouble) for x in (S, X, S))) + 1e-9 * norms * norms)
    assert (true <= found * (1.0 + 1e-15)).all()
    assert (found <= true + 1e-3 * norms * np.sqrt(np.trace(X))).all()


def test_there_are_no_lengths_of_long_rows_or_in_no_norm() -> None:
    S = np.ones((2, 2), np.float32)
    assert lengths_above(S, np.array([1.5, LARGEST + 1.0]), np.eye(2), 0.0) is None
    assert lengths_above(S, np.array([1.5, 1.5]), np.diag([1.0, -1.0]), 0.0) is None


def test_a_matrix_with_itself_is_looked_at_too() -> None:
    def few_bits(R: single.Short) -> single.Short:
        short = (np.ascontiguousarray(R).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)  # as bfloat16 has
        return np.asarray(short.T @ short)

    assert single.squares_are_exact(64, lambda R: R.T @ R)
    assert not single.squares_are_exact(64, few_bits)
