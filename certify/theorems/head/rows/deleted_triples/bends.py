"""D30: what a far row does to slopes together with one or two steps, by differences of curvatures where these lead.

A far row moves margins by at most so much, and curvatures change by at most a part of themselves on the way.
proofs/heads-deleted-triples.md.
"""

from __future__ import annotations

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import exp
from certify.rigor.fp import RAISE, Array
from certify.theorems.head.rows.by_choice.metric import Metric
from certify.theorems.head.rows.pair_tree.curves import EVEN

LEAST = 2.0**-6
"""Of the curvature along the rows that are out so much has to be left by others."""

TINY = 2.0**-400
"""Rows of which M has less count by their lengths."""


class Bends:
    """Curvatures at steps.

    Attributes:
        moved, grown: `(n,)` how far a far row moves margins, and what curvatures change by on the way, at most.
        D: `(n,)` at the centre.
    """

    def __init__(self, a: Metric) -> None:
        st = a.st
        self.kept, self.z = st.c.kept, st.z
        self.E = np.ascontiguousarray(st.E.T)
        self.moved = st.most
        # what is computed of curvatures is off by little of each as well
        self.grown = exp(np.minimum(st.most, 600.0)) * EVEN - 1.0 + 8.0 * st.blur + 2.0**-40
        self.D = curve_of(self.z)
        light = a.m > TINY
        self.root = np.where(light, 1.0 / np.sqrt(np.where(light, a.m, 1.0)), 0.0) * RAISE
        self.long = np.where(light, 0.0, a.long / np.sqrt(LEAST)) * RAISE

    def at(self, *steps: int) -> Array:
        """`(n,)` about the curvatures at sums of steps."""
        q = self.z
        for i in steps:
            q = q * self.E[i]
        return curve_of(q)

    def pair(self, i: int) -> float:
        """At least what the step i and any far row do to the slopes of rows that stay."""
        D = self.at(i)
        return self.length(self.moved * (np.abs(D - self.D) + self.grown * (D + self.D)))

    def length(self, y: Array) -> float:
        """At least the length of a sum of rows, each times at most y, in the matrix without the rows that are out."""
        y = y * self.kept
        up = fp.sum_up(len(y))
        with np.errstate(over="ignore", invalid="ignore"):
            found = float(np.sqrt((y * self.root) @ (y * self.root) * up) * RAISE + y @ self.long * up) * RAISE
        return found if np.isfinite(found) else np.inf


def curve_of(q: Array) -> Array:
    """l'' at margins t, by `q = e^{−t}`."""
    return np.asarray(q / (1.0 + q) / (1.0 + q))  # nothing overflows before q
