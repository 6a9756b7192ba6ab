"""What rows that are named take at least: their own block of the hat matrix is inverted in balls."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import scale
from certify.check.stored.beside import error_of, short_inverse
from certify.check.stored.ground import Ground

AT_ONCE, HELD = 2**14, 2**23
"""Rows that are held at a time, and numbers of rows, at most."""

NOTHING = arb("nan")
"""What is neither above nor below anything."""


class Blocks:
    """The blocks `I − K_MM` of rows that are given.

    Args:
        ground: of all rows.
    """

    def __init__(self, ground: Ground) -> None:
        self._X, bits = short_inverse(ground.system)
        self._unit = scale(2 * ground.bits + bits)
        self._error = arb(0, 1) * error_of(ground.system, scale(bits))

    def taken(self, rows: Sequence[Sequence[int]], c: Sequence[arb], r: Sequence[arb]) -> arb:
        """`c·(I − K_MM)⁻¹r`; a ball that says nothing where the block is not proved to have an inverse.

        Args:
            rows: in whole numbers, as a reading has them.
            c, r: influences and residuals of these rows, in balls.
        """
        m = len(rows)
        block = fmpz_mat(m, len(rows[0]), list(chain.from_iterable(rows)))
        products = (block * self._X * block.transpose()).tolist()
        N = arb_mat([[arb(int(i == l)) - arb(x) * self._unit + self._error for l, x in enumerate(row)]
                     for i, row in enumerate(products)])
        try:
            solved = N.solve(arb_mat(m, 1, list(r)))
        except ZeroDivisionError:
            return NOTHING
        return sum((x * solved[i, 0] for i, x in enumerate(c)), ZERO)
