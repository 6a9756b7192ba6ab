"""D6, leaves in whole numbers: numbers of any size are looked at, at worst in balls; none ends the check."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.linalg.balls import ZERO
from certify.check.theorems.head.rows.boxes import many_leaves
from certify.check.theorems.head.rows.boxes.fixed_rows import sums
from certify.check.theorems.head.rows.boxes.leaves import FIRST, base, held
from certify.check.theorems.head.rows.boxes.margins import points
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.boxes.tree import Node, proved
from certify.rigor.fp import Array
from tests.families.logistic_heads import refit
from tests.unit.check.theorems.head.rows.boxes.test_many_leaves_check import example, refits


def one_node(unit: float, seen: float) -> tuple[Array, Array, Array, Array, Array]:
    """Rows and points that are small multiples of two numbers, the decay, today's refit, and every leaf."""
    g = np.random.default_rng(0)
    S = g.integers(0, 4, (40, 3)) * g.choice([-1.0, 1.0], (40, 1))
    S[:, -1] = np.where(S[:, -1] < 0, -1.0, 1.0)
    decay = np.full(3, 5.0)
    w, true = refit(S, np.ones(40), decay), refits(S, decay, True)
    e = g.integers(1, 4, (6, 3)) * np.where(np.arange(6)[:, None] < 3, np.sign(w), -np.sign(w))  # the last: wrong sides
    return S * unit, e * seen, decay * unit * unit, w / unit, true / unit


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    of: ModuleType = many_leaves
    monkeypatch.setattr(of, "LARGE", 0)
    monkeypatch.setattr(of, "MANY", 1)


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize(("unit", "seen"), [
    (2.0**9, 1.0), (2.0**19, 1.0), (2.0**-220, 1.0), (1.0, 2.0**300), (1.0, 2.0**-1000)])
def test_multiples_of_numbers_of_any_size(unit: float, seen: float) -> None:
    S, e, decay, w, true = one_node(unit, seen)
    with ctx.workprec(64):
        s, near = sums(S.tolist(), [arb(x) for x in decay], True), points(e.tolist(), 3)
        node = Node(-1, 0, w.tolist(), [], [0] * 6, [], list(enumerate(true.tolist())))
        found = proved(s, near, [node], list(range(40)), 1, "x")
        b = base(centre(s, [], w.tolist()))
        assert b is not None
        quick = many_leaves.many(b, near, 40)
    assert found == [True] * 3 + [False] * 3
    assert (quick is None) == (not (2.0**-200 < unit < 2.0**10 and 2.0**-200 < seen < 2.0**200))


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("large", [5e298, 1e300])
@pytest.mark.parametrize("relabels", [False, True])
def test_weights_of_any_size(large: float, relabels: bool) -> None:
    """A leaf far from its refit is looked at again, by its own inverse, and refused; the others are proved."""
    S, e, decay, w, true = one_node(1.0, 1.0)
    with ctx.workprec(64):
        s, near = sums(S.tolist(), [arb(x) for x in decay], relabels), points(e.tolist(), 3)
        b = base(centre(s, [], w.tolist()))
        assert b is not None
        quick = many_leaves.many(b, near, 40)
        assert quick is not None
        if not relabels:
            true = refits(S, decay, False)
        W = true.tolist()
        W[7] = [large, -large, large]
        everyone = list(range(6))
        found = list(quick.some([(i, w_i, everyone) for i, w_i in enumerate(W)]))
        assert found[7] == [False] * 6 and found[6] == found[8] == [True] * 3 + [False] * 3
        node = Node(-1, 0, w.tolist(), [], [0] * 6, [], list(enumerate(W)))
        whole = proved(s, near, [node], list(range(40)), 1, "x")
        assert whole == ([False] * 6 if relabels else whole) and not any(whole[3:])
        far = Node(-1, 0, W[7], [], [0] * 6, [], list(enumerate(true.tolist())))
        assert proved(s, near, [far], list(range(40)), 1, "x") == [False] * 6


@pytest.mark.parametrize("relabels", [False, True])
def test_what_margins_lose_where_it_is_the_least_that_is_looked_at(relabels: bool) -> None:
    """One number stands for all rows if it is at most `FIRST` as it is returned."""
    with ctx.workprec(64):
        _, _, b, _, quick = example(0, relabels)
        quick.near = [0] * b.c.sums.n
        for unit in (1 - 2.0**-49, 1 - 2.0**-50, 1 - 2.0**-51, 1.0, 1 + 2.0**-50):
            quick.unit = arb(unit)
            lost = quick._lost([1] + [0] * (b.c.sums.n - 1), ZERO)
            assert len(lost) == b.c.sums.n or len(lost) == 1 and lost[0] <= FIRST
            most, gone = held(b, lost, ZERO)
            assert most >= 0 and gone >= 0
