"""How a direction brings the training loss down, over balls of weights and data, by Euclidean radii (Q5, H4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, arb_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import given
from certify.check.enclosure.units import by_units, matrices, weights_by_units
from certify.check.linalg.balls import ZERO, norm, squares
from certify.check.linalg.small.spectral import spectral
from certify.check.lipschitz.over_ball import require_away
from certify.check.lipschitz.second_over_ball import Spread, Unit, at_outputs, layer_part, unit_at, with_bias
from certify.check.reading.subject import Problem


@dataclass(frozen=True)
class Sizes:
    """Over a ball of weights and data.

    Attributes:
        slope: `⟨∇_wL, z⟩` at its centre.
        weights, data, loss: upper bounds of `|∇²_wL z|`, `|∇_u⟨∇_wL, z⟩|` and `|∇_uL|`.
    """

    slope: arb
    weights: arb
    data: arb
    loss: arb


class Along:
    """Bounds along one direction, at the weights in the file.

    Args:
        problem: sublevel, features in units of the data, or targets of the squared loss.
        z: the direction over the free layers, weights of a layer row-major and then its biases.
    """

    def __init__(self, problem: Problem, z: Sequence[float]) -> None:
        self.problem, self.parameters = problem, given(problem)
        flat = by_units(problem, [arb(v) for v in z])
        self.Z, self.length = matrices(problem, flat), norm(flat)
        self._decay = sum((u * v for u, v in zip(flat, weights_by_units(problem, self.parameters), strict=True)), ZERO)
        self._decay *= arb(problem.weight_decay)
        self._sizes = [spectral(M) for M in self.parameters.weights]
        self._parts = {h: arb_mat([row[: problem.layers[h - 1].inputs] for row in M.tolist()])
                       for h, M in self.Z.items()}
        self._lengths = {h: norm(M.entries()).upper() for h, M in self._parts.items()}

    def sizes(self, weights: arb, data: arb) -> Sizes:
        """The bounds for `|Δw| ≤ weights` and every row that may move within `data`.

        Raises:
            NotSmooth: a pre-activation may reach a point where φ is not twice differentiable.
        """
        problem, moving = self.problem, set(self.problem.moving)
        n = len(problem.features)
        reach = [data if i in moving else ZERO for i in range(n)]
        features = problem.moves.inputs
        inputs, before, units, pre = self._up(weights, reach if features else [ZERO] * n)
        along = before[-1]
        assert along is not None  # a free layer moves the outputs
        v, dv = at_outputs(problem, pre, along)
        slope = sum((x * y for rows in zip(v.mid, along.mid, strict=True) for x, y in zip(*rows, strict=True)), ZERO)
        if not features:  # the slope of the squared loss is f − y − u
            v = Spread(v.mid, [(r + t / n).upper() for r, t in zip(v.rad, reach, strict=True)])
        outer = v
        total, first, moved = self._down(weights, inputs, before, units, (v, dv))
        if not features:
            first, moved = outer, Spread(along.mid, along.rad)
        scale = arb(1) if features else arb(1) / n
        return Sizes(slope + self._decay, total, _over(moved, moving) * scale, _over(first, moving))

    def _up(
        self, away: arb, reach: list[arb],
    ) -> tuple[list[tuple[Spread, Spread | None]], list[Spread | None], list[Unit], Spread]:
        """Inputs of every layer with how they move along z, how pre-activations do, units, and the outputs."""
        problem, phi = self.problem, ACTIVATIONS[self.problem.activation]
        a, da = Spread([[arb(v) for v in x] for x in problem.features], reach), None
        inputs: list[tuple[Spread, Spread | None]] = []
        before: list[Spread | None] = []
        units = []
        for h, (W, b, size) in enumerate(zip(self.parameters.weights, self.parameters.biases, self._sizes, strict=True),
                                         1):
            inputs.append((a, da))
            far = away if h in self.Z else ZERO
            pre = with_bias(a.through(W, size, far), b, far)
            along = None if da is None else da.through(W, size, far)
            if h in self.Z:
                direct = a.through(self._parts[h], self._lengths[h], ZERO)
                if b is not None:
                    direct = with_bias(direct, tuple(row[-1] for row in self.Z[h].tolist()), ZERO)
                along = direct if along is None else along.plus(direct)
            before.append(along)
            if h == len(problem.layers):
                break
            if phi.broken:
                require_away(problem, h, pre.mid, pre.rad)
            unit = unit_at(phi, pre)
            units.append(unit)
            a = Spread([[phi.value(x) for x in row] for row in pre.mid], [(phi.steepest * r).upper() for r in pre.rad])
            da = None if along is None else along.scaled(unit.slopes, unit.loose, arb(phi.steepest))
        return inputs, before, units, pre

    def _down(
        self, away: arb, inputs: list[tuple[Spread, Spread | None]], before: list[Spread | None], units: list[Unit],
        adjoints: tuple[Spread, Spread],
    ) -> tuple[arb, Spread, Spread]:
        """The bound of `|∇²_wL z|`, `∇_uL` by features, and how that moves along z."""
        phi, (v, dv), total = ACTIVATIONS[self.problem.activation], adjoints, ZERO
        most = arb(phi.steepest)
        for h in range(len(inputs), 0, -1):
            back, size, far = self.parameters.weights[h - 1].transpose(), self._sizes[h - 1], ZERO
            if h in self.Z:
                far = away
                total += layer_part(self.problem, h, self.Z[h], inputs[h - 1], (v, dv)) ** 2
            y, dy = v.through(back, size, far), dv.through(back, size, far)
            if h in self.Z:
                dy = dy.plus(v.through(self._parts[h].transpose(), self._lengths[h], ZERO))
            if h == 1:
                return total.sqrt().upper(), y, dy
            unit = units[h - 2]
            v, dv = y.scaled(unit.slopes, unit.loose, most), dy.scaled(unit.slopes, unit.loose, most)
            along = before[h - 2]
            if phi.bend and along is not None:
                dv = dv.plus(y.scaled(unit.bends, unit.loose_bends, arb(phi.bend)).times(along))
        raise AssertionError("a network has a layer")


def _over(x: Spread, moving: set[int]) -> arb:
    """The length of all rows that may move."""
    return squares(size for i, size in enumerate(x.size) if i in moving).sqrt().upper()
