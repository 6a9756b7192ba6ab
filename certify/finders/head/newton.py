"""Minimisers of a head for many sets of changed rows at once, in floats: damped Newton. Nothing here is trusted.

Small heads solve with their own Hessians, put together by one product; the others by conjugate gradients that the
Hessian of the trained head preconditions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from certify.finders.head.floats import Array, FloatHead
from certify.finders.head.upper.chord import ChangedRows, Descent, chords_of

STEPS, HALVINGS, CONJUGATE = 40, 30, 60
PRODUCTS = 100_000_000
"""Multiplications of a batch with the rows: about a tenth of a second."""
AGAIN, ROUGH = 0.05, 0.03
"""Fall of the squared decrement by which a Hessian serves again, error of a gradient that rows are chosen by."""
SMALL, STORED, WORKED = 120, 8_000_000, 3_000_000
"""Parameters up to which a Hessian of its own is made, numbers of its table, numbers of a batch's arrays."""
NEAR = 0.01
"""Relative distance of the trained weights from the minimiser up to which the Hessian there serves."""
NEARLY, CLOSE = 1e-3, 1e-6
"""Newton decrement at which steps that share one inverse end; from which on Newton's own go on, whatever they cost."""
OUTPUTS, HELD = 128, 1 << 24
"""Outputs of the changed rows of a set up to which such steps are tried: a set has matrices of so many rows, which of
many rows cost more than Newton's steps; and about the numbers of these matrices of a batch."""
WHOLE = 2000
"""Parameters up to which the preconditioner is whole; above it is a block an output."""


@dataclass(frozen=True, eq=False)
class Sets:
    """A batch of changes.

    Attributes:
        rows: `(B, m)` changed rows; -1: none.
        codes: `(B, m)` the places of their new targets; -1: the row is deleted.
    """

    rows: Array
    codes: Array

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, which: Array | slice) -> Sets:
        """Some of them."""
        return Sets(self.rows[which], self.codes[which])


class Newton:
    """Refits of one head.

    Args:
        head: in floats.
    """

    def __init__(self, head: FloatHead) -> None:
        self.head = head
        n, m = head.phi.shape
        k = head.k
        self.size = k * m
        self.direct = self.size <= SMALL and n * m * (m + 1) // 2 <= STORED
        self.upper = np.triu_indices(m)
        place = np.zeros((m, m), int)
        place[self.upper] = np.arange(len(self.upper[0]))
        self.unpacked = np.maximum(place, place.T).ravel()
        self.table = head.phi[:, self.upper[0]] * head.phi[:, self.upper[1]] if self.direct else None
        free = (head.decay == 0).astype(float)
        self.shift = free * float(n) if head.loss.shifts else None
        width = n * k + (self.size**2 if self.direct else 2 * self.size) + len(head.points) * k
        self.batch = int(np.clip(min(WORKED // width, PRODUCTS // (n * self.size)), 16, 1024))
        self.factors: list[Array] = []
        self._factor(head.weights)
        none = Sets(np.full((1, 1), -1), np.full((1, 1), -1))
        self.centre, self.chords = head.weights, False
        V, self.ok = self.refit(none, head.weights[None], 1e-10)
        self.centre = V[0]
        if self.ok[0] and np.linalg.norm(self.centre - head.weights) > NEAR * np.linalg.norm(self.centre):
            self._factor(self.centre)
        self.chords = not self.direct and len(self.factors) == 1

    def refit(
        self, sets: Sets, start: Array, tol: float = 1e-4, over: Callable[[], bool] = lambda: False
    ) -> tuple[Array, Array]:
        """Minimisers `(B, k, m)` from `start`, and where the Newton decrement came below `tol` before it is `over`."""
        V, done, wide = start.copy(), np.zeros(len(sets), bool), sets.rows.shape[1] * self.head.k
        mixed = self.chords and tol > CLOSE and wide <= OUTPUTS
        batch = min(self.batch, max(1, HELD // (wide * (wide + self.size)))) if mixed else self.batch
        for low in range(0, len(sets), batch):
            part = np.arange(low, min(low + batch, len(sets)))
            if mixed:
                near, done[part] = self._mixed(sets.at(part), over)
                V[part[done[part]]] = near[done[part]]
                part = part[~done[part]]
            if len(part):
                V[part], done[part] = self._refit(sets.at(part), V[part], tol, over)
        return V, done

    def _mixed(self, sets: Sets, over: Callable[[], bool]) -> tuple[Array, Array]:
        """By steps with the inverse at the trained head, a Newton step of its own being dear."""
        head, B = self.head, len(sets)
        Z = head.outputs(self.centre[None])
        z, old, new, kept, real = self._changed(sets, np.broadcast_to(Z, (B, *Z.shape[1:])))
        try:
            rows = ChangedRows(head.phi[sets.rows] * real[..., None], z, old, new, kept)
            chords = chords_of(head, self.factors[0], self.centre, rows)
        except np.linalg.LinAlgError:
            return np.repeat(self.centre[None], B, axis=0), np.zeros(B, bool)
        targets, stays = np.repeat(head.targets.T[None], B, axis=0), np.ones((B, len(head.phi)))
        b, place = np.nonzero(sets.rows >= 0)
        row = sets.rows[b, place]
        targets[b, :, row], stays[b, row] = new[b, :, place], kept[b, place]
        return Descent(head, chords, targets, stays, head.decays(deleted(sets))).run(self.centre, NEARLY**2, over)

    def _refit(self, sets: Sets, start: Array, tol: float, over: Callable[[], bool]) -> tuple[Array, Array]:
        V, done = start.copy(), np.zeros(len(sets), bool)
        alive = np.arange(len(sets))
        W, S = V.copy(), sets
        Z = self.head.outputs(W)
        F = self.objective(S, W, Z)
        inverse: Array | None = None
        before = np.zeros(len(sets))
        for _ in range(STEPS):
            if over():
                break
            G = self.gradient(S, W, Z)
            if not self.direct:  # a step is dear: none for those that are there
                there = np.einsum("bkm,bkm->b", G, self.prepared(G)) < tol**2
                done[alive[there]] = True
                if there.all():
                    break
                S, (alive, W, Z, F, G) = S.at(~there), (of[~there] for of in (alive, W, Z, F, G))
            D, inverse = self._directions(S, Z, G, before, inverse)
            slope = np.einsum("bkm,bkm->b", G, D)
            bad = ~np.isfinite(slope)
            good = (slope > -(tol**2)) & ~bad
            done[alive[good]] = True
            left = ~good & ~bad
            if not left.any():
                break
            if not left.all():
                alive, W, S, Z, F = alive[left], W[left], S.at(left), Z[left], F[left]
                D, slope, inverse = D[left], slope[left], None if inverse is None else inverse[left]
            W, Z, F = self._step(S, W, Z, F, D, slope)
            V[alive] = W
            before = slope
        return V, done

    def _directions(
        self, S: Sets, Z: Array, G: Array, before: Array, inverse: Array | None
    ) -> tuple[Array, Array | None]:
        """Newton's; a Hessian is used again while the squared decrement, negative in `before`, falls by `AGAIN`."""
        if not self.direct:
            return -self._conjugate(S, Z, G), None
        g = G.reshape(len(G), -1, 1)
        if inverse is None:
            inverse = self._inverses(S, Z)
            return np.asarray(-(inverse @ g)).reshape(G.shape), inverse
        D = np.asarray(-(inverse @ g)).reshape(G.shape)
        old = ~(np.einsum("bkm,bkm->b", G, D) > AGAIN * before)
        if old.any():
            inverse[old] = self._inverses(S.at(old), Z[old])
            D[old] = -(inverse[old] @ g[old]).reshape(D[old].shape)
        return D, inverse

    def _inverses(self, S: Sets, Z: Array) -> Array:
        H = self.hessians(S, Z)
        try:
            return np.asarray(np.linalg.inv(H))
        except np.linalg.LinAlgError:
            return np.broadcast_to(np.eye(H.shape[1]) / np.trace(H, axis1=1, axis2=2)[:, None, None], H.shape).copy()

    def _step(self, S: Sets, W: Array, Z: Array, F: Array, D: Array, slope: Array) -> tuple[Array, Array, Array]:
        """Newton's, halved where the objective does not fall."""
        dZ = self.head.outputs(D)
        W, Z, F = W.copy(), Z.copy(), F.copy()
        todo, t = np.arange(len(W)), 1.0
        for _ in range(HALVINGS):
            V, z, part = W[todo] + t * D[todo], Z[todo] + t * dZ[todo], S.at(todo)
            f = self.objective(part, V, z)
            fine = f <= F[todo] + 1e-4 * t * slope[todo] + 1e-13 * (1 + np.abs(F[todo]))
            chosen = todo[fine]
            W[chosen], Z[chosen], F[chosen] = V[fine], z[fine], f[fine]
            todo, t = todo[~fine], t / 2
            if not len(todo):
                break
        return W, Z, F

    def objective(self, S: Sets, V: Array, Z: Array) -> Array:
        """`(B,)` the values of `G_M`."""
        total = self.head.loss.values(Z, self.head.targets.T).sum(axis=1)
        z, old, new, kept, real = self._changed(S, Z)
        change = kept * self.head.loss.values(z, new) - real * self.head.loss.values(z, old)
        decay = self.head.decays(deleted(S))
        return np.asarray(total + change.sum(axis=1) + 0.5 * np.sum(decay * V * V, axis=(1, 2)))

    def gradient(self, S: Sets, V: Array, Z: Array) -> Array:
        """`(B, k, m)` the gradients of `G_M`."""
        head = self.head
        G = head.drawn(head.loss.slopes(Z, head.targets.T))
        z, old, new, kept, real = self._changed(S, Z)
        extra = kept[:, None] * head.loss.slopes(z, new) - real[:, None] * head.loss.slopes(z, old)
        return np.asarray(G + extra @ head.phi[S.rows] + head.decays(deleted(S)) * V)

    def solve(self, S: Sets, Z: Array, G: Array) -> Array:
        """`(B, k, m)`: the Hessians' inverses times G, near enough to choose by."""
        if self.direct:
            return np.asarray(self._inverses(S, Z) @ G.reshape(len(G), -1, 1)).reshape(G.shape)
        if not (S.rows >= 0).any() and len(self.factors) == 1:
            return self.prepared(G)
        return self._conjugate(S, Z, G, ROUGH)

    def solve_and_leverages(self, S: Sets, Z: Array, G: Array) -> tuple[Array, Array | None]:
        """What `solve` gives, and the rows' leverages `(B, k, k, n)` at these weights; None: too large for that."""
        if self.table is None:
            return self.solve(S, Z, G), None
        inverse = self._inverses(S, Z)
        B, k, m = G.shape
        X = (inverse @ G.reshape(B, k * m, 1)).reshape(G.shape)
        blocks = inverse.reshape(B, k, m, k, m).transpose(0, 1, 3, 2, 4)
        packed = (blocks + blocks.swapaxes(-1, -2))[..., self.upper[0], self.upper[1]]
        packed[..., self.upper[0] == self.upper[1]] /= 2
        return X, np.asarray(packed.reshape(B * k * k, -1) @ self.table.T).reshape(B, k, k, -1)

    def hessians(self, S: Sets, Z: Array) -> Array:
        """`(B, km, km)`."""
        head, k, m = self.head, self.head.k, self.head.phi.shape[1]
        A = self._curvatures(Z)
        z, _, _, kept, real = self._changed(S, Z)
        gone = self._curvatures(z) * (real - kept)[:, None, None, :]
        if self.table is None:
            H = np.einsum("bacn,ni,nj->bacij", A, head.phi, head.phi, optimize=True)
        else:
            packed = A.reshape(-1, A.shape[-1]) @ self.table
            H = np.take(packed, self.unpacked, axis=1).reshape(len(Z), k, k, m, m)
        phi = head.phi[S.rows]
        H -= (gone[..., None] * phi[:, None, None]).swapaxes(-1, -2) @ phi[:, None, None]
        i, j = np.arange(k)[:, None], np.arange(m)[None, :]
        H[:, i, i, j, j] += head.decays(deleted(S))
        if self.shift is not None:
            H += self.shift[None, None, None, :, None] * np.eye(m) / k
        return np.asarray(H.transpose(0, 1, 3, 2, 4).reshape(len(Z), k * m, k * m))

    def prepared(self, G: Array) -> Array:
        """The inverse of the trained head's Hessian, or of its blocks, times G."""
        B, k, m = G.shape
        if len(self.factors) == 1:
            return np.asarray(G.reshape(B, -1) @ self.factors[0]).reshape(B, k, m)
        return np.stack([G[:, c] @ self.factors[c] for c in range(k)], axis=1)

    def leverages(self) -> Array:
        """`(1, k, k, n)` the blocks of `(phi ⊗ I)ᵀ H⁻¹ (phi ⊗ I)` at the trained head."""
        phi, k, m = self.head.phi, self.head.k, self.head.phi.shape[1]
        L = np.zeros((1, k, k, len(phi)))
        if len(self.factors) == 1:
            H = self.factors[0].reshape(k, m, k, m)
            for a in range(k):
                for b in range(k):
                    L[0, a, b] = np.einsum("ni,ni->n", phi @ H[a, :, b], phi)
        else:
            for a in range(k):
                L[0, a, a] = np.einsum("ni,ni->n", phi @ self.factors[a], phi)
        return L

    def _factor(self, V: Array) -> None:
        """Inverts the Hessian of the head as it is, at V."""
        Z, none = self.head.outputs(V[None]), Sets(np.full((1, 1), -1), np.full((1, 1), -1))
        if self.size <= WHOLE:
            parts = [self._dense(none, Z)]
        else:
            A, phi = self._curvatures(Z)[0], self.head.phi
            parts = [(phi.T * A[c, c]) @ phi + np.diag(self.head.decay) for c in range(self.head.k)]
        self.factors = []
        for H in parts:
            if not np.isfinite(H).all():
                raise np.linalg.LinAlgError("the Hessian is no longer a float matrix")
            H[np.diag_indices(len(H))] += 1e-12 * np.trace(H) / len(H) + 1e-300
            self.factors.append(np.asarray(cho_solve(cho_factor(H), np.eye(len(H)))))

    def _dense(self, none: Sets, Z: Array) -> Array:
        if self.table is not None:
            return np.asarray(self.hessians(none, Z)[0])
        A, phi, k, m = self._curvatures(Z)[0], self.head.phi, self.head.k, self.head.phi.shape[1]
        H = np.empty((k, m, k, m))
        for a in range(k):
            for b in range(a, k):
                H[a, :, b] = (phi.T * A[a, b]) @ phi
                H[b, :, a] = H[a, :, b].T
            H[a, :, a] += np.diag(self.head.decay)
        if self.shift is not None:
            H += (np.diag(self.shift) / k)[None, :, None, :]
        return H.reshape(k * m, k * m)

    def _times(self, S: Sets, Z: Array, D: Array, decay: Array) -> Array:
        head = self.head
        T = head.drawn(head.loss.curved(Z, head.outputs(D)))
        z, _, _, kept, real = self._changed(S, Z)
        phi = head.phi[S.rows]
        d = np.einsum("bkm,brm->bkr", D, phi)
        T -= (head.loss.curved(z, d) * (real - kept)[:, None]) @ phi
        if self.shift is not None:
            T += self.shift * D.mean(axis=1, keepdims=True)
        return np.asarray(T + decay * D)

    def _conjugate(self, S: Sets, Z: Array, G: Array, share: float | None = None) -> Array:
        """Preconditioned conjugate gradients to a share of the right side; None: closer near the minimiser."""
        decay = self.head.decays(deleted(S))
        X, R = np.zeros_like(G), G.copy()
        Y = self.prepared(R)
        P, rho = Y.copy(), np.einsum("bkm,bkm->b", R, Y)
        aim = np.minimum(1e-4, rho) * rho if share is None else share**2 * rho
        for _ in range(CONJUGATE):
            Q = self._times(S, Z, P, decay)
            alpha = rho / np.maximum(np.einsum("bkm,bkm->b", P, Q), 1e-300)
            X += alpha[:, None, None] * P
            R -= alpha[:, None, None] * Q
            Y = self.prepared(R)
            new = np.einsum("bkm,bkm->b", R, Y)
            if not (new > aim).any():
                break
            P = Y + (new / np.maximum(rho, 1e-300))[:, None, None] * P
            rho = new
        return X

    def _curvatures(self, Z: Array) -> Array:
        """`(B, k, k, r)` Hessians in the outputs."""
        k = Z.shape[1]
        unit = np.eye(k)[:, None, :, None]
        return np.stack([self.head.loss.curved(Z, np.broadcast_to(unit[a], Z.shape)) for a in range(k)], axis=1)

    def _changed(self, S: Sets, Z: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Outputs `(B, k, r)` of the changed rows, old and new targets, whether they are kept, and are rows at all."""
        head, real = self.head, (S.rows >= 0).astype(float)
        z = np.take_along_axis(Z, np.broadcast_to(S.rows[:, None], (len(S), head.k, S.rows.shape[1])), axis=2)
        old = head.targets[S.rows].swapaxes(1, 2)
        kept = real * (S.codes >= 0)
        new = old if head.codes is None else head.codes[np.maximum(S.codes, 0)].swapaxes(1, 2)
        return z, old, new, kept, real


def deleted(S: Sets) -> Array:
    """`(B,)` how many rows are deleted."""
    return np.asarray(np.sum((S.rows >= 0) & (S.codes < 0), axis=1).astype(float))
