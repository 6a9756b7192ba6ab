"""Exact rational vectors, and the linear algebra of sets given by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from flint import fmpq, fmpq_mat

from certify.format.errors import InputError

Vector = tuple[Fraction, ...]
Rows = tuple[Vector, ...]


def number(value: Any, asked: str) -> Fraction:
    """A number as the rational it is: int, float, Fraction, numpy scalar, SymPy rational, or a string such as "1/3".

    Raises:
        InputError: for NaN, infinity and what is no number.

    >>> number(0.5, "radius"), number("1/3", "radius")
    (Fraction(1, 2), Fraction(1, 3))
    """
    try:
        return Fraction(value.item() if hasattr(value, "item") else value)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError, AttributeError):
        raise InputError(asked, f"{value!r}", "give finite real numbers") from None


def vector(values: Any, asked: str, length: int | None = None) -> Vector:
    """A vector of rationals.

    Raises:
        InputError: not a list of finite numbers, or not `length` of them.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(asked, f"{values!r}", "give a list of numbers")
    found = tuple(number(v, asked) for v in values)
    if length is not None and len(found) != length:
        raise InputError(asked, f"{len(found)} numbers in dimension {length}", f"give {length}")
    return found


def rows(values: Any, asked: str, length: int | None = None) -> Rows:
    """The rows of a matrix, all of one length.

    Raises:
        InputError: no rows of equal length.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(asked, f"{values!r}", "give a list of rows")
    found = tuple(vector(row, asked, length) for row in values)
    if len({len(row) for row in found}) > 1:
        raise InputError(asked, f"rows of {sorted({len(row) for row in found})} numbers", "give rows of one length")
    return found


def whole(value: Any, asked: str, least: int) -> int:
    """A whole number from `least` on.

    Raises:
        InputError: anything else.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < least:
        raise InputError(asked, f"{value!r}", f"give a whole number from {least} on")
    return int(value)


def dot(x: Sequence[Fraction], y: Sequence[Fraction]) -> Fraction:
    """`⟨x, y⟩`."""
    return sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))


def subtract(x: Vector, y: Vector) -> Vector:
    """`x − y`."""
    return tuple(a - b for a, b in zip(x, y, strict=True))


def along(x: Vector, t: Fraction, d: Vector) -> Vector:
    """`x + td`."""
    return tuple(a + t * b for a, b in zip(x, d, strict=True))


def square(x: Vector) -> Fraction:
    """`|x|²`."""
    return dot(x, x)


def flint_number(value: Fraction) -> fmpq:
    """The same as a FLINT rational."""
    return fmpq(value.numerator, value.denominator)


def flint_matrix(matrix: Sequence[Sequence[Fraction]], columns: int) -> fmpq_mat:
    """The same as a FLINT matrix."""
    return fmpq_mat(len(matrix), columns, [flint_number(v) for row in matrix for v in row])


def fraction(q: Any) -> Fraction:
    """A FLINT rational as a Fraction."""
    return Fraction(int(q.p), int(q.q))


def positive_definite(M: fmpq_mat) -> bool:
    """Whether a symmetric rational matrix is positive definite: all pivots of exact elimination are positive."""
    rows = [[M[i, j] for j in range(M.ncols())] for i in range(M.nrows())]
    for k in range(len(rows)):
        pivot = rows[k][k]
        if not pivot > 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / pivot
            if factor:
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]  # column k becomes 0
    return True


def reduced(matrix: Sequence[Vector], columns: int) -> tuple[Rows, tuple[int, ...]]:
    """Nonzero rows of the reduced row echelon form, and their pivot columns."""
    if not matrix:
        return (), ()
    echelon, rank = flint_matrix(matrix, columns).rref()
    found = tuple(tuple(fraction(echelon[i, j]) for j in range(columns)) for i in range(rank))
    return found, tuple(next(j for j, v in enumerate(row) if v) for row in found)


def nullspace(matrix: Sequence[Vector], columns: int) -> Rows:
    """A basis of `{x : Mx = 0}`."""
    echelon, pivots = reduced(matrix, columns)
    basis = []
    for free in (j for j in range(columns) if j not in pivots):
        x = [Fraction(0)] * columns
        x[free] = Fraction(1)
        for row, pivot in zip(echelon, pivots, strict=True):
            x[pivot] = -row[free]
        basis.append(tuple(x))
    return tuple(basis)


def coefficients(matrix: Sequence[Vector], target: Vector) -> Vector:
    """`r` of least squares in `target ≈ Σ r_i · row_i`, for linearly independent rows."""
    if not matrix:
        return ()
    N = flint_matrix(matrix, len(target))
    right = N * flint_matrix([(v,) for v in target], 1)
    solved = (N * N.transpose()).solve(right)
    return tuple(fraction(solved[i, 0]) for i in range(len(matrix)))


def combine(weights: Sequence[Fraction], matrix: Sequence[Vector], length: int) -> Vector:
    """`Σ weights_i · row_i`."""
    return tuple(sum((w * row[j] for w, row in zip(weights, matrix, strict=True)), Fraction(0)) for j in range(length))
