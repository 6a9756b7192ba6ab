"""D34, one output: every term of what is fixed and of what rows take is counted, and rounded the safe way."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows.boxes.codes import slabs
from certify.check.theorems.head.rows.boxes.trap import Box, box, centre
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.separate_boxes import lost
from certify.check.theorems.head.rows.separate_boxes.outputs import Outputs, outputs_of
from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.boxes.stated import packed
from certify.theorems.head.rows.separate.outputs import centre_of, held
from tests.families.other_heads import other_head
from tests.families.row_heads import as_checked

KNOWN: Any = (arb(0), (arb(0), arb(0)))


@cache
def proved(loss: str, relabels: bool) -> tuple[Outputs, Box]:
    """A box of the first output whose slabs are longer upwards."""
    head = other_head(np.random.default_rng(52), loss, 30, 2, 12, k=3, free=False, decay=0.5)
    rows = list(range(head.n))
    own = held(centre_of(head, relabels, 0), np.array(rows), 1, lambda: 1.0)
    assert own is not None
    four = slabs(packed(own.codes).tolist())
    with ctx.workprec(BITS):
        o = outputs_of(as_checked(head, RowChange(relabels, 1, tuple(rows))), "here")
        longer = 1.5 if o.loss.smooth else 0.0
        four[3] = [max(longer * x, 1.3 * y) for x, y in zip(four[2], four[3], strict=True)]
        found = box(centre(o.sums[0], [], own.c.w.tolist(), o.loss), rows, 1, four)
        assert found is not None
    return o, found


@pytest.mark.parametrize("loss", ["one_vs_rest", "squared_hinge"])
@pytest.mark.parametrize("relabels", [False, True])
def test_pulls_hold_both_ends(loss: str, relabels: bool) -> None:
    _, found = proved(loss, relabels)
    with ctx.workprec(BITS):
        own, c = lost.Held(found), found.c
        for at, i in enumerate(found.free):
            for share in np.linspace(-1, 1, 21):
                tau = arb(float(share * (found.slabs[3][i] if share > 0 else found.slabs[2][i])))
                # of another label at least where its secant lies in the box
                pull = c.p[i] + c.loss.slope(-c.t[i])[0] if relabels else c.p[i] - c.D[i] * tau
                assert own.low[at] <= pull.upper()
                assert own.high[at] >= pull.lower()


@pytest.mark.parametrize("term", ["loose", "still", "spread", "off"])
def test_every_term_of_what_is_fixed_is_counted(term: str) -> None:
    o, found = proved("one_vs_rest", False)
    with ctx.workprec(BITS):
        few, more = (lost.Held(replace(found, **{"spread": arb(1), term: x})).lost(o.points)
                     for x in (arb(0), arb(100)))
        for a, b, r in zip(few, more, o.points.norms, strict=True):
            assert a is not None
            assert b is not None
            together, alone = (float((y - x).mid()) for x, y in zip(a.fixed, b.fixed, strict=True))
            size = float(r.mid())
            if term in ("loose", "still"):  # times the norm of the point
                assert min(together, alone) > 99 * size
            else:  # `|e|_B d`, of all rows together alone
                assert together > (9.9 * size - float(a.fixed[0].mid()) if term == "off" else 0)


def taken(whole: list[int], errors: tuple[float, float], **other: Any) -> lost.Lost | None:
    """Of rows that pull 0.1 to 0.3, alone 0.7."""
    n = len(whole)
    it = SimpleNamespace(**{"sound": True, "low": [0.1] * n, "high": [0.3] * n, "most": [0.3] * n, "own": [0.7] * n,
                            "unit": 0, **other})
    return lost.Held._of(it, whole, it.unit, errors, KNOWN)  # type: ignore[arg-type]


def test_what_rows_take_is_no_less_than_its_exact_terms() -> None:
    whole, edge = [3, -3, 7**20, -(7**20), 0], 0.1
    for off in (0.0, 0.25):
        found = taken(whole, (off, edge))
        assert found is not None
        for x, forth, against, apart in zip(whole, found.forth, found.against, found.apart, strict=True):
            ends = [Fraction(x) * Fraction(p) for p in (0.1, 0.3)]
            for value, most in ((forth, max(ends)), (against, -min(ends))):
                least = most + Fraction(off) * Fraction(0.3)
                assert Fraction(value) > least or (x, off) == (0, 0.0)
                assert value <= float(least) + 1e-9 * (1 + abs(float(most)))
            assert Fraction(apart) > Fraction(edge) * Fraction(0.7)
        for sign, mine in ((1, found.forth), (-1, found.against)):
            assert found.takes(sign, False) == mine
            assert found.takes(sign, True) == [x + y for x, y in zip(mine, found.apart, strict=True)]


def test_numbers_that_are_too_large_say_nothing() -> None:
    assert taken([3], (0.0, 0.0)) is not None
    assert taken([3], (0.0, 0.0), unit=301) is None
    assert taken([3], (0.0, 0.0), sound=False) is None
    assert taken([3], (1e300, 0.0)) is None
    assert taken([3], (0.0, 1e300)) is None
    assert taken([3], (0.0, float("nan"))) is None
    assert taken([3], (0.0, 0.0), unit=200, most=[1e250]) is None
    o, found = proved("one_vs_rest", False)
    with ctx.workprec(BITS):
        for large in (arb(2) ** 900, arb("nan"), arb("inf")):
            own = lost.Held(replace(found, forth={**found.forth, 3: large}))
            assert not own.sound
            assert own.lost(o.points) == [None] * len(o.points.rows)


def test_doubles_lie_on_the_safe_side() -> None:
    for x in (arb(1) / 3, -arb(1) / 3, arb(2).sqrt(), arb(2) ** -1090, -arb(2) ** -1090, arb(0), arb(0, 1)):
        assert arb(lost.up(x)) > x
        assert arb(lost.down(x)) < x
