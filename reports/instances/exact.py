"""Who knows the answer: refits in rationals or at 600 bits, closed forms in rationals. Nothing of certify is used.

A refit that has no rational form comes from Newton's method in floats, then at 600 bits, and lies within
|gradient| / (nλ) of what is found: the objective is nλ-strongly convex, as every weight carries the decay.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat

BITS, NEWTON = 600, 30
LABEL, GONE = "labels", "deletions"
ctx.prec = BITS
Change = dict[int, int | None]
"""Row to its new label (its place), or None where the row is gone."""


def rational(x: float | Fraction) -> fmpq:
    x = Fraction(x)
    return fmpq(x.numerator, x.denominator)


def matrix(rows: Sequence[Sequence[float | Fraction]]) -> fmpq_mat:
    return fmpq_mat(len(rows), len(rows[0]), [rational(x) for row in rows for x in row])


def positive_definite(A: fmpq_mat) -> bool:
    """Whether a symmetric rational matrix is positive definite: every pivot of its elimination is."""
    n = A.nrows()
    rows = [[A[i, j] for j in range(n)] for i in range(n)]
    for i in range(n):
        if not rows[i][i] > 0:
            return False
        for j in range(i + 1, n):
            factor = rows[j][i] / rows[i][i]
            rows[j] = [x - factor * y for x, y in zip(rows[j], rows[i], strict=True)]
    return True


def at_most(t: float, S: fmpq_mat) -> bool:
    """Whether the largest eigenvalue of a symmetric S is at most t² (never met with equality here)."""
    size = rational(t) * rational(t)
    n = S.nrows()
    return positive_definite(fmpq_mat(n, n, [(size if i == j else 0) - S[i, j] for i in range(n) for j in range(n)]))


def changes(label: Sequence[int], classes: int, kind: str, m: int) -> Iterator[Change]:
    """Every change of at most m rows, today's data first."""
    for size in range(m + 1):
        for rows in itertools.combinations(range(len(label)), size):
            new = [[None] if kind == GONE else [c for c in range(classes) if c != label[i]] for i in rows]
            for chosen in itertools.product(*new):
                yield dict(zip(rows, chosen, strict=True))


class Head:
    """A linear model with all weights decayed: `Σ ℓ(Wφ_i; y_i) + (nλ/2)|W|²`, φ the features and, where asked, a 1.

    Args:
        X: features, floats that are exact.
        label: the label of every row, from 0; squared loss: target −1 or 1; logistic: below or above 0.
    """

    def __init__(self, loss: str, X: np.ndarray, label: Sequence[int], decay: float, classes: int, bias: bool = True):
        self.loss, self.label, self.classes, self.bias = loss, list(label), classes, bias
        self.phi = self.extended(X)
        self.mu, self.decay = rational(decay) * len(X), decay
        self.k = classes if loss == "cross_entropy" else 1

    def extended(self, X: np.ndarray) -> np.ndarray:
        return np.c_[X, np.ones(len(X))] if self.bias else np.asarray(X)

    def codes(self, change: Change) -> list[tuple[int, int]]:
        """The rows that are left, each with its label after a change."""
        found = [(i, change.get(i, self.label[i])) for i in range(len(self.label))]
        return [(i, c) for i, c in found if c is not None]

    # --- floats: nothing here is believed ---------------------------------------------------------------------------

    def slopes(self, Z: np.ndarray, codes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        Y = np.eye(self.classes)[list(codes)] if self.k > 1 else 2.0 * np.array(codes)[:, None] - 1
        if self.loss == "squared":
            return Z - Y, np.ones((len(Z), 1, 1))
        if self.loss == "logistic":
            q = 1 / (1 + np.exp(np.clip(Z * Y, -700, 700)))
            return -q * Y, (q * (1 - q))[:, :, None]
        P = np.exp(Z - Z.max(1, keepdims=True))
        P /= P.sum(1, keepdims=True)
        return P - Y, P[:, :, None] * np.eye(self.k) - P[:, :, None] * P[:, None, :]

    def near(self, change: Change, phi: np.ndarray | None = None, steps: int = 60) -> tuple[np.ndarray, np.ndarray]:
        """Weights near the refit `(k, m)`, and the inverse of the Hessian there."""
        left = self.codes(change)
        phi = (self.phi if phi is None else phi)[[i for i, _ in left]]
        k, m, mu = self.k, phi.shape[1], float(Fraction(int(self.mu.p), int(self.mu.q)))
        W = np.zeros((k, m))

        def value(W: np.ndarray) -> float:
            Z = phi @ W.T
            c = np.array([c for _, c in left])
            if self.loss == "squared":
                loss = ((Z[:, 0] - (2.0 * c - 1)) ** 2).sum() / 2
            elif self.loss == "logistic":
                loss = np.logaddexp(0, -Z[:, 0] * (2.0 * c - 1)).sum()
            else:
                loss = (np.logaddexp.reduce(Z, 1) - Z[np.arange(len(Z)), c]).sum()
            return float(loss + mu / 2 * (W**2).sum())

        for _ in range(steps):
            g, D = self.slopes(phi @ W.T, [c for _, c in left])
            grad = (g.T @ phi + mu * W).ravel()
            H = np.einsum("nab,ni,nj->aibj", D, phi, phi).reshape(k * m, k * m) + mu * np.eye(k * m)
            step, size = np.linalg.solve(H, grad).reshape(k, m), 1.0
            while size > 1e-6 and value(W - size * step) > value(W) + 1e-9 * abs(value(W)):
                size /= 2
            W = W - size * step
        return W, np.linalg.inv(H)

    # --- exact ------------------------------------------------------------------------------------------------------

    def rational_refit(self, change: Change) -> fmpq_mat:
        """The minimiser of a squared loss, `(m, 1)`."""
        left = self.codes(change)
        A, y = matrix([self.phi[i].tolist() for i, _ in left]), matrix([[2 * c - 1] for _, c in left])
        m = A.ncols()
        H = A.transpose() * A + fmpq_mat(m, m, [self.mu if i == j else 0 for i in range(m) for j in range(m)])
        return H.solve(A.transpose() * y)

    def refit(self, change: Change, phi: np.ndarray | None = None) -> tuple[list[list[arb]], arb]:
        """Weights as points of 600 bits, and how far from them the refit may be."""
        left, (W, inverse) = self.codes(change), self.near(change, phi)
        rows = [[arb(float(x)) for x in (self.phi if phi is None else phi)[i]] for i, _ in left]
        k, m, mu = self.k, len(rows[0]), arb(self.mu)
        w, R = [arb(float(x)) for x in W.ravel()], arb_mat(inverse.tolist())
        for _ in range(NEWTON):
            g = [mu * x for x in w]
            for row, (_, c) in zip(rows, left, strict=True):
                z = [sum((w[a * m + j] * x for j, x in enumerate(row)), arb(0)) for a in range(k)]
                for a, slope in enumerate(self.exact_slopes(z, c)):
                    for j, x in enumerate(row):
                        g[a * m + j] += slope * x
            radius = sum((x * x for x in g), arb(0)).sqrt() / mu
            if radius < arb(2) ** -400:
                break
            step = (R * arb_mat([[x.mid()] for x in g])).entries()
            w = [(x - s).mid() for x, s in zip(w, step, strict=True)]
        return [w[a * m:(a + 1) * m] for a in range(k)], radius.upper()

    def exact_slopes(self, z: list[arb], code: int) -> list[arb]:
        if self.loss == "squared":
            return [z[0] - (2 * code - 1)]
        if self.loss == "logistic":
            s = 2 * code - 1
            return [-s / (1 + (z[0] * s).exp())]
        return [1 / sum(((b - a).exp() for b in z), arb(0)) - (1 if c == code else 0) for c, a in enumerate(z)]

    def outputs(self, x: np.ndarray, change: Change, phi: np.ndarray | None = None) -> list[arb]:
        """Balls around the outputs at x after a change."""
        W, radius = self.refit(change, phi)
        e = [arb(float(v)) for v in self.extended(x[None])[0]]
        r = (sum((v * v for v in e), arb(0)).sqrt() * radius).upper()
        return [sum((a * b for a, b in zip(row, e, strict=True)), arb(0)) + arb(0, r) for row in W]

    def keeps(self, x: np.ndarray, today: int, change: Change) -> bool:
        """Whether the label of x after a change is today's; a tie, which no instance has, is an error."""
        if self.loss == "squared":
            w, e = self.rational_refit(change), self.extended(x[None])[0].tolist()
            z = sum((w[j, 0] * rational(v) for j, v in enumerate(e)), fmpq(0))
            assert z != 0
            return (z > 0) == (today == 1)
        z = self.outputs(x, change)
        gaps = [z[0] * (2 * today - 1)] if self.k == 1 else [z[today] - v for b, v in enumerate(z) if b != today]
        assert all(gap > 0 for gap in gaps) or any(gap < 0 for gap in gaps), "more bits are needed"
        return all(gap > 0 for gap in gaps)

    def stays(self, x: np.ndarray, today: int, kind: str, m: int) -> bool:
        """Whether the label of x is today's after every change of at most m rows."""
        return all(self.keeps(x, today, change) for change in changes(self.label, self.classes, kind, m))

    def stays_linear(self, x: np.ndarray, today: int, m: int) -> bool:
        """The same of new labels under the squared loss, whose refit is linear in the targets."""
        parts = [share * (2 * c - 1) * (2 * today - 1)  # z = Σ share_i y_i, and a new label changes y_i by ∓2
                 for share, c in zip(self.shares(x), self.label, strict=True)]
        margin = sum(parts, fmpq(0)) - 2 * sum(sorted((p for p in parts if p > 0), reverse=True)[:m], fmpq(0))
        assert margin != 0
        return margin > 0

    def stays_on_a_line(self, direction: np.ndarray, kind: str, m: int) -> bool:
        """The same where all rows are multiples `s_i` of one direction and there is no bias: the sign of `Σ y_i s_i`.

        The refit is a multiple of the direction, and of the sign of minus the slope at 0: of `Σ y_i s_i` over the
        rows that are left, times 1 (squared) or ½ (logistic).
        """
        parts = []
        for row, c in zip(self.phi, self.label, strict=True):
            at = int(np.argmax(np.abs(direction)))
            s = Fraction(float(row[at])) / Fraction(float(direction[at]))
            assert all(Fraction(float(v)) == s * Fraction(float(d)) for v, d in zip(row, direction, strict=True))
            parts.append(s * (2 * c - 1))
        whole = sum(parts)
        parts = [part if whole > 0 else -part for part in parts]
        worst = sum(sorted((p for p in parts if p > 0), reverse=True)[:m]) * (1 if kind == GONE else 2)
        assert worst != abs(whole)
        return worst < abs(whole)

    def flip(self, x: np.ndarray, today: int, kind: str, m: int) -> Change | None:
        """A change that is proved to flip x, found row by row; None where this finds none."""
        change: Change = {}
        for _ in range(m):
            tried = []
            for i in range(len(self.label)):
                if i in change:
                    continue
                for new in [None] if kind == GONE else [c for c in range(self.classes) if c != self.label[i]]:
                    W, _ = self.near({**change, i: new}, steps=8)
                    z = W @ self.extended(x[None])[0]
                    gap = z[0] * (2 * today - 1) if self.k == 1 else z[today] - np.delete(z, today).max()
                    tried.append((float(gap), i, new))
            gap, row, new = min(tried, key=lambda one: one[0])
            change[row] = new
            if gap < 0 and not self.keeps(x, today, change):
                return change
        return None

    def moved_targets(self, x: np.ndarray | None = None) -> fmpq_mat:
        """`B Bᵀ`, where a move u of the targets moves the weights by `B u`; with x the output there."""
        A = matrix(self.phi.tolist())
        size = A.ncols()
        H = A.transpose() * A + fmpq_mat(size, size, [self.mu if i == j else 0 for i in range(size)
                                                      for j in range(size)])
        B = H.solve(A.transpose())
        if x is not None:
            B = matrix([self.extended(x[None])[0].tolist()]) * B
        return B * B.transpose()

    def shares(self, x: np.ndarray) -> list[fmpq]:
        """What a unit of each target moves the output at x by, under the squared loss."""
        A = matrix(self.phi.tolist())
        size = A.ncols()
        H = A.transpose() * A + fmpq_mat(size, size, [self.mu if i == j else 0 for i in range(size)
                                                      for j in range(size)])
        return (A * H.solve(matrix([[v] for v in self.extended(x[None])[0].tolist()]))).entries()

    def motion(self, kind: str, m: int) -> arb:
        """The largest distance between today's refit and one of a change."""
        W0, r0 = self.refit({})
        largest = arb(0)
        for change in changes(self.label, self.classes, kind, m):
            W, r = self.refit(change)
            gap = sum(((a - b) ** 2 for u, v in zip(W, W0, strict=True) for a, b in zip(u, v, strict=True)), arb(0))
            largest = largest.max(gap.sqrt() + arb(0, (r + r0).upper()))
        return largest


def below(value: arb, t: float) -> bool:
    """Whether an enclosed value is at most t."""
    assert value < t or value > t, "more bits are needed"
    return bool(value < t)


def root(S: fmpq_mat) -> float:
    """√λ_max in floats: where thresholds come from, not answers."""
    return math.sqrt(float(np.linalg.eigvalsh(np.array([[float(Fraction(int(v.p), int(v.q))) for v in row]
                                                        for row in S.tolist()])).max()))
