"""A squared-loss head in integers: `H = ΦᵀΦ + μ·diag(decayed)`, a judged inverse, and influences with their error (D3).

Columns are scaled by powers of two and kept as integers of one power of two, so that products are exact; how the
inverse was found does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.linalg.fixed import Fixed, cut, scale
from certify.check.linalg.inverse import Inverse, judged, proposed
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.squared.roots import Roots, roots_of

FEATURE_BITS, SOLUTION_BITS = 60, 50
"""Bits of features and of solutions: their products and sums of some thousand stay below two machine words."""

WIDTHS = (96, 160, 320)
"""Bits of the normal matrix that is inverted, the next where the last proves nothing."""

JUDGE_BITS = 61
"""Bits of the matrix by which solutions are judged: products with it take half the time of longer ones."""

AT_ONCE = 256
"""Solutions that are judged by one product."""

Rows = Sequence[Sequence[float]]


def length(values: Iterable[fmpz]) -> arb:
    """The Euclidean length of integers: their squares are added exactly."""
    return arb(sum([x * x for x in values], fmpz(0))).sqrt()


@dataclass(frozen=True)
class Whole:
    """Rows of floats as integers: entry `(i, j)` is `mid·2^(shift_j − bits)`, up to an error of `radius` in all.

    Attributes:
        mid: `(n, p)`.
        bits: of the fraction.
        radius: Frobenius norm of what is cut off, in the scaled columns.
    """

    mid: fmpz_mat
    bits: int
    radius: arb


def whole_rows(rows: Rows, shifts: Sequence[int], bits: int) -> Whole:
    """Floats, column j times `2^−shift_j`, in integers.

    >>> whole_rows([[0.5, 3.0]], [0, 2], 8).mid.tolist()
    [[128, 192]]
    """
    by = [bits - s for s in shifts]
    lost, values = False, []
    for row in rows:
        try:
            moved = list(map(math.ldexp, row, by))
            numbers = list(map(int, moved))
            less = numbers != moved or numbers.count(0) != row.count(0.0)
        except OverflowError:
            pairs = list(map(_shifted, row, by))
            numbers, less = [x for x, _ in pairs], any(short for _, short in pairs)
        lost = lost or less
        values += numbers
    shape = (len(rows), len(by))
    return Whole(fmpz_mat(*shape, values), bits, cut(shape, bits) if lost else ZERO)


def _shifted(x: float, k: int) -> tuple[int, bool]:
    """`x·2^k` rounded towards 0, and whether anything was lost."""
    if x == 0.0:
        return 0, False
    mantissa, e = math.frexp(x)
    number, left = int(math.ldexp(mantissa, 53)), k + e - 53
    if left >= 0:
        return number << left, False
    size = abs(number) >> min(-left, 64)
    return (size if number > 0 else -size), size << min(-left, 64) != abs(number)


def exponents(rows: Rows, least: Sequence[float]) -> list[int]:
    """For each column e with its largest entry, or what is given as the least, in `[2^(e−1), 2^e)`; 0 for zeros."""
    most = list(least)
    for row in rows:
        most = list(map(max, most, map(abs, row)))
    return [math.frexp(m)[1] for m in most]


def least(mu: arb, decayed: Sequence[bool]) -> list[float]:
    """What the columns are scaled by at least: one that is short beside its decay is scaled by the decay."""
    bare = float(mu.mid().max(ZERO).sqrt())
    return [bare if d else 0.0 for d in decayed]


class Ridge:
    """The normal matrix of rows of features.

    Args:
        phi: `(n, p)` finite floats.
        mu: the weight decay in the sum form, at least 0.
        decayed: which columns bear it.
        loose: Euclidean norm of the distances within which the true rows are.
        roots: of the weights of the rows, by which these are multiplied (D4h); None: all count the same.
    """

    roots: Roots | None = None

    def __init__(self, phi: Rows, mu: arb, decayed: Sequence[bool], loose: arb = ZERO,
                 roots: Roots | None = None) -> None:
        self.n, self.p, self.roots = len(phi), len(decayed), roots
        mu = mu if roots is None else mu * roots.least
        self.shifts = exponents(phi, least(mu, decayed))
        self.phi, self.loose = self._rows(phi, loose, roots)
        self._decay(self.phi.mid.transpose() * self.phi.mid, mu, decayed)

    def _decay(self, gram: fmpz_mat, mu: arb, decayed: Sequence[bool]) -> None:
        """The normal matrix: the decay is added to sums of products in units of `2^(−2·FEATURE_BITS)`."""
        bits = 2 * FEATURE_BITS
        rounding = ZERO
        self.units = [fmpz(0)] * self.p
        for j in range(self.p):
            if decayed[j]:
                part = mu * arb(2) ** (bits - 2 * self.shifts[j])
                mantissa, e = part.mid().man_exp()
                unit = mantissa << int(e) if e >= 0 else mantissa >> -int(e)
                gram[j, j] += unit
                self.units[j] = fmpz(unit)
                rounding = rounding + (part - arb(unit)).abs_upper()
        far = arb(sum((gram[j, j] for j in range(self.p)), fmpz(0))).sqrt() * scale(FEATURE_BITS)
        radius = rounding * scale(bits) + 2 * far * self.loose + self.loose**2
        self.matrix = Fixed(gram, bits, radius.upper())

    def _rows(self, rows: Rows, loose: arb, roots: Roots | None) -> tuple[Whole, arb]:
        """Rows in scaled columns, times roots, and how far the true ones are, in length."""
        found = whole_rows(rows, self.shifts, FEATURE_BITS)
        off = (found.radius + loose * arb(2) ** -min(self.shifts)).upper()
        if roots is None:
            return found, off
        mid, off = roots.times(found.mid, found.bits, off)
        return Whole(mid, found.bits, off), off

    def of_rows(self, rows: list[list[arb]], roots: Roots | None) -> tuple[fmpz_mat, list[Solution]]:
        """Rows of training data, the system's own or others, times roots, in scaled columns; and their solutions."""
        floats, off = nearest(rows)
        if roots is None:
            return whole_rows(floats, self.shifts, FEATURE_BITS).mid, self.solutions(floats, off)
        found, _ = self._rows(floats, norm(off).upper(), roots)
        return found.mid, self.solved(found)

    @cached_property
    def judge(self) -> Fixed:
        """The matrix in single machine words."""
        longest = max(self.matrix.mid[j, j].bit_length() for j in range(self.p))
        return self.matrix.at(min(self.matrix.bits, self.matrix.bits - longest + JUDGE_BITS))

    @cached_property
    def inverse(self) -> Inverse:
        """Judged for every matrix meant; without X if none was found."""
        longest = max(self.matrix.mid[j, j].bit_length() for j in range(self.p))
        found = Inverse()
        for width in WIDTHS:
            A = self.matrix.at(min(self.matrix.bits, max(0, self.matrix.bits - longest + width)))
            found = judged(A, proposed(A, width))
            if found.X is not None and found.error < arb(0.5):
                return found
        return found

    @cached_property
    def stretch(self) -> arb:
        """At least `‖H⁻¹‖^½`: `‖H⁻¹‖ ≤ ‖X‖/(1 − ε)`. H is a sum of squares, so nonsingular says positive definite."""
        assert self.inverse.X is not None
        return (self.inverse.X.size / (1 - self.inverse.error)).sqrt().upper()

    def solutions(self, points: Rows, loose: Sequence[arb] | None = None) -> list[Solution]:
        """`u ≈ H⁻¹e` for each row e, with the error that its residual proves.

        `|ΦH⁻¹e − Φ̂u| ≤ |e − Hu|·‖H⁻¹‖^½ + |Φ − Φ̂||u|`, because `ΦᵀΦ ⪯ H`.
        """
        off = None if loose is None else [x * arb(2) ** -min(self.shifts) for x in loose]
        return self.solved(whole_rows(points, self.shifts, FEATURE_BITS), off)

    def solved(self, E: Whole, loose: Sequence[arb] | None = None) -> list[Solution]:
        """The same for rows in scaled columns, each known within a distance."""
        X = self.inverse.X
        assert X is not None
        raw = (E.mid * X.mid).tolist()
        found = []
        for row in raw:
            longest = max((x.bit_length() for x in row), default=0)
            drop = max(0, longest - SOLUTION_BITS)
            found.append(([x >> drop for x in row], E.bits + X.bits - drop))
        right, judged = E.mid.tolist(), []
        H = self.judge
        for start in range(0, len(found), AT_ONCE):
            part = range(start, min(start + AT_ONCE, len(found)))
            images = (fmpz_mat([found[j][0] for j in part]) * H.mid).tolist()  # H is symmetric
            judged += [self._judged(*found[j], image, right[j], E, ZERO if loose is None else loose[j])
                       for j, image in zip(part, images, strict=True)]
        return judged

    def _judged(self, u: list[fmpz], bits: int, image: list[fmpz], right: list[fmpz], E: Whole, loose: arb) -> Solution:
        """One residual, exactly: `image` is the matrix times u, and `right` the row."""
        H = self.judge
        fine = max(H.bits + bits, E.bits)
        up, own = fine - E.bits, fine - H.bits - bits
        rest = [(e << up) - (x << own) for e, x in zip(right, image, strict=True)]
        size = length(u) * scale(bits)
        left = length(rest) * scale(fine)
        left += H.radius * size + E.radius + loose
        drop = self.matrix.bits - H.bits
        form = sum([x * (y - (unit >> drop) * x) for x, y, unit in zip(u, image, self.units, strict=True)], fmpz(0))
        square = arb(form) * scale(H.bits + 2 * bits) + H.radius * size**2
        reach = square.upper().max(ZERO).sqrt().upper()
        return Solution(u, bits, (left * self.stretch + self.loose * size).upper(), reach, size.upper())


@dataclass(frozen=True)
class Solution:
    """An approximate solution `u·2^−bits` in scaled columns.

    Attributes:
        off: at least `|ΦH⁻¹e − Φ̂u|₂`, and `|e − Hu|_{H⁻¹}`.
        length, size: at least `|Φ̂u|₂`, and `|u|₂`.
    """

    u: list[fmpz]
    bits: int
    off: arb
    length: arb
    size: arb


def influences(system: Ridge, solutions: Sequence[Solution], at_once: int = 64) -> Iterable[list[fmpz]]:
    """`Φ̂u` for each solution, exact integers with `FEATURE_BITS + bits` bits."""
    across = system.phi.mid.transpose()
    for start in range(0, len(solutions), at_once):
        part = solutions[start:start + at_once]
        product = fmpz_mat(len(part), system.p, [x for s in part for x in s.u]) * across
        values = product.entries()
        for r in range(len(part)):
            yield values[r * system.n:(r + 1) * system.n]


def nearest(rows: list[list[arb]]) -> tuple[list[list[float]], list[arb]]:
    """Floats near balls, all finite, and for each row how far its members may be from them.

    >>> floats, off = nearest([[arb(0.5), arb(1) / 3]])
    >>> floats[0][0], bool(off[0] < 1e-15), bool(off[0] > 0), bool(nearest([[arb(2)]])[1][0] == 0)
    (0.5, True, True, True)
    >>> nearest([[arb("1e400"), arb(1)]])[0], bool(nearest([[arb("1e400")]])[1][0] > arb("9e399"))
    ([[0.0, 1.0]], True)
    """
    floats = [_finite([float(x) for x in row]) for row in rows]
    off = []
    for row, near in zip(rows, floats, strict=True):
        other = [x - y for x, y in zip(row, near, strict=True) if not x == y]
        off.append(norm(other).upper() if other else ZERO)
    return floats, off


def _finite(row: list[float]) -> list[float]:
    """The same, with 0 in the place of what no double is near."""
    return row if math.isfinite(sum(row)) else [x if math.isfinite(x) else 0.0 for x in row]


def ridge_of(head: Head, deleted: int = 0) -> Ridge:
    """The normal matrix of a head with the squared loss, with the decay after that many deletions; the last is kept."""
    kept: tuple[int, Ridge] | None = head.made.get("ridge")
    if kept is None or kept[0] != (deleted if head.remaining else 0):
        phi, off = nearest(head.rows)
        decayed = [True] * (head.m - 1) + [not head.free_intercept]
        made = Ridge(phi, head.mu(deleted), decayed, norm(off).upper(), roots_of(head))
        kept = deleted if head.remaining else 0, made
        head.made["ridge"] = kept
    return kept[1]
