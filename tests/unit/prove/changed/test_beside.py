"""A fit of another training than was told, e.g. with weights that nobody gave, is pointed out before any answer."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from safetensors.numpy import save_file

import certify
from certify.auditing.shown.headline import headline
from certify.auditing.shown.page import page
from certify.problem.closeness import gradient_share
from certify.problem.fitting import fit_of
from certify.prove.rows import asked_any, distance_of
from certify.report.messages import cautions_of, run_object, verdict_line
from certify.systems.head import nearness
from certify.systems.head.nearness import NOT_THESE
from certify.systems.head.rows.of_problem import head_of

pytest.importorskip("sklearn")
from sklearn import linear_model as lm
from sklearn.compose import TransformedTargetRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import StandardScaler

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
REAL = X[:, 0] * 3 + RNG.normal(size=40) + 50
LABELS = (X[:, 0] + 0.7 * RNG.normal(size=40) > 0).astype(int)
HEAVIER = np.where(np.arange(40) % 10 == 0, 1.01, 1.0)  # that little moves predictions by less than a thousandth
CLOSED = [lm.LinearRegression(), lm.Ridge(), lm.Ridge(solver="svd"), lm.RidgeCV(), KernelRidge(kernel="rbf"),
          lm.RidgeClassifier(), lm.RidgeClassifier(class_weight={0: 1, 1: 3}),
          TransformedTargetRegressor(lm.Ridge(), transformer=StandardScaler())]

SPEC = """version = 1
[model]
file = "m.safetensors"
widths = [3, 1]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "squared"
weight_decay = 0.025
bias_decay = false
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "deletions"
set = "sparse"
count = 1
[evaluation]
file = "data.npz"
[[gate]]
quantity = "prediction_change"
max = 1.0
"""


def told(act) -> list[str]:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        act()
    return [str(one.message) for one in heard]


def beside(messages: list[str]) -> list[str]:
    return [one for one in messages if "not the minimum of its loss" in one]


@pytest.mark.parametrize("estimator", CLOSED, ids=lambda e: type(e).__name__)
def test_a_fit_in_closed_form_with_weights_that_nobody_gave_is_pointed_out(estimator):
    y = LABELS if hasattr(estimator, "decision_function") else REAL
    assert beside(told(lambda: certify.from_sklearn(estimator.fit(X, y), X, y))) == []
    estimator.fit(X, y, sample_weight=HEAVIER)
    (said,) = beside(told(lambda: certify.from_sklearn(estimator, X, y)))
    assert "was it fitted with sample weights" in said and "to other rows" in said and "tol" not in said
    if not isinstance(estimator, lm.LinearRegression):
        assert beside(told(lambda: certify.from_sklearn(estimator, X, y, sample_weight=HEAVIER))) == []


def test_other_rows_and_another_penalty_are_pointed_out_of_ridge():
    ridge = lm.Ridge().fit(X[1:], REAL[1:])
    assert beside(told(lambda: certify.from_sklearn(ridge, X, REAL)))
    assert not beside(told(lambda: certify.from_sklearn(ridge, X[1:], REAL[1:])))
    ridge.alpha = 1.01
    (said,) = beside(told(lambda: certify.from_sklearn(ridge, X[1:], REAL[1:])))
    assert "another alpha" in said


def test_rows_that_nearly_agree_or_depend_on_others_raise_no_alarm():
    exact = X @ [1.0, 2.0, 3.0] + 1e6
    double = np.c_[X, X[:, 0] * (1 + 1e-9), X[:, 1] * 1e5 + 2000]
    for rows, y in ((X, exact), (double, REAL), (double, exact)):
        for estimator in (lm.LinearRegression(), lm.Ridge(1e-6), lm.RidgeCV()):
            found = estimator.fit(rows, y)
            assert not beside(told(lambda found=found, rows=rows, y=y: certify.from_sklearn(found, rows, y)))


@pytest.mark.parametrize("estimator", [*CLOSED[:3], lm.RidgeClassifier(), lm.LogisticRegression(C=100, tol=1e-8)],
                         ids=lambda e: type(e).__name__)
def test_a_fit_in_single_precision_is_held_to_what_that_leaves(estimator):
    """Columns and targets of single precision leave a gradient of some 1e-5 of what adds up to it, and no alarm."""
    spread = (X * [1.0, 30.0, 500.0] + [3.0, 100.0, 50.0]).astype(np.float32)
    y = LABELS if hasattr(estimator, "decision_function") else REAL.astype(np.float32)
    whole = certify.from_sklearn(estimator.fit(spread, y), spread, y)
    assert gradient_share(whole) > 1e-9
    words = ("not the minimum", "has a slope", "not those of least squares")
    asked = told(lambda: certify.prediction_change(whole, spread[:3], delete=1)) if y is not LABELS else []
    for one in (*told(lambda: certify.from_sklearn(estimator, spread, y)), *asked):
        assert not any(part in one for part in words)
    estimator.fit(spread, y, sample_weight=np.where(np.arange(40) % 2 == 0, 3.0, 1.0))
    assert any(words[0] in one or words[1] in one for one in told(lambda: certify.from_sklearn(estimator, spread, y)))


def test_least_squares_of_other_weights_is_pointed_out_with_the_answer():
    fit = lm.LinearRegression().fit(X, REAL, sample_weight=HEAVIER)
    problem = certify.from_arrays(fit.coef_[None], [fit.intercept_], X, REAL, loss="squared", weight_decay=0.0)
    assert any("not those of least squares" in one for one in told(
        lambda: certify.prediction_change(problem, X[:3], delete=1)))


THREE = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 0] > 1)


@pytest.mark.parametrize("y", [LABELS, THREE], ids=["two", "three"])
@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton-cholesky"])
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_a_logistic_fit_is_held_against_the_rule_by_which_its_solver_ends(y, solver, C):
    heavy = np.where(np.arange(40) % 2 == 0, 1.5, 1.0)
    fit = lm.LogisticRegression(C=C, solver=solver, max_iter=1000)
    assert told(lambda: certify.from_sklearn(fit.fit(X, y), X, y)) == []
    fit.fit(X, y, sample_weight=heavy)
    assert told(lambda: certify.from_sklearn(fit, X, y, sample_weight=heavy)) == []
    (said,) = told(lambda: certify.from_sklearn(fit, X, y))
    assert "was it fitted with sample weights (then give sample_weight" in said and "above tol=0.0001" in said
    assert "max_iter" not in said


def test_a_logistic_fit_that_was_stopped_or_has_another_strength_is_pointed_out():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short = lm.LogisticRegression(max_iter=2).fit(X, LABELS)
    assert any("stopped at max_iter=2: fit with more" in one for one in told(
        lambda: certify.from_sklearn(short, X, LABELS)))
    other = lm.LogisticRegression().fit(X, LABELS)
    other.C = 3.0
    assert any("with another C" in one for one in told(lambda: certify.from_sklearn(other, X, LABELS)))
    exact = lm.LogisticRegression(tol=1e-15, solver="newton-cholesky").fit(X, LABELS)
    assert told(lambda: certify.from_sklearn(exact, X, LABELS)) == []


def test_a_minimum_beside_the_given_weights_of_squares_is_told_by_every_question():
    for off, said in ((0.01, True), (0.0, False)):
        fit = lm.RidgeClassifier().fit(X, LABELS)
        problem = certify.from_arrays(fit.coef_ * (1 + off), fit.intercept_, X, 2.0 * LABELS - 1, loss="squared",
                                      weight_decay=1 / 40, bias_decay=False)
        for ask in (lambda p: certify.stable_predictions(p, X[:3], delete=1, seconds=5),
                    lambda p: certify.tolerated_changes(p, X[:3], "delete", most=1, seconds=5),
                    lambda p: certify.leave_one_out(p, X[:3]), lambda p: certify.coefficients(p, delete=1)):
            found = [one for one in told(lambda ask=ask, p=problem: ask(p)) if "exact minimum" in one]
            assert len(found) == said
            assert all("sample weights" in one and "tol" not in one and "\n" not in one for one in found)


@pytest.mark.parametrize(("loss", "named"), [("logistic", "smaller tolerance"), ("squared", "closed form")])
def test_a_certificate_names_weights_beside_what_else_may_be_why(loss, named):
    problem = {"within": None, "weights_length": 2.0, "loss": loss}
    (said,) = cautions_of({"problem": problem, "base": {"distance": 0.01}, "claims": []})
    assert named in said and "If rows carried weights" in said and ("tol=" in said) == (loss == "logistic")
    (said,) = cautions_of({"problem": {**problem, "row_weights": "w"}, "base": {"distance": 0.01}, "claims": []})
    assert "If rows carried weights" not in said


@pytest.mark.parametrize("heavy", [True, False])
def test_what_is_read_on_its_own_says_beside_a_proof_what_it_is_about(tmp_path, heavy):
    """The line, the object, the pages and the notebook, as weights that nobody gave leave a fit beside the minimum."""
    weights = np.where(np.arange(40) % 2 == 0, 3.0, 1.0) if heavy else None
    fit = lm.RidgeClassifier().fit(X, LABELS, sample_weight=weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = certify.from_sklearn(fit, X, LABELS)
        found = certify.audit(problem, X[:5], ask=["rows deleted", "noise"], folder=tmp_path)
    assert problem.ended is not heavy and found.verdict == "certified"
    content = found.as_json()
    certificate = json.loads((tmp_path / "certificate.json").read_text())
    said = (headline(content), page(content), repr(found), found._repr_html_(), verdict_line(certificate),
            (tmp_path / "report.html").read_text())
    assert [NOT_THESE in one for one in said] == [heavy] * 6
    assert ("about" in run_object(certificate)) is heavy
    for one in content["answers"]:  # that these weights keep their loss is about these weights
        assert ("about" in one) is (heavy and one["ask"] == "rows deleted"), one
    open_ = [one | {"verdict": "inconclusive"} for one in content["answers"]]
    assert NOT_THESE not in headline(content | {"answers": open_})


def test_weights_of_least_squares_are_refused_with_a_fit_that_says_the_same():
    fit = lm.LinearRegression().fit(X, REAL, sample_weight=HEAVIER)
    with pytest.raises(certify.InputError, match="weights of LinearRegression, .* multiplied by the root") as caught:
        certify.from_sklearn(fit, X, REAL, sample_weight=HEAVIER)
    assert "set 'total'" not in str(caught.value) and "leave weights out" not in str(caught.value)
    root = np.sqrt(HEAVIER)
    same = lm.LinearRegression(fit_intercept=False).fit(np.c_[X, np.ones(40)] * root[:, None], REAL * root)
    assert np.allclose(same.coef_, [*fit.coef_, fit.intercept_], rtol=1e-12, atol=0)
    assert not beside(told(lambda: certify.from_sklearn(same, np.c_[X, np.ones(40)] * root[:, None], REAL * root)))


KINDS = np.eye(8)[RNG.integers(0, 8, size=300)]
CHOSEN = (KINDS @ RNG.normal(size=(8, 3)) + RNG.gumbel(size=(300, 3))).argmax(axis=1)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton-cholesky"])
def test_a_fit_of_three_labels_that_keeps_its_rule_far_from_the_minimum_is_not_asked_what_it_is(solver):
    """A column for each kind beside an intercept: a small decay lets the rule end a tenth of the length away."""
    fit = lm.LogisticRegression(C=1e4, solver=solver, tol=1e-3, max_iter=10_000)
    weights = np.where(np.arange(300) % 2 == 0, 1.5, 3.0)

    problem = certify.from_sklearn(fit.fit(KINDS, CHOSEN), KINDS, CHOSEN)
    head = head_of(asked_any(problem, KINDS[:2], "delete", 1))
    assert problem.ended and distance_of(head, True) > 0.1 * np.linalg.norm(fit.coef_)
    assert told(lambda: certify.from_sklearn(fit, KINDS, CHOSEN)) == []
    (said,) = told(lambda: distance_of(head, True))
    assert "within" in said and "keep the rule by which their solver ends" in said and "?" not in said
    (said,) = told(lambda: distance_of(head, None))  # what is said of a fit whose rule nobody knows
    assert "the exact minimum of the stated loss is proved only within" in said
    fit.fit(KINDS, CHOSEN, sample_weight=weights)
    (said,) = told(lambda: certify.from_sklearn(fit, KINDS, CHOSEN))
    assert "has a slope" in said


def test_a_rule_that_fits_with_other_weights_keep_silences_nothing():
    """Beside a small penalty no slope is above tol far from the minimum: what is proved of it says how far."""
    rng = np.random.default_rng(32)
    rows = rng.normal(size=(20, 5))
    labels = (rows[:, 0] / rows[:, 0].std() > 0.2).astype(int)
    fit = lm.LogisticRegression(C=1e4, max_iter=5000)
    fit.fit(rows, labels, sample_weight=np.where(rng.random(20) < 0.4, 3.0, 1.0))
    problem = certify.from_sklearn(fit, rows, labels)
    head = head_of(asked_any(problem, rows[:2], "delete", 1))
    far = distance_of(head, problem.ended) / np.linalg.norm(np.append(fit.coef_, fit.intercept_))
    assert problem.ended and far > 0.1
    assert "within" in told(lambda: distance_of(head, problem.ended))[0]
    shown = {"problem": {"within": None, "weights_length": 1.0, "loss": "logistic"}, "base": {"distance": far},
             "claims": [], "environment": {"fit": fit_of(problem).as_json()}}
    assert "fits to other rows or with other sample weights may keep it" in cautions_of(shown)[0]
    assert "proved only within" in nearness.beside(float("nan"), 1.0, False, ended=True)


def test_a_closed_fit_from_arrays_or_a_spec_is_held_to_a_millionth(tmp_path):
    fits = {"own": lm.Ridge().fit(X, REAL), "other": lm.Ridge().fit(X, REAL, sample_weight=1 + (HEAVIER - 1) / 100)}
    np.savez(tmp_path / "data.npz", X=X, y=REAL)
    for name, fit in fits.items():
        problem = certify.from_arrays(fit.coef_, fit.intercept_, X, REAL, loss="squared", weight_decay=1 / 40,
                                      bias_decay=False)
        save_file({"0.weight": fit.coef_[None], "0.bias": np.array([fit.intercept_])}, tmp_path / "m.safetensors")
        (tmp_path / "certify.toml").write_text(SPEC)
        kept = fit_of(certify.load_problem(tmp_path / "certify.toml")).ended
        assert problem.ended is kept is (name == "own")
        found = told(lambda p=problem: certify.prediction_change(p, X[:2], delete=1))
        assert len([one for one in found if "exact minimum" in one]) == (name == "other")
        shown = {"problem": {"within": None, "weights_length": 2.0, "loss": "squared"}, "base": {"distance": 1e-5},
                 "claims": [], "environment": {"fit": fit_of(problem).as_json()}}
        assert [("closed form" in one) for one in cautions_of(shown)] == [True] * (name == "other")


def test_nobody_knows_where_the_fit_of_another_loss_or_of_several_layers_ends():
    logistic = certify.from_arrays([1.0, 0.0, 0.0], 0.0, X, LABELS, loss="logistic", weight_decay=0.1)
    deep = certify.from_arrays([np.ones((2, 3)), np.ones((1, 2))], None, X, REAL, activation="tanh", loss="squared",
                               weight_decay=0.1)
    assert logistic.ended is deep.ended is None
    assert certify.from_sklearn(lm.Ridge(solver="saga").fit(X, REAL), X, REAL).ended is None
