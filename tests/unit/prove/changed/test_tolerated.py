"""How many changes each prediction survives: between both ends, by exhaustion; shown in three ways."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from certify import Problem, tolerated_changes
from certify.network.network import Network
from certify.prove.changed.tolerated import ToleratedChanges
from certify.prove.changed.tolerated_shown import Tolerance, as_html, counted
from certify.systems.head.rows.change import Choices
from certify.theorems.head.rows.tolerance import search as tolerated
from certify.theorems.head.rows.tolerance.fewer_rows import Fewer, Flip
from tests.families.heads import drawn_head
from tests.oracles.squared_head import margin, refit, tolerated_labels
from tests.unit.prove.changed.test_coefficients import squared

POINTS = np.array([[0.5, -1.0], [2.0, 0.25], [-1.5, 0.5], [0.1, 0.05]])


def with_weights(problem: Problem) -> Problem:
    """The same at weights near its minimum."""
    phi = np.hstack([problem.X, np.ones((7, 1))])
    decay = 7 * problem.weight_decay * np.diag([1, 1, float(problem.bias_decay)])
    W = np.linalg.solve(phi.T @ phi + decay, phi.T @ problem.y).T
    net = Network((np.ascontiguousarray(W[:, :2]),), (W[:, 2].copy(),), "identity")
    return Problem(net, problem.X, y=problem.y, parameter="deletions", rows=problem.rows, loss="squared",
                   weight_decay=problem.weight_decay, map="critical", base="nearby", set="sparse", count=1,
                   bias_decay=problem.bias_decay)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["delete", "relabel"])
def test_the_exact_number_lies_between_the_ends(seed: int, kind: str) -> None:
    problem = with_weights(squared(np.random.default_rng(seed), free=bool(seed % 2)))
    found = tolerated_changes(problem, POINTS, kind, most=4, seconds=20)
    phi, y = np.hstack([problem.X, np.ones((7, 1))]).tolist(), problem.y.tolist()
    decayed = [True, True, problem.bias_decay]
    for i, point in enumerate(np.hstack([POINTS, np.ones((4, 1))]).tolist()):
        today = int(found.head.today[i])
        if kind == "relabel":
            codes, may = [[-1.0], [1.0]], [[0 if row == [1.0] else 1] for row in y]
            strict, loose = tolerated_labels(phi, y, 7 * problem.weight_decay, decayed, point, today, codes, may)
            assert found.lower[i] <= strict and loose <= found.upper[i]
        for m in range(1, 5):
            flips = any(margin(W, point, today) < 0 for out in combinations(range(7), m) if (W := refit(
                [phi[r] for r in range(7) if r not in out], [y[r] for r in range(7) if r not in out],
                7 * problem.weight_decay, decayed)) is not None) if kind == "delete" else False
            assert not (flips and found.lower[i] >= m)
        assert -1 <= found.lower[i] <= found.upper[i] <= 7
        changed = found.changed[i]
        if kind == "relabel":  # one sort knows the number, and so which rows
            assert changed is not None or found.upper[i] == 7
            other = [[-row[0]] if r in (changed or ()) else row for r, row in enumerate(y)]
            W = refit(phi, other, 7 * problem.weight_decay, decayed)
            assert changed is None or (len(changed) == found.upper[i] + 1 and W is not None
                                       and margin(W, point, today) < 0)
        if kind == "delete" and changed is not None:
            kept = [r for r in range(7) if r not in changed]
            W = refit([phi[r] for r in kept], [y[r] for r in kept], 7 * problem.weight_decay, decayed)
            assert W is not None and margin(W, point, today) < 0 and found.upper[i] == len(changed) - 1


def test_rows_flipped_by_one_change_survive_none_exactly() -> None:
    """Where the first change flips, both ends are 0, once the refit of the unchanged data keeps the label."""
    found = tolerated_changes(with_weights(squared(np.random.default_rng(0), free=False)), POINTS, "delete", most=3)
    one = [i for i, rows in enumerate(found.changed) if rows is not None and len(rows) == 1]
    assert one and all((found.lower[i], found.upper[i]) == (0, 0) for i in one)


def test_no_time_proves_less_and_nothing_wrong() -> None:
    problem = with_weights(squared(np.random.default_rng(0), free=False))
    none, all_ = (tolerated_changes(problem, POINTS, "delete", most=4, seconds=s) for s in (0.0, 20.0))
    assert (none.lower <= all_.lower).all() and (none.upper >= all_.upper).all()
    assert (none.lower >= 0).any() and (none.upper == 7).any()


def test_one_count_after_another_asks_only_what_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    survey = tolerated.survey

    def watched(head, change, *more, **given):
        if "methods" not in given:
            asked.append((change.count, len(head.points)))
        return survey(head, change, *more, **given)

    monkeypatch.setattr(tolerated, "survey", watched)
    found = tolerated_changes(with_weights(squared(np.random.default_rng(0), free=False)), POINTS, "delete", most=4)
    for count, size in asked:
        assert size <= int((found.lower >= count - 1).sum())
    assert [count for count, _ in asked] == list(range(1, len(asked) + 1))


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy", "squared"])
def test_a_smaller_change_still_flips(loss: str) -> None:
    """Of all rows of some labels deleted, some are not needed; what is left is proved by its refit."""
    met = 0
    for seed in range(12):
        head = drawn_head(np.random.default_rng(seed), loss, n=12, free=False)
        fewer = Fewer(head)
        rows = np.sort(np.random.default_rng(seed).permutation(12)[:6])
        choice = Choices(rows[None], np.full((1, 6), -1))
        V = fewer.refitter.newton(choice, head.V[None])[0]
        for i in np.flatnonzero(head.sides(V[None], np.zeros(1))[0][0] != head.today):
            found = fewer.of(int(i), Flip(rows, choice.codes[0], V), 1, lambda: None)
            assert set(found.rows.tolist()) <= set(rows.tolist()) and 1 <= len(found.rows) <= 6
            again = fewer.refitter.newton(Choices(found.rows[None], found.codes[None]), head.V[None])
            assert head.sides(again, np.zeros(1))[0][0][i] != head.today[i]
            met += len(found.rows) < 6
    assert met


def test_it_is_shown_over_the_number_of_rows() -> None:
    every = [Tolerance(0, 1, 2, 2, (1, 4, 5)), Tolerance(1, 0, 0, 40, ()), Tolerance(2, 0, 0, 0, (3,))]
    assert counted(every) == [(1, 1, 1, 1), (2, 1, 1, 1), (3, 0, 1, 2), (4, 0, 1, 2)]
    page = as_html(SimpleNamespace(rows=lambda: every, asked="rows deleted"))
    assert page.count("<tr>") == 4 and "<td>0 to 40</td>" in page and "<script" not in page
    assert page.index("<td>2</td><td>0</td><td>0</td><td>3</td>") < page.index("0 to 40")


@pytest.mark.parametrize(("lower", "upper", "changed", "said"), [
    ([0, 3, 3, 6], [1, 3, 12, 6], ((2, 5), (1,), None, (1,)),
     "ToleratedChanges(median 3 to 6 rows deleted, exact for 2 of 4 predictions)\n"
     "  proved to survive, of 4: 3 any 1, 3 any 3, 1 any 6\n  flips by fewest: prediction 0, by 2 rows"),
    ([0, 0], [4, 4], (None, None),
     "ToleratedChanges(median 0 to 4 rows deleted, exact for 0 of 2 predictions)\n  proved to survive, of 2: 0 any 1"),
    ([-1, 0], [-1, 4], ((), None),
     "ToleratedChanges(median -1 to 4 rows deleted, exact for 1 of 2 predictions)\n  proved to survive, of 2: 0 any 1\n"
     "  flips by fewest: prediction 0, by exact training alone"),
    ([2, 2], [2, 2], ((1, 2, 3), (1, 2, 4)),
     "ToleratedChanges(median 2 to 2 rows deleted, exact for 2 of 2 predictions)\n"
     "  flips by fewest: prediction 0, by 3 rows")])
def test_what_is_printed_can_be_used(lower, upper, changed, said) -> None:
    found = ToleratedChanges(np.array(lower), np.array(upper), "delete", cast(Any, None), changed)
    assert str(found) == said and "\n" not in repr(found)


def test_line_frame_and_picture() -> None:
    found = tolerated_changes(with_weights(squared(np.random.default_rng(0), free=False)), POINTS, "delete", most=2)
    assert repr(found).startswith("ToleratedChanges(median ") and "rows deleted, exact for" in repr(found)
    assert "survives" in found._repr_html_()
    axes = found.plot()
    assert found.plot(axes) is axes and axes.get_xlabel() == "rows deleted, at most"
    pytest.importorskip("pandas")
    frame = found.to_frame()
    assert frame.index.name == "row" and list(frame) == ["label", "lower", "upper", "changed"]
    assert frame.lower.tolist() == found.lower.tolist()
