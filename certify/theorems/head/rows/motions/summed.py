"""How far a squared-loss head moves when any m rows get other labels or are deleted, by sums of m vectors (D31).

Refits are `w_M − w = Σ_M Δ_i ⊗ u_i`, `u = H⁻¹φ`, Δ what a target moves by; for deletions `Δ_i = −(x_i + η_i)`, x the
residual over `1 − K_ii` and `|η_i| ≤ ξ_i` by a comparison (D4, Lemma 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.change import NONE, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.ridge import Ridge, ridge, solve
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.motions.few_vectors import Vectors, far_sums, largest, longest_sum
from certify.theorems.head.rows.moves import deleted
from certify.theorems.head.rows.squared_tree.sums import terms

ROOM, WIDER = 1 + 2.0**-24, 64.0
"""Factor by which an upper end is moved outward, and how often what rounding may lose is counted: a checker has numbers
of its own, solutions in fewer bits among them."""

TINY, LEAST = 2.0**-40, 2.0**-200
"""No smaller upper end is stated: a share of what the largest difference of targets does in one row, and a number."""

LARGEST = 2**31
"""Rows times columns squared beyond which nothing is said of weights: a checker solves for every row in integers."""


@dataclass(frozen=True, eq=False)
class Summed:
    """What no choice exceeds, and choices that may come near it.

    Attributes:
        upper: of the measure.
        each: of every evaluation row; empty for weights.
        rows, codes: `(B, m)`.
    """

    upper: float
    each: Array
    rows: Whole
    codes: Whole


def able(head: Head, change: Change) -> str:
    """Whether it is any rows of a squared-loss head that count the same; else why not, in words."""
    if not isinstance(change, RowChange):
        return "any few rows change, and no groups or named rows"
    if not head.loss.quadratic:
        return f"refits are linear in the targets with the squared loss; the loss is {head.loss.name}"
    if head.weights is not None:
        return "the rows carry weights"
    if change.relabels:
        return "the targets are no labels" if head.codes is None or head.label is None else ""
    return deleted.able(head, change)


def weights_summed(head: Head, change: Change, budget: Budget) -> Summed | None:
    """An upper end of the distance between refits; None where none is proved.

    Args:
        head, change: what may happen.
        budget: the time.
    """
    if able(head, change) or head.phi_rad.any() or not isinstance(change, RowChange) or not change.rows:
        return None
    if head.n * head.m**2 > LARGEST:
        return None
    try:
        found = (_relabelled if change.relabels else _deleted)(head, change, budget)
    except EnclosureError:
        return None
    if found is None:
        return None
    vectors, lost, share = found
    rows, count = np.array(sorted(change.rows), dtype=np.int64), min(change.count, len(change.rows))
    least = TINY * head.largest * float(fp.row_norms(vectors.u).max()) + LEAST
    upper = max((longest_sum(vectors, count) + lost) * (ROOM + share), least)
    chosen = proposed(lambda: far_sums(vectors, count, lambda: budget.left() <= 0)) or []
    gone, codes = (np.full((len(chosen), count), NONE, dtype=np.int64) for _ in range(2))
    for b, (places, step) in enumerate(chosen):
        gone[b, :len(places)] = rows[places]
        codes[b, :len(places)] = [change.alternatives(head, int(rows[i]))[c] for i, c in zip(places, step, strict=True)]
    return Summed(upper, np.zeros(0), gone, codes)


def solutions(head: Head, system: Ridge, rows: Whole) -> tuple[Array, Array]:
    """`(r, p)` floats near `H⁻¹φ_i`, and how far each may be off: `|H⁻¹ρ| ≤ ‖R‖|ρ|_{H⁻¹}/√(1 − δ)`, in all columns."""
    solved = solve(system, head.phi[rows])
    off = solved.off * system.size_R / math.sqrt(1 - system.delta) * float(system.scale.max()) * (RAISE * RAISE)
    return fp.require_finite(solved.u * system.scale, "solutions"), fp.require_finite(off, "solutions")


def steps(head: Head, change: RowChange, rows: Whole) -> Array:
    """`(r, c − 1, k)` what the targets of rows may move by, each rounded once."""
    assert head.codes is not None and head.label is not None
    every = np.arange(len(head.codes))
    others = np.array([np.delete(every, own) for own in every], dtype=np.int64)
    return np.asarray(head.codes[others[head.label[rows]]] - head.Y[rows][:, None, :])


def _relabelled(head: Head, change: RowChange, budget: Budget) -> tuple[Vectors, float, float] | None:
    """The vectors of the rows, ascending, what sums of them may be off by, and a share for a checker."""
    rows = np.array(sorted(change.rows), dtype=np.int64)
    system = ridge(head.phi, head.mu(), head.decayed)
    if isinstance(system, str):
        return None
    u, off = solutions(head, system, rows)
    V = steps(head, change, rows)
    count = min(change.count, len(rows))
    size = fp.row_norms(V).max(axis=1) * (1 + 4 * U)
    lost = largest(size * (off + 4 * U * fp.row_norms(u)) * RAISE, count)
    return Vectors(V, u), WIDER * lost, 0.0


def _deleted(head: Head, change: RowChange, budget: Budget) -> tuple[Vectors, float, float] | None:
    """The same, by one comparison of each output, before any deletion."""
    rows = np.array(sorted(change.rows), dtype=np.int64)
    count = min(change.count, len(rows))
    system = ridge(head.phi, head.mu(count), head.decayed)
    if isinstance(system, str):
        return None
    share = 0.0
    bare = replace(head, points=np.zeros((0, head.m)), points_rad=np.zeros(0))
    X, wrong, xi = (np.zeros((len(rows), head.k)) for _ in range(3))
    for a in range(head.k):
        root = deleted.root_of_output(bare, a, rows, count, budget)
        if root is None:
            return None
        state = root.state(np.zeros(0, dtype=np.int64))
        size = (np.abs(state.R[:, 0]) + state.pair_error) * (RAISE * (1 + 4 * U))
        found = terms(state, root.hat, np.ones(len(rows), dtype=bool), size, count)
        if found is None:
            return None
        share = deleted.room((system.size_R * system.longest) ** 2, float((1.0 - state.d).min()))
        if not share <= deleted.WIDEST:
            return None
        X[:, a] = state.R[:, 0] / (1.0 - state.d)
        wrong[:, a] = ((state.pair_error + found.most * state.eK) / found.low + 8 * U * found.most) * RAISE
        xi[:, a] = found.xi
    u, off = solutions(head, system, rows)
    length, size = fp.row_norms(u), fp.row_norms(X)
    apart = fp.row_norms((WIDER * wrong + xi) * RAISE)
    lost = largest(((length + off) * apart + WIDER * size * (off + 4 * U * length)) * (RAISE * RAISE), count)
    return Vectors(X[:, None, :], u), lost, share
