"""Questions about whole rows that are none."""

from __future__ import annotations

import numpy as np
import pytest

import certify
from certify.format.errors import EnclosureError, InputError
from certify.network.network import Network
from certify.problem.problem import Problem


def drawn(**changed):
    X = np.random.default_rng(0).normal(size=(8, 2))
    net = Network((np.array([[1.0, 0.5]]),), (np.zeros(1),), "identity")
    stated = {"weight_decay": 0.1, **changed}
    return Problem(net, X, None, "labels", tuple(range(8)), labels=(X[:, 0] > 0).astype(float), map="critical",
                   base="nearby", loss="logistic", set="sparse", count=1, bias_decay=False, evaluation=X, **stated)


@pytest.mark.parametrize("rows", [np.ones(2), np.ones((3, 5)), np.ones((1, 2, 2)), [[1.0, np.nan]], [[np.inf, 0.0]]])
def test_evaluation_rows_of_another_form_are_refused(rows):
    for ask in (lambda: certify.stable_predictions(drawn(), rows, relabel=1),
                lambda: certify.tolerated_changes(drawn(), rows, "delete"),
                lambda: certify.leave_one_out(drawn(), rows)):
        with pytest.raises(InputError, match="X_eval"):
            ask()


def test_a_weight_decay_whose_sum_over_the_rows_overflows_is_refused_in_words():
    with pytest.raises(EnclosureError, match="largest float"):
        certify.stable_predictions(drawn(weight_decay=1e308), np.ones((1, 2)), relabel=1)
