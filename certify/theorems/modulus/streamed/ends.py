"""Both ends of the modulus of many rows by little more than one Cholesky, better ones as they are found (M2k)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from certify.finders.near_rows import nearest_last
from certify.finders.top_vector import Top, backward_solve, forward_solve, top_pair
from certify.format.digits import at_least, at_most
from certify.network.layers.kernel import KernelParts
from certify.problem.perturbations.factor import BlockFactor
from certify.problem.progress import Progress
from certify.rigor import fp
from certify.rigor.blocked.cholesky import factor_next
from certify.rigor.blocked.columns import Columns
from certify.rigor.fp import Array
from certify.systems.interpolation.streamed import Streamed
from certify.theorems.modulus.kernel import ModulusEnds, quotient
from certify.theorems.modulus.streamed.columns import kernel_columns, sample_blocks, scaled_blocks
from certify.theorems.modulus.streamed.energy import energy_above
from certify.theorems.modulus.streamed.factor import Leading, decided, finish, lead, needed_shift

SHARES = (64, 12, 3)
"""One row in so many: the last rows, whose own modulus bounds that of all from below. The third that comes last is
factorised anew for every threshold."""

CLOSE = 1e-3
"""Relative gap of the ends at which nothing more is tried."""

LEAST, MOST = 1e-120, 1e120
"""Between these lies every `κ²` of D, so that what underflows there is less than FLOOR."""

_TRIED = (1e-6, 1e-4, 1e-2, 0.1)
"""Relative distances of `κ²` from its estimate at which a proof is tried."""

ROUNDS = 8
"""Most factorisations of the first rows; the second usually has the κ of all rows."""

_ROOM, _GROWTH = 1e-4, 16.0
"""What κ is above the estimate of all rows at first, relatively, and the factor by which that grows where it fails."""


@dataclass(frozen=True)
class Step:
    """Ends that are proved by now.

    Attributes:
        ends: both, or None, and the vector that proves the lower one, rows in their own order.
        rows: rows that were looked at.
        lost: estimate of what rounding and radii alone part the ends by, relatively; infinite where the kernel itself
            had no factor.
    """

    ends: ModulusEnds
    rows: int
    lost: float = 0.0

    @property
    def words(self) -> str:
        """The ends in a sentence."""
        lower, upper = self.ends.lower, self.ends.upper
        known = [] if lower is None else [f"at least {at_least(lower)}"]
        known += [] if upper is None else [f"at most {at_most(upper)}"]
        return f"from {self.rows} rows: the modulus is {' and '.join(known)}"


def streamed_modulus(at: Streamed, progress: Progress, close: float = CLOSE) -> Iterator[Step]:
    """Better and better ends of `lip S`; each step is proved by itself, and none is worse than the one before.

    1. The rows that others almost repeat are put last; the ends of 1/64, 1/12 and 1/3 of all are lower ends.
    2. `K̂ − D` is factorised up to the last third, `D = Q/κ²` for the best κ so far; its Schur complement S is small.
    3. The top pair of `S⁻¹Q` there, carried back to all rows, gives the lower end; the least κ for which the factor of
       `S − Q/κ²` proves `K − D ≻ 0` the upper one: rows outside the third count a little more than they have to.
    4. Where that leaves a gap, 2 and 3 again with the better κ.
    5. Where the first rows have no factor for that κ, or it leaves the gap as it is, `K̂` alone is factorised. Its top
       pair over all rows is the estimate of κ for 2 and 3, and above it κ grows until an upper end is found.

    Args:
        at: the equations.
        progress: told the stage.
        close: relative gap at which to stop.
    """
    order = nearest_last(at.parts, np.sqrt(np.einsum("ikq,ikq->i", at.Q.C, at.Q.C)))
    search = _Search(at.taken(order), order, progress)
    n = at.parts.samples
    best = ModulusEnds(None, None, None)
    own: tuple[Columns, ...] = ()
    for share in SHARES:
        first = n - max(1, n // share)
        found, own = search.of_last(first)
        better = _better(best, found)
        if better is not best:
            best = better
            yield Step(best, n - first)
    if best.lower is not None:
        yield from _with_all(search, first, own, best, close)


def _with_all(
    search: _Search, first: int, own: tuple[Columns, ...], best: ModulusEnds, close: float
) -> Iterator[Step]:
    """Steps 2 to 5 of :func:`streamed_modulus`; the last one says what rounding made."""
    n = search.at.parts.samples
    assert best.lower is not None
    below, estimate, room, lost = best.lower, None, _ROOM, 0.0
    for _ in range(ROUNDS):
        found, here = search.of_all(first, own, below)
        own = ()
        best = _better(best, found)
        lost = here if found.upper is not None else lost
        yield Step(best, n, lost)
        assert best.lower is not None
        if best.upper is not None and best.upper <= best.lower * (1.0 + max(close, 2.0 * lost)):
            return
        if estimate is None and found.upper is not None and best.lower > below * (1.0 + close / 4.0):
            below = best.lower
            continue
        if estimate is None:
            whole = search.of_kernel()
            if whole is None:
                yield Step(best, n, lost if best.upper is not None else math.inf)
                return
            best, estimate = _better(best, whole[0]), whole[1]
            yield Step(best, n, lost)
        elif found.upper is None:
            room *= _GROWTH
        else:
            return
        below = max(estimate, best.lower or 0.0) * (1.0 + room)


def _better(old: ModulusEnds, new: ModulusEnds) -> ModulusEnds:
    """The better of both ends; the same object where nothing improved."""
    lower, upper, z = old.lower, old.upper, old.z
    if new.lower is not None and (lower is None or new.lower > lower):
        lower, z = new.lower, new.z
    if new.upper is not None and (upper is None or new.upper < upper):
        upper = new.upper
    return old if (lower, upper) == (old.lower, old.upper) else ModulusEnds(lower, upper, z)


@dataclass(frozen=True, eq=False)
class _Search:
    """Equations in the order of the factorisation.

    Attributes:
        at: the equations, reordered.
        order: their place in the order of the rows.
        progress: told the stage.
    """

    at: Streamed
    order: NDArray[np.intp]
    progress: Progress

    def of_last(self, first: int) -> tuple[ModulusEnds, tuple[Columns, ...]]:
        """A lower end from the rows from `first` on alone, and their own columns of the kernel."""
        parts, Q = self.at.parts, self.at.Q
        self.progress(f"{parts.samples - first} rows that others almost repeat", 0.0)
        own = _columns(parts, first)
        top = _top([block.copy() for block in own], Q.C[first:])
        if top is None:
            return ModulusEnds(None, None, None), own
        z = np.zeros(len(parts.e))
        z[first * parts.outputs :] = top.z
        return self._lower(z), own

    def of_all(self, first: int, own: tuple[Columns, ...], below: float) -> tuple[ModulusEnds, float]:
        """Both ends from all rows, the first of which count as if κ were `below`, and what rounding alone parts."""
        parts, Q = self.at.parts, self.at.Q
        kappa2 = fp.up(Fraction(below) ** 2)
        if not LEAST < kappa2 < MOST:
            return ModulusEnds(None, None, None), 0.0
        D = scaled_blocks(Q, kappa2)
        led = lead(parts, D, needed_shift(parts), first, own or _columns(parts, first),
                   lambda done: self.progress("Cholesky by blocks of columns", done))
        top = None if led is None else _top([block.copy() for block in led.last], Q.C[first:])
        if led is None or top is None or not top.value > 0:
            return ModulusEnds(None, None, None), 0.0
        z = _carried_back(led, top.z, len(parts.e))
        lower = self._lower(z)
        lost = led.shift * float(z @ z) * top.value / max(float(np.sum(_gathered(Q, z) ** 2)), 1e-300) / 2.0
        return ModulusEnds(lower.lower, self._upper(led, D, kappa2, top.value, first), lower.z), lost

    def of_kernel(self) -> tuple[ModulusEnds, float] | None:
        """A lower end from the top pair of `(K̂ − shift)⁻¹Q`, and its κ; None where there is no such factor."""
        parts, Q = self.at.parts, self.at.Q
        n, k = parts.samples, parts.outputs
        led = lead(parts, np.zeros((n, k, k)), needed_shift(parts), n, (),
                   lambda done: self.progress("Cholesky of the kernel itself", done))
        top = None if led is None else top_pair(
            Q.C, lambda b: backward_solve(led.factor, forward_solve(led.factor, b)))
        return None if top is None or not top.value > 0 else (self._lower(top.z), math.sqrt(top.value))

    def _upper(self, led: Leading, D: Array, kappa2: float, value: float, first: int) -> float | None:
        """The least tried κ with `K − D ≻ 0` proved, D as it was for the first rows and `Q/κ²` for the last."""
        parts, Q = self.at.parts, self.at.Q
        last = BlockFactor(Q.C[first:], Q.eta[first:])
        for delta in _TRIED:
            tried = max(value * (1.0 + delta), kappa2)  # less would prove no more
            if not tried < MOST:
                return None
            D[first:] = scaled_blocks(last, tried)
            found = finish(led, D)
            if found is not None and decided(parts, led, D, led.left + found[1]):
                return fp.up(fp.sqrt_up(Fraction(tried)))
        return None

    def _lower(self, z: Array) -> ModulusEnds:
        """The Rayleigh quotient of a vector in the order of the factorisation."""
        parts, Q = self.at.parts, self.at.Q
        if not np.isfinite(z).all() or not z.any():
            return ModulusEnds(None, None, None)
        z = np.ldexp(z, -int(np.frexp(np.max(np.abs(z)))[1]))
        lower = quotient(Q, z, energy_above(parts, z))
        own = np.empty_like(z).reshape(len(self.order), -1)
        own[self.order] = z.reshape(len(self.order), -1)
        return ModulusEnds(lower, None, own.ravel())


def _gathered(Q: BlockFactor, z: Array) -> Array:
    """`Cᵀz`, in floats."""
    n, k, _ = Q.C.shape
    return np.asarray(np.einsum("ikq,ik->iq", Q.C, z.reshape(n, k)))


def _columns(parts: KernelParts, first: int) -> tuple[Columns, ...]:
    """The kernel's columns of the samples from `first` on."""
    return tuple(kernel_columns(parts, samples) for samples in sample_blocks(parts.samples, parts.outputs, first))


def _top(columns: list[Columns], C: Array) -> Top | None:
    """The top pair of `M⁻¹CCᵀ`, M in columns that are overwritten by its factor."""
    for i, block in enumerate(columns):
        if factor_next(block, columns[:i]) is None:
            return None
    return top_pair(C, lambda b: backward_solve(columns, forward_solve(columns, b)))


def _carried_back(led: Leading, z: Array, N: int) -> Array:
    """`(M_LL⁻¹M_LT z, z)`, which z, optimal for the Schur complement, is for all rows but for the sign."""
    first = N - len(z)
    b = np.concatenate([block.below(first).T @ z for block in led.factor]) if led.factor else np.zeros(0)
    return np.concatenate([-backward_solve(led.factor, b), z]) if led.factor else z
