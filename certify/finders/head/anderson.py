"""Finder: chord steps for many systems at a time, mixed with the steps before them (Anderson). Nothing is trusted."""

from __future__ import annotations

import numpy as np

from certify.rigor.fp import Array
from certify.systems.head.rows.head import Whole

DEPTH = 5
"""Steps that are remembered."""


class Mixed:
    """`x − s − Σ γ_i(Δx_i − Δs_i)`, `s = Pg`, γ least squares of `g − Σ γ_iΔg_i` in the norm of P.

    A step with P alone leaves what P gets wrong; the last few differences of gradients know some of it.
    """

    def __init__(self) -> None:
        self._last: tuple[Array, Array, Array] | None = None
        self._differences: list[tuple[Array, Array, Array]] = []

    def keep(self, which: Whole) -> None:
        """Go on with some of the systems."""
        if self._last is not None:
            self._last = _part(self._last, which)
            self._differences = [_part(one, which) for one in self._differences]

    def step(self, x: Array, g: Array, s: Array) -> Array:
        """`(A, d)` where to go on, from places, gradients and chord steps."""
        if self._last is not None:
            before = self._last
            self._differences = [*self._differences[-DEPTH + 1 :], (x - before[0], g - before[1], s - before[2])]
        self._last = (x, g, s)
        if not self._differences:
            return x - s
        dX, dG, dS = (np.stack([one[i] for one in self._differences], axis=1) for i in range(3))
        M = np.matmul(dG, dS.transpose(0, 2, 1))
        on = np.arange(M.shape[1])
        M[:, on, on] *= 1 + 1e-10
        M[:, on, on] += 1e-300
        try:
            mix = np.linalg.solve(M, np.matmul(dG, s[..., None]))
        except np.linalg.LinAlgError:
            return x - s
        moved = x - s - np.matmul((dX - dS).transpose(0, 2, 1), mix)[..., 0]
        return np.where(np.isfinite(moved).all(axis=1, keepdims=True), moved, x - s)


def _part(of: tuple[Array, Array, Array], which: Whole) -> tuple[Array, Array, Array]:
    return of[0][which], of[1][which], of[2][which]
