"""D34, derived again: what the box of one output says of points, against every refit; wrong pulls are found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes.codes import slabs
from certify.check.theorems.head.rows.boxes.trap import box, centre
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.separate_boxes import lost
from certify.check.theorems.head.rows.separate_boxes.outputs import outputs_of
from certify.systems.head.rows.change import DELETED
from certify.theorems.head.rows.boxes.stated import packed
from certify.theorems.head.rows.separate.outputs import centre_of, held
from tests.containment.heads_separate import NEAR, drawn
from tests.containment.rigor import Violation
from tests.families.row_heads import as_checked


def judged(rng: np.random.Generator) -> int:
    """Both signs of all points, by both ways, for every choice; how many outputs had boxes."""
    head, change, every, W = drawn(rng)
    twin = as_checked(head, change)
    if head.weights is not None:
        twin = replace(twin, weights=[arb(x) for x in head.weights.rows.tolist()])
    rows, found = sorted(change.rows), 0
    with ctx.workprec(BITS):
        o = outputs_of(twin, "here")
        for a in range(head.k):
            own = held(centre_of(head, change.relabels, a), np.array(rows), min(change.count, len(rows)), lambda: 1.0)
            if own is None:
                continue
            c = centre(o.sums[a], [], own.c.w.tolist(), o.loss)
            proof = box(c, rows, change.count, slabs(packed(own.codes).tolist()), own.wide)
            assert proof is not None
            found += 1
            F = np.einsum("cm,nm->cn", W[:, a], head.points.astype(np.longdouble)).astype(float)
            reached = np.array([[any(i == row and (code == DELETED or head.codes[code, a] != head.Y[i, a])
                                     for i, code in choice) for row in rows] for choice in every], float)
            for j, one in enumerate(lost.Held(proof).lost(o.points)):
                assert one is not None
                for sign in (1, -1):
                    for alone in (False, True):
                        low = sign * float(one.margin.mid()) - reached @ np.array(one.takes(sign, alone)) - float(
                            one.fixed[alone].mid())
                        if (sign * F[:, j] < low - NEAR * (1 + np.abs(F[:, j]))).any():
                            raise Violation("an output loses more than is said")
    return found


def test_no_output_loses_more_than_is_said() -> None:
    assert sum(judged(np.random.default_rng([49, seed])) for seed in range(12)) >= 8


def changed(name: str, value: Callable[[lost.Held], list[float]]) -> Callable[[pytest.MonkeyPatch], None]:
    own = lost.Held.__init__

    def begin(it: lost.Held, *args: Any) -> None:
        own(it, *args)
        setattr(it, name, value(it))

    return lambda patch: patch.setattr(lost.Held, "__init__", begin)


WRONG: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "rows pull half as much": changed("high", lambda it: [0.5 * x for x in it.high]),
    "rows always pull their most": changed("low", lambda it: it.high),
    "rows pull what their least is": changed("high", lambda it: it.low),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_pulls_are_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    WRONG[name](monkeypatch)
    with pytest.raises(Violation):
        for seed in range(300):
            judged(np.random.default_rng([50, seed]))
