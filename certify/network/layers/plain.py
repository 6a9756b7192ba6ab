"""The training loss of a fully connected network in plain floats: value, gradient, Hessian times a vector.

Nobody bounds the rounding errors: this is for finders, and for what promises nothing. Proofs have
:mod:`certify.network.layers.gradients` and :mod:`certify.network.layers.hessian`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from certify.network.loss.losses import loss_named
from certify.network.network import Network
from certify.rigor.activation import Activation, activation
from certify.rigor.fp import Array

_ROWS = 8192
"""Rows that pass through the network at once."""
_KEPT = 2**25
"""Numbers of a pass that are kept between products with the Hessian; of more rows every product passes again."""


@dataclass(frozen=True, eq=False)
class PlainLoss:
    """`L(w) = (1/n) Σ_i s_i ℓ(f(x_i, w), y_i) + (λ/2)|w|²`, w the free parameters.

    A parameter vector is layer by layer the weight row by row, then the bias.

    Attributes:
        network: with the parameters of the frozen layers.
        X: `(n, d)` features.
        aims: what the rows aim at, as of :meth:`certify.network.loss.base.Loss.aims`.
        loss: its word.
        layers: the free layers, ascending, from 1.
        weight_decay: λ.
        bias_decay: whether the biases carry it.
        shares: `(n,)` the `s_i`; None: all 1.

    >>> net = Network((np.array([[2.0]]),), (None,), "identity")
    >>> at = PlainLoss(net, np.ones((1, 1)), np.array([[5.0]]), "squared", (1,), 0.5).at(np.array([2.0]))
    >>> at.value, at.gradient.tolist(), at.product(np.ones(1)).tolist()
    (5.5, [-2.0], [1.5])
    """

    network: Network
    X: Array
    aims: Array
    loss: str
    layers: tuple[int, ...]
    weight_decay: float = 0.0
    bias_decay: bool = True
    shares: Array | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.X)

    @cached_property
    def given(self) -> Array:
        """The free parameters of the network."""
        net = self.network
        parts = [part.ravel() for h in self.layers for part in (net.weights[h - 1], net.biases[h - 1])
                 if part is not None]
        return np.concatenate(parts)

    @cached_property
    def decay(self) -> Array:
        """`(p,)` what every parameter carries of λ."""
        found = np.full(len(self.given), self.weight_decay)
        if not self.bias_decay:
            for _, start, W, b in self._places():
                if b is not None:
                    found[start + W.size : start + W.size + b.size] = 0.0
        return found

    @cached_property
    def inputs(self) -> Array:
        """`(n, m)` what reaches the first free layer."""
        a = self.X
        phi = activation(self.network.activation)
        for W, b in zip(self.network.weights[: self.layers[0] - 1], self.network.biases, strict=False):
            a = phi.enclose(_affine(a, W, b), 0)[0].mid
        return a

    def network_at(self, w: Array) -> Network:
        """The network with these free parameters."""
        weights, biases = self.parameters(w)
        return replace(self.network, weights=weights, biases=biases)

    def parameters(self, w: Array) -> tuple[tuple[Array, ...], tuple[Array | None, ...]]:
        """Weights and biases of all layers with these free ones."""
        weights, biases = list(self.network.weights), list(self.network.biases)
        for h, start, W, b in self._places():
            weights[h - 1] = w[start : start + W.size].reshape(W.shape)
            if b is not None:
                biases[h - 1] = w[start + W.size : start + W.size + b.size]
        return tuple(weights), tuple(biases)

    def some(self, count: int) -> PlainLoss:
        """The same loss of about that many rows, evenly spaced; all of them where there are no more."""
        if self.n <= count:
            return self
        rows = np.linspace(0, self.n - 1, count).astype(np.int64)
        return replace(self, X=self.X[rows], aims=self.aims[rows],
                       shares=None if self.shares is None else self.shares[rows])

    def at(self, w: Array) -> PlainPoint:
        """Value and derivatives at some parameters.

        Raises:
            EnclosureError: an activation met NaN or infinity.
        """
        return PlainPoint(self, w)

    def _places(self) -> Iterator[tuple[int, int, Array, Array | None]]:
        """Free layers: number, where it starts, weight and bias."""
        start = 0
        for h in self.layers:
            W, b = self.network.weights[h - 1], self.network.biases[h - 1]
            yield h, start, W, b
            start += W.size + (0 if b is None else b.size)


@dataclass(frozen=True, eq=False)
class _Pass:
    """Some rows on their way through the free layers and those behind them; lists begin at the first free layer.

    Attributes:
        a: inputs of every layer; z: pre-activations of all but the last; slopes, bends: φ', φ'' there (None: 0).
        losses: of the rows; c, v: slopes of the rows' losses, and `∂(nL)/∂z` of every layer.
        share: `(rows, 1)` sample weights.
    """

    a: list[Array]
    z: list[Array]
    slopes: list[Array]
    bends: list[Array | None]
    aims: Array
    losses: Array
    c: Array
    v: list[Array]
    share: Array | float


class PlainPoint:
    """The loss at some parameters, and near them."""

    def __init__(self, of: PlainLoss, w: Array) -> None:
        self.of, self.w = of, w
        self._weights, self._biases = of.parameters(w)
        self._first = of.layers[0]
        size = of.n * sum(of.network.widths[self._first - 1:]) * 4
        self._kept: list[_Pass] | None = [] if size <= _KEPT else None
        total, gradient, scale = 0.0, np.zeros_like(w), 0.0
        for part in self._passes(keep=True):
            total += float(np.sum(part.losses))
            gradient += self._gathered(part.a, part.v)
            scale += self._size(part)
        decayed = of.decay * w
        self.value = total / of.n + 0.5 * float(decayed @ w)
        self.gradient: Array = gradient / of.n + decayed
        self.scale = scale / of.n + float(np.linalg.norm(decayed))
        """Length of what adds up to the gradient: a gradient of 1e-16 times it is rounding."""

    def product(self, direction: Array, gauss_newton: bool = False) -> Array:
        """`∇²L d`, or with the curvature of the losses alone: the Gauss–Newton matrix, positive semidefinite."""
        of = self.of
        D, e = of.parameters(direction)
        free = set(of.layers)
        total = sum((self._moved(part, D, e, free, gauss_newton) for part in self._passes()), np.zeros_like(self.w))
        return np.asarray(total / of.n + of.decay * direction)

    def outputs(self) -> Array:
        """`(n, k)` outputs of the network."""
        return np.concatenate([_affine(part.a[-1], self._weights[-1], self._biases[-1]) for part in self._passes()])

    def endless(self) -> bool:
        """Whether every row is right and nothing holds the last layer: larger weights then lower the loss for ever."""
        of, rule = self.of, loss_named(self.of.loss)
        held = of.weight_decay or of.network.depth not in of.layers or not rule.endless(of.aims)
        return not held and rule.rough(self.outputs(), of.aims)[1] == of.n

    def at_kinks(self) -> tuple[int, tuple[int, int, int, float] | None]:
        """How many pre-activations lie at a kink or bend to rounding, and the first: row, layer, unit, value."""
        phi = activation(self.of.network.activation)
        count, first = 0, None
        if phi.smooth and not phi.bends:
            return count, first
        row = 0
        for part in self._passes():
            for h, z in enumerate(part.z, self._first):
                at = phi.bend(z, np.asarray(_AT * max(float(np.abs(z).max()), 1e-300)))
                if first is None and at.any():
                    i, j = (int(x) for x in np.argwhere(at)[0])
                    first = (row + i, h, j, float(z[i, j]))
                count += int(at.sum())
            row += len(part.losses)
        return count, first

    def _passes(self, keep: bool = False) -> Iterator[_Pass]:
        if self._kept and not keep:
            yield from self._kept
            return
        for start in range(0, self.of.n, _ROWS):
            found = self._pass(slice(start, min(start + _ROWS, self.of.n)))
            if keep and self._kept is not None:
                self._kept.append(found)
            yield found

    def _pass(self, rows: slice) -> _Pass:
        of = self.of
        phi, loss = activation(of.network.activation), loss_named(of.loss)
        a, z, slopes, bends = [of.inputs[rows]], [], [], []
        for h in range(self._first, of.network.depth):
            z.append(_affine(a[-1], self._weights[h - 1], self._biases[h - 1]))
            value, slope, bend = _bent(phi, z[-1])
            a.append(value)
            slopes.append(slope)
            bends.append(bend)
        f, aims = _affine(a[-1], self._weights[-1], self._biases[-1]), of.aims[rows]
        share: Array | float = 1.0 if of.shares is None else of.shares[rows][:, None]
        c = loss.rough_slopes(f, aims)
        v = [share * c]
        for h in range(of.network.depth - 1, self._first - 1, -1):
            v.append((v[-1] @ self._weights[h]) * slopes[h - self._first])
        losses = loss.rough(f, aims)[0] * (share if isinstance(share, float) else share[:, 0])
        return _Pass(a, z, slopes, bends, aims, losses, c, v[::-1], share)

    def _gathered(self, a: list[Array], v: list[Array]) -> Array:
        """`Σ_i v_i ⊗ (a_i, 1)` of the free layers."""
        parts: list[Array] = []
        for h in self.of.layers:
            parts.append((v[h - self._first].T @ a[h - self._first]).ravel())
            if self._biases[h - 1] is not None:
                parts.append(v[h - self._first].sum(axis=0))
        return np.concatenate(parts)

    def _size(self, part: _Pass) -> float:
        """`Σ_i |v_i||(a_i, 1)|` over the free layers."""
        total = 0.0
        for h in self.of.layers:
            v, a = part.v[h - self._first], part.a[h - self._first]
            one = 0.0 if self._biases[h - 1] is None else 1.0
            total += float(np.sqrt(np.einsum("ij,ij->i", v, v)) @ np.sqrt(np.einsum("ij,ij->i", a, a) + one))
        return total

    def _moved(self, part: _Pass, D: tuple[Array, ...], e: tuple[Array | None, ...], free: set[int],
               gauss_newton: bool) -> Array:
        """`Σ_i` of what the gradient moves along D, e."""
        first, depth = self._first, self.of.network.depth
        moved: list[Array | None] = [None]
        dz: Array | None = None
        steps = []
        for h in range(first, depth + 1):
            dz = None if moved[-1] is None else moved[-1] @ self._weights[h - 1].T
            if h in free:
                own = _affine(part.a[h - first], D[h - 1], e[h - 1])
                dz = own if dz is None else dz + own
            steps.append(dz)
            if h < depth:
                moved.append(None if dz is None else part.slopes[h - first] * dz)
        assert dz is not None
        dv = part.share * loss_named(self.of.loss).rough_products(part.c, part.aims, dz)
        turned = [dv]
        for h in range(depth - 1, first - 1, -1):
            y = dv @ self._weights[h]
            if not gauss_newton and h + 1 in free:
                y = y + part.v[h + 1 - first] @ D[h]
            dv = part.slopes[h - first] * y
            bend, step = part.bends[h - first], steps[h - first]
            if not gauss_newton and bend is not None and step is not None:
                dv = dv + bend * (part.v[h + 1 - first] @ self._weights[h]) * step
            turned.append(dv)
        turned.reverse()
        found = self._gathered(part.a, turned)
        if not gauss_newton and depth > first:
            found = found + self._beside(part.v, moved)
        return found

    def _beside(self, v: list[Array], moved: list[Array | None]) -> Array:
        """`Σ_i v_i ⊗ (ȧ_i, 0)` of the free layers."""
        parts: list[Array] = []
        for h in self.of.layers:
            a, shape = moved[h - self._first], self._weights[h - 1].shape
            parts.append(np.zeros(shape[0] * shape[1]) if a is None else (v[h - self._first].T @ a).ravel())
            if (b := self._biases[h - 1]) is not None:
                parts.append(np.zeros(b.size))
        return np.concatenate(parts)


_AT = 1e-9
"""Share of the largest pre-activation of a layer within which one is said to lie at a kink."""


def _affine(a: Array, W: Array, b: Array | None) -> Array:
    return a @ W.T if b is None else a @ W.T + b


def _bent(phi: Activation, z: Array) -> tuple[Array, Array, Array | None]:
    """φ, φ', and φ'' where it is not 0."""
    if phi.curvature == 0:
        value, slope = phi.enclose(z, 1)
        return value.mid, slope.mid, None
    value, slope, bend = phi.enclose(z, 2)
    return value.mid, slope.mid, bend.mid
