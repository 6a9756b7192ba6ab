"""The page of an estimate warns of steps that lead away, where `validity` has nothing to say too."""

from __future__ import annotations

import pytest

from certify.report.estimate import _cautions

GOOD = {
    "loss_original": 1e-6, "loss_before": 4e-3, "loss_after": 1.1e-6, "loss_predicted": 1e-6, "loss_all_before": 7e-4,
    "loss_all_after": 7e-4, "validity": [[1.0, 1.0], [0.5, 1.0], [0.25, 1.0]],
    "data_error": 0.05, "gradient_left": None,
}


def cautions(**changed):
    result = {"evidence": GOOD | changed, "residual": 1e-3, "moved_rows_only": False}
    return _cautions({"result": result, "options": {"tolerance": 1e-2}, "problem": {"parameter": "features"}})


def test_nothing_is_said_of_a_good_estimate():
    assert cautions() == []


@pytest.mark.parametrize(("changed", "words"), [
    ({"loss_after": 2.5}, "On the moved rows the loss at the new weights is higher than at the old ones: do not use"),
    ({"loss_predicted": 38.0, "loss_after": 2.5, "validity": [[1.0, None]]}, "Not even to first order does the step"),
    ({"loss_predicted": 38.0, "loss_after": 2.5, "validity": [[1.0, None]]}, "higher than at the old ones"),
    ({"validity": [[1.0, 0.5]]}, "does not do what the first-order theory predicts"),
    ({"data_error": 0.9}, "far from linear"), ({"loss_after": None}, "not finite"),
])
def test_what_speaks_against_it_is_said(changed, words):
    assert any(words in line for line in cautions(**changed))


def test_a_move_that_lowered_the_loss_is_no_failure():
    assert cautions(loss_original=5e-3, loss_before=4e-3, loss_after=5e-3, loss_predicted=5e-3) == []
