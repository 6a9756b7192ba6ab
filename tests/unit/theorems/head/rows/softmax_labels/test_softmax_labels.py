"""D18 for changed labels: never more than the truth, most of it on small problems, whatever time there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify.problem.limits import OutOfTime
from certify.rigor.fp import Array
from certify.systems.head.rows.change import Choices, RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows import survey as surveys
from certify.theorems.head.rows.enumeration import Enumeration
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.refitted import far
from certify.theorems.head.rows.searches.methods import CLASSES
from certify.theorems.head.rows.softmax.centre import centre
from certify.theorems.head.rows.softmax_by_choice import candidates, metric, sums
from certify.theorems.head.rows.softmax_labels import judge, method, search
from certify.theorems.head.rows.softmax_labels.method import SoftmaxLabels
from tests.containment import heads_softmax_labels as attack
from tests.containment.rigor import Violation
from tests.families.class_heads import class_head

Wrong = list[tuple[object, str, Any]]
_long, _kept, _level, _shared, _at = (candidates.long_of, metric.kept, metric.level, sums._shared, judge.at_weights)

WRONG: dict[str, Wrong] = {
    "half of the gradient": [(candidates, "long_of", lambda *given: 0.5 * _long(*given))],
    "moves take no curvature": [(metric, "kept", lambda m, e, a, out: _kept(m, np.ones_like(e), a, out))],
    "nothing is lost on the way": [(metric, "mean_least", lambda r: np.ones_like(r))],
    "nothing is lost": [(metric, "level", lambda y, lever: 0.0 * y[0])],
    "rows keep what their classes do in the mean": [(sums, "_shared", lambda base, g, e, least, rows, new=None: _shared(
        base, g, e, g.sum(axis=0) / base.centre.sum(axis=0), rows, new))],
    "labels as they were": [(judge, "at_weights", lambda base, rows, W, new: _at(base, rows, W, base.head.Y[rows]))],
    "the row is deleted": [(judge, "at_weights", lambda base, rows, W, new: _at(base, rows, W))],
}


@pytest.mark.parametrize("free", [False, True])
def test_most_of_the_truth_is_found(free: bool) -> None:
    proved = stays = 0
    for seed in range(5):
        rng = np.random.default_rng([seed, free, 19])
        head = class_head(rng, 16, 2 + seed % 2, 24, float(10.0 ** rng.uniform(-1.5, 0.5)), free, 2.0)
        with np.errstate(all="ignore"):
            good, true = attack.whole(head, tuple(range(16)))
        proved, stays = proved + good, stays + true
    assert proved > 0.9 * stays > 15


def test_drawn_heads_are_held() -> None:
    found = [attack.changed_label_softmax(np.random.default_rng([21, i])) for i in range(6)]
    assert found.count("decided") > 3


@pytest.mark.parametrize(("what", "wrong"), WRONG.items())
def test_wrong_versions_are_caught(monkeypatch: pytest.MonkeyPatch, what: str, wrong: Wrong) -> None:
    for of, name, value in wrong:
        monkeypatch.setattr(of, name, value)
    for seed in range(30):
        try:
            attack.changed_label_softmax(np.random.default_rng([22, seed]))
        except Violation:
            return
    pytest.fail(what)


def few(monkeypatch: pytest.MonkeyPatch) -> tuple[Head, RowChange, Array]:
    """A head of which most points stay, in batches of five choices, and the least margins of its points."""
    monkeypatch.setattr(search, "BATCH", 450)
    head = class_head(np.random.default_rng(18), 14, 3, 30, 0.05, True, 1.5)
    change = RowChange(True, 1, tuple(range(14)))
    each = search.every(head, change)
    least = np.min([attack.worst(head, attack.relabelled(head, int(i), int(c)))
                    for (i,), (c,) in zip(each.rows, each.codes, strict=True)], axis=0)
    return head, change, least


def test_time_that_is_up_at_any_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is proved before every choice was looked at, and later in turn: never what is not so."""
    head, change, least = few(monkeypatch)
    counts = []
    for last in (1, 20, 60, 120, 200, 300, 400, 100_000):
        calls = 0

        def left(last: int = last) -> float:
            nonlocal calls
            calls += 1
            return float(max(last - calls, 0))

        s = search.Search(head, change, left)
        with np.errstate(all="ignore"):
            good = s.run(head.today >= 0)
        assert not (good & (least <= 0)).any() and not (s.found.flipped & (least > 0)).any()
        assert bool(s.why) == (calls >= last)
        counts.append(int(good.sum()))
    assert counts[0] == 0 and counts == sorted(counts) and 0 < counts[2] < counts[-1]


@pytest.mark.parametrize(("n", "points"), [(20, 3), (12, 200)])
def test_no_batch_holds_more_than_it_may(monkeypatch: pytest.MonkeyPatch, n: int, points: int) -> None:
    """Neither of the refits by which matrices are chosen nor where there are many evaluation rows."""
    monkeypatch.setattr(search, "BATCH", 2000)
    monkeypatch.setattr(search, "KEPT", 10 * n)
    held, gaps = list[int](), candidates.Lines.gaps
    monkeypatch.setattr(judge, "at_weights", lambda base, rows, W, new: (held.append(W.shape[0] * W.shape[1] * n),
                                                                        _at(base, rows, W, new))[1])
    monkeypatch.setattr(candidates.Lines, "gaps", lambda self, W: (held.append(W.shape[0] * W.shape[1] * len(self.at)),
                                                                   gaps(self, W))[1])
    head = class_head(np.random.default_rng(18), n, 3, points, 0.05, True, 1.5)
    s = search.Search(head, RowChange(True, 1, tuple(range(n))), lambda: 1e9)
    with np.errstate(all="ignore"):
        s.run(head.today >= 0)
    assert s._pilots() == 10 and 1000 < max(held) <= 2000


def test_what_was_finished_is_kept_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of the batch after which it was."""
    head, change, _ = few(monkeypatch)
    stored: list[int] = []

    def check(self: search.Search) -> None:
        stored.append(int((~self.open).any(axis=1).sum()))
        if stored[-1]:
            raise OutOfTime

    monkeypatch.setattr(search.Search, "_check", check)
    s = search.Search(head, change, lambda: 1e9)
    with np.errstate(all="ignore"):
        s.run(head.today >= 0)
    assert stored[-1] > 0 and s.late


def test_a_point_is_proved_when_the_last_choice_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choices of points that few leave open are next; what they leave open to the end is lost, and the time ends."""
    head, change, _ = few(monkeypatch)
    turns: list[tuple[list[int], float]] = []

    def round_(self: search.Search, which: Array, goal: float, again: bool) -> None:
        turns.append((which.tolist(), goal))
        if not again:
            self.open[:] = False
            self.open[[3, 5, 9], 4] = self.open[[5, 8], 7] = self.open[2, 11] = self.open[4, 13] = True
            self.found.point[20] = -2
        elif goal == search.ROUNDS[1]:
            self.open[which[which != 4]] = False
        if len(turns) == 1 + 3 * 5 + 1:
            raise OutOfTime

    monkeypatch.setattr(search.Search, "_round", round_)
    monkeypatch.setattr(search, "BATCH", 42)  # one choice is a batch
    s = search.Search(head, change, lambda: 1e9)
    with np.errstate(all="ignore"):
        good = s.run(head.today >= 0)
    order = [which for which, goal in turns if goal in search.ROUNDS[:2]]
    assert order == [list(range(29)), [2], [4], [5, 8], [3, 9]] and s.why == "its time was up"
    assert np.flatnonzero(~good).tolist() == [13, 20]


def test_no_number_is_no_proof() -> None:
    head = class_head(np.random.default_rng(1), 10, 3, 5, 0.1, False, 1.0)
    each = search.every(head, RowChange(True, 1, tuple(range(10))))
    V = attack.without(head, ())
    made = judge.judge_of(head, centre(head, V), V[None], each.part(slice(0, 1)))
    assert made is not None and len(made.metrics) == 2
    W = np.repeat(V[None], 3, axis=0)
    W[1, 0, 0], W[2, 1, 1] = np.inf, np.nan
    nothing = Choices(np.zeros((3, 1), np.int64), np.full((3, 1), int(head.label[0])))
    with np.errstate(all="ignore"):
        open_, _ = made.look(nothing, W, np.arange(5))
    assert open_[1:].all() and not open_[0].all()


def test_what_it_is_not_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so of other changes and losses, of small heads, and where there is too much to hold."""
    monkeypatch.setattr(far, "LEAST", 1)
    head, able = class_head(np.random.default_rng(1), 10, 3, 5, 0.1, False, 1.0), SoftmaxLabels().able
    one = RowChange(True, 1, tuple(range(10)))
    assert able(head, one) == ""
    assert "one label" in able(head, RowChange(True, 2, tuple(range(10))))
    assert "one label" in able(head, RowChange(False, 1, tuple(range(10))))
    assert "cross-entropy" in able(class_head(np.random.default_rng(1), 10, 1, 5, 0.1, False, 1.0), one)
    head.phi_rad[3] = 1e-9
    assert "exactly" in able(head, one)
    head.phi_rad[3] = 0.0
    head.points[2, 0], head.points[2, -1] = 2.0**600, 3.0 * 2.0**-1070
    assert "too far apart" in able(head, one)
    head.points[2, -1] = 1.0
    for limit, words in (("STORED", "hold"), ("HELD", "hold"), ("MOST_WEIGHTS", "weights"), ("PASSES", "weights")):
        with monkeypatch.context() as patched:
            patched.setattr(method, limit, 1)
            assert words in able(head, one)
    monkeypatch.setattr(far, "LEAST", 1000)
    assert "every choice" in able(head, one)


def test_it_goes_first_and_leaves_nothing_to_refits_of_every_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    head, change, least = few(monkeypatch)
    monkeypatch.setattr(far, "LEAST", 1)
    monkeypatch.setattr(Enumeration, "complete", lambda self, head, change: False)
    monkeypatch.setattr(Enumeration, "seconds", lambda *some: pytest.fail("choices are refitted to measure that"))
    every = tuple(CLASSES)
    first = surveys.leading(head, change, Budget(1.0), every)
    assert next(surveys.order(head, change, Budget(1.0), every, first=first - {"squared_labels"})) == "softmax_labels"
    assert "enumeration" not in first
    monkeypatch.setattr(Enumeration, "prove", lambda *some: pytest.fail("every choice is refitted"))
    found = surveys.survey(head, change)
    assert (found.proved == (least > 0)).all() and (found.attacked == (least <= 0)).all() and found.proved.any()
    assert set(found.parts) == {"softmax_labels"}
