"""How many choices a checker would look at, in plain floats: nothing is proved by it (D20, Lemma 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.boxes.slabs import THIRD
from certify.systems.head.rows.head import Head, Whole
from certify.theorems.head.rows.method import Mask
from certify.theorems.head.rows.pair_tree.bound import top
from certify.theorems.head.rows.pair_tree.curves import curve, kept_part, most_between
from certify.theorems.head.rows.step_sums.listed import listed
from certify.theorems.head.rows.step_sums.search import Case
from certify.theorems.head.rows.step_sums.steps import Steps, weights_of

MOST = (300_000.0, 1200.0)
"""Choices of all points that a checker may look at by their own sums, and by refits."""

Cost = tuple[float, float]
"""How many choices are looked at by their own sums, and how many of these by refits."""

TURNS, GROW, ROOM, FARTHEST = 8, 1.1, 1.1, 250.0
"""As a checker has them, with fewer tries and less far margins."""
PLAIN = 2.0**-120, 2.0**120
"""Lengths of points, and what their margins are off by, that a checker looks at, for certain."""
NEAR = 4.0
"""Of margins."""
SAFE = 1.02
"""What a checker rounds makes distances longer, but less than so, and than these:"""
UNIT, SMALL, SHORT = 2.0**-44, 2.0**-36, 2.0**-28
"""Of what rows count: whole numbers that curvatures are of, and below what a row is counted by its length; of the
longest step and for each column: what a move is off by."""


@dataclass(frozen=True, eq=False)
class Linear:
    """Linear steps of all changes, as a checker bounds them.

    Attributes:
        delta: `(f, m)` the steps.
        inverse: of the matrix below the curvature.
        bend, each: `(f,)` b_u, and what else a change leaves of the gradient by itself.
        beside: `(f, f)` and beside another one.
        kept: what changes leave of the matrix.
        still, loose: the gradient at the centre, and what a move is off by, for a length of 1.
        unit: of what rows count, as a checker has them.
        near: whether a refit is soon known to be near weights: no margin moves by more than `NEAR` on the way.
    """

    delta: Array
    inverse: Array
    bend: Array
    each: Array
    beside: Array
    kept: float
    still: float
    loose: float
    unit: float
    near: bool = False

    def far(self, which: Whole) -> Array:
        """`(B,)` distances from sums to refits."""
        left = self.still + 0.5 * self.bend[which].sum(axis=1) ** 2 + self.each[which].sum(axis=1)
        for a in range(which.shape[1]):
            for b in range(which.shape[1]):
                left = left + self.beside[which[:, a], which[:, b]]
        return np.asarray(left / self.kept * SAFE)

    def shares(self, k: int) -> Array:
        """`(f,)` what a change adds to the distance of any choice of k."""
        own = 0.5 * float(top(self.bend[None, :], 0.0, k)[0]) * self.bend + self.each + top(self.beside, 0.0, k - 1)
        return np.asarray(own / self.kept * SAFE)


def followed(case: Case, head: Head, which: Whole, check: Callable[[], None], left: Cost) -> tuple[Mask, Cost]:
    """Which of some points a checker decides with few choices, those first that need fewest, and what it looks at.

    Args:
        case: the choices and the single steps.
        head: the head with the points.
        which: their numbers.
        check: raises when the time is up.
        left: what it may look at.
    """
    it = linear(case.bound.steps, case.bound.k)
    good = np.zeros(len(which), dtype=bool)
    if it is None:
        return good, (0.0, 0.0)
    st, points = case.bound.steps, head.points[which]
    sign = np.where(head.today[which] == 1, 1.0, -1.0)
    margin, push = sign * (points @ st.w - head.threshold), -sign[:, None] * (points @ it.delta.T)
    off = it.loose * np.linalg.norm(points, axis=1)
    push = push + off[:, None]
    length = np.sqrt(np.maximum(np.einsum("na,ab,nb->n", points, it.inverse, points), 0.0))
    taken = push + length[:, None] * it.shares(case.bound.k)
    least = np.minimum(taken.min(axis=1, initial=0.0), 0.0) * (case.exactly is not None)
    taken = np.maximum(taken - least[:, None], 0.0)
    need = margin - case.bound.k * least - length * it.still / it.kept * SAFE
    good = case.most(taken) < need
    own = length * np.sqrt(it.unit)
    need[~((own > PLAIN[0]) & (own < PLAIN[1]) & (off < PLAIN[1]))] = 0.0
    good &= need > 0.0
    costs = np.full((len(which), 2), np.inf)
    for a in np.flatnonzero(~good & (need > 0.0)).tolist():
        costs[a] = _cost(case, it, taken[a], float(need[a]), (push[a], float(length[a]), float(margin[a])), check, left)
    used = np.zeros(2)
    for a in sorted(np.flatnonzero(~good).tolist(), key=lambda a: float(np.max(costs[a] / MOST))):
        if (used + costs[a] <= left).all():
            used, good[a] = used + costs[a], True
    return good, (float(used[0]), float(used[1]))


def _cost(case: Case, it: Linear, taken: Array, need: float, point: tuple[Array, float, float],
          check: Callable[[], None], left: Cost) -> Cost:
    """How many choices of a point are looked at by their own sums, and by refits; infinite where they are too many."""
    push, length, margin = point
    looks, refits = 0.0, 0.0
    for batch in listed(taken, case.bound.k, need):
        check()
        some = batch[case.asked(batch)]
        looks += len(batch)
        refits += float((~(push[some].sum(axis=1) + length * it.far(some) < margin)).sum())
        if looks > left[0] or refits > left[1] * it.near:
            return np.inf, np.inf
    return looks, refits


def linear(st: Steps, k: int) -> Linear | None:
    """The steps and what sums of k of them miss; None where that has no bound."""
    at = st.rows
    own, after = weights_of(st.head, st.choices)
    mu = np.where(st.head.decayed, st.head.mu()[0], 0.0)
    bent, slope = own * curve(np.abs(st.t)), 1.0 / (1.0 + np.exp(np.minimum(st.t, 500.0)))
    X = _inverse(st.S, bent, mu)
    if X is None:
        return None
    gamma = (after - own[at]) * float(np.any(st.gain))
    ahead = st.S[at] @ X
    h = np.einsum("fa,fa->f", ahead, st.S[at])
    theta = (after - gamma * slope[at]) / (1.0 + gamma * bent[at] / own[at] * h)
    delta = -theta[:, None] * ahead
    signed = st.S @ delta.T
    up, down = top(np.maximum(signed, 0.0), 0.0, k), top(np.maximum(-signed, 0.0), 0.0, k)
    farthest = np.maximum(np.abs(st.t - down), np.abs(st.t + up))
    least, most = own * curve(farthest), most_between(st.t, down, up, 0.0)
    second = np.minimum(THIRD, most * np.minimum(0.5 * farthest, 1.0))
    if not farthest.max(initial=0.0) < FARTHEST:
        return None
    loose = SHORT * st.head.m * float(st.long.max())
    moves = (np.abs(signed) + loose * st.norms[:, None]) ** 2
    unit = float(np.ldexp(1.0, np.frexp(own.max())[1]))
    left = np.abs(theta) * st.norms[at] * UNIT * unit * (st.norms**2).sum() * np.linalg.norm(X)
    reach, long = 0.0, np.sqrt(np.einsum("na,ab,nb->n", st.S, X, st.S))
    for _ in range(TURNS):
        moved = np.maximum(reach * long * ROOM, 2.0**-200)
        d = np.floor(kept_part(least, moved) / (UNIT * unit)) * (UNIT * unit)
        inv = _inverse(st.S, d, mu)
        if inv is None:
            return None
        long = np.sqrt(np.maximum(np.einsum("na,ab,nb->n", st.S, inv, st.S), 0.0))
        kept = 1.0 - float(top((st.lost * d[at] * long[at] ** 2)[None, :], 0.0, k)[0])
        root, large = np.sqrt(np.linalg.norm(inv)), d > SMALL * unit
        bend = np.sqrt(np.sqrt(((own * second)[large] ** 2 / d[large]) @ moves[large] ** 2)
                       + (own * second * long)[~large] @ moves[~large])
        each = np.abs(gamma) * long[at] * 0.5 * second[at] * (theta * h) ** 2 + left * root
        beside = (np.abs(gamma) * long[at] * most[at])[:, None] * np.abs(signed[at])
        np.fill_diagonal(beside, 0.0)
        found = Linear(delta, inv, bend, each, beside, kept, st.still * root, loose, unit)
        reach = (float(top(found.shares(k)[None, :], 0.0, k)[0]) + found.still / kept) * SAFE
        if not (np.isfinite(reach) and kept > 0.0):
            return None
        if (reach * long < moved).all():
            return replace(found, near=bool(moved.max() < NEAR))
        reach *= GROW
    return None


def _inverse(S: Array, d: Array, mu: Array) -> Array | None:
    """The inverse of `Σ d_js_js_jᵀ + diag μ`, or None."""
    A = (S.T * d) @ S + np.diag(mu)
    try:
        found = np.linalg.inv(A)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(found, np.float64) if np.isfinite(found).all() else None
