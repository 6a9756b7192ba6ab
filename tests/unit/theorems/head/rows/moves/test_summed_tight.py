"""D31 of deletions where it loses next to nothing, outputs alike: whatever leaves out one of them is found out."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.moves.measures import Distance
from certify.check.theorems.head.rows.moves.summed import check_summed
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.motions import summed
from tests.families.squared_heads import SmallHead, as_checked, as_head, small_head
from tests.oracles.squared_head import changes, farthest_motions

ROWS = (0, 1)


def alike(k: int) -> SmallHead:
    """Two rows on a line that hold much of what there is, whose k residuals are all alike: deletions add up exactly."""
    phi, label = np.array([[1.0], [1.0], [0.5], [0.5]]), np.array([0, 0, 1, 1])
    codes = np.array([[2.0] * k, [-1.0] * k])
    return replace(small_head(np.random.default_rng(1), 4, 1), phi=phi, Y=codes[label], codes=codes, label=label,
                   mu=2.0, decayed=np.ones(1, bool), points=np.ones((1, 1)), today=np.zeros(1, np.int64))


def truth(small: SmallHead) -> Fraction:
    """The square of the farthest that weights go."""
    phi, Y = small.phi.tolist(), small.Y.tolist()
    found = farthest_motions(phi, Y, Fraction(small.mu), [True], [], changes(phi, Y, ROWS, 2))
    assert found is not None
    return found[0]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_what_one_deletion_does_to_another_counts_of_every_output(k: int) -> None:
    small = alike(k)
    head, exact = as_head(small), truth(small)
    found = summed.weights_summed(head, RowChange(False, 2, ROWS), Budget(20.0))
    assert found is not None
    assert exact <= Fraction(found.upper) ** 2 <= exact * Fraction(1.05)
    flat = np.ravel(head.V).tolist()
    with ctx.workprec(BITS):
        twin = as_checked(small, head, ROWS, 2, False)
        measure = Distance(twin, flat, distance(twin, (), flat, twin.outputs(flat)))
        check_summed(measure, found.upper, "claim")
        for less in (1e-4, 0.02, 0.2):  # the refits go farther than that
            with pytest.raises(Invalid, match="proved"):
                check_summed(measure, float(exact) ** 0.5 * (1.0 - less), "claim")
