"""Losses, kinks and gradients of all rows in whole numbers, some rows at a time; None where they say nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import prod
from operator import add, mul

from flint import arb, arb_mat, fmpz

from certify.check.enclosure.gradients import losses
from certify.check.enclosure.graph_passes import Kinks
from certify.check.enclosure.lanes.lanes import FRACTION, Lanes, Open
from certify.check.enclosure.lanes.maps import Linear, linear
from certify.check.enclosure.lanes.passes import KNOWN, Held, Words, backward, forward
from certify.check.enclosure.lanes.sums import Pairs, gradient, pairs
from certify.check.enclosure.losses.base import Losses
from certify.check.linalg.fixed import scale
from certify.check.reading.graph import Graph
from certify.check.reading.subject import Problem

ROWS, HELD, MOST = 250, 1 << 22, 1 << 23
"""Rows of data side by side, of which more take more room than a processor has near it and fewer more steps; numbers
of all nodes at a time; and products of one row beyond which what is said of each would take too much memory."""

FEW = 24
"""Fewer rows side by side take longer than balls: every product is a step of its own, however many rows it is of."""

Found = tuple[Losses, Kinks, dict[str, arb_mat], list[arb]]


def in_lanes(problem: Problem, graph: Graph) -> Found | None:
    """What `Totals` of :mod:`certify.check.enclosure.graph_gradients` holds, all kinks proved away from.

    None where the graph has other operations or too many products, rows are few, features count in units of their own,
    a number of weights or data is too long, or a pre-activation is not proved away from 0.
    """
    known = all(node.op in KNOWN and not node.sequence for node in graph.nodes)
    products = sum(len(node.tensors.get("weight", ())) * prod(node.shape[1:]) for node in graph.nodes)
    sizes = {graph.entry: prod(graph.shape)} | {node.name: prod(node.shape) for node in graph.nodes}
    step = min(len(problem.features), ROWS, HELD // sum(sizes.values()))
    if not known or products > MOST or step < FEW or problem.scale is not None or sys.byteorder != "little":
        return None
    maps = dict[str, Linear]()
    for node in graph.nodes:
        if "weight" in node.tensors:
            found = linear(node, sizes[node.inputs[0]])
            if found is None:
                return None
            maps[node.name] = found
    try:
        return _totals(problem, graph, maps, step)
    except Open:
        return None


def _totals(problem: Problem, graph: Graph, maps: dict[str, Linear], step: int) -> Found:
    """So many rows at a time; raises `Open`."""
    kinks, known, gradients = Kinks(), dict[str, Pairs](), list[arb]()
    values, slopes, bends = list[arb](), list[list[arb]](), list[arb]()
    for start in range(0, len(problem.features), step):
        found, parts, lengths = _some(problem, graph, maps, kinks, slice(start, start + step))
        values, slopes, bends = values + found.values, slopes + found.slopes.tolist(), bends + found.bends
        known = {name: known[name] + part if known else part for name, part in parts.items()}
        gradients += lengths
    sums = {node.name: gradient(node, known[node.name]) for node in graph.nodes if node.name in known}
    return Losses(values, arb_mat(slopes), bends), kinks, sums, gradients


def _some(
    problem: Problem, graph: Graph, maps: dict[str, Linear], kinks: Kinks, some: slice,
) -> tuple[Losses, dict[str, Pairs], list[arb]]:
    """Losses, products for the gradients, and lengths of gradients in the features, of some rows."""
    points = problem.features[some]
    lanes = Lanes(len(points))
    passed = forward(graph, maps, lanes, _entry(lanes, points), kinks, some.start)
    out = passed.values[graph.output]
    numbers = map(lanes.numbers, out.units)
    outputs = [[arb(v, out.off) * scale(FRACTION) for v in row] for row in zip(*numbers, strict=True)]
    found = losses(problem, arb_mat(outputs), some)
    adjoints, rows = backward(graph, maps, passed, _seeds(lanes, found.slopes), problem.moves.inputs)
    parts = {node.name: pairs(node, passed.read(node.inputs[0]), adjoints[node.name], lanes.count)
             for node in graph.nodes if node.name in maps}
    return found, parts, [] if rows is None else _lengths(rows)


def _entry(lanes: Lanes, points: Sequence[Sequence[float]]) -> Held:
    """The rows as they are."""
    units, largest = [], 0.0
    for column in zip(*points, strict=True):
        packed = lanes.packed(column)
        if packed is None:
            raise Open
        units.append(packed)
        largest = max(largest, *map(abs, column))
    return Held(units, 0, int(largest) + 1 << FRACTION)


def _seeds(lanes: Lanes, slopes: arb_mat) -> Held:
    """The slopes of the losses, rounded."""
    up, off, size, units = arb(2) ** FRACTION, 0, 0, []
    for column in slopes.transpose().tolist():
        numbers = []
        for slope in column:
            whole, wide = (slope * up).mid().floor().unique_fmpz(), (slope * up).rad().ceil().unique_fmpz()
            if whole is None or wide is None:
                raise Open
            numbers.append(whole)
            off, size = max(off, int(wide) + 1), max(size, abs(int(whole)))
        units.append(lanes.joined(numbers))
    return Held(units, off, size)


def _lengths(rows: Words) -> list[arb]:
    """The Euclidean length of every row's gradient in its features."""
    squares = [0] * len(rows.units[0])
    for unit in rows.units:
        squares = list(map(add, squares, map(mul, unit, unit)))
    wide = arb(0, (arb(len(rows.units)).sqrt() * rows.off).upper())
    return [arb(fmpz(s)).sqrt() * scale(rows.bits) + wide for s in squares]
