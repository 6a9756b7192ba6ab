"""Loss and gradients of a graph in python-flint's balls, row by row: for depths whose norms outgrow double-double.

Every entry carries its own radius, and products multiply radii by entries of kernels instead of norms, at a precision
that is raised until the ends agree. Slower than double-double by a factor of about ten (proofs/graph.md, G6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from certify.format.errors import EnclosureError
from certify.network.graph.compiled import Compiled, compile_graph
from certify.network.graph.gradients import GraphDescent
from certify.network.graph.graph import ACTIVATIONS, GraphNetwork, Node
from certify.network.graph.twins import twin_labels
from certify.network.layers.gradients import Norm
from certify.network.layers.passes import Kink
from certify.network.loss.losses import LossTerms, loss_ball
from certify.rigor import fp
from certify.rigor.activation import activation
from certify.rigor.arithmetic import Binary64, Pair
from certify.rigor.ball import Balls
from certify.rigor.fp import Array

Entries = NDArray[np.object_]
PRECISIONS = (128, 256, 512)
"""Bits tried in turn until every gap is below the one asked for."""

LARGEST_EXPONENT = 2**16
"""Numbers outside `2^±this` are refused: as rationals they would fill the memory (e^−f of a logistic loss may be)."""

_ZERO, _ONE = arb(0), arb(1)


def descend_in_balls(
    network: GraphNetwork, X: Array, loss: str, targets: Array | None, labels: Array | None, decay: float,
    scale: Array | None, gap: float, tell: Callable[[float], None] = lambda _: None, fixed: bool = False,
) -> GraphDescent:
    """Enclose losses and gradients at all rows; arguments as in `descend_graph`.

    Args:
        network, X, loss, targets, labels, decay, scale, tell, fixed: as there.
        gap: relative gap of the ends below which no more precision is tried.
    """
    made = compile_graph(network, Binary64())
    for bits in PRECISIONS:
        with ctx.workprec(bits):
            found = _Descent(made, scale, fixed).run(X, loss, targets, labels, decay, tell)
        wide = found.weight_norm.upper - found.weight_norm.lower > Fraction(gap) * found.weight_norm.upper
        if not found.kinks[0] and not wide:
            break
    return found


def values_in_balls(
    network: GraphNetwork, X: Array, widest: float, tell: Callable[[float], None] = lambda _: None,
) -> Balls:
    """Enclose the network's values at all rows, kinks or not.

    Args:
        network, tell: as above.
        X: `(n, d)` rows, exact.
        widest: share of its size that a row's radius may have before more precision is tried.
    """
    made = compile_graph(network, Binary64())
    for bits in PRECISIONS:
        with ctx.workprec(bits):
            found, descent = [], _Descent(made, None, False)
            for i, x in enumerate(X):
                found.append(_Row(descent, i, x).output.tolist())
                tell((i + 1) / len(X))
            balls = _balls(found)
        if (balls.rad <= widest * balls.norm).all():
            break
    return balls


class _Descent:
    """One precision: rows are added to sums of parameter gradients."""

    def __init__(self, made: Compiled, scale: Array | None, fixed: bool) -> None:
        self.made, self.net, self.fixed = made, made.network, fixed
        self.scale = None if scale is None else _exact(scale)
        self.kernels = {name: tuple(_matrix(w.kernel.value.hi) for w in pair) for name, pair in made.windows.items()}
        normed = {node.name: (self.net.tensors[node.var], node.eps) for node in self.net.nodes if node.var is not None}
        self.inverses = {name: np.array([1 / (arb(v) + arb(eps)).sqrt() for v in var.tolist()], dtype=object)
                         for name, (var, eps) in normed.items()}
        self.kinks: tuple[int, tuple[Kink, ...]] = (0, ())
        self.margin = np.inf
        self.sums: dict[str, list[Any]] = {}

    def run(
        self, X: Array, loss: str, targets: Array | None, labels: Array | None, decay: float,
        tell: Callable[[float], None],
    ) -> GraphDescent:
        """All rows."""
        terms, outputs, sizes = [], [], []
        for i, x in enumerate(X):
            row = _Row(self, i, x)
            value, slopes = loss_ball(loss, row.output.tolist(), None if targets is None else targets[i],
                                      None if labels is None else int(labels[i]))
            terms.append((value, slopes))
            outputs.append(row.output.tolist())
            back = row.pull(np.array(slopes, dtype=object))
            sizes.append(_square(back if self.scale is None else back * self.scale))
            tell((i + 1) / len(X))
        lower, upper = zip(*(_root_ends(size) for size in sizes), strict=True)
        values, errors = zip(*(_middle(value) for value, _ in terms), strict=True)
        flat = LossTerms(np.array(values), np.array(errors), _balls([s for _, s in terms]), np.full(len(X), np.nan))
        margin = (0.0 if np.isinf(self.margin) else self.margin) if self.net.kinked else None
        low, high = np.array([fp.down(v) for v in lower]), np.array([fp.up(v) for v in upper])
        return GraphDescent(flat, _balls(outputs), self._weight_norm(len(X), decay), low, high, self.kinks, margin)

    def kink(self, node: Node, row: int, unit: int, distance: arb) -> None:
        """Take note of a signed distance that must not be 0."""
        self.margin = min(self.margin, float(fp.down(_rational(abs(distance).lower()))))
        if not (distance > 0 or distance < 0):
            count, first = self.kinks
            self.kinks = (count + 1, (*first, Kink(row, node.name, unit, float(distance.mid())))[:5])

    def add(self, node: Node, parts: list[Any]) -> None:
        """Add gradients of a node's weight and bias, each a matrix or None."""
        known = self.sums.get(node.name)
        self.sums[node.name] = parts if known is None else [
            None if b is None else a + b for a, b in zip(known, parts, strict=True)]

    def _weight_norm(self, n: int, decay: float) -> Norm:
        square, rate = _ZERO, arb(decay)
        for node in self.net.nodes:
            for name, total in zip((node.weight, node.bias), self.sums.get(node.name, (None, None)), strict=True):
                if name is not None and total is not None:
                    for g, w in zip(total.entries(), self.net.tensors[name].ravel().tolist(), strict=True):
                        part = g / n + rate * w
                        square += part * part
        return Norm(*_root_ends(square))


class _Row:
    """One row: the forward pass, then the backward pass."""

    def __init__(self, descent: _Descent, number: int, x: Array) -> None:
        self.of, self.number, self.x = descent, number, x
        self.made, self.net = descent.made, descent.net
        self.values: dict[str, Entries] = {self.net.input: _exact(x)}
        self.still: dict[str, NDArray[np.bool_]] = {}
        self.kept: dict[str, Any] = {}
        for node in self.net.nodes:
            inputs = [self.values[name] for name in node.inputs]
            self.values[node.name] = self._value(node, inputs)

    @property
    def output(self) -> Entries:
        """Values of the output."""
        return self.values[self.net.output]

    def _off(self, name: str) -> NDArray[np.bool_]:
        return self.still.get(name, np.zeros(self.net.size(name), dtype=bool))

    def _value(self, node: Node, inputs: list[Entries]) -> Entries:
        x, name = inputs[0], node.inputs[0]
        if node.name in self.net.places:
            operation, place = self.net.places[node.name]
            value, self.kept[node.name] = operation.value(place, [
                entries.reshape(shape) for entries, shape in zip(inputs, place.before, strict=True)])
            return value
        if node.op in ACTIVATIONS:
            return self._activated(node, x)
        if node.op == "add":
            self.still[node.name] = self._off(name) & self._off(node.inputs[1])
            return np.asarray(x + inputs[1])
        if node.op == "flatten":
            self.still[node.name] = self._off(name)
            return x
        if node.op == "max_pool":
            return self._largest(node, x)
        if node.op == "batch_norm":
            return self._normalised(node, x)
        if node.name in self.made.selections:
            index = self.made.selections[node.name][0]
            self.still[node.name] = np.append(self._off(name), True)[index]
            return _padded(x)[index]
        window = self.made.windows[node.name][0]
        if node.op == "avg_pool":
            self.still[node.name] = np.append(self._off(name), True)[window.index].all(axis=1)
            return np.asarray(_padded(x)[window.index].sum(axis=1) / arb(window.index.shape[1]))
        places, q = window.places, len(window.kernel.value.hi)
        if node.bias is None:
            self.still[node.name] = np.tile(np.append(self._off(name), True)[window.index].all(axis=1), q)
        self.kept[node.name] = P = _windows(x, window.index)
        y = np.array((P * self.of.kernels[node.name][0].transpose()).entries(), dtype=object).reshape(places, q).T
        if node.bias is not None:
            y = y + _exact(self.net.tensors[node.bias])[:, None]
        return y.ravel()

    def _activated(self, node: Node, x: Entries) -> Entries:
        phi, off = activation(node.op), self._off(node.inputs[0])
        values, slopes = np.empty_like(x), np.empty_like(x)
        idle = off.copy()
        for j, z in enumerate(x.tolist()):
            if off[j] and not phi.smooth:
                values[j], slopes[j] = _ZERO, _ZERO
                continue
            if not phi.smooth:
                self.of.kink(node, self.number, j, z)
            if node.op == "identity":
                values[j], slopes[j] = z, _ONE
            elif node.op == "relu":
                values[j] = z.max(_ZERO)
                slopes[j] = _ONE if z > 0 else _ZERO if z < 0 else arb(0.5, 0.5)
                idle[j] = bool(z < 0)
            else:
                values[j], slopes[j] = phi.balls(z)
        self.kept[node.name] = slopes
        if not phi.smooth:
            self.still[node.name] = idle
        return values

    def _largest(self, node: Node, x: Entries) -> Entries:
        pool, off = self.made.pools[node.name], self._off(node.inputs[0])
        near = [float(v.mid()) for v in x.tolist()]
        windows = [[j for j in window if j < pool.inputs] for window in pool.index.tolist()]
        winners = np.array([max(window, key=near.__getitem__) for window in windows])
        values, labels, still = x[winners], None, off[winners]
        for place, (best, window) in enumerate(zip(winners.tolist(), windows, strict=True)):
            for j in window:
                if j != best and not (off[j] and off[best]):
                    gap = x[best] - x[j]
                    if self.of.fixed and not gap > 0:
                        if labels is None:
                            labels = twin_labels(self.made, self.x, self.still, node.inputs[0])
                        if labels[j] == labels[best]:
                            continue  # one function of the weights (G7)
                    if not gap > 0:  # the loss is claimed all the same, and the maximum need not be 0
                        gap, values[place], still[place] = gap.union(_ZERO), values[place].max(x[j]), False
                    self.of.kink(node, self.number, place, gap)
        self.kept[node.name], self.still[node.name] = winners, still
        return values

    def _normalised(self, node: Node, x: Entries) -> Entries:
        places = self.made.norms[node.name].places
        y = x.reshape(-1, places) - _exact(self.net.tensors[str(node.mean)])[:, None]
        self.kept[node.name] = y = y * self.of.inverses[node.name][:, None]
        if node.weight is not None:
            y = y * _exact(self.net.tensors[node.weight])[:, None]
        if node.bias is not None:
            y = y + _exact(self.net.tensors[node.bias])[:, None]
        return y.ravel()

    def pull(self, seeds: Entries) -> Entries:
        """The adjoint of the row; parameter gradients go to the sums."""
        adjoints = {self.net.output: seeds}
        for node in reversed(self.net.nodes):
            v = adjoints.pop(node.name)
            backs = (self._sequence(node, v) if node.name in self.net.places
                     else [self._pulled(node, v)] * len(node.inputs))
            for name, back in zip(node.inputs, backs, strict=True):
                adjoints[name] = np.asarray(adjoints[name] + back) if name in adjoints else back
        return adjoints[self.net.input]

    def _sequence(self, node: Node, v: Entries) -> Sequence[Entries]:
        """Adjoints of the inputs of an operation on sequences."""
        operation, place = self.net.places[node.name]
        pulled = operation.pull(place, v, self.kept.pop(node.name))
        if pulled.parameters is not None:
            self.of.add(node, list(pulled.parameters))
        return pulled.inputs

    def _pulled(self, node: Node, v: Entries) -> Entries:
        kept = self.kept.get(node.name)
        if node.op in ACTIVATIONS:
            return np.asarray(v * kept)
        if node.op in ("add", "flatten"):
            return v
        if node.op == "max_pool":
            back = np.full(self.net.size(node.inputs[0]), _ZERO, dtype=object)
            np.add.at(back, kept, v)
            return back
        if node.op == "batch_norm":
            places = self.made.norms[node.name].places
            w, factor = v.reshape(-1, places), self.of.inverses[node.name]
            if node.weight is not None:
                factor = factor * _exact(self.net.tensors[node.weight])
            self.of.add(node, [_column((w * kept).sum(axis=1)) if node.weight is not None else None,
                               _column(w.sum(axis=1)) if node.bias is not None else None])
            return np.asarray(w * factor[:, None]).ravel()
        if node.name in self.made.selections:
            return _padded(v)[self.made.selections[node.name][1]]
        forth, over = self.made.windows[node.name]
        if node.op == "avg_pool":
            return np.asarray(_padded(v)[over.index].sum(axis=1) / arb(forth.index.shape[1]))
        w = v.reshape(-1, forth.places)
        self.of.add(node, [_turned(w).transpose() * kept, None if node.bias is None else _column(w.sum(axis=1))])
        y = _windows(v, over.index) * self.of.kernels[node.name][1].transpose()
        return np.array(y.entries(), dtype=object).reshape(over.places, -1).T.ravel()


def _exact(v: Array) -> Entries:
    return np.array([arb(x) for x in v.ravel().tolist()], dtype=object)


def _matrix(W: Array) -> arb_mat:
    return arb_mat(*W.shape, [arb(x) for x in W.ravel().tolist()])


def _column(v: Entries) -> arb_mat:
    return arb_mat(len(v), 1, v.tolist())


def _turned(w: Entries) -> arb_mat:
    """`(channels, places)` as a matrix `(places, channels)`."""
    return arb_mat(w.shape[1], w.shape[0], w.T.ravel().tolist())


def _padded(x: Entries) -> Entries:
    return np.append(x, [_ZERO])


def _windows(x: Entries, index: NDArray[np.int64]) -> arb_mat:
    return arb_mat(*index.shape, _padded(x)[index.ravel()].tolist())


def _square(v: Entries) -> arb:
    return sum((x * x for x in v.tolist()), _ZERO)


def _rational(x: arb) -> Fraction:
    """The number that a ball without radius is."""
    if not x.is_finite():
        raise EnclosureError("graph in balls", "a ball without bounds", "rescale the data or the weights")
    mantissa, exponent = x.mid().man_exp()
    if abs(int(exponent)) > LARGEST_EXPONENT:
        raise EnclosureError("graph in balls", "a number of astronomical size", "rescale the data or the weights")
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _root_ends(square: arb) -> tuple[Fraction, Fraction]:
    """Lower and upper end of the root of a number that is not negative; its ball may reach below 0."""
    return fp.sqrt_down(_rational(square.lower())), fp.sqrt_up(max(_rational(square.upper()), Fraction(0)))


def _middle(x: arb) -> tuple[float, float]:
    """A float, and a bound of its distance from every point of the ball."""
    near = float(x.mid())
    return near, fp.up(_rational(abs(x - near).upper()))


def _balls(rows: list[list[arb]]) -> Balls:
    """Float midpoints with Euclidean radii."""
    mid = np.array([[float(x.mid()) for x in row] for row in rows])
    offsets = [np.array([x - m for x, m in zip(row, near, strict=True)], dtype=object)
               for row, near in zip(rows, mid.tolist(), strict=True)]
    rad = [fp.up(_root_ends(_square(offset))[1]) for offset in offsets]
    return Balls.make(Pair(mid), np.array(rad), Binary64())
