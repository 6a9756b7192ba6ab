"""D16 in the checker, children: the numbers that its bounds are made of, and rows of which nothing is known."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.softmax_pairs.centre import Centre, centre
from certify.check.theorems.head.rows.softmax_pairs.children import child as one_child
from certify.check.theorems.head.rows.softmax_pairs.children.beside import Beside, _below
from certify.check.theorems.head.rows.softmax_pairs.children.child import Child, Children
from certify.check.theorems.head.rows.softmax_pairs.children.points import Points
from certify.check.theorems.head.rows.softmax_pairs.leaves import Leaves
from certify.check.theorems.head.rows.softmax_pairs.metric import metric
from certify.check.theorems.head.rows.softmax_pairs.stated import stated
from certify.check.theorems.head.rows.softmax_pairs.steps import Newton
from certify.systems.head.rows.head import Head
from tests.unit.check.theorems.head.rows.softmax_pairs.proposals import Refits, proposed, stored
from tests.unit.check.theorems.head.rows.softmax_pairs.test_softmax_pairs_children import CASES, child
from tests.unit.check.theorems.head.rows.softmax_pairs.test_softmax_pairs_parts import made


@pytest.mark.parametrize("h", [1.0, 0.9, 0.5, 1e-3])
def test_what_a_row_allows_is_not_more_than_it_gives_up(h: float) -> None:
    assert -log(h) * (1 - 1e-8) <= _below(h) <= -log(h)


@pytest.mark.parametrize("case", CASES[::3])
def test_the_way_of_a_row_counts_with_its_growth_and_its_share(case: tuple[int, bool, float]) -> None:
    with ctx.workprec(64):
        head, _, c, b, _ = child(case)
        shape = head.V.shape
        way = (np.array(c.weights) - np.array(b.root.weights)).reshape(shape)
        for j in range(head.n):
            if j == b.out:
                assert b.changed[j] == 0.0
                continue
            rho = float(np.ptp(way @ head.phi[j]))
            assert rho > 1e-6
            exact = rho * np.exp(0.5 * rho) / b.h[j]
            assert exact * (1 - 1e-9) <= b.changed[j] <= exact * (1 + 1e-6)


@pytest.mark.parametrize("free", [False, True])
def test_a_child_counts_no_more_of_rows_than_it_may_and_holds_the_roots_tie(
    free: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with ctx.workprec(64):
        head, refits, root, newton = made((1, free, None, 0.0))
        taken: list[tuple[list[float], float]] = []
        real = one_child.metric

        def spied(c, d, *more):  # type: ignore[no-untyped-def]
            taken.append((list(d), c.tie))
            return real(c, d, *more)

        monkeypatch.setattr(one_child, "metric", spied)
        read = stated(root.data, stored(proposed(refits, [0], [])), "here")
        children = Children(newton, Leaves(root.data, read, list(range(len(head.points)))))
        assert "calm" not in vars(children)
        children.__dict__["calm"] = [0.5 if j % 2 else 1.0 for j in range(head.n)]
        children.left(0, refits(0).ravel().tolist(), [1], list(range(len(head.points))))
        d, tie = taken[0]
        assert tie == root.tie and d[0] == 0.0
        assert all(x <= (0.25 if j % 2 else 1.0) for j, x in enumerate(d))
        assert all(x >= (0.25 if j % 2 else 1.0) * (1 - 1e-9) for j, x in enumerate(d) if j)


def test_rows_without_a_step_leave_every_point_open(monkeypatch: pytest.MonkeyPatch) -> None:
    with ctx.workprec(64):
        head, refits, root, newton = made((2, False, None, 0.0))
        live = list(range(len(head.points)))
        read = stated(root.data, stored(proposed(refits, [0], [])), "here")
        monkeypatch.setattr(Newton, "steps", lambda self, rows, near: [None] * len(rows))
        c, b = child_without_steps(head, refits, root)
        made_here = Child(Children(newton, Leaves(root.data, read, live)), b, Points(
            c, b.M.blocks(root.data.points), live))
        rows = [i for i in range(head.n) if i != b.out][:3]
        for stage in (made_here._second, made_here._formed, made_here._better, made_here._own):
            assert stage(rows) == dict.fromkeys(rows, live)


def child_without_steps(head: Head, refits: Refits, root: Centre) -> tuple[Centre, Beside]:
    """A child by hand, as no step is made."""
    c = centre(root.data, refits(0).ravel().tolist(), 0, root.tie)
    assert c is not None
    h = [0.0 if j == 0 else 1.0 for j in range(head.n)]
    M = metric(c, [x * x * (1.0 - 2.0**-50) for x in h])
    assert M is not None
    return c, Beside(root, c, h, M)
