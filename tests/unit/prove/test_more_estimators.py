"""More estimators of scikit-learn, weights, pipelines and searches: the same minimum, or a line that says why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify import from_arrays, from_sklearn, stable_predictions
from certify.finders.head.refits import Refitter
from certify.format.errors import InputError, SpecError
from certify.inputs.linear_file import linear_of
from certify.prove.prover import bound
from certify.systems.head.rows.of_problem import given_base, head_of
from tests.unit.prove.test_estimators import data, regression

pytest.importorskip("sklearn")
from sklearn import datasets
from sklearn import linear_model as lm
from sklearn.decomposition import PCA
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC

LR = lm.LogisticRegression
EXACT = {"tol": 1e-10, "max_iter": 10**5}
SW = np.random.default_rng(5).uniform(0.3, 3.0, size=60)


def counts() -> tuple[np.ndarray, np.ndarray]:
    X, _ = data()
    return X, np.random.default_rng(1).poisson(np.exp(0.5 * X[:, 0] + 1)).astype(float)


def amounts() -> tuple[np.ndarray, np.ndarray]:
    X, _ = data()
    return X, np.exp(0.5 * X[:, 0] + 1) * np.random.default_rng(1).gamma(2.0, size=len(X))


def fitted(estimator: Any, X: Any, y: Any, weights: Any = None) -> Any:
    return estimator.fit(X, y) if weights is None else estimator.fit(X, y, sample_weight=weights)


def innermost(estimator: Any) -> Any:
    while hasattr(estimator, "best_estimator_") or hasattr(estimator, "steps"):
        estimator = estimator.best_estimator_ if hasattr(estimator, "best_estimator_") else estimator.steps[-1][1]
    return estimator


SAME = [
    (lambda: LinearSVC(**EXACT), data, None), (lambda: LinearSVC(C=0.3, **EXACT), lambda: data(3), None),
    (lambda: LinearSVC(class_weight={0: 3, 1: 0.5}, **EXACT), data, None), (lambda: LinearSVC(**EXACT), data, SW),
    (lambda: LinearSVC(class_weight="balanced", **EXACT), data, None),
    (lambda: LinearSVC(fit_intercept=False, intercept_scaling=9.0, **EXACT), data, None),
    (lambda: LR(class_weight="balanced", **EXACT), lambda: data(3), None),
    (lambda: LR(class_weight={0: 2, 2: 5}, **EXACT), lambda: data(3), SW),
    (lambda: LR(class_weight={0: 2}, solver="liblinear", **EXACT), data, SW),
    (lambda: lm.LogisticRegressionCV(**EXACT), lambda: data(3), None), (lm.RidgeCV, regression, None),
    (lambda: lm.RidgeClassifier(class_weight="balanced"), lambda: data(3), None),
    (lambda: lm.RidgeClassifier(class_weight={0: 3.0, 1: 0.5, 2: 7}), lambda: data(3), SW),
    (lambda: lm.RidgeClassifierCV(class_weight={0: 4}), data, None), (lm.Ridge, regression, SW),
    (lambda: lm.PoissonRegressor(**EXACT), counts, None),
    (lambda: lm.PoissonRegressor(alpha=0.01, fit_intercept=False, **EXACT), counts, None),
    (lambda: lm.GammaRegressor(**EXACT), amounts, None),
    (lambda: lm.GammaRegressor(alpha=0.01, fit_intercept=False, **EXACT), amounts, None),
    (lambda: lm.TweedieRegressor(power=2, alpha=0.1, **EXACT), amounts, None),
    (lambda: lm.TweedieRegressor(**EXACT), regression, None),
    (lambda: lm.TweedieRegressor(power=1, alpha=0.1, **EXACT), counts, None),
    (lambda: OneVsRestClassifier(LR(**EXACT)), lambda: data(3), None),
    (lambda: OneVsRestClassifier(LinearSVC(**EXACT)), lambda: data(3), None),
    (lambda: OneVsRestClassifier(LR(**EXACT)), data, None),
    (lambda: OneVsRestClassifier(LR(class_weight="balanced", **EXACT)), data, None),
    (lambda: OneVsRestClassifier(LinearSVC(class_weight={0: 3, 1: 0.5}, **EXACT)), data, None),
    (lambda: make_pipeline(StandardScaler(), "passthrough", LR(**EXACT)), lambda: (data()[0] * 5 + 3, data()[1]), None),
    (lambda: GridSearchCV(make_pipeline(MinMaxScaler(), LR(**EXACT)), {"logisticregression__C": [0.1, 9]}), data, None),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("make", "of", "weights"), SAME)
def test_the_minimum_is_that_of_the_estimator(make: Any, of: Any, weights: Any) -> None:
    X, y = of()
    estimator = fitted(make(), X, y, weights)
    head = head_of(from_sklearn(estimator, X, y, sample_weight=weights))
    inner, V = innermost(estimator), Refitter(head).V0
    parts = getattr(inner, "estimators_", [inner])
    W = np.vstack([np.atleast_2d(part.coef_) for part in parts])
    assert np.abs(V[:, : W.shape[1]] - W).max() < 1e-5
    if V.shape[1] > W.shape[1]:
        off = V[:, -1] - np.concatenate([np.ravel(part.intercept_) for part in parts])
        assert np.abs(off - (off.mean() if head.loss.shifted else 0.0)).max() < 1e-5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("make", "of"), [
    (lambda: LinearSVC(**EXACT), data), (lambda: LR(class_weight="balanced", **EXACT), data),
    (lambda: LinearSVC(class_weight="balanced", **EXACT), data), (lambda: LinearSVC(**EXACT), lambda: data(3)),
    (lambda: lm.PoissonRegressor(**EXACT), counts), (lambda: lm.GammaRegressor(alpha=0.1, **EXACT), amounts),
    (lambda: lm.RidgeClassifier(class_weight="balanced"), data),
    (lambda: OneVsRestClassifier(LR(**EXACT)), lambda: data(3))])
def test_what_is_said_of_a_deleted_row_is_what_fitting_again_shows(make: Any, of: Any) -> None:
    """scikit-learn itself, fitted again without each row: balanced weights and means are taken again too."""
    X, y = of()
    estimator, points = make().fit(X, y), data(2, n=40)[0][:25] * 1.3
    count = isinstance(estimator, (lm.PoissonRegressor, lm.GammaRegressor))
    threshold = float(np.median(np.log(estimator.predict(points)))) + 0.02 if count else None

    def labels(model: Any) -> np.ndarray:
        return np.log(model.predict(points)) > threshold if count else model.predict(points)

    found = stable_predictions(from_sklearn(estimator, X, y), points, delete=1, threshold=threshold)
    stays = np.ones(len(points), bool)
    for i in range(len(X)):
        stays &= labels(make().fit(np.delete(X, i, axis=0), np.delete(y, i))) == labels(estimator)
    assert len(found.undecided) == 0 and np.array_equal(found.proved, np.flatnonzero(stays))


@pytest.mark.parametrize(("make", "of", "far"), [
    (lambda: make_pipeline(StandardScaler(), lm.RidgeClassifier()), "breast_cancer", 1e-9),
    (lm.Ridge, "diabetes", 1e-9), (lambda: KernelRidge(kernel="rbf"), "diabetes", 1e-6),
    (lambda: GaussianProcessRegressor(alpha=1.0, normalize_y=True), "diabetes", 1e-6),
    (lambda: make_pipeline(StandardScaler(), LinearSVC()), "wine", 1e-3)])
@pytest.mark.filterwarnings("ignore")
def test_stock_estimators_are_proved_near_their_minimum_on_real_data(make: Any, of: str, far: float) -> None:
    X, y = getattr(datasets, f"load_{of}")(return_X_y=True)
    head = head_of(from_sklearn(make().fit(X, y), X, y))
    assert given_base(head, Refitter(head).V0)[1] < far * np.linalg.norm(head.V)


@pytest.mark.filterwarnings("ignore")
def test_means_are_met_by_stochastic_descent() -> None:
    (X, y), (_, r) = data(), regression()
    slow: dict[str, Any] = {"learning_rate": "adaptive", "eta0": 1e-3, "tol": 1e-9, "max_iter": 10**4, "alpha": 0.05,
                            "n_iter_no_change": 20, "random_state": 0}
    for estimator, targets in ((lm.SGDClassifier(loss="squared_hinge", **slow), y),
                               (lm.SGDClassifier(loss="log_loss", **slow), y),
                               (lm.SGDRegressor(loss="huber", epsilon=1.0, **slow), r)):
        problem = from_sklearn(estimator.fit(X, targets), X, targets)
        assert problem.normalization == "remaining"
        assert np.abs(Refitter(head_of(problem)).V0[0, :-1] - np.ravel(estimator.coef_)).max() < 0.01


@pytest.mark.parametrize(("estimator", "of", "said"), [
    (LinearSVC(loss="hinge"), data, "loss: 'hinge', whose slope jumps; fit with loss='squared_hinge'"),
    (LinearSVC(intercept_scaling=2.0), data, "intercept_scaling: 2.0, which penalises the intercept by another weight"),
    (LinearSVC(multi_class="crammer_singer"), lambda: data(3), "multi_class: 'crammer_singer'; fit with"),
    (LinearSVC(penalty="l1", dual=False), data, "penalty: 'l1'; fit with penalty='l2'"),
    (LinearSVC(class_weight="balanced"), lambda: data(3), "class_weight: 'balanced' with each class against the rest"),
    (OneVsRestClassifier(LR(class_weight="balanced")), lambda: data(3), "with each class against the rest"),
    (OneVsRestClassifier(lm.RidgeClassifier()), lambda: data(3), "OneVsRestClassifier of RidgeClassifier; use one of"),
    (lm.LinearRegression(positive=True), regression, "positive: True; fit with positive=False"),
    (lm.TweedieRegressor(power=1.5), counts, "power: 1.5 with link='auto', whose loss is none that anything is proved"),
    (lm.HuberRegressor(), regression, "HuberRegressor, which fits a scale together with the weights"),
    (SVC(kernel="linear"), data, "estimator: SVC, which is not supported: its loss has a kink"),
    (lm.Lasso(), regression, "estimator: Lasso, whose"),
    (lm.PoissonRegressor(alpha=0.0), counts, "alpha: 0.0; fit with an alpha above 0"),
    (lm.GammaRegressor(alpha=0.0), amounts, "alpha: 0.0; fit with an alpha above 0"),
    (lm.SGDClassifier(loss="hinge"), data, "loss: 'hinge'; fit with loss='log_loss' or 'squared_hinge'"),
    (lm.SGDRegressor(loss="huber"), regression, "epsilon: 0.1; divide y by it and fit with epsilon=1.0"),
    (lm.SGDRegressor(penalty="l1"), regression, "penalty: 'l1'"),
    (make_pipeline(PCA(2), LR()), data,
     r"a pipeline with PCA; apply it to X and X_eval before .from files: save model.-1."),
    (lm.RidgeCV(alphas=[0.1, 1000.0], alpha_per_target=True), lambda: (
        data()[0], np.column_stack([data()[0][:, 0], np.arange(60) % 2.0])), "alpha_: 2 values"),
])
@pytest.mark.filterwarnings("ignore")
def test_what_changes_the_mathematics_is_refused(estimator: Any, of: Any, said: str) -> None:
    X, y = of()
    with pytest.raises(InputError, match=said) as caught:
        from_sklearn(estimator.fit(X, y), X, y)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("weights", "estimator", "said"), [
    (SW[:5], LR(), r"sample_weight: shape \(5,\); give one number for each of the 60 rows"),
    (np.where(SW == SW[3], 0.0, SW), LR(), "sample_weight, entry 3: 0.0; give numbers above 0"),
    (np.where(SW == SW[3], np.nan, SW), LR(), "sample_weight, entry 3: nan"),
    (SW, LR(class_weight="balanced"), "weights of rows beside class_weight='balanced'"),
    (SW, lm.PoissonRegressor(), "PoissonRegressor, which divides by their sum; fit without weights"),
])
def test_weights_that_are_none_are_refused(weights: Any, estimator: Any, said: str) -> None:
    X, y = data()
    with pytest.raises(InputError, match=said):
        from_sklearn(estimator.fit(X, y), X, y, sample_weight=weights)


def test_without_a_penalty_it_is_said_why_left_out_rows_have_no_answer() -> None:
    X, y = regression()
    with pytest.warns(UserWarning, match="LinearRegression: it has no penalty.*fit Ridge with an alpha above 0"):
        problem = from_sklearn(lm.LinearRegression().fit(X, y), X, y)
    assert problem.weight_decay == 0 and bound(problem, "modulus").upper < np.inf
    with pytest.raises(InputError, match="without weight decay the solution need be neither unique nor stable"):
        stable_predictions(problem, X[:2], delete=1, threshold=0.0)


def test_scalers_are_said_to_stay_and_evaluation_rows_are_given_as_they_are() -> None:
    X, y = data()
    pipe = make_pipeline(StandardScaler(), LR(**EXACT)).fit(X * 7 + 2, y)
    with pytest.warns(UserWarning, match="StandardScaler before LogisticRegression: answers are about refits with the"):
        problem = from_sklearn(pipe, X * 7 + 2, y)
    found = stable_predictions(problem, X[:20] * 7 + 2, delete=1)
    plain = from_sklearn(pipe[-1], pipe[0].transform(X * 7 + 2), y)
    again = stable_predictions(plain, pipe[0].transform(X[:20] * 7 + 2), delete=1)
    assert np.array_equal(found.proved, again.proved) and len(found.proved) > 10
    assert [one.label for one in found.rows()] == pipe.predict(X[:20] * 7 + 2).tolist()


def test_weighted_problems_answer_questions_about_rows_alone() -> None:
    X, y = data()
    problem = from_sklearn(LR(class_weight="balanced").fit(X, y), X, y)
    with pytest.raises(SpecError, match="modulus"):
        bound(problem, "modulus")
    found = bound(problem, "distance")  # whose rows are left out, one at a time
    assert found.theorem == "D1" and 0 < found.lower <= found.upper


def test_a_problem_with_means_takes_changed_labels_too() -> None:
    X, y = data()
    problem = from_sklearn(lm.SGDClassifier(loss="log_loss", average=True, random_state=0).fit(X, y), X, y)
    with pytest.warns(UserWarning, match="the exact minimum"):
        assert stable_predictions(problem, X[:5], relabel=1).head.remaining is False


def test_an_output_that_is_a_logarithm_is_said_to_be_one() -> None:
    X, y = counts()
    problem = from_sklearn(lm.PoissonRegressor(**EXACT).fit(X, y), X, y)
    with pytest.raises(InputError, match=r"the output is the logarithm of the expected count: give math\.log"):
        stable_predictions(problem, X[:5], delete=1)
    with pytest.raises(InputError, match="the targets of the poisson loss are numbers, of which none is a label"):
        stable_predictions(problem, X[:5], relabel=1, threshold=1.0)


def test_it_is_said_that_weights_of_classes_follow_the_labels() -> None:
    X = np.array([[-2.0], [-1.5], [-1.0], [-0.5], [0.5], [1.0]])
    problem = from_sklearn(lm.LogisticRegression(class_weight="balanced").fit(X, X.ravel() > 0), X, X.ravel() > 0)
    with pytest.warns(UserWarning, match="balanced weights follow the rows, as in a fit anew"):
        stable_predictions(problem, X, relabel=1)


@pytest.mark.parametrize(("estimator", "words"), [
    (lm.LogisticRegressionCV(Cs=[0.1, 1.0], cv=3), "C=(0.1|1), which cross-validation chose: whichever rows change"),
    (lm.RidgeClassifierCV(alphas=[0.1, 1.0]), "alpha=(0.1|1), which cross-validation chose: whichever rows change"),
    (GridSearchCV(LR(), {"C": [0.1, 1.0]}, cv=3), "GridSearchCV: answers are about refits with the options that it"),
    (make_pipeline(StandardScaler(), GridSearchCV(LR(), {"C": [0.1, 1.0]}, cv=3)), "GridSearchCV: answers are about"),
])
def test_what_was_chosen_is_said_to_stay(estimator: Any, words: str) -> None:
    """scikit-learn's own fit of the same object would choose again, and may flip what is proved to stay."""
    X, y = data()
    with pytest.warns(UserWarning, match=words):
        from_sklearn(estimator.fit(X, y), X, y)


def test_a_regression_says_it_too() -> None:
    X, y = regression()
    with pytest.warns(UserWarning, match="alpha=1, which cross-validation chose"):
        from_sklearn(lm.RidgeCV(alphas=[1.0]).fit(X, y), X, y)


@pytest.mark.parametrize("estimator", [lm.SGDClassifier(loss="log_loss", early_stopping=True, random_state=0),
                                       lm.SGDRegressor(early_stopping=True, random_state=0)])
def test_a_training_that_held_rows_back_is_refused(estimator: Any) -> None:
    """It is no minimum over all rows, and not far enough from one for its weights to show it."""
    X, y = data()
    with pytest.raises(InputError, match="early_stopping: True; fit with early_stopping=False"):
        from_sklearn(estimator.fit(X, y), X, y)


@pytest.mark.filterwarnings("ignore")
def test_an_estimator_that_is_not_read_gets_a_next_step_that_works(tmp_path) -> None:
    X, y = regression()
    model = lm.BayesianRidge().fit(X, y)
    with pytest.raises(InputError, match=r"use one of .*give that layer .*from_arrays\(W, b, Z, y, loss=…, weight_dec"):
        from_sklearn(model, X, y)
    # what it says: this one is a ridge regression of the centred rows, with the ratio of its precisions as penalty
    problem = from_arrays(model.coef_, model.intercept_, X, y, loss="squared", bias_decay=False,
                                  weight_decay=model.lambda_ / model.alpha_ / len(y))
    assert problem.ended
    np.savez(tmp_path / "head.npz", coef=model.coef_, intercept=model.intercept_)
    weights, bias = linear_of(tmp_path / "head.npz")
    assert (weights == problem.network.weights[0]).all() and (bias == problem.network.biases[0]).all()
