"""D10 in the checker: what does not cover every choice proves nothing, and what is no tree is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from flint import ctx

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.softmax_tree import proved
from certify.format.refusal import Invalid
from certify.systems.head.rows.change import RowChange
from certify.systems.head.rows.head import Head
from certify.theorems.head.rows.method import Budget, Part
from certify.theorems.head.rows.softmax_tree import SoftmaxTree
from tests.families.class_heads import as_checked, class_head

Arrays = dict[str, np.ndarray]


@cache
def tree(relabels: bool = False) -> tuple[Head, Part]:
    """A tree with inner nodes, boxes and leaves: of deleted rows the first that is drawn, of labels the eleventh."""
    for seed in range(10 * relabels, 40):
        rng = np.random.default_rng([seed, relabels])
        head = class_head(rng, 8, 3, 6, 1.0 if relabels else 0.1, False, 2.5)
        part = SoftmaxTree().prove(head, RowChange(relabels, 2, tuple(range(8))), head.today >= 0, Budget())
        if part is not None and part.proved.any() and len(part.arrays["parent"]) > 2 and len(part.arrays["leaf"]) \
                and (np.asarray(part.arrays["box"]) >= 0).any():
            return head, part
    raise AssertionError


def check(arrays: Arrays, relabels: bool = False, count: int = 2, **other: object) -> list[bool]:
    head, part = tree(relabels)
    stored = {name: Array(a.shape, tuple(a.ravel().tolist()), a.dtype.kind) for name, a in arrays.items()}
    with ctx.workprec(64):
        twin = replace(as_checked(head, tuple(range(head.n)), count, relabels), **other)  # type: ignore[arg-type]
        return proved(twin, stored, "claim", part.proved.tolist())


def arrays_of(relabels: bool = False) -> Arrays:
    return {name: np.array(a) for name, a in tree(relabels)[1].arrays.items()}


@pytest.mark.parametrize("relabels", [False, True])
def test_an_honest_tree_is_followed(relabels: bool) -> None:
    assert check(arrays_of(relabels), relabels) == tree(relabels)[1].proved.tolist()


def test_a_point_needs_every_child() -> None:
    arrays = arrays_of()
    arrays["numbers"][1] = -1
    lost = np.flatnonzero(tree()[1].arrays["numbers"][1] >= 0)
    assert not any(check(arrays)[j] for j in lost)


def test_other_numbers_weights_slabs_and_labels_prove_nothing() -> None:
    arrays = arrays_of()
    few = np.where(arrays["numbers"] > 0, 0, arrays["numbers"])
    few[0] = np.where(arrays["numbers"][0] > 0, 0, few[0])
    assert sum(check({**arrays, "numbers": few})) < sum(tree()[1].proved)
    assert not any(check({**arrays, "weights": arrays["weights"] + 0.3}))
    assert not any(check({**arrays, "weights": arrays["weights"] * np.nan_to_num(0.0)}))
    small = {name: arrays[name] * 0.3 for name in ("outside", "inside")}
    assert sum(check({**arrays, **small})) < sum(tree()[1].proved)
    assert not any(check({**arrays, "leaf_weights": arrays["leaf_weights"] + 1.0})) \
        or (arrays["leaf_count"].sum() == 0)
    assert not any(check(arrays, today=[(a + 1) % 3 for a in tree()[0].today.tolist()]))


def test_trees_of_another_kind_or_size_are_refused() -> None:
    arrays = arrays_of()
    for name in arrays:
        with pytest.raises(Invalid):
            check({key: a for key, a in arrays.items() if key != name})
        with pytest.raises(Invalid):
            check({**arrays, name: arrays[name].ravel()[:-1]})
        with pytest.raises(Invalid):
            check({**arrays, name: np.append(arrays[name].ravel(), arrays[name].ravel()[:1])})
        with pytest.raises(Invalid):
            check({**arrays, name: arrays[name].astype(np.int64 if arrays[name].dtype.kind == "f" else np.float64)})
    with pytest.raises(Invalid):
        check({**arrays, "more": np.zeros(1)})
    with pytest.raises(Invalid):  # rows that change labels
        check(arrays, relabels=True)
    with pytest.raises(Invalid):
        check({name: a[:0] for name, a in arrays.items()})


@pytest.mark.parametrize(("name", "value"), [
    ("parent", 7), ("parent", -1), ("branch", -1), ("branch", 99), ("code", 0), ("hot_count", -1), ("hot", 99),
    ("box", 99), ("box", -2), ("leaf_count", -1), ("leaf", 99), ("numbers", 99), ("numbers", -2),
])
def test_a_number_out_of_place_is_refused(name: str, value: int) -> None:
    arrays = arrays_of()
    arrays[name].reshape(-1)[-1] = value
    with pytest.raises(Invalid):
        check(arrays)


def test_two_children_of_one_branch_and_a_hot_row_twice_are_refused() -> None:
    arrays = arrays_of()
    arrays["branch"][2] = arrays["branch"][1]
    arrays["parent"][2] = arrays["parent"][1]
    with pytest.raises(Invalid):
        check(arrays)
    arrays = arrays_of()
    if arrays["hot_count"][0] > 1:
        arrays["hot"][1] = arrays["hot"][0]
        with pytest.raises(Invalid):
            check(arrays)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    for name in ("weights", "outside", "inside", "shifts", "leaf_weights"):
        arrays = arrays_of()
        arrays[name].reshape(-1)[0] = bad
        with pytest.raises(Invalid):
            check(arrays)


def test_more_changes_are_not_covered() -> None:
    with pytest.raises(Invalid):
        check(arrays_of(), count=129)
    assert not any(check(arrays_of(), count=4))
