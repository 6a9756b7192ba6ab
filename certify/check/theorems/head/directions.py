"""How far a linear function of the last layer's weights may move, in its own direction (P4b), in balls."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from flint import arb

from certify.check.linalg.balls import ONE, ZERO, largest, root
from certify.check.theorems.head.layer import Layer, Motion
from certify.check.theorems.head.norms import Rows


class Steer:
    """First order, and what curvature adds.

    `low·B⁻¹ ⪯ H̄⁻¹ ⪯ high·B⁻¹`, so `|⟨c, v⟩| ≤ ½(high + low)·A + ½(high − low)·|c|N + high·|c||e|`, A the most that
    `⟨c, B⁻¹Δ⟩` can be over the budget.
    """

    def __init__(self, moved: Motion) -> None:
        assert moved.layer is not None and moved.layer.effect is not None
        layer, effect = moved.layer, moved.layer.effect
        self.layer, self.start, self.effect = layer, moved.start, effect
        spread = (moved.reach * (largest(layer.spans) + effect.wider)).upper()
        growth = ONE if layer.loss.quadratic else effect.bent.exp() * (
            ONE if spread == 0 else spread.expm1() / spread)
        self.high = (1 / (1 - effect.lost)).upper()
        left = 1 - effect.lost if layer.problem.moves.inputs else ONE
        gained = ZERO if layer.problem.direction else effect.lost  # where weights only fall no row gains curvature
        self.low = (layer.theta * left / (growth * (1 + gained))).lower()
        self.rows: Any = Leaving(layer) if layer.problem.moves.single else import_module(OTHERS).ROWS[
            layer.problem.parameter](layer)

    def stays(self, f: list[arb], G: Rows, j: int, rivals: Sequence[int]) -> bool:
        """Whether these outputs of evaluation row j, with outputs f and Gram matrix G, stay below the largest one.

        Of one output f says how far it lies above the threshold.
        """
        pairs = self.rows.at(j)
        if len(f) == 1:
            if self.layer.problem.moves.single and f[0] < 0:  # the output keeps its side
                pairs = [[-x for x in row] for row in pairs]
            return bool(abs(f[0]) > self._most(pairs, 0, None, G[0][0]))
        a = leading(f)
        return all(f[a] - f[b] > self._most(pairs, a, b, G[a][a] + G[b][b] - 2 * G[a][b]) for b in rivals)

    def _most(self, pairs: Any, a: int, b: int | None, square: arb) -> arb:
        length = root(square)
        first: arb = self.rows.first(pairs, a, b, length)
        far = length * self.layer.scale
        return ((self.high + self.low) / 2 * first + (self.high - self.low) / 2 * far * self.effect.gradient
                + self.high * far * self.start)


def leading(f: Sequence[arb]) -> int:
    """The output whose middle is the largest: where it is not the largest output, nothing is proved of it."""
    return max(range(len(f)), key=lambda b: float(f[b].mid()))


def together(layer: Layer, values: list[arb]) -> arb:
    """`Σ |u_i| v_i / n` over the budget."""
    return layer.radius / layer.n * layer.together(values)


def at_first_order(layer: Layer, values: list[arb], sizes: list[arb], length: arb) -> arb:
    """`sup_u |⟨c, B⁻¹Δ_u⟩|` from every row's `|⟨c, Py_i⟩|` and P-length, c of the P-length given.

    `|P − B⁻¹|` is the loose part of both lengths.
    """
    extra = (layer.scale ** 2 - 1) * length
    return together(layer, [(v + extra * s).upper() for v, s in zip(values, sizes, strict=True)])


class Leaving:
    """A row's own gradient `y_i` leaves, or is weighted anew."""

    def __init__(self, layer: Layer) -> None:
        assert layer.pulls is not None
        self.layer, self.pulls, self.sizes = layer, layer.pulls, layer.pulls.sizes
        self.evaluated = layer.evaluated.tolist()

    def at(self, j: int) -> Any:
        """Inner products of `e_a ⊗ φ` of evaluation row j, all a, with every `y_i`."""
        return self.pulls.along(self.evaluated[j])

    def first(self, pairs: Any, a: int, b: int | None, length: arb) -> arb:
        """`sup_u |⟨c, B⁻¹Δ_u⟩|`."""
        return at_first_order(self.layer, self._values(pairs, a, b), self.sizes, length)

    def _values(self, pairs: Any, a: int, b: int | None) -> list[arb]:
        """`|⟨(e_a − e_b) ⊗ φ, y_i⟩|` of every row that may move; without b `|⟨e_a ⊗ φ, y_i⟩|`.

        Where weights only fall: how much a row that leaves pulls them down, or 0.
        """
        values = pairs[a] if b is None else [x - y for x, y in zip(pairs[a], pairs[b], strict=True)]
        return [(-x).max(ZERO) if self.layer.problem.direction else abs(x) for x in values]


OTHERS = "certify.check.theorems.head.moving"
"""Where what other changes do stands."""
