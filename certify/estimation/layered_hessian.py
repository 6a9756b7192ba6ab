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
from functools import cached_property

import numpy as np
import torch

from certify.estimation.subject import ModuleProblem

MOST_NUMBERS = 1 << 21
"""Entries of an array over the rows of one slice: 16 MB."""

MOST_KEPT = 1 << 26
"""Entries of all passes that are kept: 512 MB."""


@dataclass(frozen=True, eq=False)
class Passed:
    """What one slice of rows gives at each layer: see the top of the file. Losses are those over n."""

    inputs: list[np.ndarray]
    first: list[np.ndarray | None]
    bent: list[np.ndarray | None]
    slopes: list[np.ndarray]
    curvature: np.ndarray


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
    def weights(self) -> list[np.ndarray]:
        """`W_h` in float64, (out, in)."""
        assert self.problem.plain is not None
        return [layer.weight.detach().numpy().astype(np.float64) for layer in self.problem.plain.layers]

    @cached_property
    def biases(self) -> list[np.ndarray | None]:
        """`b_h` in float64."""
        assert self.problem.plain is not None
        return [None if layer.bias is None else layer.bias.detach().numpy().astype(np.float64)
                for layer in self.problem.plain.layers]

    @cached_property
    def places(self) -> list[tuple[int, int | None]]:
        """Where weight and bias of each layer begin in the flat vector."""
        assert self.problem.plain is not None
        function = self.problem.function
        at = dict(zip(function.names, np.cumsum([0, *function.sizes[:-1]]).tolist(), strict=True))
        prefixes = [f"{name}." if name else "" for name in self.problem.plain.names]
        return [(at[f"{prefix}weight"], at.get(f"{prefix}bias")) for prefix in prefixes]

    def _slices(self) -> Iterator[Passed]:
        """Every slice of rows, passed forward and backward; kept where there is room, as a product needs it again."""
        n, widest = self.problem.n, 1 + max(max(W.shape) for W in self.weights)
        rows = max(1, MOST_NUMBERS // widest**2)
        keeps = n * (4 * sum(W.shape[1] + 1 for W in self.weights) + len(self.weights[-1]) ** 2) <= MOST_KEPT
        for at in range(0, n, rows):
            part = self._kept.get(at) or self._pass(slice(at, min(at + rows, n)))
            if keeps:
                self._kept[at] = part
            yield part

    def _pass(self, part: slice) -> Passed:
        problem = self.problem
        assert problem.plain is not None
        a = problem.X[part].flatten(1).numpy().astype(np.float64)
        inputs, first, bent = [], [], []
        for W, b, phi in zip(self.weights, self.biases, problem.plain.activations, strict=True):
            inputs.append(a)
            a = a @ W.T
            if b is not None:
                a += b
            if phi is None:
                first.append(None)
                bent.append(None)
            else:
                a, d, c = phi(a)
                first.append(d)
                bent.append(None if self.gauss_newton else c)
        f, y = torch.from_numpy(a), problem.y[part]
        if y.is_floating_point():
            y = y.double()
        g = problem.loss.slopes(f, y).numpy() / problem.n
        K = problem.loss.hessians(f, y).numpy() / problem.n
        slopes: list[np.ndarray] = []
        for h in reversed(range(len(inputs))):
            d, c = first[h], bent[h]
            if c is not None:
                bent[h] = c * g
            delta = g if d is None else g * d
            slopes.insert(0, delta)
            g = delta @ self.weights[h]
        return Passed(inputs, first, bent, slopes, K)

    def matrix(self) -> np.ndarray:
        """`∇²L`, (p, p), both triangles."""
        H = np.zeros((self.problem.p, self.problem.p))
        for part in self._slices():
            self._add(H, part)
        return H

    def _add(self, H: np.ndarray, part: Passed) -> None:
        """Add the blocks (m, h), h ≤ m, of one slice, and their mirror images."""
        n = len(part.curvature)
        wide = [a if b is None else np.concatenate([a, np.ones((n, 1))], axis=1)
                for a, b in zip(part.inputs, self.biases, strict=True)]
        K = part.curvature
        for m in reversed(range(len(wide))):
            W, d = self.weights[m], part.first[m]
            T = K if d is None else K * (d[:, :, None] * d[:, None, :])
            c = part.bent[m]
            if c is not None:
                T = T + c[:, :, None] * np.eye(len(W))
            Q = (T.reshape(-1, len(W)) @ W).reshape(n, *W.shape)  # ∂δ_m/∂a_{m−1}
            if m:
                K = np.matmul(W.T, Q)
            P: np.ndarray | None = None
            for h in reversed(range(m + 1)):
                block = _outer(T, wide[m], wide[h])
                if h < m and not self.gauss_newton:
                    _cross(block, part, wide[h], P, m, h)
                self._store(H, m, h, block)
                if h:
                    if h < m:
                        V = self.weights[h]
                        Q = (T.reshape(-1, len(V)) @ V).reshape(n, len(W), -1)
                        P = _times(part.first[h], V, n) if P is None else (P.reshape(-1, len(V)) @ V).reshape(
                            n, -1, V.shape[1])
                        P = P if part.first[h - 1] is None else P * part.first[h - 1][:, None, :]
                    T = Q if part.first[h - 1] is None else Q * part.first[h - 1][:, None, :]

    def _store(self, H: np.ndarray, m: int, h: int, block: np.ndarray) -> None:
        """Add a block with axes (i, j, k, l) where the flat order of the parameters wants it."""
        for rows, lefts in self._parts(m):
            for columns, rights in self._parts(h):
                some = block[:, lefts, :, rights]
                shape = some.shape
                H[rows, columns].reshape(shape)[...] += some
                if h < m:
                    H[columns, rows].reshape(shape[2:] + shape[:2])[...] += some.transpose(2, 3, 0, 1)

    def _parts(self, h: int) -> list[tuple[slice, slice]]:
        """Flat places of weight and bias of a layer, and the entries of `â` that they multiply."""
        (rows, columns), (weight, bias) = self.weights[h].shape, self.places[h]
        found = [(slice(weight, weight + rows * columns), slice(0, columns))]
        if bias is not None:
            found.append((slice(bias, bias + rows), slice(columns, columns + 1)))
        return found

    def product(self, V: np.ndarray) -> np.ndarray:
        """`∇²L v` for the rows v of V, (r, p), without the matrix: the passes are differentiated along v."""
        out = np.zeros_like(V)
        for part in self._slices():
            for v, image in zip(V, out, strict=True):
                self._along(part, v, image)
        return out

    def _along(self, part: Passed, v: np.ndarray, image: np.ndarray) -> None:
        moved, bends = [], []
        da: np.ndarray | None = None
        for h, W in enumerate(self.weights):
            weight, bias = self.places[h]
            moved.append(da)
            U = v[weight : weight + W.size].reshape(W.shape)
            dz = part.inputs[h] @ U.T
            if bias is not None:
                dz += v[bias : bias + len(W)]
            if da is not None:
                dz += da @ W.T
            c, d = part.bent[h], part.first[h]
            bends.append(None if c is None else c * dz)
            da = dz if d is None else dz * d
        assert da is not None
        dg = np.matmul(part.curvature, da[:, :, None])[:, :, 0]
        for h in reversed(range(len(self.weights))):
            W, (weight, bias) = self.weights[h], self.places[h]
            d, bend, before = part.first[h], bends[h], moved[h]
            ddelta = dg if d is None else dg * d
            if bend is not None:
                ddelta = ddelta + bend
            grown = ddelta.T @ part.inputs[h]
            if before is not None and not self.gauss_newton:
                grown += part.slopes[h].T @ before
            image[weight : weight + W.size] += grown.reshape(-1)
            if bias is not None:
                image[bias : bias + len(W)] += ddelta.sum(0)
            if h:
                dg = ddelta @ W
                if not self.gauss_newton:
                    dg += part.slopes[h] @ v[weight : weight + W.size].reshape(W.shape)


def _outer(T: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """`Σ T_{ik} left_j right_l` over the rows, axes (i, j, k, l)."""
    n, i, k = T.shape
    pairs = (left[:, :, None] * right[:, None, :]).reshape(n, -1)
    return (T.reshape(n, -1).T @ pairs).reshape(i, k, left.shape[1], -1).transpose(0, 2, 1, 3)


def _cross(block: np.ndarray, part: Passed, right: np.ndarray, P: np.ndarray | None, m: int, h: int) -> None:
    """Add `Σ δ_{m,i} P_{jk} right_l`; P None is `D_h`, diagonal."""
    delta, d = part.slopes[m], part.first[h]
    n, inputs = part.inputs[m].shape
    if P is None:
        columns = right[:, None, :] if d is None else d[:, :, None] * right[:, None, :]
        columns = np.broadcast_to(columns, (n, inputs, right.shape[1])).reshape(n, -1)
        at = np.arange(inputs)
        block[:, at, at, :] += (delta.T @ columns).reshape(delta.shape[1], inputs, -1)
        return
    columns = (delta[:, :, None] * right[:, None, :]).reshape(n, -1)
    more = (P.reshape(n, -1).T @ columns).reshape(inputs, -1, delta.shape[1], right.shape[1])
    block[:, :inputs] += more.transpose(2, 0, 1, 3)


def _times(d: np.ndarray | None, W: np.ndarray, n: int) -> np.ndarray:
    """`D W` for each row, (n, out, in)."""
    return np.broadcast_to(W, (n, *W.shape)) if d is None else d[:, :, None] * W
