"""A head whose rows lie far from the origin, seen from their middle: the same outputs, in weights that D1b can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Head

FAR = 20.0
"""Distance of the mean of the rows from the origin beyond which a free intercept is counted from that mean."""


@dataclass(frozen=True, eq=False)
class Centred:
    """`Ux + β = U(x − c) + β'`, `β' = β + Uc`: any c is as good for a proof, as the intercept carries no decay.

    The modulus of D1b falls with the square of how far the weighted mean of the rows is from the origin, which for
    columns as they come (millimetres, dollars) leaves nothing of it.

    Attributes:
        head: with rows `x − c`, rounded, and what they lost by it in their radii; today's labels are the given ones.
        c: `(p,)`.
    """

    head: Head
    c: Array

    def forth(self, V: Array) -> Array:
        """Weights `(…, m)` for the rows seen from c, rounded."""
        new = np.array(V, dtype=np.float64)
        new[..., -1] += new[..., :-1] @ self.c
        return new

    def back(self, V: Array) -> Array:
        """Weights `(…, m)` for the rows as they are, rounded: near the same refit, of which alone something is said."""
        new = np.array(V, dtype=np.float64)
        new[..., -1] -= new[..., :-1] @ self.c
        return new

    def rounded(self, V: Array) -> Array:
        """`(B,)` about what the intercepts of weights `(B, k, m)`, seen from c, lose by going back and forth."""
        far = np.abs(V[..., -1]) + 2.0 * np.abs(V[..., :-1]) @ np.abs(self.c)
        return np.asarray(4.0 * U * far.max(axis=1))

    def restored(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Arrays of weights `(choices, km)` among others, for the rows as they are."""
        shape = self.head.k, self.head.m
        return {name: self.back(one.reshape(-1, *shape)).reshape(len(one), -1) if name in ("weights", "exact") else one
                for name, one in arrays.items()}

    @property
    def stretch(self) -> float:
        """What distances may grow by on the way back: `|Δβ| ≤ |Δβ'| + |c||ΔU|`."""
        return (2.0 + float(fp.row_norms(self.c[None, :])[0])) * RAISE


def centred(head: Head) -> Centred | None:
    """The head from a mean of its rows; None where the intercept carries decay or rows are not far."""
    if not head.free_intercept or head.m < 2 or not head.read_off:
        return None
    c = _mean(head)
    if not (np.isfinite(c).all() and np.linalg.norm(head.phi[:, :-1].mean(axis=0)) > FAR):
        return None
    phi, rad = _from(head.phi, head.phi_rad, c)
    points, points_rad = _from(head.points, head.points_rad, c)
    V = head.V.copy()
    V[:, -1] += V[:, :-1] @ c
    seen = replace(head, phi=phi, phi_rad=rad, points=points, points_rad=points_rad, V=V, fine=True)
    seen.__dict__["today"] = head.today  # of the weights as they are given: V is rounded
    if len(points):  # what outputs move by is told as one number times these bounds: no point may be far below others
        seen.__dict__["points_norm"] = np.maximum(seen.points_norm, float(np.median(seen.points_norm)))
    return Centred(seen, c)


def _mean(head: Head) -> Array:
    """The mean of the rows by their curvature at the given weights, which is what D1b measures from."""
    with np.errstate(all="ignore"):
        D = np.trace(head.loss.guess_curvatures(head.phi @ head.V.T, head.Y), axis1=1, axis2=2)
        total = float(D.sum())
        return np.asarray(D @ head.phi[:, :-1] / total if total > 0 else head.phi[:, :-1].mean(axis=0))


def _from(rows: Array, rad: Array, c: Array) -> tuple[Array, Array]:
    """`x − tc`, t the last entry, and how far the true differences may be.

    A float difference errs by at most `u` of itself, and where t is not 1 a product by as much of its own.
    """
    last = rows[:, -1:]
    moved = np.hstack([rows[:, :-1] - last * c, last])
    lost = np.where(last[:, 0] == 1.0, 0.0, U * np.abs(last[:, 0]) * fp.row_norms(c[None, :])[0] + fp.FLOOR)
    return moved, np.asarray((rad + U * fp.row_norms(moved) + lost) * RAISE)
