"""Maximum over windows, where the winner of every window is proved (G3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.network.graph.windows import Index, Shape, Size, channel_patches, multiplicity, turned
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, Pair, two_sum
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array


@dataclass(frozen=True, eq=False)
class Choice:
    """Winners of windows.

    Attributes:
        winner: `(n, places)` winning taps.
        gap: `(n, places)` proved lower bounds of the distance from the winner to the rest; negative: none.
        tied: windows whose winner is not proved.
        still: windows whose winner is 0 for all weights and data near the given ones.
    """

    winner: NDArray[np.int64]
    gap: Array
    tied: NDArray[np.bool_]
    still: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pool:
    """Windows of a maximum; entry number `inputs` of a table is padding, which never wins.

    Attributes:
        index: `(places, taps)` inputs of each window.
        back: `(inputs, taps)` windows that read an input by that tap; `places` for none.
        inputs: number of input entries.
        spread: upper bound of the norm of every choice of winners.
    """

    index: Index
    back: Index
    inputs: int
    spread: float

    @staticmethod
    def make(shape: Shape, kernel: Size, stride: Size, padding: Size) -> Pool:
        """Tables for inputs of that shape."""
        index = channel_patches(shape, kernel, stride, padding)
        inputs = math.prod(shape)
        spread = math.sqrt(multiplicity(index, inputs)) * RAISE
        return Pool(index, turned(index, inputs, len(index), index.shape[1], 1), inputs, spread)

    def choose(self, x: Balls, still: NDArray[np.bool_], labels: NDArray[np.int64] | None = None) -> Choice:
        """Winners by midpoints, low parts included, and what is proved about them.

        The value of a window is then within its entries' largest distance from their midpoints of the winner's, tied or
        not: claims of the loss alone need no proved winner.
        Two entries of a vector within rad of its midpoint differ from the midpoints' difference by at most `√2·rad`.
        Entries that are 0 near the point tie with one another without harm: their maximum is 0 there. So do entries of
        one label, which are the same function of the weights (G7).
        """
        low = np.full((len(x.rad), 1), -np.inf)
        hi, lo = (x.mid.hi, None) if x.mid.lo is None else two_sum(x.mid.hi, x.mid.lo)
        windows = np.concatenate([hi, low], axis=1)[:, self.index]
        zero = np.concatenate([still, np.zeros(low.shape, dtype=bool)], axis=1)[:, self.index]
        winner = windows.argmax(axis=2)
        if lo is not None:  # hi is the rounded sum, so a larger one has no smaller sum, and lo decides among equal ones
            rest = np.concatenate([lo, low], axis=1)[:, self.index]
            winner = np.where(windows == windows.max(axis=2, keepdims=True), rest, -np.inf).argmax(axis=2)
        at = winner[:, :, None]
        best, won = np.take_along_axis(windows, at, 2), np.take_along_axis(zero, at, 2)
        np.put_along_axis(windows, at, -np.inf, 2)
        rest = np.where(won & zero, -np.inf, windows)
        if labels is not None:
            named = np.concatenate([labels, np.full((len(labels), 1), -1)], axis=1)[:, self.index]
            rest = np.where(named == np.take_along_axis(named, at, 2), -np.inf, rest)
        there = np.isfinite(rest)
        size = np.abs(best) + np.abs(np.where(there, rest, 0.0))
        gap = np.where(there, (best - np.where(there, rest, 0.0)) - fp.TIE_SLACK * size, np.inf).min(axis=2)
        gap = np.where(np.isinf(gap), gap, gap - 1.5 * RAISE * x.rad[:, None])
        gap = np.where(gap > 0, gap * (1 - 2.0**-50), gap)
        return Choice(winner, gap, ~(gap > 0), won[:, :, 0])

    def forward(self, x: Balls, winner: NDArray[np.int64], arithmetic: Arithmetic) -> Balls:
        """Balls around the winners: copies, exact."""
        places = np.arange(len(self.index))
        chosen = self.index[places[None, :], winner]

        def take(part: Array) -> Array:
            return np.take_along_axis(part, chosen, axis=1)

        mid = Pair(take(x.mid.hi), None if x.mid.lo is None else take(x.mid.lo))
        return Balls.make(mid, self.spread * x.rad * RAISE, arithmetic)

    def backward(self, v: Balls, winner: NDArray[np.int64], arithmetic: Arithmetic) -> Balls:
        """Balls around the transposed choice: sums over the windows that an input wins."""
        n, taps = len(v.rad), self.index.shape[1]
        tap = np.broadcast_to(np.arange(taps), self.back.shape)
        wins = np.concatenate([winner, np.full((n, 1), -1)], axis=1)[:, self.back] == tap

        def take(part: Array) -> Array:
            return np.where(wins, np.concatenate([part, np.zeros((n, 1))], axis=1)[:, self.back], 0.0).reshape(-1, taps)

        windows = Pair(take(v.mid.hi), None if v.mid.lo is None else take(v.mid.lo))
        y = arithmetic.product(windows, Pair(np.ones((1, taps)))).reshape(n, -1)
        floors = math.sqrt(self.inputs) * fp.FLOOR
        unit = arithmetic.product_unit(taps) * math.sqrt(taps) * RAISE
        rad = self.spread * v.rad + unit * (self.spread * v.norm + floors)
        return Balls.make(y, rad * RAISE, arithmetic)
