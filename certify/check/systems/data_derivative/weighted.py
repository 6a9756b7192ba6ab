"""Rows of a critical point with diagonal weights, by a matrix as large as they have columns (V25)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flint import arb, arb_mat

from certify.check.enclosure.hessian import Curvature, beside
from certify.check.linalg.balls import ZERO
from certify.check.linalg.deflated import Largest
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.large.products import product
from certify.check.reading.subject import Problem
from certify.check.systems.data_derivative.backward import ByBackward
from certify.check.systems.data_derivative.base import DataDerivative


class At(Protocol):
    """What is looked at of a critical point, whose class knows this file."""

    problem: Problem
    kind: str | None
    width: int

    @property
    def curvature(self) -> Curvature:
        """Second derivatives."""
        ...

    @property
    def data(self) -> DataDerivative:
        """C."""
        ...

    @property
    def D(self) -> Fixed:  # noqa: N802
        """X."""
        ...

    def finer(self, width: int) -> At:
        """The same with other bits."""
        ...

    def reached_by(self, Q: Fixed) -> Largest:
        """`XQXᵀ`."""
        ...


def weighted(at: At, weights: Sequence[arb_mat]) -> Largest:
    """A matrix with the eigenvalues above 0 of `XΣC_iE_iC_iᵀXᵀ`: where `E = W²` is diagonal `(XCW)ᵀXCW`.

    Bounds that are asked for are above 0, so that no other eigenvalue matters. Some weights are large, and what C errs
    by is multiplied by them and by X: they go to the slopes that C is made of, before anything is cut; where there are
    none C has twice the bits, but for an output tilt.

    Args:
        at: the point, whose X has been proved an inverse.
        weights: the E_i of the moving rows.
    """
    roots = None if at.data.structured else _roots(weights)
    if roots is None or len(roots) > at.problem.parameters:
        return _whole(at, weights)
    if isinstance(at.data, ByBackward):
        Y = product(at.D, at.data.times(roots), at.width)
        return Largest(product(Y.turned, Y, at.width))
    W = arb_mat([[w if i == j else ZERO for j in range(len(roots))] for i, w in enumerate(roots)])
    bits = 2 * at.width
    known = at if at.kind == "output" else at.finer(bits)
    Y = product(at.D, product(known.data.columns, enclosed(W, bits), bits), bits)
    return Largest(product(Y.turned, Y, bits))


def _whole(at: At, weights: Sequence[arb_mat]) -> Largest:
    """`XΣC_iE_iC_iᵀXᵀ` itself."""
    if at.data.structured:
        return at.reached_by(at.curvature.cross(weights))
    columns, q = at.data.columns.turned.balls().tolist(), at.data.each
    blocks = [arb_mat(columns[i:i + q]).transpose() for i in range(0, len(columns), q)]
    left = beside([block * E for block, E in zip(blocks, weights, strict=True)])
    return at.reached_by(product(enclosed(left, at.width), at.data.columns.turned, at.width))


def _roots(weights: Sequence[arb_mat]) -> list[arb] | None:
    """The diagonal of W, column by column; None where E is not diagonal, or not all of it at least 0."""
    q = weights[0].nrows() if weights else 0
    if not all(E[a, b] == 0 for E in weights for a in range(q) for b in range(q) if a != b):  # a ball around 0 is not 0
        return None
    roots = [E[a, a].sqrt() for E in weights for a in range(q)]
    return roots if roots and all(w.is_finite() for w in roots) else None
