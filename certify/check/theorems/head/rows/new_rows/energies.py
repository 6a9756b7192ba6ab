"""D11 in balls: on the hyperplane where a label is lost the sum is above what it costs with any new rows elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from flint import arb, arb_mat

from certify.check.linalg.balls import ZERO, squares
from certify.check.reading.arrays import Array
from certify.check.theorems.head.norms import total_of
from certify.check.theorems.head.rows.changes.new_rows import NewRows
from certify.check.theorems.head.rows.head import Head
from certify.format.refusal import Invalid

SHARE = arb(2) ** 20
"""K: a square of a sum of two is at most (1 + K) times that of the first and (1 + 1/K) times that of the second."""


@dataclass(frozen=True)
class Cheap:
    """Weights, the loss of every row there, and the sum with the dearest new rows of some labels."""

    w: list[float]
    losses: list[arb]
    cost: arb


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label whatever rows are new.

    Args:
        head: the head.
        arrays: `robust`, `(compositions, m)` weights that cost little, a row for each way in which new rows share
            the labels, in lexicographic order of their numbers; `weights`, `(N, m)`, near the least sum on the plane.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays have another form, or the theorem is not about this problem.
    """
    change, known = head.change, head.loss.sigmoid or head.loss.quadratic
    if not isinstance(change, NewRows) or head.k != 1 or not known or head.remaining or len(
            change.low) + head.biased != head.m or len(head.codes.rows) != 2:
        raise Invalid(where, "new rows are stated", "one layer with one output, two labels, the logistic or the "
                      "squared loss and a fixed n are needed")
    shares = list(compositions(change.added))
    shapes = {"robust": (len(shares), head.m), "weights": (len(asked), head.m)}
    if set(arrays) != set(shapes) or any(a.shape != shapes[x] or a.kind != "f" or not all(map(isfinite, a.values))
                                         for x, a in arrays.items()):
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}",
                      f"robust, {len(shares)} rows of {head.m} numbers, and weights, {len(asked)}, are needed")
    m, robust, weights = head.m, arrays["robust"].values, arrays["weights"].values
    cheap = [_cheap(head, change, list(robust[a * m : (a + 1) * m]), share) for a, share in enumerate(shares)]
    return [want and old >= 0 and _stays(head, change, j, list(weights[j * m : (j + 1) * m]), cheap)
            for j, (want, old) in enumerate(zip(asked, head.today, strict=True))]


def compositions(count: int) -> Iterator[tuple[int, int]]:
    """How so many new rows may share two labels."""
    return ((first, count - first) for first in range(count + 1))


def _losses(head: Head, z: Sequence[arb]) -> list[arb]:
    """Of every row at its output."""
    pairs = zip(z, head.targets, strict=True)
    return [(a - y) * (a - y) / 2 for a, (y,) in pairs] if head.loss.quadratic else [
        (-y * a).exp().log1p() for a, (y,) in pairs]


def _decay(head: Head, w: Sequence[float]) -> arb:
    """`(μ/2)|w|²` without a free intercept."""
    return head.mu() / 2 * squares(map(arb, w[:-1] if head.free_intercept else w))


def _cheap(head: Head, change: NewRows, w: list[float], share: tuple[int, int]) -> Cheap:
    """The cost: the sum, and for each new row the largest loss over the range of its output."""
    losses = _losses(head, [row[0] for row in head.outputs(w)])
    low = high = arb(w[-1]) if head.biased else ZERO
    for x, a, b in zip(w, change.low, change.high, strict=False):
        low, high = low + (arb(x) * a).min(arb(x) * b), high + (arb(x) * a).max(arb(x) * b)
    cost = sum(losses, _decay(head, w))
    for (y,), number in zip(head.codes.rows, share, strict=True):
        worst = ((low - y) * (low - y) / 2).max((high - y) * (high - y) / 2) if head.loss.quadratic else (
            -low if y > 0 else high).exp().log1p()
        cost += number * worst
    return Cheap(w, losses, cost)


def _stays(head: Head, change: NewRows, j: int, w: list[float], cheap: list[Cheap]) -> bool:
    """Whether every cost is below a lower bound of the sum on the hyperplane, and no weights of them lie beyond it."""
    side = 1 if head.today[j] == 1 else -1
    e = [side * head.evaluated[j, a] for a in range(head.m)]
    level = side * arb(head.threshold)
    if not all(_dot(e, c.w) > level for c in cheap):
        return False
    z = [row[0] for row in head.outputs(w)]
    losses, slopes = _losses(head, z), [head.loss.slope([a], y)[0] for a, y in zip(z, head.targets, strict=True)]
    held, mu = head.m - head.free_intercept, head.mu()
    g = (arb_mat([slopes]) * head.phi).entries()
    g = [x + mu * v if a < held else x for a, (x, v) in enumerate(zip(g, w, strict=True))]
    # any multiplier where all weights decay; with a free intercept the one at which its part vanishes
    nu = g[-1] / e[-1] if head.free_intercept else sum((a * b for a, b in zip(g, e, strict=True)), ZERO) / squares(e)
    short, rest = level - _dot(e, w), squares(a - nu * b for a, b in zip(g[:held], e[:held], strict=True))
    split = 1 + SHARE if change.deleted else arb(1)
    value = sum(losses, _decay(head, w)) + nu * short - split * rest / (2 * mu)
    pulls = _pulls(head, change, e, slopes, short) if change.deleted else []
    return all(_dear(change, value, losses, pulls, c) for c in cheap)


def _dear(change: NewRows, value: arb, losses: list[arb], pulls: list[arb], c: Cheap) -> bool:
    taken = [(losses[i] - c.losses[i] + pull).upper() for i, pull in zip(change.moving, pulls, strict=bool(pulls))]
    if not all(x.is_finite() for x in taken):  # what is no number has no place in an order
        return False
    return bool(value - total_of([x.max(ZERO) for x in taken], change.deleted) > c.cost)


def _pulls(head: Head, change: NewRows, e: list[arb], slopes: list[arb], short: arb) -> list[arb]:
    """For each row that may go `(1 + 1/K)·d·|v_i|²/(2μ) − ν_i·short`, `v_i = g_iφ_i + ν_ie` where weights decay."""
    held, share, found = head.m - head.free_intercept, (1 + 1 / SHARE) * change.deleted / (2 * head.mu()), []
    for i in change.moving:
        g, row = slopes[i], head.rows[i]
        nu = -g * row[-1] / e[-1] if head.free_intercept else ZERO
        found.append(share * squares(g * x + nu * y for x, y in zip(row[:held], e[:held], strict=True)) - nu * short)
    return found


def _dot(e: Sequence[arb], w: Sequence[float]) -> arb:
    return sum((a * x for a, x in zip(e, w, strict=True)), ZERO)
