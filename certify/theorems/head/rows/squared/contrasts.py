"""What keeps a label: differences of outputs that have to stay positive, and what a changed target does to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Contrast:
    """The condition `sign·(z_a − z_b − offset) > 0`; with one output b is −1 and offset the threshold.

    >>> Contrast(0, -1, -1.0, 0.5).of(np.array([[2.0], [4.0]]))
    array([-2., -4.])
    """

    a: int
    b: int
    sign: float = 1.0
    offset: float = 0.0

    def of(self, Z: Array) -> Array:
        """`sign·(Z_a − Z_b)` for the columns of Z, rounded once."""
        return self.sign * (Z[:, self.a] - Z[:, self.b] if self.b >= 0 else Z[:, self.a])

    def size(self, sizes: Array) -> Array:
        """The same of bounds, added."""
        return (sizes[..., self.a] + sizes[..., self.b]) * RAISE if self.b >= 0 else sizes[..., self.a]


def contrasts(today: int, outputs: int, threshold: float) -> list[Contrast]:
    """The conditions that together say that the label `today` stays.

    >>> contrasts(1, 3, 0.0)
    [Contrast(a=1, b=0, sign=1.0, offset=0.0), Contrast(a=1, b=2, sign=1.0, offset=0.0)]
    """
    if outputs == 1:
        return [Contrast(0, -1, 1.0 if today == 1 else -1.0, threshold)]
    return [Contrast(today, b) for b in range(outputs) if b != today]


@dataclass(frozen=True, eq=False)
class Swing:
    """What a new target of row i takes from a contrast: `max(q_i·high_i, q_i·low_i)`, q the row's influence.

    Attributes:
        high, low: `(r,)` old minus least, and minus largest, new contrast of the targets; the same array if one choice.
        coarse: bound of the rounding of either.
        largest: bound of the size of either.
    """

    high: Array
    low: Array
    coarse: float
    largest: float


def swing(contrast: Contrast, Y: Array, codes: Array, open_codes: Bools, roots: Array | None = None) -> Swing:
    """Swings of the rows of Y, each of which may become any of its open codes, at least one.

    Args:
        contrast: of which condition.
        Y: `(r, k)` targets.
        codes: `(c, k)` targets that a label stands for.
        open_codes: `(r, c)`.
        roots: `(r,)` by which targets and codes are multiplied, relatively within 4u; None: 1.
    """
    old, new = contrast.of(Y), contrast.of(codes)[None, :]
    least = np.where(open_codes, new, np.inf).min(axis=1)
    most = np.where(open_codes, new, -np.inf).max(axis=1)
    high, low = old - least, old - most
    sizes = np.abs(high).max(initial=0.0), np.abs(low).max(initial=0.0), np.abs(old).max(initial=0.0)
    parts = (*sizes, float(np.abs(new).max()))
    exact = all(_is_exact(x, contrast) for x in (Y, codes)) and _differences_exact(old, least, most)
    coarse, largest = 0.0 if exact else 4 * U * sum(map(float, parts)), float(max(sizes[:2]))
    if roots is not None:  # of what the true differences times the true roots err by
        most = float(roots.max(initial=0.0)) * (1 + 8 * U)
        high, low, largest = high * roots, low * roots, largest * most * RAISE
        coarse = (coarse * most + 8 * U * largest) * RAISE + fp.FLOOR
    return Swing(high, high if np.array_equal(high, low) else low, coarse,
                 float(fp.require_finite(np.array(largest), "targets")) + coarse)


def _is_exact(X: Array, contrast: Contrast) -> bool:
    """Whether the contrasts of X are differences without rounding."""
    if contrast.b < 0:
        return True
    return _no_rounding(X[:, contrast.a], X[:, contrast.b])


def _differences_exact(old: Array, least: Array, most: Array) -> bool:
    return _no_rounding(old, least) and _no_rounding(old, most)


def _no_rounding(x: Array, y: Array) -> bool:
    """Whether every `x − y` is a float: the error of the difference, which is one, is 0 (Knuth's TwoSum)."""
    d = x - y
    back = d - x
    return bool(((x - (d - back)) - (y + back) == 0).all())
