"""What stands before a proved answer about rows: the machine, memory, another training, proofs that disagree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify import from_sklearn, leave_one_out, stable_predictions, tolerated_changes
from certify.format.errors import EnclosureError, EnvironmentRefused, InputError
from certify.format.methods import FIRST
from certify.problem.limits import Limits
from certify.problem.load import load_problem
from certify.prove import rows
from certify.prove.prover import prover
from certify.theorems.head.rows.flips import Found
from certify.theorems.head.rows.survey import require_consistent
from tests.families.heads import drawn_head

AUDIT = Path(__file__).resolve().parents[3] / "reports" / "audits" / "stock-logistic"


def fitted(weights: Any = None) -> tuple[Any, np.ndarray, np.ndarray]:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    y = (X[:, 0] + 0.5 * rng.normal(size=40) > 0).astype(int)
    return linear_model.LogisticRegression(tol=1e-9).fit(X, y, sample_weight=weights), X, y


@pytest.mark.parametrize("ask", [
    lambda p, X: stable_predictions(p, X, delete=1), lambda p, X: tolerated_changes(p, X, "relabel", most=1),
    lambda p, X: leave_one_out(p, X)])
def test_a_machine_that_rounds_otherwise_gets_no_answer(ask, monkeypatch):
    model, X, y = fitted()
    problem = from_sklearn(model, X, y)

    def refuse(*arrays):
        raise EnvironmentRefused("rounding", "upward", "round to nearest")

    monkeypatch.setattr(rows, "require_sound", refuse)
    with pytest.raises(EnvironmentRefused):
        ask(problem, X[:3])


def test_weights_of_another_training_are_warned_of():
    model, X, y = fitted()
    found = stable_predictions(from_sklearn(model, X, y), X[:3], delete=1)
    assert 0 <= found.distance < 1e-3
    weighted, _, _ = fitted(np.where(y > 0, 20.0, 1.0))  # leaves no trace in the estimator
    with pytest.warns(UserWarning, match="fitted with sample weights"):
        far = stable_predictions(from_sklearn(weighted, X, y), X[:3], delete=1)
    assert far.distance > 0.1


@pytest.mark.parametrize(("kind", "classes", "refused"), [
    ("ovr", 3, False), ("multinomial", 2, True), ("ovr", 2, False), ("multinomial", 3, False), ("auto", 3, False)])
def test_each_class_against_the_rest_is_another_loss(kind, classes, refused):
    # an option of older versions of scikit-learn, with which coef_ has the shape of a softmax regression
    class LogisticRegression:
        def __init__(self) -> None:
            self.classes_, k = np.arange(classes), 1 if classes == 2 else classes
            self.coef_, self.intercept_ = np.ones((k, 2)), np.zeros(k)

        def get_params(self) -> dict[str, Any]:
            return {"C": 1.0, "penalty": "l2", "solver": "lbfgs", "fit_intercept": True, "intercept_scaling": 1,
                    "class_weight": None, "dual": False, "l1_ratio": None, "multi_class": kind}

    X, y = np.arange(12.0).reshape(6, 2), np.arange(6) % classes
    if refused:
        with pytest.raises(InputError, match="multi_class"):
            from_sklearn(LogisticRegression(), X, y)
    else:
        loss = {2: "logistic", 3: "one_vs_rest" if kind == "ovr" else "cross_entropy"}[classes]
        assert from_sklearn(LogisticRegression(), X, y).loss == loss


def test_two_proofs_that_disagree_answer_nothing():
    found = Found(drawn_head(np.random.default_rng(0), "logistic"))
    status = np.zeros(len(found.point), dtype=int)
    status[2] = FIRST
    require_consistent(status, found)
    found.point[1] = 0  # another row's flip is no matter
    require_consistent(status, found)
    found.point[2] = 0
    with pytest.raises(EnclosureError, match="row 2 is proved to stay and to be flipped"):
        require_consistent(status, found)


def test_memory_that_does_not_suffice_leaves_the_claim_open():
    problem = load_problem(AUDIT / "deleted-1" / "certify.toml")
    little = prover(problem, limits=Limits(memory=1 << 20, stated=True)).bound("stable_predictions")
    assert (little.lower, little.upper) == (None, None) and "memory" in little.reason
    points = problem.evaluation[:4]
    enough = prover(replace(problem, evaluation=points)).bound("stable_predictions")
    assert enough.lower == 4 and enough.reason == ""
