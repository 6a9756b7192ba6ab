"""Questions about these rows, groups, pairs of labels and two kinds of changes at once, as users ask them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify import from_sklearn
from certify.format.errors import InputError
from certify.prove.rows import StablePredictions, stable_predictions
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.changes.given import GivenRows
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.changes.pairs import PairChange
from tests.unit.prove.test_rows import POINTS, problem

GROUPS = ["a", "b", "a", "b", "c", "c", "d", "d"]


def ask(**given: Any) -> StablePredictions:
    with pytest.warns(UserWarning, match="exact minimum"):  # these weights were made up
        return stable_predictions(problem(), POINTS, seconds=20, **given)


@pytest.mark.parametrize(("given", "kind", "words"), [
    ({"delete": [3, 1]}, GivenRows, "these 2 rows deleted"), ({"delete": np.array([4])}, GivenRows, "this row deleted"),
    ({"delete": range(2, 4)}, GivenRows, "these 2 rows deleted"),
    ({"relabel": {3: 1}}, GivenRows, "this row relabelled"),
    ({"relabel": {np.int64(5): np.float64(0)}}, GivenRows, "this row relabelled"),
    ({"delete": 1, "groups": GROUPS}, GroupChange, "any 1 of 4 groups of rows deleted"),
    ({"relabel": 2, "groups": np.array(GROUPS)}, GroupChange, "any 2 of 4 groups of rows relabelled"),
    ({"delete": 1, "relabel": 1}, BothChange, "any 1 row deleted and any 1 other relabelled"),
    ({"relabel": 2, "relabel_pairs": [(0, 1)]}, PairChange, "any 2 rows relabelled along 1 stated pair"),
])
def test_each_kind_is_asked_in_one_line_and_decided(given: dict[str, Any], kind: type, words: str) -> None:
    found = ask(**given)
    assert isinstance(found.change, kind) and f"({words}: " in repr(found) and not len(found.undecided)
    for i in found.attacked.tolist():
        witness = found.witness(i)
        assert witness is not None and np.sign(witness.before) != np.sign(witness.after)


def test_witnesses_say_what_becomes_of_each_row() -> None:
    found = ask(delete=1, relabel=1)
    some = [found.witness(i) for i in found.attacked.tolist()]
    assert some and all(w.targets is None or len(w.rows) == len(w.targets) for w in some)
    labels = np.concatenate([np.ravel(w.targets) for w in some if w.targets is not None])
    assert np.isin(labels[~np.isnan(labels)], (-1.0, 1.0)).all()
    given = ask(relabel={3: 1, 4: 0})
    for i in given.attacked.tolist():
        assert given.witness(i).rows == (3, 4) and given.witness(i).targets == ((1.0,), (-1.0,))


def test_a_kind_that_allows_less_lets_more_stay() -> None:
    one, groups, pairs = ask(relabel=1), ask(relabel=1, groups=GROUPS), ask(relabel=1, relabel_pairs=[(0, 1)])
    assert set(groups.proved) <= set(one.proved) <= set(pairs.proved)
    assert set(ask(delete=1, relabel=1).proved) <= set(one.proved) & set(ask(delete=1).proved)
    alone = ask(delete=1, groups=range(8))
    assert alone.proved.tolist() == ask(delete=1).proved.tolist()


@pytest.mark.parametrize(("groups", "said"), [
    (np.array([0.0, np.nan, 0, np.nan, 1, 1, 2, 2]), "no label in row 1"), ([0, None, 0, None, 1, 1, 2, 2], "row 1"),
    ([0.0, np.nan, 0.0, np.nan, 1.0, 1.0, 2.0, 2.0], "row 1"), ([1, True, 0, 0, 2, 2, 3, 3], "several types"),
    (np.array(GROUPS)[:, None], "shape (8, 1)"), (np.ma.array(range(8), mask=[1] + 7 * [0]), "masked"),
    ("abababab", "a str"), (dict(enumerate(GROUPS)), "a dict"), ([1, "1", 1, 1, 2, 2, 3, 3], "int and str")])
def test_labels_of_groups_that_may_not_be_told_apart_are_refused(groups: Any, said: str) -> None:
    for change in ({"delete": 1}, {"relabel": 1}):
        with pytest.raises(InputError) as caught:
            stable_predictions(problem(), POINTS, groups=groups, **change)
        assert said in str(caught.value)


def test_missing_labels_of_a_table_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    for column in (pandas.Series([None, *GROUPS[1:]]), pandas.Series([pandas.NA, *range(7)], dtype="Int64")):
        with pytest.raises(InputError, match="no label in row 0"):
            stable_predictions(problem(), POINTS, delete=1, groups=column)
    words = pandas.Series(GROUPS)
    assert (ask(delete=1, groups=words).survey.proved == ask(delete=1, groups=GROUPS).survey.proved).all()


@pytest.mark.parametrize(("given", "said"), [
    ({"delete": [1, 8]}, "delete: row 8 of 8; rows are 0 … 7"), ({"delete": [-1]}, "row -1 of 8"),
    ({"delete": [1, 1]}, "row 1 is listed 2 times"), ({"delete": [1.0]}, "1.0 among the rows"),
    ({"delete": []}, "no rows"), ({"delete": range(8)}, "all 8 rows are left out"),
    ({"delete": {1: 0}}, "a dictionary"),
    ({"delete": "all"}, "a list of row numbers"), ({"relabel": [1, 2]}, "row numbers without labels"),
    ({"relabel": {1: 2}}, "relabel, row 1: label 2; the labels are 0, 1"), ({"relabel": {1: "cat"}}, "label 'cat'"),
    ({"relabel": {1: 0}}, "0, which it has already"), ({"relabel": {9: 0}}, "row 9 of 8"), ({"relabel": {}}, "no rows"),
    ({"delete": 4, "groups": GROUPS}, "count: 4 of 4 groups; give fewer"),
    ({"delete": 1, "groups": GROUPS[:7]}, "groups: shape (7,); give 8 labels"),
    ({"delete": [1], "groups": GROUPS}, "groups: given with stated rows"),
    ({"delete": 1, "relabel": 1, "groups": GROUPS}, "delete and relabel: given with groups"),
    ({"delete": 1, "relabel": {2: 1}}, "delete and relabel: these rows of one of them"),
    ({"delete": 4, "relabel": 5}, "relabelled: 5 beside 4 deleted, of 8 rows"),
    ({"delete": 1, "relabel_pairs": [(0, 1)]}, "relabel_pairs: given with delete"),
    ({"relabel": 1, "relabel_pairs": [(0, 0)]}, "pairs: label 0 becomes 0"),
    ({"relabel": 1, "relabel_pairs": [(0, 2)]}, "relabel_pairs: label 2; the labels are 0, 1"),
    ({"relabel": 1, "relabel_pairs": [(0, 1), (0, 1)]}, "a pair is given twice"),
    ({"relabel": 1, "relabel_pairs": []}, "no pairs"), ({"relabel": 1, "relabel_pairs": [0, 1]}, "0; give pairs"),
    ({"relabel": 1, "relabel_pairs": [(0, 1)], "groups": GROUPS}, "groups: given with relabel_pairs"),
])
def test_changes_that_do_not_fit_are_refused_in_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        stable_predictions(problem(), POINTS, **given)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_groups_want_all_rows_and_pairs_a_label_that_is_there() -> None:
    part = replace(problem(), rows=(0, 1, 2))
    with pytest.raises(InputError, match="3 of 8 rows may change"):
        stable_predictions(part, POINTS, delete=1, groups=GROUPS)
    with pytest.raises(InputError, match="no row that may change has a label"):
        stable_predictions(part, POINTS, relabel=1, relabel_pairs=[(1, 0)])


def test_labels_have_the_names_that_the_estimator_knows() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    for words, estimator in ((["ham", "spam"], linear.LogisticRegression(tol=1e-10)),
                             (["bird", "cat", "dog"], linear.LogisticRegression(tol=1e-10)),
                             (["bird", "cat", "dog"], linear.RidgeClassifier()),
                             (["ham", "spam"], linear.RidgeClassifier())):
        label = np.arange(12) % len(words)
        X = rng.normal(size=(12, 2)) + label[:, None]
        y = np.array(words)[label]
        asked = from_sklearn(estimator.fit(X, y), X, y)
        by_name = stable_predictions(asked, X, relabel={0: words[1], 4: words[(label[4] + 1) % len(words)]})
        moved = y.copy()
        moved[0], moved[4] = words[1], words[(label[4] + 1) % len(words)]
        again = estimator.fit(X, moved).predict(X)
        before = from_sklearn(estimator.fit(X, y), X, y)
        assert before.classes == tuple(words)
        same = again == estimator.predict(X)
        assert (by_name.survey.proved == same).all() and not len(by_name.undecided)
        with pytest.raises(InputError, match="label 'fish'; the labels are '"):
            stable_predictions(asked, X, relabel={0: "fish"})
        pairs = stable_predictions(asked, X, relabel=1, relabel_pairs=[(words[0], words[1])])
        assert pairs.change.rows == tuple(np.flatnonzero(y == words[0]).tolist())
