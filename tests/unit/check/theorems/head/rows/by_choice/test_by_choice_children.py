"""D17 in the checker: children in the matrix of the root, from its steps, and by several processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.limits.shares import among
from certify.check.theorems.head.rows.by_choice import pieces
from certify.check.theorems.head.rows.by_choice import tree as checked
from certify.check.theorems.head.rows.pair_tree import moved
from certify.check.theorems.head.rows.pair_tree.moved import Step
from certify.check.theorems.head.rows.pair_tree.steps import steps
from tests.containment import heads_by_choice_checked as contained
from tests.families.logistic_heads import logistic_head, refit
from tests.unit.check.theorems.head.rows.by_choice.test_by_choice_check import example, found


def counted(monkeypatch: pytest.MonkeyPatch, of: object, name: str) -> list[int]:
    """How often a function is called."""
    real, calls = getattr(of, name), [0]

    def asked(*given: Any) -> Any:
        calls[0] += 1
        return real(*given)

    monkeypatch.setattr(of, name, asked)
    return calls


def test_children_take_the_matrix_of_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    head, arrays, asked = example(3)
    inverses, below = counted(monkeypatch, pieces, "inverse"), counted(monkeypatch, pieces, "lowered")
    assert found(head, arrays, 3, asked) == list(asked)
    assert inverses[0] == 1 and below[0] > 0


@pytest.mark.parametrize("what", ["no matrix below", "no point bears it"])
def test_what_it_leaves_open_is_asked_of_their_own(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    head, arrays, asked = example(3)
    real = checked.opened

    def opened(p: pieces.Pieces, drops: checked.Drops, cuts: list[int]) -> set[int]:
        return set(range(len(cuts))) if p.known is not None else real(p, drops, cuts)

    inverses = counted(monkeypatch, pieces, "inverse")
    if what == "no matrix below":
        monkeypatch.setattr(pieces, "lowered", lambda *_: None)
    else:
        monkeypatch.setattr(checked, "opened", opened)
    assert found(head, arrays, 3, asked) == list(asked)
    assert inverses[0] > 1


@pytest.mark.parametrize("count", [2, 3])
def test_several_processes_answer_alike(count: int) -> None:
    head, arrays, asked = example(count)
    said = {**arrays, "numbers": np.maximum(arrays["numbers"], 0)}  # more than is so
    for given, who in ((arrays, asked), (said, (True,) * len(asked))):
        one = found(head, given, count, who)
        with among(3):
            assert found(head, given, count, who) == one


def test_large_heads_take_fewer_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    head, arrays, asked = example(3)
    looks = []
    for many in (1 << 21, 0):
        monkeypatch.setattr(checked, "MANY", many)
        calls = counted(monkeypatch, moved.Moved, "_left")
        assert not np.any(np.array(found(head, arrays, 3, asked)) & ~np.array(asked))
        looks.append(calls[0])
        monkeypatch.undo()
    assert looks[1] < looks[0]


def test_steps_that_begin_at_those_of_another_centre_are_as_they_would_be_from_there() -> None:
    """Their moves are taken, and what they leave is that of the new centre."""
    head = logistic_head(np.random.default_rng([4, 71]), 10, decay=20.0)
    S, decay = head.phi * head.Y, np.full(head.m, 20.0)
    there = refit(S, np.where(np.arange(10) == 0, 0.0, 1.0), decay)
    with ctx.workprec(64):
        s = contained.sums(S.tolist(), [arb(20)] * head.m, False)
        first = contained.base(contained.centre(s, [], head.V[0].tolist()))
        other = contained.base(contained.centre(s, [0], there.tolist()))
        assert first is not None and other is not None
        one = steps(first, list(range(10)), 10)
        assert one is not None
        known: Mapping[int, Step] = dict(zip(one.rows[:6], one.own, strict=False))
        st = steps(other, list(range(1, 10)), 9, 0, None, (), known)
    assert st is not None
    for i, step in zip(st.rows, st.own, strict=True):
        assert (i in known and step.whole == known[i].whole and step.tau == known[i].tau) == (i < 6)
        delta = np.ldexp(np.array(step.whole, float), step.unit)
        kept = np.where(np.isin(np.arange(10), [0, i]), 0.0, 1.0)
        v = there + delta
        g = decay * v - (kept / (1.0 + np.exp(S @ v))) @ S
        assert np.linalg.norm(g - np.array(step.left)) <= step.left_off + 1e-12
        assert np.allclose(S @ delta, step.tau, atol=1e-9)
