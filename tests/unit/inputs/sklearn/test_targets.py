"""`TransformedTargetRegressor`: the composite is the fit in the units of the targets, and others are refused."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import certify
from certify.format.errors import InputError
from certify.inputs.sklearn.targets import scaling_of
from certify.inputs.sklearn.wrapped import of_targets, parted

pytest.importorskip("sklearn")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

RNG = np.random.default_rng(7)
X = RNG.normal(size=(14, 2))
Y = 2e5 + X @ [3e4, -1e4] + 5e3 * RNG.normal(size=14)
NEW = RNG.normal(size=(3, 2))


def fitted(transformer: Any, estimator: Any = None, targets: Any = Y) -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import Ridge

    return TransformedTargetRegressor(estimator or Ridge(alpha=2.0), transformer=transformer).fit(X, targets)


def scalers() -> dict[str, Any]:
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

    return {"standard": StandardScaler(), "no mean": StandardScaler(with_mean=False),
            "no scale": StandardScaler(with_std=False), "neither": StandardScaler(with_mean=False, with_std=False),
            "range": MinMaxScaler((-1, 3)), "largest": MaxAbsScaler(), "robust": RobustScaler(), "nothing": None}


@pytest.mark.parametrize("name", ["standard", "no mean", "no scale", "neither", "range", "largest", "robust",
                                  "nothing"])
def test_refits_lie_in_the_enclosures(name: str) -> None:
    """A fit without a row scales its targets anew, and is the same as one in the units of the targets."""
    from sklearn.base import clone

    model = fitted(scalers()[name])
    problem = certify.from_sklearn(model, X, Y)
    assert problem.y is not None and np.array_equal(problem.y[:, 0], Y) and problem.weight_decay == 2.0 / 14
    today = problem.network.weights[0] @ NEW.T + problem.network.biases[0][:, None]
    assert np.allclose(today[0], model.predict(NEW), rtol=1e-12)
    found = certify.leave_one_out(problem, NEW)
    for row in (0, 5, 13):
        left = np.arange(14) != row
        again = clone(model).fit(X[left], Y[left]).predict(NEW)
        room = 1e-9 * np.abs(again)  # of scikit-learn's own rounding
        assert (found.lower[row, :, 0] <= again + room).all() and (again - room <= found.upper[row, :, 0]).all()
        assert (found.upper[row] - found.lower[row]).max() < 1.0  # of amounts of 2e5


def test_the_minimum_is_the_same_in_rational_numbers() -> None:
    """The normal equations of both fits, one feature, an intercept without penalty."""
    xs, ys = [Fraction(v) for v in (1, 2, 4, 7)], [Fraction(v) for v in (3, 5, 4, 12)]
    m, s, alpha = Fraction(7, 3), Fraction(5, 2), Fraction(3, 4)

    def ridge(targets: list[Fraction]) -> tuple[Fraction, Fraction]:
        x, t = sum(xs) / len(xs), sum(targets) / len(targets)
        slope = sum((a - x) * (b - t) for a, b in zip(xs, targets, strict=True)) / (
            sum((a - x) ** 2 for a in xs) + alpha)
        return slope, t - slope * x

    slope, intercept = ridge([(y - m) / s for y in ys])
    assert ridge(ys) == (s * slope, m + s * intercept)


def test_several_outputs_each_have_their_scale() -> None:
    from sklearn.preprocessing import StandardScaler

    targets = np.column_stack([Y, X[:, 0] + 3.0])
    model = fitted(StandardScaler(), targets=targets)
    problem = certify.from_sklearn(model, X, targets)
    assert np.allclose(NEW @ problem.network.weights[0].T + problem.network.biases[0], model.predict(NEW), rtol=1e-12)


def test_pipelines_and_searches_around_and_within_are_read() -> None:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    inner = TransformedTargetRegressor(make_pipeline(MinMaxScaler(), Ridge(1.0)), transformer=StandardScaler())
    model = make_pipeline(StandardScaler(), inner).fit(X, Y)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        problem = certify.from_sklearn(model, X, Y)
    assert any("in the units of the targets" in str(one.message) for one in heard)
    assert [type(step).__name__ for step in parted(model)[1]] == ["StandardScaler", "MinMaxScaler"]
    rows = problem.prepare(NEW)  # type: ignore[misc]
    assert np.allclose(rows @ problem.network.weights[0].T + problem.network.biases[0], model.predict(NEW)[:, None],
                       rtol=1e-12)
    search = fitted(StandardScaler(), GridSearchCV(Ridge(), {"alpha": [0.5, 5.0]}, cv=3))
    with pytest.warns(UserWarning, match="the options that it chose"):
        assert certify.from_sklearn(search, X, Y).loss == "squared"


def test_a_file_of_it_is_read(tmp_path: Any) -> None:
    skops = pytest.importorskip("skops.io")
    from sklearn.preprocessing import StandardScaler

    from certify.inputs.sklearn.skops_file import estimator_of

    skops.dump(fitted(StandardScaler()), tmp_path / "m.skops")
    assert [type(one).__name__ for one in of_targets(estimator_of(tmp_path / "m.skops"))] == ["StandardScaler"]


def test_other_transformers_are_refused_with_how_to_ask() -> None:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import QuantileTransformer, StandardScaler

    log = TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp).fit(X, Y)
    with pytest.raises(InputError, match=r"model\.regressor_, X, np\.log\(y\)\).*answers are then in log units"):
        certify.from_sklearn(log, X, Y)
    asked = certify.from_sklearn(log.regressor_, X, np.log(Y))
    assert np.array_equal(asked.y[:, 0], np.log(Y))  # type: ignore[index]
    quantiles = fitted(QuantileTransformer(n_quantiles=5))
    with pytest.raises(InputError, match=r"QuantileTransformer.*model\.transformer_\.transform"):
        certify.from_sklearn(quantiles, X, Y)
    made = quantiles.transformer_.transform(np.reshape(Y, (-1, 1))).ravel()
    assert certify.from_sklearn(quantiles.regressor_, X, made).n == 14
    with pytest.raises(InputError, match="not fitted; call fit first"):
        certify.from_sklearn(TransformedTargetRegressor(Ridge(), transformer=StandardScaler()), X, Y)


def test_models_that_scaled_targets_change_are_refused() -> None:
    """Without an intercept nothing takes up the mean; a Huber loss and kernels are not the same in other units."""
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import PoissonRegressor, Ridge
    from sklearn.preprocessing import MaxAbsScaler, StandardScaler

    with pytest.raises(InputError, match="fit_intercept=True"):
        certify.from_sklearn(fitted(StandardScaler(), Ridge(fit_intercept=False)), X, Y)
    plain = certify.from_sklearn(fitted(MaxAbsScaler(), Ridge(fit_intercept=False)), X, Y)
    assert plain.network.biases == (None,)
    for other in (PoissonRegressor(), KernelRidge()):
        with pytest.raises(InputError, match="to the targets as they are"):
            certify.from_sklearn(fitted(MaxAbsScaler(), other), X, Y)
    with pytest.raises(InputError, match="overflow"):
        scaling = scaling_of([fitted(StandardScaler()).transformer_])
        huge = type(scaling)(np.array([1e308]), np.zeros(1), scaling.name)
        from certify.inputs.sklearn.linear import linear
        huge.of(linear(Ridge(fit_intercept=False).fit(X, 1e5 * X[:, 0]), 1e5 * X[:, 0], 14), "Ridge")


def test_a_scaler_that_clips_is_refused_with_the_fit_that_can_be_asked_about() -> None:
    """A target that moves beyond the old range is cut off where the scaler stays, and not where it is fitted anew."""
    from sklearn.preprocessing import MinMaxScaler

    model = fitted(MinMaxScaler(clip=True))
    with pytest.raises(InputError, match=r"clip=True.*differ; fit with .*model.regressor_, X, model.tra"):
        certify.from_sklearn(model, X, Y)
    scaled = model.transformer_.transform(np.reshape(Y, (-1, 1))).ravel()  # as the message says
    assert certify.from_sklearn(model.regressor_, X, scaled).n == len(X)
    moved = Y + np.where(Y == Y.max(), 1e4, 0.0)
    anew = fitted(MinMaxScaler(clip=True), targets=moved).predict(NEW)
    kept = model.regressor_.__class__(alpha=2.0).fit(X, model.transformer_.transform(moved.reshape(-1, 1)).ravel())
    kept = model.transformer_.inverse_transform(kept.predict(NEW).reshape(-1, 1)).ravel()
    assert np.abs(anew - kept).max() > 1.0
