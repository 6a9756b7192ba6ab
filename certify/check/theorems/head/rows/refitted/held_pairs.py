"""D1f: a quadratic form that the pull back to weights of a softmax head exceeds, from every row and pair of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import frexp, isqrt, sqrt
from operator import mul

from flint import arb, fmpz_mat

from certify.check.linalg.balls import ONE, ZERO, norm
from certify.check.theorems.head.rows.head import Head

FINE, SHARE, PRODUCT, BITS = 40, 20, 52, 24
"""Negative binary logarithms of the units of inputs, of what is left of curvature and of products of probabilities, and
binary digits of the largest entry of a root."""

ROUNDS, MORE = 6, 1.05
"""How often motions of outputs are guessed, and how much larger the next guess is than what the last one gave."""

CLOSE, SMALLEST, LARGEST = 2.0**-10, 1, 40
"""How near a root has to be, and the logarithms that its unit may have."""


@dataclass(frozen=True)
class PairForm:
    """`A(Δ) = μ|ΔU|² + c(Σβ)² + Σ_i κ_i Σ_{a<b} D_iab ((Δ_a − Δ_b)·φ_i)²`, which the pull exceeds up to `reach²`.

    Attributes:
        reach: as above.
        root: K with `|1 − KAKᵀ| ≤ off`, whole numbers in units of `2^−unit`.
        unit: as above.
        off: as above, below `CLOSE`.
        size: the norm of K, at most.
    """

    reach: float
    root: list[list[int]]
    unit: int
    off: arb
    size: arb

    def far(self, points: Sequence[Sequence[int]], own: int, other: int, off: arb, units: int) -> list[int]:
        """Lengths of `(e_own − e_other) ⊗ x` in the dual form, at most, in units of `2^−(unit + units)`.

        Args:
            points: the x, in units of `2^−units`.
            own, other: outputs.
            off: what one of these errs by.
            units: as above.
        """
        m = len(points[0])
        table = fmpz_mat([[x - y for x, y in zip(row[own * m : own * m + m], row[other * m : other * m + m],
                                                strict=True)] for row in self.root])
        columns = (fmpz_mat([list(x) for x in points]) * table.transpose()).tolist()
        more = float((self.size * 2 * off * arb(2) ** (self.unit + units)).upper())
        spare = 1 + 2 * float(self.off.upper()) + 2.0**-40
        return [int((isqrt(sum(int(y) * int(y) for y in column)) + 2 + more) * spare) + 1 for column in columns]


class PairForms:
    """Forms of a head.

    Args:
        head: a softmax head.
    """

    def __init__(self, head: Head) -> None:
        self.head, self.pairs = head, tuple(combinations(range(head.k), 2))
        self.rows = [[int(round(float(x.mid()) * 2.0**FINE)) for x in row] for row in head.rows]
        self.lost = [norm([x - arb(c) / 2**FINE for x, c in zip(row, one, strict=True)]).upper()
                     for row, one in zip(head.rows, self.rows, strict=True)]
        self._across = fmpz_mat(self.rows).transpose()

    def hold(self, products: Sequence[Sequence[int]], fade: arb, mu: arb, reach: float) -> PairForm | None:
        """The form; None where nothing holds the weights.

        Args:
            products: of every pair those of the probabilities of all rows, from below, in units of `2^−PRODUCT`.
            fade: a factor on these.
            mu: μ.
            reach: the length.
        """
        moves = [0.0] * self.head.n
        for _ in range(ROUNDS):
            left = [_left(arb(x), fade) for x in moves]
            weighed = [[d * x >> SHARE for d, x in zip(row, left, strict=True)] for row in products]
            form = self._form(weighed, mu, reach)
            if form is None:
                return None
            found = self._farthest(form)
            if all(x <= y for x, y in zip(found, moves, strict=True)):
                return form
            moves = [y if x <= y else x * MORE for x, y in zip(found, moves, strict=True)]
        return None

    def _form(self, weighed: list[list[int]], mu: arb, reach: float) -> PairForm | None:
        k, m, unit = self.head.k, self.head.m, 2 * FINE + PRODUCT
        entries = [[0] * (k * m) for _ in range(k * m)]
        for (a, b), row in zip(self.pairs, weighed, strict=True):
            scaled = fmpz_mat([[d * x for x in one] for d, one in zip(row, self.rows, strict=True)])
            W = (self._across * scaled).tolist()
            for i, line in enumerate(W):
                for j, x in enumerate(map(int, line)):
                    entries[a * m + i][a * m + j] += x
                    entries[b * m + i][b * m + j] += x
                    entries[a * m + i][b * m + j] -= x
                    entries[b * m + i][a * m + j] -= x
        decay = int((mu.lower() * arb(2) ** unit).lower().floor().unique_fmpz() or 0)
        free = self.head.free_intercept
        for x in range(k * m):
            if not (free and x % m == m - 1):
                entries[x][x] += decay
        if free:  # the sum of the intercepts is free: any value will do
            more = sum(entries[x][x] for x in range(k * m)) // (k * k * m)
            for a in range(k):
                for b in range(k):
                    entries[a * m + m - 1][b * m + m - 1] += more
        scale = 2.0**-unit
        guess = _root([[x * scale for x in row] for row in entries])
        if decay <= 0 or guess is None:
            return None
        q = BITS - frexp(max(abs(x) for row in guess for x in row))[1]
        if not SMALLEST <= q <= LARGEST:
            return None
        root = [[int(round(x * 2.0**q)) for x in row] for row in guess]
        return self._near(entries, root, q, weighed, reach)

    def _near(self, entries: list[list[int]], root: list[list[int]], q: int, weighed: list[list[int]], reach: float,
              ) -> PairForm | None:
        """The form with its root, if that is near."""
        K, unit = fmpz_mat(root), 2 * FINE + PRODUCT + 2 * q
        one = 1 << unit
        found = (K * fmpz_mat(entries) * K.transpose()).tolist()
        off = isqrt(sum((int(x) - (one if i == j else 0)) ** 2 for i, row in enumerate(found)
                        for j, x in enumerate(row))) + 1
        size = (isqrt(sum(x * x for row in root for x in row)) + 1) * arb(2) ** -q
        total = [sum(row) * arb(2) ** -PRODUCT for row in zip(*weighed, strict=True)]
        # both entries of a difference, and x xᵀ of inputs that err
        inputs = sum((d * (2 * length * lost + lost * lost) for d, length, lost in
                      zip(total, self.head.sizes, self.lost, strict=True)), ZERO) * 2
        whole = (arb(off) / one + size * size * inputs).upper()
        return PairForm(reach, root, q, whole, size.upper()) if whole < CLOSE else None

    def _farthest(self, form: PairForm) -> list[float]:
        """What the outputs of a row, less each other, move by at most where the form is at most `reach²`."""
        worst = max((float(x) for x in self.lost), default=0.0) * (1 + 2.0**-40)
        lengths = [form.far(self.rows, a, b, arb(worst), FINE) for a, b in self.pairs]
        scale = form.reach * 2.0 ** -(form.unit + FINE) * (1 + 2.0**-40)
        return [max(row) * scale for row in zip(*lengths, strict=True)]


def _left(moves: arb, fade: arb) -> int:
    """`(1 − e^(−ω))/ω` times a factor, from below, in units of `2^−SHARE`."""
    left = ONE - moves / 2 if moves < 2.0**-10 else (ONE - (-moves).exp()) / moves
    found = (left * fade * 2**SHARE).lower().floor().unique_fmpz()
    return max(0, int(found)) if found is not None else 0


def _root(A: list[list[float]]) -> list[list[float]] | None:
    """The inverse of Cholesky's factor, nearly; None where there is none. Nothing is trusted."""
    n = len(A)
    L: list[list[float]] = []
    for i in range(n):
        row: list[float] = []
        for j in range(i):
            row.append((A[i][j] - sum(map(mul, row, L[j]))) / L[j][j])
        rest = A[i][i] - sum(map(mul, row, row))
        if not 0.0 < rest < 1e300:
            return None
        L.append([*row, sqrt(rest)])
    K: list[list[float]] = []
    for i in range(n):
        columns = [sum(L[i][x] * K[x][j] for x in range(j, i)) for j in range(i)]
        K.append([*(-x / L[i][i] for x in columns), 1.0 / L[i][i], *([0.0] * (n - 1 - i))])
    return K
