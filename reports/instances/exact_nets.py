"""Moduli of small networks: relu fits in rationals, tanh critical points at 600 bits. Nothing of certify is used."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from exact import arb, arb_mat, fmpq, fmpq_mat, matrix, rational


@dataclass(frozen=True)
class Relu:
    """A fully connected relu network with one output: weights and biases of every layer, floats that are exact."""

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]

    def passes(self, x: np.ndarray) -> tuple[list[list[Fraction]], list[list[Fraction]], list[Fraction], Fraction]:
        """Inputs of every layer, the output's slopes by every pre-activation and by x, and the output."""
        inputs, kinks = [[Fraction(float(v)) for v in x]], []
        for W, b in self.layers:
            z = [sum((Fraction(float(w)) * a for w, a in zip(row, inputs[-1], strict=True)), Fraction(float(c)))
                 for row, c in zip(W, b, strict=True)]
            assert len(kinks) == len(self.layers) - 1 or all(z), "a pre-activation is 0"
            kinks.append([v > 0 for v in z])
            inputs.append([max(v, Fraction(0)) for v in z])
        slopes, back = [[Fraction(1)]], [Fraction(1)]
        for h in range(len(self.layers) - 1, -1, -1):
            W = self.layers[h][0]
            back = [sum((Fraction(float(W[j, i])) * back[j] for j in range(len(back))), Fraction(0))
                    for i in range(W.shape[1])]
            if h:
                back = [v if on else Fraction(0) for v, on in zip(back, kinks[h - 1], strict=True)]
                slopes.insert(0, back)
        return inputs[:-1], slopes, back, z[0]

    def kernel(self, X: np.ndarray) -> tuple[fmpq_mat, list[Fraction]]:
        """`K = JJᵀ` over all weights and biases, and `|∂f/∂x|²` of every row."""
        found = [self.passes(x) for x in X]

        def pair(p: tuple, q: tuple) -> Fraction:
            return sum((sum(a * b for a, b in zip(s, t, strict=True)) * (sum(a * b for a, b in zip(u, v, strict=True))
                                                                        + 1)
                        for s, t, u, v in zip(p[1], q[1], p[0], q[0], strict=True)), Fraction(0))

        return matrix([[pair(p, q) for q in found] for p in found]), [sum(v * v for v in p[2]) for p in found]

    def modulus(self, X: np.ndarray) -> fmpq_mat:
        """A symmetric matrix like `D K⁻¹ D`, `D = diag(|∂f/∂x_i|)`: `K⁻¹D²` has its eigenvalues, the moduli squared."""
        K, moves = self.kernel(X)
        return K.inv() * matrix([[m if i == j else 0 for j in range(len(X))] for i, m in enumerate(moves)])

    def fits_within(self, X: np.ndarray, t: float) -> bool:
        """Whether the modulus is at most t: `t²K − D²` is positive definite."""
        from exact import positive_definite

        K, moves = self.kernel(X)
        n, size = len(X), rational(t) * rational(t)
        return positive_definite(fmpq_mat(n, n, [size * K[i, j] - (rational(moves[i]) if i == j else 0)
                                                 for i in range(n) for j in range(n)]))

    def largest_row(self, X: np.ndarray) -> fmpq:
        """The square of the largest modulus of one row that moves alone: `max_i |∂f/∂x_i|²(K⁻¹)_ii`."""
        K, moves = self.kernel(X)
        inverse = K.inv()
        squares = [rational(m) * inverse[i, i] for i, m in enumerate(moves)]
        return max(squares, key=lambda v: Fraction(int(v.p), int(v.q)))


@dataclass(frozen=True)
class Tanh:
    """`f(x) = v·tanh(W(x, 1)) + c`, squared loss `(1/n) Σ ½(f − y)² + (λ/2)|w|²`; weights W row by row, v, c."""

    X: np.ndarray
    y: np.ndarray
    units: int
    decay: float

    @property
    def size(self) -> int:
        return self.units * (self.X.shape[1] + 2) + 1

    def row(self, w: list, x: list, tanh) -> tuple:
        """The output at `(x, 1)`, its gradient and its Hessian by the weights."""
        d, u = len(x), self.units
        zero = w[0] * 0
        s = [tanh(sum((w[j * d + i] * v for i, v in enumerate(x)), zero)) for j in range(u)]
        v, p = w[u * d:u * d + u], self.size
        g, H = [zero] * p, [[zero] * p for _ in range(p)]
        for j in range(u):
            one = 1 - s[j] * s[j]
            two = -2 * s[j] * one
            g[u * d + j] = s[j]
            for i in range(d):
                g[j * d + i] = v[j] * one * x[i]
                H[j * d + i][u * d + j] = H[u * d + j][j * d + i] = one * x[i]
                for k in range(d):
                    H[j * d + i][j * d + k] = v[j] * two * x[i] * x[k]
        g[-1] = zero + 1
        return sum((a * b for a, b in zip(v, s, strict=True)), zero) + w[-1], g, H

    def system(self, w: list, number, tanh) -> tuple[list, list[list], list[list]]:
        """Gradient and Hessian of the loss, and for every row its residual and gradient of the output, over n."""
        n, p = len(self.X), self.size
        lam = number(self.decay)
        G, H = [lam * v for v in w], [[lam if i == j else lam * 0 for j in range(p)] for i in range(p)]
        rows = []
        for x, y in zip(self.X, self.y, strict=True):
            f, g, h = self.row(w, [*(number(float(v)) for v in x), number(1.0)], tanh)
            r = (f - number(float(y))) / n
            for i in range(p):
                G[i] += r * g[i]
                for j in range(p):
                    H[i][j] += g[i] * g[j] / n + r * h[i][j]
            rows.append([r, *(v / n for v in g)])
        return G, H, rows

    def trained(self, rng: np.random.Generator) -> np.ndarray:
        """Floats near a critical point: gradient steps, then Newton's method."""
        w = rng.normal(size=self.size)
        for step in range(3000):
            G, H, _ = self.system(list(w), float, np.tanh)
            if step < 200:
                w = w - 0.3 * np.array(G)
                continue
            size = np.linalg.solve(np.array(H), np.array(G))
            w = w - size
            if np.linalg.norm(size) < 1e-15 * np.linalg.norm(w):
                break
        return w

    def responses(self, start: np.ndarray) -> tuple[arb_mat, arb_mat, float]:
        """`H⁻¹C` at the critical point near `start`, of targets and of sample weights; how far it is.

        Newton's method at 600 bits until a step is below 1e-150: the point is not proved to exist.
        """
        w = [arb(float(v)) for v in start]
        for _ in range(30):
            G, H, rows = self.system(w, arb, lambda v: v.tanh())
            step = arb_mat(H).solve(arb_mat([[g] for g in G])).entries()
            w = [(a - b).mid() for a, b in zip(w, step, strict=True)]
            if all(abs(s) < 1e-150 for s in step):
                break
        else:
            raise AssertionError("no critical point was found")
        far = max(abs(float(a) - b) for a, b in zip(w, start, strict=True))
        n = len(self.X)
        targets = arb_mat([[-v for v in row[1:]] for row in rows]).transpose()
        weights = arb_mat([[row[0] * v * n for v in row[1:]] for row in rows]).transpose()
        H = arb_mat(H)
        return H.solve(targets), H.solve(weights), far


def norm_within(M: arb_mat, t: float) -> bool:
    """Whether the spectral norm of an enclosed matrix is at most t."""
    S, n = M * M.transpose(), M.nrows()
    rows = [[(arb(t) ** 2 if i == j else arb(0)) - S[i, j] for j in range(n)] for i in range(n)]
    for i in range(n):
        if rows[i][i] < 0:
            return False
        assert rows[i][i] > 0, "more bits are needed"
        for j in range(i + 1, n):
            factor = rows[j][i] / rows[i][i]
            rows[j] = [x - factor * y for x, y in zip(rows[j], rows[i], strict=True)]
    return True


def size(M: arb_mat) -> float:
    """The norm in floats: where thresholds come from, not answers."""
    return float(np.linalg.norm(np.array([[float(v) for v in row] for row in M.tolist()]), 2))
