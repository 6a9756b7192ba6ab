"""`(XC_i)ᵀXC_i` of all rows by the structure of `C_i`, from `S = XᵀX`: 64 columns of 1,210 numbers are not made.

For two parts `K ⊗ v` and `L ⊗ w` of C what is needed is `KᵀTL`, `T_xy = Σ_uv v_u w_v S_{xu,yv}`: for all rows together
one product of a matrix that has the entries of S with one of the numbers `v_u w_v`.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import add

from flint import arb, arb_mat, ctx, fmpz, fmpz_mat

from certify.check.linalg.balls import ONE, ZERO, largest, norm
from certify.check.linalg.fixed import Fixed, frobenius, scale
from certify.check.probed.structure.columns import Columns, Item

LONG, PRECISION = 66, 64
"""Bits of the entries of vectors, and of the balls of sums."""

FINE, COARSE = (70, 64), (62, 60)
"""Bits of the entries of S, and of products of entries of vectors: both are inputs, or one is an adjoint."""


@dataclass(frozen=True)
class Short:
    """Vectors as whole numbers: `2^(LONG + up)` times each row's, the largest of which is below 1 after `2^up`.

    Attributes:
        off: how far a row is from the true one at most, in units of `2^−up`.
    """

    rows: list[list[int]]
    ups: list[int]
    off: arb


class NotFinite(Exception):  # noqa: N818 — nothing is proved so, and motions are asked for
    """Balls without bounds."""


def short(vectors: list[list[arb]]) -> Short:
    """Each row times a power of two, cut; raises `NotFinite`."""
    rows, ups, off = list[list[int]](), list[int](), arb(0)
    for row in vectors:
        longest = largest([abs(x) for x in row]).upper()
        if not longest.is_finite():
            raise NotFinite
        mantissa, exponent = longest.man_exp()
        ups.append(0 if mantissa == 0 else -int(exponent) - mantissa.bit_length())
        scaled = [x / scale(LONG + ups[-1]) for x in row]
        whole = [x.mid().floor().unique_fmpz() for x in scaled]
        if None in whole:
            raise NotFinite
        rows.append([int(x) for x in whole if x is not None])
        off = off.max((norm([1 + x.rad() for x in scaled]) * scale(LONG)).upper())
    return Short(rows, ups, off)


@dataclass(frozen=True)
class Sums:
    """T of every row, `2^−(bits + up)` times integers, and how far it is off at most, times `2^−up`.

    Where it is symmetric the rows hold what is not below the diagonal, and `order` says where each entry is.
    """

    rows: list[list[fmpz]]
    shape: tuple[int, int]
    bits: int
    ups: list[int]
    off: arb
    order: list[int]

    def of(self, at: int) -> tuple[arb_mat, arb]:
        """That of one row, and how far it is off, Frobenius norm."""
        row, (m, n) = self.rows[at], self.shape
        values = fmpz_mat(m, n, [row[place] for place in self.order] if self.order else row)
        return arb_mat(values) * scale(self.bits + self.ups[at]), self.off * scale(self.ups[at])


def contracted(S: Fixed, entries: list[list[fmpz]], width: int, s: Item, t: Item, v: Short, w: Short) -> Sums:
    """T of every row.

    Of `f = v ⊗ w` cut to f̂ and of S within ρ of Ŝ, Frobenius norms, T is off by at most `|Ŝ||f − f̂| + ρ|f|`, and
    `|f − f̂| ≤ η_v|w| + |v̂|η_w` and what is cut.
    """
    m, n, drop, order = len(v.rows[0]), len(w.rows[0]), 2 * LONG - width, list[int]()
    left, right = [[[one.place(x, u) for u in range(size)] for x in range(one.left)] for one, size in ((s, m), (t, n))]
    if s is t:
        flat = [entries[a[u]][b[k]] + (entries[a[k]][b[u]] if u != k else 0)
                for x, a in enumerate(left) for b in left[x:] for u in range(m) for k in range(u, m)]
        order = [min(x, y) * s.left - min(x, y) * (min(x, y) - 1) // 2 + abs(x - y)
                 for x in range(s.left) for y in range(s.left)]
        features = [a * b >> drop for row in v.rows for u, a in enumerate(row) for b in row[u:]]
    else:
        flat = [entry[k] for a in left for b in right for entry in [entries[u] for u in a] for k in b]
        features = [a * b >> drop for one, other in zip(v.rows, w.rows, strict=True) for a in one for b in other]
    count = len(features) // len(v.rows)
    found = (fmpz_mat(len(v.rows), count, features) * fmpz_mat(len(flat) // count, count, flat).transpose()).tolist()
    size = arb(m * n).sqrt()
    away = v.off * arb(n).sqrt() + w.off * arb(m).sqrt() + size * scale(width)
    return Sums(found, (s.left, t.left), S.bits + width, list(map(add, v.ups, w.ups)),
                (S.size * away + S.radius * size).upper(), order)


def grams(C: Columns, S: Fixed) -> tuple[list[arb_mat], list[arb]]:
    """Of every moving row: with `F = δ ⊗ I` and `C = F + GW`, `FᵀSF + RW + (RW)ᵀ`, `R = FᵀSG + ½WᵀGᵀSG`.

    Each within a length of it in Frobenius norm.

    Raises:
        NotFinite: balls without bounds.
    """
    items, both = [C.first, *C.items], [(T, T.mid.tolist()) for T in (S.at(S.bits + COARSE[0] - FINE[0]), S)]
    shorts = [short(item.vectors) for item in items]
    pairs = []
    for s, one in enumerate(items):
        for t, other in enumerate(items[s:], s):
            fine = one.inner and other.inner
            T = contracted(*both[fine], (FINE if fine else COARSE)[1], one, other, shorts[s], shorts[t])
            pairs.append((s, t, T))
    with ctx.workprec(PRECISION):
        W, turned = C.weights * ONE, C.weights.transpose() / 2
        reach = frobenius(W * W.transpose()).sqrt()
        found = [_gram([(s, t, *T.of(at)) for s, t, T in pairs], parts, W, turned, reach)
                 for at, parts in enumerate(C.parts)]
    return [G for G, _ in found], [lost for _, lost in found]


def _gram(
    pairs: list[tuple[int, int, arb_mat, arb]], parts: list[arb_mat], W: arb_mat, turned: arb_mat, reach: arb,
) -> tuple[arb_mat, arb]:
    """Of one row; `turned` is `½Wᵀ`, `reach` at least `‖W‖`. What T is off by counts with what is beside it."""
    m, d = W.nrows(), W.ncols()
    R, within, own, lost = arb_mat(d, m), arb_mat(m, m), arb_mat(d, d), ZERO
    sizes = [ONE, *(frobenius(L) * reach for L in parts)]
    for s, t, T, off in pairs:
        lost += off * sizes[s] * sizes[t] * (1 if s == t else 2)
        if t == 0:
            own = T
        elif s == 0:
            R += T * parts[t - 1]
        else:
            M = parts[s - 1].transpose() * (T * parts[t - 1])
            within += M if s == t else M + M.transpose()
    RW = (R + turned * within) * W
    return own + RW + RW.transpose(), lost.upper()


def image(C: Columns, forms: list[list[list[arb]]]) -> arb_mat:
    """`Σ_i C_i t_i` of q vectors, `(p, q)`.

    Args:
        C: the columns.
        forms: of every moving row the t_i of all vectors.
    """
    moved = list[list[list[list[arb]]]]()  # of every row and item, vector by vector
    for parts, t in zip(C.parts, forms, strict=True):
        inner = C.weights * arb_mat(t).transpose()
        moved.append([t, *((L * inner).transpose().tolist() for L in parts)])
    vectors = [arb_mat(item.vectors) for item in (C.first, *C.items)]
    rows: list[list[arb]] = [[] for _ in range(C.parameters)]
    for c in range(len(forms[0])):
        column = [arb(0)] * C.parameters
        for at, item in enumerate([C.first, *C.items]):
            kept = arb_mat([one[at][c] for one in moved]).transpose()
            for x, line in enumerate((kept * vectors[at]).tolist()):
                for u, value in enumerate(line):
                    column[item.place(x, u)] += value
        for own, value in zip(rows, column, strict=True):
            own.append(value)
    return arb_mat(rows)
