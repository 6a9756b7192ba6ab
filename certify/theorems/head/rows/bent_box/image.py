"""D24: where motions lie that keep to slabs, if every row is linearised and what that leaves is bounded with its sign.

With `H = Σ c_iD_is_is_iᵀ + diag μ`, v near `H⁻¹e` and `x_l = s_l·v`, `−e·Δ = Σ_M x_l p̂_l + Σ c_l x_l r_l(τ_l) + …`, and
`c_l x_l r_l ≤ ½β_lτ_l²` with `Σ β_l s_ls_lᵀ ⪯ λH_low`. For e = ±s_j that says where margins of row j move, for an
evaluation row what its own margin loses. proofs/heads-boxes.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.blocked.grams import gram
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.bends import bends
from certify.systems.head.rows.boxes.inverses import judged
from certify.systems.head.rows.boxes.pulls import Pulls, pulls
from certify.systems.head.rows.boxes.slabs import Rows, secants
from certify.systems.head.rows.boxes.sums import cut_squares, whole_numbers
from certify.systems.head.rows.boxes.trap import LEVERAGE, Centre, Slabs, seen, short, squares, top_sum, top_sums
from certify.theorems.head.rows.bent_box.spectra import Whitened, largest, whitened

TINY = 2.0**-20
"""Of the squared pull, for the mixed term with the gradient."""

PAIRED = 6000
"""Rows of which the products are formed one by one for the length of a pull."""

LIFT, ROUGH = 1.0 + 2.0**-14, 8.0
"""For a checker, which has bounds of its own: how much larger λ is stated, and what its products of rows are off by,
times `short`."""

AT_ONCE = 1 << 21
"""Numbers of one array that are held at once: some ten such arrays are, hence 200 MB."""


@dataclass(frozen=True, eq=False)
class Linear:
    """The centre, linearised.

    Attributes:
        c: the centre, no row out.
        free, k: rows that may change, and how many.
        H, H_off: floats near `Σ c_iD_is_is_iᵀ + diag μ`, and what these are off by.
        X: floats near its inverse, and `X_off` what a checker's inverse is off by.
    """

    c: Centre
    free: Rows
    k: int
    H: Array
    H_off: float
    X: Array
    X_off: float


def linear(c: Centre, free: Rows, k: int) -> Linear | None:
    """The centre, linearised; None where floats do not hold an inverse."""
    H, off = _hessian(c, c.at.D)
    try:
        X = np.asarray(np.linalg.inv(H), np.float64)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(X).all():
        return None
    rough = 2.0 * whole_numbers(c.sums) * fp.frobenius(X) ** 2
    return Linear(c, free, min(k, len(free)), H, off, 0.5 * (X + X.T), rough)


def _hessian(c: Centre, curves: Array) -> tuple[Array, float]:
    """`Σ c_i curve_i s_is_iᵀ + diag μ` in floats, symmetric, and what that is off by."""
    s = c.sums
    weights = c.kept * curves
    H, unit = gram(s.S, weights)
    H[np.diag_indices(len(H))] += s.decay
    terms = float(weights @ (s.norms * s.norms)) * fp.sum_up(len(s.S))
    off = ((2.0 * unit + 4.0 * U) * terms + 4.0 * U * float(s.decay.sum()) + s.decay_off + U * fp.frobenius(H)) * RAISE
    return 0.5 * (H + H.T), off


@dataclass(frozen=True, eq=False)
class Taken:
    """What changes do along some vectors, at most: the k largest sums of both parts together, and what is fixed.

    Attributes:
        pull, rest: `(J, f)` by their pulls, and by what they bend and how far they move everything.
        fixed: `(J,)`.
        least: `(J, f)` at most `x_l`.
        share: `(J,)` λ.
    """

    pull: Array
    rest: Array
    fixed: Array
    least: Array
    share: Array

    def most(self, k: int) -> Array:
        """`(J,)` all of it."""
        return np.asarray((top_sums((self.pull + self.rest) * RAISE, k)[0] + self.fixed) * RAISE)


@dataclass(frozen=True, eq=False)
class Image(Slabs):
    """Where motions lie that keep to slabs, and with which λ of each row and its negative, `(2, n)`."""

    shares: Array


@dataclass(frozen=True, eq=False)
class Bent:
    """What slabs say of all choices, if the motion keeps to them.

    Attributes:
        at: the centre, linearised.
        slabs: these.
        pull: bounds of the pulls of changed rows.
        size, back: `(f,)` and one number: these lie in `[−back·size, size]`.
        mid, half: `(n,)` the middle and half the width of what `2c_ir_i/τ²` may be.
        far: `(n,)` how far slabs reach, and `gone` `(f,)` those of changed rows.
        rows: the rows in coordinates in which `H_low` is nearly 1.
        rho: `(f,)` with `|Σ_M p̂ s|² ≤ Σ_M ρ` in the norm of `H_low⁻¹`.
        rest, reach: at least the length of the gradient in that norm, and of every motion.
        room: `(n,)` what λ has to be larger by for a bend of 1, for a checker.
    """

    at: Linear
    slabs: Slabs
    pull: Pulls
    size: Array
    back: float
    mid: Array
    half: Array
    far: Array
    gone: Array
    rows: Whitened
    rho: Array
    rest: float
    reach: float
    room: Array

    def taken(self, E: Array, both: bool) -> list[Taken] | None:
        """Upper bounds of `−e·Δ` for some vectors e `(J, p)`, and where `both` of `e·Δ`; None: they are not proved."""
        at, c, free = self.at, self.at.c, self.at.free
        s, p = c.sums, E.shape[1]
        V = E @ at.X
        size, length = fp.row_norms(V), fp.row_norms(E)
        wrong = fp.row_norms(V @ at.H - E) + (fp.dot_unit(p + 1) * (fp.frobenius(at.H) * size + length)
                                              + at.H_off * size)
        x = V @ s.S.T
        off = np.outer(size * (fp.dot_unit(p) + ROUGH * short(p)) + length * at.X_off, s.norms) * RAISE + fp.FLOOR
        wide = (np.abs(x) * self.half + off * (np.abs(self.mid) + self.half)) * RAISE
        along = x * self.mid
        sums = along @ self.rows.products, wide @ self.rows.products
        sizes = ((np.abs(along) + wide) @ self.rows.rounding) * fp.sum_up(2 * len(s.S))
        fixed = (wrong * self.reach + size * c.gradient
                 + (((np.abs(x) + off) @ (c.kept * c.at.D_off * self.far)) * fp.sum_up(len(s.S)))) * RAISE
        found = []
        for sign in (1.0, -1.0)[: 1 + both]:
            lam = largest(self.rows, sign * sums[0] + sums[1], sizes)
            if lam is None:
                return None
            lam = (lam * LIFT + (np.abs(along) + wide) @ self.room) * RAISE
            mine = sign * x[:, free]
            pull = np.maximum(np.maximum(mine + off[:, free], self.back * (off[:, free] - mine)), 0.0) * self.size
            rest = np.outer(0.5 * (1.0 + TINY) * lam, self.rho)
            if not s.relabels:  # what changed rows bend is not in the sum: where β < 0 that adds
                beta = sign * along[:, free] + wide[:, free]
                rest += 0.5 * np.maximum(-beta + 4.0 * U * (np.abs(along) + wide)[:, free], 0.0) * self.gone**2
            last = fixed + 0.5 * lam * (1.0 + 1.0 / TINY) * self.rest * self.rest
            found.append(Taken(pull * RAISE * RAISE, rest * RAISE * RAISE, last * RAISE,
                               mine - off[:, free] * RAISE, lam))
        return found

    def parts(self, count: int) -> Iterator[slice]:
        """So many vectors in parts, whose products with all rows and whose matrices fit into memory."""
        n, p = self.at.c.sums.S.shape
        step = max(1, AT_ONCE // max(n, p * p))
        for start in range(0, count, step):
            yield slice(start, min(start + step, count))

    def image(self, left: Callable[[], float] = lambda: np.inf) -> Image | None:
        """How far the margin of every row moves at most, where it stays and where it changes.

        None: not proved, or the time is up, of which so many seconds are left.
        """
        at, S = self.at, self.at.c.sums.S
        n, found, shares = len(S), np.zeros((4, len(S))), np.zeros((2, len(S)))
        place = np.full(n, -1)
        place[at.free] = np.arange(len(at.free))
        for part in self.parts(n):
            both = self.taken(S[part], True) if left() > 0.0 else None
            if both is None:
                return None
            for sign, one in enumerate(both):
                shares[sign, part] = one.share
                if at.c.sums.relabels:
                    found[sign, part] = found[sign + 2, part] = one.most(at.k)
                else:
                    found[sign, part], found[sign + 2, part] = self._apart(one, place[part], sign == 0)
        return Image(found[0], found[1], found[2], found[3], shares)

    def _apart(self, one: Taken, mine: Rows, falls: bool) -> tuple[Array, Array]:
        """Of some rows, by their place among the free ones: how far they move while they stay, and if they are deleted.

        A deleted row's own pull grows with its motion x, `p̂ ≤ first + share·x`, and so `x ≤ h(first + share·x) + …`,
        if what it does to itself is not below 0.
        """
        own = np.flatnonzero(mine >= 0)
        it = mine[own]
        pull, rest = one.pull[own, it], one.rest[own, it]
        push = (one.pull + one.rest) * RAISE
        push[own, it] = 0.0
        most, fewer = top_sums(push, self.at.k)
        stay, gone = (most + one.fixed) * RAISE, np.zeros(len(mine))
        others = (fewer + one.fixed)[own] * RAISE + rest
        if falls:
            leverage = pull / self.size[it] * RAISE
            left = 1.0 - leverage * self.pull.share[it] * RAISE
            alone = (leverage * self.pull.first[it] + others) / left * RAISE * RAISE
            gone[own] = np.where((left > LEVERAGE) & (one.least[own, it] >= 0.0), alone, np.inf)
        else:
            gone[own] = (pull + others) * RAISE
        return stay, gone


def bent(at: Linear, slabs: Slabs) -> Bent | None:
    """What slabs say; where labels change those of rows that change are those of rows that stay."""
    c, free, k = at.c, at.free, at.k
    s, S = c.sums, c.sums.S
    if s.ratios is not None or not np.isfinite(slabs.all()).all():  # what counts anew with its new label is not proved
        return None
    if s.relabels:
        slabs = Slabs(slabs.lo, slabs.hi, slabs.lo, slabs.hi)
    sec = secants(c.at, slabs.lo, slabs.hi)
    low, unsure = _hessian(c, np.minimum(sec.least * (1.0 - 4.0 * U), c.at.D))
    unsure += whole_numbers(s)
    found = judged(low, unsure)
    if found is None:
        return None
    top = found[0] / (1.0 - found[1])  # H_low is a sum of squares
    off = 6.0 * fp.dot_unit(len(top)) * fp.frobenius(top) * RAISE
    try:
        L = np.asarray(np.linalg.cholesky(top), np.float64)
    except np.linalg.LinAlgError:
        return None
    rows = whitened(S, s.norms, low, unsure, L) if np.isfinite(L).all() else None
    pull = _pulls(c, free, slabs)
    size = np.maximum(pull.forth, pull.back)
    if rows is None or not (np.isfinite(size).all() and (size > 0.0).all()):
        return None
    back = float(np.max(pull.back / size)) * RAISE
    g = bends(c.at, slabs.lo, slabs.hi) * c.kept
    mid = 0.5 * (g[0] + g[1])
    half = (np.maximum(g[1] - mid, mid - g[0]) + 4.0 * U * np.abs(g).max(axis=0)) * RAISE
    rho = squares(c, free, (top, off), (size, back), seen(S, top, s.norms, off), k, min(PAIRED, len(free)))
    norm = float(np.sqrt(fp.frobenius(top) + off)) * RAISE
    rest = norm * c.gradient * RAISE
    reach = norm * (float(np.sqrt(top_sum(rho, k))) + rest) * RAISE
    far, gone = slabs.all().max(axis=0), np.maximum(slabs.il, slabs.ih)[free]
    room = 2.0 * norm * norm * cut_squares(s)
    return Bent(at, slabs, pull, size, back, mid, half, far, gone, rows, rho, rest, reach, room)


def _pulls(c: Centre, free: Rows, slabs: Slabs) -> Pulls:
    """What changed rows that keep to their slabs pull with."""
    kept, none = c.kept[free], np.zeros(len(free))
    if c.sums.relabels:
        return Pulls(kept, none, kept, none)
    return pulls(c.at, free, slabs.il[free], slabs.ih[free], None).times(kept)
