"""D16: outputs and probabilities of all rows at a node's weights, and the gradient there."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, norm
from certify.check.theorems.head.rows.pair_tree.numbers import UP, up
from certify.check.theorems.head.rows.softmax_pairs.data import Data

Columns = list["array[float]"]
"""By class the numbers of all rows."""

WIDEST = 200.0
"""Largest difference of two outputs of a row: with steps of 64 no product of probabilities underflows."""
SURE = 2.0**-38
"""What probabilities may be off by of themselves."""


@dataclass(frozen=True)
class Centre:
    """Weights at a node.

    Attributes:
        data: the head.
        weights: kp numbers, `size` above their norm.
        out: the row that is out already; None: there is none.
        s: probabilities, off by at most `blur` of themselves.
        g: the gradient, off by `g_off` as a vector.
        tie: weight of the squared change of the sum of free intercepts.
    """

    data: Data
    weights: list[float]
    size: float
    out: int | None
    s: Columns
    blur: float
    g: list[float]
    g_off: float
    tie: float

    def there(self, j: int) -> bool:
        """Whether a row is in the sum."""
        return j != self.out


def centre(data: Data, weights: Sequence[float], out: int | None, tie: float | None = None) -> Centre | None:
    """Everything at weights, in balls and then in doubles; None where numbers are too large.

    Args:
        data: the head.
        weights: the weights.
        out: the row that is out.
        tie: that of another node; None: one of about the curvature here.
    """
    flat, n, k, p = list(weights), data.n, data.k, data.p
    head = data.head
    z = head.outputs(flat)
    lines: list[list[arb]] = []
    if not all(x.is_finite() for row in z for x in row):  # what is no number has no place in an order
        return None
    for row in z:
        top = max(float(x.mid()) for x in row)
        low = min(float(x.mid()) for x in row)
        if not top - low < WIDEST:
            return None
        e = [(x - top).exp() for x in row]
        total = sum(e, ZERO)
        lines.append([x / total for x in e])
    s = [array("d", map(float, column)) for column in zip(*lines, strict=True)]
    blur = 2.0**-52
    for a, column in enumerate(s):
        for x, line in zip(column, lines, strict=True):
            blur = max(blur, up(line[a] / x - 1))
    mu = [arb_mat([[d * x for d, x in zip(data.decay, flat[a * p : (a + 1) * p], strict=True)]]) for a in range(k)]
    slopes = arb_mat([[ZERO if i == out else x - y for x, y in zip(line, target, strict=True)]
                      for i, (line, target) in enumerate(zip(lines, head.targets, strict=True))])
    pulls = (slopes.transpose() * data.table.exact).tolist()
    balls = [x + y for row, own in zip(pulls, mu, strict=True) for x, y in zip(row, own.entries(), strict=True)]
    g = [float(x.mid()) for x in balls]
    size = up(norm(map(arb, flat)))
    if not (blur < SURE and all(map(isfinite, g)) and size < 2.0**400):
        return None
    if tie is None:
        tie = sum(x * (1.0 - x) for column in s for x in column) / (k * k) if data.free else 0.0
    g_off = up(norm([x - y for x, y in zip(balls, g, strict=True)]))
    return Centre(data, flat, size, out, s, blur * UP, g, g_off, tie) if n and g_off < 2.0**400 else None
