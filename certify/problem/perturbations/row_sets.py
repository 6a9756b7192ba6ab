"""What one row can do to the equations, `R_i = {G_i u : |u|_q ≤ 1}`: support function and an ellipsoid around it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.problem.norms.row_norm import ROW_NORMS
from certify.problem.perturbations.factor import BlockFactor, Mask
from certify.rigor import fp
from certify.rigor.ball import Balls
from certify.rigor.fp import RAISE, Array, U


@dataclass(frozen=True, eq=False)
class RowSets:
    """The sets `R_i = {(G_i + Δ_i)u : |u|_q ≤ 1}`, `‖Δ_i‖_F ≤ rad_i`; `{0}` for rows that may not move.

    Attributes:
        G: `(n, k, d)` float64, 0 for rows that may not move.
        rad: `(n,)`.
        norm: q: 1, 2 or ``"inf"``.
    """

    G: Array
    rad: Array
    norm: int | str

    def __post_init__(self) -> None:
        """Refuse a norm no theorem is about."""
        if self.norm not in ROW_NORMS:
            raise InputError("norm", f"{self.norm!r}", "use 1, 2 or 'inf'")

    @property
    def boxes(self) -> bool:
        """Whether these are images of boxes."""
        return ROW_NORMS[self.norm].box

    @property
    def moves(self) -> Mask:
        """Rows whose set is not exactly {0}."""
        moves: Mask = self.G.any(axis=(1, 2)) | (self.rad > 0)
        return moves


@dataclass(frozen=True, eq=False)
class Ellipsoids:
    """`R_i ⊂ {√τ_i·(C_iC_iᵀ + η_i I)^½ v : |v| ≤ 1}`.

    Attributes:
        factor: `C`, `(n, k, k)` or `(n, 1, 1)`, and `eta`.
        stretch: `(n,)` the τ_i.
        shape: what proposed C where it took a search (norms 1 and inf of several outputs); None where it is a formula.
    """

    factor: BlockFactor
    stretch: tuple[Fraction, ...]
    shape: Array | None = None


def feature_sets(gradients: Balls, n: int, k: int, moves: Mask, norm: int | str) -> RowSets:
    """The sets of moving features: `G_i` the k rows of `gradients` of sample i.

    Args:
        gradients: enclosure of `∂f/∂x` per unit of each feature, `n·k` rows.
        n: number of rows.
        k: number of outputs.
        moves: `(n,)` booleans.
        norm: of one row's change.
    """
    radius = gradients.rad if gradients.mid.lo is None else gradients.rad + 4.0 * U * gradients.norm
    rad = np.where(radius.reshape(n, k).any(axis=1), fp.row_norms(radius.reshape(n, k)) * RAISE, 0.0)
    G = gradients.mid.hi.reshape(n, k, -1) * moves[:, None, None]
    return RowSets(fp.require_finite(G, "row sets"), rad * moves, norm)


def target_sets(n: int, k: int, moves: Mask, norm: int | str) -> RowSets:
    """The sets of moving targets: `G_i = I_k` exactly (its sign does not matter, the sets are symmetric)."""
    return RowSets(np.eye(k)[None] * moves[:, None, None], np.zeros(n), norm)


def supports(sets: RowSets, z: Array) -> list[Fraction]:
    """Lower bounds of `max_{s ∈ R_i} ⟨z_i, s⟩ = |G_iᵀz_i|_{q*}` for every row.

    `y = fl(G_iᵀz_i)` errs by `(k+2)u‖G_i‖_F|z_i|` and the radius by `rad_i|z_i|`, in the Euclidean norm and so in every
    coordinate; the norm of y is taken exactly.

    Args:
        sets: the sets.
        z: `(n, k)` multipliers, entries at most 1 in size.
    """
    n, k, d = sets.G.shape
    y = fp.require_finite(np.einsum("ikd,ik->id", sets.G, z), "support of a row")
    size, length = fp.row_norms(sets.G.reshape(n, k * d)), fp.row_norms(z)
    error = (fp.dot_unit(k) * size + sets.rad) * length * RAISE
    spread = fp.sqrt_up(Fraction(d)) if sets.boxes else Fraction(1)
    found = []
    for i, row in enumerate(y):
        if not row.any():
            found.append(Fraction(0))
            continue
        if sets.norm == 2:
            value = fp.sqrt_down(fp.inner(row, row))
        else:
            value = fp.exact(float(np.abs(row).max())) if sets.norm == 1 else fp.total(np.abs(row).tolist())
        found.append(max(value - fp.exact(float(error[i])) * spread, Fraction(0)))
    return found


def intervals(sets: RowSets) -> Ellipsoids:
    """One output: `R_i = [−D_i, D_i]`, `D_i = |G_i|_{q*}`, rounded up.

    Args:
        sets: sets of one output.
    """
    n, k, d = sets.G.shape
    if k != 1:
        raise InputError("intervals", f"{k} outputs", "use ellipsoids")
    g = sets.G[:, 0, :]
    if sets.norm == 2:
        D = fp.row_norms(g) + sets.rad
    elif sets.norm == 1:
        D = np.abs(g).max(axis=1) + sets.rad
    else:
        D = (np.abs(g).sum(axis=1) + fp.FLOOR) * (1.0 + 2.0 * fp.dot_unit(d)) + np.sqrt(d) * RAISE * sets.rad
    D = fp.require_finite(D * RAISE + fp.FLOOR, "row sets") * sets.moves
    return Ellipsoids(BlockFactor(D[:, None, None], np.zeros(n)), (Fraction(1),) * n)


def balls_around(sets: RowSets, Q: BlockFactor) -> Ellipsoids:
    """`{G_i u : |u|₂ ≤ 1}`, the ellipsoid of `Q_i = G_iG_iᵀ`: exact for q = 2, and it contains the set of q = 1."""
    if sets.boxes:
        raise InputError("balls_around", "norm inf", "use boxes_around")
    return Ellipsoids(Q, (Fraction(1),) * len(Q.C))


def boxes_around(sets: RowSets, W: Array, factor: BlockFactor) -> Ellipsoids:
    """q = ∞: `G_i u = (G_i diag(w_i))v` with `v_a = u_a/w_ia`, so `|v|² ≤ τ_i = Σ_a 1/w_ia²` for any `w_ia > 0`.

    Args:
        sets: the sets, norm inf.
        W: `(n, d)` positive floats from a search.
        factor: enclosed factor of `(G_i diag(w_i))(G_i diag(w_i))ᵀ`.
    """
    if not (np.isfinite(W).all() and (W > 0).all()):
        raise EnclosureError("ellipsoids around boxes", "a weight that is not positive", "this is a defect: report it")
    stretch = tuple(sum((1 / fp.exact(w) ** 2 for w in row.tolist()), Fraction(0)) for row in W)
    return Ellipsoids(factor, stretch, W)


def hulls_around(sets: RowSets, C: Array) -> Ellipsoids:
    """q = 1: `R_i` is the hull of the columns `±g_a` of G_i, so `τ_i = max_a |C_i⁻¹g_a|²` for any nonsingular C_i.

    With `R ≈ C⁻¹` and `‖RC − I‖ ≤ ω < 1`: `|C⁻¹g| ≤ |Rg|/(1 − ω)`, as `C⁻¹ = (RC)⁻¹R`.

    Args:
        sets: the sets, norm 1.
        C: `(n, k, k)` lower triangular floats from a search; rows that may not move are ignored.

    Raises:
        EnclosureError: a C_i is not proved nonsingular.
    """
    n, k, d = sets.G.shape
    moves = sets.moves
    C = np.where(moves[:, None, None], C, np.eye(k))
    try:
        R: Array = np.asarray(np.linalg.inv(C), np.float64)
    except np.linalg.LinAlgError:
        raise EnclosureError("ellipsoids around hulls", "a singular factor", "this is rare: report it") from None
    fp.require_finite(R, "ellipsoids around hulls")
    size_r, size_c = fp.row_norms(R.reshape(n, -1)), fp.row_norms(C.reshape(n, -1))
    left = fp.row_norms((np.matmul(R, C) - np.eye(k)).reshape(n, -1))
    omega = (left + (fp.dot_unit(k) + 2 * U) * (size_r * size_c + 1)) * RAISE
    if not (omega < 0.5).all():  # NaN fails the comparison
        raise EnclosureError("ellipsoids around hulls", "a factor that is nearly singular", "this is rare: report it")
    T = np.ascontiguousarray(np.swapaxes(np.matmul(R, sets.G), 1, 2))  # (n, d, k)
    size_g = fp.row_norms(np.ascontiguousarray(np.swapaxes(sets.G, 1, 2)))
    reach = fp.row_norms(T) + (fp.dot_unit(k) * size_g + sets.rad[:, None]) * size_r[:, None] * RAISE
    most = fp.require_finite(reach.max(axis=1) / (1 - omega) * RAISE, "ellipsoids around hulls")
    stretch = tuple(fp.exact(float(v)) ** 2 if m else Fraction(0) for v, m in zip(most, moves, strict=True))
    return Ellipsoids(BlockFactor(C * moves[:, None, None], np.zeros(n)), stretch, C)
