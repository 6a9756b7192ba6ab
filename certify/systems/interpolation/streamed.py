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
from certify.rigor.arithmetic import Binary64, DoubleDouble, SlicedProducts
from certify.rigor.ball import Collected, joined, rounded
from certify.rigor.fp import Array
from certify.systems.interpolation.cost import PASS_ROWS

ROWS = PASS_ROWS
"""Rows of a pass."""


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

    def multipliers(self, z: Array) -> list[float]:
        """A witness, as a certificate states it."""
        return [float(v) for v in z]

    def taken(self, samples: NDArray[np.intp]) -> Streamed:
        """The equations of these samples, in this order."""
        Q = BlockFactor(self.Q.C[samples], self.Q.eta[samples])
        return Streamed(self.passed, self.parts.taken(samples), Q)


def stream(problem: Problem, progress: Progress, fine: bool = False) -> Streamed:
    """Enclose passes and perturbation of an interpolation problem, some rows at a time.

    Args:
        problem: one that :func:`certify.systems.interpolation.cost.streamable` admits; more outputs are no harm.
        progress: told the stage.
        fine: passes in double-double, a hundred times slower. Without, the forward pass has products in slices: what
            is off there is multiplied by every layer behind it, and float64 products alone would lose 500 times more.
    """
    net = problem.network
    assert isinstance(net, Network)
    kept, k, weights = np.array(problem.kept), problem.outputs, known_weights(net)
    ahead, back = (DoubleDouble(), DoubleDouble()) if fine else (SlicedProducts(), Binary64())
    moves = np.isin(kept, np.array(problem.rows))
    layers, found, Qs = net.layers(problem.layer), [], []
    inputs = {h: Collected(len(kept), net.widths[h - 1]) for h in layers}
    turned = {h: Collected(len(kept) * k, net.widths[h]) for h in layers}
    for start in range(0, len(kept), ROWS):
        progress(f"forward and backward pass ({ahead.name})", start / len(kept))
        own = slice(start, start + ROWS)
        passed = forward(net, weights, problem.X[kept[own]], ahead)
        adjoints = backward(net, weights, passed, back)
        Q, _ = FITS[problem.parameter].factor(
            adjoints[0], problem.scale, len(kept[own]), k, moves[own], problem.norm)
        adjoints = problem.layer_scale.adjoints(adjoints, back)
        for h in layers:
            inputs[h].put(start, rounded(passed.inputs[h - 1]))
            turned[h].put(start * k, rounded(adjoints[h]))
        found.append(passed.without_layers())
        Qs.append(Q)
    passed = _passed(found)
    # of layers that are not free nothing is read
    whole = replace(passed, inputs=tuple(inputs[h].balls if h in inputs else passed.output
                                         for h in range(1, net.depth + 1)))
    balls = tuple(turned[h].balls if h in turned else passed.output for h in range(net.depth + 1))
    parts = kernel_parts(whole, balls, layers, tuple(b is not None for b in net.biases), Binary64())
    Q = BlockFactor(np.concatenate([q.C for q in Qs]), np.concatenate([q.eta for q in Qs]))
    return Streamed(passed, parts, Q)


def _passed(parts: Sequence[Forward]) -> Forward:
    """What is known of the pass over all rows."""
    margins = [p.margin for p in parts if p.margin is not None]
    rows = np.cumsum([0, *(len(p.output.rad) for p in parts)])
    named = [replace(kink, row=kink.row + int(first)) for p, first in zip(parts, rows, strict=False)
             for kink in p.kinks[1]]
    return replace(
        parts[0], output=joined([rounded(p.output) for p in parts]),
        kinks=(sum(p.kinks[0] for p in parts), tuple(named[:5])), margin=min(margins, default=None), dead=())
