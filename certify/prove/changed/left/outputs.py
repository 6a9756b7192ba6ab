"""Outputs after each change of a batch, enclosed at weights near its refits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.refit import enclose_refits
from certify.systems.head.rows.root_curvature import RootCurvature

WIDE = 2.0**-21
"""Width of outputs over the largest at a row above which they are worth more steps."""


@dataclass(frozen=True, eq=False)
class EnclosedOutputs:
    """Outputs after changes: by D1e where the intercept is free and the loss knows its curvature, else by D1a, D1b."""

    head: Head
    root: RootCurvature | None

    @staticmethod
    def of(head: Head, V: Array) -> EnclosedOutputs:
        """With the curvature at weights `(k, m)`, best near the refits, for a reference."""
        return EnclosedOutputs(head, RootCurvature.of(head, V) if head.free_intercept and head.read_off else None)

    def ends(self, choices: Choices, V: Array) -> tuple[Array, Array]:
        """What lies within a distance of outputs; it holds the rounding of the difference (`Head.outputs`)."""
        if self.root is None:
            F, off = self.head.outputs(V, enclose_refits(self.head, choices, V))
            return _ends(F, off)
        near = self.root.distances(choices, V)
        F, off = self.root.outputs(V, near)
        open_ = np.flatnonzero(~np.isfinite(near))
        if len(open_):
            part = Choices(choices.rows[open_], choices.codes[open_])
            F[open_], off[open_] = self.head.outputs(V[open_], enclose_refits(self.head, part, V[open_]))
        return _ends(F, off)

    def narrow(self, choices: Choices, ends: tuple[Array, Array], nearer: Callable[[int, Choices], Array]) -> None:
        """Enclose those once more, in place, whose outputs are known to less than `WIDE` of the largest at a row.

        Their own curvature is then the reference: where a row held much, that of the refit with it says little.

        Args:
            choices: B changes.
            ends: of their outputs.
            nearer: given the place of a change in the batch and the change alone, weights `(1, k, m)` near its refit.
        """
        low, high = ends
        for b in self._wide(low, high):
            one = choices.part(slice(b, b + 1))
            V = nearer(int(b), one)
            own = self if self.root is None else EnclosedOutputs.of(self.head, V[0])
            new = own.ends(one, V)
            if (new[1] - new[0]).max() < (high[b] - low[b]).max():
                low[b], high[b] = new[0][0], new[1][0]

    @staticmethod
    def _wide(low: Array, high: Array) -> Whole:
        with np.errstate(all="ignore"):
            wide = (high - low) / np.abs(high + low).max(axis=2, keepdims=True)
        return np.flatnonzero(~(wide.max(axis=(1, 2)) <= WIDE))


def _ends(F: Array, off: Array) -> tuple[Array, Array]:
    """What lies within a distance of outputs; nothing is known where one of both is no number."""
    known = np.isfinite(F) & np.isfinite(off)
    return np.where(known, F - off, -np.inf), np.where(known, F + off, np.inf)
