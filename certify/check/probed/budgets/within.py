"""Do all motions together, each row with its weights, stay below 1? A proposed factor and what it does to vectors (W5).

`‖R(c²I − Σ Y_ie_iY_iᵀ)Rᵀ − I‖ < 1` proves `‖Ye^½‖ < c`, as of W7; the sum is never formed.
"""

from __future__ import annotations

from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.check.linalg.balls import ZERO
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.probes import shortened
from certify.check.probed.budgets.weights import Weights
from certify.check.probed.rows import longest

PASS, ROOM = 62, 50
"""Bits of the vectors that meet the motions, and more than these of what the motions make of them."""


class Within:
    """Row by row, each of which is looked at once.

    Args:
        weights: the e_i.
        R: exact, whatever it is.
        below: k, of `c = 1 − 2^−k`.
        drawn: the vectors.
    """

    def __init__(self, weights: Weights, R: Fixed, below: int, drawn: fmpz_mat) -> None:
        self.weights, self._R, self._below, self._drawn = weights, R, below, drawn
        self._along, drop = shortened(R.mid.transpose() * drawn, PASS)
        self._bits = R.bits - drop
        self._cut = arb(drawn.nrows()).sqrt() * scale(self._bits) if drop else ZERO
        self._moved, self._lost, self._trace = drawn * 0, ZERO, ZERO

    def add(self, number: int, motion: fmpz_mat, turned: fmpz_mat, bits: int, gram: fmpz_mat, size: arb) -> None:
        """The row at that place: `Y_iᵀ`, `2^bits` times, `Y_i`, `Y_iᵀY_i`, and at least `|Y_i|_F`.

        `e_iY_iᵀw` is cut: each of d entries by less than a unit.
        """
        row, own = self.weights.whole[number], self.weights.bits[number]
        image = [[v * x for v in line] for x, line in zip(row, (motion * self._along).tolist(), strict=True)]
        drop = 2 * bits + own - ROOM
        self._moved = self._moved + turned * fmpz_mat(
            [[v >> drop if drop >= 0 else v << -drop for v in line] for line in image])
        if drop > 0:
            self._lost += size * arb(len(row)).sqrt() * scale(self._bits + ROOM - bits)
        trace = sum([gram[a, a] * x for a, x in enumerate(row)], fmpz(0))
        self._trace += arb(trace) * scale(2 * bits + own)

    def proved(self, off: list[arb], least: arb) -> bool:
        """Whether `A² − Σ C_iE_iC_iᵀ ≻ 0` for all `E_i ⪯ e_i`, once every row was added.

        Args:
            off: at least `‖A⁻¹C_i − Y_i‖` of every moving row.
            least: of the entries of any direction some vector sees so much.
        """
        k, R, bits = self._below, self._R, self._bits + ROOM
        image = self._along * (((1 << k) - 1) ** 2 << ROOM) - self._moved * (fmpz(1) << 2 * k)
        seen = arb_mat(R.mid * image) * scale(R.bits + bits + 2 * k) - arb_mat(self._drawn)
        missed = R.size * (self._lost + (1 + self._trace) * self._cut)
        away = sum((x * v**2 for x, v in zip(self.weights.largest, off, strict=True)), ZERO).sqrt()
        return bool(longest(seen) + missed < least and away <= scale(k))
