"""Finder: rows whose deletion moves predictions of a squared-loss head far. Nothing is trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from certify.rigor.fp import Array
from certify.theorems.head.rows.squared.contrasts import Ints

ROUNDS = 8
"""How often the rows that take most are chosen anew, as the others of the choice leave them."""

STARTS, EXCHANGES, BESIDE = 4, 3, 64
"""Rows of each kind from which a choice is begun, how often its rows may be exchanged, and for how many others."""

AT_ONCE = 2**21
"""Influences that are held at a time."""

LEAST = 1e-9
"""In the place of a smaller `1 − K_ii`."""


@dataclass(frozen=True, eq=False)
class Worst:
    """The choices found.

    Attributes:
        rows: `(N, m)` for each point the places of the rows that move its outputs most together.
        size: `(N,)` how far, in floats.
        each: `(N, k, 2)` how far any choice found takes each output down, and up.
        ways: `(N, k, 2, m)` the choices that do.
    """

    rows: Ints
    size: Array
    each: Array
    ways: Ints

    @classmethod
    def none(cls, N: int, k: int, count: int) -> Worst:
        """The first rows, of which nothing is known."""
        return cls(np.tile(np.arange(count), (N, 1)), np.zeros(N), np.zeros((N, k, 2)),
                   np.tile(np.arange(count), (N, k, 2, 1)))


def worst_rows(A: Array, B: Array, R: Array, count: int, late: Callable[[], bool] = lambda: False) -> Worst:
    """For every point the rows that move it most, by the change of rank m: deleting M adds `−c_Mᵀ(I − K_MM)⁻¹R_M`.

    Args:
        A: `(n, p)` rows with `K = AAᵀ`.
        B: `(N, p)` points with influences `BAᵀ`.
        R: `(n, k)` residuals.
        count: m, from 1 to n.
        late: once true points are left that were not reached, the shortest ones.
    """
    N, k, step = len(B), R.shape[1], max(1, AT_ONCE // len(A))
    (B, far), (R, off) = _near_one(B), _near_one(R)  # squares of changes from 2^512 on are no numbers
    found = Worst.none(N, k, count)
    left = np.maximum(1.0 - np.einsum("ij,ij->i", A, A), LEAST)
    for some in np.split(np.argsort(-np.einsum("ij,ij->i", B, B), kind="stable"), range(step, N, step)):
        part = Worst(found.rows[some], found.size[some], found.each[some], found.ways[some])
        for a, sign in product(range(k), (1.0, -1.0)):
            if not late():
                _search(A, B[some] @ A.T, R, left, (a, sign), part)
        found.rows[some], found.size[some], found.each[some] = part.rows, part.size, part.each
        found.ways[some] = part.ways
    return Worst(found.rows, np.ldexp(found.size, far + off), np.ldexp(found.each, far + off), found.ways)


def _near_one(M: Array) -> tuple[Array, int]:
    """A matrix over a power of two, with entries below 1, and the exponent."""
    exponent = int(np.frexp(np.abs(M).max(initial=0.0))[1])
    return np.ldexp(M, -exponent), exponent


def _search(A: Array, C: Array, R: Array, left: Array, way: tuple[int, float], found: Worst) -> None:
    """The rows that take one output farthest one way, from those of the largest terms on; the best ones are kept."""
    (a, sign), m = way, found.rows.shape[1]
    alone = worth = sign * C * (R[:, a] / left)
    best, chosen = np.full(len(C), -np.inf), np.zeros((len(C), m), dtype=np.int64)
    for _ in range(ROUNDS):
        gone = np.argpartition(-worth, m - 1, axis=1)[:, :m]
        lost, X = _taken(A, C, R, (a, sign), gone, found)
        further = lost > best
        best[further], chosen[further] = lost[further], gone[further]
        if not further.any():
            break
        back = np.einsum("pmq,pmj->pqj", A[gone], X)
        worth = sign * (C + back[..., 0] @ A.T) * (R[:, a] + back[..., 1] @ A.T) / left
        np.put_along_axis(worth, gone, sign * np.take_along_axis(C, gone, 1) * X[..., 1], 1)
    if m > 1:
        others = np.argsort(-np.abs(alone), axis=1, kind="stable")[:, :BESIDE]  # beside others a row may turn round
        first = np.argsort(-alone, axis=1, kind="stable")[:, :STARTS]
        for begun in np.concatenate([first, others[:, :STARTS]], axis=1).T:
            gone = begun[:, None]
            while gone.shape[1] < m:
                gone = np.concatenate([gone, _beside(A, C, R, (a, sign), others, gone)[:, None]], axis=1)
            lost, _ = _taken(A, C, R, (a, sign), gone, found)
            further = lost > best
            best[further], chosen[further] = lost[further], gone[further]
        _exchange(A, C, R, (a, sign), others, best, chosen, found)


def _taken(A: Array, C: Array, R: Array, way: tuple[int, float], gone: Ints, found: Worst) -> tuple[Array, Array]:
    """What deleting rows takes from an output, `(P,)`, and `N⁻¹` of influences and residuals; the best are kept."""
    a, sign = way
    taken, c = A[gone], np.take_along_axis(C, gone, 1)
    N = np.eye(gone.shape[1]) * (1 + LEAST) - taken @ taken.transpose(0, 2, 1)
    X = np.linalg.solve(N, np.concatenate([c[..., None], R[gone]], axis=2))
    change = -np.einsum("pm,pmk->pk", c, X[..., 1:])
    size = np.sqrt(np.einsum("pk,pk->p", change, change))
    better = size > found.size
    found.rows[better], found.size[better] = gone[better], size[better]
    for direction, gain in enumerate((-change, change)):
        more = gain > found.each[..., direction]
        found.each[more, direction] = gain[more]
        found.ways[more, direction] = gone[np.nonzero(more)[0]]
    return -sign * change[:, a], X[..., [0, 1 + a]]


def _exchange(A: Array, C: Array, R: Array, way: tuple[int, float], others: Ints, best: Array, chosen: Ints,
              found: Worst) -> None:
    """One row after another is exchanged for the one that takes most beside those that remain, while this helps."""
    for _ in range(EXCHANGES):
        start = best.copy()
        for place in range(chosen.shape[1]):
            kept = np.delete(chosen, place, axis=1)
            new = np.concatenate([kept, _beside(A, C, R, way, others, kept)[:, None]], axis=1)
            lost, _ = _taken(A, C, R, way, new, found)
            further = lost > best * (1 + LEAST)
            best[further], chosen[further] = lost[further], new[further]
        if not (best > start).any():
            return


def _beside(A: Array, C: Array, R: Array, way: tuple[int, float], others: Ints, kept: Ints) -> Ints:
    """`(P,)` of the others, `(P, b)`, the one that takes most once the rows kept, `(P, s)`, are gone."""
    a, sign = way
    more, taken, c = A[others], A[kept], np.take_along_axis(C, kept, 1)
    across = more @ taken.transpose(0, 2, 1)
    N = np.eye(kept.shape[1]) * (1 + LEAST) - taken @ taken.transpose(0, 2, 1)
    X = np.linalg.solve(N, np.concatenate([c[..., None], R[kept][..., [a]], across.transpose(0, 2, 1)], axis=2))
    D = 1 - np.einsum("pbq,pbq->pb", more, more) - np.einsum("pbm,pmb->pb", across, X[..., 2:])
    gain = sign * (np.take_along_axis(C, others, 1) + np.einsum("pbm,pm->pb", across, X[..., 0])) * (
        R[others][..., a] + np.einsum("pbm,pm->pb", across, X[..., 1])) / np.maximum(D, LEAST)
    gain[(others[:, :, None] == kept[:, None, :]).any(axis=2)] = -np.inf
    return np.asarray(others[np.arange(len(others)), gain.argmax(axis=1)])
