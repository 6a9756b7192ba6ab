"""D20, derived again: what the checker follows holds of every refit, and it refuses what states something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx

from certify.check.theorems.head.rows import label_sums as checker
from certify.check.theorems.head.rows.boxes.leaves import base
from certify.check.theorems.head.rows.boxes.trap import centre
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.label_sums import method
from certify.check.theorems.head.rows.label_sums.bound import bound
from certify.check.theorems.head.rows.label_sums.refits import Refits
from certify.check.theorems.head.rows.label_sums.settings import seen, settings
from certify.check.theorems.head.rows.label_sums.steps import steps
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.weights import RowWeights
from certify.theorems.head.rows.label_sums.method import LabelSums
from certify.theorems.head.rows.method import Budget, Part
from tests.families.heads import any_rows
from tests.families.label_heads import KINDS, as_checked, choices, label_head, least_margins
from tests.families.logistic_heads import stored

NEAR = 1e-9


def prove(head: Head, change: RowChange) -> Part:
    assert not LabelSums().able(head, change)
    part = LabelSums().prove(head, change, head.today >= 0, Budget())
    assert part is not None
    return part


def followed(head: Head, change: RowChange, arrays: Mapping[str, Any], asked: np.ndarray | None = None, **other: Any,
             ) -> np.ndarray:
    """Which points the checker proves with these arrays."""
    asked = np.ones(len(head.points), dtype=bool) if asked is None else asked
    with ctx.workprec(BITS):
        return np.array(checker.proved(
            replace(as_checked(head, change), **other), stored(dict(arrays)), "here", asked.tolist()))


@pytest.mark.parametrize("weights", KINDS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_is_stated_is_followed_and_holds_of_every_refit(weights: str, count: int) -> None:
    stated, lost = 0, 0
    for seed in (0, 1) if count < 3 else (1,):
        head = label_head(seed, weights, n=24 if count < 3 else 20, decay=0.4 if count < 3 else 0.5)
        change = any_rows(head, count, True)
        part, least = prove(head, change), least_margins(head, change.rows, count)
        found = followed(head, change, part.arrays) if part.proved.any() else part.proved
        assert not (part.proved & ~found).any()
        assert not (found & (least < -NEAR)).any() and not (part.proved & (least < -NEAR)).any()
        stated, lost = stated + int(part.proved.sum()), lost + int((least < 0).sum())
    assert stated >= 7 and lost > 5


@pytest.mark.parametrize("weights", KINDS)
def test_the_bound_of_all_choices_alone_tells_no_lie(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No choice is refitted: what is left is proved by sums of steps, and most of what is true is."""
    monkeypatch.setattr(Refits, "keep", lambda self, choices, at: not choices)
    proved, true = 0, 0
    for seed in range(2):
        head = label_head(seed, weights, n=80, points=100, decay=0.05)
        change = RowChange(True, 2, tuple(range(0, 80, 8)))
        found = followed(head, change, prove(head, change).arrays)
        least = least_margins(head, change.rows, 2)
        assert not (found & (least < -NEAR)).any()
        proved, true = proved + int(found.sum()), true + int((least > 0).sum())
    assert proved > 0.6 * true > 0


def test_choices_that_are_left_open_are_refitted(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    keep = Refits.keep

    def counted(self: Refits, choices: Any, at: int) -> bool:
        nonlocal looked
        looked += len(choices)
        return keep(self, choices, at)

    monkeypatch.setattr(Refits, "keep", counted)
    head = label_head(1, "labels", points=200)
    change = any_rows(head, 2, True)
    found, least = followed(head, change, prove(head, change).arrays), least_margins(head, change.rows, 2)
    assert looked and not (found & (least < -NEAR)).any() and found.sum() >= 0.95 * (least > 0).sum()


@pytest.mark.parametrize(("labels", "decay"), [
    ((554.0, 1.5e-3), 3.4e-10), ((1.0, 2.0**-18), 2.0**-40), ((1.0, 2.0**-16), 2.0**-36), ((2.5, 1.0), 0.01)])
def test_nothing_is_stated_that_few_bits_do_not_hold(labels: tuple[float, float], decay: float) -> None:
    """Weights of labels far apart and hardly any decay: no inverse of curvatures in few bits is near the true one."""
    head = label_head(1, "labels", n=40)
    near = np.linspace(-8.0, 8.0, 60)
    head = replace(
        head, phi=np.tile([8.0, 1.0], (40, 1)), V=np.array([[-1.0, 0.0]]), weight_decay=decay,
        weights=RowWeights(np.ones(40), np.array(labels)),
        points=np.stack([near, near / 8.0 - np.linspace(-1.0, 1.0, 60) ** 3], axis=1))
    change = RowChange(True, 2, tuple(range(16)))
    part = prove(head, change)
    assert part.proved.any() == (decay == 0.01)
    assert not part.proved.any() or followed(head, change, part.arrays)[part.proved].all()


@pytest.mark.parametrize("weights", KINDS)
def test_every_choice_whose_bounds_reach_a_margin_is_listed(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lists those choices is asked about no more than the margin, less what is added once to each of them."""
    asked: list[tuple[float, float]] = []
    stays = method._Look.stays

    def told(self: Any, at: int) -> bool:
        def reaching(kind: Any, need: float) -> Any:
            asked.append((need, self.margins[at] - self.lengths[at] * self.found.fixed))
            return listed(kind, need)
        monkeypatch.setattr(method, "reaching", reaching)
        return stays(self, at)

    listed = method.reaching
    monkeypatch.setattr(method._Look, "stays", told)
    head = label_head(1, weights, points=100)
    change = any_rows(head, 2, True)
    followed(head, change, prove(head, change).arrays)
    assert len(asked) > 5 and all(need < margin for need, margin in asked)


@pytest.mark.parametrize("weights", KINDS)
def test_pushes_are_above_what_steps_take_of_margins(weights: str) -> None:
    """In whole numbers of few bits steps are off, and points of which a step takes least are told by no push less."""
    head = label_head(1, weights, n=30, d=3, points=80)
    change = any_rows(head, 2, True)
    arrays = prove(head, change).arrays
    off = 0
    with ctx.workprec(BITS):
        twin = as_checked(head, change)
        for name, setting in settings(twin, "here").items():
            weights_there = arrays[name or "weights"].tolist()
            b = base(centre(setting.sums, [], weights_there))
            st = None if b is None else steps(setting, b)
            found = None if st is None else bound(st)
            assert found is not None and found.fixed > 0
            look = method._Look(found, seen(twin, range(80), "here"), weights_there, method.Effort(1, 1))
            exact = (look.refits.points.exact * found.steps.delta).tolist()
            for line, pushes in zip(exact, look.pushes, strict=True):
                assert all(y + x >= 0 for x, y in zip(line, pushes, strict=True))
                off += sum(bool(y + x > 2.0**-50) for x, y in zip(line, pushes, strict=True))
    assert off


@pytest.mark.parametrize("name", ["LOOKS", "LISTED"])
def test_more_choices_than_may_be_looked_at_leave_a_point_open(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head = label_head(1, "labels", points=200)
    change = any_rows(head, 2, True)
    arrays = prove(head, change).arrays
    every = followed(head, change, arrays)
    monkeypatch.setattr(method, name, 1)
    some = followed(head, change, arrays)
    assert not (some & ~every).any() and some.sum() < every.sum()


@pytest.mark.parametrize("weights", KINDS)
def test_the_choice_of_no_row_is_looked_at(weights: str) -> None:
    """A label of today that every single change gives, and the rows as they are do not."""
    seen = 0
    for row in range(6):
        head = label_head(2, weights, n=60, points=10, decay=0.05)
        change = RowChange(True, 1, (row,))
        (_, today), (_, after) = choices(head, change.rows, 1)
        edge, moved = -today[1] / today[0], -after[1] / after[0]
        between = edge + np.linspace(0.1, 0.9, 10) * (moved - edge)
        head = replace(head, V=after[None], points=np.stack([between, np.ones(10)], axis=1))
        arrays = prove(replace(head, V=today[None], points=head.points + [[5.0, 0.0]]), change).arrays
        seen += len(arrays) > 0
        assert not arrays or not followed(head, change, arrays).any()
    assert seen


@pytest.mark.parametrize("size", [2.0**-1000, 2.0**-300, 2.0**300, 2.0**900])
def test_points_of_any_length_are_told_rightly(size: float) -> None:
    head = label_head(1, "labels", n=60, decay=0.1)
    change = RowChange(True, 2, tuple(range(0, 60, 6)))
    far = replace(head, points=head.points * size)
    least = least_margins(head, change.rows, 2)
    part = prove(far, change)
    assert not (part.proved & (least < 0)).any()
    assert not (followed(far, change, prove(head, change).arrays) & (least < 0)).any()
    assert not part.proved.any() or followed(far, change, part.arrays)[part.proved].all()


@pytest.mark.parametrize("weights", KINDS)
@pytest.mark.parametrize("by", [1e-6, 1e-2, 1.0, 30.0, 1e200])
def test_weights_that_are_moved_prove_nothing_false(weights: str, by: float) -> None:
    rng = np.random.default_rng(3)
    head = label_head(1, weights, n=20, decay=0.5)
    change = any_rows(head, 2, True)
    least = least_margins(head, change.rows, 2)
    for _ in range(2):
        arrays = {name: array + by * rng.normal(size=array.shape) for name, array in prove(head, change).arrays.items()}
        assert not (followed(head, change, arrays) & (least < -NEAR)).any()


def test_labels_of_today_that_the_unchanged_rows_do_not_give_are_open() -> None:
    for weights in KINDS:
        head = label_head(1, weights)
        change = any_rows(head, 1, True)
        arrays = prove(head, change).arrays
        moved = replace(head, V=head.V + np.array([[0.0, 2.5]]))
        lost = (moved.today != head.today)
        assert lost.any() and not followed(moved, change, arrays)[lost].any()


def test_only_what_is_asked_is_told() -> None:
    head = label_head(0, "rows")
    change = any_rows(head, 1, True)
    part = prove(head, change)
    asked = part.proved & (np.arange(len(part.proved)) % 2 == 0)
    assert followed(head, change, part.arrays, asked).tolist() == asked.tolist()


@pytest.mark.parametrize("weights", KINDS)
def test_a_point_whose_label_today_is_not_known_is_open(weights: str) -> None:
    head = label_head(1, weights)
    change = any_rows(head, 1, True)
    part = prove(head, change)
    today = [-1 if stays else int(label) for stays, label in zip(part.proved, head.today, strict=True)]
    assert part.proved.any() and not followed(head, change, part.arrays, part.proved, today=today).any()


@pytest.mark.parametrize(("change_of", "said"), [
    (lambda a: {}, "its arrays are"), (lambda a: a | {"more": a["weights"]}, "its arrays are"),
    (lambda a: {**a, "weights": a["weights"][:-1]}, "finite numbers are needed"),
    (lambda a: {**a, "weights": np.full_like(a["weights"], np.nan)}, "finite numbers are needed"),
    (lambda a: {**a, "weights": np.full_like(a["weights"], np.inf)}, "finite numbers are needed"),
    (lambda a: {**a, "weights": np.zeros(len(a["weights"]), np.int64)}, "finite numbers are needed")])
def test_arrays_of_another_form_are_refused(change_of: Any, said: str) -> None:
    head = label_head(0, "labels")
    change = any_rows(head, 1, True)
    with pytest.raises(Invalid, match=said):
        followed(head, change, change_of(dict(prove(head, change).arrays)))


def test_each_case_of_balanced_labels_is_needed() -> None:
    head = label_head(1, "balanced")
    change = any_rows(head, 2, True)
    arrays = dict(prove(head, change).arrays)
    assert sorted(arrays) == ["0-1", "0-2", "1-0", "1-1", "2-0", "weights"]
    for name in arrays:
        with pytest.raises(Invalid, match="its arrays are"):
            followed(head, change, {key: array for key, array in arrays.items() if key != name})
    with pytest.raises(Invalid, match="its arrays are"):
        followed(head, change, arrays, balanced=False)
    with pytest.raises(Invalid, match="may lose all its rows"):
        followed(head, RowChange(True, 12, change.rows), arrays)


@pytest.mark.parametrize(("other", "said"), [
    ({"relabels": False}, "labels change"), ({"threshold": float("inf")}, "finite threshold"),
    ({"remaining": True}, "fixed decay"),
    ({"count": 0}, "at least one"), ({"moving": ()}, "at least one"), ({"new": 1}, "labels change")])
def test_another_problem_is_refused(other: dict[str, Any], said: str) -> None:
    head = label_head(0, "rows")
    change = any_rows(head, 1, True)
    with pytest.raises(Invalid, match=said):
        followed(head, change, prove(head, change).arrays, **other)


def test_inexact_inputs_are_refused() -> None:
    head = label_head(0, "rows")
    change = any_rows(head, 1, True)
    twin = as_checked(head, change)
    rows = [list(row) for row in twin.rows]
    rows[0][0] = arb(rows[0][0], 1e-9)
    with pytest.raises(Invalid, match="not exact"):
        followed(head, change, prove(head, change).arrays, rows=rows)
