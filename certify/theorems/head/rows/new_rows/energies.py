"""D11: a label stays where losing it costs more than the new rows can: both energies enclosed in balls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, ctx

from certify.rigor.fp import Array
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.head import Head

BITS = 96
SPARE = 2.0**-20
"""Of an energy: what has to be left over, for a checker's own roundings."""

WHOLE = 2.0**20
"""K of the split of a square into what rows do and what is left of the gradient."""


@dataclass(frozen=True, eq=False)
class Robust:
    """Weights that cost little whatever new rows of some labels are there.

    Attributes:
        w: `(m,)`.
        labels: how many new rows have each label.
        cost: an upper bound of the sum with all of them.
        losses: of every row there.
    """

    w: Array
    labels: tuple[int, ...]
    cost: arb
    losses: list[arb]


class Energies:
    """The sum of a head with one output, and its new rows.

    Args:
        head: the head.
        change: its new rows.
    """

    def __init__(self, head: Head, change: NewRows) -> None:
        with ctx.workprec(BITS):
            self.head, self.change = head, change
            self.phi, self.y = arb_mat(head.phi.tolist()), [arb(float(v)) for v in head.Y[:, 0]]
            self.back = self.phi.transpose()
            self.mu = arb(head.weight_decay) * (head.n - head.new)
            self.decayed = head.decayed.tolist()
            self.norm2 = [sum((x * x for x in row), arb(0)) for row in self.phi.tolist()]

    def rows(self, w: Array) -> tuple[list[arb], list[arb]]:
        """Losses and slopes of all rows."""
        z = (self.phi * arb_mat(len(w), 1, w.tolist())).entries()
        if self.head.loss.quadratic:
            return [(a - b) * (a - b) / 2 for a, b in zip(z, self.y, strict=True)], [
                a - b for a, b in zip(z, self.y, strict=True)]
        e = [(-b * a).exp() for a, b in zip(z, self.y, strict=True)]
        return [x.log1p() for x in e], [-b * x / (1 + x) for x, b in zip(e, self.y, strict=True)]

    def decay(self, w: Array) -> arb:
        """`(μ/2)|w|²` of the decayed weights."""
        return self.mu / 2 * sum((arb(float(v)) * float(v) for v, d in zip(w, self.decayed, strict=True) if d), arb(0))

    def worst(self, w: Array, code: int) -> arb:
        """The largest loss of a new row of a label: at an end of the range of its output."""
        assert self.head.codes is not None
        low, high = self.span(w)
        y = arb(float(self.head.codes[code, 0]))
        if self.head.loss.quadratic:
            return ((low - y) * (low - y) / 2).max((high - y) * (high - y) / 2)
        return (-low if self.head.codes[code, 0] > 0 else high).exp().log1p()

    def span(self, w: Array) -> tuple[arb, arb]:
        """The range of the output of a new row."""
        ends = np.stack([self.change.low, self.change.high])
        first, last = (np.where((w[: ends.shape[1]] > 0) == up, ends[1], ends[0]) for up in (False, True))
        bias = w[ends.shape[1]:].tolist()
        low, high = (self._output(x, w[: len(x)]) + sum(map(arb, bias), arb(0)) for x in (first, last))
        return low, high

    def robust(self, w: Array, labels: tuple[int, ...]) -> Robust:
        """What weights cost with new rows of these labels."""
        with ctx.workprec(BITS):
            losses, _ = self.rows(w)
            cost = sum(losses, self.decay(w))
            for code, number in enumerate(labels):
                cost += number * self.worst(w, code)
            return Robust(w, labels, cost, losses)

    def stays(self, e: Array, threshold: float, w: Array, robust: list[Robust]) -> bool:
        """Whether no new rows bring the output of an oriented point to its threshold.

        Args:
            e: `(m,)` the point, times the side on which it lies.
            threshold: times that side as well.
            w: weights near the minimiser where the output is the threshold.
            robust: weights that cost little, one for each number of new rows of every label.
        """
        with ctx.workprec(BITS):
            beyond = all(self._output(e, r.w) > threshold for r in robust)
            return beyond and self._dear(e, threshold, w, robust)

    def _output(self, e: Array, w: Array) -> arb:
        """`e·w`."""
        return sum((arb(float(a)) * float(b) for a, b in zip(e, w, strict=True)), arb(0))

    def _dear(self, e: Array, threshold: float, w: Array, robust: list[Robust]) -> bool:
        losses, slopes = self.rows(w)
        E, column = [arb(float(x)) for x in e], arb_mat(len(slopes), 1, slopes)
        g = [a + (self.mu * arb(float(v)) if d else arb(0)) for a, v, d in zip(
            (self.back * column).entries(), w, self.decayed, strict=True)]
        free = not self.decayed[-1]
        nu = g[-1] / E[-1] if free else sum((a * b for a, b in zip(g, E, strict=True)), arb(0)) / sum(
            (x * x for x in E), arb(0))
        short = arb(threshold) - self._output(e, w)
        left = sum(((a - nu * b) * (a - nu * b) for a, b, d in zip(g, E, self.decayed, strict=True) if d), arb(0))
        split = 1 + arb(WHOLE) if self.change.deleted else arb(1)
        value = sum(losses, self.decay(w)) + nu * short - split * left / (2 * self.mu)
        pulls = self._pulls(E, slopes, short, free) if self.change.deleted else []
        for r in robust:
            taken = [(a - b + c).upper() for a, b, c in zip(
                (losses[i] for i in self.change.rows), (r.losses[i] for i in self.change.rows), pulls, strict=True,
            )] if pulls else []
            if not all(x.is_finite() for x in taken):
                return False
            most = sum(sorted((x for x in taken if x > 0), key=float, reverse=True)[: self.change.deleted], arb(0))
            gap = value - r.cost - most * (1 + arb(2) ** -50)
            if not gap > SPARE * (1 + abs(value)):
                return False
        return True

    def _pulls(self, E: list[arb], slopes: list[arb], short: arb, free: bool) -> list[arb]:
        """What leaving a row out does to the bound beside its own loss."""
        size = sum((x * x for x, d in zip(E, self.decayed, strict=True) if d), arb(0))
        held = [x if d else arb(0) for x, d in zip(E, self.decayed, strict=True)]
        dots = (self.phi * arb_mat(len(E), 1, held)).entries()
        share = (1 + 1 / arb(WHOLE)) * self.change.deleted / (2 * self.mu)
        found = []
        for i in self.change.rows:
            g = slopes[i]
            nu = -g / E[-1] if free else arb(0)  # the row's 1 for the intercept times its slope
            own = self.norm2[i] - (1 if free else 0)
            length = g * g * own + 2 * g * nu * dots[i] + nu * nu * size
            found.append(share * length - nu * short)
        return found
