"""D31: how long a sum of at most m vectors can be, one of each of so many rows: by what pairs of them have in common.

`|Σ d_i|² = Σ_i (|d_i|² + d_i·Σ_{l≠i} d_l)`, and of the other vectors those m − 1 count at most that lie along d_i most.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole

FEW: Final = 512
"""Rows of the longest vectors, of which all pairs are looked at; any other one counts with its length."""

STARTS, AGAIN, LOOKED = 6, 20, 2048
"""Vectors and axes from which long sums are looked for, and how many are kept; how often sums are made anew; and of how
many of the longest vectors."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors `d_ic = V_ic ⊗ u_i`, exactly these products of floats, any one c of each row i.

    Attributes:
        V: `(r, s, k)`.
        u: `(r, p)`.
    """

    V: Array
    u: Array

    @property
    def lengths(self) -> Array:
        """`(r, s)` upper bounds of the lengths."""
        r, s, k = self.V.shape
        sizes = fp.row_norms(self.V.reshape(r * s, k)).reshape(r, s)
        return np.asarray(sizes * fp.row_norms(self.u)[:, None] * RAISE)


def longest_sum(vectors: Vectors, m: int) -> float:
    """An upper bound of `|Σ_{i ∈ M} d_ic|` over all M of at most m rows and one c of each (D31).

    Args:
        vectors: of the rows.
        m: how many rows at most.

    >>> apart = Vectors(np.ones((3, 1, 1)), np.array([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]))
    >>> 5.0 <= longest_sum(apart, 2) < 5.0 + 1e-9, 4.0 <= longest_sum(apart, 1) < 4.0 + 1e-9
    (True, True)
    """
    V, more = _below_one(vectors.V)
    u, again = _below_one(vectors.u)
    lengths = Vectors(V, u).lengths.max(axis=1, initial=0.0)
    m = min(m, len(lengths))
    if m == 0:
        return 0.0
    whole = largest(lengths, m)
    if m > 1:
        order = np.argsort(-lengths, kind="stable")
        rest = float(lengths[order[FEW]]) if len(order) > FEW else 0.0
        own = np.concatenate([_own(Vectors(V[order[:FEW]], u[order[:FEW]]), rest, m), np.full(m, rest * whole)])
        coarse = fp.dot_unit(V.shape[2]) + fp.dot_unit(u.shape[1]) + 16 * U
        square = (largest(own, m) + coarse * whole * whole + fp.FLOOR) * RAISE
        whole = min(math.sqrt(square) * RAISE, whole)
    with np.errstate(over="ignore"):
        return float(np.ldexp(whole, more + again)) * RAISE + fp.FLOOR


def _below_one(A: Array) -> tuple[Array, int]:
    """An array over a power of two, and its exponent, so that no entry exceeds 1."""
    most = float(np.abs(fp.require_finite(A, "vectors")).max(initial=0.0))
    exponent = math.frexp(most)[1]
    return np.ldexp(A, -exponent), exponent


def _own(some: Vectors, rest: float, m: int) -> Array:
    """`(r,)` what each row has of a square: its own, and what at most m − 1 others have along it; but for rounding.

    Args:
        some: vectors of rows whose pairs are looked at.
        rest: no other row's is longer.
        m: how many rows.
    """
    r, s, _ = some.V.shape
    G, lengths, best = some.u @ some.u.T, some.lengths, np.zeros(r)
    for c in range(s):
        along = np.zeros((r, r))
        for other in range(s):
            np.maximum(along, (some.V[:, c] @ some.V[:, other].T) * G, out=along)
        np.fill_diagonal(along, 0.0)
        along = np.concatenate([along, np.repeat((lengths[:, c] * rest)[:, None], m - 1, axis=1)], axis=1)
        found = np.partition(along, along.shape[1] - (m - 1), axis=1)[:, along.shape[1] - (m - 1):]
        np.maximum(best, lengths[:, c] ** 2 + found.sum(axis=1) * fp.sum_up(m), out=best)
    return np.asarray(best * RAISE)


def largest(values: Array, m: int) -> float:
    """An upper bound of the sum of the m largest of numbers from 0 on."""
    some = np.partition(values, len(values) - m)[len(values) - m:] if m < len(values) else values
    return float(some.sum()) * fp.sum_up(max(len(some), 1))


def far_sums(vectors: Vectors, m: int, late: Callable[[], bool]) -> list[tuple[Whole, Whole]]:
    """Finder: rows and steps whose sums are long, those first that seem longest; nothing is trusted.

    From several vectors, and along the axes in which all spread, the m that lie farthest along what was found.

    Args:
        vectors: of the rows.
        m: how many rows at most.
        late: asked before each start; once true no more are tried.
    """
    V, u = _below_one(vectors.V)[0], _below_one(vectors.u)[0]
    order = np.argsort(-Vectors(V, u).lengths.max(axis=1), kind="stable")[:LOOKED]
    V, u = V[order], u[order]
    r, s, k = V.shape
    m = min(m, r)
    starts = [np.outer(V[i, c], u[i]) for i in range(min(r, STARTS)) for c in range(min(s, STARTS))]
    starts += [np.outer(a, b) for a in np.eye(k)[:STARTS] for b in np.linalg.svd(u, full_matrices=False)[2][:STARTS]]
    found: dict[tuple[tuple[int, int], ...], float] = {}
    for start in starts:
        if late():
            break
        way, size = start, 0.0
        for _ in range(AGAIN):
            along = np.einsum("rsk,kp,rp->rs", V, way, u, optimize=True)
            step, most = along.argmax(axis=1), along.max(axis=1)
            top = np.sort(np.argpartition(-most, m - 1)[:m]) if m < r else np.arange(r)
            top = top[most[top] > 0]
            way = np.einsum("rk,rp->kp", V[top, step[top]], u[top])
            if not (new := float(np.sum(way * way))) > size * (1 + 2.0**-30):
                break
            size = new
            found[tuple(zip(top.tolist(), step[top].tolist(), strict=True))] = size
    best = sorted(found, key=lambda one: -found[one])[:STARTS]
    pairs = [np.array(one, dtype=np.int64).reshape(-1, 2) for one in best]
    return [(order[one[:, 0]], one[:, 1]) for one in pairs]
