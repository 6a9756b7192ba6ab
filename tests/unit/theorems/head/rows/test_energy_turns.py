"""D7: which trees have turns, and whose records a certificate holds. Nothing that is proved rests on it."""

from __future__ import annotations

import numpy as np
import pytest

from certify.systems.head.rows.change import RowChange
from certify.theorems.head.rows.energy.method import Energy, Grown, Trees
from certify.theorems.head.rows.energy.record import Record, Shortest
from certify.theorems.head.rows.energy.turns import FEW, HARDER, WIDE, Waiting, next_turns
from certify.theorems.head.rows.method import Budget
from tests.families.class_heads import class_head


def test_what_a_certificate_holds_does_not_depend_on_which_tree_was_done_first() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        sizes = rng.integers(1, 6, 8)
        order = np.lexsort((np.arange(8), sizes))  # the shortest, as many as fit
        fit = np.sort(order[np.cumsum(sizes[order]) <= 12]).tolist()
        for come in (np.arange(8), rng.permutation(8), rng.permutation(8)):
            kept = Shortest(12)
            for j in come.tolist():
                kept.add(j, Record(vectors=[np.zeros(2)] * int(sizes[j])))
            assert sorted(kept.records) == fit


@pytest.mark.parametrize("seconds", [8.0, 25.0, np.inf])
def test_roots_come_first_and_easy_trees_before_hard_ones(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Trees that take so long, on a clock of their own: nothing is asked for twice once it is done, and it ends."""
    clock = {"now": 0.0}
    monkeypatch.setattr("time.monotonic", lambda: clock["now"])
    rng, asked = np.random.default_rng(2), list[tuple[int, bool]]()
    head = class_head(rng, 8, 1, points=12)
    points = np.flatnonzero(head.today >= 0).tolist()
    open_ = [*np.linspace(0.5, 9.0, len(points) - 1), np.inf]
    scores_ = dict(zip(rng.permutation(points).tolist(), open_, strict=True))
    needs = {j: 0.1 * np.exp(0.6 * min(score, 9.0)) for j, score in scores_.items()}
    had = dict.fromkeys(points, 0.0)

    def grown(self: Trees, j: int, budget: Budget, root: bool) -> Grown:
        assert had[j] < needs[j]
        asked.append((j, root))
        used = min(budget.seconds, 0.1 if root else needs[j] - had[j])
        clock["now"] += used
        had[j] += used
        record = Record(vectors=[np.zeros(head.m)], whole=[j]) if had[j] >= needs[j] else None
        return Grown(record, scores_[j], False, [], used)

    monkeypatch.setattr(Trees, "grown", grown)
    part = Energy().prove(head, RowChange(True, 2, tuple(range(8))), head.today >= 0, Budget(seconds, 0.0))
    assert part is not None and all(root for _, root in asked[: len(points)])
    assert not any(root for _, root in asked[len(points) :]) and {j for j, _ in asked} == set(points)
    done = {j for j in points if had[j] >= needs[j]}
    assert set(np.flatnonzero(part.proved)) == done and part.arrays["points"].tolist() == sorted(done)
    assert len(done) == len(points) or clock["now"] >= seconds - 1e-9  # no time is left over
    turns = list(dict.fromkeys(j for j, root in asked if not root))
    assert turns == sorted(turns, key=lambda j: scores_[j])
    if seconds > 1e3:  # where there is time the hard ones wait for those that take a tenth of theirs
        last = max(at for at, (j, _) in enumerate(asked) if needs[j] < 0.1 * max(needs.values()))
        assert all(at > last for at, (j, root) in enumerate(asked) if not root and needs[j] == max(needs.values()))
    left = [needs[j] for j in points if j not in done]
    assert max(needs[j] for j in done) <= min(left, default=np.inf)
    assert len(done) == len(points) if seconds > 1e3 else 2 < len(done) < len(points)


def test_the_chance_to_be_done_is_that_of_drawn_trees() -> None:
    rng, count = np.random.default_rng(4), 20_000
    for root, score in ((0.05, 3.0), (0.2, 7.0), (1.0, 0.0)):
        takes = root * np.exp(HARDER * score + WIDE * rng.standard_normal(count))
        for spent in (0.0, *np.quantile(takes, [0.3, 0.9])):
            left = takes[takes > spent]
            for more in np.quantile(takes, [0.1, 0.5, 0.8]):
                done, said = (left <= spent + more).mean(), Waiting(root, float(spent), score).chance(float(more))
                assert abs(done - said) < 5.0 * np.sqrt(0.25 / len(left))


def test_more_trees_are_done_in_the_time_than_in_turns_that_double() -> None:
    """Trees that take what is expected, but for a log-normal factor, one after the other on a clock of their own."""
    rng, ahead = np.random.default_rng(5), 0
    for _ in range(20):
        scores_ = np.sort(rng.uniform(2.0, 15.0, 30))
        needs, left = 0.1 * np.exp(HARDER * scores_ + WIDE * rng.standard_normal(30)), 300.0
        had, done = np.zeros(30), np.zeros(30, dtype=bool)
        while left > 1e-9 and not done.all():
            waiting = {j: Waiting(0.1, float(had[j]), float(scores_[j])) for j in np.flatnonzero(~done).tolist()}
            turns = next_turns(waiting, left)
            assert len(turns) >= min(FEW, len(waiting)) and all(0.0 < turn <= left for _, turn in turns)
            for j, turn in turns:
                used = min(turn, needs[j] - had[j], left)
                had[j], left = had[j] + used, left - used
                done[j] = had[j] >= needs[j] - 1e-9
        twice, spare, each, old = np.zeros(30), 300.0, 0.5, np.zeros(30, dtype=bool)
        while spare > 1e-9 and not old.all():
            for j in np.flatnonzero(~old):
                used = min(each - twice[j], needs[j] - twice[j], spare)
                twice[j], spare = twice[j] + used, spare - used
                old[j] = twice[j] >= needs[j] - 1e-9
            each *= 2.0
        ahead += int(done.sum()) - int(old.sum())
    assert ahead > 20


def test_a_tree_of_which_little_is_expected_has_its_turn() -> None:
    """Where a root left all open, or more than any tree that was seen: the others first, and it is asked for again."""
    hopeless = {1: Waiting(0.1, 0.0, np.inf), 2: Waiting(0.1, 3.0, np.inf), 3: Waiting(0.1, 1.0, 5000.0)}
    assert next_turns({**hopeless, 4: Waiting(0.1, 0.0, 3.0)}, 60.0)[0] == (4, 0.5)
    assert [j for j, _ in next_turns(hopeless, 60.0)] == [1, 3, 2]
    assert next_turns({2: Waiting(0.1, 3.0, np.inf)}, 2.0) == [(2, 0.75)] and next_turns(hopeless, 0.3)[0][1] == 0.3


@pytest.mark.parametrize(("endless", "score"), [(np.inf, np.inf), (25.0, 25.0), (900.0, 900.0), (4.0, np.inf)])
def test_no_tree_waits_for_ever_for_one_of_which_as_little_is_known(endless: float, score: float) -> None:
    """The first six never end; the others take a second each, and all are done."""
    had, left = dict.fromkeys(range(20), 0.0), 300.0
    while left > 0.0 and min(had[j] for j in range(6, 20)) < 1.0:
        waiting = {j: Waiting(1.0, x, endless if j < 6 else score) for j, x in had.items() if j < 6 or x < 1.0}
        for j, turn in next_turns(waiting, left):
            used = min(turn, left) if j < 6 else min(turn, 1.0 - had[j], left)
            had[j], left = had[j] + used, left - used
    assert min(had[j] for j in range(6, 20)) == 1.0 and left > 0.0
