"""Both passes of a graph of linear maps, relu and sums, for some rows of data side by side, in whole numbers.

Of every node it is known how far each of its numbers may be from `2^FRACTION` times the true one: a linear map takes
this times the largest sum of absolute values of its coefficients, cutting adds less than one unit, and relu nothing,
as the sign of every pre-activation is proved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import add, mul

from flint import arb, fmpz

from certify.check.enclosure.graph_passes import Kinks
from certify.check.enclosure.lanes.lanes import FRACTION, ROOM, WIDE, WORD, Lanes, Open
from certify.check.enclosure.lanes.maps import Linear, Sums
from certify.check.linalg.fixed import scale
from certify.check.reading.graph import Graph, Node

KNOWN = ("conv2d", "linear", "relu", "add", "flatten")
"""Operations of graphs that are followed here."""

SHORT = 59
"""Bits of the leading part of a number: sums of 250 products of two have less than 128, which FLINT adds up faster."""

NEAR = 2
"""Words by which two numbers may seem to be apart and lie in the other order."""


@dataclass(frozen=True)
class Held:
    """Numbers of one node; raises `Open` where they may need more room than a lane has.

    Attributes:
        units: of every unit, those of all rows.
        off: how far each may be from the true one, in units of the last place.
        size: upper bound of their absolute values.
    """

    units: list[fmpz]
    off: int
    size: int

    def __post_init__(self) -> None:
        if not self.size < ROOM:
            raise Open

    @property
    def up(self) -> int:
        """Places by which they can be shifted with room left."""
        return WIDE - 1 - self.size.bit_length()


@dataclass(frozen=True)
class Words:
    """The leading bits of the numbers of one node, `2^bits` times, and how far each number may be from them, exact."""

    units: list[list[int]]
    bits: int
    off: arb


@dataclass
class Passed:
    """What the forward pass leaves.

    Attributes:
        words: of every node that a linear map reads.
        masks: of every relu, the rows where it is on, unit by unit.
    """

    lanes: Lanes
    values: dict[str, Held]
    words: dict[str, Words] = field(default_factory=dict)
    masks: dict[str, list[fmpz]] = field(default_factory=dict)

    def read(self, name: str) -> Words:
        """The leading bits of a node's numbers, made when they are asked for."""
        if name not in self.words:
            self.words[name], self.values[name] = leading(self.lanes, self.values[name])
        return self.words[name]


def leading(lanes: Lanes, x: Held) -> tuple[Words, Held]:
    """The leading bits, and the same numbers with the bound of their size that these show."""
    return _shortened([lanes.words(unit, x.up) for unit in x.units], x)


def _shortened(units: list[list[int]], x: Held) -> tuple[Words, Held]:
    """From words, with `SHORT` bits where they have more."""
    most = max(max(map(max, units)), -min(map(min, units)))
    drop, bits = max(0, most.bit_length() - SHORT), FRACTION + x.up - WIDE + WORD
    size = min(x.size, _shifted(1 + most, FRACTION - bits))
    if drop:
        units, bits = [[v >> drop for v in words] for words in units], bits - drop
    return Words(units, bits, (arb(x.off) * scale(FRACTION) + scale(bits)).upper()), replace(x, size=size)


def _shifted(x: int, by: int) -> int:
    """`x·2^by`, rounded up."""
    return x << by if by >= 0 else -(-x >> -by)


def applied(lanes: Lanes, sums: Sums, x: Held, shifts: Sequence[int] = (), most: int = 0) -> Held:
    """A linear map of the numbers of all rows, plus a number for each unit; `most` bounds these."""
    largest = sums.most * x.size + most
    if not largest < ROOM:
        raise Open
    units, zero = x.units, fmpz(0)
    found, last, read = [zero] * len(sums.plan), list[int](), list[fmpz]()
    for unit in sums.order:
        own, at = sums.plan[unit]
        if at != last:
            last, read = at, [units[j] for j in at]
        found[unit] = lanes.cut(sum(map(mul, own, read), lanes.ones * shifts[unit] if shifts else zero), sums.bits)
    return Held(found, _shifted(sums.most * x.off, -sums.bits) + 1,
                _shifted(largest, -sums.bits) + 1)


def together(x: Held, y: Held) -> Held:
    """A sum."""
    return Held(list(map(add, x.units, y.units)), x.off + y.off, x.size + y.size)


def forward(graph: Graph, maps: Mapping[str, Linear], lanes: Lanes, entry: Held, kinks: Kinks, first: int) -> Passed:
    """Every node's numbers.

    Args:
        graph, maps: nodes among `KNOWN`, and those that are linear.
        entry: the rows.
        kinks: told of the pre-activation nearest to 0 of every relu.
        first: number of the first row, for messages.

    Raises:
        Open: a number is too long, or a pre-activation is not proved away from 0.
    """
    passed = Passed(lanes, {graph.entry: entry})
    for node in graph.nodes:
        x = passed.values[node.inputs[0]]
        if node.name in maps:
            passed.read(node.inputs[0])
            own = maps[node.name]
            x = applied(lanes, own.onward, passed.values[node.inputs[0]], own.shifts, own.shift)
        elif node.op == "relu":
            x = _rectified(node, passed, kinks, first)
        elif node.op == "add":
            x = together(x, passed.values[node.inputs[1]])
        elif node.inputs[0] in passed.words:
            passed.words[node.name] = passed.words[node.inputs[0]]
        passed.values[node.name] = x
    return passed


def _rectified(node: Node, passed: Passed, kinks: Kinks, first: int) -> Held:
    """Each number where it is above 0, which is proved of it or of its opposite."""
    lanes, x = passed.lanes, passed.values[node.inputs[0]]
    units = [lanes.words(unit, x.up) for unit in x.units]
    least = [min(map(abs, words)) for words in units]
    nearest = min(least) + NEAR
    exact, unit = min((min(map(abs, lanes.numbers(x.units[j]))), j) for j, most in enumerate(least) if most <= nearest)
    distance = arb(exact, x.off) * scale(FRACTION)
    if not distance > 0:
        raise Open
    kinks.see(distance, f"the input of unit {unit} of node {node.name} from row {first} on")
    passed.masks[node.name] = masks = list(map(lanes.mask, units))
    passed.words[node.name], seen = _shortened([[v if v > 0 else 0 for v in words] for words in units], x)
    return replace(seen, units=list(map(lanes.masked, x.units, masks)))


def backward(
    graph: Graph, maps: Mapping[str, Linear], passed: Passed, seeds: Held, wanted: bool,
) -> tuple[dict[str, Words], Words | None]:
    """The leading bits of the adjoints of every linear node, and where they are wanted of the rows themselves.

    Raises:
        Open: a number is too long.
    """
    lanes, adjoints, found = passed.lanes, {graph.output: seeds}, dict[str, Words]()
    for node in reversed(graph.nodes):
        v = adjoints.pop(node.name)
        if node.name in maps:
            found[node.name], v = leading(lanes, v)
            if node.inputs[0] == graph.entry and not wanted:
                continue
            v = applied(lanes, maps[node.name].back, v)
        elif node.op == "relu":
            v = replace(v, units=list(map(lanes.masked, v.units, passed.masks[node.name])))
        for name in node.inputs:
            adjoints[name] = together(adjoints[name], v) if name in adjoints else v
    return found, leading(lanes, adjoints[graph.entry])[0] if wanted else None
