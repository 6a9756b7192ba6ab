"""Weights near the minimum, the curvature there, and how far the gradient is from 0: what every bound starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import Ridge, factored, unit_of
from certify.systems.head.rows.stored.normal import Squares
from certify.systems.head.rows.stored.rows import Rows
from certify.systems.head.rows.stored.tally import PerRow
from certify.theorems.head.rows.lengths.curved import Curved
from certify.theorems.head.rows.lengths.slopes import Measure

SETTLED, STUCK, TURNS = 1e-7, 1e-3, 12
"""Length of the gradient in the norm of the inverse curvature at which weights count as the minimum, and from which on
a step that leads no nearer is the last one; and how many steps are taken at most, each a reading."""

LESS, CUT = 0.9, 0.25
"""Part of that length below which a step has to come, and what one is cut to that does not."""

FLAT, UNSURE = 2.0**-900, 2.0**-10
"""Least curvature of a row, and how much of it may be unsure."""

WEIGHED = 8.0 * U
"""What rows times numbers are off by, twice, in a Gram matrix."""


@dataclass(frozen=True, eq=False)
class Centre:
    """What is known at some weights; everything is of columns as they are scaled.

    Attributes:
        rows: the features φ.
        Y: (n, 1) labels ±1; `s_j = y_jφ_j`.
        mu, mu_off: (p,) the weight decay, and what each may be off by at most.
        w: (p,) the weights.
        system: `H = Σ r_j²φ_jφ_jᵀ + diag μ` with its factor.
        unsure: `|l''(t_j) − r_j²| ≤ unsure·r_j²` for every row.
        residual: upper bound of the length of the gradient in the norm of the inverse of H.
        step: Newton's.
    """

    rows: Rows
    Y: PerRow
    mu: Array
    mu_off: float
    w: Array
    system: Ridge
    unsure: float
    residual: float
    step: Array

    @property
    def place(self) -> tuple[Array, PerRow, Array, float, float]:
        """What tasks that measure rows begin with."""
        by = self.measure
        return self.w, self.Y, by.R, by.back, by.gap

    @property
    def measure(self) -> Measure:
        """Of lengths in the norm of the inverse of H."""
        s = self.system
        return Measure(s.R, fp.dot_unit(s.p) * s.size_R * RAISE, RAISE / float(np.sqrt(1.0 - s.delta)) * RAISE)


def scaled(rows: Rows, decay: float, decayed: NDArray[np.bool_]) -> Rows:
    """The rows with columns of about the same length.

    Raises:
        EnclosureError: entries that are not finite or too large, or a column of zeros without decay.
    """
    squares = rows.tallied(Squares()).squares()
    if squares is None:
        raise EnclosureError("features", "entries that are not finite or beyond 2^100", "rescale the data")
    rough = squares + np.where(decayed, decay, 0.0)
    if not (rough > 2.0**-200).all():
        raise EnclosureError("features", "a column that is zero, or almost, and bears no decay", "leave it out")
    return Rows(rows.source, np.ldexp(1.0, -(np.frexp(rough)[1] // 2)), rows.readers)


def centre(rows: Rows, Y: PerRow, mu: Array, mu_off: float, w: Array) -> Centre:
    """Everything at these weights, by one reading.

    Raises:
        EnclosureError: numbers that overflow, rows without curvature, or an H that floats do not prove definite.
    """
    found, m = rows.tallied(Curved(w, Y)), len(w)
    unsure = (found.unsure + 16.0 * U) * RAISE
    if not (found.flattest > FLAT and unsure < UNSURE):
        raise EnclosureError("curvature", "a row whose output is beyond 600, or not known to a small part of itself",
                             "look at the longest rows, or fit with more weight decay")
    gram, columns = found.gram()
    H = np.tril(fp.require_finite(gram, "curvature"))
    H = H + np.tril(H, -1).T
    H[np.diag_indices(m)] += mu
    unit = unit_of(rows)
    system = factored(rows, found.longest, 0.0, H, columns, (unit + WEIGHED) * RAISE,
                      mu_off + 2.0 * U * np.abs(np.diagonal(H)))
    if isinstance(system, str):
        raise EnclosureError("curvature", "the curvature of all rows and the weight decay together are not proved "
                             "positive definite by floats", "fit with more weight decay")
    pull, (errors, pulls) = found.pull()
    gradient, size = mu * w - pull, float(fp.row_norms(w[None, :])[0])
    raised = fp.sum_up(len(rows))
    off = (float(errors) * raised + (unit + 8.0 * U) * float(pulls) * raised + mu_off * size
           + 8.0 * U * float(mu.max(initial=0.0)) * size) * RAISE
    image, long = system.R @ gradient, float(fp.row_norms(gradient[None, :])[0])
    residual = (float(fp.row_norms(image[None, :])[0]) + fp.dot_unit(m) * system.size_R * long + system.size_R * off)
    residual = residual * RAISE / float(np.sqrt(1.0 - system.delta)) * RAISE
    return Centre(rows, Y, mu, mu_off, w, system, unsure, residual, system.R.T @ image)


def settled(rows: Rows, Y: PerRow, mu: Array, mu_off: float, w: Array) -> Centre:
    """The centre after as many of Newton's steps as the minimum takes; one that leads away is cut.

    Raises:
        EnclosureError: as of `centre`, or weights that do not settle.
    """
    here, share = centre(rows, Y, mu, mu_off, w), 1.0
    for _ in range(TURNS):
        if here.residual <= SETTLED:
            return here
        there = centre(rows, Y, mu, mu_off, here.w - share * here.step)
        if there.residual < LESS * here.residual:
            here, share = there, min(2.0 * share, 1.0)
        elif here.residual < STUCK:  # rounding lets it come no nearer
            return here
        else:
            share *= CUT
    raise EnclosureError("stored_predictions", f"{TURNS} steps from the weights given, which do not reach the minimum",
                         "fit the estimator to the end, with a smaller tol")
