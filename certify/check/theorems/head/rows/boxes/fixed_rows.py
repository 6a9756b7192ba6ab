"""Rows in few bits: products of many rows as products of whole numbers that fit a word, with what they leave out.

Row s is `2^e` times whole numbers of so many bits, up to `ε|s|`, `ε = √p·2^−bits`: an entry is off by half a unit,
and a unit is at most `2^(1−bits)` of the row's largest entry.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import repeat
from math import frexp, inf, ldexp, sqrt
from operator import mul

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO, largest
from certify.check.theorems.head.in_doubles import doubles

WORD = 61
LONG = 57
FINE = 48
MOST = 2_000_000
"""Most products of entries that are kept."""

SQUARINGS, SMALL, WIDE = 3, 48, 256
"""Squares of a matrix before the Frobenius norm is taken, rows below which there is none, and rows from which on they
are of whole numbers in few bits."""
SHORT, BITS = 24, 64
"""Bits of these, and of squares in balls."""


@cache
def power(e: int) -> arb:
    """`2^e`, exact."""
    return arb(2) ** e


@dataclass(frozen=True)
class Short:
    """Rows in few bits.

    Attributes:
        mat: whole numbers; row j counts in `2^unit[j]`.
        rows: the same as lists.
        unit: exponents.
        epsilon: relative error of a row.
    """

    mat: fmpz_mat
    rows: list[list[int]]
    unit: list[int]
    epsilon: arb


def short(rows: list[list[float]], p: int) -> Short:
    """Rows of exact numbers in as many bits as let p products fit a word."""
    bits = (WORD - p.bit_length()) // 2
    whole, unit = [], []
    for row in rows:
        e = frexp(max(map(abs, row), default=0.0))[1] - bits
        whole.append([round(ldexp(x, -e)) for x in row])
        unit.append(e)
    return Short(fmpz_mat(len(rows), p, [x for row in whole for x in row]), whole, unit, arb(p).sqrt() * power(-bits))


def together(columns: Iterable[Iterable[int | fmpz]], words: int) -> fmpz_mat:
    """Of each column one integer: its numbers, which may be negative, side by side in so many words of 64 bits."""
    return fmpz_mat([[sum_of(list(map(int, column)), words)] for column in columns])


def sum_of(numbers: list[int], words: int) -> int:
    """`Σ numbers_b·2^(64·words·b)` for numbers that fit a word."""
    half = array("Q", bytes(8 * words * len(numbers)))
    some = half[:]
    half[::words], some[::words] = (array("Q", x) for x in (
        [1 << 63] * len(numbers), [x + (1 << 63) for x in numbers]))
    return _whole(some) - _whole(half)


def _whole(words: array[int]) -> int:
    if sys.byteorder == "big":
        words.byteswap()
    return int.from_bytes(words.tobytes(), "little")


@cache
def _halves(count: int, words: int) -> int:
    return int.from_bytes((bytes(8 * words - 1) + b"\x80") * count, "little")


def apart(x: fmpz, count: int, words: int) -> list[int]:
    """The highest word of each of so many numbers side by side, rounded down.

    >>> apart(fmpz(sum_of([5, -3, 0], 1)), 3, 1), apart(fmpz(sum_of([5, -3, 0], 2) << 64), 3, 2)
    ([5, -3, 0], [5, -3, 0])
    """
    half = _halves(count, words)
    found = array("q")
    found.frombytes(((int(x) + half) ^ half).to_bytes(8 * words * count, "little"))
    if sys.byteorder == "big":
        found.byteswap()
    return found[words - 1 :: words].tolist()


TINY = 2.0**-960
"""In the place of the largest entry where all of them are 0: what such a matrix is off by is next to nothing."""


@dataclass(frozen=True)
class Few:
    """A matrix in few bits: `2^unit` times whole numbers, off by at most `off`, and each column by `column`."""

    mat: fmpz_mat
    unit: int
    off: arb
    column: arb


def few(M: arb_mat, p: int) -> Few:
    """The midpoints of a matrix with p rows, in as many bits as let p products fit a word; radii are not looked at."""
    bits = (WORD - p.bit_length()) // 2
    values, moved = doubles(M)
    e = frexp(max(map(abs, values), default=0.0) or TINY)[1] - bits
    scaled = [ldexp(x, -e) for x in values]
    whole = list(map(round, scaled))
    # a double is off by 2^-53 of itself, or 2^-1075, far below 2^-20 of a unit; what is cut off is exact
    lost = sqrt(sum([(x - k) ** 2 for x, k in zip(scaled, whole, strict=True)]) * UP) * UP + 2.0**-20 * sqrt(len(whole))
    unit = power(e + moved)
    return Few(fmpz_mat(M.nrows(), M.ncols(), whole), e + moved, (unit * arb(lost)).upper(),
               unit * arb(M.nrows()).sqrt())


def size(M: arb_mat) -> arb:
    """Upper bound of the Frobenius norm, radii included."""
    line = arb_mat(1, M.nrows() * M.ncols(), M.entries())
    return (line * line.transpose())[0, 0].abs_upper().sqrt().upper()


def spectral(M: arb_mat) -> arb:
    """Upper bound of the norm of a symmetric matrix: `‖M‖⁸ = ‖M⁸‖`, and the Frobenius norm of that, of a large one."""
    if M.nrows() >= WIDE and size(M) < HUGE:
        coarse = few(M, M.nrows())
        unit = power(coarse.unit)
        return (arb(whole_norm(coarse.mat, SQUARINGS)) * unit + coarse.off + size(M - M.mid())).upper()
    if M.nrows() < SMALL:
        return size(M)
    power_of = M
    with ctx.workprec(min(ctx.prec, BITS)):
        for _ in range(SQUARINGS):
            power_of = power_of * power_of
        found = size(power_of)
        for _ in range(SQUARINGS):
            found = found.sqrt().upper()
    return found if found.is_finite() else size(M)


def whole_norm(M: fmpz_mat, squarings: int) -> float:
    """At least the norm of a matrix of whole numbers: `‖M‖² = ‖MMᵀ‖`, the entries of that cut off to few bits.

    Each is off by less than one, all of them by no more than the number of rows in the norm.

    >>> whole_norm(fmpz_mat([[3, 0], [0, 1]]), 0) >= 10**0.5, 3.0 <= whole_norm(fmpz_mat([[3, 0], [0, 1]]), 3) < 3.4
    (True, True)
    """
    if not squarings:
        return sqrt(float(sum([x * x for x in map(int, M.entries())]))) * UP
    count, whole = M.nrows(), list(map(int, (M * M.transpose()).entries()))
    shift = max(max(max(whole), -min(whole)).bit_length() - SHORT, 0)
    cut = fmpz_mat(count, count, [x >> shift for x in whole])
    return sqrt((whole_norm(cut, squarings - 1) + count) * 2.0**shift) * UP


def forms(s: Short, norms: list[arb], M: arb_mat, bound: arb) -> list[arb]:
    """Upper bounds of `s_jᵀMs_j` for the rows, M symmetric with `‖M‖ ≤ bound`, its radii left out.

    `|sᵀMs − ŝᵀM̂ŝ| ≤ 3ε|s|²‖M‖ + (1 + ε)²|s|²‖M − M̂‖`.
    """
    m = few(M, s.mat.ncols())
    p = s.mat.ncols()
    flat = [int(x) for x in (s.mat * m.mat).entries()]
    loose = 3 * s.epsilon * bound + (1 + s.epsilon) ** 2 * m.off
    found = []
    for j, row in enumerate(s.rows):
        whole = sum(map(mul, flat[j * p : j * p + p], row))
        found.append(arb(whole) * power(2 * s.unit[j] + m.unit) + loose * norms[j] * norms[j])
    return found


@dataclass(frozen=True)
class Squares:
    """The matrices `s_js_jᵀ`, their entries `(a, b)`, a ≤ b, one row a pair.

    Attributes:
        pairs: the pairs; `place`: the number of the pair of every entry of a matrix.
        mat, across: whole numbers, (pairs, n) and its transpose, that count in `2^unit`.
        off: what a matrix is off by in the Frobenius norm.
        loose: row by row `|s|² + off` and `off`, (n, 2).
    """

    pairs: list[tuple[int, int]]
    place: list[int]
    mat: fmpz_mat
    across: fmpz_mat
    unit: int
    off: list[arb]
    loose: arb_mat


def squares_of(long: list[list[int]], e: int, norms: list[arb], step: arb) -> Squares:
    """From rows off by half a unit `2^e`: `|ŝŝᵀ − ssᵀ| ≤ √p·2^e(|s| + √p·2^e)`; p units of rounding."""
    p = len(long[0])
    pairs = [(a, b) for a in range(p) for b in range(a, p)]
    mat = fmpz_mat(len(pairs), len(long), [row[a] * row[b] >> LONG for a, b in pairs for row in long])
    unit, number = 2 * e + LONG, {pair: at for at, pair in enumerate(pairs)}
    place = [number[min(a, b), max(a, b)] for a in range(p) for b in range(p)]
    off = [(step * (r + step) + p * power(unit)).upper() for r in norms]
    loose = arb_mat(len(off), 2, [x for r, o in zip(norms, off, strict=True) for x in (r * r + o, o)])
    return Squares(pairs, place, mat, mat.transpose(), unit, off, loose)


def forms_of(s: Sums, matrices: list[tuple[arb_mat, arb]]) -> list[list[arb]]:
    """Upper bounds of `s_jᵀMs_j` for all rows and each of some symmetric matrices of bounded norm; radii left out."""
    if s.squares is None:
        return [forms(s.short, s.norms, M, bound) for M, bound in matrices]
    return square_forms(s.squares, s.p, [M for M, _ in matrices])


def square_forms(q: Squares, p: int, matrices: list[arb_mat]) -> list[list[arb]]:
    """The same from the products of the entries of each row, for p columns.

    `|⟨M, ssᵀ⟩ − ⟨M̂, Ŝ⟩| ≤ |M − M̂|_F(|s|² + off) + |M|_F off`, `Ŝ` the whole numbers of `ssᵀ`.
    """
    columns, scales = [], []
    for M in matrices:
        values, moved = doubles(M)
        e = frexp(max(map(abs, values), default=0.0))[1] - FINE
        columns.append([round(ldexp(values[a * p + b], -e)) * (1 if a == b else 2) for a, b in q.pairs])
        # what doubles lose, and squares that underflow beside the largest one, is far below 2^-30 of it
        near = list(map(mul, values, repeat(ldexp(1.0, -e - FINE))))
        big = arb(sqrt(sum(map(mul, near, near))) * UP) * power(e + FINE + moved)
        scales.append((e + moved, p * power(e + moved), big))
    count = len(columns)
    products = arb_mat(q.across * fmpz_mat([list(row) for row in zip(*columns, strict=True)]))
    units = arb_mat(count, count, [power(scales[a][0] + q.unit) if a == b else ZERO
                                   for a in range(count) for b in range(count)])
    errors = arb_mat([[rough for _, rough, _ in scales], [big for _, _, big in scales]])
    found: list[list[arb]] = (products * units + q.loose * errors).transpose().tolist()
    return found


@dataclass(frozen=True)
class Sums:
    """The training sum with oriented rows `s_i = y_iφ_i`, exact.

    Attributes:
        rows: lists of doubles.
        exact, across: the matrix and its transpose.
        norms: upper bounds of the norms.
        short: in few bits.
        long, unit: whole numbers of one unit for Gram matrices, off by half a unit.
        decay: (p,) the decay of each column.
        diagonal: the same as a matrix.
        unsure: what a Gram matrix with weights up to ½ may be off by.
        squares: the products of the entries of each row; None where there are too many.
        relabels: whether changed rows get the other label, −s for s; else they are deleted.
        weights: what every row counts, at most 1; None: all 1.
    """

    rows: list[list[float]]
    exact: arb_mat
    across: arb_mat
    norms: list[arb]
    short: Short
    long: list[list[int]]
    across_long: fmpz_mat
    unit: int
    decay: list[arb]
    diagonal: arb_mat
    unsure: arb
    squares: Squares | None
    relabels: bool
    weights: list[arb] | None = None

    @cached_property
    def columns(self) -> fmpz_mat:
        """Of each column of `long` one integer: n numbers side by side, of two words each."""
        return together(self.across_long.tolist(), 2)

    @cached_property
    def longest(self) -> arb:
        """The largest norm, from above."""
        return largest(self.norms).upper()

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def p(self) -> int:
        """Number of columns."""
        return len(self.decay)


UP = 1.0 + 2.0**-30
LOST = 2.0**-500
"""More than the root of what squares lose that underflow."""


def length_above(form: arb, off: float, r: float) -> float:
    """A double above `√(form + off·r²)` for doubles off, r ≥ 0; infinite where the form is no number.

    >>> length_above(arb("1e-340"), 0.0, 1e-170) >= 1e-170, length_above(arb(4), 0.0, 1.0) < 2.1
    (True, True)
    """
    return sqrt((max(float(form.upper()), 0.0) + off * r * r) * UP) * UP + LOST if form.is_finite() else inf


def lengths(rows: list[list[float]]) -> list[arb]:
    """Upper bounds of the norms of rows of exact numbers."""
    return [sum((arb(x) ** 2 for x in row), ZERO).sqrt().upper() for row in rows]


def long_rows(rows: list[list[float]]) -> tuple[list[list[int]], int]:
    """Rows in whole numbers of one unit `2^e`, off by half a unit, and e."""
    e = frexp(max((abs(x) for row in rows for x in row), default=0.0))[1] - LONG
    return [[round(ldexp(x, -e)) for x in row] for row in rows], e


def squares(rows: list[list[float]], norms: list[arb], p: int) -> Squares | None:
    """The products of the entries of each row; None where there are too many."""
    if not rows or len(rows) * p * p > 2 * MOST:
        return None
    long, e = long_rows(rows)
    return squares_of(long, e, norms, arb(p).sqrt() * power(e))


def sums(rows: list[list[float]], decay: list[arb], relabels: bool, weights: list[arb] | None = None) -> Sums:
    """What every node uses of the rows."""
    p = len(decay)
    exact = arb_mat(len(rows), p, [x for row in rows for x in row])
    long, e = long_rows(rows)
    across = fmpz_mat(len(rows), p, [x for row in long for x in row]).transpose()
    diagonal = arb_mat(p, p, [decay[i] if i == j else ZERO for i in range(p) for j in range(p)])
    norms, step = lengths(rows), arb(p).sqrt() * power(e)
    unsure = (3 * step * sum((x + step for x in norms), ZERO)).upper()
    each = squares(rows, norms, p)
    if each:
        unsure = (sum(each.off, ZERO) / 2).upper()
    return Sums(rows, exact, exact.transpose(), norms, short(rows, p), long, across, e, decay, diagonal, unsure,
                each, relabels, weights)


LEAST, HUGE = 2.0**-900, 2.0**900
"""Between what the norm of an inverse lies: doubles hold it, and what is far less, without losing bits."""

WEIGHT = 44
"""Bits after the point of a row's weight in a Gram matrix."""


def gram(s: Sums, weights: list[int]) -> arb_mat:
    """`Σ 2^−WEIGHT·weights_j s_js_jᵀ` up to `unsure`."""
    n, p, q = s.n, s.p, s.squares
    if q is None:
        scaled = [x * w >> WEIGHT for row, w in zip(s.long, weights, strict=True) for x in row]
        G = arb_mat(s.across_long * fmpz_mat(n, p, scaled))
        return (G + G.transpose()) * power(2 * s.unit - 1)
    found = (q.mat * fmpz_mat(n, 1, weights)).entries()
    return arb_mat(fmpz_mat(p, p, [found[a] for a in q.place])) * power(q.unit - WEIGHT)
