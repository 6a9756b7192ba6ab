"""Dual weights of N1 and N2 from a low-rank factor (Burer and Monteiro): a finder, nothing here is trusted.

The relaxation is `max ⟨K⁻¹, Z⟩` over `Z ⪰ 0` whose diagonal blocks lie in the hull of `x_i·{s sᵀ : s ∈ R_i}`,
`0 ≤ x_i ≤ 1`, `Σx_i ≤ m`. With `Z = YYᵀ` a convex function of Y is maximised over a set on which a linear function is
easy to maximise; taking its linearisation at the last iterate never makes it smaller. For each row the linear problem
has a value `L_i` and a maximiser, and the budget m goes to the rows with the largest `L_i` (water-filling). The
multipliers at the fixed point are the dual weights.

Source: Burer and Monteiro, Math. Program. 95 (2003) 329-357; Journée, Nesterov, Richtárik and Sepulchre, JMLR 11 (2010)
517-553 (the iteration).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from certify.finders.gram import Form
from certify.rigor.fp import Array

TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Weights:
    """What the search found.

    Attributes:
        weights: `(n,)` λ_i > 0: `K ⪰ blkdiag(E_i/λ_i)` should hold, E_i the rows' ellipsoids.
        shape: what determines E_i where it is no formula, see
            :class:`certify.problem.perturbations.row_sets.Ellipsoids`.
        sums: `(n·k, r)` factor Y of Z, from which changes of the data can be rounded.
        iterations: how many were made.
        settled: whether the value stopped growing.
    """

    weights: Array
    shape: Array | None
    sums: Array
    iterations: int
    settled: bool


class RowShape(ABC):
    """The linear problem of all rows at once, in coordinates `s_i = A_i v_i`."""

    @abstractmethod
    def step(self, T: Array) -> tuple[Array, Array]:
        """Values `L_i` and maximisers `Y_i`, `(n, k, r)`, of `⟨Y_i, T_i⟩` over `Y_iY_iᵀ` in the hull of all `s sᵀ`.

        Args:
            T: `(n, k, r)`, `K⁻¹Y`.
        """

    @abstractmethod
    def finish(self, T: Array, root: Array) -> tuple[Array, Array | None]:
        """Weights `(n,)` and shape at a fixed point, `root` the square roots of the x_i."""


@final
class Ball(RowShape):
    """`R_i = {C_i v : |v| ≤ 1}`, also intervals: `L_i = |C_iᵀT_i|_F`."""

    def __init__(self, C: Array) -> None:
        self.C = C

    def step(self, T: Array) -> tuple[Array, Array]:
        """`Y_i = C_iC_iᵀT_i/L_i`."""
        pulled = np.einsum("ika,ikr->iar", self.C, T)
        L = np.sqrt(np.einsum("iar,iar->i", pulled, pulled))
        return L, np.einsum("ika,iar->ikr", self.C, pulled / np.maximum(L, TINY)[:, None, None])

    def finish(self, T: Array, root: Array) -> tuple[Array, Array | None]:
        """`λ_i = L_i/√x_i`."""
        return self.step(T)[0] / root, None


@final
class Box(RowShape):
    """`R_i = {G_i u : |u|_∞ ≤ 1}`: `L_i = Σ_a |T_iᵀg_ia|`."""

    def __init__(self, G: Array) -> None:
        self.G = G

    def _pulled(self, T: Array) -> tuple[Array, Array]:
        pulled = np.matmul(np.swapaxes(self.G, 1, 2), T)
        return pulled, np.sqrt(np.einsum("iar,iar->ia", pulled, pulled))

    def step(self, T: Array) -> tuple[Array, Array]:
        """`Y_i = Σ_a g_ia v_aᵀ`, v_a the unit vectors along `T_iᵀg_ia`."""
        pulled, size = self._pulled(T)
        return size.sum(axis=1), np.matmul(self.G, pulled / np.maximum(size, TINY)[:, :, None])

    def finish(self, T: Array, root: Array) -> tuple[Array, Array | None]:
        """`d_ia = |T_iᵀg_ia|/√x_i`, `λ_i = Σ_a d_ia`, shape `w_ia = √(λ_i/d_ia)`."""
        _, size = self._pulled(T)
        total = size.sum(axis=1)
        least = np.maximum(1e-9 * total, TINY)
        size = np.maximum(size, least[:, None])
        total = size.sum(axis=1)
        return total / root, np.sqrt(total[:, None] / size)


@final
class Hull(RowShape):
    """`R_i` the hull of the columns `±g_a` of G_i: `Y_iY_iᵀ = W_i = Σ_a x_a g_ag_aᵀ`, the x_a improved step by step."""

    def __init__(self, G: Array) -> None:
        self.G = G
        self.x = np.full((G.shape[0], G.shape[2]), 1.0 / G.shape[2])

    def _solved(self, T: Array) -> tuple[Array, Array, Array]:
        """`L_i`, `Y_i` and `P_i` with `P_iY_i = T_i`, for the x_a as they are."""
        k = self.G.shape[1]
        W = np.matmul(self.G * self.x[:, None, :], np.swapaxes(self.G, 1, 2))
        ridge = 1e-12 * np.trace(W, axis1=1, axis2=2) + TINY
        values, U = np.linalg.eigh(W + ridge[:, None, None] * np.eye(k))
        values = np.maximum(values, ridge[:, None])
        root = np.matmul(U * np.sqrt(values)[:, None, :], np.swapaxes(U, 1, 2))
        back = np.matmul(U / np.sqrt(values)[:, None, :], np.swapaxes(U, 1, 2))
        H = np.matmul(root, T)
        squares, V = np.linalg.eigh(np.matmul(H, np.swapaxes(H, 1, 2)))
        s = np.sqrt(np.maximum(squares, TINY))
        s = np.maximum(s, 1e-9 * s.max(axis=1, keepdims=True))
        S = np.matmul(V * s[:, None, :], np.swapaxes(V, 1, 2))
        O = np.matmul(np.matmul(V / s[:, None, :], np.swapaxes(V, 1, 2)), H)  # noqa: E741
        return s.sum(axis=1), np.matmul(root, O), np.matmul(np.matmul(back, S), back)

    def _prices(self, P: Array) -> Array:
        prices: Array = np.einsum("ika,ika->ia", self.G, np.matmul(P, self.G))
        return prices

    def step(self, T: Array) -> tuple[Array, Array]:
        """One multiplicative step of the x_a towards the larger prices `g_aᵀP_ig_a`, then `Y_i`."""
        L, _, P = self._solved(T)
        x = self.x * self._prices(P)
        self.x = x / np.maximum(x.sum(axis=1, keepdims=True), TINY)
        L, Y, _ = self._solved(T)
        return L, Y

    def finish(self, T: Array, root: Array) -> tuple[Array, Array | None]:
        """`λ_i = max_a g_aᵀP_ig_a/√x_i`, shape the lower Cholesky factor of `λ_i(√x_i)P_i⁻¹`."""
        _, _, P = self._solved(T)
        most = self._prices(P).max(axis=1)
        some = most > TINY
        scaled = np.where(some[:, None, None], P / np.where(some, most, 1.0)[:, None, None], np.eye(P.shape[1]))
        most = np.where(some, most, TINY)
        values, U = np.linalg.eigh(scaled)
        values = np.maximum(values, 1e-12 * values.max(axis=1, keepdims=True) + TINY)
        C = np.linalg.cholesky(np.matmul(U / values[:, None, :], np.swapaxes(U, 1, 2)))
        return most / root, C


def water_fill(L: Array, count: int) -> Array:
    """`√x_i = min(1, c·L_i)` with `Σx_i = count`: the maximiser of `Σ√x_i L_i` over `0 ≤ x_i ≤ 1`, `Σx_i ≤ count`.

    >>> water_fill(np.array([3.0, 1.0, 0.0]), 1).round(4).tolist()
    [0.9487, 0.3162, 0.0]
    """
    n = len(L)
    if count >= n:
        return np.ones(n)
    order = np.argsort(-L)
    s = L[order]
    tails = np.cumsum((s * s)[::-1])[::-1]
    for full in range(count + 1):
        c = np.sqrt((count - full) / max(tails[full], TINY))
        if full == count or c * s[full] <= 1.0:
            break
    root = np.minimum(1.0, c * L)
    root[order[:full]] = 1.0
    return np.asarray(root)


def propose_weights(
    P: Form, k: int, shape: RowShape, moves: NDArray[np.bool_], count: int, start: Array, iterations: int = 600,
    tolerance: float = 1e-8,
) -> Weights:
    """Approximate dual weights for at most `count` rows at once (all: N1).

    Args:
        P: `(N, N)` approximate `K⁻¹`, or the form of another motion.
        k: outputs.
        shape: the rows' sets.
        moves: `(n,)` which rows may move.
        count: most rows that move at once.
        start: `(N, r)` first Y; r near `√(2n)` leaves no spurious maxima in practice.
        iterations: most steps.
        tolerance: relative growth in ten steps at which it stops.
    """
    n = len(P) // k
    m = min(count, int(moves.sum()))
    Y, value, settled, done = start, 0.0, False, 0
    root = np.ones(n)
    for done in range(1, iterations + 1):  # noqa: B007
        T = (P @ Y).reshape(n, k, -1)
        L, Z = shape.step(T)
        L = np.where(moves, L, 0.0)
        root = np.where(moves, water_fill(L[moves], m)[np.cumsum(moves) - 1], 0.0)
        Y = (Z * root[:, None, None]).reshape(n * k, -1)
        if done % 10 == 0:
            now = float((root * L).sum())
            settled = abs(now - value) <= tolerance * now
            value = now
            if settled or not np.isfinite(now):
                break
    T = (P @ Y).reshape(n, k, -1)
    weights, found = shape.finish(T, np.maximum(root, 1e-9))
    if m < int(moves.sum()):  # rows with a part of the budget have one weight, the price of the budget
        partial = moves & (root < 1 - 1e-9)
        if partial.any():
            parts = root[partial] ** 2
            floor = float(np.sum(weights[partial] * parts) / max(float(np.sum(parts)), TINY))
            weights = np.where(partial, floor, np.maximum(weights, floor))
    return Weights(np.maximum(weights, TINY), found, Y, done, settled)
