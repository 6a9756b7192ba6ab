"""The exact refit of a squared-loss head on unchanged data: contrasts of outputs and residuals, both enclosed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import Ridge, Solved, products_of, solve
from certify.theorems.head.rows.squared.contrasts import Contrast, Ints


@dataclass(frozen=True, eq=False)
class Residuals:
    """Residuals `t − Φv` of a contrast at the exact refit.

    Attributes:
        values: `(n,)`.
        each: bound of what rounding costs every one.
        off: bound of the length of the rest of the error.
    """

    values: Array
    each: float
    off: float


class Outputs:
    """Outputs of the refit to targets Y.

    Where rows are times roots of weights, so are targets, and a share of them is not known (D4h): τ, which moves an
    output by `q·τ` and all residuals by `(I − K)τ`.

    Args:
        system: the normal matrix.
        Y: `(n, k)`.
    """

    def __init__(self, system: Ridge, Y: Array) -> None:
        self.system, self.Y = system, Y
        self.b, self.unit = products_of(system.rows, Y, system.held)
        self.sizes = fp.row_norms(np.ascontiguousarray(Y.T))
        self.lengths = fp.row_norms(np.ascontiguousarray(self.b.T))
        self._fit: tuple[Array, Array, Array] | None = None

    def margins(self, solved: Solved, contrast: Contrast, at: Ints) -> tuple[Array, Array]:
        """Both ends of the contrast, less its offset, at some of the points (D3, step 2)."""
        u, off, size = solved.u[at], solved.off[at], solved.size[at]
        Z = u @ self.b
        weight = (np.abs(u) @ self.system.columns) * fp.sum_up(self.system.p)
        each = fp.dot_unit(self.system.p) * size[:, None] * self.lengths
        each += (self.unit * weight + off + self.system.share * (weight + off))[:, None] * self.sizes
        error = contrast.size(each) + 2 * U * (contrast.size(np.abs(Z)) + abs(contrast.offset))
        value = contrast.of(Z) - contrast.sign * contrast.offset
        error = fp.require_finite(error * (RAISE * RAISE), "margins")
        return value - error, value + error

    def changed(self, solved: Solved, at: Ints, rows: Ints, moved: Array, threshold: float) -> tuple[Array, Ints]:
        """The right-hand sides after some targets moved, and the labels that are proved of some points then.

        `z_c = (Φu)·Y'_c + d·Y'_c`, `|d| ≤ off`, as in D3 (2); `Φᵀ(Y' − Y)` is a sum over the moved rows alone.

        Args:
            solved: of the points.
            at: which of them.
            rows: rows whose targets move.
            moved: `(r, k)` by how much, each rounded once, or within the system's share of itself.
            threshold: of one output.

        Returns:
            `(p, k)` floats, and `(P,)` labels, −1 where none is proved.
        """
        s, own = self.system, fp.row_norms(np.ascontiguousarray(moved.T)) if len(rows) else np.zeros(self.Y.shape[1])
        b = self.b + s.rows[rows].T @ moved if len(rows) else self.b
        u, size = solved.u[at], solved.size[at][:, None]
        Z, weight = u @ b, ((np.abs(u) @ s.columns) * fp.sum_up(s.p))[:, None]
        away = self.unit * self.sizes + (fp.dot_unit(len(rows)) + 4 * U) * own
        off = solved.off[at][:, None]
        error = (off + s.share * (weight + off)) * (self.sizes + own) + weight * away
        error += (fp.dot_unit(s.p) + 4 * U) * size * fp.row_norms(np.ascontiguousarray(b.T))
        error = (error + 4 * U * (np.abs(Z) + abs(threshold))) * (RAISE * RAISE)
        if not np.isfinite(error).all():
            return b, np.full(len(at), -1)
        if Z.shape[1] == 1:
            gap = Z[:, 0] - threshold
            return b, np.where(np.abs(gap) > error[:, 0], (gap > 0).astype(np.int64), -1)
        best, every = Z.argmax(axis=1), np.arange(len(Z))
        gap = (Z[every, best] - error[every, best])[:, None] - (Z + error)
        gap[every, best] = np.inf
        clear = (gap * (1 - 4 * U) > 4 * U * (np.abs(Z) + error)).all(axis=1)
        return b, np.where(clear, best, -1)

    def weights(self, b: Array) -> Array:
        """`(k, p)` floats near the refit with the right-hand sides b, `(p, k)`, for features as they are."""
        return ((b.T @ self.system.R.T) @ self.system.R) * self.system.scale

    def residuals(self, contrast: Contrast) -> Residuals:
        """Of a contrast of the outputs; `|Φ(v − v̂)|₂ ≤ |b − Hv̂|_{H⁻¹}` because `ΦᵀΦ ⪯ H` (D4, step 1)."""
        values, each, off = self.fitted()
        r = contrast.of(values)
        return Residuals(r, *_errors(contrast, float(np.abs(r).max()), each, off))

    def residual_errors(self, contrast: Contrast, largest: float, most: Array) -> tuple[float, float]:
        """What rounding costs every residual of a contrast, and length of the rest.

        Args:
            contrast: of the outputs.
            largest: residual of it.
            most: `(k,)` largest residual of every output.
        """
        return _errors(contrast, largest, self._each(most), self.refit.off)

    @cached_property
    def refit(self) -> Solved:
        """Floats near the weights of the refit for scaled columns, `(k, p)`; length of what all residuals are off."""
        s = self.system
        found = solve(s, self.b.T / s.scale)
        # what the right-hand side errs by, measured by |Rρ|/√(1 − δ)
        wrong = self.sizes * (self.unit * s.reach[0] + s.loose * s.size_R) / math.sqrt(1 - s.delta)
        wrong = wrong + s.share * self.sizes
        return Solved(found.u, (found.off + wrong) * (RAISE * RAISE), found.size)

    def fitted(self) -> tuple[Array, Array, Array]:
        """Residuals of the outputs, `(n, k)`; for each output what rounding costs every one, and length of the rest."""
        if self._fit is None:
            values = self.Y - self.system.rows.products(self.refit.u.T)
            each = self._each(np.abs(values).max(axis=0))
            self._fit = fp.require_finite(values, "residuals"), each, self.refit.off
        return self._fit

    def _each(self, most: Array) -> Array:
        """What rounding costs every residual `y − φ·u`, formed in any way; the largest one of each output is given."""
        s = self.system
        return np.asarray((fp.dot_unit(s.p) * s.longest * self.refit.size + 2 * U * most) * RAISE)


def _errors(contrast: Contrast, largest: float, each: Array, off: Array) -> tuple[float, float]:
    """Of a contrast, from those of the outputs."""
    return (float(contrast.size(each)) + 2 * U * largest) * RAISE, float(contrast.size(off)) * RAISE
