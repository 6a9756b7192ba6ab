"""The slopes and curvatures of some rows at given weights, with what is not known of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.boxes.slabs import values_at
from certify.systems.head.rows.stored.tally import PerRow
from certify.theorems.head.rows.pair_tree.curves import EVEN, curve

FLAT = 600.0
"""A margin beyond which nothing is said of the curvature."""


@dataclass(frozen=True, eq=False)
class At:
    """Weights, in columns as they are scaled, and the labels of all rows.

    Attributes:
        w: (p,).
        Y: (n, 1) labels ±1.
    """

    w: Array
    Y: PerRow

    def slopes(self, start: int, part: Array) -> Slopes:
        """Of consecutive rows."""
        sign = self.Y.at(start, len(part))[:, 0]
        norms = fp.row_norms(fp.require_finite(part, "rows"))
        t = fp.require_finite(sign * (part @ self.w), "margins")
        size = float(fp.row_norms(self.w[None, :])[0])
        off = fp.dot_unit(len(self.w)) * norms * size * RAISE
        p, p_off, _, _ = values_at(t, off)
        return Slopes(sign, norms, p, p_off, *curvatures(t, off))


def curvatures(t: Array, off: Array) -> tuple[Array, Array]:
    """`l''` at margins within `off` of t, with errors that are a small part of it, however flat the loss is there.

    `|(ln l'')'| ≤ 1`, so that it grows or falls by a factor of at most `e^off ≤ 1 + 2·off` on the way, if `off ≤ 1`.

    >>> D, off = curvatures(np.array([0.0, 50.0]), np.array([0.0, 1e-13]))
    >>> D.tolist()[0], bool(abs(D[1] - 1.9287498479639178e-22) <= off[1] < 1e-11 * D[1])
    (0.25, True)
    """
    D = curve(np.minimum(np.abs(t), FLAT))
    part = np.where((np.abs(t) < FLAT) & (off <= 1.0), EVEN - 1.0 + 2.0 * off, np.inf)
    return D, D * part * EVEN


@dataclass(frozen=True, eq=False)
class Slopes:
    """What is known of rows at some weights.

    Attributes:
        sign: labels ±1; `s = sign·φ`, `t = s·w`.
        norms: upper bounds of their lengths.
        p, p_off: `−l'(t)`, and its error.
        D, D_off: `l''(t)`, and its error.
    """

    sign: Array
    norms: Array
    p: Array
    p_off: Array
    D: Array
    D_off: Array

    @property
    def root(self) -> Array:
        """Floats near `√l''`; what is said of H is of their squares, exactly."""
        return np.asarray(np.sqrt(self.D))

    @property
    def pull(self) -> Array:
        """Upper bounds of `−l'`."""
        return np.asarray((self.p + self.p_off) * RAISE)


@dataclass(frozen=True, eq=False)
class Measure:
    """Lengths in the norm of the inverse of H: `|v| ≤ (|Rv| + back·|v|₂)·gap`, R its factor."""

    R: Array
    back: float
    gap: float

    def of(self, part: Array, norms: Array) -> Array:
        """Upper bounds of the lengths of rows."""
        found = fp.row_norms(fp.require_finite(part @ self.R.T, "lengths"))
        return np.asarray((found + self.back * norms) * self.gap * RAISE * RAISE)


@dataclass(frozen=True, eq=False)
class Measured:
    """What every task has that looks at slopes and at lengths: of :class:`At` and of :class:`Measure`."""

    w: Array
    Y: PerRow
    R: Array
    back: float
    gap: float

    def of(self, start: int, part: Array) -> tuple[Slopes, Array]:
        """Slopes of consecutive rows, and upper bounds of their lengths."""
        at = At(self.w, self.Y).slopes(start, part)
        return at, Measure(self.R, self.back, self.gap).of(part, at.norms)
