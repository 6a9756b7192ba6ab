"""D34: the training sum of every output of a head, each a head with two labels on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp

from flint import arb

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.boxes.fixed_rows import Sums, sums
from certify.check.theorems.head.rows.boxes.margins import Points, points
from certify.check.theorems.head.rows.boxes.stated import exact_rows
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.on_slabs import LOGISTIC, ON_SLABS, OnSlabs
from certify.check.theorems.head.rows.losses.one_vs_rest import OneVsRest
from certify.check.theorems.head.rows.losses.squared_hinge import SquaredHinge
from certify.format.refusal import Invalid


@dataclass(frozen=True)
class Outputs:
    """A head, output by output.

    Attributes:
        head: the head.
        loss: of one output.
        sums: of every output, rows times its targets.
        points: evaluation rows as they are.
    """

    head: Head
    loss: OnSlabs
    sums: list[Sums]
    points: Points

    def may(self, row: int) -> list[int]:
        """What a row may become."""
        codes = self.head.codes
        return [c for c in range(len(codes.rows)) if c != codes.label[row]] if self.head.relabels else [-1]

    def reaches(self, row: int, code: int, a: int) -> bool:
        """Whether a change of a row is one of output a: if it is deleted, or its target there becomes another."""
        return code < 0 or self.head.codes.rows[code][a] != self.head.targets[row][a]


def outputs_of(head: Head, where: str) -> Outputs:
    """The outputs of a head.

    Raises:
        Invalid: the theorem is not about this problem.
    """
    loss = _loss_of(head)
    if loss is None or head.k < 2 or head.remaining or head.balanced or head.labelled is not None or head.new:
        raise Invalid(where, "boxes of outputs that are fitted apart are stated", "they are for several outputs, the "
                      "loss one_vs_rest or squared_hinge, a fixed decay and weights that stay")
    if head.free_intercept and not loss.smooth:
        raise Invalid(where, "boxes are stated", "the intercept carries no decay, and where a loss is flat nothing "
                      "else holds it")
    if head.count < 1 or (not head.relabels and head.free_intercept and head.count >= head.n):
        raise Invalid(where, f"{head.count} rows change", "at least one is needed, and fewer deleted than there are")
    known = [*head.targets, *(head.codes.rows if head.relabels else ())]
    if any(len(y) != head.k or not all(v in (-1.0, 1.0) for v in y) for y in known) or (
            head.relabels and not head.codes.rows):
        raise Invalid(where, "boxes are stated", "every target has to be -1 or 1, one an output")
    mu, weights, scale = head.mu(), head.weights, loss.unit
    if weights is not None:  # divided by a power of two the sum has the same minimiser, and weights up to 1
        unit = arb(2) ** -max(frexp(float(c))[1] for c in weights)
        weights, scale = [c * unit for c in weights], scale * unit
    decay = [x * scale for x in [mu] * (head.m - 1) + [ZERO if head.free_intercept else mu]]
    rows = exact_rows(head.rows, where)
    each = [sums([[x * y[a] for x in row] for row, y in zip(rows, head.targets, strict=True)], decay, head.relabels,
                 weights) for a in range(head.k)]
    return Outputs(head, loss, each, points(exact_rows(head.evaluated.tolist(), where), head.m))


def _loss_of(head: Head) -> OnSlabs | None:
    """The loss of one output; None where outputs are not fitted apart with such a loss."""
    if isinstance(head.loss, OneVsRest):
        return LOGISTIC
    hinge = isinstance(head.loss, SquaredHinge)
    return next((one for one in ON_SLABS if hinge and isinstance(head.loss, one.of)), None)
