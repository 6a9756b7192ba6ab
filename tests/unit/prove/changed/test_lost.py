"""A label that may lose all its rows: scikit-learn's own refit has no output for it, and every answer says so."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import certify

pytest.importorskip("sklearn")
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier

RNG = np.random.default_rng(1)
X = RNG.normal(size=(14, 2)) + [1.0, 0.0]
Y = np.where(np.isin(np.arange(14), (3, 9)), "c", np.where(X[:, 0] > 1, "b", "a"))
NEW = RNG.normal(size=(40, 2)) + [1.0, 0.0]
PAIRS = np.where(np.arange(14) == 9, 1, np.arange(14) // 2)
THEN = r"all its rows \({}\): scikit-learn then fits the others alone and never predicts it"
LOSES = {
    "these deleted": ({"delete": [3, 9]}, THEN.format("these 2 rows deleted")),
    "these relabelled": ({"relabel": {3: "a", 9: "b"}}, THEN.format("these 2 rows relabelled")),
    "a group": ({"delete": 1, "groups": PAIRS}, THEN.format("any 1 of 7 groups of rows deleted")),
    "a pair": ({"relabel": 2, "relabel_pairs": [("c", "a")]}, THEN.format("any 2 rows relabelled along 1 stated pair")),
    "both": ({"delete": 1, "relabel": 1}, THEN.format("any 1 row deleted and any 1 other relabelled")),
    "any deleted": ({"delete": 2}, "a label has 2 rows, and any 2 may be deleted: scikit-learn then fits the others"),
}
KEEPS = {
    "these deleted": {"delete": [3, 4]}, "these relabelled": {"relabel": {3: "a", 9: "b", 0: "c"}},
    "a group": {"delete": 1, "groups": np.arange(14) // 2}, "a pair": {"relabel": 1, "relabel_pairs": [("c", "a")]},
    "any deleted": {"delete": 1},
}


def of(y=Y):
    """Without an intercept: with a free one the stated loss has no minimum without a label, and nothing is claimed."""
    return certify.from_sklearn(RidgeClassifier(fit_intercept=False).fit(X, y), X, y)


def test_what_is_proved_is_not_what_scikit_learn_would_say():
    """Why it has to be said: without rows 3 and 9 its model never says "c", that of the stated loss does."""
    with pytest.warns(UserWarning, match="never predicts it"):
        found = certify.stable_predictions(of(), NEW, delete=[3, 9])
    left = np.delete(np.arange(14), [3, 9])
    before, after = (RidgeClassifier(fit_intercept=False).fit(X[rows], Y[rows]).predict(NEW)
                     for rows in (np.arange(14), left))
    assert (before[found.proved] != after[found.proved]).any()


@pytest.mark.parametrize("name", LOSES)
def test_every_kind_of_change_that_may_take_a_label_says_so(name):
    change, words = LOSES[name]
    with pytest.warns(UserWarning, match=words):
        certify.stable_predictions(of(), NEW, **change)


@pytest.mark.parametrize("name", KEEPS)
def test_no_change_that_leaves_every_label_a_row_says_so(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        certify.stable_predictions(of(), NEW, **KEEPS[name])


def test_a_regression_on_two_amounts_is_fitted_to_one_of_them_too():
    amounts = (np.arange(14) < 2).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        certify.stable_predictions(certify.from_sklearn(Ridge().fit(X, amounts), X, amounts), NEW, delete=2,
                                   threshold=0.5)


@pytest.mark.parametrize("rare", ["a", "b"])
def test_of_two_labels_with_an_intercept_scikit_learn_fits_a_constant_and_says_what_is_answered(rare: str) -> None:
    """It was said that it refuses. Only what its one output is differs: -1, whichever label is left."""
    y = np.where(np.isin(np.arange(14), (3, 9)), rare, "a" if rare == "b" else "b")
    problem, left = certify.from_sklearn(RidgeClassifier().fit(X, y), X, y), np.delete(np.arange(14), [3, 9])
    today, again = (RidgeClassifier().fit(X[rows], y[rows]) for rows in (np.arange(14), left))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = certify.stable_predictions(problem, NEW, delete=[3, 9])
        certify.stable_predictions(problem, NEW, delete=2)
        certify.tolerated_changes(problem, NEW, "relabel", most=2, seconds=2)
    stays = today.predict(NEW) == again.predict(NEW)
    assert 0 < stays.sum() and np.array_equal(found.proved, np.flatnonzero(stays)) and not len(found.undecided)
    assert (again.decision_function(NEW) == -1.0).all()
    with pytest.warns(UserWarning, match="always predicts the other one, as answers about labels do, with an output"):
        certify.coefficients(problem, delete=2)


def test_other_questions_about_rows_say_so():
    one = np.where(np.arange(14) == 9, "a", Y)
    with pytest.warns(UserWarning, match="a label has 1 row, and any 1 may be deleted"):
        certify.leave_one_out(of(one), NEW)
    with pytest.warns(UserWarning, match="a label has 2 rows, and any 2 may be deleted"):
        certify.tolerated_changes(of(), NEW, "delete", most=2, seconds=2)
    with pytest.warns(UserWarning, match="a label has 2 rows, and any 2 may be relabelled"):
        certify.coefficients(of(), relabel=2)


def test_an_audit_says_so_in_its_sentences_and_in_a_caution():
    model = LogisticRegression(fit_intercept=False, tol=1e-10).fit(X, Y)
    found = certify.audit(certify.from_sklearn(model, X, Y), NEW, rows=(3, 9), delete=1,
                          ask=["these rows", "rows deleted"], seconds=20)
    lost = [one for one in found.answers if one.slug == "these-rows"]
    kept = [one for one in found.answers if one.slug == "rows-deleted"]
    assert lost and kept
    assert all("(with an output for each of today's labels, also for one without a row)" in one.sentence
               and "never predicts it" in one.cautions[0] for one in lost)
    assert all("an output for each" not in one.sentence and not any("never predicts" in said for said in one.cautions)
               for one in kept)
