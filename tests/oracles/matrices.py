"""Exact oracles for matrices and scalars: rationals and balls of python-flint, independent of the product's code.

A matrix is a list of rows. Its entries are `fmpq` (every finite float is one, so decisions are exact) or `arb`
(where a transcendental function is involved; a sign that the ball does not decide raises :class:`Undecided`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import flint
import numpy as np
from flint import arb, fmpq

Number = Any  # fmpq or arb
Rows = list[list[Number]]


class Undecided(ArithmeticError):
    """A ball contains zero where a sign is needed: raise the precision."""


@contextmanager
def precision(bits: int) -> Iterable[None]:
    """Ball arithmetic at `bits` bits inside the block."""
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


def decided(question: Callable[[], bool], start: int = 256, stop: int = 4096) -> bool:
    """Answer of `question`, asked at doubled precision until its balls decide."""
    bits = start
    while True:
        try:
            with precision(bits):
                return question()
        except Undecided:
            bits *= 2
            if bits > stop:
                raise


def rational(x: float | int | Fraction) -> fmpq:
    """The rational that a finite float, an integer or a Fraction is."""
    if isinstance(x, Fraction):
        return fmpq(x.numerator, x.denominator)
    numerator, denominator = float(x).as_integer_ratio() if not isinstance(x, int) else (x, 1)
    return fmpq(numerator, denominator)


def ball(x: float | int | Fraction | fmpq) -> arb:
    """The same number as a ball (exact for floats: 53 bits fit any precision used here)."""
    return arb(x if isinstance(x, fmpq) else rational(x))


def vector(v: Iterable[float]) -> list[fmpq]:
    """A float vector as rationals."""
    return [rational(x) for x in np.asarray(v).tolist()]


def matrix(A: np.ndarray, low: np.ndarray | None = None) -> Rows:
    """A float matrix, or the unevaluated sum of two, as rationals."""
    rows = [vector(row) for row in A]
    return rows if low is None else add(rows, [vector(row) for row in np.broadcast_to(low, A.shape)])


def pair(P: Any) -> Rows:
    """A pair `hi + lo` of the product (2-d) as rationals."""
    return matrix(P.hi, P.lo)


def transposed(M: Rows) -> Rows:
    """Mᵀ."""
    return [list(column) for column in zip(*M, strict=True)]


def dot(a: Sequence[Number], b: Sequence[Number]) -> Number:
    """Exact inner product (0 for empty vectors)."""
    return sum((x * y for x, y in zip(a, b, strict=True)), fmpq(0))


def times(A: Rows, B: Rows) -> Rows:
    """AB."""
    columns = transposed(B)
    return [[dot(row, column) for column in columns] for row in A]


def product_transposed(A: Rows, B: Rows) -> Rows:
    """ABᵀ."""
    return [[dot(a, b) for b in B] for a in A]


def add(A: Rows, B: Rows) -> Rows:
    """A + B."""
    return [[x + y for x, y in zip(a, b, strict=True)] for a, b in zip(A, B, strict=True)]


def scaled(A: Rows, s: Number) -> Rows:
    """sA."""
    return [[s * x for x in row] for row in A]


def subtract(A: Rows, B: Rows) -> Rows:
    """A − B."""
    return add(A, scaled(B, fmpq(-1)))


def identity(n: int) -> Rows:
    """I_n."""
    return [[fmpq(int(i == j)) for j in range(n)] for i in range(n)]


def shifted(M: Rows, s: Number) -> Rows:
    """M − sI."""
    return [[x - s if i == j else x for j, x in enumerate(row)] for i, row in enumerate(M)]


def square(v: Sequence[Number]) -> Number:
    """|v|²."""
    return dot(v, v)


def size_square(M: Rows) -> Number:
    """‖M‖_F²."""
    return sum((square(row) for row in M), fmpq(0))


def sign(x: Number) -> int:
    """Sign of a rational or of a ball; raises where the ball does not decide."""
    if x > 0:
        return 1
    if x < 0:
        return -1
    if isinstance(x, fmpq) or x.is_zero():
        return 0
    raise Undecided(f"sign of {x}")


def at_most(a: Number, b: Number) -> bool:
    """Whether a ≤ b, decided."""
    return sign(b - a) >= 0


def is_semidefinite(M: Rows, strict: bool = False) -> bool:
    """Whether the symmetric matrix M is positive semidefinite (strict: definite), by exact LDLᵀ."""
    M = [list(row) for row in M]
    n = len(M)
    for i in range(n):
        pivot = M[i][i]
        s = sign(pivot)
        if s < 0 or (s == 0 and strict):
            return False
        if s == 0:
            if any(sign(M[i][j]) != 0 for j in range(i + 1, n)):
                return False
            continue
        for j in range(i + 1, n):
            factor = M[j][i] / pivot
            if isinstance(factor, fmpq) and factor == 0:
                continue
            for m in range(i + 1, n):
                M[j][m] = M[j][m] - factor * M[i][m]
    return True


def is_definite(M: Rows) -> bool:
    """Whether the symmetric matrix M is positive definite."""
    return is_semidefinite(M, strict=True)


def wide_gram(A: Rows) -> Rows:
    """The smaller one of AAᵀ and AᵀA: its eigenvalues are the squared singular values."""
    B = A if len(A) <= len(A[0]) else transposed(A)
    return product_transposed(B, B)


def lambda_min_between(M: Rows, lower: Number, upper: Number) -> bool:
    """Whether `lower ≤ λ_min(M) ≤ upper`."""
    return is_semidefinite(shifted(M, lower)) and not is_definite(shifted(M, upper))


def sigma_min_between(A: Rows, lower: fmpq, upper: fmpq) -> bool:
    """Whether `0 ≤ lower ≤ σ_min(A) ≤ upper`, σ_min the least of the min(n, m) singular values."""
    return lower >= 0 and upper >= 0 and lambda_min_between(wide_gram(A), lower * lower, upper * upper)


def norm_at_most(A: Rows, bound: Number) -> bool:
    """Whether `‖A‖₂ ≤ bound`."""
    return sign(bound) >= 0 and is_semidefinite(scaled(shifted(wide_gram(A), bound * bound), fmpq(-1)))


def norm_at_least(A: Rows, bound: Number) -> bool:
    """Whether `‖A‖₂ ≥ bound`."""
    return sign(bound) <= 0 or not is_definite(scaled(shifted(wide_gram(A), bound * bound), fmpq(-1)))


def symmetric_norm_at_most(D: Rows, bound: Number) -> bool:
    """Whether `‖D‖₂ ≤ bound` for a symmetric D (no squares: less precision is needed)."""
    return is_semidefinite(shifted(D, -bound)) and is_semidefinite(scaled(shifted(D, bound), fmpq(-1)))


def tanh(x: Number) -> arb:
    """tanh as a ball at the current precision."""
    return arb(x).tanh()


def inverse(M: Rows) -> Rows | None:
    """Exact inverse of a rational matrix, None where it is singular."""
    try:
        return [list(row) for row in flint.fmpq_mat(len(M), len(M), [x for row in M for x in row]).inv().table()]
    except ZeroDivisionError:
        return None
