"""What a caller in Python says of rows: a share of them, and whether class weights matter to the question."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import certify

linear = pytest.importorskip("sklearn.linear_model")

RNG = np.random.default_rng(20261130)
X = RNG.normal(size=(40, 2))
y = (X[:, 0] + RNG.normal(size=40) > 0).astype(int)


@pytest.mark.parametrize(("share", "rows"), [("5%", 2), ("7.4 %", 2), ("7.5%", 3)])
@pytest.mark.parametrize("kind", ["delete", "relabel"])
def test_a_share_is_the_most_rows_within_it(kind: str, share: str, rows: int) -> None:
    problem = certify.from_sklearn(linear.Ridge().fit(X, 2.0 * y - 1), X, 2.0 * y - 1)
    found, same = (certify.stable_predictions(problem, X[:5], **{kind: count}) for count in (share, rows))
    assert str(found) == str(same) and found.proved.tolist() == same.proved.tolist()


@pytest.mark.parametrize("share", ["1%", "0%", "101%", "x", "1.5"])
def test_what_is_no_share_of_the_rows_is_refused(share: str) -> None:
    problem = certify.from_sklearn(linear.Ridge().fit(X, 2.0 * y - 1), X, 2.0 * y - 1)
    with pytest.raises(certify.InputError):
        certify.stable_predictions(problem, X[:5], delete=share)


def test_a_share_is_of_rows_and_not_of_groups() -> None:
    problem = certify.from_sklearn(linear.Ridge().fit(X, 2.0 * y - 1), X, 2.0 * y - 1)
    with pytest.raises(certify.InputError, match="give a number of groups"):
        certify.stable_predictions(problem, X[:5], delete="5%", groups=np.arange(40) // 2)


@pytest.mark.parametrize(("weight", "change", "said"), [
    ({0: 1.0, 1: 3.0}, "delete", None), ({0: 1.0, 1: 3.0}, "relabel", "relabelled counts as its new label"),
    ("balanced", "delete", "^class_weight: answers are about fits anew, with balanced weights of the rows"),
    ("balanced", "relabel", "relabelled counts as its new label does, and balanced")])
def test_a_warning_of_class_weights_is_about_what_is_asked(weight, change: str, said: str | None) -> None:
    problem = certify.from_sklearn(linear.LogisticRegression(class_weight=weight, tol=1e-10).fit(X, y), X, y)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        certify.stable_predictions(problem, X[:2], seconds=2.0, **{change: 1})
    found = [str(one.message) for one in heard if "class_weight" in str(one.message)]
    assert len(found) == (said is not None) and all(re.search(str(said), one) for one in found)


def test_a_plot_is_a_picture_in_a_notebook() -> None:
    pytest.importorskip("matplotlib")
    problem = certify.from_sklearn(linear.Ridge().fit(X, 2.0 * y - 1), X, 2.0 * y - 1)
    found = certify.stable_predictions(problem, X[:5], delete=1)
    audited = certify.audit(problem, X[:5], ask="rows deleted")
    for axes in (found.plot(), found.accuracy(2.0 * y[:5] - 1).plot(), audited.plot()):
        assert axes._repr_png_().startswith(b"\x89PNG")
