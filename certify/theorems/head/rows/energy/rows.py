"""The rows of a head as the energy method takes them: outputs `A w`, targets τ, and what a changed label adds (D7).

One output (logistic): a line of A is a row, its target 1 or 0, `G(w) = Σ log(1 + e^{z_i}) − τ·z + (μ/2)|w|²`, z = A w.
k outputs (softmax): the lines are (row, class) pairs, `G(w) = Σ log Σ_c e^{z_ic} − τ·z + (μ/2)|w|²`. In both a label
enters by τ alone, linearly: a changed label adds a fixed vector to τ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.rigor.fp import Array, frobenius, row_norms

Index = NDArray[np.int64]

_SQUARES = 2**22
"""Most entries of the outer squares that are kept."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A head's rows, flattened.

    Args:
        A: `(N, p)`; the outputs are A w.
        width: outputs a row; 1 for logistic.
        tau: `(N,)` targets of the labels as they are.
        lines: `(L, 2)` lines whose target alternative l changes (the same line twice with a 0 when one is enough).
        deltas: `(L, 2)` what it adds to those targets, −1, 0 or 1.
        owner: `(L,)` the row that alternative l relabels.
        code: `(L,)` what it becomes.
        decayed: `(p,)` which weights decay.
        mu: lower and upper bound of the decay μ of the sum form.
        level: c: the label stays while e·w > c, the threshold with the sign of the point; 0 of several outputs.
        check: raises when time is up; whatever loops over alternatives asks it between two of them.
    """

    A: Array
    width: int
    tau: Array
    lines: Index
    deltas: Array
    owner: Index
    code: Index
    decayed: NDArray[Any]
    mu: tuple[float, float]
    check: Callable[[], None] = lambda: None
    level: float = 0.0

    @cached_property
    def norms(self) -> Array:
        """Upper bounds of the lines' norms."""
        return row_norms(self.A)

    @cached_property
    def size(self) -> float:
        """Upper bound of the Frobenius norm of A."""
        return frobenius(self.A)

    @cached_property
    def steps(self) -> Array:
        """`(L, p)` what an alternative adds to the gradient, `−Aᵀ Δτ`; exact: its two lines share no column."""
        return -(
            self.deltas[:, 0, None] * self.A[self.lines[:, 0]] + self.deltas[:, 1, None] * self.A[self.lines[:, 1]]
        )

    @cached_property
    def ridge(self) -> Array:
        """`(p,)` decay of each weight, a float that finders use."""
        # a shift of all free intercepts changes nothing with several outputs: a trace of decay keeps solvers off it
        return np.where(self.decayed, self.mu[0], 0.0 if self.width == 1 else 1e-9 * self.mu[0])

    @cached_property
    def squares(self) -> Array | None:
        """`(N, p²)` outer squares of the lines, for finders; None where they are many."""
        n, p = self.A.shape
        return (self.A[:, :, None] * self.A[:, None, :]).reshape(n, p * p) if n * p * p < _SQUARES else None

    def target(self, chosen: Index, times: float = 1.0) -> Array:
        """τ after the alternatives `chosen`, each counted `times`; exact for small whole numbers."""
        tau = self.tau.copy()
        np.add.at(tau, self.lines[chosen], times * self.deltas[chosen])  # a line may come twice
        return tau

    def targets(self, sets: Index) -> Array:
        """`(B, N)` targets after each of many sets, −1 for no alternative."""
        tau = np.broadcast_to(self.tau, (len(sets), len(self.tau))).copy()
        for column in sets.T:
            some = np.flatnonzero(column >= 0)
            l = column[some]
            for side in range(2):
                tau[some, self.lines[l, side]] += self.deltas[l, side]
        return tau


def logistic_rows(
    phi: Array, above: NDArray[Any], decayed: NDArray[Any], mu: tuple[float, float], allowed: Index
) -> Rows:
    """A head of one output: `above` says which rows have the label 1."""
    tau = above.astype(np.float64)
    lines = np.stack([allowed, allowed], 1)
    deltas = np.stack([1.0 - 2.0 * tau[allowed], np.zeros(len(allowed))], 1)
    return Rows(phi, 1, tau, lines, deltas, allowed, 1 - tau[allowed].astype(np.int64), decayed, mu)


def softmax_rows(
    phi: Array, label: Index, classes: int, decayed: NDArray[Any], mu: tuple[float, float], allowed: Index
) -> Rows:
    """A head of several outputs, weights in the order (class, column)."""
    n, m = phi.shape
    A = np.zeros((n, classes, classes, m))
    for c in range(classes):
        A[:, c, c] = phi
    tau = np.zeros((n, classes))
    tau[np.arange(n), label] = 1.0
    owner = np.repeat(allowed, classes - 1)
    other = np.concatenate([[c for c in range(classes) if c != label[i]] for i in allowed]).astype(np.int64)
    lines = np.stack([owner * classes + label[owner], owner * classes + other], 1)
    deltas = np.tile(np.array([-1.0, 1.0]), (len(owner), 1))
    return Rows(
        A.reshape(n * classes, classes * m),
        classes,
        tau.ravel(),
        lines,
        deltas,
        owner,
        other,
        np.tile(decayed, classes),
        mu,
    )
