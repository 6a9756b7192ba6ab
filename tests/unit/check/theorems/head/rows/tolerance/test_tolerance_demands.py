"""Numbers by sorting, and trees: each demand on what is stated fails alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.losses.base import row_loss
from certify.check.theorems.head.rows.losses.squared import Squared
from certify.check.theorems.head.rows.moves.deleted import DEEPEST, refused
from certify.check.theorems.head.rows.squared_tree.trees import trees_of
from certify.check.theorems.head.rows.tolerance.by_sorting import check_sorted
from certify.format.refusal import Invalid

MARKS = {"squared_labels": Array((1,), (1,), "i")}


@pytest.mark.parametrize(("arrays", "loss", "relabels"), [
    (MARKS | {"more": MARKS["squared_labels"]}, "squared", True), ({}, "squared", True),
    (MARKS, "logistic", True), (MARKS, "squared", False),
])
def test_sorting_is_for_changed_labels_of_the_squared_loss_and_one_array(arrays, loss, relabels):
    head = SimpleNamespace(loss=row_loss(loss), relabels=relabels, weights=None)
    assert isinstance(head.loss, Squared) is (loss == "squared")
    with pytest.raises(Invalid, match="squared_labels alone"):
        check_sorted(head, arrays, [0], [1], "claim")


def trees(numbers, lengths, order, points):
    named = {"trees": numbers, "lengths": lengths, "order": order, "points": points}
    return trees_of({name: Array((len(v),), tuple(v), "i") for name, v in named.items()}, "claim", [4, 6, 9], 2, 2)


def test_a_negative_number_of_trees_or_of_rows_is_refused():
    assert [len(some) for some in trees([1, 1], [1, 1, 2, 1], [6, 4, 9], [0, 1])] == [1, 1]
    for numbers, lengths in (([3, -1], [1, 1, 2, 1]), ([-1, 3], [1, 1, 2, 1]), ([1, 1], [4, 1, -1, 1]),
                             ([1, 1], [1, 3, 2, -1])):
        with pytest.raises(Invalid, match="lengths of its arrays do not fit"):
            trees(numbers, lengths, [6, 4, 9], [0, 1])


@pytest.mark.parametrize("other", [
    {}, {"relabels": True}, {"kind": object()}, {"weights": [1.0]}, {"balanced": True}, {"remaining": True},
    {"loss": row_loss("logistic")}, {"moving": ()}, {"count": 0}, {"count": DEEPEST + 1},
])
def test_numbers_of_deletions_are_for_plain_ones(other):
    plain = {"loss": row_loss("squared"), "relabels": False, "kind": None, "weights": None, "balanced": False,
             "remaining": False, "moving": (0, 1), "count": 2}
    said = refused(SimpleNamespace(head=SimpleNamespace(**plain | other), by_outputs=True))
    assert bool(said) is bool(other)
    assert refused(SimpleNamespace(head=SimpleNamespace(**plain), by_outputs=False))
