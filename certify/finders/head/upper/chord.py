"""Many refits of a head too large for Hessians of its own, by steps that share one inverse. Nothing is trusted.

A Newton step of such a head takes conjugate gradients: some ten products with all rows. A step with the inverse P at
the trained head takes two. What P knows nothing of is most of all how the changed rows themselves are curved where they
come to lie, so that their outputs are solved first, with the quadratic model of the others, and P is corrected by what
they are curved there. Differences of gradients on the way tell the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.finders.head.floats import Array, FloatHead

STEPS, DEPTH = 60, 10
"""Steps at most, and those that are remembered."""
CUTS, FLAT = 6, 0.5
"""Places that are looked at along a step, and the share of its slope at the beginning that may be left."""
INNER, LONGEST = 12, 8.0
"""Newton steps for the outputs of the changed rows, and how far an output may go in one."""


@dataclass(frozen=True, eq=False)
class ChangedRows:
    """Rows that are changed, empty places with features 0.

    Attributes:
        phi: `(B, r, m)` their features.
        z: `(B, k, r)` their outputs at the trained head.
        old, new: `(B, k, r)` targets.
        kept: `(B, r)` 1 where they are not deleted, else 0.
    """

    phi: Array
    z: Array
    old: Array
    new: Array
    kept: Array


@dataclass(frozen=True, eq=False)
class Chords:
    """Places to begin at, and the inverse to go on with: `P − T W Tᵀ`.

    Attributes:
        V: `(B, k, m)`.
        P: `(km, km)`.
        T: `(B, km, rk)` P times the features of the changed rows.
        W: `(B, rk, rk)`.
    """

    V: Array
    P: Array
    T: Array
    W: Array

    def times(self, which: Array, G: Array) -> Array:
        """`(A, k, m)` the inverse times gradients of some of them."""
        g = G.reshape(len(G), -1, 1)
        T = self.T[which]
        far = T @ (self.W[which] @ (T.swapaxes(1, 2) @ g))
        return np.asarray(G.reshape(len(G), -1) @ self.P - far[..., 0]).reshape(G.shape)


def chords_of(head: FloatHead, P: Array, centre: Array, rows: ChangedRows) -> Chords:
    """Where the refits would be if only the changed rows' losses were no parabolas.

    With `K = ΦᵀPΦ` of the changed rows, A their curvatures today and `κ = (1 − KA)⁻¹K`, their outputs move by the
    solution τ of `τ + κ(ℓ'_new(z + τ) − ℓ'_old(z)) = 0`.

    Args:
        head, P, centre: the head, and its weights as trained with the inverse Hessian there.
        rows: the changed rows.
    """
    (B, r, m), k = rows.phi.shape, head.k
    R, eye = r * k, np.eye(r * k)
    drawn = (P.reshape(k * m * k, m) @ rows.phi.reshape(B * r, m).T).reshape(k * m, k, B, r)
    T = drawn.transpose(2, 0, 3, 1).reshape(B, k * m, R)
    K = (rows.phi[:, None] @ T.reshape(B, k, m, R)).transpose(0, 2, 1, 3).reshape(B, R, R)
    before, A = _flat(head.loss.slopes(rows.z, rows.old)), _blocks(head, rows.z)
    kappa = np.linalg.solve(eye - K @ A, K)
    tau, kept = np.zeros((B, R)), np.repeat(rows.kept, k, axis=1)

    def pulled() -> tuple[Array, Array]:
        z = rows.z + tau.reshape(B, r, k).swapaxes(1, 2)
        return _flat(head.loss.slopes(z, rows.new)) * kept, _blocks(head, z) * kept[:, None, :]

    for _ in range(INNER):
        g, C = pulled()
        miss = tau + (kappa @ (g - before)[..., None])[..., 0]
        step = np.linalg.solve(eye + kappa @ C, miss[..., None])[..., 0]
        far = np.abs(step).max(axis=1, keepdims=True)
        tau -= step * np.minimum(1.0, LONGEST / np.maximum(far, 1e-300))
    g, C = pulled()
    q = np.linalg.solve(eye - A @ K, (g - before)[..., None])
    D = C - A
    return Chords(centre - (T @ q).reshape(B, k, m), P, T, np.linalg.solve(eye + D @ K, D))


class Descent:
    """Steps by the corrected inverse and the last few differences of gradients (L-BFGS), along each to where it ends.

    Args:
        head: in floats.
        chords: the first steps and the inverses.
        targets: `(B, k, n)` after the changes.
        kept: `(B, n)` 0 for deleted rows.
        decay: `(B, 1, m)`.
    """

    def __init__(self, head: FloatHead, chords: Chords, targets: Array, kept: Array, decay: Array) -> None:
        self.head, self.chords, self.targets, self.kept, self.decay = head, chords, targets, kept, decay

    def run(self, centre: Array, goal: float, over: Callable[[], bool]) -> tuple[Array, Array]:
        """`(B, k, m)` where it ends, and where a step's `g·d` came below the goal before it is `over`."""
        B = len(self.kept)
        ends, done = np.repeat(centre[None], B, axis=0), np.zeros(B, bool)
        D = self.chords.V - centre
        on = np.flatnonzero(np.isfinite(D).all(axis=(1, 2)))
        V, Z, D = ends[on], np.repeat(self.head.outputs(centre[None]), len(on), axis=0), D[on]
        S = self._slopes(on, Z)
        G, past = self._gradient(on, V, S), list[tuple[Array, Array, Array]]()
        for _ in range(STEPS):
            if over() or not len(on):
                break
            t, Z, S = self._along(on, V, Z, S, D)
            step = t[:, None, None] * D
            V, before = V + step, G
            G = self._gradient(on, V, S)
            past = [*past[-DEPTH + 1 :], (step, G - before, np.einsum("bkm,bkm->b", step, G - before))]
            D = -self._inverse(on, G, past)
            size = -np.einsum("bkm,bkm->b", G, D)
            ends[on], done[on] = V, np.abs(size) <= goal
            go = (size > goal) & np.isfinite(size)
            on, V, Z, S, G, D = (of[go] for of in (on, V, Z, S, G, D))
            past = [(s[go], y[go], sy[go]) for s, y, sy in past]
        return ends, done

    def _slopes(self, on: Array, Z: Array) -> Array:
        return np.asarray(self.head.loss.slopes(Z, self.targets[on]) * self.kept[on][:, None])

    def _gradient(self, on: Array, V: Array, S: Array) -> Array:
        return np.asarray(self.head.drawn(S) + self.decay[on] * V)

    def _along(self, on: Array, V: Array, Z: Array, S: Array, D: Array) -> tuple[Array, Array, Array]:
        """How far to go, 1 at most, and outputs and slopes there: where the objective is about as low as it gets."""
        dZ = self.head.outputs(D)
        pull, bend = (np.einsum("bkm,bkm->b", self.decay[on] * of, D) for of in (V, D))
        first = np.einsum("bkn,bkn->b", S, dZ) + pull
        low, high, t = np.zeros(len(on)), np.ones(len(on)), np.ones(len(on))
        at_low, at_high = first.copy(), np.full(len(on), np.inf)
        Z1, S1, todo = Z + dZ, np.empty_like(S), np.arange(len(on))
        for _ in range(CUTS):
            S1[todo] = self._slopes(on[todo], Z1[todo])
            here = np.einsum("bkn,bkn->b", S1[todo], dZ[todo]) + pull[todo] + t[todo] * bend[todo]
            wide = (np.abs(here) > FLAT * np.abs(first[todo])) & ~((here < 0) & (t[todo] >= 1))
            todo, here = todo[wide], here[wide]
            if not len(todo):
                break
            up = here > 0
            high[todo[up]], at_high[todo[up]] = t[todo[up]], here[up]
            low[todo[~up]], at_low[todo[~up]] = t[todo[~up]], here[~up]
            share = at_low[todo] / (at_low[todo] - at_high[todo])
            t[todo] = low[todo] + np.clip(share, 0.1, 0.9) * (high[todo] - low[todo])
            Z1[todo] = Z[todo] + t[todo, None, None] * dZ[todo]
        S1[todo] = self._slopes(on[todo], Z1[todo])
        return t, Z1, S1

    def _inverse(self, on: Array, G: Array, past: list[tuple[Array, Array, Array]]) -> Array:
        """The two loops."""
        Q, shares = G, list[Array]()
        for s, y, sy in reversed(past):
            share = np.einsum("bkm,bkm->b", s, Q) / np.maximum(sy, 1e-300)
            Q = Q - share[:, None, None] * y
            shares.append(share)
        X = self.chords.times(on, Q)
        for (s, y, sy), share in zip(past, reversed(shares), strict=True):
            other = np.einsum("bkm,bkm->b", y, X) / np.maximum(sy, 1e-300)
            X = X + (share - other)[:, None, None] * s
        return X


def _flat(of: Array) -> Array:
    """`(B, k, r)` as `(B, rk)`."""
    return np.asarray(of.swapaxes(1, 2)).reshape(len(of), -1)


def _blocks(head: FloatHead, z: Array) -> Array:
    """`(B, rk, rk)` the Hessians in the outputs, one block a row."""
    B, k, r = z.shape
    each = np.stack([head.loss.curved(z, np.broadcast_to(np.eye(k)[a][:, None], z.shape)) for a in range(k)], axis=1)
    whole, i = np.zeros((B, r, k, r, k)), np.arange(r)
    whole[:, i, :, i, :] = each.transpose(3, 0, 1, 2)
    return whole.reshape(B, r * k, r * k)
