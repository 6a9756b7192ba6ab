"""KernelRidge and GaussianProcessRegressor as ridge regressions on features: the same function, refitted too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify import coefficients, from_sklearn, stable_predictions
from certify.cli.main import main
from certify.finders.head.refits import Refitter
from certify.format.errors import InputError
from certify.systems.head.rows.of_problem import head_of

pytest.importorskip("sklearn")
from sklearn.gaussian_process import GaussianProcessRegressor as Process
from sklearn.gaussian_process import kernels as gp
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RNG = np.random.default_rng(7)
X = RNG.normal(size=(30, 3))
Y = np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.1 * RNG.normal(size=30) + 0.5
POINTS = RNG.normal(size=(12, 3))
TWICE = np.vstack([X[:29], X[:1]])  # a row that is there twice: the kernel is singular
FIXED: dict[str, Any] = {"optimizer": None}

pytestmark = pytest.mark.filterwarnings("ignore:.*answers are about refits with the", "ignore:.*close to the specified")


@pytest.mark.parametrize(("estimator", "rows", "y"), [
    (KernelRidge(), X, Y), (KernelRidge(kernel="rbf", alpha=0.1), X, Y), (KernelRidge(kernel="poly", degree=2), X, Y),
    (KernelRidge(kernel="laplacian", gamma=0.3), X, np.column_stack([Y, -Y * X[:, 0]])),
    (KernelRidge(kernel="rbf", alpha=0.1), TWICE, Y), (Process(alpha=0.5), X, Y), (Process(alpha=0.01), TWICE, Y),
    (Process(gp.ConstantKernel() * gp.RBF() + gp.WhiteKernel(), normalize_y=True), X, Y),
    (Process(gp.Matern(nu=1.5) + gp.WhiteKernel(0.1), **FIXED), X, Y),
    (Process(gp.DotProduct() + gp.WhiteKernel(0.3), alpha=0.2, **FIXED), X, np.column_stack([Y, Y**2])),
    (make_pipeline(StandardScaler(), KernelRidge(kernel="rbf")), X * 7 + 2, Y)])
def test_the_function_is_the_estimators_and_its_minimum(estimator: Any, rows: Any, y: Any) -> None:
    estimator.fit(rows, y)
    problem = from_sklearn(estimator, rows, y)
    mean = np.mean(y, axis=0) if getattr(estimator, "normalize_y", False) else 0.0
    W = problem.network.weights[0]
    assert problem.prepare is not None and np.allclose(problem.prepare(rows), problem.X)
    own = estimator.predict(POINTS).reshape(len(POINTS), -1)
    assert np.allclose(problem.prepare(POINTS) @ W.T + mean, own, atol=1e-8 * np.abs(own).max())
    V = Refitter(head_of(problem)).V0
    assert np.linalg.norm(V - W) <= 1e-6 * np.linalg.norm(W)


def product(a: Any, b: Any, gamma: float = 1.0) -> float:
    return float(gamma * (a @ b))


def labels(model: Any) -> np.ndarray:
    return np.ravel(model.predict(POINTS)) > 0.5


@pytest.mark.parametrize("make", [
    lambda: KernelRidge(kernel="rbf", alpha=0.5), lambda: KernelRidge(kernel="poly", degree=2),
    lambda: Process(gp.RBF(0.8), alpha=0.3, **FIXED),
    lambda: Process(gp.RBF() + gp.WhiteKernel(0.02), **FIXED)], ids=["rbf", "polynomial", "process", "white noise"])
def test_what_is_said_of_a_deleted_row_is_what_fitting_again_shows(make: Any) -> None:
    estimator = make().fit(X, Y)
    assert 0 < labels(estimator).sum() < len(POINTS)
    found = stable_predictions(from_sklearn(estimator, X, Y), POINTS, delete=1, threshold=0.5)
    stays = np.ones(len(POINTS), bool)
    for i in range(len(X)):
        stays &= labels(make().fit(np.delete(X, i, axis=0), np.delete(Y, i))) == labels(estimator)
    assert found.distance < 1e-6 * np.linalg.norm(found.head.V)
    assert len(found.undecided) == 0 and np.array_equal(found.proved, np.flatnonzero(stays))
    assert 0 < found.lower < len(POINTS)


def test_weights_of_rows_are_those_of_the_fit() -> None:
    weights = RNG.uniform(0.5, 2.0, size=30)
    estimator = KernelRidge(kernel="rbf", alpha=0.5).fit(X, Y, sample_weight=weights)
    problem = from_sklearn(estimator, X, Y, weights)
    assert np.allclose(Refitter(head_of(problem)).V0, problem.network.weights[0], atol=1e-7)


def test_it_is_said_what_the_answers_are_about() -> None:
    estimator = Process(gp.RBF(), alpha=0.5, normalize_y=True, **FIXED).fit(X, Y)
    with pytest.warns(UserWarning, match=r"answers are about refits with the kernel RBF\(length_scale=1\) as it was "
                      r"fitted, as a ridge regression on its 30 features as they are computed in float64; outputs are"):
        problem = from_sklearn(estimator, X, Y)
    assert problem.columns == 3 and problem.names is None
    assert len(coefficients(problem, delete=1).names) == 30


@pytest.mark.parametrize(("estimator", "change", "said"), [
    (KernelRidge(kernel="precomputed"), {"fit": X @ X.T}, "kernel: precomputed; fit with the name of a kernel"),
    (KernelRidge(kernel=lambda a, b: float(a @ b)), {}, "kernel: a function; fit with the name of a kernel"),
    (KernelRidge(kernel="sigmoid", gamma=2.0, coef0=-1.0), {}, "kernel: sigmoid kernel, which is not positive semi"),
    (KernelRidge(alpha=0.0), {}, "alpha: 0.0; fit with an alpha above 0"),
    (KernelRidge(kernel="rbf"), {"X": X[::-1]}, "X, row 0: another row than the estimator was fitted to"),
    (KernelRidge(kernel="rbf"), {"X": X[:9], "y": Y[:9]}, "X: 9 rows, and the estimator was fitted to 30"),
    (KernelRidge(kernel="rbf"), {"X": X[:, :2]}, "X: shape .30, 2., and the estimator was fitted to .30, 3."),
    (KernelRidge(alpha=[0.1, 0.2]), {"y": np.column_stack([Y, Y])}, "alpha: 2 numbers; fit with one alpha"),
    (Process(alpha=np.full(30, 0.1)), {}, "alpha: 30 numbers"),
    (Process(gp.PairwiseKernel(metric=product), alpha=1.0, **FIXED), {}, "kernel: PairwiseKernel, which"),
    (Process(), {"sample_weight": np.ones(30)}, "weights of GaussianProcessRegressor, whose fit takes none"),
])
@pytest.mark.filterwarnings("ignore")
def test_what_changes_the_mathematics_is_refused(estimator: Any, change: dict[str, Any], said: str) -> None:
    fitted = estimator.fit(change.get("fit", X), change["y"] if np.ndim(change.get("y")) == 2 else Y)
    with pytest.raises(InputError, match=said) as caught:
        from_sklearn(fitted, change.get("X", X), change.get("y", Y), change.get("sample_weight"))
    assert "\n" not in str(caught.value)


def test_kernels_of_a_caller_are_refused() -> None:
    class Own(gp.RBF):
        pass

    with pytest.raises(InputError, match="kernel: Own, which is not one of scikit-learn's"):
        from_sklearn(Process(gp.ConstantKernel() * Own(), alpha=0.1, **FIXED).fit(X, Y), X, Y)


def test_new_rows_are_refused_because_they_would_have_features_of_their_own() -> None:
    problem = from_sklearn(KernelRidge(kernel="rbf").fit(X, np.sign(Y)), X, np.sign(Y))
    with pytest.raises(InputError, match="add: given with features of a kernel, of which a new row would make others"):
        stable_predictions(problem, POINTS, add=1)
    with pytest.raises(InputError, match="X_eval: 2 columns; give 3, those of the training data"):
        stable_predictions(problem, POINTS[:, :2], delete=1)


def test_columns_of_a_table_keep_their_order() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abc"))
    problem = from_sklearn(KernelRidge(kernel="rbf").fit(table, Y), table, pandas.Series(Y))
    found = [stable_predictions(problem, rows[:9], delete=1, threshold=0.5) for rows in (table, X)]
    assert found[0].lower == found[1].lower > 0
    with pytest.raises(InputError, match="X_eval: column 0 is 'b', where the training data has 'a'"):
        stable_predictions(problem, table[list("bac")], delete=1, threshold=0.5)


def test_an_estimator_without_a_fit_is_refused() -> None:
    with pytest.raises(InputError, match="KernelRidge that is not fitted"):
        from_sklearn(KernelRidge(), X, Y)


def test_a_kernel_that_overflows_is_refused() -> None:
    fitted = KernelRidge(kernel="poly", degree=2).fit(X, Y).set_params(degree=4000, gamma=1e9)
    with pytest.raises(InputError, match="not all finite"):
        from_sklearn(fitted, X, Y)


def test_an_estimator_that_lost_an_attribute_is_refused() -> None:
    fitted = KernelRidge().fit(X, Y)
    del fitted.X_fit_
    with pytest.raises(InputError, match="KernelRidge without its 'X_fit_'"):
        from_sklearn(fitted, X, Y)


def processes() -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """A Gaussian process that takes the mean of y away, its rows and targets, and rows to predict."""
    rng = np.random.default_rng(2)
    X, new = rng.normal(size=(14, 2)), rng.normal(size=(30, 2))
    y = X @ [1.0, 0.5] + 20 + 0.3 * rng.normal(size=14)
    process = Process(gp.RBF(3.0) + gp.WhiteKernel(0.5), normalize_y=True, **FIXED)
    return process.fit(X, y), X, y, new


@pytest.mark.filterwarnings("ignore")
def test_right_targets_are_counted_with_the_mean_that_outputs_are_without() -> None:
    process, X, y, new = processes()
    says, mean = process.predict(new), float(np.mean(y))
    found = stable_predictions(from_sklearn(process, X, y), new, delete=1, threshold=20.0 - mean)
    right = found.accuracy(says)
    assert len(right.today) == 30 and right.lower == found.lower / 30 < 1
    assert len(found.accuracy(2 * 20.0 - says).today) == 0


@pytest.mark.filterwarnings("ignore")
def test_an_audit_takes_a_threshold_of_what_is_predicted(tmp_path: Path, capsys: Any) -> None:
    """20 is an amount of y, as its labels are; it was held against outputs near 0, and 30 of 30 were said to stay."""
    process, X, y, new = processes()
    says, mean = process.predict(new), float(np.mean(y))
    same = stable_predictions(from_sklearn(process, X, y), new, delete=1, threshold=20.0 - mean)
    pytest.importorskip("skops.io").dump(process, tmp_path / "m.skops")
    np.savez(tmp_path / "d.npz", X=X, y=y)
    np.savez(tmp_path / "e.npz", X=new, y=says)
    assert main(["audit", str(tmp_path / "m.skops"), str(tmp_path / "d.npz"), "--eval", str(tmp_path / "e.npz"),
                 "--threshold", "20", "--ask", "rows deleted", "-q", "-o", str(tmp_path / "out")]) == 0
    stay, right = capsys.readouterr().out.splitlines()[:2]
    assert 0 < same.lower < 30
    assert f"{same.lower} of 30 predictions proved to stay" in stay
    assert f"{same.lower} of 30 predictions are right and stay right" in right
