"""D4: a squared-loss head with some rows deleted, for one contrast at one evaluation row, and what k more can take.

`K = ΦH⁻¹Φᵀ` on the rows that may go, r their residuals, c their influences, z the contrast. Deleting the rows M takes
`c_Mᵀ(I − K_MM)⁻¹r_M` from z; deleting one row i is a change of rank one of all four. Errors are scalars: every entry of
an array errs by at most its number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.theorems.head.rows.squared.contrasts import Ints

ROUNDS, TRIES = 40, 2
"""Steps of the iteration that proposes a comparison vector, and how often its largest entries are chosen anew."""

INFLATE = 1.02
"""Factor of the matrix for which it is proposed, so that the inequality is strict, and soon reached."""


@dataclass(frozen=True, eq=False)
class Node:
    """State after some deletions; arrays belong to the rows that still may go.

    Attributes:
        K: `(n, n)` symmetric, between 0 and the identity.
        r, c: `(n,)`.
        z: the contrast, which has to stay positive.
        errors: of K, r, c (every entry) and z.
        signs: `(n,)` 1 or −1, the diagonal matrix in the place of the identity in `I − K` (D4i); None: the identity.
    """

    K: Array
    r: Array
    c: Array
    z: float
    errors: tuple[float, float, float, float]
    signs: Array | None = None

    def part(self, rows: Ints) -> Node:
        """The same with some rows that may go."""
        signs = None if self.signs is None else self.signs[rows]
        return Node(self.K[np.ix_(rows, rows)], self.r[rows], self.c[rows], self.z, self.errors, signs)

    @property
    def pivots(self) -> Array:
        """`D_i`: the diagonal of what is inverted."""
        return np.asarray((1.0 if self.signs is None else self.signs) - np.diagonal(self.K))

    @property
    def least(self) -> float:
        """Lower end of the contrast."""
        return self.z - self.errors[3]

    @property
    def most(self) -> float:
        """Upper end of the contrast."""
        return self.z + self.errors[3]


def without(node: Node, i: int, rest: Ints) -> Node | None:
    """The node after row i is deleted, with `rest` of the rows left to go; None where `K_ii < 1` is not proved.

    `K + K_iK_iᵀ/D`, `r + K_i r_i/D`, `c + K_i c_i/D`, `z − c_i r_i/D` with `D = 1 − K_ii`.
    """
    eK, er, ec, ez = node.errors
    D = float(node.pivots[i])
    low = (abs(D) - eK) * (1 - 4 * U)
    if not low > 1e-9:
        return None
    k, ri, ci = node.K[rest, i], float(node.r[i]), float(node.c[i])
    top = float(np.abs(k).max(initial=0.0))
    K = node.K[np.ix_(rest, rest)] + np.outer(k, k / D)
    most = 1.0 if node.signs is None else _largest(node.K)
    step = _quotient(top, eK, top, eK, low, eK)
    errors = (eK + step + 4 * U * (most + top * top / low),
              er + _quotient(top, eK, abs(ri), er, low, eK) + 4 * U * (_largest(node.r) + top * abs(ri) / low),
              ec + _quotient(top, eK, abs(ci), ec, low, eK) + 4 * U * (_largest(node.c) + top * abs(ci) / low),
              ez + _quotient(abs(ci), ec, abs(ri), er, low, eK) + 4 * U * (abs(node.z) + abs(ci * ri) / low))
    a, b, g, d = (e * RAISE + fp.FLOOR for e in errors)
    signs = None if node.signs is None else node.signs[rest]
    r, c = node.r[rest] + k * (ri / D), node.c[rest] + k * (ci / D)
    return Node(K, r, c, node.z - ci * (ri / D), (a, b, g, d), signs)


def _quotient(a: float, ea: float, b: float, eb: float, low: float, eD: float) -> float:
    """Bound of the error of `ab/D` where a, b and D err by ea, eb, eD and every D is at least `low`."""
    return (a * eb + b * ea + ea * eb + (a + ea) * (b + eb) * eD / low) / low


def _largest(x: Array) -> float:
    return float(np.abs(x).max(initial=0.0))


def top_sums(A: Array, k: int) -> Array:
    """Upper bounds of the sums of the k largest entries of the rows of A, which are not negative."""
    n = A.shape[-1]
    if k <= 0 or n == 0:
        return np.zeros(A.shape[:-1])
    if k == 1:
        return np.asarray(A.max(axis=-1))
    largest = A if k >= n else np.partition(A, n - k, axis=-1)[..., n - k:]
    return np.asarray(largest.sum(axis=-1) * fp.sum_up(min(k, n)))


@dataclass(frozen=True, eq=False)
class Compared:
    """`|((I − K_MM)⁻¹ r_M)_i − r_i/(1 − K_ii)| ≤ xi_i` for every M of at most k rows (D4, step 2)."""

    xi: Array
    low: Array


def sizes(node: Node) -> Array:
    """Bounds of the entries of K in size, 0 on the diagonal."""
    size = np.abs(node.K) + node.errors[0]
    np.fill_diagonal(size, 0.0)
    return np.asarray(size)


def compare(node: Node, k: int, known: Array | None = None) -> Compared | None:
    """Find ξ with `D_i ξ_i > T_{k−1}(|K_il||x_l|) + T_{k−1}(|K_il|ξ_l)`, `x = r/D`, and prove it; None if not found.

    Args:
        node: of which rows.
        k: most deletions.
        known: a ξ that was proved for the same node before; its inequality is not asked again.
    """
    eK, er, _, _ = node.errors
    low = (np.abs(node.pivots) - eK) * (1 - 4 * U)
    if not (low > 1e-6).all():
        return None
    if k <= 1 or known is not None:
        return Compared(np.zeros(len(low)) if known is None else known, low)
    size = sizes(node)
    base = top_sums(size * ((np.abs(node.r) + er) / low * RAISE), k - 1)
    for _ in range(TRIES):
        xi = _proposed(size, low, base, k)
        if xi is None:
            return None
        found = prove_comparison(size, low, base, xi, k)
        if found is not None:
            return found
    return None


def _proposed(size: Array, low: Array, base: Array, k: int) -> Array | None:
    """A comparison vector by iteration on the largest entries of each row alone, of a slightly larger matrix."""
    n, few = len(low), min(len(low), 4 * k + 8)
    xi, larger = base / low, INFLATE / low
    for _ in range(TRIES):
        at = np.argpartition(size * (xi + 1e-3 * float(xi.max(initial=0.0))), n - few, axis=1)[:, n - few:]
        some = np.take_along_axis(size, at, axis=1) * larger[:, None]
        limit = 1e3 * (float(xi.max(initial=0.0)) + 1e-290)
        for _ in range(ROUNDS):
            terms = some * xi[at]
            new = base / low + (terms if few <= k - 1 else np.partition(terms, few - k + 1, axis=1)[:, few - k + 1:]
                                ).sum(axis=1)
            done = bool((new <= xi * (1 + 1e-4)).all())
            xi = np.maximum(xi, new)
            if not float(xi.max(initial=0.0)) <= limit:
                return None
            if done:
                break
    return xi * (1 + 1e-3) + 1e-290


def prove_comparison(size: Array, low: Array, base: Array, xi: Array, k: int) -> Compared | None:
    """The inequality itself, strictly and in every row, with `xi > 0`."""
    right = (base + top_sums(size * xi, k - 1)) * (RAISE * RAISE)
    good = (xi > 0).all() and (low * xi * (1 - 4 * U) > right).all()
    return Compared(xi, low) if good else None


def row_terms(node: Node, k: int, with_pairs: bool, found: Compared) -> tuple[Array, float]:
    """w and ε such that deleting M, at most k of the rows, takes at most `Σ_{i∈M} w_i + ε` from z.

    Without pairs `w_i = c_i x_i + |c_i|ξ_i`. With pairs `w_i = c_i x_i + T_{k−1}(P_il)_+ + T_{k−1}(|K_il||y_l|)ξ_i`,
    `y = c/D` and `P_il = ½K_il(y_i x_l + y_l x_i)`: the second order keeps its signs (D4, step 3).
    """
    eK, er, ec, _ = node.errors
    D, floor = node.pivots, float(found.low.min(initial=1.0))
    x, y = node.r / D, node.c / D
    most_c, most_x, most_y = _largest(node.c), _largest(x), _largest(y)
    ex = ((er + most_x * eK) / floor + 4 * U * most_x) * RAISE
    ey = ((ec + most_y * eK) / floor + 4 * U * most_y) * RAISE
    first = node.c * x
    slack = k * (ec * (most_x + ex) + most_c * ex + 4 * U * most_c * most_x)
    if k <= 1:
        return first, slack * RAISE + fp.FLOOR
    if not with_pairs:
        w = first + (np.abs(node.c) + ec) * found.xi * RAISE
        return w, (slack + 4 * U * k * _largest(w)) * RAISE + fp.FLOOR
    pairs = np.outer(0.5 * y, x)
    pairs += pairs.T
    pairs *= node.K
    np.maximum(pairs, 0.0, out=pairs)
    np.fill_diagonal(pairs, 0.0)
    third = top_sums(sizes(node) * (np.abs(y) + ey), k - 1) * found.xi * RAISE
    w = first + top_sums(pairs, k - 1) + third
    top = 1.0 if node.signs is None else max(1.0, _largest(node.K))  # with signs entries of K may exceed 1
    each = (eK * (most_x + ex) * (most_y + ey)
            + top * (ey * (most_x + ex) + most_y * ex + 8 * U * most_x * most_y)) * RAISE
    slack += k * (k - 1) * each + 4 * U * k * (_largest(w) + _largest(first))
    return w, slack * RAISE + fp.FLOOR
