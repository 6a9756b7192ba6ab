"""D20 in certificates: which points are stated, by an estimate of what a checker looks at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import ctx

from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.label_sums.bound import bound
from certify.check.theorems.head.rows.label_sums.settings import settings as checked_settings
from certify.check.theorems.head.rows.label_sums.steps import steps as checked_steps
from certify.theorems.head.rows.label_sums import method
from certify.theorems.head.rows.label_sums.looked_at import SAFE, linear
from certify.theorems.head.rows.label_sums.method import MANY, LabelSums
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.searches.methods import CHECKED, CLASSES
from certify.theorems.head.rows.step_sums.method import StepSums, relabelled, settings
from certify.theorems.head.rows.step_sums.steps import steps
from certify.theorems.head.rows.survey import survey
from tests.families.heads import any_rows
from tests.families.label_heads import KINDS, as_checked, label_head


@pytest.mark.parametrize("weights", KINDS)
def test_the_estimate_of_distances_is_above_a_checker_s_and_not_far(weights: str) -> None:
    """In their own units: a checker's rows count at most 1."""
    head = label_head(1, weights, n=40)
    change = any_rows(head, 2, True)
    with ctx.workprec(BITS):
        twins = list(checked_settings(as_checked(head, change), "here").values())
    order = {s.exactly: s for s in settings(head, change)}
    assert head.label is not None
    for twin in twins:
        kind = twin.kinds[-1]
        exactly = None if weights != "balanced" else next(
            e for e in order if e is not None and sum(e) == twin.k and [x for x in e if x] == [n for _, n in kind]
            and {int(head.label[twin.rows[a]]) for places, _ in kind for a in places} == {y for y in (0, 1) if e[y]})
        one = order[exactly]
        st = steps(one.head, relabelled(head, one.rows), lambda: None)
        assert st is not None
        found = linear(st, one.k)
        with ctx.workprec(BITS):
            b = base(centre(twin.sums, [], st.w.tolist()))
            own = checked_steps(twin, b) if b else None
            said = None if own is None else bound(own)
        assert found is not None and said is not None and found.near
        unit = np.sqrt(float(twin.sums.decay[0].mid()) / st.head.mu()[0])
        pairs = [(0,), (1,)] if one.k == 1 else [(0, 1), (2, 5), (3, 4)]
        for which in pairs:
            rows = [int(np.flatnonzero(st.rows == twin.rows[u])[0]) for u in which]
            mine_far = float(found.far(np.array([rows]))[0]) * unit
            assert said.far(which) < mine_far < 1.2 * SAFE * said.far(which)


def test_points_of_which_a_checker_would_look_at_many_choices_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    head = label_head(1, "labels", points=200)
    change = any_rows(head, 2, True)
    every = LabelSums().prove(head, change, head.today >= 0, Budget())
    monkeypatch.setattr(method, "MOST", (5.0, 1.0))
    some = LabelSums().prove(head, change, head.today >= 0, Budget())
    assert every is not None and some is not None
    assert not (some.proved & ~every.proved).any() and some.proved.sum() < every.proved.sum()
    assert some.why == MANY and sorted(some.arrays) == ["weights"]
    monkeypatch.setattr(method, "MOST", (0.0, 0.0))
    least = LabelSums().prove(head, change, head.today >= 0, Budget())
    assert least is not None and not (least.proved & ~some.proved).any()


@pytest.mark.parametrize("weights", KINDS)
def test_it_states_no_more_than_is_proved_without_a_certificate(weights: str) -> None:
    head = label_head(1, weights)
    change = any_rows(head, 2, True)
    stated, known = (m.prove(head, change, head.today >= 0, Budget()) for m in (LabelSums(), StepSums()))
    assert stated is not None and known is not None
    assert stated.proved.any() and not (stated.proved & ~known.proved).any()


def test_refuses_what_a_checker_refuses() -> None:
    head = label_head(0, "labels")
    change = any_rows(head, 2, True)
    assert not LabelSums().able(head, change)
    assert not LabelSums().able(replace(head, threshold=0.5), change)
    assert "intercept" in LabelSums().able(replace(head, threshold=0.5, points=2.0 * head.points), change)
    assert "remaining" in LabelSums().able(replace(head, remaining=True), change)
    assert "count the same" in LabelSums().able(replace(head, weights=None), change)
    assert "deleted" in LabelSums().able(head, any_rows(head, 1, False))


def test_calls_without_a_certificate_do_not_look_twice() -> None:
    head = label_head(1, "labels", n=60)
    change = any_rows(head, 2, True)
    assert "label_sums" in CHECKED and "step_sums" not in CHECKED
    whole, stated = survey(head, change, 60.0, methods=tuple(CLASSES)), survey(head, change, 60.0)
    assert "label_sums" not in whole.parts and "step_sums" not in stated.parts
    assert not (stated.proved & whole.attacked).any() and not (whole.proved & stated.attacked).any()


def test_a_time_that_is_up_leaves_what_is_proved() -> None:
    head = label_head(0, "labels")
    part = LabelSums().prove(head, any_rows(head, 2, True), head.today >= 0, Budget(0.0))
    assert part is not None and not part.proved.any() and part.late and not part.arrays
