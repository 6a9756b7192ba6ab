"""D16 in the checker: inputs that are no doubles, numbers too large, and heads that do not fit whole numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.softmax_pairs import leaves as leaves_module
from certify.check.theorems.head.rows.softmax_pairs.centre import centre
from certify.check.theorems.head.rows.softmax_pairs.data import data_of
from certify.format.refusal import Invalid
from tests.families.class_heads import as_checked
from tests.unit.check.theorems.head.rows.softmax_pairs.proposals import drawn, proposed
from tests.unit.check.theorems.head.rows.softmax_pairs.test_softmax_pairs_check import check


@pytest.mark.parametrize("other", [arb(1, 1e-9), arb(1) + arb(2) ** -60])
@pytest.mark.parametrize("column", [0, -1])
def test_one_input_that_is_no_double_is_enough_to_refuse(other: arb, column: int) -> None:
    head, _ = drawn(1, False)
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(head.n)), 2, False)
        assert data_of(twin, "here").n == head.n
        rows = [list(row) for row in twin.rows]
        rows[3][column] = other
        with pytest.raises(Invalid, match="not exact"):
            data_of(replace(twin, rows=rows), "here")


def test_a_gradient_that_is_off_by_too_much_is_no_centre() -> None:
    """Its middle is a double all the same."""
    head, refits = drawn(1, False)
    with ctx.workprec(64):
        data = data_of(as_checked(head, tuple(range(head.n)), 2, False), "here")
        flat = refits().ravel().tolist()
        assert centre(data, flat, None) is not None
        wide = replace(data, decay=[x + arb(0, 2.0**900) for x in data.decay])
        assert centre(wide, flat, None) is None


def test_leaves_of_a_head_that_does_not_fit_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are looked at one by one, and as much is proved."""
    head, refits = drawn(1, False)
    arrays = proposed(refits, range(head.n), list(combinations(range(head.n), 2)))
    honest, told = leaves_module.Judge, []

    def without(twin: object) -> object:
        found = honest(twin)
        found.packed = None
        told.append(found)
        return found

    monkeypatch.setattr(leaves_module, "Judge", without)
    assert (np.array(check(head, arrays)) == refits.stays(2)).all() and told
