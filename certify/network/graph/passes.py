"""Rigorous forward and backward pass of a graph, as per-sample balls (G1 to G4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from certify.network.graph.compiled import Compiled, Normalisation
from certify.network.graph.graph import ACTIVATIONS, Node
from certify.network.graph.maps import WindowMap, added, copied, scaled, shifted
from certify.network.graph.twins import twin_labels
from certify.network.layers.passes import Kink, Slope
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.arithmetic import Arithmetic, Pair
from certify.rigor.ball import Balls, exact_points
from certify.rigor.fp import RAISE, Array

Mask = NDArray[np.bool_]


@dataclass(eq=False)
class GraphForward:
    """What a forward pass of some rows leaves behind.

    Attributes:
        values: balls around the value of every node, and of the input.
        slopes: slopes of activations by node.
        normed: `(x − mean)/√(var + eps)` by node.
        winners: `(n, places)` winning taps of maxima by node.
        still: entries proved to be 0 for all weights and data near the given ones, by node; missing: none.
        kinks: number of units not proved away from a kink, and the first few.
        margin: least proved distance from a kink.
    """

    values: dict[str, Balls]
    slopes: dict[str, Slope] = field(default_factory=dict)
    normed: dict[str, Balls] = field(default_factory=dict)
    winners: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    still: dict[str, Mask] = field(default_factory=dict)
    kinks: tuple[int, tuple[Kink, ...]] = (0, ())
    margin: float = np.inf


def graph_forward(made: Compiled, X: Array, arithmetic: Arithmetic, fixed: bool = False) -> GraphForward:
    """Enclose the value of every node for every row of X.

    Args:
        made: the graph.
        X: `(n, d)` rows, exact.
        arithmetic: what computes the midpoints.
        fixed: whether the rows do not move, so that a tie of entries that are one function of the weights is none (G7).
    """
    net = made.network
    passed = GraphForward({net.input: exact_points(X, arithmetic)})
    for node in net.nodes:
        x = passed.values[node.inputs[0]]
        if node.op in ACTIVATIONS:
            y = _activate(node, x, passed, arithmetic)
        elif node.name in made.windows:
            y = made.windows[node.name][0].apply(x, arithmetic)
            _still_windows(node, made.windows[node.name][0], passed)
        elif node.op == "add":
            y = added(x, passed.values[node.inputs[1]], arithmetic)
            both = [passed.still.get(name) for name in node.inputs]
            if both[0] is not None and both[1] is not None:
                passed.still[node.name] = both[0] & both[1]
        elif node.op == "max_pool":
            y = _maximum(node, made, X, fixed, passed, arithmetic)
        elif node.op == "batch_norm":
            y = _normalise(node, made.norms[node.name], x, passed, arithmetic)
        elif node.name in made.selections:
            index = made.selections[node.name][0]
            y = copied(x, index, arithmetic)
            before = passed.still.get(node.inputs[0], np.zeros(x.mid.shape, dtype=bool))
            passed.still[node.name] = np.concatenate([before, np.ones((len(before), 1), dtype=bool)], axis=1)[:, index]
        else:  # flatten
            y = x
            if node.inputs[0] in passed.still:
                passed.still[node.name] = passed.still[node.inputs[0]]
        passed.values[node.name] = y
    return passed


def _still_windows(node: Node, window: WindowMap, passed: GraphForward) -> None:
    """Without bias, windows whose entries are all 0 near the point give 0 whatever the kernel, averages too (G4)."""
    empty = (window.index == window.inputs).all(axis=1).any()  # windows of padding alone
    before = passed.still.get(node.inputs[0])
    if window.bias is not None or (before is None and not empty):
        return
    if before is None:
        before = np.zeros(passed.values[node.inputs[0]].mid.shape, dtype=bool)
    padded = np.concatenate([before, np.ones((len(before), 1), dtype=bool)], axis=1)
    all_still = np.all(padded[:, window.index], axis=2)
    passed.still[node.name] = np.tile(all_still, (1, window.kernel.value.shape[0]))


def _activate(node: Node, z: Balls, passed: GraphForward, arithmetic: Arithmetic) -> Balls:
    """As R8; units that are 0 near the point have value and slope 0, and are no kinks (G4)."""
    phi = activation(node.op)
    value, slope = arithmetic.activate(phi, z.mid)
    rad = (phi.slope_bound * z.rad + fp.row_norms(value.error)) * RAISE
    slope_mid, slope_error = slope.mid, slope.error
    if not phi.smooth:
        still = passed.still.get(node.inputs[0], np.zeros(z.mid.shape, dtype=bool))
        distance = phi.kink_distance(z.mid.hi) - z.rad[:, None]
        open_units = phi.kink(z.mid.hi, z.rad[:, None]) & ~still
        _record(node, open_units, z.mid.hi, passed)
        passed.margin = min(passed.margin, float(np.where(still, np.inf, distance).min()) / RAISE)
        idle = ~open_units & (z.mid.hi < 0) if phi.name == "relu" else np.zeros_like(still)
        passed.still[node.name] = still | idle
        low = slope.mid.lo
        slope_mid = Pair(np.where(still, 0.0, slope.mid.hi), None if low is None else np.where(still, 0.0, low))
        slope_error = np.where(still, 0.0, slope.error)
    spread = (phi.curvature * z.rad + slope_error.max(axis=1)) * RAISE
    spread = np.minimum(spread, (phi.slope_bound + np.abs(slope_mid.hi).max(axis=1)) * RAISE)
    passed.slopes[node.name] = Slope(slope_mid, spread, phi.slope_bound)
    return Balls.make(value.mid, rad, arithmetic)


def _record(node: Node, open_units: Mask, values: Array, passed: GraphForward) -> None:
    count, first = passed.kinks
    found = tuple(Kink(int(i), node.name, int(j), float(values[i, j]))
                  for i, j in np.argwhere(open_units)[: max(0, 5 - len(first))])
    passed.kinks = (count + int(open_units.sum()), first + found)


def _maximum(
    node: Node, made: Compiled, X: Array, fixed: bool, passed: GraphForward, arithmetic: Arithmetic
) -> Balls:
    pool, x = made.pools[node.name], passed.values[node.inputs[0]]
    still = passed.still.get(node.inputs[0], np.zeros(x.mid.shape, dtype=bool))
    found = pool.choose(x, still)

    def labels_of(i: int) -> NDArray[np.int64]:
        return twin_labels(made, X[i], {name: mask[i] for name, mask in passed.still.items()}, node.inputs[0])

    if fixed and found.tied.any():
        labels = np.tile(np.arange(x.mid.shape[1]), (len(X), 1))  # rows without a tie: every entry a label of its own
        for i in np.flatnonzero(found.tied.any(axis=1)):
            labels[i] = labels_of(int(i))
        found = pool.choose(x, still, labels)
    before = len(passed.kinks[1])
    _record(node, found.tied, found.gap, passed)
    if not fixed and len(passed.kinks[1]) > before:  # features that move part twins, whatever the arithmetic
        count, first = passed.kinks
        passed.kinks = (count, tuple(
            replace(k, twins=_among_twins(pool.index[k.unit], int(found.winner[k.row, k.unit]), labels_of(k.row),
                                          still[k.row])) if at >= before else k for at, k in enumerate(first)))
    passed.margin = min(passed.margin, float(found.gap.min()))
    passed.winners[node.name] = found.winner
    passed.still[node.name] = found.still & ~found.tied
    return pool.forward(x, found.winner, arithmetic)


def _among_twins(window: NDArray[np.int64], winner: int, labels: NDArray[np.int64], still: Mask) -> bool:
    """Whether another entry of a window is the winner whatever the weights, and not both are 0 whatever moves."""
    best = window[winner]
    rest = [j for at, j in enumerate(window.tolist()) if at != winner and j < len(labels)]
    return any(labels[j] == labels[best] and not (still[j] and still[best]) for j in rest)


def _normalise(node: Node, norm: Normalisation, x: Balls, passed: GraphForward, arithmetic: Arithmetic) -> Balls:
    centred = shifted(x, norm.minus_mean, norm.places, arithmetic)
    passed.normed[node.name] = y = scaled(centred, norm.inverse, norm.places, arithmetic)
    if norm.gamma is not None:  # one bound for both: the largest product is far below the product of the largest
        y = scaled(centred, norm.inverse, norm.places, arithmetic, norm.gamma)
    return y if norm.beta is None else shifted(y, norm.beta, norm.places, arithmetic)


Visit = Callable[[Node, Balls], None]
"""Called with every node and balls around the adjoint of its value."""


def graph_backward(
    made: Compiled, passed: GraphForward, seeds: Balls, arithmetic: Arithmetic, visit: Visit
) -> Balls:
    """Enclose `c_iᵀ∂f/∂x` for every row; adjoints of nodes are shown to `visit` and then dropped.

    Args:
        made: the graph.
        passed: the forward pass.
        seeds: one cotangent `c_i` of the output a row.
        arithmetic: what computes the midpoints.
        visit: sees the adjoint of each node's value.
    """
    net = made.network
    adjoints = {net.output: seeds}
    for node in reversed(net.nodes):
        v = adjoints.pop(node.name)
        visit(node, v)
        for name in node.inputs:
            back = _pulled(made, node, v, passed, arithmetic)
            adjoints[name] = added(adjoints[name], back, arithmetic) if name in adjoints else back
    return adjoints[net.input]


def _pulled(made: Compiled, node: Node, v: Balls, passed: GraphForward, arithmetic: Arithmetic) -> Balls:
    """The adjoint of one input of a node from that of its value."""
    if node.op in ACTIVATIONS:
        slope = passed.slopes[node.name]
        product = arithmetic.multiply(v.mid, slope.mid)
        rad = slope.bound * v.rad + v.norm * (slope.rad + arithmetic.unit * (slope.bound + slope.rad))
        return Balls.make(product, rad * RAISE, arithmetic)
    if node.name in made.windows:
        return made.windows[node.name][1].apply(v, arithmetic)
    if node.op == "max_pool":
        return made.pools[node.name].backward(v, passed.winners[node.name], arithmetic)
    if node.op == "batch_norm":
        norm = made.norms[node.name]
        return scaled(v, norm.inverse, norm.places, arithmetic, norm.gamma)
    if node.name in made.selections:
        return copied(v, made.selections[node.name][1], arithmetic)
    return v  # add, flatten
