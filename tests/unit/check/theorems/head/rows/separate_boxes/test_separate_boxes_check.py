"""D34, derived again: honest arrays are followed, what is accepted holds of every refit, and others are refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from flint import arb

from certify.check.theorems.head.rows.separate_boxes import lost, tree
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget
from certify.theorems.head.rows.separate.method import Separate
from tests.containment.heads_separate import NEAR, changed_rows_separate_checked, drawn, followed
from tests.containment.rigor import Violation
from tests.effort import FULL
from tests.families.other_heads import other_head
from tests.oracles.separate_refits import least

Arrays = dict[str, Any]
KINDS = [("one_vs_rest", False), ("one_vs_rest", True), ("squared_hinge", False), ("squared_hinge", True)]


@pytest.mark.parametrize("seed", range(60 if FULL else 10))
def test_what_is_accepted_holds_of_every_refit(seed: int) -> None:
    assert changed_rows_separate_checked(np.random.default_rng([44, seed])) in ("decided", "refused")


@cache
def example(loss: str, relabels: bool, count: int = 2) -> tuple[Head, RowChange, Arrays, np.ndarray]:
    """A head, what is asked, and arrays by which points are proved."""
    for seed in range(50):
        head = other_head(np.random.default_rng([45, seed]), loss, 14, 2, 30, k=3, free=False, decay=0.3)
        change = RowChange(relabels, count, tuple(range(head.n)))
        part = Separate().prove(head, change, head.today >= 0, Budget())
        if part is not None and part.proved.sum() >= 8 and len(part.arrays["box_output"]) >= 3:
            return head, change, dict(part.arrays), part.proved
    raise AssertionError


@pytest.mark.parametrize(("loss", "relabels"), KINDS)
def test_honest_arrays_are_followed_and_others_prove_no_more(loss: str, relabels: bool) -> None:
    head, change, arrays, proved = example(loss, relabels)
    assert followed(head, change, arrays, proved).tolist() == proved.tolist()
    assert not followed(head, change, arrays, np.zeros_like(proved)).any()
    # of what is not proved nothing is accepted by the same arrays
    assert not (followed(head, change, arrays, np.ones_like(proved)) & ~proved).any()


def smaller_slabs(arrays: Arrays) -> Arrays:
    """Codes of a quarter of every slab."""
    less = sum(np.maximum(((arrays["slabs"] >> 12 * a) & 4095) - 256, 0) << 12 * a for a in range(4))
    return arrays | {"slabs": less}


def far_centres(arrays: Arrays) -> Arrays:
    return arrays | {"box_weights": arrays["box_weights"] + 0.5}


def no_boxes(arrays: Arrays) -> Arrays:
    return arrays | {"use_node": arrays["use_node"][:0], "use_start": arrays["use_start"][:0],
                     "use_box": arrays["use_box"][:0]}


def no_children(arrays: Arrays) -> Arrays:
    return arrays | {"numbers": np.where(np.arange(len(arrays["numbers"]))[:, None] > 0, -1, arrays["numbers"])}


UNPROVED: dict[str, Callable[[Arrays], Arrays]] = {
    "smaller slabs": smaller_slabs, "other centres": far_centres, "no boxes are used": no_boxes}


@pytest.mark.parametrize(("loss", "relabels"), KINDS)
@pytest.mark.parametrize("name", UNPROVED)
def test_arrays_that_do_not_hold_prove_nothing_of_what_rests_on_boxes(name: str, loss: str, relabels: bool) -> None:
    head, change, arrays, proved = example(loss, relabels)
    assert (followed(head, change, UNPROVED[name](arrays), proved).sum()) < proved.sum()


@pytest.mark.parametrize(("loss", "relabels"), KINDS)
def test_heads_that_boxes_are_not_of_are_not_proved(loss: str, relabels: bool) -> None:
    head, change, arrays, proved = example(loss, relabels)
    less = followed(replace(head, weight_decay=0.25 * head.weight_decay), change, arrays, proved)
    assert not less[proved].all()
    with suppress(Invalid):  # what one change may follow has no refits where more may
        assert not followed(head, RowChange(relabels, 4, change.rows), arrays, proved)[proved].all()
    order = [1, 2, 0]
    other = followed(replace(head, Y=head.Y[:, order].copy()), change, arrays, proved)
    assert not other.any()


def with_(name: str, value: Any) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {name: value(arrays[name].copy())}


def at(index: Any, value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def changed(array: np.ndarray) -> np.ndarray:
        array[index] = value
        return array
    return changed


REFUSED: dict[str, Callable[[Arrays], Arrays]] = {
    "an array is missing": lambda a: {x: y for x, y in a.items() if x != "use_box"},
    "an array is foreign": lambda a: a | {"second": a["slabs"]},
    "slabs of another shape": with_("slabs", lambda x: x[:, 1:]),
    "weights of another shape": with_("box_weights", lambda x: x[:, 1:]),
    "no number among weights": with_("box_weights", at((0, 0), np.nan)),
    "weights beyond all numbers": with_("box_weights", at((0, 0), np.inf)),
    "whole numbers as floats": with_("numbers", lambda x: x.astype(float)),
    "a code too large": with_("slabs", at((0, 0), 2**48)),
    "a code below 0": with_("slabs", at((0, 0), -1)),
    "outputs exchanged": with_("box_output", lambda x: (x + 1) % 3),
    "an output that there is not": with_("box_output", at(0, 3)),
    "a node that there is not": with_("box_node", at(0, 10**6)),
    "a node below 0": with_("use_node", at(0, -1)),
    "a box below 0": with_("use_box", at((0, 0), -1)),
    "the boxes of one output twice": with_("use_box", lambda x: x[:, [0, 0, 2]]),
    "more hot rows than there are": with_("use_start", at(0, 10**6)),
    "products of too few rows": with_("box_wide", at(0, 1)),
    "a point that needs too many": with_("numbers", at((0, 0), 10**6)),
    "a point that needs less than none": with_("numbers", at((0, 0), -2)),
    "a root with a parent": with_("parent", at(0, 0)),
    "a child of itself": lambda a: a | {"parent": np.arange(len(a["parent"]))},
    "no node": lambda a: a | {name: a[name][:0] for name in ("parent", "branch", "code", "hot_count")},
    "a count below 0": with_("hot_count", at(0, -1)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_arrays_are_refused(name: str) -> None:
    head, change, arrays, proved = example("one_vs_rest", False)
    with pytest.raises(Invalid):
        followed(head, change, REFUSED[name](arrays), proved)


PLACES: dict[str, Callable[[Arrays], Arrays]] = {
    "a refit twice": lambda a: a | {x: a[x][[0, 0]] for x in a if x.startswith("leaf_")},
    "a refit where more may change": with_("leaf_node", at(0, 0)),
    "a refit of a row that there is not": with_("leaf_row", at(0, 99)),
    "a refit of a row that may not change": lambda a: a | {
        "leaf_row": np.full_like(a["leaf_row"], int(a["hot"][0])), "leaf_code": np.full_like(a["leaf_code"], -1)},
    "a refit of what no row becomes": lambda a: a | {
        "leaf_row": np.zeros_like(a["leaf_row"]), "leaf_code": np.full_like(a["leaf_code"], 7)},
    "a child of a node with one change": lambda a: one_more(a, len(a["parent"]) - 1),
    "a child of what no row becomes": with_("code", at(-1, 7)),
    "a child of a row that is not hot": with_("branch", at(-1, 99)),
    "a hot row twice": with_("hot", lambda x: np.full_like(x, x[0])),
    "a hot row that there is not": with_("hot", at(0, 99)),
}


def one_more(arrays: Arrays, parent: int) -> Arrays:
    """With a child of a node that has a hot row for it."""
    counts, new = arrays["hot_count"].copy(), {"parent": parent, "branch": 0, "code": -1, "hot_count": 0}
    left = [i for i in range(arrays["slabs"].shape[1]) if i not in arrays["hot"]]
    at = int(counts[: parent + 1].sum())
    counts[parent] += 1
    more = arrays | {"hot_count": counts, "hot": np.insert(arrays["hot"], at, left[0])}
    more |= {name: np.append(more[name], value) for name, value in new.items()}
    return more | {"numbers": np.vstack([arrays["numbers"], np.full_like(arrays["numbers"][:1], -1)])}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_out_of_place_in_a_tree_is_refused(name: str) -> None:
    head, change, arrays, proved = branched()
    with pytest.raises(Invalid):
        followed(head, change, PLACES[name](arrays), proved)


@cache
def branched() -> tuple[Head, RowChange, Arrays, np.ndarray]:
    """A head with a tree of which a node has a refit."""
    for seed in range(200):
        head, change, _, _ = drawn(np.random.default_rng([53, seed]))
        part = Separate().prove(head, change, head.today >= 0, Budget())
        if (part is not None and not change.relabels and change.count == 2 and len(part.arrays.get("leaf_node", ()))
                and len(part.arrays["hot"]) > 1):
            return head, change, dict(part.arrays), part.proved
    raise AssertionError


def test_other_problems_are_refused() -> None:
    head, change, arrays, proved = example("squared_hinge", False)
    for other in ({"remaining": True}, {"balanced": True}, {"k": 1}, {"count": 0}, {"bias_decay": False},
                  {"targets": [[0.5] * 3] * head.n}, {"labelled": (arb(1), arb(1), arb(1))}, {"new": 1}):
        with pytest.raises(Invalid):
            followed(head, change, arrays, proved, **other)
    head, change, arrays, proved = example("one_vs_rest", False)
    followed(head, change, arrays, proved, bias_decay=False, count=head.n - 1)
    with pytest.raises(Invalid, match="rows change"):  # with no row left nothing holds a free intercept
        followed(head, change, arrays, proved, bias_decay=False, count=head.n)


def test_a_refit_that_is_not_there_leaves_its_points_open() -> None:
    for seed in range(200):
        head, change, _, _ = drawn(np.random.default_rng([46, seed]))
        part = Separate().prove(head, change, head.today >= 0, Budget())
        if part is not None and len(part.arrays.get("leaf_node", ())):
            arrays = dict(part.arrays)
            less = {name: arrays[name][:-1] for name in arrays if name.startswith("leaf_")}
            assert followed(head, change, arrays, part.proved)[part.proved].all()
            assert not followed(head, change, arrays | less, part.proved)[part.proved].all()
            far = arrays | {"leaf_weights": arrays["leaf_weights"] + 9.0}
            assert not followed(head, change, far, part.proved)[part.proved].all()
            return
    raise AssertionError


def test_boxes_of_other_changes_serve_nothing() -> None:
    for seed in range(400):
        head, change, _, _ = drawn(np.random.default_rng([48, seed]))
        part = Separate().prove(head, change, head.today >= 0, Budget())
        if part is None or change.relabels or not part.arrays:
            continue
        nodes, uses = part.arrays["use_node"], part.arrays["use_box"].copy()
        some = np.flatnonzero(part.arrays["parent"][nodes] == 0)
        if len(some) < 2 or part.arrays["box_node"][uses[some[1], 0]] == part.arrays["box_node"][uses[some[0], 0]]:
            continue
        uses[some[0]] = uses[some[1]]
        assert not followed(head, change, dict(part.arrays) | {"use_box": uses}, part.proved)[part.proved].all()
        return
    raise AssertionError


def test_numbers_that_are_none_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not tree.largest_sum([1.0, float("nan"), 0.0], 1) < 1e300
    assert not tree.largest_sum([1.0, float("inf")], 1) < 1e300
    assert bool(tree.largest_sum([1.0, 2.0, 3.0], 2) >= 5)
    head, change, arrays, proved = example("one_vs_rest", False)
    for name in ("up", "down"):
        with monkeypatch.context() as patch:
            patch.setattr(lost, name, lambda x: float("nan"))
            assert not followed(head, change, arrays, proved).any()


WRONG: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "one change less": (tree, "largest_sum", lambda own, values, k: own(values, k - 1)),
    "rows take half": (tree.Follow, "_takes", lambda own, it, i, a, b, y, c: 0.5 * own(it, i, a, b, y, c)),
    "the other output takes nothing": (tree.Follow, "_takes", lambda own, it, i, a, b, y, c: own(it, i, a, 0.0, y, c)),
    "the first output takes nothing": (tree.Follow, "_takes", lambda own, it, i, a, b, y, c: own(it, i, 0.0, b, y, c)),
    "children are not asked": (tree.Follow, "_last", lambda own, it, node, live: []),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_checkers_are_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays that claim everything of every point at a root with fewer hot rows, as a forger has them."""
    owner, what, changed = WRONG[name]
    own = getattr(owner, what)
    monkeypatch.setattr(owner, what, lambda *args: changed(own, *args))
    with pytest.raises(Violation):
        for seed in range(300):
            forged(np.random.default_rng([47, seed]))


def forged(rng: np.random.Generator) -> None:
    """Claims of all points that the boxes at nodes and the refits of an honest run may be made to carry."""
    head, change, _, W = drawn(rng)
    part = Separate().prove(head, change, head.today >= 0, Budget())
    if part is None or not part.arrays:
        return
    arrays = dict(part.arrays)
    arrays["numbers"] = np.broadcast_to(arrays["numbers"].max(axis=1, keepdims=True), arrays["numbers"].shape)
    stays = followed(head, change, arrays, head.today >= 0)
    if (stays & (least(head, W, head.points, np.maximum(head.today, 0)) < -NEAR)).any():
        raise Violation("a point that was accepted is flipped by a choice")


@pytest.mark.parametrize(("loss", "relabels"), KINDS)
def test_points_are_looked_at_a_few_at_a_time_and_not_again(
        loss: str, relabels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    head, change, arrays, proved = example(loss, relabels)
    own, seen = tree.Follow._pieces, list[int]()

    def counted(it: tree.Follow, node: Any, start: int, held: Any, live: list[int]) -> Any:
        seen.append(len(live))
        return own(it, node, start, held, live)

    monkeypatch.setattr(tree.Follow, "_pieces", counted)
    every = followed(head, change, arrays, np.ones_like(proved))
    once = sum(seen)
    monkeypatch.setattr(tree, "SEEN", 3)
    again = arrays | {name: np.concatenate([arrays[name]] * 5) for name in ("use_node", "use_start", "use_box")}
    seen.clear()
    assert followed(head, change, again, np.ones_like(proved)).tolist() == every.tolist()
    assert max(seen) <= 3
    assert once <= sum(seen) < 5 * once  # what is closed asks no box more
