"""Symmetry fields of the training loss: directions along which it cannot change, whatever the data (M5b).

A field is a vector of parameters made of parameters: its entries are exact. Which units are dead or linear is decided
by strict inequalities that were proved at every row. One class a kind of field; adding a kind is a class and a line in
:data:`KINDS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from certify.network.layers.passes import Forward
from certify.network.loss.losses import loss_named
from certify.network.network import Network
from certify.rigor.fp import Array

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the free parameters lie in a vector: layer by layer, the weight row by row, then the bias.

    Attributes:
        network: the network.
        layers: the free layers, ascending, from 1.
    """

    network: Network
    layers: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number p of free parameters."""
        return sum(self.network.parameters(h) for h in self.layers)

    def start(self, h: int) -> int:
        """Index of the first weight of layer h."""
        return sum(self.network.parameters(g) for g in self.layers if g < h)

    def free(self, *layers: int) -> bool:
        """Whether all these layers are free."""
        return set(layers) <= set(self.layers)

    def has_bias(self, h: int) -> bool:
        """Whether layer h has a bias."""
        return self.network.biases[h - 1] is not None

    def row(self, h: int, unit: int) -> slice:
        """The weights into a unit of layer h."""
        inputs = self.network.weights[h - 1].shape[1]
        return slice(self.start(h) + unit * inputs, self.start(h) + (unit + 1) * inputs)

    def column(self, h: int, unit: int) -> slice:
        """The weights of layer h that a unit of the layer before feeds."""
        outputs, inputs = self.network.weights[h - 1].shape
        return slice(self.start(h) + unit, self.start(h) + outputs * inputs, inputs)

    def bias(self, h: int, unit: int | None = None) -> slice:
        """The bias of a unit of layer h, or all of them."""
        first = self.start(h) + self.network.weights[h - 1].size
        outputs = self.network.weights[h - 1].shape[0]
        return slice(first, first + outputs) if unit is None else slice(first + unit, first + unit + 1)


@dataclass(frozen=True, eq=False)
class Units:
    """What was proved of the hidden units of one layer at every row.

    Attributes:
        dead: `(m,)`, the unit is 0 near every row (relu only).
        linear: `(m,)`, the unit is its pre-activation near every row.
        homogeneous: whether `φ(tz) = tφ(z)` for t > 0.
    """

    dead: Mask
    linear: Mask
    homogeneous: bool


def classify(network: Network, passed: Forward) -> tuple[Units, ...]:
    """Dead and linear units of every hidden layer, as far as the enclosed pre-activations prove them.

    Args:
        network: the network.
        passed: a forward pass over all rows that kept its pre-activations.
    """
    name, found = network.activation, []
    for z in passed.pre:
        m = z.mid.shape[1]
        low = np.zeros_like(z.mid.hi) if z.mid.lo is None else np.abs(z.mid.lo)
        room = (z.rad[:, None] + low) * (1.0 + 2.0**-40)
        positive, negative = np.asarray((z.mid.hi > room).all(axis=0)), np.asarray((z.mid.hi < -room).all(axis=0))
        none, every = np.zeros(m, bool), np.ones(m, bool)
        found.append(Units(
            negative if name == "relu" else none,
            every if name == "identity" else positive if name in ("relu", "leaky_relu") else none,
            name in ("relu", "leaky_relu", "identity"),
        ))
    return tuple(found)


Column = tuple[tuple[slice, Array | float], ...]
"""One field: what stands in which part of the vector; all other entries are 0."""


class Kind(ABC):
    """A kind of field. Subclasses are final and stateless.

    Attributes:
        name: as in the certificate.
        moves: whether the entries of the field are parameters, which differ from point to point.
    """

    __slots__ = ()
    name: ClassVar[str]
    moves: ClassVar[bool]

    @abstractmethod
    def columns(self, layout: Layout, units: Sequence[Units], loss: str, weights: Sequence[Array],
                biases: Sequence[Array | None]) -> Iterator[Column]:
        """The fields of this kind whose layers are all free, at the given parameters."""


@final
class Dead(Kind):
    """Coordinates of all weights of a dead unit: nothing depends on them near the point."""

    __slots__ = ()
    name, moves = "dead", False

    def columns(self, layout: Layout, units: Sequence[Units], loss: str, weights: Sequence[Array],
                biases: Sequence[Array | None]) -> Iterator[Column]:
        """One field a coordinate."""
        for h, own in enumerate(units, 1):
            for j in np.flatnonzero(own.dead):
                places: list[int] = []
                if layout.free(h):
                    places += _indices(layout.row(h, int(j)))
                    places += _indices(layout.bias(h, int(j))) if layout.has_bias(h) else []
                if layout.free(h + 1):
                    places += _indices(layout.column(h + 1, int(j)))
                for at in places:
                    yield ((slice(at, at + 1), 1.0),)


@final
class Linear(Kind):
    """`W[P] → M W[P]`, `b[P] → M b[P]`, `W_next[:, P] → W_next[:, P] M⁻¹` within a group P of linear units."""

    __slots__ = ()
    name, moves = "linear", True

    def columns(self, layout: Layout, units: Sequence[Units], loss: str, weights: Sequence[Array],
                biases: Sequence[Array | None]) -> Iterator[Column]:
        """One field a pair of units, `M = I + t E_ij`."""
        for h, own in enumerate(units, 1):
            if layout.free(h, h + 1):
                group = [int(j) for j in np.flatnonzero(own.linear)]
                yield from (_mix(layout, h, i, j, weights, biases) for i in group for j in group)


@final
class Kernel(Kind):
    """Weights into two linear units that feed one unit alone, moved so that its input does not change.

    `v_i W[i] + v_j W[j]` stays if `W[i] += v_j·δ`, `W[j] −= v_i·δ`: one number δ for every input, and for the bias.
    """

    __slots__ = ()
    name, moves = "kernel", True

    def columns(self, layout: Layout, units: Sequence[Units], loss: str, weights: Sequence[Array],
                biases: Sequence[Array | None]) -> Iterator[Column]:
        """For each linear unit but the one i with the largest `|v_i|`, one field an input."""
        for h, own in enumerate(units, 1):
            group = np.flatnonzero(own.linear)
            if weights[h].shape[0] != 1 or len(group) < 2 or not layout.free(h):
                continue
            v = weights[h][0]
            i = int(group[np.argmax(np.abs(v[group]))])
            for j in (int(j) for j in group if j != i):
                pairs = list(zip(_indices(layout.row(h, i)), _indices(layout.row(h, j)), strict=True))
                if layout.has_bias(h):
                    pairs += zip(_indices(layout.bias(h, i)), _indices(layout.bias(h, j)), strict=True)
                yield from (((slice(a, a + 1), float(v[j])), (slice(b, b + 1), -float(v[i]))) for a, b in pairs)


@final
class Shift(Kind):
    """A constant moved from the bias of a linear unit to the biases of the next layer."""

    __slots__ = ()
    name, moves = "shift", True

    def columns(self, layout: Layout, units: Sequence[Units], loss: str, weights: Sequence[Array],
                biases: Sequence[Array | None]) -> Iterator[Column]:
        """One field a linear unit."""
        for h, own in enumerate(units, 1):
            if layout.free(h, h + 1) and layout.has_bias(h) and layout.has_bias(h + 1):
                for j in np.flatnonzero(own.linear):
                    yield (layout.bias(h, int(j)), 1.0), (layout.bias(h + 1), -weights[h][:, j])


@final
class Rescaling(Kind):
    """`W[j] → t W[j]`, `b[j] → t b[j]`, `W_next[:, j] → W_next[:, j]/t` for a positively homogeneous unit."""

    __slots__ = ()
    name, moves = "rescaling", True

    def columns(self, layout: Layout, units: Sequence[Units], loss: str, weights: Sequence[Array],
                biases: Sequence[Array | None]) -> Iterator[Column]:
        """One field a unit that is neither dead nor linear."""
        for h, own in enumerate(units, 1):
            if own.homogeneous and layout.free(h, h + 1):
                for j in np.flatnonzero(~own.dead & ~own.linear):
                    yield _mix(layout, h, int(j), int(j), weights, biases)


@final
class Softmax(Kind):
    """One number added to all outputs of a row, which the cross-entropy does not see."""

    __slots__ = ()
    name, moves = "softmax", False

    def columns(self, layout: Layout, units: Sequence[Units], loss: str, weights: Sequence[Array],
                biases: Sequence[Array | None]) -> Iterator[Column]:
        """One field an input of the last layer, and one for its bias."""
        last = layout.network.depth
        if not loss_named(loss).shifts or not layout.free(last):
            return
        for m in range(layout.network.weights[-1].shape[1]):
            yield ((layout.column(last, m), 1.0),)
        if layout.has_bias(last):
            yield ((layout.bias(last), 1.0),)


KINDS: tuple[Kind, ...] = (Dead(), Linear(), Kernel(), Shift(), Rescaling(), Softmax())
"""Every kind of field that is looked for."""


@dataclass(frozen=True, eq=False)
class Fields:
    """Symmetry fields at a point, as columns.

    Attributes:
        T: `(p, m)` float64; exact at the parameters they were made from.
        counts: how many fields there are of each kind, by name.
        moving: how many of them change with the parameters; each is 1-Lipschitz in them.
    """

    T: Array
    counts: dict[str, int]
    moving: int


def symmetry_fields(
    layout: Layout, units: Sequence[Units], loss: str, weights: Sequence[Array] | None = None,
    biases: Sequence[Array | None] | None = None,
) -> Fields:
    """All fields of every kind, for a loss without weight decay (M5b).

    Hypotheses: `units` were proved; with the softmax kind, the tilt of every row has sum 0.

    Args:
        layout: network and free layers.
        units: of every hidden layer, from :func:`classify`.
        loss: name of the loss.
        weights, biases: where the fields are taken; default the network's own.

    >>> net = Network((np.array([[1.0]]), np.array([[2.0]])), (None, None), "identity")
    >>> unit = Units(np.array([False]), np.array([True]), True)
    >>> fields = symmetry_fields(Layout(net, (1, 2)), [unit], "squared")
    >>> fields.T.ravel().tolist(), fields.counts
    ([1.0, -2.0], {'linear': 1})
    """
    weights = layout.network.weights if weights is None else weights
    biases = layout.network.biases if biases is None else biases
    found: list[Array] = []
    counts: dict[str, int] = {}
    moving = 0
    for kind in KINDS:
        before = len(found)
        for column in kind.columns(layout, units, loss, weights, biases):
            t = np.zeros(layout.size)
            for where, value in column:
                t[where] = value
            if t.any():
                found.append(t)
        if len(found) > before:
            counts[kind.name] = len(found) - before
            moving += (len(found) - before) * kind.moves
    T = np.stack(found, axis=1) if found else np.zeros((layout.size, 0))
    return Fields(T, counts, moving)


def _indices(where: slice) -> list[int]:
    return list(range(where.start, where.stop, where.step or 1))


def _mix(
    layout: Layout, h: int, i: int, j: int, weights: Sequence[Array], biases: Sequence[Array | None]
) -> Column:
    """`W_h[i] += W_h[j]`, `b_h[i] += b_h[j]`, `W_{h+1}[:, j] −= W_{h+1}[:, i]`."""
    b = biases[h - 1]
    bias: Column = () if b is None else ((layout.bias(h, i), float(b[j])),)
    return (layout.row(h, i), weights[h - 1][j]), *bias, (layout.column(h + 1, j), -weights[h][:, i])
