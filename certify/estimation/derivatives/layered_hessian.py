r"""Hessian of the mean loss of a plain fully connected network by matrix products alone, in float64.

With `δ_h = ∂ℓ/∂z_h`, `g_h = ∂ℓ/∂a_h`, `D_h = φ'(z_h)`, `C_h = φ''(z_h)` of a row, `â = (a, 1)` and the matrices

    S_h = ∂²ℓ/∂z_h² = diag(C_h g_h) + D_h K_h D_h,   K_H = ∂²ℓ/∂f²,   K_{h−1} = W_hᵀ S_h W_h,
    T_{m,h} = ∂δ_m/∂z_h (h ≤ m):  T_{m,m} = S_m,   T_{m,h} = T_{m,h+1} W_{h+1} D_h,
    P_{m,h} = ∂a_m/∂z_h:          P_{h,h} = D_h,   P_{m,h} = P_{m,h+1} W_{h+1} D_h,

the second derivative by `(W_m)_{ij}` and `(W_h)_{kl}`, h ≤ m, is `(T_{m,h})_{ik} â_{m−1,j} â_{h−1,l}`, for h < m
plus `δ_{m,i} (P_{m−1,h})_{jk} â_{h−1,l}`. Summed over the rows, each block is two matrix products; the Gauss–Newton
matrix is what is left with C = 0 and δ = 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import accumulate

import numpy as np
import torch

from certify.estimation.model.subject import ModuleProblem

MOST_ROWS, LEAST_ROWS, MOST_NUMBERS = 512, 64, 1 << 20
"""Rows of a slice: as many as the caches hold, but enough for its products to cost more than adding up its matrix."""

MOST_KEPT = 1 << 26
"""Entries of all passes that are kept: 512 MB."""

WIDE = 4096
"""Pairs of inputs beyond which a block is made of one product a pair of outputs."""

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Passed:
    """What one slice of rows gives at each layer, rows last: see the top of the file. Losses are those over n."""

    inputs: list[Array]
    first: list[Array | None]
    bent: list[Array | None]
    slopes: list[Array]
    curvature: Array


@dataclass(frozen=True, eq=False)
class LayeredHessian:
    r"""`∇²L` without weight decay, or its Gauss–Newton part, of a network that `layered` recognised.

    Attributes:
        problem: the problem; its `plain` is not None, its tensors are on the CPU.
        gauss_newton: whether to leave out the network's own curvature.
    """

    problem: ModuleProblem
    gauss_newton: bool = False
    _kept: dict[int, Passed] = field(default_factory=dict)

    @cached_property
    def layers(self) -> list[Layer]:
        """The layers in float64, with the places of their parameters in the flat vector."""
        assert self.problem.plain is not None
        function, made = self.problem.function, []
        at = dict(zip(function.names, accumulate(function.sizes[:-1], initial=0), strict=True))
        for name, layer in zip(self.problem.plain.names, self.problem.plain.layers, strict=True):
            prefix = f"{name}." if name else ""
            bias = None if layer.bias is None else layer.bias.detach().numpy().astype(np.float64)
            made.append(Layer(layer.weight.detach().numpy().astype(np.float64), bias, at[f"{prefix}weight"],
                              at.get(f"{prefix}bias", -1)))
        return made

    def _slices(self) -> Iterator[Passed]:
        """Every slice of rows, passed forward and backward; kept where there is room, as a product needs it again."""
        n, widest = self.problem.n, max(len(layer.W) for layer in self.layers)
        rows = min(MOST_ROWS, max(LEAST_ROWS, MOST_NUMBERS // widest**2))
        keeps = n * (4 * sum(layer.W.shape[1] + 1 for layer in self.layers) + len(self.layers[-1].W) ** 2) <= MOST_KEPT
        for at in range(0, n, rows):
            part = self._kept.get(at) or self._pass(slice(at, min(at + rows, n)))
            if keeps:
                self._kept[at] = part
            yield part

    def _pass(self, part: slice) -> Passed:
        problem = self.problem
        assert problem.plain is not None
        a = problem.X[part].flatten(1).numpy().astype(np.float64).T.copy()
        inputs: list[Array] = []
        first: list[Array | None] = []
        bent: list[Array | None] = []
        for layer, phi in zip(self.layers, problem.plain.activations, strict=True):
            inputs.append(a)
            a = layer.W @ a if layer.b is None else layer.W @ a + layer.b[:, None]
            d = c = None
            if phi is not None:
                a, d, c = phi(a)
            first.append(d)
            bent.append(c)
        f, y = torch.from_numpy(a).T, problem.y[part]
        y = y.double() if y.is_floating_point() else y
        first_of, second_of = problem.loss.derivatives(f, y)
        g = first_of.numpy().T / problem.n
        slopes: list[Array] = []
        for h in reversed(range(len(inputs))):
            d, c = first[h], bent[h]
            bent[h] = None if c is None or self.gauss_newton else c * g
            delta = g if d is None else g * d
            slopes.insert(0, delta)
            g = self.layers[h].W.T @ delta
        curvature = second_of.numpy().transpose(1, 2, 0) / problem.n
        return Passed(inputs, first, bent, slopes, curvature)

    def matrix(self, dtype: type[np.floating] = np.float64) -> Array:
        """The lower triangle of `∇²L`, (p, p), what is above it unspecified.

        With float32 its products, not the passes, are rounded to that type.
        """
        H = np.zeros((self.problem.p, self.problem.p), dtype)
        for at, part in enumerate(self._slices()):
            self._add(H, part, at == 0)
        return H

    def _add(self, H: Array, part: Passed, empty: bool) -> None:
        """Add the blocks (m, h), h ≤ m, of one slice: the layers' parameters follow one another in the flat vector."""
        kind = H.dtype
        first = [None if d is None else d.astype(kind) for d in part.first]
        weights = [layer.W.astype(kind) for layer in self.layers]
        wide = [_widened(a, layer.b is not None, kind) for a, layer in zip(part.inputs, self.layers, strict=True)]
        K = part.curvature.astype(kind)
        for m in reversed(range(len(wide))):
            T, delta = _curved(K, first[m], part.bent[m]), part.slopes[m].astype(kind)
            Q = np.matmul(weights[m].T, T)  # ∂δ_m/∂a_{m−1}
            if m:
                K = (weights[m].T @ Q.reshape(len(T), -1)).reshape(Q.shape[1], *Q.shape[1:])
            P: Array | None = None  # D_{m−1}, diagonal
            for h in reversed(range(m + 1)):
                block = _outer(T, wide[m], wide[h]) if h < m else _own(T, wide[m])
                if h < m and not self.gauss_newton:
                    _cross(block, delta, wide[h], first[h] if P is None else P)
                self._store(H, m, h, block, empty)
                if h and h < m:
                    P = _carried(first[h], weights[h], T.shape[2]) if P is None else np.matmul(weights[h].T, P)
                    P = _scaled(P, first[h - 1])
                    Q = np.matmul(weights[h].T, T)
                if h:
                    T = _scaled(Q, first[h - 1])

    def _store(self, H: Array, m: int, h: int, block: Array, empty: bool) -> None:
        """Add a block with axes (i, j, k, l) where the flat order of the parameters wants it."""
        for rows, lefts in self.layers[m].parts:
            for columns, rights in self.layers[h].parts:
                some = block[:, lefts, :, rights]
                place = H[rows, columns].reshape(some.shape)
                if empty:
                    place[...] = some
                else:
                    place += some

    def product(self, V: Array) -> Array:
        """`∇²L v` for the rows v of V, (r, p), without the matrix: the passes are differentiated along v."""
        out = np.zeros_like(V)
        for part in self._slices():
            self._along(part, V, out)
        return out

    def _along(self, part: Passed, V: Array, out: Array) -> None:
        """Add what one slice gives; arrays have the vector first and the row last."""
        da: Array | None = None
        moved: list[Array | None] = []
        bends: list[Array | None] = []
        for layer, a, d, c in zip(self.layers, part.inputs, part.first, part.bent, strict=True):
            moved.append(da)
            dz = layer.weight_of(V) @ a
            if layer.b is not None:
                dz += layer.bias_of(V)[:, :, None]
            if da is not None:
                dz += layer.W @ da
            bends.append(None if c is None else c * dz)
            da = dz if d is None else dz * d
        assert da is not None
        dg = np.einsum("ijn,rjn->rin", part.curvature, da)
        for h in reversed(range(len(self.layers))):
            layer, d, bend, before = self.layers[h], part.first[h], bends[h], moved[h]
            ddelta = dg if d is None else dg * d
            if bend is not None:
                ddelta = ddelta + bend
            grown = ddelta @ part.inputs[h].T
            if before is not None and not self.gauss_newton:
                grown += part.slopes[h] @ before.transpose(0, 2, 1)
            out[:, layer.weight : layer.weight + layer.W.size] += grown.reshape(len(V), -1)
            if layer.b is not None:
                out[:, layer.bias : layer.bias + len(layer.W)] += ddelta.sum(2)
            if h:
                dg = layer.W.T @ ddelta
                if not self.gauss_newton:
                    dg += layer.weight_of(V).transpose(0, 2, 1) @ part.slopes[h]


@dataclass(frozen=True, eq=False)
class Layer:
    """`z = Wa + b` in float64, and where W and b begin in the flat vector."""

    W: Array
    b: Array | None
    weight: int
    bias: int

    def weight_of(self, V: Array) -> Array:
        """The entries of the rows of V that belong to W, (r, out, in)."""
        return V[:, self.weight : self.weight + self.W.size].reshape(-1, *self.W.shape)

    def bias_of(self, V: Array) -> Array:
        """Those that belong to b, (r, out)."""
        return V[:, self.bias : self.bias + len(self.W)]

    @property
    def parts(self) -> list[tuple[slice, slice]]:
        """Flat places of W and b, and the entries of `â` that they multiply."""
        columns = self.W.shape[1]
        found = [(slice(self.weight, self.weight + self.W.size), slice(0, columns))]
        if self.b is not None:
            found.append((slice(self.bias, self.bias + len(self.W)), slice(columns, columns + 1)))
        return found


def _widened(a: Array, bias: bool, kind: np.dtype) -> Array:
    """`â`: a row of ones more for a bias."""
    out = np.ones((len(a) + bias, a.shape[1]), kind)
    out[: len(a)] = a
    return out


def _curved(K: Array, d: Array | None, c: Array | None) -> Array:
    """`S = D K D + diag(c)`."""
    S = K.copy() if d is None else K * d
    if d is not None:
        S *= d[:, None]
    if c is not None:
        at = np.arange(len(S))
        S[at, at] += c
    return S


def _carried(d: Array | None, W: Array, n: int) -> Array:
    """`D W` for each row, axes (out, in, rows)."""
    return np.broadcast_to(W[:, :, None], (*W.shape, n)) if d is None else W[:, :, None] * d[:, None]


def _scaled(T: Array, d: Array | None) -> Array:
    """`T D`."""
    return T if d is None else T * d


def _outer(T: Array, left: Array, right: Array) -> Array:
    """`Σ T_{ik} left_j right_l` over the rows, axes (i, j, k, l)."""
    (i, k, n), j, l = T.shape, len(left), len(right)
    if j * l > WIDE:
        return np.stack([np.stack([(left * t) @ right.T for t in row], 1) for row in T])
    pairs = (left[:, None] * right).reshape(-1, n)
    return (T.reshape(-1, n) @ pairs.T).reshape(i, k, j, l).transpose(0, 2, 1, 3)


def _own(T: Array, wide: Array) -> Array:
    """The same for a layer with itself: `T_{ik} = T_{ki}`, and `left_j right_l` is symmetric too, so half is known."""
    (i, _, n), j = T.shape[:3], len(wide)
    if j * j > WIDE:
        out = np.empty((i, i, j, j), T.dtype)
        for a in range(i):
            for k in range(a + 1):
                out[a, k] = out[k, a] = (wide * T[a, k]) @ wide.T
        return out.transpose(0, 2, 1, 3)
    first, second, place = _pairs(j)
    half = T.reshape(-1, n) @ (wide[first] * wide[second]).T
    return half[:, place].reshape(i, i, j, j).transpose(0, 2, 1, 3)


@cache
def _pairs(j: int) -> tuple[Array, Array, Array]:
    """All pairs of j inputs with the first not before the second, and where among them each of the j² pairs is."""
    first, second = np.tril_indices(j)
    place = np.empty((j, j), np.intp)
    place[first, second] = place[second, first] = np.arange(len(first))
    return first, second, place.ravel()


def _cross(block: Array, delta: Array, right: Array, P: Array | None) -> None:
    """Add `Σ δ_i P_{jk} right_l`; a P with one axis less is a diagonal, None the identity."""
    n = delta.shape[1]
    if P is not None and P.ndim == 3:
        j, k = P.shape[:2]
        columns = (delta[:, None] * right).reshape(-1, n)
        block[:, :j] += (P.reshape(-1, n) @ columns.T).reshape(j, k, len(delta), -1).transpose(2, 0, 1, 3)
        return
    at = np.arange(block.shape[2])
    if P is None:
        block[:, at, at] += (delta @ right.T)[:, None]
        return
    block[:, at, at] += (delta @ (P[:, None] * right).reshape(-1, n).T).reshape(len(delta), len(at), -1)
