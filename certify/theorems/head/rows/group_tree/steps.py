"""D20, what does not depend on points: one step for each group of rows that may be deleted, and what k of them miss.

At a centre with Hessian H the step `δ_A = −(H − M_A)⁻¹P_A` of a group A is Newton's without its rows. The sum of the
steps of at most k groups stands for the refit without them. What its gradient is, in the norm of `H⁻¹`, is bounded by a
sum over the groups, of each what its step misses, what other groups take of the curvature along it, and how far
margins bend: numbers of single groups alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.parts import products
from certify.systems.head.rows.boxes.trap import top_sum, top_sums
from certify.theorems.head.rows.boxes.leaves import Base

Whole = NDArray[np.int64]

ROOM = 1.0 + 2.0**-8
"""A checker has bounds of its own: what is proved is to hold with a little to spare."""

BENT = 2.0**-38
"""What a checker's curvatures may be off by, with room."""

NEAR, TURNS = 1.02, 16
"""Of the proposed a, and how often it is proposed anew."""

FARTHEST = 2.0
"""The largest changes of margins that are looked at."""

TINY = 2.0**-200
"""More than the fourth root of what sums of fourth powers lose that underflow."""

AT_ONCE, GRAM = 1 << 22, 512
"""Products that are held at once; and rows of a group up to which its Gram matrix is formed."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The groups that may follow, at most k of them.

    Attributes:
        b: the Hessian at the centre.
        k: most groups that follow.
        groups: their numbers.
        delta: `(q, p)` steps.
        push: upper bounds of what each adds to the distance of the refit from the sum, in the norm of H.
        fixed: what is added whatever follows.
    """

    b: Base
    k: int
    groups: Whole
    delta: Array
    push: Array
    fixed: float


def steps(b: Base, groups: Whole, members: tuple[Whole, ...], k: int) -> Steps | None:
    """The steps of some groups; None where nothing is proved of k of them.

    Args:
        b: the inverse at the centre.
        groups: numbers of the groups that may follow.
        members: the rows of every group.
        k: how many may follow, 0 or more.
    """
    s, at, p = b.c.sums, b.c.at, len(b.X)
    some = [members[g] for g in groups.tolist()] if k else []
    root, w = float(np.sqrt(b.size)) * RAISE, b.c.kept * at.D
    off = b.c.kept * (at.D_off + BENT) * RAISE + 2.0 * U * w
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", s.S @ b.X, s.S), 0.0) + b.off * s.norms * s.norms) * RAISE
    pulls = _pulls(b, some, w)
    H = products((s.S * w[:, None]).T, s.S.T)
    H[np.diag_indices(p)] += s.decay
    try:
        found = np.linalg.solve(H - pulls.M, -pulls.P[:, :, None])[:, :, 0] if some else np.zeros((0, p))
    except np.linalg.LinAlgError:
        return None
    delta = np.asarray(found, np.float64)
    if not np.isfinite(delta).all():
        return None
    size = fp.row_norms(delta)
    moves = _moved(b, delta, w, size, (some, k))
    V = moves.pulled + delta * s.decay + pulls.P - np.einsum("qab,qb->qa", pulls.M, delta)
    trace = (float(w @ (s.norms * s.norms)) + float(s.decay.sum())) * fp.sum_up(len(s.S))
    unit = 4.0 * fp.dot_unit(len(s.S) + p + 8) * trace + s.decay_off
    rho = root * (fp.row_norms(V) + unit * size + pulls.lost) * RAISE
    Z = moves.far
    if not (Z < FARTHEST).all():
        return None
    away = float((np.minimum(np.abs(1.0 - 2.0 * at.p) + 2.0 * at.p_off + 0.5 * Z, 1.0) * Z).max(initial=0.0)) * RAISE
    bend = 0.5 / (1.0 - away / 3.0) * moves.bends * top_sum(moves.bends, k) * RAISE
    loose = (4.0 * float((off * Z) @ lengths) * fp.sum_up(len(off)) + root * b.c.gradient) * RAISE
    thin = float(off @ (lengths * lengths)) * fp.sum_up(len(off))
    each = (rho + bend + top_others(np.sqrt(pulls.held)[:, None] * moves.shares, k)) * RAISE
    gone = (top_sum(pulls.held, k) + thin) * RAISE
    longest = float(lengths[b.c.kept > 0.0].max(initial=0.0))
    times = _factor(away, longest, gone, (top_sum(each, k) + loose) * RAISE)
    if times is None:
        return None
    return Steps(b, k, groups if k else groups[:0], delta, each * times * ROOM, loose * times * ROOM)


def top_others(x: Array, k: int) -> Array:
    """For each column upper bounds of the sum of the k − 1 largest nonnegative numbers off the diagonal.

    >>> top_others(np.array([[9.0, 1.0, 2.0], [3.0, 9.0, 4.0], [5.0, 6.0, 9.0]]), 2).round(9).tolist()
    [5.0, 6.0, 4.0]
    """
    if k < 2 or not len(x):
        return np.zeros(len(x))
    x = np.array(x)
    np.fill_diagonal(x, 0.0)
    return top_sums(np.ascontiguousarray(x.T), k - 1)[0]


@dataclass(frozen=True, eq=False)
class Pulls:
    """Of each group `M_A`, `P_A`, an upper bound of κ_A, and what `P_A` may be off by."""

    M: Array
    P: Array
    held: Array
    lost: Array


def _pulls(b: Base, some: list[Whole], w: Array) -> Pulls:
    """What the rows of each group pull and take of the curvature."""
    s, at, p, q = b.c.sums, b.c.at, len(b.X), len(some)
    found = Pulls(np.zeros((q, p, p)), np.zeros((q, p)), np.zeros(q), np.zeros(q))
    for a, rows in enumerate(some):
        S, own, pull = s.S[rows], w[rows], b.c.kept[rows] * at.p[rows]
        found.M[a], found.P[a] = (S.T * own) @ S, pull @ S
        found.lost[a] = float(b.c.kept[rows] * at.p_off[rows] @ s.norms[rows]
                              + fp.dot_unit(len(rows) + 2) * (pull @ s.norms[rows])) * fp.sum_up(len(rows))
        norms = s.norms[rows] * np.sqrt(own)
        wrong = (b.off + 8.0 * U * b.size) * float(norms @ norms) * fp.sum_up(len(rows))
        scaled = S * np.sqrt(own)[:, None]
        if len(rows) <= GRAM:
            K = (scaled @ b.X) @ scaled.T
            square = fp.frobenius(K @ K) + fp.dot_unit(len(rows)) * fp.frobenius(K) ** 2 * RAISE
            found.held[a] = (float(np.sqrt(square)) + wrong) * RAISE
        else:
            found.held[a] = (float(np.einsum("ij,ij->", scaled @ b.X, scaled)) + wrong) * RAISE
    return found


@dataclass(frozen=True, eq=False)
class Moves:
    """What the steps do to margins.

    Attributes:
        far: `(n,)` upper bounds of how far any k of them together move a margin.
        pulled: `(q, p)` floats near `Σ_j w_j(s_j·δ_A)s_j`.
        bends: `(q,)` upper bounds of `(Σ_j w_jθ_j²(s_j·δ_A)⁴)^¼`.
        shares: `(q, q)` upper bounds of `√(Σ_{j ∈ B} w_j(s_j·δ_A)²)`, B first; of zeros where one group follows.
    """

    far: Array
    pulled: Array
    bends: Array
    shares: Array


def _moved(b: Base, delta: Array, w: Array, size: Array, asked: tuple[list[Whole], int]) -> Moves:
    """The moves of all margins, group by group where several may follow."""
    (some, k), s, at = asked, b.c.sums, b.c.at
    n, q = len(s.S), len(delta)
    found = Moves(np.zeros(n), np.zeros_like(delta), np.zeros(q), np.zeros((q, q)))
    if not q:
        return found
    slack = fp.dot_unit(s.S.shape[1]) * s.norms
    fourth = np.zeros(q)
    rest = np.setdiff1d(np.flatnonzero(b.c.kept > 0.0), np.concatenate(some) if k > 1 else [])
    many = max(1, AT_ONCE // q)
    parts = [(a, rows) for a, rows in enumerate(some)] if k > 1 else []
    for a, rows in [*parts, *((-1, rest[start : start + many]) for start in range(0, len(rest), many))]:
        T = s.S[rows] @ delta.T
        found.pulled[:] += (T * w[rows, None]).T @ s.S[rows]
        squares = T * T
        if a >= 0:
            found.shares[a] = np.sqrt(w[rows] @ squares)
        far = np.abs(T, out=T)
        if k < q:
            far.partition(q - k, axis=1)
            far = far[:, q - k :]
        Z = (far.sum(axis=1) * fp.sum_up(k + 1) + slack[rows] * top_sum(size, k)) * RAISE
        theta = np.minimum(np.abs(1.0 - 2.0 * at.p[rows]) + 2.0 * at.p_off[rows] + 0.5 * Z, 1.0)
        np.multiply(squares, squares, out=squares)
        found.far[rows], fourth = Z, fourth + (w[rows] * theta * theta) @ squares
    up = fp.sum_up(n + 8)
    found.bends[:] = (np.sqrt(np.sqrt(fourth * up)) + np.sqrt(np.sqrt(float(w @ slack**4) * up)) * size + TINY) * RAISE
    found.shares[:] = (found.shares * up + np.sqrt(float(w @ slack**2) * up) * size + TINY) * RAISE
    return found


def _factor(away: float, longest: float, gone: float, whole: float) -> float | None:
    """`e^χ/(ψ(La)(1 − κ))` with an a above so much times what is left of any gradient; None: there is none."""
    room = (1.0 - gone) * (1.0 - 2.0**-50)
    if not room > 0.0 or not np.isfinite(whole) or not away < FARTHEST:
        return None
    first = float(exp(np.array([away]))[0]) * RAISE / room * RAISE
    a = whole
    for _ in range(TURNS):
        x = longest * a * RAISE
        if not x < FARTHEST:
            return None
        times = first / _mean(x) * RAISE
        if times * whole * ROOM < a:
            return times
        a = times * whole * ROOM * NEAR + 2.0**-300
    return None


def _mean(x: float) -> float:
    """A lower bound of `ψ(x) = (1 − e^−x)/x`, at least `1 − x/2`."""
    if x < 2.0**-8:
        return 1.0 - 0.5 * x * RAISE
    return (1.0 - float(exp(np.array([-x]))[0]) * RAISE) / x * (1.0 - 2.0**-50)


def judged(it: Steps, points: Array) -> tuple[Array, Array]:
    """What is left of the margin of each point before any group follows, and what each group takes of it at most.

    `e·w ≥ left − (sum of the k largest pushes)` at every refit.
    """
    p, norms = len(it.b.X), fp.row_norms(points)
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", points @ it.b.X, points), 0.0)
                      + it.b.off * norms * norms) * RAISE
    w = it.b.c.w
    margin = points @ w - fp.dot_unit(p) * norms * float(fp.row_norms(w[None, :])[0]) * RAISE
    taken = fp.dot_unit(p) * np.outer(norms, fp.row_norms(it.delta)) - points @ it.delta.T
    pushes = np.maximum(taken + np.outer(lengths, it.push), 0.0) * RAISE
    return margin - lengths * it.fixed * RAISE - 4.0 * U * np.abs(margin), pushes
