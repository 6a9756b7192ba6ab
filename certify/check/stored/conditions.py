"""What has to hold for a label to stay after labels of training rows change, by classes of rows (D3).

All rows of a class have one target, so what a row takes from `g·z > 0` depends on its class and its influence alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb, fmpz

from certify.check.linalg.fixed import scale
from certify.check.stored.ground import Ground
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Solution


@dataclass(frozen=True)
class Condition:
    """The output of a label less another one, or one output and its sign: `Σ_i q_i t_i > 0`.

    Rows of `today` have `t = size`, rows of `other` have −size, and rows of all other classes 0.

    Attributes:
        today, other: the classes.
        size: 2, or 1 of one output.
        length: of the contrasts of all rows, from above.
        spare: how many rows may leave `other` without its last one: a class without rows is none of the model's.
        outputs: with their signs, those that the contrast is of.
    """

    today: int
    other: int
    size: int
    length: arb
    spare: int
    outputs: tuple[tuple[int, int], ...]

    @property
    def top(self) -> int:
        """What a changed row may take at most, for each unit of its influence."""
        return 2 * self.size


def conditions_of(today: int, counts: Sequence[int]) -> list[Condition]:
    """All that have to hold for the label `today` to stay; any row may get any other class.

    Args:
        today: the class.
        counts: rows of every class.

    >>> [(c.other, c.size, c.spare, c.outputs) for c in conditions_of(1, (3, 4))]
    [(0, 1, 2, ((0, 1),))]
    >>> [(c.other, c.size, c.spare, c.outputs) for c in conditions_of(1, (3, 4, 1))]
    [(0, 2, 2, ((1, 1), (0, -1))), (2, 2, 0, ((1, 1), (2, -1)))]
    """
    two = len(counts) == 2
    size = 1 if two else 2
    return [Condition(today, b, size, (arb(counts[today] + n).sqrt() * size).upper(), n - 1,
                      ((0, 1 if today else -1),) if two else ((today, 1), (b, -1)))
            for b, n in enumerate(counts) if b != today]


def lasts(rows: int) -> str:
    """Why no label of a class of so few rows stays."""
    return f"its class has {rows} row{'s' * (rows > 1)}, and loses every one, so no model that is trained again has it"


@dataclass(frozen=True)
class Margin:
    """One condition at one point, on unchanged data.

    Attributes:
        condition: the condition.
        value: its left side, but for `off·length`.
        off: at least `|q − Φ̂u|₂`.
        size: at least `|q|₂`, but for `off`.
    """

    condition: Condition
    value: arb
    off: arb
    size: arb

    def left(self, taken: arb, k: int, each: arb) -> arb:
        """The condition after k changes that take as much: a ball; each influence may err by `each` beside."""
        c = self.condition
        error = self.off * (c.length + c.top * arb(k).sqrt()) + c.top * k * each
        return self.value - taken + arb(0, 1) * error

    def far(self, k: int) -> bool:
        """Whether it holds after any k changes: k influences are together at most √k times as large as all."""
        return bool(self.left(self.size * self.condition.top * arb(k).sqrt(), k, arb(0)) > 0)


def margins(ground: Ground, solution: Solution, sums: Sequence[fmpz], conditions: Sequence[Condition]) -> list[Margin]:
    """Every condition at a point.

    Args:
        ground: of the rows.
        solution: `u` of the point.
        sums: `u·Σφ̂` of every class, in units of `2^−(FEATURE_BITS + bits)`.
        conditions: of its label.
    """
    unit = scale(FEATURE_BITS + solution.bits)
    return [Margin(c, arb(c.size * (sums[c.today] - sums[c.other])) * unit, solution.off, solution.length)
            for c in conditions]
