"""D21, what does not depend on points: one step for each group of rows that may be deleted, and what k of them miss.

At a centre with Hessian H the step `δ_A = −(H − M_A)⁻¹P_A` of a group A is Newton's without its rows. The sum of the
steps of at most k groups stands for the refit without them. What its gradient is, in the norm of `H⁻¹`, is bounded by a
sum over the groups, of each what its step misses, what other groups take of the curvature along it, and how far
margins bend: numbers of single groups alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.boxes.trap import top_sum, top_sums
from certify.theorems.head.rows.boxes.leaves import Base
from certify.theorems.head.rows.group_tree.pulls import Pulls, Whole

ROOM = 1.0 + 2.0**-8
"""A checker has bounds of its own: what is proved is to hold with a little to spare."""

BENT = 2.0**-38
"""What a checker's curvatures may be off by, with room."""

NEAR, TURNS = 1.02, 16
"""Of the proposed a, and how often it is proposed anew."""

FARTHEST = 8.0
"""The largest changes of margins that are looked at."""

TINY = 2.0**-200
"""More than the fourth root of what sums of fourth powers lose that underflow."""

AT_ONCE = 1 << 22
"""Products that are held at once."""


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


def steps(b: Base, pulls: Pulls, k: int) -> Steps | None:
    """What is proved of at most k of some groups; None where nothing is.

    Args:
        b: the inverse at the centre.
        pulls: of the groups that may follow, none where k is 0.
        k: how many may follow.
    """
    s, at, p, delta = b.c.sums, b.c.at, len(b.X), pulls.delta
    root, w = float(np.sqrt(b.size)) * RAISE, b.c.kept * at.D
    off = b.c.kept * (at.D_off + BENT) * RAISE + 2.0 * U * w
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", s.S @ b.X, s.S), 0.0) + b.off * s.norms * s.norms) * RAISE
    size = fp.row_norms(delta)
    moves = _moved(b, pulls, w, size, k)
    V = moves.pulled + delta * s.decay + pulls.P - np.einsum("qab,qb->qa", pulls.M, delta)
    trace = (float(w @ (s.norms * s.norms)) + float(s.decay.sum())) * fp.sum_up(len(s.S))
    unit = 4.0 * fp.dot_unit(len(s.S) + p + 8) * trace + s.decay_off
    rho = root * (fp.row_norms(V) + unit * size + pulls.lost) * RAISE
    Z = moves.far
    if not (Z < FARTHEST).all():
        return None
    each = (rho + 0.5 * moves.bends * top_sum(moves.bends, k) * RAISE
            + top_others(np.sqrt(pulls.held)[:, None] * moves.shares, k)) * RAISE
    bent = float((off * Z * (1.0 + 0.5 * Z * _past(Z)) * RAISE) @ lengths) * fp.sum_up(len(off))
    loose = (bent + root * b.c.gradient) * RAISE
    thin = float(off @ (lengths * lengths)) * fp.sum_up(len(off))
    kept = np.flatnonzero(b.c.kept > 0.0)
    rows = Rows(lengths[kept], w[kept] * lengths[kept] ** 2 * RAISE, 1.0 / exp(_bent(b, Z)[kept]) * (1.0 - 2.0**-40))
    times = _factor(rows, (top_sum(pulls.held, k) * RAISE, thin), (top_sum(each, k) + loose) * RAISE)
    if times is None:
        return None
    return Steps(b, k, pulls.groups, delta, each * times * ROOM, loose * times * ROOM)


def _bent(b: Base, Z: Array, rows: Whole | slice = slice(None)) -> Array:
    """Upper bounds of `θ_jZ_j` of some rows: what the logarithm of a curvature may change by."""
    at = b.c.at
    theta = np.minimum(np.abs(1.0 - 2.0 * at.p[rows]) + 2.0 * at.p_off[rows] + 0.5 * Z, 1.0)
    return np.asarray(theta * Z * RAISE)


def _past(x: Array) -> Array:
    """Upper bounds of `h(x) = 2(e^x − 1 − x)/x²`, which is at most `1/(1 − x/3)`."""
    near = 1.0 / (1.0 - np.minimum(x, 1.5) / 3.0)
    y = np.maximum(x, 1.5)
    return np.asarray(np.where(x < 1.5, near, 2.0 * (exp(y) * RAISE - 1.0 - y) / (y * y)) * RAISE)


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
class Moves:
    """What the steps do to margins.

    Attributes:
        far: `(n,)` upper bounds of how far any k of them together move a margin.
        pulled: `(q, p)` floats near `Σ_j w_j(s_j·δ_A)s_j`.
        bends: `(q,)` upper bounds of `(Σ_j w_j(θ_jh_j)²(s_j·δ_A)⁴)^¼`.
        shares: `(q, q)` upper bounds of `√(Σ_{j ∈ B} w_j(s_j·δ_A)²)`, B first; of zeros where one group follows.
    """

    far: Array
    pulled: Array
    bends: Array
    shares: Array


def _moved(b: Base, pulls: Pulls, w: Array, size: Array, k: int) -> Moves:
    """The moves of all margins, group by group where several may follow."""
    s, some, delta = b.c.sums, pulls.rows, pulls.delta
    n, q = len(s.S), len(delta)
    found = Moves(np.zeros(n), np.zeros_like(delta), np.zeros(q), np.zeros((q, q)))
    if not q:
        return found
    slack = fp.dot_unit(s.S.shape[1]) * s.norms
    fourth, steep = np.zeros(q), 1.0
    rest = np.setdiff1d(np.flatnonzero(b.c.kept > 0.0), np.concatenate(some) if k > 1 else [])
    for blocks, rows in _parts(some if k > 1 else (), rest, max(1, AT_ONCE // q)):
        T = s.S[rows] @ delta.T
        found.pulled[:] += (T * w[rows, None]).T @ s.S[rows]
        squares = T * T
        if blocks is not None:
            starts = np.cumsum([0, *(len(some[a]) for a in blocks[:-1])])
            found.shares[blocks] = np.sqrt(np.add.reduceat(squares * w[rows, None], starts, axis=0))
        far = np.abs(T, out=T)
        if k < q:
            far.partition(q - k, axis=1)
            far = far[:, q - k :]
        Z = (far.sum(axis=1) * fp.sum_up(k + 1) + slack[rows] * top_sum(size, k)) * RAISE
        if not (Z < FARTHEST).all():
            found.far[rows] = np.inf
            return found
        bent = _bent(b, Z, rows)
        theta = np.where(Z > 0.0, bent / np.where(Z > 0.0, Z, 1.0), 1.0) * _past(bent) * RAISE
        np.multiply(squares, squares, out=squares)
        found.far[rows], fourth = Z, fourth + (w[rows] * theta * theta) @ squares
        steep = max(steep, float(theta.max(initial=1.0)))
    up = fp.sum_up(n + 8)
    # what products are off by bends as much as they do: θ_jh_j is above 1 where steps lead far
    loose = np.sqrt(np.sqrt(float(w @ slack**4) * up) * steep) * RAISE
    found.bends[:] = (np.sqrt(np.sqrt(fourth * up)) + loose * size + TINY) * RAISE
    found.shares[:] = (found.shares * up + np.sqrt(float(w @ slack**2) * up) * size + TINY) * RAISE
    return found


@dataclass(frozen=True, eq=False)
class Rows:
    """What rows say of the curvature around the sums of steps.

    Attributes:
        lengths: `|s_j|_*`.
        shares: `w_j|s_j|_*²`, what of the curvature is theirs at most.
        kept: what of their own is left where steps lead, at least.
    """

    lengths: Array
    shares: Array
    kept: Array


def _parts(some: tuple[Whole, ...], rest: Whole, many: int) -> Iterator[tuple[list[int] | None, Whole]]:
    """Rows that are looked at together: of whole groups, with their places, and of no group in question."""
    blocks, held = list[int](), 0
    for a, rows in enumerate(some):
        blocks.append(a)
        held += len(rows)
        if a + 1 == len(some) or held + len(some[a + 1]) > many:
            yield blocks, np.concatenate([some[b] for b in blocks])
            blocks, held = [], 0
    for start in range(0, len(rest), many):
        yield None, rest[start : start + many]


def _factor(rows: Rows, gone: tuple[float, float], whole: float) -> float | None:
    """E, by an a above so much times what is left of any gradient; None: there is none."""
    if not np.isfinite(whole) or not np.isfinite(gone).all():
        return None
    a = whole
    for _ in range(TURNS):
        room = _room(rows, gone, a)
        if not room > 0.0:
            return None
        times = 1.0 / room * RAISE
        if times * whole * ROOM < a:
            return times
        a = times * whole * ROOM * NEAR + 2.0**-300
    return None


def _room(rows: Rows, gone: tuple[float, float], a: float) -> float:
    """The largest `φ(1 − K − Σ_j w_j|s_j|_*²(1 − φ_j/φ)₊) − λ` over the φ_j of the rows, from below."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        x = rows.lengths * a
        left = rows.kept / (1.0 + x * (0.5 + x / 12.0)) * (1.0 - 2.0**-40)  # x/(1 − e^−x) is at most the lower number
        order = np.argsort(left)
        phi, share = left[order], rows.shares[order]
        # of rows with less than φ: their shares, less the same times φ_j/φ; what both sums round is a part of the first
        lost = np.cumsum(share) - np.cumsum(share * phi) / phi + 2.0**-30 * np.cumsum(share)
        found = phi * (1.0 - gone[0] - lost) * (1.0 - 2.0**-40) - gone[1]
    return float(found.max()) if np.isfinite(found).all() else 0.0


def judged(it: Steps, points: Array) -> tuple[Array, Array]:
    """What is left of the margin of each point before any group follows, and what each group takes of it at most.

    `e·w ≥ left − (sum of the k largest pushes)` at every refit.
    """
    p, norms = len(it.b.X), fp.row_norms(points)
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", points @ it.b.X, points), 0.0)
                      + it.b.off * norms * norms) * RAISE
    margin = it.b.c.sums.margins(points, norms, it.b.c.w)
    taken = fp.dot_unit(p) * np.outer(norms, fp.row_norms(it.delta)) - points @ it.delta.T
    pushes = np.maximum(taken + np.outer(lengths, it.push), 0.0) * RAISE
    return margin - lengths * it.fixed * RAISE - 4.0 * U * np.abs(margin), pushes
