"""What the factor R that proves `K ≻ 0` proves of other matrices, without a factorisation of theirs.

With `RKRᵀ = I + E`, `‖E‖ ≤ δ < 1` and R nonsingular, `cK − M ≻ 0` follows from `RMRᵀ ≺ c(1 − δ)I` by congruence. A few
vectors say how large eigenvalues are (W3).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from flint import arb, arb_mat

from certify.check.linalg.definite import Truth
from certify.check.linalg.deflated import Largest
from certify.check.linalg.fixed import Fixed, enclosed
from certify.check.linalg.large.products import product


class ByFactor:
    """Statements about K and a symmetric Q of which some blocks of one size on the diagonal are not 0.

    Args:
        R, defect: of K, with more rows than there are vectors.
        blocks: of Q, by their place.
        width: bits in fixed point.
    """

    def __init__(self, R: arb_mat, defect: arb, blocks: Mapping[int, list[list[arb]]], width: int) -> None:
        self._exact, self._left, self._blocks, self._width = R, 1 - defect, blocks, width

    def is_above(self, least: float) -> bool:
        """Whether `K − least²·I ≻ 0` is proved, `least > 0`."""
        return self._squared.by_vectors(self._left / arb(least) ** 2) is Truth.PROVED

    def is_beyond(self, most: arb) -> bool:
        """Whether `most²K − Q ≻ 0` is proved."""
        return self._moved.by_vectors(most ** 2 * self._left) is Truth.PROVED

    @cached_property
    def _factor(self) -> Fixed:
        return enclosed(self._exact, self._width)

    @cached_property
    def _squared(self) -> Largest:
        """`RRᵀ`."""
        return Largest(product(self._factor, self._factor.turned, self._width))

    @cached_property
    def _moved(self) -> Largest:
        """`RQRᵀ`."""
        columns = self._exact.transpose().tolist()
        rows = [[arb(0)] * len(columns) for _ in columns]
        for i, Q in self._blocks.items():
            k = len(Q)
            rows[i * k:i * k + k] = (arb_mat(Q) * arb_mat(columns[i * k:i * k + k])).tolist()
        return Largest(product(enclosed(arb_mat(rows), self._width).turned, self._factor.turned, self._width))
