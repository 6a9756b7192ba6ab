"""One reading for numbers of every row: how far its outputs may move, how hard it pulls, and what it knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.stored.tally import PerRow, Told
from certify.theorems.head.rows.classes.lengths import Lengths, Measure
from certify.theorems.head.rows.classes.pairs import pairs_of
from certify.theorems.head.rows.classes.slopes import Chances, chances

WIDTH, HELD = 4, 8
"""Numbers that are kept of a row, and matrices of all pairs of classes that are held of one while it is looked at."""

LEAST = 2.0**-900
"""Fourth powers below which they may have lost numbers to underflow."""


@dataclass(frozen=True, eq=False)
class Each:
    """What is asked of every row.

    Attributes:
        V: (k − 1, p) weights.
        label: (n,) numbers of classes.
        R, size, gap: of the measure.
    """

    V: Array
    label: PerRow
    R: Array
    size: float
    gap: float

    @property
    def beside(self) -> int:
        """Numbers that are held beside each row: some matrices of all pairs of classes."""
        return HELD * (len(self.V) + 1) ** 2

    def tally(self) -> EachFound:
        """Nothing yet."""
        return EachFound(self)


class EachFound:
    """Of the parts so far."""

    def __init__(self, task: Each) -> None:
        self._task = task
        self._held: list[Array] = []

    def take(self, number: int, start: int, part: Array) -> None:
        """Another part."""
        task = self._task
        at, found = chances(task.V, part), Measure(task.R, task.size, task.gap).of(part)
        self._held.append(measured(at, found, task.label.at(start, len(part))))

    def numbers(self) -> Array:
        """(4, n): the longest pair, the pull of a row that goes, that of one with another label, and its leverage."""
        return np.concatenate(self._held, axis=1)

    def told(self) -> Told:
        """As arrays."""
        return {"held": self.numbers()} if self._held else {}

    def add(self, told: Told) -> None:
        """Of the parts that follow."""
        if "held" in told:
            self._held.append(told["held"])


def measured(at: Chances, found: Lengths, label: Whole) -> Array:
    """(4, b) upper bounds of `max_ab |x ⊗ (e_a − e_b)|_*`, `|x ⊗ (σ − y)|_*`, `max_t |x ⊗ (y − t)|_*`, and leverages.

    The last one is ℓ with `Σ r_ab²(e_a − e_b)(e_a − e_b)ᵀ ⊗ xxᵀ ⪯ ℓH`.
    """
    b, (q, rows) = found.pairs(), (found.K.shape[1], np.arange(len(label)))
    g = at.sigma.copy()
    g[rows, label] -= 1.0
    # what σ − y is off by, class by class, times the longest of them
    unsure = (at.part * (1.0 + 4.0 * U) + (q + 8.0) * U) * found.sizes.max(axis=1)
    loose = (unsure + 2.0 * at.part * found.off) * found.gap * RAISE
    return np.stack([b.max(axis=(1, 2)), (found.of(g[:, :q]) + loose) * RAISE, b[rows, label].max(axis=1),
                     leverages(at.roots, found) * (1.0 + 3.0 * at.unsure) * RAISE])


def leverages(roots: Array, found: Lengths) -> Array:
    """(b,) upper bounds of the largest eigenvalue of `A^½KA^½`, by its trace and by that of its fourth power.

    `tr (A^½KA^½)⁴ = tr (AK)⁴`, of which floats lose a part of `(|A|_F|K|_F)⁴`; K as computed is off by what
    :class:`Lengths` says, which moves eigenvalues by `|A|_F` times as much.
    """
    q, b = found.K.shape[1], found.pairs()
    A, trace = np.zeros((len(roots), q + 1, q + 1)), np.zeros(len(roots))
    for one, other in pairs_of(q + 1):
        r = roots[:, one] * roots[:, other]
        trace += (r * b[:, one, other]) ** 2
        for at, to, sign in ((one, one, 1.0), (other, other, 1.0), (one, other, -1.0), (other, one, -1.0)):
            A[:, at, to] += sign * r * r
    A = A[:, :q, :q]
    N = A @ found.K
    P = N @ N
    size = np.sqrt(np.einsum("bij,bij->b", A, A)) * (1.0 + 4.0 * q * U)
    long = np.sqrt(np.einsum("bc,bc->b", found.sizes, found.sizes)) * (1.0 + 4.0 * q * U)
    fourth = np.einsum("bij,bji->b", P, P) + 32.0 * (q + 4) ** 2 * U * (size * long * long) ** 4
    off = found.unit * long * long + (2.0 * np.sqrt(q) * long + q * found.off) * found.off
    largest = (np.sqrt(np.sqrt(np.maximum(fourth, 0.0))) + size * off) * found.gap * found.gap
    trace *= fp.sum_up(q * (q + 1))
    return np.asarray(np.where(fourth > LEAST, np.minimum(trace, largest), trace) * RAISE * RAISE)
