"""A head of next to no curvature and no gradient, and a box whose λ of evaluation rows is next to infinite (D24)."""

from __future__ import annotations

from flint import arb, arb_mat, ctx

from certify.check.linalg.balls import norm
from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.changes.base import DELETED
from certify.check.theorems.head.rows.codes import Codes
from certify.check.theorems.head.rows.head import BITS, Head
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.check.theorems.head.rows.moves.bent import check_bent
from certify.check.theorems.head.rows.moves.measures import Outputs
from certify.check.theorems.head.rows.refitted.refit import distance, distances
from certify.format.refusal import Invalid

UNIT = 2.0**-258
ROWS = [[x * UNIT for x in row] for row in ((1.0, 2.0), (3.0, 1.0), (2.0, -1.0), (1.0, 1.0))] * 2
TODAY, DECAY = [0.0, 0.0], 2.0**-509
"""Each row has both labels, so that the weights are 0 and so is the gradient, exactly."""


def head() -> Head:
    """Any one of eight rows is deleted."""
    with ctx.workprec(BITS):
        targets, points = [[1.0]] * 4 + [[-1.0]] * 4, arb_mat([[UNIT, 0.0], [0.0, UNIT]])
        phi = arb_mat(ROWS)
        return Head(
            phi=phi, rows=phi.tolist(), sizes=[norm(row).upper() for row in phi.tolist()], targets=targets,
            codes=Codes([[-1.0], [1.0]], [1] * 4 + [0] * 4, targets), loss=row_loss("logistic"), k=1, m=2, biased=False,
            bias_decay=True, decay=arb(DECAY), remaining=False, evaluated=points,
            lengths=[norm(row).upper() for row in points.tolist()], threshold=0.0, today=[1, 1], moving=tuple(range(8)),
            count=1, relabels=False)


def accepted(most: float, share: float) -> bool:
    """Whether the checker takes it that no deletion moves an output farther, with that λ of every evaluation row."""
    one, arrays = head(), {"weights": ((2,), 0.0), "slabs": ((4, 8), 2.0), "rows": ((2, 8), 2.0**7),
                           "points": ((2, 2), share)}
    with ctx.workprec(BITS):
        measure = Outputs(one, TODAY, distance(one, (), TODAY, one.outputs(TODAY)))
        try:
            check_bent(measure, most, {name: Array(shape, (value,) * (shape[0] * (shape[1] if len(shape) > 1 else 1)),
                                                   "f") for name, (shape, value) in arrays.items()}, "claim")
        except Invalid:
            return False
    return True


def moved() -> arb:
    """At least how far the deletion of the second row moves an output."""
    one = head()
    with ctx.workprec(BITS):
        near = [-0.5 * x / (8 * DECAY) for x in ROWS[1]]  # its pull of ½ over the decay alone
        measure = Outputs(one, TODAY, distance(one, (), TODAY, one.outputs(TODAY)))
        return measure.ends(near, distances(one, [((1, DELETED),)], [near])[0])[0]
