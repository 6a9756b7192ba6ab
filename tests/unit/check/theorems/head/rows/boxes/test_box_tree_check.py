"""The checker refuses trees that cover less than they say."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.theorems.head.rows import box, box_tree
from certify.check.theorems.head.rows.codes import Codes
from certify.finders.head.boxes import minimiser
from certify.format.refusal import Invalid
from certify.systems.head.rows.boxes.trap import centre
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.losses.logistic import LogisticHead
from certify.theorems.head.rows.box import Box
from certify.theorems.head.rows.box_tree import BoxTree, oriented
from certify.theorems.head.rows.boxes.tree import Node, Tree
from certify.theorems.head.rows.method import Budget
from tests.families.logistic_heads import as_checked, logistic_head, margins, stored

Arrays = dict[str, np.ndarray]


FIRST = {(2, False): 4, (3, False): 19, (2, True): 12}
"""The first seed of such a tree, by how many rows change and whether labels do: to draw those before takes seconds."""


@cache
def example(count: int, relabels: bool = False) -> tuple[Head, Arrays, tuple[bool, ...]]:
    """A tree with children, leaves and a box."""
    for seed in range(FIRST[count, relabels], 60):
        head = logistic_head(np.random.default_rng([seed, 5]), 11, decay=8.0 if relabels else 1.0)
        part = BoxTree().prove(head, RowChange(relabels, count, tuple(range(11))), head.today >= 0, Budget())
        assert part is not None
        if part.proved.sum() > 2 and len(part.arrays["parent"]) > 2 and len(part.arrays["leaf"]):
            return head, dict(part.arrays), tuple(part.proved.tolist())
    raise AssertionError("no such example was drawn")


def found(head: Head, arrays: Arrays, count: int, asked: tuple[bool, ...], relabels: bool = False) -> list[bool]:
    with ctx.workprec(64):
        twin = as_checked(head, tuple(range(head.n)), count, relabels)
        return box_tree.proved(twin, stored(arrays), "claim", list(asked))


def changed(arrays: Arrays, **new: np.ndarray) -> Arrays:
    return {**arrays, **new}


@pytest.mark.parametrize("count", [2, 3])
def test_the_honest_tree_is_accepted(count: int) -> None:
    head, arrays, asked = example(count)
    assert found(head, arrays, count, asked) == list(asked)


@pytest.mark.parametrize("count", [2, 3])
def test_more_deletions_than_the_tree_is_for(count: int) -> None:
    head, arrays, asked = example(count)
    with pytest.raises(Invalid):  # the levels do not fit
        found(head, arrays, count + 1, asked)


def test_a_missing_child() -> None:
    head, arrays, asked = example(2)
    last = len(arrays["parent"]) - 1
    assert arrays["parent"][last] >= 0
    cut: Arrays = {}
    for name, a in arrays.items():
        drop = {"parent": 1, "branch": 1, "weights": 1, "hot_count": 1, "box_count": 1, "leaf_count": 1,
                "hot": arrays["hot_count"][last], "box": arrays["box_count"][last], "slabs": arrays["box_count"][last],
                "leaf": arrays["leaf_count"][last], "leaf_weights": arrays["leaf_count"][last], "numbers": 0,
                "second": 0}[name]
        cut[name] = a[: len(a) - drop]
    assert found(head, cut, 2, asked) != list(asked)


def test_hot_rows_in_another_order() -> None:
    head, arrays, asked = example(2)
    hot = arrays["hot"].copy()
    assert arrays["hot_count"][0] >= 2
    hot[0], hot[1] = hot[1], hot[0]
    try:
        assert found(head, changed(arrays, hot=hot), 2, asked) != list(asked)
    except Invalid:
        pass


def test_numbers_that_are_too_small() -> None:
    head, arrays, asked = example(2)
    numbers = np.minimum(arrays["numbers"], 0)
    if len(arrays["box"]) and (arrays["box"][: arrays["box_count"][0]] == 0).any():
        pytest.skip("the root has a box for all rows")
    assert not any(found(head, changed(arrays, numbers=numbers), 2, asked))


def test_slabs_that_are_a_step_smaller() -> None:
    head, arrays, asked = example(3)
    if not len(arrays["box"]):
        pytest.skip("no box")
    lower = sum(1 << 12 * a for a in range(4)) * 24
    slabs = np.where(arrays["slabs"] > lower, arrays["slabs"] - lower, arrays["slabs"])
    assert found(head, changed(arrays, slabs=slabs), 3, asked) != list(asked)


def test_leaves_that_are_far_from_their_refits() -> None:
    head, arrays, asked = example(2)
    assert found(head, changed(arrays, leaf_weights=arrays["leaf_weights"] + 0.1), 2, asked) != list(asked)
    assert found(head, changed(arrays, leaf_weights=-arrays["leaf_weights"]), 2, asked) != list(asked)


def test_a_leaf_for_another_row() -> None:
    head, arrays, asked = example(2)
    leaf = arrays["leaf"].copy()
    leaf[:] = np.roll(leaf, 1)
    try:
        assert found(head, changed(arrays, leaf=leaf), 2, asked) != list(asked)
    except Invalid:
        pass


@pytest.mark.parametrize(("name", "value"), [("parent", 7), ("branch", 50), ("hot", -1), ("hot", 99), ("box", 80),
                                             ("slabs", -1), ("slabs", 2**48), ("leaf", 99), ("hot_count", -1)])
def test_numbers_out_of_place(name: str, value: int) -> None:
    head, arrays, asked = example(2)
    if not arrays[name].size:
        pytest.skip("the example has none")
    wrong = arrays[name].copy()
    wrong.flat[0 if name != "branch" else 1] = value
    with pytest.raises(Invalid):
        found(head, changed(arrays, **{name: wrong}), 2, asked)


def test_labels_that_change() -> None:
    head, arrays, asked = example(2, True)
    assert found(head, arrays, 2, asked, True) == list(asked)
    # what is proved of deletions says nothing of labels, and the other way round
    assert found(head, arrays, 2, asked) != list(asked)
    other, deleted, stay = example(2)
    assert found(other, deleted, 2, stay, True) != list(stay)
    lower = sum(1 << 12 * a for a in range(4)) * 24
    slabs = np.where(arrays["slabs"] > lower, arrays["slabs"] - lower, arrays["slabs"])
    assert found(head, changed(arrays, slabs=slabs), 2, asked, True) != list(asked)
    for weights in (arrays["leaf_weights"] + 0.1, -arrays["leaf_weights"]):
        assert found(head, changed(arrays, leaf_weights=weights), 2, asked, True) != list(asked)
    hot = arrays["hot"].copy()
    hot[0], hot[1] = hot[1], hot[0]
    try:
        assert found(head, changed(arrays, hot=hot), 2, asked, True) != list(asked)
    except Invalid:
        pass
    codes = dataclasses.replace(as_checked(head, (0, 1), 1, True), codes=Codes([[0.0], [1.0]], [], head.Y.tolist()))
    with pytest.raises(Invalid, match="−1 and 1"):
        box.proved(codes, stored({}), "claim", list(asked))


def test_shares_of_the_second_order() -> None:
    used = judged = 0
    for seed in range(40):
        n, count = 24, 2
        head = logistic_head(np.random.default_rng([seed, 11]), n, points=12, decay=6.0)
        part = BoxTree().prove(head, RowChange(True, count, tuple(range(n))), head.today >= 0, Budget())
        assert part is not None
        arrays, asked = dict(part.arrays), tuple(part.proved.tolist())
        if not arrays or not (arrays["second"] > 0.0).any():
            continue
        assert found(head, arrays, count, asked, True) == list(asked)
        without = found(head, {k: v for k, v in arrays.items() if k != "second"}, count, asked, True)
        if without == list(asked):
            continue  # another box does as well
        used += 1
        for worse in (-1.0, np.nan, np.inf):
            second = np.full_like(arrays["second"], worse)
            assert found(head, changed(arrays, second=second), count, asked, True) == without
        half = found(head, changed(arrays, second=arrays["second"] * 0.5), count, asked, True)
        # where the form has no positive eigenvalue, any λ will do
        curved = ((arrays["second"] < 0.0) | (arrays["second"] > 1e-4)).all(axis=0)
        assert [a for a, yes in zip(half, curved, strict=True) if yes] == [
            a for a, yes in zip(without, curved, strict=True) if yes]
        judged += int(curved[list(asked)].sum())
        with pytest.raises(Invalid, match="shape"):
            found(head, changed(arrays, second=arrays["second"][:, :-1]), count, asked, True)
        if used == 3:
            break
    assert used
    assert judged > 5


def test_arrays_of_another_shape_or_name() -> None:
    head, arrays, asked = example(2)
    with pytest.raises(Invalid, match="needed"):
        found(head, {k: v for k, v in arrays.items() if k != "leaf"}, 2, asked)
    with pytest.raises(Invalid, match="shape"):
        found(head, changed(arrays, weights=arrays["weights"][:, :-1]), 2, asked)
    with pytest.raises(Invalid, match="whole"):
        found(head, changed(arrays, hot=arrays["hot"].astype(float)), 2, asked)


def test_problems_that_boxes_are_not_for() -> None:
    head, arrays, asked = example(2)
    for wrong in (dataclasses.replace(head, remaining=True), dataclasses.replace(head, threshold=float("inf"))):
        with pytest.raises(Invalid, match="boxes"):
            found(wrong, arrays, 2, asked)


def test_the_box_alone() -> None:
    for seed in range(40):
        head = logistic_head(np.random.default_rng([seed, 9]), 12, decay=6.0)
        part = Box().prove(head, RowChange(False, 1, tuple(range(12))), head.today >= 0, Budget())
        if part is not None and part.proved.sum() > 2:
            break
    assert part is not None
    arrays, asked, h = dict(part.arrays), part.proved.tolist(), as_checked(head, tuple(range(12)), 1)
    with ctx.workprec(64):
        assert box.proved(h, stored(arrays), "claim", asked) == asked
        far = changed(arrays, weights=arrays["weights"] + 0.3)
        assert not any(box.proved(h, stored(far), "claim", asked))
        smaller = changed(arrays, slabs=arrays["slabs"] - 40 * sum(1 << 12 * a for a in range(4)))
        assert not any(box.proved(h, stored(smaller), "claim", asked))
        with pytest.raises(Invalid, match="needed"):
            box.proved(h, stored({"weights": arrays["weights"]}), "claim", asked)


@pytest.mark.parametrize("gone", [2, 3])
def test_leaves_alone_do_not_speak_of_no_change(gone: int) -> None:
    """The weights given say another label than their refit does, and a row whose deletion brings it back has a leaf."""
    phi, y = np.array([[1.0, 1.0], [-1.0, 1.0], [0.5, 1.0], [-2.0, 1.0]]), np.array([1.0, -1.0, -1.0, 1.0])
    head = Head(phi, np.zeros(4), y[:, None], np.array([[-1.0], [1.0]]), (y > 0).astype(np.int64), LogisticHead(),
                np.array([[1.0, 0.0]]), 1.0, np.array([True, True]), False, np.array([[1.0, 0.0]]), np.zeros(1))
    least = margins(head, (gone,), 1)
    assert least[()] < -0.01 < 0.0 < least[(gone,)]
    s, points = oriented(head, RowChange(False, 1, (gone,)))
    kept = np.ones(4)
    tree = Tree(s, points, lambda: 9.0)
    w = minimiser(s, kept, np.zeros(2))
    box_at = tree.box(centre(s, kept, w), np.array([gone]), 0, 1)
    assert box_at is not None
    leaf = minimiser(s, np.where(np.arange(4) == gone, 0.0, 1.0), w)
    tree.nodes = [Node(-1, 0, w, np.zeros(0, np.int64), np.zeros(1, np.int16), [box_at.stated()], [],
                       (np.array([gone]), leaf[None]))]
    arrays = tree.arrays(np.array([True]), 1)
    with ctx.workprec(64):
        assert box_tree.proved(as_checked(head, (gone,), 1), stored(arrays), "claim", [True]) == [False]


def test_single_rows_at_another_centre_or_without_their_leaves() -> None:
    head, arrays, asked = example(2)
    last = arrays["box_count"] == 0
    last[0] = False
    for shift in (1e-3, 0.1, np.nan):
        weights = np.where(last[:, None], arrays["weights"] + shift, arrays["weights"])
        try:
            assert found(head, changed(arrays, weights=weights), 2, asked) != list(asked)
        except Invalid:
            assert np.isnan(shift)
    none = changed(arrays, leaf=arrays["leaf"][:0], leaf_weights=arrays["leaf_weights"][:0],
                   leaf_count=np.zeros_like(arrays["leaf_count"]))
    assert found(head, none, 2, asked) != list(asked)


@pytest.mark.parametrize("training", [True, False])
def test_inputs_of_more_digits_than_a_float_has(training: bool) -> None:
    head, arrays, asked = example(2)
    with ctx.workprec(192):
        twin = as_checked(head, tuple(range(head.n)), 2, False)
        rows = [list(row) for row in (twin.rows if training else twin.evaluated.tolist())]
        rows[0][0] = arb(1) + arb(2) ** -80
        assert rows[0][0].is_exact() and float(rows[0][0]) == 1.0
        longer = {"rows": rows} if training else {"evaluated": arb_mat(rows)}
        with pytest.raises(Invalid, match="boxes need exact ones"):
            box_tree.proved(dataclasses.replace(twin, **longer), stored(arrays), "claim", list(asked))
