"""The mixed derivative `C = ∇²_wu(L − ⟨c, f⟩)`: formed, or as `CCᵀ`, `CZ`, `CᵀZ` where it does not fit memory (H3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.format.errors import InputError
from certify.network.layers.moves import Move
from certify.network.layers.objective import (
    Objective,
    checked_layers,
    chunks,
    differentiate,
    weights_of,
)
from certify.network.layers.passes import Weights
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic, DoubleDouble
from certify.rigor.fp import RAISE, Array, U


@dataclass(frozen=True, eq=False)
class Mixed:
    """`C` with `‖C_i − mid_i‖_F ≤ rad_i` for the columns `C_i` of each row that moves; hence `‖C − mid‖₂ ≤ radius`.

    Attributes:
        mid: `(p, r·q)` float64, q columns a row; parameters in the order of :mod:`certify.network.layers.jacobian`.
        rad: `(r,)` Frobenius radii of the columns of a row.
        radius: bound of the Frobenius norm of the whole error.
    """

    mid: Array
    rad: Array
    radius: float


@dataclass(frozen=True, eq=False)
class Product:
    """A matrix with `‖truth − mid‖_F ≤ radius`."""

    mid: Array
    radius: float


@dataclass(frozen=True, eq=False)
class _Rows:
    """`Cᵀ` of some rows that move: `(m, q, p)` midpoints, Frobenius radii and norms `(m,)`."""

    mid: Array
    rad: Array
    norm: Array


def enclose_mixed(
    objective: Objective, move: Move, layers: tuple[int, ...], arithmetic: Arithmetic | None = None,
    weights: Weights | None = None, rho: float = 0.0,
) -> Mixed:
    """Enclose C, formed (arguments as for :func:`certify.network.layers.hessian.enclose_hessian`).

    Features: the columns of row i are `(1/n)(P_{0g} ⊗ ã_{g−1} + v_g ⊗ ∂a_{g−1}/∂x)·scale`, the part that the Hessian
    would have with the features as the parameters of a layer 0. Targets: `−(1/n)∇_w f_a(x_i)`. Sample weights:
    `(1/n)∇_w ℓ_i`, without the tilt.

    Raises:
        InputError: rows, scale or layers that do not fit.
        EnclosureError: a pre-activation that may be at a kink, NaN, overflow.

    >>> from certify.network.network import Network
    >>> net = Network((np.array([[3.0]]), np.array([[2.0]])), (None, None), "identity")
    >>> C = enclose_mixed(Objective(net, np.ones((1, 1)), targets=np.zeros((1, 1))), Move("features", (0,)), (1, 2))
    >>> C.mid.tolist(), C.radius < 1e-13
    ([[24.0], [36.0]], True)
    """
    q, p = move.width(objective), _parameters(objective, layers)
    C, rad, start = np.empty((p, len(move.rows) * q)), [], 0
    for part in _parts(objective, move, layers, arithmetic, weights, rho):
        stop = start + len(part.rad) * q
        C[:, start:stop] = part.mid.reshape(-1, p).T
        rad.append(part.rad)
        start = stop
    every = np.concatenate(rad)
    return Mixed(C, every, float(fp.row_norms(every[None, :])[0]))


def enclose_mixed_gram(
    objective: Objective, move: Move, layers: tuple[int, ...], arithmetic: Arithmetic | None = None,
    weights: Weights | None = None, rho: float = 0.0,
) -> Product:
    """Enclose `CCᵀ`, symmetric, by sums over rows; C is never formed (arguments as for :func:`enclose_mixed`)."""
    p = _parameters(objective, layers)
    G, sums = np.zeros((p, p)), _Sums()
    for part in _parts(objective, move, layers, arithmetic, weights, rho):
        rows = part.mid.reshape(-1, p)
        G += rows.T @ rows
        sums.add(len(rows), 2.0 * part.rad * part.norm, part.norm, part.norm)
    return Product(np.tril(G) + np.tril(G, -1).T, sums.radius(G))


def enclose_mixed_image(
    objective: Objective, move: Move, layers: tuple[int, ...], Z: Array, arithmetic: Arithmetic | None = None,
    weights: Weights | None = None, rho: float = 0.0,
) -> Product:
    """Enclose `CZ` for `(r·q, s)` floats Z (other arguments as for :func:`enclose_mixed`)."""
    q, p = move.width(objective), _parameters(objective, layers)
    if Z.ndim != 2 or len(Z) != len(move.rows) * q:
        raise InputError("Z", f"shape {Z.shape}", f"give {len(move.rows) * q} rows")
    Y, sums, start = np.zeros((p, Z.shape[1])), _Sums(), 0
    for part in _parts(objective, move, layers, arithmetic, weights, rho):
        rows, m = part.mid.reshape(-1, p), len(part.rad)
        some = Z[start:start + len(rows)]
        Y += rows.T @ some
        size = fp.row_norms(some.reshape(m, -1))
        sums.add(len(rows), part.rad * size, part.norm, size)
        start += len(rows)
    return Product(Y, sums.radius(Y))


def enclose_mixed_adjoint(
    objective: Objective, move: Move, layers: tuple[int, ...], Z: Array, arithmetic: Arithmetic | None = None,
    weights: Weights | None = None, rho: float = 0.0,
) -> Product:
    """Enclose `CᵀZ` for `(p, s)` floats Z (other arguments as for :func:`enclose_mixed`)."""
    p = _parameters(objective, layers)
    if Z.ndim != 2 or len(Z) != p:
        raise InputError("Z", f"shape {Z.shape}", f"give {p} rows")
    found, square = [], Fraction(0)
    size = Fraction(fp.frobenius(Z)) + Fraction(fp.FLOOR) * Z.shape[1]
    for part in _parts(objective, move, layers, arithmetic, weights, rho):
        found.append(part.mid.reshape(-1, p) @ Z)
        norm = Fraction(float(fp.row_norms(part.norm[None, :])[0]))
        rad = Fraction(float(fp.row_norms(part.rad[None, :])[0]))
        floors = Fraction(fp.FLOOR) * (len(found[-1]) + 1)
        square += ((rad + Fraction(fp.dot_unit(p)) * (norm + floors)) * size) ** 2
    Y = fp.require_finite(np.concatenate(found), "products of the mixed derivative")
    return Product(Y, fp.up(fp.sqrt_up(square)))


class _Sums:
    """What a sum over chunks of products of length k, and of k' chunks, errs by (R2, H1)."""

    def __init__(self) -> None:
        self.balls, self.left, self.right = Fraction(0), Fraction(0), Fraction(0)
        self.longest, self.count = 0, 0

    def add(self, k: int, balls: Array, left: Array, right: Array) -> None:
        """Count a chunk: inner products of length k, radii and norms of its rows."""
        up = Fraction(fp.sum_up(len(balls)))
        self.balls += fp.exact(float(np.sum(balls))) * up
        self.left += fp.exact(float(np.sum(left**2))) * up
        self.right += fp.exact(float(np.sum(right**2))) * up
        self.longest, self.count = max(self.longest, k), self.count + 1

    def radius(self, result: Array) -> float:
        """Frobenius norm of the error of a finite result."""
        fp.require_finite(result, "products of the mixed derivative")
        unit = Fraction(fp.dot_unit(self.longest)) + Fraction(fp.dot_unit(self.count)) * Fraction(RAISE)
        floor = Fraction(fp.FLOOR) * sum(result.shape) * (self.count + 1)  # of every column of every chunk (R0)
        return fp.up(self.balls + unit * (fp.sqrt_up(self.left) + floor) * (fp.sqrt_up(self.right) + floor))


def _parts(
    objective: Objective, move: Move, layers: tuple[int, ...], arithmetic: Arithmetic | None,
    weights: Weights | None, rho: float,
) -> Iterator[_Rows]:
    """`Cᵀ` for the rows that move, in chunks."""
    arithmetic = DoubleDouble() if arithmetic is None else arithmetic
    net = objective.network
    layers = checked_layers(net, layers)
    objective = _moving(objective, move)
    over, turned = weights_of(objective, weights, rho, layers)
    rows = np.array(move.rows)
    p, q = _parameters(objective, layers), move.width(objective)
    width = max(max(net.widths) ** 2, p * q)
    for index in chunks(len(rows), width):
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            some = objective.rows(rows[index])
            d = differentiate(some, over, turned, arithmetic)
            part = _divided(move.kind.sheets(some, d, layers, arithmetic), objective.n, move.scale)
        yield part


def _parameters(objective: Objective, layers: tuple[int, ...]) -> int:
    return sum(objective.network.parameters(h) for h in checked_layers(objective.network, layers))


def _moving(objective: Objective, move: Move) -> Objective:
    """The part of the objective that moves, after what does not fit was refused."""
    rows, n = list(move.rows), len(objective.X)
    if not rows or rows != sorted(set(rows)) or not 0 <= rows[0] <= rows[-1] < n:
        raise InputError("rows", f"{rows[:5]}…", f"give row numbers from 0 to {n - 1}, ascending")
    return move.kind.moving(objective, move.scale)


def _divided(found: list[tuple[Array, Array, Array]], n: int, scale: Array | None) -> _Rows:
    """All layers side by side, times scale, over n: an entry is rounded twice."""
    mid = np.concatenate([R for R, _, _ in found], axis=2)
    rad = np.sum([r for _, r, _ in found], axis=0) * RAISE
    norm = np.sum([s for _, _, s in found], axis=0) * RAISE
    most = 1.0 if scale is None else float(np.max(np.abs(scale)))
    if scale is not None:
        mid *= scale[None, :, None]
    mid /= n
    fp.require_finite(mid, "mixed derivative")
    rad = np.maximum((rad + 3.0 * U * norm) * most / n * RAISE, fp.FLOOR)
    norm = np.maximum((norm * most / n + rad) * RAISE, fp.FLOOR)
    return _Rows(mid, fp.require_finite(rad, "radius of the mixed derivative"), norm)
