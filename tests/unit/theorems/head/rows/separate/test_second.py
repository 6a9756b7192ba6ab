"""D34: slabs on which the second order is used hold the motion of every row, of those that change as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify.systems.head.rows.boxes.trap import Slabs
from certify.systems.head.rows.change import DELETED, RowChange
from certify.theorems.head.rows.separate import outputs
from certify.theorems.head.rows.separate.outputs import centre_of, held
from tests.families.other_heads import other_head
from tests.oracles.separate_refits import refitted


@pytest.mark.parametrize("relabels", [False, True])
def test_slabs_of_the_second_order_hold_all_motions(relabels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that gets another label moves further than those that stay: its own slab is the longer one."""
    own, given, looked = outputs.bent, [], 0

    def bent(at: Any, slabs: Slabs) -> Any:
        given.append((at, slabs))
        return own(at, slabs)

    monkeypatch.setattr(outputs, "bent", bent)
    rows = np.arange(10)
    for seed in range(3):
        head = other_head(np.random.default_rng([41, seed]), "one_vs_rest", 10, 1, 2, k=3, free=False, decay=1.0)
        change = RowChange(relabels, 1, tuple(range(10)))
        every, W = refitted(head, change)
        for a in range(3):
            c = centre_of(head, relabels, a)
            one = held(c, rows, 1, lambda: 5.0)
            if one is None:
                continue
            one.say(head.points, rows, True)
            at, slabs = given[-1]
            assert at.k == 1
            for choice, V in zip(every, W[:, a], strict=True):
                tau = np.asarray(c.sums.S @ V, float) - c.at.t
                change_of = [i for i, code in choice if code == DELETED or head.codes[code, a] != head.Y[i, a]]
                lo, hi = slabs.lo.copy(), slabs.hi.copy()
                if not relabels:
                    lo[change_of], hi[change_of] = slabs.il[change_of], slabs.ih[change_of]
                assert (-lo - 1e-9 <= tau).all() and (tau <= hi + 1e-9).all()
                looked += len(change_of)
    assert looked >= 20
