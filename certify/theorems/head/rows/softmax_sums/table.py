"""D25: what single steps, pairs of them and three together leave and take, in one matrix.

A distance is `R_T/(θ(1 − B − K_T))`: `R_T` a sum over the rows, the pairs and the triples of T, and `K_T` over its
rows, so that tables of numbers of one and of two rows say it for every T. proofs/heads-softmax-sums.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.refit import enclose_slopes
from certify.theorems.head.rows.softmax.centre import mean_least
from certify.theorems.head.rows.softmax_by_choice.candidates import deletions, left_of
from certify.theorems.head.rows.softmax_by_choice.metric import LEAST, Metric, level
from certify.theorems.head.rows.softmax_sums.formed import Formed
from certify.theorems.head.rows.softmax_sums.moves import Moves, root_up
from certify.theorems.head.rows.softmax_sums.operators import Losses

AROUND = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""How far is looked around sums of steps."""

FOURTH = 1.75
"""`|κ₄(u, a, b, c)| ≤ 1.75 range(a) range(b)|u||c|` (Lemma 3)."""

EVEN, AT_ONCE = 0.01, 64
"""Part of the rows that may keep less of their curvature than θ says for all; and steps at a time."""

NEAR, HEAVY, MUCH = 1.0, 100, 0.1
"""Distances up to which, and of how many steps at most, what is lost is found as the eigenvalue of a sum; and what that
is by levels and levers at least."""

PRODUCTS = 1e11
"""Most products that all these sums take together, as those of digits do nearly."""

FAR = 100.0
"""Largest sum of ranges of other steps that is counted; beyond it nothing is known."""

ROOM = 1.0 + 2.0**-20
"""For outputs of the centre that floats are off by (D18, Rounding)."""


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers of every row, the last one those of no row, which takes nothing and adds nothing.

    Attributes:
        m: the matrix.
        single: `(f + 1,)` at least the gradients that single steps leave, with that of the centre; of no row the last.
        pair: `(f + 1, f + 1)` at least what two add, 0 on the diagonal.
        third: `(f + 1,)` numbers whose products are at least what three add.
        weight: `(n,)` of rows in what three add, `(1.75e^P_j)²/h_j`.
        lost: `(A, f + 1)` at least what they take of the matrix, for each of :data:`AROUND`.
        theta, few: `(A,)` the share of all, and at least what some rows lose of it around any sum.
    """

    m: Metric
    single: Array
    pair: Array
    third: Array
    weight: Array
    lost: Array
    theta: Array
    few: Array

    def distances(self, T: Whole, beyond: Array | None = None) -> Array:
        """`(B,)` at least the distances from sums of steps to refits; infinite where none is proved.

        Args:
            T: `(B, r)` numbers of steps, each but the last, that of no row, once at most.
            beyond: `(B,)` at least what triples add, where it is known better than by products.
        """
        R = self.single[T].sum(axis=1)
        for i, l in combinations(T.T, 2):
            R = R + self.pair[i, l]
        if beyond is None:
            each = self.third[T].T
            beyond = sum((i * l * q for i, l, q in combinations(each, 3)), np.zeros(len(T)))
        return self.around(T, R + beyond)

    def around(self, T: Whole, R: Array) -> Array:
        """`(B,)` the same where R `(B,)` is at least what is left of the gradient at sums of steps."""
        R, found = R * (RAISE * RAISE), np.full(len(T), np.inf)
        for a, lost, theta, few in zip(AROUND, self.lost, self.theta, self.few, strict=True):
            part = theta * (1.0 - (lost[T].sum(axis=1) + few) * RAISE) * (1.0 - 8.0 * U)
            r = np.where(part > LEAST, R / np.maximum(part, LEAST) * RAISE, np.inf)
            found = np.where(r * RAISE < a, np.minimum(found, r), found)
        return found


def table(m: Metric, s: Moves, W: Array, formed: Formed, most: int, check: Callable[[], None],
          sharp: bool = False) -> Table:
    """The numbers in one matrix, with the outputs of the centre as its `u` and some of every row's curvature.

    Args:
        m: the matrix.
        s: what steps do; `W` `(f, k, p)` the weights they lead to.
        formed: the pairs that are formed.
        most: most rows that are deleted.
        check: raises when the time is up.
        sharp: whether what is lost is found as eigenvalues of sums, which takes longer.
    """
    head, f = s.c.head, len(s.rows)
    still = left_of(m, enclose_slopes(head, deletions(np.zeros((1, 0), np.int64)), s.c.V[None]))[0]
    single, third = np.zeros(f + 1), np.zeros(f + 1)
    for start in range(0, f, AT_ONCE):
        check()
        at = slice(start, min(start + AT_ONCE, f))
        single[at] = (left_of(m, enclose_slopes(head, deletions(s.rows[at, None]), W[at])) + still) * RAISE
    single[f] = still
    pair = np.zeros((f + 1, f + 1))
    pair[:f, :f] = pairs(m, s, most, check)
    pair[:f, :f] = formed.into(m, pair[:f, :f], single[:f], cubic(m, s, most))
    check()
    weight = weights(m, s, most)
    third[:f] = triples(s, weight)
    lost = np.zeros((len(AROUND), f + 1))
    sums, theta, few = Losses(m) if sharp else None, np.ones(len(AROUND)), np.zeros(len(AROUND))
    for number, a in enumerate(AROUND):
        check()
        lost[number, :f], theta[number], few[number] = taken(m, s, most, a, sums)
    if sums is not None:
        together(sums, s, most, lost, check)
    return Table(m, single, pair, third, weight, lost, theta, few)


def pairs(m: Metric, s: Moves, most: int, check: Callable[[], None]) -> Array:
    """`(f, f)` at least `|Γ_il|_*` and what rows of T undo of second differences, by what each step does."""
    grown, moved, up = s.grown**2 / m.h, s.pulled**2, fp.sum_up(s.c.head.n)
    both = np.empty((len(grown), len(grown)))
    for start in range(0, len(grown), AT_ONCE):
        check()
        both[start : start + AT_ONCE] = grown[start : start + AT_ONCE] @ moved.T
    both = np.sqrt(np.minimum(both, both.T) * up) * RAISE
    own = s.pulled[:, s.rows] * least_of(m)[s.rows]  # of a step, in the row of another
    found = (both + own + own.T) * (ROOM * RAISE) + cubic(m, s, most)
    return cleared(found)


def cubic(m: Metric, s: Moves, most: int) -> Array:
    """`(f, f)` at least what second differences of the other rows of T in a row of T add, shared out among pairs."""
    own = (s.grown * s.pulled)[:, s.rows] * least_of(m)[s.rows]
    return cleared(0.5 * (most - 2) * (own + own.T) * (ROOM * RAISE * RAISE))


def cleared(found: Array) -> Array:
    """With no pair of a row and itself, and nothing known where that is no number."""
    found = np.where(found >= 0.0, found, np.inf)
    found[np.diag_indices(len(found))] = 0.0
    return found


def least_of(m: Metric) -> Array:
    """`(n,)` at least the root of `ℓ_j/h_j`."""
    return np.asarray(np.sqrt(m.lever / m.h * RAISE) * RAISE)


def weights(m: Metric, s: Moves, most: int) -> Array:
    """`(n,)` at least `(1.75e^P_j)²/h_j`, P the ranges of other steps (Lemma 4)."""
    others = np.sort(s.ranges, axis=0)[len(s.ranges) - max(most - 3, 0) :].sum(axis=0) * RAISE
    grown = np.where(others < FAR, exp(2.0 * np.minimum(others, FAR)), np.inf)
    return np.asarray(FOURTH**2 * grown * (ROOM * ROOM * RAISE) / m.h)


def triples(s: Moves, weight: Array) -> Array:
    """`(f,)` sixth roots of `Σ_j weight_j (e^ρ − 1)⁴(((e^ρ − 1)/ρ)|τ|_j)²`, whose products are what three add."""
    found = root_up(((s.grown**2 * s.pulled) ** 2 @ weight) * fp.sum_up(len(weight)), 6)
    return np.where(found >= 0.0, found, np.inf)


def cubed(s: Moves) -> Array:
    """`(f + 1, n)` at least the third roots of `(e^ρ − 1)²((e^ρ − 1)/ρ)|τ|_j`, 0 of no row."""
    found = root_up(s.grown**2 * s.pulled * RAISE, 3)
    found[np.arange(len(s.rows)), s.rows] = 0.0
    return np.concatenate([found, np.zeros((1, found.shape[1]))])


def taken(m: Metric, s: Moves, most: int, a: float, sums: Losses | None = None) -> tuple[Array, float, float]:
    """`(f,)` at least what steps, and the deletion of their rows, take of the matrix; θ; what is lost by all.

    Args:
        m: the matrix.
        s: what steps do.
        most: most rows that are deleted.
        a: how far is looked around sums of steps.
        sums: of the matrix, where what all rows lose is found as an eigenvalue.
    """
    q, theta = left_around(m, a)
    less = np.maximum(1.0 - q, 0.0)
    few = float(less @ m.lever) * fp.sum_up(len(q))
    if sums is not None and few > MUCH:
        few = min(few, sums.largest(less))
    y = np.maximum(1.0 - s.keeps * shared_out(q, most), 0.0) + 2.0**-40
    y[np.arange(len(s.rows)), s.rows] = 0.0
    return np.asarray((level(y.T, m.lever) + m.lever[s.rows]) * RAISE), theta, few + 2.0**-20


def together(sums: Losses, s: Moves, most: int, lost: Array, check: Callable[[], None]) -> None:
    """Less for steps that take much, in the place of :func:`taken`, once for all distances up to :data:`NEAR`.

    Args:
        sums: of the matrix.
        s: what steps do.
        most: most rows that are deleted.
        lost: `(A, f + 1)` what they take, for each of :data:`AROUND`.
        check: raises when the time is up.
    """
    near = [number for number, a in enumerate(AROUND) if a <= NEAR]
    least = np.min([shared_out(left_around(sums.m, AROUND[number])[0], most) for number in near], axis=0)
    much = lost[near, : len(s.rows)].max(axis=0)
    each = float(len(sums.m.h)) * sums.H.size
    for i in np.argsort(-much, kind="stable")[: min(HEAVY, int(PRODUCTS / each))].tolist():
        if not much[i] > MUCH:
            break
        check()
        y = np.maximum(1.0 - s.keeps[i] * least, 0.0) + 2.0**-40
        y[s.rows[i]] = 1.0
        lost[near, i] = np.fmin(lost[near, i], sums.largest(y))


def left_around(m: Metric, a: float) -> tuple[Array, float]:
    """`(n,)` at most the `q_j` that rows keep around any sum of steps, in parts of what θ says for all; and θ."""
    q = mean_least(m.long * a * RAISE) * (1.0 - 2.0**-40) / m.h
    theta = min(1.0, float(np.quantile(q, EVEN)))
    return q / theta * (1.0 - 4.0 * U), theta


def shared_out(q: Array, most: int) -> Array:
    """`(n,)` at most the roots of `max(1, q_j)`, which each step has of what rows keep."""
    return np.asarray(np.where(q > 1.0, 1.0 / root_up(1.0 / np.maximum(q, 1.0) * RAISE, most), 1.0) * (1.0 - 4.0 * U))
