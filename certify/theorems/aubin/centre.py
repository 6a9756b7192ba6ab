"""What Q1 needs at the centre: a right inverse, and the first-order changes of what it makes of the Jacobian."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.network.layers.jacobian import jacobian
from certify.network.layers.passes import known_weights
from certify.network.layers.tangents import Point, at_point, tangent
from certify.network.network import Network
from certify.rigor import fp
from certify.rigor.arithmetic import Binary64
from certify.rigor.fp import RAISE, Array, U
from certify.rigor.matrices import nonnegative_norm
from certify.rigor.singular import enclose_norm2
from certify.rigor.witness import propose
from certify.systems.interpolation.congruence import applied, witness
from certify.theorems.aubin.switching_units import Gates, enclose_gates


@dataclass(frozen=True, eq=False)
class Slopes:
    """Bounds of first-order changes, per unit of what changes.

    Attributes:
        weights: `sup ‖X·DJ[δ]·Qᵀ‖` over `|δ| ≤ 1`, any direction of the weights.
        inside: `sup ‖X·DJ[Qᵀt]·Qᵀ‖` over `|t| ≤ 1`.
        data: `sup ‖X·DJ[u]·Qᵀ‖` over `|u| ≤ 1`.
    """

    weights: Fraction
    inside: Fraction
    data: Fraction


@dataclass(frozen=True, eq=False)
class Centre:
    """Everything about `(x, w̄)`, radii apart. X and Q are exact float64 matrices, `R = QᵀX`.

    Attributes:
        point: passes and second derivatives.
        X: `(N, N)`.
        Q: `(N, p)`.
        size: bound of `‖Q‖`.
        defect: ε with `‖XJ(0, w̄)Qᵀ − I‖ ≤ ε < 1`; X is nonsingular then.
        start: bound of `‖XG_u(0, w̄)‖`.
        slopes: first-order changes of `XJQᵀ`.
        data_bend, mixed: `(N,)` bounds of `‖∂²f/∂x²‖` and `‖∂²f/∂x∂w‖`, 0 for rows that may not move.
        spread: bound of `‖X‖`.
        gates: of relu and leaky relu, what units that may change sign do; None for smooth activations.
    """

    point: Point
    X: Array
    Q: Array
    size: Fraction
    defect: Fraction
    start: Fraction
    slopes: Slopes
    data_bend: Array
    mixed: Array
    spread: Fraction
    gates: Gates | None = None


def enclose_centre(net: Network, features: Array, moves: NDArray[np.bool_], targets: bool = False) -> Centre | str:
    """Enclose what Q1 needs at the data and the given weights; or why it could not be done.

    N² (p + N) numbers are kept for a moment, N passes are made.

    Args:
        net: fully connected; smooth, or relu or leaky relu with one hidden layer.
        features: `(n, d)`.
        moves: `(n,)` booleans, the rows that may move.
        targets: whether their targets move, and the features stay.

    Raises:
        EnclosureError: kinks, overflow.
    """
    arithmetic = Binary64()
    point = at_point(net, known_weights(net), features)
    layers = net.layers("all")
    J = jacobian(point.passed, point.adjoints, layers, tuple(b is not None for b in net.biases), arithmetic)
    X = _proposed(J.mid.hi)
    if X is None:
        return "full row rank of the Jacobian is not proved: its rows cannot be orthonormalised in floats"
    Q = np.ascontiguousarray(X @ J.mid.hi)
    fp.require_finite(Q, "right inverse")
    N, p = Q.shape
    size = Fraction(enclose_norm2(Q).upper)
    off = Fraction(fp.dot_unit(N)) * _size(X) * _size(J.mid.hi) + applied(X, J.rad)  # ‖XJ − Q‖
    G = fp.require_finite(Q @ Q.T, "right inverse")
    G[np.arange(N), np.arange(N)] -= 1.0  # rounding at most u(1 + |G|)
    defect = nonnegative_norm(np.abs(G)) * (1 + Fraction(U)) + Fraction(U)
    defect += Fraction(fp.dot_unit(p)) * _size(Q) ** 2 + off * size
    if not defect < Fraction(1, 2):
        return f"full row rank of the Jacobian is not proved: ‖XJQᵀ − I‖ ≤ {fp.shown(defect)}, not below 0.5"
    start = _moved_targets(X, moves) if targets else _start(point, X, moves)
    moves = moves & np.bool_(not targets)
    slopes = _slopes(point, X, Q, size, moves)
    data_bend, mixed = _feature_changes(point, moves) if moves.any() else (np.zeros(N), np.zeros(N))
    spread = Fraction(enclose_norm2(X).upper)
    gates = enclose_gates(point, X, Q) if net.kinked else None
    return Centre(point, X, Q, size, defect, start, slopes, data_bend, mixed, spread, gates)


def _proposed(J: Array) -> Array | None:
    X = propose(J)
    return witness(J @ J.T) if X is None else X


def _size(A: Array) -> Fraction:
    return Fraction(fp.frobenius(A)) * Fraction(RAISE)


def _start(point: Point, X: Array, moves: NDArray[np.bool_]) -> Fraction:
    """`‖X blkdiag(∂f/∂x)‖`: blocks `X_ig_i`, each entry a product of length k."""
    g = point.adjoints[0]
    n, N = len(moves), len(X)
    k = N // n
    G = g.mid.hi.reshape(n, k, -1) * moves[:, None, None]
    Y = np.einsum("Nik,ikd->Nid", X.reshape(N, n, k), G).reshape(N, -1)
    fp.require_finite(Y, "right inverse")
    blocks = fp.row_norms(np.ascontiguousarray(X.T).reshape(n, k * N))
    error = (fp.dot_unit(k) * g.norm.reshape(n, k).sum(axis=1) + g.rad.reshape(n, k).sum(axis=1)) * blocks * moves
    return Fraction(enclose_norm2(Y).upper) + Fraction(float(fp.row_norms(error[None, :])[0])) * Fraction(RAISE)


def _moved_targets(X: Array, moves: NDArray[np.bool_]) -> Fraction:
    """`‖XG_u‖` where targets move: `G_u` is −1 on their equations; the columns of X are taken as they are."""
    Y = X[:, np.repeat(moves, len(X) // len(moves))]
    return Fraction(enclose_norm2(Y).upper)


def _slopes(point: Point, X: Array, Q: Array, size: Fraction, moves: NDArray[np.bool_]) -> Slopes:
    """`T[m, l, ·] = (X·DJ[Q_l])[m, ·]`; second derivatives are symmetric: `(X·DJ[δ]·Qᵀ)[m, l] = ⟨T[m, l, ·], δ⟩`."""
    N, p = Q.shape
    n = len(moves)
    k, d = N // n, point.network.widths[0]
    T, C = np.empty((N, N, p)), np.empty((N, N, N))
    H, off, off_h, off_c = np.empty((N, d, N)), Fraction(0), np.zeros(N), Fraction(0)
    unit, longer, size_x, size_q = Fraction(fp.dot_unit(N)), Fraction(fp.dot_unit(p)), _size(X), _size(Q)
    for column in range(N):
        found = tangent(point, Q[column])
        A = fp.require_finite(X @ found.rows, "second derivatives")
        B = fp.require_finite(A @ Q.T, "second derivatives")
        T[:, column], C[:, column], H[:, :, column] = A, B, found.features.mid.hi
        error = unit * size_x * _size(found.rows) + applied(X, found.rad)
        off += error**2
        off_c += (error * size + longer * _size(A) * size_q) ** 2
        off_h = (off_h + _squares(found.features.rad)) * RAISE
    weights = _unfolded(T, 0) + fp.sqrt_up(off)  # of the three the one that a checker can form without T
    inside = min(min(_unfolded(C, axis) for axis in range(2)) + fp.sqrt_up(off_c), weights * size)
    bends = np.array([enclose_norm2(H[i]).upper if moves[i // k] and H[i].any() else fp.FLOOR for i in range(N)])
    bends = (bends + np.sqrt(off_h)) * RAISE * np.repeat(moves, k)
    return Slopes(weights, inside, _weighted(X, bends, k))


def _unfolded(T: Array, axis: int) -> Fraction:
    """Norm of one of the three matrices that a tensor is; it bounds `sup T(x, y, z)` over unit vectors."""
    moved = np.moveaxis(T, axis, 0)
    M = np.ascontiguousarray(moved).reshape(moved.shape[0], -1)
    return Fraction(enclose_norm2(M).upper) if M.any() else Fraction(fp.FLOOR)


def _squares(r: Array) -> Array:
    """Upper bounds of `r²` that no underflow can lose."""
    return np.maximum(r, fp.FLOOR) ** 2


def _weighted(X: Array, e: Array, k: int) -> Fraction:
    """`√k‖X diag(e)‖`: bounds `‖Σ_i Σ_a X_ia v_iaᵀ|u_i|‖` over `|v_ia| ≤ e_ia`, `Σ|u_i|² ≤ 1`."""
    M = X * e  # one rounding an entry
    if not M.any():
        return Fraction(fp.FLOOR)
    return (Fraction(enclose_norm2(M).upper) + 2 * Fraction(U) * _size(M)) * fp.sqrt_up(Fraction(k))


def _feature_changes(point: Point, moves: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Bounds of `‖∂²f_a/∂x²‖` and `‖∂²f_a/∂x∂w‖` for every row, from one tangent for each feature."""
    n, d = len(moves), point.network.widths[0]
    N = len(point.adjoints[0].rad)
    k = N // n
    squares, mixed = np.empty((N, d, d)), []
    off, off_m = np.zeros(N), np.zeros(N)
    for j in range(d):
        step = np.zeros((n, d))
        step[:, j] = 1.0
        found = tangent(point, None, step)
        squares[:, j] = found.features.mid.hi
        off = (off + _squares(found.features.rad)) * RAISE
        off_m = (off_m + _squares(found.rad)) * RAISE
        mixed.append(found.rows)
    sizes = []
    for i in range(N):
        if not moves[i // k]:
            sizes.append((0.0, 0.0))
            continue
        rows = np.stack([m[i] for m in mixed])
        square, other = (enclose_norm2(M).upper if M.any() else fp.FLOOR for M in (squares[i], rows))
        sizes.append((square, other))
    both = np.array(sizes)
    on = np.repeat(moves, k)
    return (both[:, 0] + np.sqrt(off)) * RAISE * on, (both[:, 1] + np.sqrt(off_m)) * RAISE * on


def rows_bound(centre: Centre, e: Array) -> Fraction:
    """Bound of `‖XE‖` over matrices E whose rows are at most as long as one of the rows of `e` says: `max ‖|X|e‖`."""
    M = fp.require_finite(np.abs(centre.X) @ e.T, "right inverse").T * (1.0 + 2 * fp.dot_unit(e.shape[1]))
    return Fraction(float(fp.row_norms(M).max())) * Fraction(RAISE)


def changed_data(centre: Centre, gamma: Array) -> Fraction:
    """Bound of `‖X blkdiag(Δg)‖` over blocks whose rows are at most `gamma` long."""
    n = len(centre.point.passed.output.rad)
    return _weighted(centre.X, gamma, len(gamma) // n)


