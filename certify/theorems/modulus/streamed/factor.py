"""A factor of `K̂ − D` that is made as far as some last rows, and finished as often as these ask for it (M2k)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.network.layers.kernel import KernelParts
from certify.rigor import fp
from certify.rigor.blocked.cholesky import Residual, factor_defect, factor_next, factor_updated
from certify.rigor.blocked.columns import WIDTH, Columns, subtract_gram
from certify.rigor.fp import Array
from certify.theorems.modulus.streamed.columns import kernel_columns, off_diagonal, sample_blocks, subtract_blocks

_MARGIN = Fraction(1025, 1024)
_ALLOWED = 64
"""Roundings of the trace that a measured residual may have: a guess that decides nothing, since it is measured."""


@dataclass(frozen=True, eq=False)
class Leading:
    """The columns of the first rows, factorised, and what is left of the last ones.

    Attributes:
        factor: blocks of columns of the factor; they go down through the last rows.
        left: its residual.
        last: columns of the Schur complement of the last rows, of whose own D nothing is subtracted yet.
        diagonal: `K̂_ii` of all equations.
        shift: subtracted from every diagonal entry.
    """

    factor: tuple[Columns, ...]
    left: Residual
    last: tuple[Columns, ...]
    diagonal: tuple[float, ...]
    shift: float


def needed_shift(parts: KernelParts) -> float:
    """What rounding and radii ask to be subtracted from the diagonal, and hardly more."""
    n, k = parts.samples, parts.outputs
    trace = Fraction(float(np.sum(parts.s * parts.s)))
    unit = fp.block_unit(max(WIDTH, k), len(sample_blocks(n, k)) + 16)
    return fp.up(_MARGIN * ((unit + _ALLOWED * Fraction(fp.U)) * trace + radius_norm(parts)) + 8 * Fraction(fp.FLOOR))


def radius_norm(parts: KernelParts) -> Fraction:
    """Upper bound `2|e||s|` of `‖K − K̂‖₂` (R10)."""
    e, s = (Fraction(float(fp.row_norms(v[None, :])[0])) for v in (parts.e, parts.s))
    return 2 * e * s


def lead(
    parts: KernelParts, D: Array, shift: float, first: int, last: tuple[Columns, ...],
    tell: Callable[[float], None] = lambda done: None,
) -> Leading | None:
    """Factorise `K̂ − D − shift·I` up to sample `first`; None where a pivot is not positive.

    Args:
        parts: what K is made of, samples in the order of the factorisation.
        D: `(n, k, k)`.
        shift: of every diagonal entry.
        first: of the last samples; n: there are none.
        last: the kernel's own columns of these, which are overwritten.
        tell: told the share of all operations that is done.
    """
    k, n = parts.outputs, parts.samples
    factor: list[Columns] = []
    left, diagonal = Residual(), []
    for samples in sample_blocks(first, k):
        columns = kernel_columns(parts, samples)
        diagonal += columns.diagonal().tolist()
        subtract_blocks(columns, D, shift)
        residual = factor_next(columns, factor)
        if residual is None:
            return None
        left += residual
        factor.append(columns)
        tell(1.0 - (1.0 - samples.stop / n) ** 3)
    for columns in last:
        diagonal += columns.diagonal().tolist()
        subtract_blocks(columns, 0.0 * D, shift)
        for block in factor:
            subtract_gram(columns.entries, block.below(columns.start))
    return Leading(tuple(factor), left, last, tuple(diagonal), shift)


def finish(at: Leading, D: Array) -> tuple[tuple[Columns, ...], Residual] | None:
    """The factor of the last rows with `D_i` subtracted from theirs, and its residual."""
    done: list[Columns] = []
    left = Residual()
    for block in at.last:
        columns = block.copy()
        subtract_blocks(columns, D, 0.0)
        for earlier in done:
            subtract_gram(columns.entries, earlier.below(columns.start))
        residual = factor_updated(columns, (*at.factor, *done))
        if residual is None:
            return None
        left += residual
        done.append(columns)
    return tuple(done), left


def decided(parts: KernelParts, at: Leading, D: Array, left: Residual) -> bool:
    """Whether `K − D ≻ 0` is proved for every kernel of these parts, by a factor of `K̂ − D − shift·I` (M2k, R5b)."""
    size = fp.total(at.diagonal) + off_diagonal(D)
    defect = factor_defect(size, len(parts.e), left)
    if defect is None:
        return False
    return Fraction(at.shift) * (1 - 2 * Fraction(fp.U)) - Fraction(fp.FLOOR) > defect + radius_norm(parts)
