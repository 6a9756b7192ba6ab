"""A class that loses its last row is none of the model's, as scikit-learn trains it again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier

from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.families.stored_rows import Small, written

ONE = Small(np.ones((11, 1)), np.array([0] + [1] * 5 + [2] * 5), np.array([[-1.0]]), 3, 1.0, False)
"""The label of the new row is the one that a single row has, whose output is the largest where others have none."""

OWN = Small(np.array([[0.0, 1.0]] + [[1.0, 0.0]] * 8), np.array([0] + [1] * 5 + [2] * 3), np.array([[-1.0, -1.0]]), 3,
            1.0, False)
"""Without its first row the output of a class that is gone would be the largest."""

TWO = Small(np.array([[1.0, 0.0]] + [[0.0, 1.0]] * 4), np.array([0, 1, 1, 1, 1]),
            np.array([[-1.0, 0.2], [0.0, 1.0]]), 2, 0.01, False)
"""Of two classes one has one row, and that the output is below 0 without it would say the class that is gone."""


def refused(path: Path, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        check(path, path.read_bytes(), {}, lambda _: None)


def again(problem: Small, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    model = RidgeClassifier(alpha=problem.penalty, fit_intercept=problem.free)
    found: np.ndarray = model.fit(problem.X[rows], labels[rows]).predict(problem.new)
    return found


@pytest.mark.parametrize("change", ["labels", "deletions"])
def test_the_label_of_a_class_that_may_vanish_does_not_stay(change: str, tmp_path: Path) -> None:
    assert ONE.labels() == [0] and again(ONE, ONE.y, np.arange(11)) == 0
    assert again(ONE, ONE.y, np.arange(1, 11)) == 1  # the first of two that are as good
    named = [] if change == "deletions" else None
    refused(written(tmp_path, ONE, change, 1, [0], [], named), "its class has 1 row, and loses every one")


def test_a_class_that_vanishes_wins_nothing_when_rows_go(tmp_path: Path) -> None:
    assert OWN.labels() == [2] and again(OWN, OWN.y, np.arange(1, 9)) == 2
    assert OWN.after(OWN.y.tolist(), range(1, 9)) == [2]
    refused(written(tmp_path, OWN, "deletions", 1, [], [0], [[0]]), "not proved to flip")


def test_a_class_that_vanishes_wins_nothing_when_labels_change(tmp_path: Path) -> None:
    assert TWO.labels() == [1, 1] and TWO.truth("labels", 1) == [(True, False)] * 2
    refused(written(tmp_path, TWO, "labels", 1, [], [0]), "not proved")
    free = Small(TWO.X, TWO.y, TWO.new, 2, 0.01, True)
    assert (again(free, np.ones(5, int), np.arange(5)) == 1).all()


@pytest.mark.parametrize(("change", "named"), [("labels", None), ("deletions", [])])
def test_labels_of_classes_that_last_stay(change: str, named: list[list[int]] | None, tmp_path: Path) -> None:
    """Whatever becomes of the others: without one of them its condition asks for more than has to hold."""
    assert TWO.truth(change, 1)[1] == (True, False)
    path = written(tmp_path, TWO, change, 1, [1], [], named)
    if change == "labels":
        assert check(path, path.read_bytes(), {}, lambda _: None).stated.ends == (1, 2)


def test_rows_that_are_named_for_what_is_lost_already_have_to_do_it(tmp_path: Path) -> None:
    """What needs no change names none; rows that are named are held to what they do."""
    X = np.array([[1.0], [1.0], [-1.0], [-1.0], [3.0]])
    problem = Small(X, np.array([1, 1, 0, 0, 0]), np.array([[0.5]]), 2, 1.0, False)
    assert problem.after(problem.y.tolist(), [0, 1, 3, 4]) == [None]  # without row 2 the output is 0
    other = _Turned(problem.X, problem.y, problem.new, 2, 1.0, False)
    for rows, words in (([], ""), ([4], ""), ([2], "not proved to flip")):
        path = written(tmp_path, other, "deletions", 1, [], [0], [rows])
        if words:
            refused(path, words)
        else:
            assert check(path, path.read_bytes(), {}, lambda _: None).already == 1


class _Turned(Small):
    """With weights that are not near the minimum."""

    def weights(self) -> np.ndarray:
        return -super().weights()
