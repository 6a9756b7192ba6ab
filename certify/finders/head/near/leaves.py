"""Finder: weights near the refits of everything that one change becomes by one more row. Nothing is trusted.

All of them start from that change's own refit (the parent) with its inverse Hessian P. The last row's own term is
taken as it is, of the others the quadratic model at the parent counts: the row's outputs then move by the solution τ of
`τ + κ(ℓ'_new(z + τ) − ℓ'_old(z)) = 0`, `κ = K(1 − AK)⁻¹`, `K = ΦᵀPΦ` of the row, A its curvature at the parent. Steps
from there are `Pg − T W Tᵀg`, `T = PΦ`: P corrected for the row's new curvature (Woodbury).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.finders.head.refits import AT_ONCE, Node, Refitter
from certify.rigor.fp import Array
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.head import Head, Whole

INNER, LONGEST, CLOSE = 12, 8.0, 1e-4
"""Steps for τ, the longest of them, and how near is near enough."""

POLISHED = 2
"""Steps with its own inverse that a parent makes."""


@dataclass(frozen=True, eq=False)
class Starts:
    """Where refits start, and how they go on.

    Attributes:
        V: `(B, k, m)` weights.
        T: `(B, km, k)` as above.
        W: `(B, k, k)` likewise.
        inverse: `(F, km, km)` of the parents.
        of: `(B,)` the parent.
    """

    V: Array
    T: Array
    W: Array
    inverse: Array
    of: Whole

    def step(self, who: Whole, g: Array) -> Array:
        """`(A, k, m)` what to take from the weights of some, whose gradients are given."""
        flat, T = g.reshape(len(g), -1), self.T[who]
        if len(self.inverse) == 1:
            whole = flat @ self.inverse[0]
        else:
            whole = np.matmul(self.inverse[self.of[who]], flat[..., None])[..., 0]
        if self.W.shape[1] == 1:
            along = np.einsum("bx,bx->b", T[..., 0], flat) * self.W[who, 0, 0]
            return np.asarray((whole - along[:, None] * T[..., 0]).reshape(g.shape))
        turned = np.matmul(self.W[who], np.matmul(T.transpose(0, 2, 1), flat[..., None]))
        return np.asarray((whole - np.matmul(T, turned)[..., 0]).reshape(g.shape))


def parents(refitter: Refitter, choices: Choices, V: Array) -> list[Node]:
    """The parents of a batch, from weights near their refits.

    Args:
        refitter: of the head.
        choices: A changes.
        V: `(A, k, m)` weights near them.
    """
    head, found = refitter.head, []
    size = head.k * head.m
    step = max(1, AT_ONCE // max(head.n * head.m, size * size))
    for begin in range(0, len(choices), step):
        part, near = choices.part(slice(begin, begin + step)), V[begin : begin + step]
        inverse = _inverses(refitter.hessians(part, near))
        for _ in range(POLISHED):
            move = np.matmul(inverse, refitter.gradients(part, near).reshape(len(near), size, 1)).reshape(near.shape)
            near = np.where(np.isfinite(move).all(axis=(1, 2), keepdims=True), near - move, near)
        Z = (head.phi @ near.reshape(-1, head.m).T).reshape(head.n, len(near), head.k).transpose(1, 0, 2)
        found += [Node(*one) for one in zip(near, inverse, Z, strict=True)]
    return found


def _inverses(H: Array) -> Array:
    """Of every matrix; not a number where there is none."""
    try:
        return np.asarray(np.linalg.inv(H))
    except np.linalg.LinAlgError:
        if len(H) == 1:
            return np.full_like(H, np.nan)
        return np.concatenate([_inverses(one[None]) for one in H])


def starts(head: Head, some: list[Node], of: Whole, rows: Whole, codes: Whole) -> Starts:
    """Starts for one more row each.

    Args:
        head: the head.
        some: parents.
        of: `(B,)` the parent of each.
        rows, codes: `(B,)` the row, none of the parent's own, and what it becomes.
    """
    (k, m), B = some[0].V.shape, len(rows)
    inverse = np.stack([parent.inverse for parent in some])
    phi, z = head.phi[rows], np.stack([parent.Z for parent in some])[of, rows]
    stays = (codes != DELETED)[:, None]
    new = head.Y[rows] if head.codes is None else head.codes[np.maximum(codes, 0)]
    old, A = head.loss.guess_slopes(z, head.Y[rows]), head.loss.guess_curvatures(z, head.Y[rows])
    if len(some) == 1:
        T = np.matmul(inverse.reshape(k * m * k, m), phi.T).reshape(k * m, k, B).transpose(2, 0, 1)
    else:
        T = np.matmul(inverse.reshape(len(some), k * m * k, m)[of], phi[..., None]).reshape(B, k * m, k)
    K = (T.reshape(B, k, m, k) * phi[:, None, :, None]).sum(axis=2)
    solve = _divided if k == 1 else _solved
    eye = np.eye(k)
    kappa = solve((eye - A @ K).transpose(0, 2, 1), K.transpose(0, 2, 1)).transpose(0, 2, 1)
    tau, open_ = np.zeros((B, k)), np.arange(B)

    def pull(which: Whole) -> tuple[Array, Array]:
        g = np.where(stays[which], head.loss.guess_slopes(z[which] + tau[which], new[which]), 0.0) - old[which]
        return g, head.loss.guess_curvatures(z[which] + tau[which], new[which]) * stays[which, :, None]

    for _ in range(INNER):
        g, C = pull(open_)
        r = tau[open_] + np.matmul(kappa[open_], g[..., None])[..., 0]
        step = solve(eye + kappa[open_] @ C, r[..., None])[..., 0]
        far = np.abs(step).max(axis=1)
        tau[open_] -= step * np.minimum(1.0, LONGEST / np.maximum(far, 1e-300))[:, None]
        open_ = open_[far > CLOSE]
        if not len(open_):
            break
    g, C = pull(np.arange(B))
    q = solve(eye - A @ K, g[..., None])
    D = C - A
    W = solve((eye + K @ D).transpose(0, 2, 1), D.transpose(0, 2, 1)).transpose(0, 2, 1)
    V = np.stack([parent.V for parent in some])[of] - np.matmul(T, q)[..., 0].reshape(B, k, m)
    return Starts(V, T, W, inverse, of)


def _divided(A: Array, b: Array) -> Array:
    return np.asarray(b / A)


def _solved(A: Array, b: Array) -> Array:
    try:
        return np.asarray(np.linalg.solve(A, b))
    except np.linalg.LinAlgError:  # of a row that its refit rests on alone
        return np.full_like(b, np.nan)
