"""D1f: a quadratic form that the pull back to weights of a softmax head exceeds, from every row and pair of outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import expm1, frexp, isqrt, sqrt
from operator import mul, sub

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ONE, norm
from certify.check.theorems.head.rows.head import Head

FINE, SHARE, PRODUCT, BITS = 40, 20, 52, 24
"""Negative binary logarithms of the units of inputs, of what is left of curvature and of products of probabilities, and
binary digits of the largest entry of a root."""

ROUNDS, MORE = 6, 1.05
"""How often motions of outputs are guessed, and how much larger the next guess is than what the last one gave."""

GUESSES, LARGE = 3, 2.0
"""Steps to a first guess, and above what it is none."""

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
        outputs: k.
        moves: how far the outputs of a row, less each other, move at most where the form is at most `reach²`.
        shares: κ_i Σ D_iab |(e_a − e_b) ⊗ φ_i|²_* of the rows at most, in units of `2^−SHARE`.
    """

    reach: float
    root: list[list[int]]
    unit: int
    off: arb
    size: arb
    outputs: int
    moves: list[float] = field(default_factory=list)
    shares: list[int] = field(default_factory=list)

    def far(self, squares: fmpz_mat, pairs: Sequence[tuple[int, int]], off: arb, units: int) -> list[list[int]]:
        """Lengths of `(e_a − e_b) ⊗ x` in the dual form, at most, in units of `2^−(unit + units)`; one list a pair.

        Args:
            squares: of the x, in units of `2^−units`, as :func:`squares_of` has them.
            pairs: the outputs a and b.
            off: what one of the x errs by.
            units: as above.
        """
        m = len(self.root[0]) // self.outputs
        columns = [[row[a * m : a * m + m] for row in self.root] for a in range(self.outputs)]
        forms = []
        for a, b in pairs:
            table = fmpz_mat([list(map(sub, x, y)) for x, y in zip(columns[a], columns[b], strict=True)])
            G = (table.transpose() * table).tolist()
            forms.append([G[i][j] if i == j else 2 * G[i][j] for i in range(m) for j in range(i, m)])
        found = (fmpz_mat(forms) * squares).tolist()
        more = 2 + float((self.size * 2 * off * arb(2) ** (self.unit + units)).upper())
        spare = 1 + 2 * float(self.off.upper()) + 2.0**-40
        return [[int((isqrt(int(x)) + more) * spare) + 1 for x in row] for row in found]


def squares_of(rows: Sequence[Sequence[int]]) -> fmpz_mat:
    """Of every row x the products `x_i x_j`, i ≤ j, one column a row."""
    m = len(rows[0]) if rows else 0
    columns = list(zip(*rows, strict=True))
    return fmpz_mat([list(map(mul, columns[i], columns[j])) for i in range(m) for j in range(i, m)])


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
        self._squares = squares_of(self.rows)
        self._across = self._squares.transpose()
        self._errors = arb_mat([[2 * size * lost + lost * lost] for size, lost in
                                zip(head.sizes, self.lost, strict=True)])

    def hold(self, products: Sequence[Sequence[int]], fade: arb, mu: arb, reach: float,
             start: Sequence[float] = (), far: bool = False) -> PairForm | None:
        """The form; None where nothing holds the weights.

        Args:
            products: of every pair those of the probabilities of all rows, from below, in units of `2^−PRODUCT`.
            fade: a factor on these.
            mu: μ.
            reach: the length.
            start: guesses of what outputs move by; any will do.
            far: whether the second guess is as large as all that these moves may take of the form makes it.
        """
        moves = list(start) or [0.0] * self.head.n
        for at in range(ROUNDS):
            left = [_left(arb(x), fade) for x in moves]
            weighed = [[d * x >> SHARE for d, x in zip(row, left, strict=True)] for row in products]
            form = self._form(weighed, mu, reach)
            if form is None:
                return None
            found = self._farthest(form)
            if all(x <= y for x, y in zip(found, moves, strict=True)):
                total = map(sum, zip(*weighed, strict=True))
                shares = [int(x * (y / reach) ** 2 * 2.0 ** (SHARE - PRODUCT) * (1 + 2.0**-40)) + 1
                          for x, y in zip(total, found, strict=True)]
                return replace(form, moves=found, shares=shares)
            if far and not at:
                found = list(map(_grown, found))
            moves = [y if x <= y else x * MORE for x, y in zip(found, moves, strict=True)]
        return None

    def _form(self, weighed: list[list[int]], mu: arb, reach: float) -> PairForm | None:
        k, m, unit = self.head.k, self.head.m, 2 * FINE + PRODUCT
        entries = [[0] * (k * m) for _ in range(k * m)]
        sums = (fmpz_mat([list(row) for row in weighed]) * self._across).tolist()
        for (a, b), line in zip(self.pairs, sums, strict=True):
            each = map(int, line)
            for i in range(m):
                for j, x in zip(range(i, m), each, strict=False):
                    for u, v in ((i, j), (j, i)) if i != j else ((i, i),):
                        entries[a * m + u][a * m + v] += x
                        entries[b * m + u][b * m + v] += x
                        entries[a * m + u][b * m + v] -= x
                        entries[b * m + u][a * m + v] -= x
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
        lost = list(map(int, (K * fmpz_mat(entries) * K.transpose()).entries()))
        for i in range(len(root)):
            lost[i * len(root) + i] -= one
        off = isqrt(sum(map(mul, lost, lost))) + 1
        size = (isqrt(sum(x * x for row in root for x in row)) + 1) * arb(2) ** -q
        total = [sum(row) * arb(2) ** -PRODUCT for row in zip(*weighed, strict=True)]
        # both entries of a difference, and x xᵀ of inputs that err
        inputs = (arb_mat([total]) * self._errors)[0, 0] * 2
        whole = (arb(off) / one + size * size * inputs).upper()
        return PairForm(reach, root, q, whole, size.upper(), self.head.k) if whole < CLOSE else None

    def _farthest(self, form: PairForm) -> list[float]:
        """What the outputs of a row, less each other, move by at most where the form is at most `reach²`."""
        worst = max((float(x) for x in self.lost), default=0.0) * (1 + 2.0**-40)
        lengths = form.far(self._squares, self.pairs, arb(worst), FINE)
        scale = form.reach * 2.0 ** -(form.unit + FINE) * (1 + 2.0**-40)
        return [max(row) * scale for row in zip(*lengths, strict=True)]


def _grown(x: float) -> float:
    """Nearly ω with `ω√κ(ω) = x`, to which x grows if all of the form is κ times as much; as it is if that is large."""
    found = x
    for _ in range(GUESSES if 0.0 < x < LARGE else 0):
        found = x / sqrt(-expm1(-found) / found)
    return found


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
    columns: list[list[float]] = []
    for i in range(n):
        row = [-sum(map(mul, L[i][j:i], column)) / L[i][i] for j, column in enumerate(columns)]
        columns.append([])
        K.append([*row, 1.0 / L[i][i], *([0.0] * (n - 1 - i))])
        for column, x in zip(columns, K[i], strict=False):
            column.append(x)
    return K
