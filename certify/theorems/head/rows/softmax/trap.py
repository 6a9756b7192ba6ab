"""D9, the trapping box of a softmax head: how far the outputs of every row move under every choice of changed rows.

`K_jl = (x_jᵀ ⊗ I)A(x_l ⊗ I)`, a block of k × k; the pull of a changed row l on the difference of two outputs at a row j
is `(K_lj(e_a − e_b))·P̂_l`. A float iteration proposes ranges; `trap` proves them in one pass. proofs/heads-softmax.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.inverses import judged
from certify.systems.head.rows.boxes.trap import top_sums
from certify.systems.head.rows.head import Whole
from certify.theorems.head.rows.softmax.centre import Centre, Changes, Pulls, mean_least, mean_most, pulls, turns

WIDE = 64
"""Changed rows whose pulls on all rows are formed one by one; the rest share one bound."""

AT_ONCE = 1 << 22
"""Entries of the largest array that is worked on at a time."""

ROOT2 = 1.4142135623730951 * RAISE
LEAST = 2.0**-20
"""Least part of itself by which the motion of a row that is deleted has to outweigh its own pull."""


@dataclass(frozen=True, eq=False)
class Matrices:
    """`H_up⁻¹ ⪯ H'⁻¹ ⪯ H_low⁻¹` as middle, half difference and upper end, each `(k, p, k, p)` and within `off`.

    Attributes:
        mean, half, top: floats.
        off: of each of them, and of products with two rows, relative to the norms of these.
        size: at least the norms of mean and top.
    """

    mean: Array
    half: Array
    top: Array
    off: float
    size: float


def hessian(c: Centre, weights: Array) -> Array:
    """`Σ weight_i x_ix_iᵀ ⊗ A_i`, the decay, and the tie of the intercepts, in floats."""
    k, p = c.head.k, c.head.m
    H = curvature(c, np.arange(c.head.n), weights)
    H[np.diag_indices(k * p)] += np.tile(c.decay, k)
    last = np.arange(k) * p + p - 1
    H[np.ix_(last, last)] += c.tie
    return H


def curvature(c: Centre, rows: Whole, weights: Array) -> Array:
    """`Σ weight_i x_ix_iᵀ ⊗ A_i` of some rows alone, in floats."""
    S, x, k, p = c.S[rows], c.head.phi[rows], c.head.k, c.head.m
    blocks = np.empty((k, p, k, p))
    for a in range(k):
        for b in range(a + 1):
            weigh = weights * S[:, a] * ((a == b) - S[:, b])
            blocks[a, :, b, :] = (x.T * weigh) @ x
            blocks[b, :, a, :] = blocks[a, :, b, :].T
    return blocks.reshape(k * p, k * p)


def matrices(c: Centre, R: Array, proved: bool = True) -> Matrices | None:
    """Both ends of the inverse where differences of outputs of rows move by `R` at most; None if not proved."""
    head, norms = c.head, c.head.phi_norm
    k, p, n = head.k, head.m, head.n
    falls, grows = turns(c, R, pairs_of(k))
    least, most = mean_least(falls) * c.kept, mean_most(grows) * c.kept
    if not (np.isfinite(most).all() and np.isfinite(least).all()):
        return None
    curve_off = (2 + 2 * np.sqrt(k) + k * c.s_off) * c.s_off + 2 * (fp.dot_unit(n) + 8 * U)
    unsure = float((most * norms * norms) @ curve_off) * fp.sum_up(n)
    unsure = (unsure + 4 * U * k * (float(c.decay.sum()) + k * c.tie) + c.decay_off) * RAISE
    above, under = judged(hessian(c, least), unsure, proved), judged(hessian(c, most), unsure, proved)
    if above is None or under is None:
        return None
    top, low = above[0] / (1.0 - above[1]), under[0] / (1.0 + under[1])  # both are sums of squares
    size = fp.frobenius(top) + fp.frobenius(low)
    off = 8 * fp.dot_unit(k * p) * size * RAISE if proved else 0.0
    shape = (k, p, k, p)
    return Matrices((0.5 * (top + low)).reshape(shape), (0.5 * (top - low)).reshape(shape), top.reshape(shape), off,
                    (size + off) * RAISE)


def own_blocks(M: Array, x: Array) -> Array:
    """`(n, k, k)`: `(xᵀ ⊗ I)M(x ⊗ I)` of a symmetric M for every row of x, in floats."""
    k = len(M)
    out = np.empty((len(x), k, k))
    for a in range(k):
        for b in range(a + 1):
            out[:, a, b] = out[:, b, a] = np.einsum("ij,ij->i", x @ M[a, :, b, :], x)
    return out


def pairs_of(k: int) -> tuple[Whole, Whole]:
    """Ordered pairs of different classes."""
    a, b = np.nonzero(~np.eye(k, dtype=bool))
    return a, b


def seen(blocks: Array, off: float, norms: Array, pairs: tuple[Whole, Whole]) -> Array:
    """`(n, pairs)` upper bounds of `|x ⊗ (e_a − e_b)|_M` from own blocks of M."""
    a, b = pairs
    at = np.arange(len(blocks))[:, None]
    square = blocks[at, a, a] + blocks[at, b, b] - blocks[at, a, b] - blocks[at, b, a]
    return np.asarray(np.sqrt((np.maximum(square, 0.0) + 2 * off * (norms * norms)[:, None]) * RAISE) * RAISE)


def largest(T: Array) -> Array:
    """`(f,)` upper bounds of the spectral norms of matrices `(f, k, k)`: `|T|¹⁶ ≤ |(TᵀT)⁸|_F`.

    >>> bool(2.0 <= largest(np.array([[[2.0, 0.0], [0.0, 1.0]]]))[0] < 2.0001)
    True
    """
    size = np.sqrt(np.einsum("fij,fij->f", T, T)) + fp.FLOOR
    G = T / size[:, None, None]
    G = G.transpose(0, 2, 1) @ G
    for _ in range(3):
        G = G @ G
    return np.asarray(size * np.sqrt(np.einsum("fij,fij->f", G, G)) ** (1 / 16) * RAISE * RAISE)


def curved(own: Array, off: float, norms: Array, root: Array) -> Array:
    """`(f,)` at least `|x ⊗ u|_M` over all `u = Av`, `|v|_A ≤ 1`, from own blocks of M and E with `|v|_A ≤ |Ev|`."""
    square = largest(root @ own @ root.transpose(0, 2, 1)) + 8 * off * norms * norms
    return np.asarray(np.sqrt(square * RAISE) * RAISE)


@dataclass(frozen=True, eq=False)
class Sources:
    """What changed rows pull with.

    Attributes:
        rows, p, slack, root: the free rows and their pulls, the strongest first.
        wide: how many of them are taken one by one for the slabs.
        others: at least `|x_l ⊗ P̂_l|_A` of the rest.
        spread: at least `|Σ_M x_l ⊗ P̂_l|_B`.
        loose: at least what errors of matrices, pulls and products amount to over M, relative to `|x ⊗ (e_a − e_b)|`.
        count: most rows at once.
    """

    rows: Whole
    p: Array
    slack: Array
    root: Array
    wide: int
    others: float
    spread: float
    loose: float
    count: int


def sources(c: Centre, changes: Changes, found: Pulls, M: Matrices, blocks: tuple[Array, Array]) -> Sources:
    """The pulls, sorted, with all that the rows share."""
    rows, norms = changes.rows, c.head.phi_norm[changes.rows]
    length = np.sqrt((found.p * found.p).sum(axis=-1)) * RAISE + found.off
    strength = (length.max(axis=1) + 2 * found.slack + fp.FLOOR) * RAISE
    by = []
    for block in blocks:
        own = block[rows]
        direct = np.einsum("ftk,fkl,ftl->ft", found.p, own, found.p)
        direct = np.sqrt((np.maximum(direct, 0.0) + M.off * (norms[:, None] * length) ** 2) * RAISE).max(axis=1)
        stray = curved(own, M.off, norms, found.root) * found.slack
        stray = (stray + np.sqrt(M.size) * norms * found.off.max(axis=1)) * RAISE
        by.append((direct, stray, (direct + stray) * RAISE))
    reach = by[0][2]
    loose = norms * (M.off * strength + M.size * found.off.max(axis=1)) * RAISE
    order = np.argsort(-reach, kind="stable")
    wide = min(len(rows), max(WIDE, 2 * changes.count))
    others = float(reach[order[wide]]) if wide < len(rows) else 0.0
    direct, stray, bent = (part[order] for part in by[1])
    spread = _spread(c, M, (rows[order[:wide]], found.p[order[:wide]]), (direct, stray, bent),
                     (norms * strength)[order[:wide]], changes.count)
    return Sources(rows[order], found.p[order], found.slack[order], found.root[order], wide, others, spread,
                   _top(loose, changes.count), changes.count)


def _spread(c: Centre, M: Matrices, strong: tuple[Whole, Array], lengths: tuple[Array, Array, Array], sizes: Array,
            count: int) -> float:
    """Upper bound of `|Σ_M x ⊗ P̂|_B`: the better of the largest lengths, and of squares with products of pairs.

    `P̂_iᵀB_ilP̂_l ≤ max(0, p_iᵀB_ilp_l) + |p_i|s_l + s_i|p_l| + s_is_l`, s the length of what strays.

    Args:
        c, M: the centre, the matrices.
        strong: `(w,)` rows, `(w, c, k)` pulls, the strongest.
        lengths: `(f,)` of p, of what strays, of both, in B; the strong ones first.
        sizes: `(w,)` at least `|x||P̂|`.
        count: most rows at once.
    """
    direct, stray, bent = lengths
    plain = _top(bent, count)
    if count == 1 or not plain > 0.0:
        return plain
    (rows, p), w = strong, len(strong[0])
    x = c.head.phi[rows]
    B = np.einsum("wta,wavc,vuc->wtvu", p, _blocks(M.half, x, x), p, optimize=True).max(axis=(1, 3))
    d, s = direct[:w], stray[:w]
    near = np.maximum(B, 0.0) + np.outer(d, s) + np.outer(s, d) + np.outer(s, s) + M.off * np.outer(sizes, sizes)
    np.fill_diagonal(near, 0.0)
    near = np.maximum(near * RAISE, (bent[:w] * bent[w:].max(initial=0.0))[:, None] * RAISE)
    rho = bent * bent + (count - 1) * bent * bent.max()
    rho[:w] = bent[:w] * bent[:w] + top_sums(near, count - 1)[0]
    return min(plain, float(np.sqrt(_top(rho * RAISE, count) * RAISE)) * RAISE)


def _top(values: Array, count: int) -> float:
    return float(top_sums(values[None, :], count)[0][0])


def pushes(c: Centre, M: Matrices, s: Sources, x: Array, own: Whole, root: Array | None,
           pairs: tuple[Whole, Whole]) -> Array:
    """`(J, pairs)` upper bounds of what `count` changed rows do to differences of outputs at rows x.

    Args:
        c, M, s: the centre, the matrices, the pulls.
        x: `(J, p)` inputs.
        own: `(J,)` a training row that is left out of the sums, −1: none.
        root: `(J, pairs)` at least `|x ⊗ (e_a − e_b)|_A`; None: every changed row is taken one by one.
        pairs: `(J, q)` classes a and b, or `(q,)`.
    """
    most = np.empty((len(x), pairs[0].shape[-1]))
    w = len(s.rows) if root is None else s.wide
    for at, push in each(c, M, s, x, w, pairs):
        push[np.broadcast_to((own[at][:, None] == s.rows[:w])[:, None, :], push.shape)] = 0.0
        if root is not None and s.others > 0:
            push = np.maximum(push, (root[at] * s.others * RAISE)[..., None])
        most[at] = top_sums(push.reshape(-1, w), s.count)[0].reshape(push.shape[:2])
    return most


def each(c: Centre, M: Matrices, s: Sources, x: Array, w: int, pairs: tuple[Whole, Whole],
         ) -> Iterator[tuple[slice, Array]]:
    """Piece by piece `(J, pairs, w)`: what each of the first w changed rows does, at most, but for `loose`."""
    k, alternatives = len(M.mean), s.p.shape[1]
    rows, p, slack = s.rows[:w], s.p[:w], s.slack[:w]
    a, b = (np.broadcast_to(q, (len(x), q.shape[-1])) for q in pairs)
    step = max(1, AT_ONCE // (w * max(k * k, a.shape[1] * (2 * k + 2 * alternatives))))
    for at in _pieces(len(x), step):
        c.check()
        K = _blocks(M.mean, x[at], c.head.phi[rows])
        J = np.arange(len(K))[:, None]
        Q = np.einsum("jawc,wtc->jawt", K, p, optimize=True)
        push = Q[J, a[at]]
        push -= Q[J, b[at]]
        found = np.maximum(push.max(axis=-1), 0.0)
        if slack.any():
            K = np.einsum("jawc,wec->jwae", K, s.root[:w], optimize=True)
            G = (K @ K.transpose(0, 1, 3, 2)).transpose(0, 2, 3, 1)
            one, two = G[J, a[at], a[at]], G[J, b[at], b[at]]
            square = one + two - 2 * G[J, a[at], b[at]] + (32 * k * U) * (one + two)
            found += np.sqrt(np.maximum(square, 0.0)) * slack
        yield at, found * RAISE


def strays(c: Centre, M: Matrices, s: Sources, rows: Whole, root: Array, floor: Array) -> Array:
    """`(f,)` how far `count − 1` others move the outputs of changed rows, in the norm of their curvature A, at most.

    Args:
        c, M, s: the centre, the matrices, the pulls.
        rows, root: the rows, and E with `|v|_A ≤ |Ev|`.
        floor: `(f,)` at least the largest `|x ⊗ u|` in the mean matrix, `u = Av`, `|v|_A ≤ 1`.
    """
    if s.count == 1:
        return np.zeros(len(rows))
    w, k, found = s.wide, len(M.mean), np.empty(len(rows))
    others, p, slack = s.rows[:w], s.p[:w], s.slack[:w]
    for at in _pieces(len(rows), max(1, AT_ONCE // (2 * w * k * k))):
        c.check()
        K = np.einsum("jea,jawc->jewc", root[at], _blocks(M.mean, c.head.phi[rows[at]], c.head.phi[others]),
                      optimize=True)
        near = np.einsum("jewc,wtc->jewt", K, p, optimize=True)
        near = np.sqrt(np.einsum("jewt,jewt->jwt", near, near)).max(axis=-1)
        far = np.einsum("jewc,wdc->jewd", K, s.root[:w], optimize=True)
        far = np.sqrt(np.einsum("jewd,jewd->jw", far, far)) * slack
        move = (near + far) * RAISE
        move[rows[at][:, None] == others] = 0.0
        move = np.maximum(move, (floor[at] * s.others * RAISE)[:, None])
        found[at] = top_sums(move, s.count - 1)[0]
    return found


def _blocks(M: Array, x: Array, y: Array) -> Array:
    """`(J, a, W, c)`: entries of `(xᵀ ⊗ I)M(y ⊗ I)`."""
    k, p = M.shape[:2]
    left = (x @ M.transpose(1, 0, 2, 3).reshape(p, k * k * p)).reshape(len(x) * k * k, p)
    return np.asarray((left @ y.T).reshape(len(x), k, k, len(y)).transpose(0, 1, 3, 2))


def _pieces(n: int, step: int) -> Iterator[slice]:
    for begin in range(0, n, step):
        yield slice(begin, begin + step)


@dataclass(frozen=True, eq=False)
class Trap:
    """What slabs imply if the true motion stays within them.

    Attributes:
        outside: `(n, q)` the differences of outputs are then at most this.
        inside: `(f,)` the lengths of ξ of changed rows, in the norm of their curvature.
        M, s: matrices and pulls.
        still: `√‖top‖·|gradient|`.
    """

    outside: Array
    inside: Array
    M: Matrices
    s: Sources
    still: float


def trap(c: Centre, changes: Changes, R: Array, x: Array, shift: Array, proved: bool = True,
         M: Matrices | None = None) -> Trap | None:
    """Where the motion lies if it lies in the slabs; None where a number is not finite or no inverse is proved.

    Args:
        c, changes: the centre and the changes.
        R: `(n, q)` slabs of differences of outputs of rows that do not change.
        x: `(f,)` lengths by which changed rows stray from `shift`, in the norm of their curvature.
        shift: `(f, c, k)` any floats.
        proved: whether every number is to be a bound; if not they are proposals.
        M: the matrices, if known.
    """
    if not all(np.isfinite(part).all() for part in (R, x, shift)):
        return None
    M = matrices(c, R, proved) if M is None else M
    if M is None:
        return None
    head, norms, rows = c.head, c.head.phi_norm, changes.rows
    found, pairs = pulls(c, changes, shift, x), pairs_of(head.k)
    means, halves = own_blocks(M.mean, head.phi), own_blocks(M.half, head.phi)
    s = sources(c, changes, found, M, (means, halves))
    still = float(np.sqrt(M.size) * c.gradient) * RAISE if proved else 0.0
    extra = seen(halves, M.off, norms, pairs) * s.spread
    if proved:
        extra += seen(own_blocks(M.top, head.phi), M.off, norms, pairs) * still + (ROOT2 * norms * s.loose)[:, None]
    # rows move against the pulls: what pulls b up from a lifts a over b
    own = np.full(head.n, -1) if changes.relabels else np.arange(head.n)
    most = pushes(c, M, s, head.phi, own, seen(means, M.off, norms, pairs), pairs[::-1])
    outside = np.asarray((most + extra) * RAISE * RAISE) * c.kept[:, None]
    if changes.relabels:
        return Trap(outside, np.zeros(len(rows)), M, s, still)
    return Trap(outside, _inside(c, found, M, s, (means, halves), (rows, shift), still, proved), M, s, still)


def _inside(c: Centre, found: Pulls, M: Matrices, s: Sources, blocks: tuple[Array, Array], moved: tuple[Whole, Array],
            still: float, proved: bool) -> Array:
    """`(f,)` bounds of `|ξ|_A` where `ξ − KAξ = η − s(shift + Kp)`: those of the right side over `1 − |E K Eᵀ|`."""
    rows, shift = moved
    means, norms, E = blocks[0][rows], c.head.phi_norm[rows], found.root
    own = curved(means, M.off, norms, E)
    stray = strays(c, M, s, rows, E, own) + curved(blocks[1][rows], M.off, norms, E) * s.spread
    gap = np.einsum("fek,ftk->fte", E, shift + np.einsum("fkl,ftl->ftk", means, found.p))
    lost = np.sqrt((gap * gap).sum(axis=-1)) * RAISE
    if proved:
        stray += curved(own_blocks(M.top, c.head.phi[rows]), M.off, norms, E) * still + 4 * norms * s.loose
        square = (norms * norms)[:, None]
        length = np.sqrt((found.p * found.p).sum(axis=-1)) + np.sqrt((shift * shift).sum(axis=-1))
        rough = 16 * U * len(M.mean) ** 2 * (1 + length)
        lost += 2 * (square * (M.off * (length + found.off) + M.size * found.off) + rough)
    left = 1 - own * own * RAISE
    total = (stray + lost.max(axis=1)) / left * RAISE * RAISE
    return np.asarray(np.where((left > LEAST) & np.isfinite(total), total, np.inf))

