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
from certify.check.theorems.head.rows.squared_labels import weights_of


@dataclass(frozen=True)
class Condition:
    """The output of a label less another one, or one output and its sign: `Σ_i q_i t_i > 0`.

    Attributes:
        old: the contrast t of the target of each class.
        high, low: the same less the least and the largest new contrast.
        top: the largest of these in size.
        length: of the contrasts of all rows, from above.
        outputs: with their signs, those that the contrast is of.
    """

    old: tuple[int, ...]
    high: tuple[int, ...]
    low: tuple[int, ...]
    top: int
    length: arb
    outputs: tuple[tuple[int, int], ...]


def targets_of(classes: int) -> list[list[int]]:
    """By class the targets: ±1 of one output for two classes, else 1 for its own output and −1 for the others.

    >>> targets_of(2), targets_of(3)
    ([[-1], [1]], [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    """
    if classes == 2:
        return [[-1], [1]]
    return [[1 if a == y else -1 for a in range(classes)] for y in range(classes)]


def conditions_of(today: int, counts: Sequence[int]) -> list[Condition]:
    """All that have to hold for the label `today` to stay; any row may get any other class.

    Args:
        today: the class.
        counts: rows of every class.
    """
    classes = len(counts)
    targets = targets_of(classes)
    k = len(targets[0])
    others = [-1] if k == 1 else [b for b in range(classes) if b != today]
    found = []
    for b in others:
        weights = weights_of(today, b, k)
        old = [sum(w * t for w, t in zip(weights, target, strict=True)) for target in targets]
        order = sorted(old)  # of the others the least is the second where the own one is the least
        high = [t - order[t == order[0]] for t in old]
        low = [t - order[-2 if t == order[-1] else -1] for t in old]
        length = arb(sum(n * t * t for n, t in zip(counts, old, strict=True))).sqrt().upper()
        found.append(Condition(tuple(old), tuple(high), tuple(low), max(map(abs, (*high, *low))), length,
                               tuple((a, w) for a, w in enumerate(weights) if w)))
    return found


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
    return [Margin(c, arb(sum((t * x for t, x in zip(c.old, sums, strict=True) if t), fmpz(0))) * unit, solution.off,
                   solution.length) for c in conditions]
