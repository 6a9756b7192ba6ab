"""A convex head on fixed features, with all that a statement about changes of its rows needs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from certify.format.methods import LEAST, MOST
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.losses.base import HeadLoss

Whole = NDArray[np.int64]

LONGEST = 60
"""Characters of a label's name that are shown."""


def quoted(name: str) -> str:
    """A label's name in a sentence, the beginning of a long one.

    >>> quoted("spam"), len(quoted("x" * 99))
    ("'spam'", 63)
    """
    return f"'{name if len(name) <= LONGEST else f'{name[:LONGEST]}…'}'"


class Weighing(Protocol):
    """Weights of rows (:class:`certify.systems.head.rows.weights.RowWeights`)."""

    @property
    def rows(self) -> Array:
        """`(n,)` what stays with a row, whatever label it gets."""
        ...

    @property
    def numbers(self) -> Array:
        """Those that weights are made of."""
        ...

    @property
    def by_label(self) -> bool:
        """Whether a row that gets another label may count differently, or others do when rows change."""
        ...

    @property
    def balanced(self) -> bool:
        """Whether they go by how many rows of every label there are."""
        ...

    def of(self, head: Any, choices: Any) -> Array:
        """`(n, B)` after every change."""
        ...

    def weighed(self, head: Any, choices: Any, g: Array, left: Array, slack: Array) -> tuple[Array, Array, Array]:
        """Slopes, what rows count and slack with them."""
        ...


@dataclass(frozen=True, eq=False)
class Head:
    """`G_M(V) = Σ_i c_i ℓ(Vφ_i; y_i) + (μ_M/2) Σ_j |V_j|²` over the rows that M leaves and the columns with decay.

    Attributes:
        phi: `(n, m)` float64, a 1 in the last column for the intercept.
        phi_rad: `(n,)`: the true input of row i lies within that Euclidean distance; 0 for a network of one layer.
        Y: `(n, k)` targets as the loss takes them: ±1 (logistic), unit vectors (cross-entropy), reals (squared).
        codes: `(c, k)` the targets that a label may become; None where targets are no labels.
        label: `(n,)` number of the row's code; None likewise.
        loss: the loss.
        V: `(k, m)` the given weights.
        weight_decay: λ, an exact float above 0; `μ = nλ`.
        decayed: `(m,)` which columns carry decay; only the last, the intercept, may carry none.
        remaining: whether a deleted row also leaves the n of μ.
        points: `(N, m)` evaluation inputs.
        points_rad: `(N,)` as `phi_rad`.
        threshold: of one output: the label of a point is whether the output lies above it.
        weights: of the rows in the sum; None: all 1.
        fine: whether gradients are enclosed by products that take three times as long and hardly round.
        new: how many rows, the last ones, are new: the n of `μ = nλ` does not count them.
        names: what the codes are called, by their numbers; (): they have no names.
        share: every entry of true rows and targets is within that of itself: 0, but for those times roots of weights
            (:mod:`certify.theorems.head.rows.squared.rooted`).
    """

    phi: Array
    phi_rad: Array
    Y: Array
    codes: Array | None
    label: Whole | None
    loss: HeadLoss
    V: Array
    weight_decay: float
    decayed: NDArray[np.bool_]
    remaining: bool
    points: Array
    points_rad: Array
    threshold: float = 0.0
    weights: Weighing | None = None
    new: int = 0
    fine: bool = False
    share: float = 0.0
    names: tuple[str, ...] = ()

    def called(self, code: int) -> str:
        """What a code is called, words between quotes; its number where it has no name."""
        if self.codes is None or len(self.names) != len(self.codes) or not self.names[code].isprintable():
            return f"{code}"
        return self.names[code] if self.names[code].isdecimal() else quoted(self.names[code])

    @property
    def uneven(self) -> bool:
        """Whether rows carry weights, or slopes have kinks: then Newton's method is a plain one."""
        return self.weights is not None or self.loss.kinked

    @property
    def read_off(self) -> bool:
        """Whether slopes alone say what changed rows do to gradient and curvature."""
        return self.weights is None and self.loss.read_off

    @property
    def n(self) -> int:
        """Number of training rows."""
        return len(self.phi)

    @property
    def k(self) -> int:
        """Number of outputs."""
        return len(self.V)

    @property
    def m(self) -> int:
        """Number of inputs of the head, the 1 of the intercept included."""
        return int(self.phi.shape[1])

    @property
    def free_intercept(self) -> bool:
        """Whether the intercept carries no decay."""
        return not bool(self.decayed[-1])

    @cached_property
    def phi_norm(self) -> Array:
        """`(n,)` upper bounds of the norms of the true inputs."""
        return np.asarray((fp.row_norms(self.phi) + self.phi_rad) * RAISE)

    @cached_property
    def even(self) -> tuple[Array, Array]:
        """Powers of two `(m,)` near the largest entries of the columns, and the norms `(n,)` of inputs over these.

        Rounding errs by the sizes of single terms: by norms of `φ_i/s` and `s∘v`, where a column of incomes would make
        the intercept's error a million times as large as it is. No s is below 2^-500: what underflow takes is paid.
        """
        largest = np.abs(self.phi).max(axis=0, initial=0.0)
        s = np.ldexp(1.0, np.clip(np.frexp(largest)[1], -500, 1023))
        return s, fp.row_norms(self.phi / s)

    def even_lengths(self, V: Array) -> Array:
        """`(B,)` bounds of the lengths of a batch of weights `(B, k, m)` times these powers of two, `|s∘V|`."""
        s, _ = self.even
        stretched = V * s
        lengths = np.sqrt(np.einsum("bkm,bkm->b", stretched, stretched)) * fp.sum_up(V[0].size)
        return np.asarray(lengths + fp.FLOOR * max(float(s.max()), 1.0))

    @cached_property
    def points_norm(self) -> Array:
        """`(N,)` likewise."""
        return np.asarray((fp.row_norms(self.points) + self.points_rad) * RAISE)

    @cached_property
    def largest(self) -> float:
        """The largest difference of two targets, or more."""
        both = [self.Y] if self.codes is None else [self.Y, self.codes]
        return float(2 * max(np.max(np.abs(y), initial=0.0) for y in both))

    def mu(self, deleted: int = 0) -> tuple[float, float]:
        """`μ_M` after that many rows are deleted: the nearest float, and an upper bound of its error."""
        if deleted not in self._mus:
            exact = fp.exact(self.weight_decay) * (self.n - self.new - (deleted if self.remaining else 0))
            fp.up(exact)  # refuses what no float holds
            mid = float(exact)
            self._mus[deleted] = mid, fp.up(abs(Fraction(mid) - exact))
        return self._mus[deleted]

    @cached_property
    def beyond(self) -> str:
        """What number is tiny or huge, so that bounds in doubles are not for it, in words; empty where none is."""
        weights = np.zeros(0) if self.weights is None else self.weights.numbers
        for what, numbers in (("an input", self.phi), ("an input of an evaluation row", self.points),
                              ("the decay", np.array(self.mu()[:1])), ("the threshold", np.array([self.threshold])),
                              ("the weight of a row", weights), ("a target", self.Y)):
            size = np.abs(numbers[numbers != 0.0])
            if size.size and not (LEAST <= size.min() and size.max() <= MOST):
                worst = size.min() if size.min() < LEAST else size.max()
                return f"it is for numbers between 1e-90 and 1e90, and {what} is {worst:.1e} in size"
        known = max(self.phi_rad.max(initial=0.0), self.points_rad.max(initial=0.0)) <= MOST
        return "" if known else "inputs are hardly known"

    @cached_property
    def _mus(self) -> dict[int, tuple[float, float]]:
        """Those that were asked for."""
        return {}

    @cached_property
    def today(self) -> Whole:
        """`(N,)` label of every point at the given weights: a class, or 1 above the threshold; −1: not proved."""
        sign, _ = self.sides(self.V[None], np.zeros(1))
        return np.asarray(sign[0])

    def outputs(self, V: Array, radius: Array) -> tuple[Array, Array]:
        """`(B, N, k)` outputs at a batch of weights, and how far those at any weights within a radius may be."""
        B, k, m = V.shape
        F = np.asarray((self.points @ V.reshape(B * k, m).T).reshape(len(self.points), B, k).transpose(1, 0, 2))
        size = np.sqrt(np.einsum("bkm,bkm->bk", V, V)) * fp.sum_up(m) + fp.FLOOR
        off = (fp.dot_unit(m) * self.points_norm + self.points_rad)[:, None] * size[:, None, :]
        off = (off + (self.points_norm * radius[:, None])[..., None]) * RAISE + 2 * U * np.abs(F) + fp.FLOOR
        return F, np.where(np.isfinite(off), off, np.inf)

    def sides(self, V: Array, radius: Array, which: Whole | slice = slice(None)) -> tuple[Whole, Array]:
        """What is proved of the label of every point, for all weights within a distance of each of a batch.

        Args:
            V: `(B, k, m)` weights.
            radius: `(B,)` Euclidean distances ≥ 0; infinite where nothing is known.
            which: the points in question; all by default.

        Returns:
            `(B, N)` the label, −1 where it is not the same for all of them; and `(B, N, k)` outputs in floats.
        """
        B, k, m = V.shape
        points, norms = self.points[which], self.points_norm[which]
        flat = V.transpose(1, 0, 2).reshape(k * B, m)
        F = np.asarray((points @ flat.T).reshape(len(points), k, B).transpose(2, 0, 1))
        size = np.sqrt(np.einsum("bkm,bkm->b", V, V)) * fp.sum_up(k * m) + fp.FLOOR
        # both entries of a difference err by rounding; weights within r move it by √2·r·|x|
        off = 2 * (fp.dot_unit(m) * norms + self.points_rad[which])[:, None] * size
        off = (off + np.sqrt(2.0) * RAISE * norms[:, None] * radius) * RAISE + fp.FLOOR
        off = np.where(np.isfinite(off), off, np.inf).T
        if k == 1:
            gap = F[..., 0] - self.threshold
            clear = np.abs(gap) * (1 - 4 * U) > off
            return np.where(clear, (gap > 0).astype(np.int64), -1), F
        top, second, best = F[..., 0], np.full_like(F[..., 0], -np.inf), np.zeros_like(F[..., 0], dtype=np.int64)
        for a in range(1, k):
            above = F[..., a] > top
            second = np.where(above, top, np.maximum(second, F[..., a]))
            best[above] = a
            top = np.maximum(top, F[..., a])
        return np.where((top - second) * (1 - 4 * U) > off, best, -1), F
