"""What rows are off by, and all of them together, against the worst that balls allow, in rationals."""

from __future__ import annotations

from array import array
from fractions import Fraction
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.fixed import Fixed
from certify.check.probed import rows
from certify.check.probed.answer import Answer
from certify.check.probed.products import Products
from certify.check.probed.rows import Rows

P, Q, D, N, BITS = 3, 2, 2, 2, 10
"""Weights, vectors, features, rows of the data, and bits of motions."""


def motions(rng: np.random.Generator) -> np.ndarray:
    """`Y_iᵀ`, `2^BITS` times."""
    return rng.integers(-(1 << 20), 1 << 20, (N, D, P))


def answer(Y: np.ndarray, gram: Fixed | None = None) -> Answer:
    n, p = len(Y), Y.shape[-1]
    return Answer([fmpz_mat(p, p)], 0, 0, [BITS] * n, memoryview(array("q", Y.ravel().tolist()).tobytes()), gram=gram)


def of(Y: np.ndarray, images: np.ndarray, forms: np.ndarray, wide: tuple[int, int], told: Answer,
       drawn: fmpz_mat | None = None) -> Rows:
    """Balls of these radii around integers."""
    def balls(M: np.ndarray, r: int) -> arb_mat:
        return arb_mat([[arb(x, r) for x in row] for row in M.tolist()])

    found = Products(balls(images, wide[0]), balls(forms, wide[1]))
    return Rows(SimpleNamespace(moving=tuple(range(len(Y)))), told, found, fmpz_mat(P, Q) if drawn is None else drawn)


def squared(vector: list[Fraction]) -> Fraction:
    return sum((x * x for x in vector), Fraction(0))


def away(Y: np.ndarray, image: list[int], form: list[int]) -> Fraction:
    """The square of the length of `zᵀY_i − w` of one member."""
    return squared([sum((Fraction(int(y) * z, 1 << BITS) for y, z in zip(line, image, strict=True)), Fraction(0)) - w
                    for line, w in zip(Y.tolist(), form, strict=True)])


@pytest.mark.parametrize("places", [8, 62])
@pytest.mark.parametrize("wide", [(0, 0), (0, 90_000), (90_000, 0), (3000, 3_000_000)])
def test_a_row_is_off_by_the_worst_member(monkeypatch: pytest.MonkeyPatch, wide: tuple[int, int], places: int) -> None:
    """Every corner of the balls of every vector, whether images are cut to few bits or not; and not by much more."""
    monkeypatch.setattr(rows, "PASS", places)
    for seed in range(4):
        rng = np.random.default_rng([seed, *wide])
        Y, images, forms = motions(rng), rng.integers(-9999, 9999, (P, Q)), rng.integers(-9999, 9999, (N * Q, D))
        with ctx.workprec(128):
            seen = of(Y, images, forms, wide, answer(Y))
            for i in range(N):
                gram, off = seen.row(i)
                worst = max(away(Y[i], [int(x) + s * wide[0] for x, s in zip(images[:, c], first, strict=True)],
                                 [int(x) + s * wide[1] for x, s in zip(forms[i * Q + c], then, strict=True)])
                            for c in range(Q) for first in product((-1, 1), repeat=P)
                            for then in product((-1, 1), repeat=D))
                true = arb(fmpz(worst.numerator)) / worst.denominator
                assert off**2 >= true.lower()
                assert places == 8 or off < 8 * true.sqrt()
                assert gram.contains((arb_mat(Y[i].tolist()) * arb_mat(Y[i].tolist()).transpose()).mid() / (1 << 20))


@pytest.mark.parametrize("places", [8, 62])
def test_all_rows_together_are_off_by_what_was_cut_too(monkeypatch: pytest.MonkeyPatch, places: int) -> None:
    """`|(G − YYᵀ)v|` of every vector, in rationals, where `Y_iᵀv` is cut to few bits or not."""
    monkeypatch.setattr(rows, "PASS", places)
    cut = 0
    for seed in range(30):
        rng = np.random.default_rng([seed, 3])
        Y, V = motions(rng), rng.integers(-(1 << 20), 1 << 20, (P, Q))
        whole = sum(M.T.astype(object) @ M.astype(object) for M in Y)
        near = whole + (rng.integers(-(1 << 33), 1 << 33, (P, P)) if places == 8 else 0)
        gram = Fixed(fmpz_mat(near.tolist()), 2 * BITS, arb(0))
        with ctx.workprec(128):
            told = answer(Y, gram)
            seen = of(Y, np.zeros((P, Q), int), np.zeros((N * Q, D), int), (0, 0), told, fmpz_mat(V.tolist()))
            for i in range(N):
                seen.row(i)
            found, least = seen.all(arb(0.5)), Fraction(1, 2)
            assert found is not None and found.plain.mid == gram.mid
            off = [[Fraction(int(x), 1 << 2 * BITS) for x in row] for row in ((near - whole) @ V).T.tolist()]
            worst = max(map(squared, off)) / least**2
            assert found.plain.radius**2 >= (arb(fmpz(worst.numerator)) / worst.denominator).lower()
            cut += bool(seen._lost > 0)
    assert cut == (30 if places == 8 else 0)


def test_each_feature_loses_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them nearly a whole one, which equal motions add up: as large a loss as there can be."""
    monkeypatch.setattr(rows, "PASS", 8)
    d = 16
    y, v, drop = (1 << 19) + 4030, (1 << 20) + 11, 32
    rest = y * v % (1 << drop)
    assert (y * v).bit_length() - drop == 8 and rest > 0.98 * 2**drop
    near = Fraction(d * y * (y * v >> drop << drop), v)
    gram = Fixed(fmpz_mat([[int(near * (1 << 20))]]), 2 * BITS + 20, arb(0))
    Y = np.full((1, d, 1), y)
    with ctx.workprec(128):
        seen = of(Y, np.zeros((1, 1), int), np.zeros((1, d), int), (0, 0), answer(Y, gram), fmpz_mat([[v]]))
        seen.row(0)
        found = seen.all(arb(1))
        off = d * y * rest / 2.0 ** (2 * BITS)
        assert found is not None and off <= found.plain.radius < 1.05 * off
