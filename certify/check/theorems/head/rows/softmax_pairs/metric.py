"""D16: a matrix `A = Σ d_jA_j ⊗ x_jx_jᵀ + decay + tie` below the curvature, and lengths in the norm of its inverse.

Of rows the k × k blocks `(x_jᵀ ⊗ 1)A⁻¹(x_j ⊗ 1)` are formed, and the roots of what their own curvature sees of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import frexp, inf, ldexp, sqrt
from operator import mul

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, cut
from certify.check.linalg.inverse import judged, proposed
from certify.check.theorems.head.rows.boxes.fixed_rows import LOST
from certify.check.theorems.head.rows.pair_tree.numbers import UP, up
from certify.check.theorems.head.rows.softmax_pairs.centre import Centre
from certify.check.theorems.head.rows.softmax_pairs.table import Table

WEIGHT, WIDTH, FINE, VECTOR = 60, 60, 54, 40
"""Bits after the point of a row's weight; of the matrix and its inverse; of the inverse in forms; of a vector."""
SMALLEST, LARGEST = 2.0**-900, 2.0**200
"""Between what the norm of an inverse lies: doubles hold it, and what is far less, without losing bits."""
SQUARINGS = 4
NEAR = 2.0**-10
"""What a sum may be off by, times the norm of its inverse."""


@dataclass(frozen=True)
class Metric:
    """An inverse of A.

    Attributes:
        c: the node's centre.
        X: whole numbers of `2^−bits`, symmetric.
        off, stretch: `A⁻¹ ⪯ stretch·(X + off)`.
        big: at least `‖A⁻¹‖` and `‖X‖`; `root` at least `√big`.
    """

    c: Centre
    X: fmpz_mat
    bits: int
    off: float
    big: float
    stretch: float

    @property
    def root(self) -> float:
        """At least `√‖A⁻¹‖`."""
        return sqrt(self.big) * UP

    def lengths(self, vectors: Sequence[Sequence[float]], sizes: Sequence[float]) -> list[float]:
        """Upper bounds of `|v|_*` for vectors of so many sizes at most.

        With v̂ of VECTOR bits `|v − v̂| ≤ ε|v|`, and `|v·Xv − v̂·Xv̂| ≤ (2ε + ε²)|v|²‖X‖`.
        """
        if not vectors:
            return []
        whole, units = short(vectors)
        loose = (3.0 * sqrt(len(vectors[0])) * 2.0**-VECTOR * self.big + self.off) * UP
        found = []
        for row, unit, other, size in zip(whole, units, (fmpz_mat(whole) * self.X).tolist(), sizes, strict=True):
            form = float(sum(map(mul, row, map(int, other))))
            found.append(rooted((max(ldexp(form, 2 * unit - self.bits), 0.0) + loose * size * size) * self.stretch))
        return found

    def times(self, vectors: Sequence[Sequence[float]]) -> list[list[float]]:
        """X times vectors: proposals."""
        whole, units = short(vectors)
        return [[ldexp(float(int(x)), unit - self.bits) for x in row]
                for row, unit in zip((fmpz_mat(whole) * self.X).tolist(), units, strict=True)] if whole else []

    @cached_property
    def columns(self) -> fmpz_mat:
        """Of each block (a, b), a ≤ b, what products of the entries of a row are summed with."""
        k, p, X = self.c.data.k, self.c.data.p, self.X.tolist()
        pairs = [(i, j) for i in range(p) for j in range(i, p)]
        return fmpz_mat([[X[a * p + i][b * p + j] + X[a * p + j][b * p + i] if i != j else X[a * p + i][b * p + i]
                          for i, j in pairs] for a in range(k) for b in range(a, k)]).transpose()

    def blocks(self, t: Table) -> Blocks:
        """The k × k blocks of all rows of a table.

        `|x·X_abx − ⟨X_ab, Ŝ⟩| ≤ |X_ab|_F|Ŝ − xxᵀ|_F`, and `|X_ab|_F ≤ √p‖X‖`. What underflows is less than `2^−1060`
        of a square, for which :func:`rooted` has LOST.
        """
        k, root = self.c.data.k, arb(self.c.data.p).sqrt()
        K: list[list[list[float]]] = []
        loose: list[float] = []
        for part in t.squares():
            e = part.unit - self.bits  # 2^e alone may underflow, where the numbers of which it is the unit do not
            K += [dense([ldexp(float(int(x)), e) * self.stretch for x in row], k)
                  for row in (part.across * self.columns).tolist()]
            loose += [up(k * root * arb(self.big) * x * arb(self.stretch)) for x in part.off]
        rounded = (self.off + 2.0**-50 * k * self.big) * self.stretch
        return Blocks(k, K, [(x + rounded * r * r) * UP * UP for x, r in zip(loose, t.norms, strict=True)])


def shortened(M: Metric, part: float) -> Metric:
    """The inverse of a matrix of which at least so large a part, at most 1, is left."""
    return replace(M, stretch=M.stretch / part * UP, big=M.big / part * UP)


@dataclass(frozen=True)
class Blocks:
    """Blocks of rows: `uᵀBu` for the true one B is at most `uᵀKu + loose|u|²`."""

    k: int
    K: list[list[list[float]]]
    loose: list[float]

    def seen(self, j: int, a: int, b: int) -> float:
        """At least `|x ⊗ (e_a − e_b)|_*`."""
        K = self.K[j]
        return rooted(max(K[a][a] + K[b][b] - 2.0 * K[a][b], 0.0) + 2.0**-50 * (abs(K[a][a]) + abs(K[b][b]))
                      + 2.0 * self.loose[j])

    def widest(self, j: int) -> float:
        """The largest of these for a row."""
        return max(self.seen(j, a, b) for a in range(self.k) for b in range(a))

    def farthest(self, h: Sequence[float]) -> float:
        """The largest of these times a number of each row; what is soon seen to be no more is not looked at closely."""
        found = 0.0
        for j, x in enumerate(h):
            K = self.K[j]
            top, low = max(map(max, K)), min(map(min, K))
            if x and not x * rooted(2.0 * (top - low) + 2.0**-49 * max(top, -low) + 2.0 * self.loose[j]) <= found:
                found = max(found, x * self.widest(j) * UP)
        return found

    def length(self, j: int, u: Sequence[float]) -> float:
        """At least `|x ⊗ u|_*`."""
        K, whole = self.K[j], sum(map(mul, u, u))
        form = sum(x * sum(map(mul, line, u)) for x, line in zip(u, K, strict=True))
        size = sum(map(sum, (map(abs, line) for line in K)))
        return rooted(max(form, 0.0) + (self.loose[j] + 2.0**-48 * size) * whole)

    def all_own(self, j: int, s: Sequence[float], blur: float) -> float:
        """At least the sum of the eigenvalues of `A^½KA^½`, A the curvature at probabilities off by `blur`.

        `Σ s_a(e_a − s)·K(e_a − s) = Σ s_aK_aa + (Σ s_a − 2)s·Ks` with E as in :meth:`own`, `|E|_F² ≤ 2`.
        """
        K = self.K[j]
        size: float = sum(map(sum, (map(abs, line) for line in K)))
        form: float = sum(x * K[a][a] for a, x in enumerate(s)) + (sum(s) - 2.0) * sum(
            x * sum(map(mul, line, s)) for x, line in zip(s, K, strict=True))
        found = (max(form, 0.0) + 2.0**-46 * size + 2.0 * self.loose[j]) * (1.0 + blur) * UP
        return found if found < inf else inf

    def own(self, j: int, s: Sequence[float], blur: float) -> float:
        """At least the root of the largest eigenvalue of `A^½KA^½`, A the curvature at probabilities off by `blur`.

        `vᵀAv ≤ (1 + blur)|Ev|²`, E the rows `√s_a(v_a − s·v)`: it is the least of `Σ s_a(v_a − t)²` over t. With
        T = EKEᵀ `‖T‖^16 ≤ |T^16|_F`; `‖E‖² ≤ 2`.
        """
        k = self.k
        E = arb_mat([[arb(sqrt(x)) * ((a == b) - arb(y)) for b, y in enumerate(s)] for a, x in enumerate(s)])
        T = E * arb_mat(self.K[j]) * E.transpose()
        for _ in range(SQUARINGS):
            T = T * T.transpose()
        found = sum((x * x for x in T.entries()), ZERO)
        for _ in range(SQUARINGS + 1):
            found = found.upper().sqrt()
        form = up(found) * (1.0 + 2.0**-40) + 2.0 * self.loose[j]
        return rooted(form * (1.0 + blur)) if found.is_finite() and k else inf


def dense(line: Sequence[float], k: int) -> list[list[float]]:
    """A symmetric matrix from its entries on and above the diagonal, row by row."""
    found = [[0.0] * k for _ in range(k)]
    at = 0
    for a in range(k):
        for b in range(a, k):
            found[a][b] = found[b][a] = line[at]
            at += 1
    return found


def rooted(square: float) -> float:
    """At least the root of a number ≥ 0 that was rounded; infinite where that is beyond doubles, or is no number.

    >>> rooted(float("nan")), rooted(float("inf"))
    (inf, inf)
    """
    return sqrt(square * UP) * UP + LOST if square < inf else inf


def short(vectors: Sequence[Sequence[float]]) -> tuple[list[list[int]], list[int]]:
    """Vectors in whole numbers of VECTOR bits, each with a unit of its own."""
    units = [frexp(max(map(abs, v), default=0.0))[1] - VECTOR for v in vectors]
    ones = [ldexp(1.0, -e) for e in units]
    return [[round(x * one) for x in v] for v, one in zip(vectors, ones, strict=True)], units


def gram(c: Centre, d: Sequence[float]) -> Fixed:
    """A in fixed point of about WIDTH bits, with what it is off by.

    `vᵀA_jv = Σ_{a<b} s_as_b(v_a − v_b)²`: where every product is off by `2^−35` of itself at most, as those of the
    doubles s are, so is the form, which is less than d_j and lengths are rounded by. A stands for the sum with these
    products. Each becomes a whole number of `2^−WEIGHT`, rounded up, which adds k of them as a matrix at most; products
    of entries of a row are off by `off_j` in the Frobenius norm, of which `d_j` counts at most.
    """
    data, k, p = c.data, c.data.k, c.data.p
    places, one = [(a, b) for a in range(k) for b in range(a, k)], 2.0**WEIGHT
    lines = list(zip(*c.s, strict=True))
    sums, at, unsure, unit = fmpz_mat(p * (p + 1) // 2, len(places)), 0, 0.0, 0
    for part in data.table.squares():
        m, unit = len(part.off), part.unit
        weigh = [_laplacian(s, x, places) for s, x in zip(lines[at : at + m], [y * one for y in d[at : at + m]],
                                                          strict=True)]
        sums += part.mat * fmpz_mat(weigh)
        each = zip(data.table.norms[at : at + m], d[at : at + m], part.off, strict=True)
        unsure += sum(k / one * (r * r + up(o)) + x * up(o) for r, x, o in each)
        at += m
    bits, flat = WEIGHT - unit, sums.entries()
    drop = max(0, max((int(x).bit_length() for x in flat[:: len(places)]), default=0) - WIDTH)
    whole, bits = _spread(fmpz_mat(p * (p + 1) // 2, len(places), [x >> drop for x in flat]), k, p), bits - drop
    scale = arb(2) ** bits
    held = [int((x * scale).floor().mid().unique_fmpz() or 0) for x in [*data.decay, arb(c.tie)]]
    for a in range(k):
        for i in range(p):
            whole[a * p + i, a * p + i] += held[i]
        for b in range(k if data.free else 0):
            whole[a * p + p - 1, b * p + p - 1] += held[p]
    # decay and tie are cut off to whole numbers, and so are all entries
    rest = sum((k * (x - arb(y) / scale).abs_upper() for x, y in zip([*data.decay, arb(c.tie)], held,
                                                                    strict=True)), cut((k * p, k * p), bits))
    return Fixed(whole, bits, (arb(unsure * UP) + rest).upper())


def _spread(sums: fmpz_mat, k: int, p: int) -> fmpz_mat:
    """The kp × kp matrix of blocks (a, b), a ≤ b, one a column, of which the entries (i, j), i ≤ j, stand below."""
    number = {pair: at for at, pair in enumerate((i, j) for i in range(p) for j in range(i, p))}
    place = [number[min(i, j), max(i, j)] for i in range(p) for j in range(p)]
    block, columns = {}, iter(sums.transpose().tolist())
    for a in range(k):
        for b in range(a, k):
            column = next(columns)
            block[a, b] = block[b, a] = [column[at] for at in place]
    return fmpz_mat(k * p, k * p, [x for a in range(k) for i in range(p) for b in range(k)
                                   for x in block[a, b][i * p : i * p + p]])


def _laplacian(s: Sequence[float], d: float, places: Sequence[tuple[int, int]]) -> list[int]:
    """`d·A` in whole numbers from probabilities: products rounded up, and on the diagonal their sums."""
    k = len(s)
    w = {(a, b): int(d * s[a] * s[b]) + 1 if d > 0.0 else 0 for a, b in places if a != b}
    return [-w[a, b] if a != b else sum(w[min(a, c), max(a, c)] for c in range(k) if c != a) for a, b in places]


def _longest(M: fmpz_mat) -> int:
    """Bits of the largest number on the diagonal, and so of a positive semidefinite matrix: what is cut off by."""
    return max((int(M[i, i]).bit_length() for i in range(M.nrows())), default=0)


def metric(c: Centre, d: Sequence[float], prove: bool = True) -> Metric | None:
    """The inverse; None where A is not proved positive definite, or numbers are too large.

    A is positive semidefinite, and within u of what was summed, B. With `‖XB − I‖ ≤ ε < 1` B has no eigenvalue nearer
    to 0 than `1/big`, `big = ‖X‖/(1 − ε)`; with `u·big < 1` it has none below 0, as A has none, so `B ⪰ 1/big` and
    `A ⪰ B − u ⪰ (1 − u·big)B`: A is positive definite, `A⁻¹ ⪯ B⁻¹/(1 − u·big)`, and `‖B⁻¹ − X‖ ≤ ε·big`.

    Args:
        c: the centre.
        d: of each row `d_j ≥ 0`.
        prove: False: nothing is proved, X is a proposal.
    """
    A = gram(c, d)
    if not A.radius.is_finite():
        return None
    X = proposed(A, WIDTH)
    if X is None:
        return None
    X = Fixed(X.mid + X.mid.transpose(), X.bits + 1, ZERO)  # blocks (a, b) stand for (b, a) as well
    largest = _longest(X.mid)
    if not prove:
        X = X.at(X.bits + FINE - largest) if largest > FINE else X
        return Metric(c, X.mid, X.bits, 0.0, up(X.reach), 1.0)
    found = judged(Fixed(A.mid, A.bits, ZERO), X)
    if found.X is None:
        return None
    big = (X.reach / (1 - found.error)).upper()
    stretch = (1 / (1 - A.radius * big)).upper()
    if not (SMALLEST < big < LARGEST and A.radius * big < NEAR):
        return None
    short_ = X.at(X.bits + FINE - largest) if largest > FINE else X
    off = up(found.error * big + short_.radius) * UP
    return Metric(c, short_.mid, short_.bits, off, (up(big) + up(short_.radius)) * up(stretch) * UP, up(stretch))
