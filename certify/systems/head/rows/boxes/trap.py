"""D5, the trapping box: slabs that hold the margins of every row for every choice of at most k changed rows.

A node of a search: some rows are changed, any k of the free rows may follow. `Δ` is how far the minimiser moves from
the centre, `τ_j = s_j·Δ`. A float iteration proposes slabs; `trap` proves them in one pass. proofs/heads.md, D5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.blocked.grams import gram
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.inverses import judged
from certify.systems.head.rows.boxes.pulls import Pulls, pulls
from certify.systems.head.rows.boxes.slabs import Margins, Rows
from certify.systems.head.rows.boxes.sums import Sums, whole_numbers

WIDE = 48
"""Rows whose products with all others are formed one by one; the rest share one bound."""

AT_ONCE = 1 << 22
"""Products that are held at once."""

LEVERAGE = 1e-3
"""Least `1 − K_ii D_i` of a free row that may be deleted; below it no box is tried."""


@dataclass(frozen=True, eq=False)
class Centre:
    """Weights near the minimiser of the sum after the change of some rows.

    Attributes:
        sums: the sum, changed rows with their new labels.
        kept: (n,) what a row counts that is left, 1.0 without weights; 0.0 for rows that are out.
        w: the weights.
        at: margins.
        gradient: upper bound of the norm of the gradient there.
    """

    sums: Sums
    kept: Array
    w: Array
    at: Margins
    gradient: float


def centre(sums: Sums, kept: Array, w: Array, proved: bool = True) -> Centre:
    """Margins and residual at w (rounding: R2, R3)."""
    S, n, p = sums.S, len(sums.S), sums.S.shape[1]
    size = float(fp.row_norms(w[None, :])[0])
    at = sums.loss.margins(S @ w, fp.dot_unit(p) * sums.norms * size * RAISE, proved)
    pull = kept * at.p
    mid = sums.decay * w - pull @ S
    unit = fp.dot_unit(n) if sums.weights is None else fp.dot_unit(n + 2)  # a product more
    weigh = float(kept @ ((at.p_off + unit * at.p) * sums.norms)) * fp.sum_up(n)
    error = (weigh + sums.decay_off * size
             + 4.0 * U * (float(sums.decay.max(initial=0.0)) * size + float(pull @ sums.norms))) * RAISE
    return Centre(sums, kept, w, at, float(fp.row_norms(mid[None, :])[0] + error) * RAISE)


@dataclass(frozen=True, eq=False)
class Slabs:
    """`τ_j ∈ [−lo_j, hi_j]` for rows that stay, `τ_i ∈ [−il_i, ih_i]` for free rows that change."""

    lo: Array
    hi: Array
    il: Array
    ih: Array

    def all(self) -> Array:
        """One (4, n) array."""
        return np.stack([self.lo, self.hi, self.il, self.ih])


@dataclass(frozen=True, eq=False)
class Trap:
    """What slabs imply if the true motion stays within them.

    Attributes:
        image: (4, n) where the motion then lies; the box is proved if it is strictly inside.
        mean: float A, the middle of `H_low⁻¹` and `H_up⁻¹`.
        half: float B, half their difference; `off` bounds the errors of both and of products with them.
        top: float upper inverse, `H_low⁻¹ ⪯ top + off`.
        off: see half; relative to the product of two norms.
        size, back: the pulls of changed rows lie in `[−back·size, size]`; (f,) and one number ≤ 1.
        spread: upper bound of `|Σ_M p̂ s|_B`.
        loose: `off · Σ_M |s||p̂|`, at most.
        rest: `√‖top‖ · |gradient|`.
        wide: how many rows had their products formed one by one.
    """

    image: Array
    mean: Array
    half: Array
    top: Array
    off: float
    size: Array
    back: float
    spread: float
    loose: float
    rest: float
    wide: int

    def inside(self, slabs: Slabs) -> bool:
        """Whether the image lies strictly within the slabs."""
        return bool((self.image < slabs.all()).all())


def top_sums(values: Array, k: int) -> tuple[Array, Array]:
    """Upper bounds of the sums of the k and of the k − 1 largest entries of rows of nonnegative numbers."""
    if k == 1:
        return values.max(axis=1, initial=0.0), np.zeros(len(values))
    f = values.shape[1]
    if f > k:
        values = np.partition(values, f - k, axis=1)[:, f - k :]
    least = values.min(axis=1, initial=np.inf)[:, None] if f >= k else np.zeros((len(values), 1))
    both = values.sum(axis=1) * RAISE
    return both, np.minimum(both, np.maximum(both - least[:, 0], 0.0) + both * 2.0**-40)


def top_sum(values: Array, k: int) -> float:
    """Upper bound of the sum of the k largest of nonnegative numbers."""
    return float(top_sums(values[None, :], k)[0][0]) if k > 0 else 0.0


def trap(c: Centre, slabs: Slabs, free: Rows, k: int, proved: bool = True, wide: int = WIDE) -> Trap | None:
    """Where the motion lies if it lies in the slabs (D5); None where an inverse or a leverage is not proved.

    Args:
        c: the centre.
        slabs: arrays of n nonnegative floats.
        free: the rows of which at most k may change; they are as they were at the centre.
        k: at least 1.
        proved: whether every number is to be a bound; if not, the same with floats that are only proposed.
        wide: how many rows have their products formed one by one.
    """
    s, S, n = c.sums, c.sums.S, len(c.sums.S)
    sec = s.loss.secants(c.at, slabs.lo, slabs.hi, proved)
    room = 0.0 if s.weights is None else 4.0 * U  # of products of weights and secants
    fixed = 4.0 * U * float(s.decay.sum()) + s.decay_off + whole_numbers(s)
    inverses = []
    for weights in (sec.least * (1.0 - room), sec.most * (1.0 + room)):
        H, unit = gram(S, c.kept * weights)
        unsure = (2.0 * unit * float((c.kept * sec.most) @ (s.norms * s.norms)) * fp.sum_up(n) + fixed) * RAISE
        H[np.diag_indices(len(H))] += s.decay
        found = judged(H, unsure, proved)
        if found is None:
            return None
        inverses.append(found)
    (top, above, _), (low, under, _) = inverses
    top, low = top / (1.0 - above), low / (1.0 + under)  # both matrices are sums of squares: no eigenvalue is below 0
    mean, half = 0.5 * (top + low), 0.5 * (top - low)
    size = fp.frobenius(top) + fp.frobenius(low) if proved else 0.0
    off = 6.0 * fp.dot_unit(len(top)) * size * RAISE  # what products, and entries of these, are rounded by
    pull = pulls(c.at, free, slabs.il[free], slabs.ih[free], sec if s.relabels else None, proved, s.ratios,
                 s.loss)
    pull = pull if s.weights is None else pull.times(c.kept[free])
    return _image(c, free, k, (mean, half, top, off), pull, proved, wide)


def seen(S: Array, M: Array, norms: Array, off: float) -> Array:
    """Upper bounds of `|s_j|_M`, M up to off and rounding."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("ij,ij->i", S @ M, S), 0.0) + off * norms * norms) * RAISE)


def _image(c: Centre, free: Rows, k: int, parts: tuple[Array, Array, Array, float], pull: Pulls,
           proved: bool, wide: int) -> Trap | None:
    """The inequalities of the box."""
    s, S, n = c.sums, c.sums.S, len(c.sums.S)
    mean, half, top, off = parts
    k = min(k, len(free))
    SA = S @ mean
    own = np.einsum("ij,ij->i", SA, S)
    beta = seen(S, half, s.norms, off)
    size = np.maximum(pull.forth, pull.back * s.loss.least)  # any bounds of the pulls will do
    back = float(np.max(pull.back / size)) * RAISE
    root = np.sqrt(np.maximum(own, 0.0) + off * s.norms * s.norms) * RAISE
    by = root[free] * size
    order = np.argsort(-by, kind="stable")
    some = order[: max(wide, 2 * k)]
    others = float(by[order[len(some)]]) if len(some) < len(free) else 0.0
    X, X1, Y, Y1 = _tops(SA, S[free[some]] * size[some, None], free[some], back, (k, root * others * RAISE), proved)
    spread = _spread(c, free, (half, off), (size, back), beta, k, wide)
    loose = off * top_sum(s.norms[free] * size, k) * RAISE
    still = float(np.sqrt(fp.frobenius(top) + off)) * c.gradient * RAISE if proved else 0.0
    extra = beta * spread + s.norms * loose
    if proved:
        extra += seen(S, top, s.norms, off) * still
    image = np.zeros((4, n))
    image[0], image[1] = (X + extra) * RAISE, (Y + extra) * RAISE
    image[:2, c.kept == 0.0] = -1.0
    image[2:] = -1.0
    own_free = own[free] + off * s.norms[free] * s.norms[free]
    left = 1.0 - own_free * pull.share
    if not (left > LEVERAGE).all() or not (own_free > 0.0).all():
        return None
    inner = extra[free]
    image[2, free] = (own_free * pull.first + X1[free] + inner) / left * RAISE
    image[3, free] = (own_free * pull.back + Y1[free] + inner) * RAISE
    return Trap(image, mean, half, top, off, size, back, spread, loose, still, wide)


def _tops(left: Array, right: Array, cols: Rows, back: float, tops: tuple[int, Array], proved: bool,
          ) -> tuple[Array, Array, Array, Array]:
    """For every row the k and the k − 1 largest of `max(f, −back·f)`, f its products, and the same of −f.

    Args:
        left, right: `(n, p)` and `(w, p)` factors.
        cols: the rows that `right` stands for; a row's product with itself does not count.
        back: see `Trap`.
        tops: k, and for each row a number below which no product counts.
        proved: as of `trap`; products that are only proposed are formed in half the bits.
    """
    k, rest = tops
    n, found = len(left), np.zeros((4, len(left)))
    if not proved and len(cols) > WIDE:
        left, right = left.astype(np.float32), right.astype(np.float32)
    place = np.full(n, -1)
    place[cols] = np.arange(len(cols))
    step = max(1, AT_ONCE // max(len(cols), 1))
    for start in range(0, n, step):
        at = slice(start, min(start + step, n))
        f = left[at] @ right.T
        mine = place[at]
        own = np.flatnonzero(mine >= 0)
        f[own, mine[own]] = 0.0
        floor = rest[at, None].astype(f.dtype)
        found[0, at], found[1, at] = top_sums(np.maximum(np.maximum(f, f * -back), floor), k)
        found[2, at], found[3, at] = top_sums(np.maximum(np.maximum(-f, f * back), floor), k)
    return found[0], found[1], found[2], found[3]


def _spread(c: Centre, free: Rows, matrix: tuple[Array, float], pulls: tuple[Array, float],
            beta: Array, k: int, wide: int) -> float:
    """Upper bound of `|Σ_M p̂ s|_B` over all M of at most k free rows: the better of two.

    The sum of the k largest `|s_i|_B |p̂_i|`; and the root of the k largest of square plus k − 1 largest products.
    """
    size = pulls[0]
    each = beta[free] * size * RAISE
    plain = top_sum(each, k)
    if k == 1 or not plain > 0.0:
        return plain
    rho = squares(c, free, matrix, pulls, beta, k, wide)
    return min(plain, float(np.sqrt(top_sum(rho, k) * RAISE)) * RAISE)


def squares(c: Centre, free: Rows, matrix: tuple[Array, float], pulls: tuple[Array, float], norms_of: Array,
            k: int, most: int) -> Array:
    """ρ with `|Σ_M p̂ s|² ≤ Σ_M ρ` in the norm of a matrix: a square and the k − 1 largest products.

    Args:
        c, free, k: as of a box.
        matrix: positive semidefinite up to an error.
        pulls: bounds of the pulls of the free rows, and of the ratio back.
        norms_of: upper bounds of the norms of all rows.
        most: how many rows have their products formed one by one.
    """
    M, off = matrix
    size, back = pulls
    each = norms_of[free] * size * RAISE
    if k == 1:
        return np.asarray(each * each * RAISE)
    wide = np.argsort(-each, kind="stable")[: max(most, 2 * k)]
    rows = c.sums.S[free[wide]]
    norms = c.sums.norms[free[wide]]
    weigh = size[wide]
    narrow = np.ones(len(free), bool)
    narrow[wide] = False
    most_narrow, most_all = float(each[narrow].max(initial=0.0)), float(each.max())
    rho = each * each + (k - 1) * each * most_all
    left, step = rows @ M, max(1, AT_ONCE // len(wide))
    for start in range(0, len(wide), step):
        at = np.arange(start, min(start + step, len(wide)))
        B = left[at] @ rows.T
        near = (np.maximum(B, B * -back) + off * np.outer(norms[at], norms)) * np.outer(weigh[at], weigh)
        near[at - start, at] = 0.0
        near = np.maximum(near, (each[wide[at]] * most_narrow)[:, None])
        rho[wide[at]] = each[wide[at]] * each[wide[at]] + top_sums(near, k - 1)[0]
    return np.asarray(rho * RAISE)


def short(p: int) -> float:
    """What a checker's rows may be off by, relative: it has them in so few bits that p products fit a word."""
    return float(np.sqrt(p)) * 2.0 ** -((61 - p.bit_length()) // 2)


def drops(c: Centre, t: Trap, free: Rows, k: int, points: Array) -> tuple[Array, Array, Array]:
    """Margins of points after changes, in parts: at least `margin − (sum of the k largest pushes) − fixed`.

    Args:
        c, t, free, k: a proved box.
        points: (N, p) oriented rows e.

    Returns:
        Lower bounds of the margins at the centre, (N, f) nonnegative pushes of the free rows, (N,) what is fixed.
    """
    p = points.shape[1]
    norms = fp.row_norms(points)
    margin = c.sums.margins(points, norms, c.w)
    C = (points @ t.mean) @ (c.sums.S[free] * t.size[:, None]).T
    # a checker's forms and products are as coarse as this: what is proved is to hold there too
    far = float((fp.row_norms(c.sums.S[free] @ t.mean) * t.size).max())
    pushes = np.maximum(C, C * -t.back) + (8.0 * short(p) * far) * norms[:, None]
    coarse = t.off + (6.0 + 4.0 * float(np.sqrt(p))) * short(p) * fp.frobenius(t.half)
    fixed = (seen(points, t.half, norms, coarse) * t.spread + norms * t.loose
             + seen(points, t.top, norms, t.off) * t.rest)
    return margin, pushes, fixed * RAISE
