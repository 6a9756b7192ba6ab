"""What the equations of many rows are made of: passes over some rows at a time, and never a kernel in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from certify.network.layers.kernel import KernelParts, kernel_parts
from certify.network.layers.passes import Forward, backward, forward, known_weights
from certify.network.network import Network
from certify.problem.perturbations.factor import BlockFactor
from certify.problem.perturbations.parameters import FITS
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble, SlicedProducts
from certify.rigor.ball import Balls, joined, rounded

ROWS = 2000
"""Rows of a pass: what only the pass needs is given back before the next."""


@dataclass(frozen=True, eq=False)
class Streamed:
    """Everything that M2 needs of the equations, without the kernel.

    Attributes:
        passed: forward pass over the kept rows, without its layers.
        parts: what the kernel is made of.
        Q: perturbation matrix.
    """

    passed: Forward
    parts: KernelParts
    Q: BlockFactor

    def taken(self, samples: NDArray[np.intp]) -> Streamed:
        """The equations of these samples, in this order."""
        Q = BlockFactor(self.Q.C[samples], self.Q.eta[samples])
        return Streamed(self.passed, self.parts.taken(samples), Q)


def streamable(problem: Problem) -> bool:
    """Whether the equations are those of the network's own rows at its own weights, and their kernel is M3's."""
    return not problem.nearby and problem.measure.rows == 0 and isinstance(problem.network, Network)


def stream(problem: Problem, progress: Progress, fine: bool = False) -> Streamed:
    """Enclose passes and perturbation of an interpolation problem, some rows at a time.

    Args:
        problem: one that :func:`streamable` admits.
        progress: told the stage.
        fine: passes in double-double, a hundred times slower. Without, the forward pass has products in slices: what
            is off there is multiplied by every layer behind it, and float64 products alone would lose 500 times more.
    """
    net = problem.network
    assert isinstance(net, Network)
    kept, k, weights = np.array(problem.kept), problem.outputs, known_weights(net)
    ahead, back = (DoubleDouble(), DoubleDouble()) if fine else (SlicedProducts(), Binary64())
    moves = np.isin(kept, np.array(problem.rows))
    found: list[tuple[Forward, list[Balls], list[Balls], BlockFactor]] = []
    layers = net.layers(problem.layer)
    for start in range(0, len(kept), ROWS):
        progress(f"forward and backward pass ({ahead.name})", start / len(kept))
        own = slice(start, start + ROWS)
        passed = forward(net, weights, problem.X[kept[own]], ahead)
        adjoints = tuple(backward(net, weights, passed, back))
        Q, _ = FITS[problem.parameter].factor(
            adjoints[0], problem.scale, len(kept[own]), k, moves[own], problem.norm)
        scaled = problem.layer_scale.adjoints(adjoints, back)
        inputs = [rounded(passed.inputs[h - 1]) for h in layers]
        found.append((passed.without_layers(), inputs, [rounded(scaled[h]) for h in layers], Q))
    parts = _parts(net, layers, found)
    Q = BlockFactor(np.concatenate([q.C for *_, q in found]), np.concatenate([q.eta for *_, q in found]))
    return Streamed(_passed([p for p, *_ in found]), parts, Q)


def _parts(
    net: Network, layers: tuple[int, ...], found: Sequence[tuple[Forward, list[Balls], list[Balls], BlockFactor]]
) -> KernelParts:
    """The parts of the kernel over all rows."""
    inputs = {h: joined([a[i] for _, a, _, _ in found]) for i, h in enumerate(layers)}
    adjoints = {h: joined([b[i] for _, _, b, _ in found]) for i, h in enumerate(layers)}
    passed = _passed([p for p, *_ in found])
    ordered = tuple(inputs.get(h, passed.output) for h in range(1, net.depth + 1))
    turned = tuple(adjoints.get(h, passed.output) for h in range(net.depth + 1))  # of other layers nothing is read
    biases = tuple(b is not None for b in net.biases)
    return kernel_parts(replace(passed, inputs=ordered), turned, layers, biases, Binary64())


def _passed(parts: Sequence[Forward]) -> Forward:
    """What is known of the pass over all rows."""
    margins = [p.margin for p in parts if p.margin is not None]
    rows = np.cumsum([0, *(len(p.output.rad) for p in parts)])
    named = [replace(kink, row=kink.row + int(first)) for p, first in zip(parts, rows, strict=False)
             for kink in p.kinks[1]]
    return replace(
        parts[0], output=joined([rounded(p.output) for p in parts]),
        kinks=(sum(p.kinks[0] for p in parts), tuple(named[:5])), margin=min(margins, default=None), dead=())
