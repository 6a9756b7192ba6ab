"""How far a layer's inputs and pre-activations move while a row moves, row by row, by LipSDP near the row (Q8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.finders.lipsdp_multipliers import propose_multipliers
from certify.format.errors import EnclosureError
from certify.network.layers.passes import Forward
from certify.network.lipschitz.lipsdp import Chain, chain_bound
from certify.network.lipschitz.quotients import difference_quotients
from certify.network.lipschitz.reach import reach
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.cholesky import verify_positive_definite
from certify.rigor.finder import proposed
from certify.rigor.fp import RAISE, Array

LARGEST = 2**38
"""Most multiplications of all factorisations together; beyond it the norms of whole layers stand."""

NARROW = 2.0**-20
"""Least half-width of a unit's slopes: where they are known it keeps the multipliers finite, and costs as little."""

LEAST = 2.0**-100
"""Least multiplier: float32 would make 0 of one much below it, and the checker divides by them."""

ROOM = 2.0**-13
"""Left for a checker, which need not factorise where slopes are nearly known."""


@dataclass(frozen=True, eq=False)
class LayerConstants:
    """What was proved for one layer, and what proves it.

    Attributes:
        inputs, rows: `(moving,)` bounds of `|a(x_i + v) − a(x_i)|/|v|` and `|W_h(a(x_i + v) − a(x_i))|/|v|`; 0: none.
        array: `(moving, 2 + multipliers)` float32: both bounds, then the multipliers that prove the second, then those
            that prove the first, layer by layer from the first one on.
    """

    inputs: Array
    rows: Array
    array: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Rows that move, and between which slopes every hidden unit stays.

    Attributes:
        weights: of every layer; for the first, which has the features' units, a matrix no less steep: `W_1W_1ᵀ ⪯ LLᵀ`.
        moving: places of the rows among the kept ones.
        mids, halves: of every hidden layer, `(n, units)`.
    """

    weights: tuple[Array, ...]
    moving: NDArray[np.intp]
    mids: tuple[Array, ...]
    halves: tuple[Array, ...]

    def chain(self, layer: int, row: int) -> Chain:
        """`x ↦ W_h a_{h−1}` at one row, h from 2."""
        L = layer - 1
        halves = tuple(np.maximum(half[row], NARROW) for half in self.halves[:L])
        return Chain(self.weights[:L], tuple(mid[row] for mid in self.mids[:L]), halves, self.weights[L])

    def inputs_chain(self, layer: int, row: int) -> Chain:
        """`x ↦ a_{h−1}` at one row, h from 2: a diagonal of slopes lengthens no more than that of the largest ones."""
        before = self.chain(layer - 1, row) if layer > 2 else Chain((), (), (), self.weights[0])
        steepest = (np.abs(self.mids[layer - 2][row]) + self.halves[layer - 2][row]) * RAISE
        return Chain(before.weights, before.mids, before.halves, before.last, steepest)


def neighbourhood(problem: Problem, net: Network, passed: Forward, t: Fraction) -> Neighbourhood:
    """Slopes of all hidden units while every row that may move does so by at most t.

    Raises:
        EnclosureError: the balls are too large for bounds that are finite.
    """
    still = ~np.isin(np.array(problem.kept), np.array(problem.rows))
    radii = np.where(still, 0.0, fp.up(t))
    found = reach(net, passed, radii, problem.scale).before
    quotients = [difference_quotients(net, passed, h, moved) for h, moved in enumerate(found)]
    first = _narrowed(net.weights[0] if problem.scale is None else net.weights[0] * problem.scale)
    mids, halves = zip(*quotients, strict=True)
    return Neighbourhood((first, *net.weights[1:]), np.flatnonzero(~still), mids, halves)


def _narrowed(W: Array) -> Array:
    """L with `WWᵀ ≺ LLᵀ`, square, where W has more columns than rows: then `|BWx| ≤ ‖BL‖|x|` for any B; else W.

    W may be off by a rounding.
    """
    if W.shape[0] >= W.shape[1] or not np.max(np.abs(W)) <= 2.0**100:
        return W
    G, size = W @ W.T, np.abs(W) @ np.abs(W).T
    try:
        L: Array = np.asarray(np.linalg.cholesky((G + G.T) / 2) * (1.0 + 2.0**-24), np.float64)
    except np.linalg.LinAlgError:
        return W
    H, large = L @ L.T, np.abs(L) @ np.abs(L).T
    error = (fp.dot_unit(W.shape[1]) + 8 * fp.U) * (size + large) * fp.sum_up(W.shape[1]) + fp.FLOOR
    gap = H - G
    proved = verify_positive_definite(np.triu(gap) + np.triu(gap, 1).T, np.maximum(error, error.T))
    return L if proved else W


def affordable(near: Neighbourhood, layer: int) -> bool:
    """Whether factorisations for every row stay within the limit."""
    return len(near.moving) * sum(int(W.shape[1]) for W in near.weights[:layer]) ** 3 <= LARGEST


def expected(near: Neighbourhood, layer: int) -> tuple[Array, Array]:
    """About the least that can be proved of a layer, row by row: the norms at the middle of all slopes."""
    inputs, rows = [], []
    for i in near.moving.tolist():
        J = near.weights[0]
        for W, mid in zip(near.weights[1:layer - 1], near.mids, strict=False):
            J = W @ (mid[i][:, None] * J)
        J = near.mids[layer - 2][i][:, None] * J
        inputs.append(np.linalg.norm(J, 2))
        rows.append(np.linalg.norm(near.weights[layer - 1] @ J, 2))
    return np.array(inputs), np.array(rows)


def prove_constants(near: Neighbourhood, layer: int, check: Callable[[], None] = lambda: None) -> LayerConstants:
    """Prove both constants of a layer for every row that moves.

    Args:
        near: slopes near the rows.
        layer: h, from 2.
        check: called before each row; raises when the time is up.
    """
    lines = []
    for i in near.moving.tolist():
        check()
        after, before = near.chain(layer, i), near.inputs_chain(layer, i)
        (second, more), (first, less) = _proved(after), _proved(before)
        lines.append(np.concatenate([[first, second], *more, *less]))
    array = np.array(lines, np.float32).reshape(len(lines), -1)
    return LayerConstants(array[:, 0].astype(float), array[:, 1].astype(float), array)


def _proved(chain: Chain) -> tuple[float, tuple[Array, ...]]:
    """A bound that float32 holds, with multipliers that it holds too; 0 and zeros where nothing was proved."""
    nothing = 0.0, tuple(np.zeros(len(mid)) for mid in chain.mids)
    found = proposed(lambda: propose_multipliers(chain))
    if found is None:
        return nothing
    with np.errstate(over="ignore"):  # what float32 does not hold is refused as infinite
        multipliers = tuple(np.maximum(m, LEAST).astype(np.float32).astype(np.float64) for m in found[0])
    try:
        bound = chain_bound(chain, multipliers, found[1])
    except EnclosureError:
        return nothing
    if bound is None or not bound < 2.0**100:
        return nothing
    short = np.float32(bound * (1.0 + ROOM))
    return (float(short), multipliers) if float(short) >= bound else nothing
