"""Motions of rows as whole numbers, as the checker reads them."""

from __future__ import annotations

import io
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from certify.check.probed import answer
from certify.finders.proposals.motions import (
    LONG,
    SOME,
    Curvature,
    Passes,
    answers,
    fraction,
    moved,
    proposed,
    whole,
    within,
)


@pytest.mark.parametrize("scale", [1.0, 1e-95, 0.0])
@pytest.mark.parametrize("formed", [True, False])
def test_rows_without_motion_are_sent_with_the_others(scale, formed, monkeypatch):
    """Their bits do not differ from those of the longest fraction by more than may be."""
    rng, p, d = np.random.default_rng(1), 30, 2
    Y = rng.normal(size=(3 * d, p)) * scale
    Y[d:2 * d] = 0
    V = np.linalg.qr(rng.normal(size=(p, 24)))[0]
    monkeypatch.setattr(answer, "LARGE", p if formed else 0)
    said = io.BufferedReader(io.BytesIO(b"".join(answers(np.eye(p), None, [Y.T @ Y] if formed else [V, V], Y, d))))
    found = answer.read(said, p, 3, d)
    assert found is not None
    for number in range(3):
        sent = np.array([[float(x) for x in row] for row in found.motion(number).tolist()])
        near = np.ldexp(sent, -found.row_bits[number])
        assert np.abs(near - Y[d * number:d * number + d]).max() <= 2.0**-49 * np.abs(Y).max()


def passes(free: list[int], units: int, sharp: bool = False, n: int = 12) -> Passes:
    """Of a network with 20 features, so many units and 3 outputs, at 12 rows of which some move."""
    rng, d, k = np.random.default_rng(2), 20, 3
    W = [rng.normal(size=(units, d)), rng.normal(size=(k, units))]
    X, scale, M = rng.normal(size=(n, d)), rng.random(d) + 0.5, rng.normal(size=(n, k, k))
    A, one = np.tanh(X @ W[0].T), np.ones(n)
    return Passes(W, [np.c_[X, one], np.c_[A, one]], [1 - A**2], [-2 * A * (1 - A**2)], rng.normal(size=(n, k)),
                  M + M.transpose(0, 2, 1), W[0] * scale, scale, free, [True, True], list(range(0, n, 2)), 0.1,
                  "motions", None, True, True, None, np.empty((0, 6 * d)), sharp)


@pytest.mark.parametrize("free", [[0, 1], [0], [1]])
@pytest.mark.parametrize("units", [5, 15])
def test_motions_are_the_same_by_units_and_by_features(free, units):
    of = Curvature(passes(free, units))
    p = sum({0: units * 21, 1: 3 * (units + 1)}[h] for h in free)
    rows = np.random.default_rng(3).normal(size=(7, p))
    whole = np.concatenate([of.columns(np.array([i]))[0].T @ rows.T for i in of.at.moving])
    assert np.abs(moved(of, rows) - whole).max() <= 1e-12 * np.abs(whole).max()


@pytest.mark.parametrize("free", [[0, 1], [0], [1]])
def test_a_sharp_inverse_is_one_of_the_sum_of_all_rows_to_more_digits(free):
    """Against the sum of the rows' own matrices as fractions.

    Rows have so few digits that sums of 64 of them are exact in any order, of any BLAS; and all but the first 64 count
    so little that the sum of all has more digits than a float.
    """
    sharp = coarse(passes(free, 4, True, 200))
    pair = Curvature(sharp).hessian()
    plain = Curvature(replace(sharp, sharp=False)).hessian()
    p = plain.shape[1]
    assert pair.shape == (2, p, p) and plain.shape == (1, p, p)
    rows = [np.ldexp(Curvature(only(sharp, i)).hessian()[0], 120).ravel().tolist() for i in range(200)]
    alone = [[int(x) for x in row] for row in rows]
    exact = [sum(column) for column in zip(*alone, strict=True)]
    off = [sum(abs(sum(int(np.ldexp(x, 120)) for x in place) - e) for *place, e in zip(
        *(part.ravel().tolist() for part in M), exact, strict=True)) for M in (pair, plain)]
    assert off[0] == 0 < off[1]


@pytest.mark.parametrize("free", [[0, 1], [0], [1]])
def test_a_sharp_inverse_is_told_as_whole_numbers_to_its_last_digit(free):
    """What is told of X is all of it."""
    sharp = passes(free, 4, True, 400)
    X, below, _, _ = proposed(sharp)
    bits = fraction(X, LONG)
    told = np.frombuffer(whole(X, bits, below), dtype="<i8")
    true = [Fraction(x) + Fraction(y) for x, y in zip(X.ravel().tolist(), below.ravel().tolist(), strict=True)]
    assert all(abs(t - x * 2**bits) <= 1 for t, x in zip(told.tolist(), true, strict=True))
    assert max(abs(t - Fraction(x) * 2**bits) for t, x in zip(told.tolist(), X.ravel().tolist(), strict=True)) > 4


def coarse(at: Passes) -> Passes:
    """The same in quarters, without a decay, all but the first rows counting 2⁻⁶⁰ as much."""
    names = ("weights", "inputs", "slopes", "bends")
    parts = {name: [np.round(4 * M) / 4 for M in getattr(at, name)] for name in names}
    counts = np.where(np.arange(len(at.ends)) < SOME, 1.0, 2.0**-60)
    return replace(at, **parts, ends=np.round(4 * at.ends) / 4 * counts[:, None],
                   curvatures=np.round(4 * at.curvatures) / 4 * counts[:, None, None], decay=0.0)


def only(at: Passes, i: int) -> Passes:
    """One row, with its share of the decay."""
    own = slice(i, i + 1)
    parts = {name: [M[own] for M in getattr(at, name)] for name in ("inputs", "slopes", "bends")}
    return replace(at, **parts, ends=at.ends[own], curvatures=at.curvatures[own], moving=[],
                   decay=at.decay / len(at.ends), sharp=False)


def test_where_there_is_no_inverse_none_is_proposed():
    """Not a sharp one either: without curvature and decay all is 0."""
    for sharp in (True, False):
        at = passes([1], 4, sharp)
        with pytest.raises(np.linalg.LinAlgError):
            proposed(replace(at, curvatures=at.curvatures * 0, ends=at.ends * 0, decay=0.0))


def test_a_factor_is_proposed_where_a_budget_stays_below_one():
    rng = np.random.default_rng(4)
    Y, roots = rng.normal(size=(12, 6)), rng.random(12)
    size = np.linalg.norm(Y * roots[:, None], 2)
    for share in (0.5, 1 - 1e-5, 1 - 1e-9):
        k, R = within(Y, roots * (share / size))
        left = (1 - 2.0**-k) ** 2 * np.eye(6) - (Y * roots[:, None]).T @ (Y * roots[:, None]) * (share / size) ** 2
        assert k > 0 and np.abs(R @ left @ R.T - np.eye(6)).max() < 1e-4
    k, R = within(Y, roots / size)
    assert k == 0 and not R.any()
