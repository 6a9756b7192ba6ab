"""Columns before an estimator: features are those of scikit-learn, and what it cannot read is refused by column."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pandas")
import pandas
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from certify import from_sklearn, stable_predictions
from certify.format.errors import InputError
from certify.inputs.sklearn.columns import placed
from certify.inputs.sklearn.front import bare

pytestmark = pytest.mark.filterwarnings("ignore")

rng = np.random.default_rng(5)
N = 40
TABLE = pandas.DataFrame({
    "age": rng.integers(20, 80, N), "income": rng.normal(50, 9, N), "smoker": rng.choice(["never", "now", "once"], N),
    "flag": rng.choice([True, False], N), "zip": rng.choice(["01", "02", "10"], N), "grade": rng.choice([1, 2, 3], N),
    "name": [f"p{i}" for i in range(N)], "bmi": np.where(np.arange(N) % 7 == 3, np.nan, rng.normal(25, 4, N)),
    "ward": np.where(np.arange(N) % 9 == 2, None, rng.choice(["a", "b"], N))})
Y = np.where(TABLE["age"] + 10 * (TABLE["smoker"] == "now") + rng.normal(0, 8, N) > 52, "yes", "no")

FRONTS = {
    "usual": lambda: ColumnTransformer([
        ("n", StandardScaler(), ["age", "income"]), ("c", OneHotEncoder(handle_unknown="ignore"), ["smoker", "zip"])]),
    "every form of columns": lambda: ColumnTransformer([
        ("n", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
         make_column_selector(dtype_include=float)),
        ("w", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(drop="first")), ["ward"]),
        ("m", MinMaxScaler(), [0]), ("p", "passthrough", slice("flag", "flag")), ("d", "drop", ["name"]),
        ("z", OneHotEncoder(min_frequency=14, handle_unknown="infrequent_if_exist"), ["zip", "grade"])],
        remainder=OrdinalEncoder()),
    "missing is a category": lambda: ColumnTransformer([("o", OneHotEncoder(), ["ward", "flag"])]),
    "a table inside": lambda: ColumnTransformer([
        ("a", RobustScaler(), ["age"]),
        ("b", OneHotEncoder(sparse_output=False), ["smoker"])]).set_output(transform="pandas"),
    "one inside another": lambda: ColumnTransformer([
        ("a", ColumnTransformer([("x", StandardScaler(), ["income"])], remainder="passthrough"), ["age", "income"]),
        ("b", OneHotEncoder(drop="if_binary", max_categories=2), ["smoker", "flag"])]),
    "weighed": lambda: ColumnTransformer([("a", RobustScaler(), ["age"]), ("b", "passthrough", ["income"])],
                                         transformer_weights={"a": 2.0}),
}


def dense(rows: Any) -> Any:
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)


@pytest.mark.parametrize("form", FRONTS)
def test_features_are_those_of_scikit_learn_bit_by_bit(form: str) -> None:
    model = make_pipeline(FRONTS[form](), LogisticRegression()).fit(TABLE, Y)
    problem = from_sklearn(model, TABLE, Y)
    assert np.array_equal(problem.X, dense(model[:-1].transform(TABLE)))
    names = model[:-1].get_feature_names_out()
    assert problem.names == tuple(names) and problem.classes == ("no", "yes")
    for feature, j in zip(names, problem.prepare.sources, strict=True):  # names hold that of the column
        assert problem.prepare.names[j] in feature
    shuffled = TABLE.sample(frac=1.0, axis=1, random_state=1)[::-1].assign(more=1.0)
    assert np.array_equal(problem.prepare.given(shuffled, "X_eval"), problem.X[::-1])


@pytest.mark.parametrize("form", ["usual", "every form of columns"])
def test_predictions_that_stay_and_flip_are_those_of_refits_behind_the_same_columns(form: str) -> None:
    model = make_pipeline(FRONTS[form](), LogisticRegression(C=0.3, tol=1e-10, max_iter=10_000)).fit(TABLE, Y)
    found = stable_predictions(from_sklearn(model, TABLE, Y), TABLE, delete=1)
    X = dense(model[:-1].transform(TABLE))
    today, flips = model.predict(TABLE), set()
    for row in range(N):
        left = np.arange(N) != row
        again = LogisticRegression(C=0.3, tol=1e-10, max_iter=10_000).fit(X[left], Y[left])
        flips |= set(np.flatnonzero(again.predict(X) != today).tolist())
    assert len(found.undecided) == 0 and flips
    assert set(found.attacked.tolist()) == flips


def test_steps_alone_are_read_too() -> None:
    """An imputer and a scaler, or an encoder, need no ColumnTransformer around them."""
    X = TABLE[["income", "bmi"]]
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(X, Y)
    assert np.array_equal(from_sklearn(model, X, Y).X, model[:-1].transform(X))
    words = TABLE[["smoker", "zip"]].to_numpy()
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, Y)
    problem = from_sklearn(model, words.tolist(), Y)
    assert np.array_equal(problem.X, dense(model[:-1].transform(words)))
    assert np.array_equal(problem.prepare.given(words[3:4], "X_eval"), problem.X[3:4])


def model_of(form: str = "usual") -> Any:
    return make_pipeline(FRONTS[form](), LogisticRegression()).fit(TABLE, Y)


def test_a_category_that_is_not_known_becomes_what_scikit_learn_makes_of_it_and_that_is_said() -> None:
    model = model_of()
    new = TABLE[:3].assign(smoker=["pipe", "now", "pipe"])
    with pytest.warns(UserWarning, match=r"'pipe' in column 'smoker' \(row 0 and 1 more\)"):
        found = from_sklearn(model, TABLE, Y).prepare.given(new, "X_eval")
    assert np.array_equal(found, dense(model[:-1].transform(new)))


@pytest.mark.parametrize(("change", "said"), [
    ({"smoker": "pipe"}, r"column 'smoker', row 0: 'pipe', a category that the model was not fitted to: it knows "
                         "'never', 'now', 'once'"),
    ({"age": np.nan}, "column 'age', row 0: a missing value, and the model was fitted without any"),
    ({"smoker": None}, "column 'smoker', row 0: a missing value"),
    ({"income": "much"}, "X_eval: ColumnTransformer refuses it"),
    ({"income": np.inf}, "X_eval"),
])
def test_what_has_no_features_is_refused_by_column_and_row(change: dict[str, Any], said: str) -> None:
    front = ColumnTransformer([("n", StandardScaler(), ["age", "income"]), ("c", OneHotEncoder(), ["smoker"])])
    problem = from_sklearn(make_pipeline(front, LogisticRegression()).fit(TABLE, Y), TABLE, Y)
    with pytest.raises(InputError, match=said) as caught:
        stable_predictions(problem, TABLE[:2].assign(**change), delete=1)
    assert "\n" not in str(caught.value)


def test_columns_that_are_not_there_are_named_and_dropped_ones_may_be_absent() -> None:
    problem = from_sklearn(model_of(), TABLE, Y)
    with pytest.raises(InputError, match="X_eval: no column 'zip', which the model was fitted to"):
        stable_predictions(problem, TABLE.drop(columns="zip"), delete=1)
    with pytest.raises(InputError, match=r"shape \(2, 3\); give \(n, 9\) entries"):
        stable_predictions(problem, TABLE.to_numpy()[:2, :3], delete=1)
    alone = problem.prepare.given(TABLE.drop(columns=["name", "ward"]), "X_eval")
    assert np.array_equal(alone, problem.X)
    assert np.array_equal(problem.prepare.given(TABLE.to_numpy(dtype=object), "X_eval"), problem.X)


def test_rows_that_it_was_not_fitted_to_are_refused() -> None:
    with pytest.raises(InputError, match="X, column 'zip', row 0: '99'.*give the data it was fitted to"):
        from_sklearn(model_of(), TABLE.assign(zip="99"), Y)
    listed = ColumnTransformer([("c", OneHotEncoder(categories=[["now", "never"]], handle_unknown="ignore"),
                                 ["smoker"]), ("n", StandardScaler(), ["age"])])
    model = make_pipeline(listed, LogisticRegression()).fit(TABLE, Y)  # others were there when it was fitted
    assert np.array_equal(from_sklearn(model, TABLE, Y).X, dense(model[:-1].transform(TABLE)))


@pytest.mark.parametrize(("front", "said"), [
    (ColumnTransformer([("t", TargetEncoder(), ["smoker"])]),
     "^estimator: a pipeline with TargetEncoder, .*cross-fitting.*; use OneHotEncoder .*encoder.fit_transform"),
    (ColumnTransformer([("t", make_pipeline(KNNImputer(), StandardScaler()), ["bmi"])]),
     "^estimator: a pipeline with KNNImputer"),
    (ColumnTransformer([("t", FunctionTransformer(np.sort), ["age"])]), "^estimator: a pipeline with FunctionTrans"),
])
def test_what_learns_from_labels_or_runs_a_function_is_not_read(front: Any, said: str) -> None:
    model = make_pipeline(front, LogisticRegression()).fit(TABLE, Y)
    with pytest.raises(InputError, match=said):
        from_sklearn(model, TABLE, Y)


def test_a_class_of_the_same_name_from_elsewhere_is_not_read() -> None:
    class OneHotEncoder(StandardScaler):
        categories_ = ()

    X = TABLE[["age"]].to_numpy()
    with pytest.raises(InputError, match="a pipeline with OneHotEncoder of tests"):
        from_sklearn(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(X, Y), X, Y)


def test_steps_that_are_not_fitted_are_refused_and_so_are_kernels_behind_columns() -> None:
    model = model_of()
    model.steps[0] = ("front", FRONTS["usual"]())
    with pytest.raises(InputError, match="ColumnTransformer that is not fitted; call fit first"):
        from_sklearn(model, TABLE, Y)
    kernel = make_pipeline(FRONTS["usual"](), KernelRidge()).fit(TABLE, TABLE["age"])
    with pytest.raises(InputError, match="KernelRidge behind ColumnTransformer"):
        from_sklearn(kernel, TABLE, TABLE["age"])


def test_a_front_that_was_damaged_is_refused() -> None:
    for broken in ({"transformers_": [("n", StandardScaler().fit(TABLE[["age"]]), ["none"])]},
                   {"output_indices_": {"n": slice(0, 5), "c": slice(5, 6)}}, {"output_indices_": {}},
                   {"n_features_in_": 10**15}, {"n_features_in_": 8}):
        model = model_of()
        vars(model[0]).update(broken)
        with pytest.raises(InputError):
            from_sklearn(model, TABLE, Y)


def test_units_bound_how_far_features_move_and_no_other_column_has_one() -> None:
    front = ColumnTransformer([
        ("n", make_pipeline(SimpleImputer(), StandardScaler(), MinMaxScaler()), ["age", "income", "bmi"]),
        ("c", OneHotEncoder(), ["smoker"]), ("f", "passthrough", ["flag", "grade"]),
        ("k", MinMaxScaler(clip=True), ["age"])])
    model = make_pipeline(front, Ridge()).fit(TABLE, TABLE["age"])
    problem = from_sklearn(model, TABLE, TABLE["age"])
    prepare, names = problem.prepare, list(model[:-1].get_feature_names_out())
    units, roundings = prepare.units, prepare.roundings(problem.X)
    finite = {name for name, unit in zip(names, units, strict=True) if np.isfinite(unit)}
    assert finite == {"n__income", "f__grade"}  # age has two features, of bmi some are filled in, a flag does not move
    f = names.index("n__income")
    for size in (1e-9, 0.3, 1e4):
        moved = TABLE.assign(income=TABLE["income"] + size * rng.uniform(-1, 1, N))
        went = max(abs(Fraction(a) - Fraction(b)) for a, b in zip(
            prepare.given(moved, "X")[:, f].tolist(), problem.X[:, f].tolist(), strict=True))
        most = max(abs(Fraction(a) - Fraction(b)) for a, b in zip(moved["income"], TABLE["income"], strict=True))
        assert went <= most * Fraction(units[f]) + Fraction(roundings[f])
        assert most < 1e-3 or went > most * Fraction(units[f]) * Fraction(999, 1000)
    assert from_sklearn(model, TABLE.astype({"income": np.float32}), TABLE["age"]).prepare.units is None


def test_places_of_columns_in_every_form() -> None:
    names = ["a", "b", "c"]
    assert placed("b", names, 3) == [1] and placed(["c", "a"], names, 3) == [2, 0]
    assert placed(slice(None, "b"), names, 3) == [0, 1] and placed(slice(1, None), None, 3) == [1, 2]
    assert placed(np.array([True, False, True]), None, 3) == [0, 2] and placed([], names, 3) == []
    for strange in ("d", ["a", 3], [None], make_column_selector("a")):
        with pytest.raises(InputError):
            placed(strange, names, 3)


def test_fields_of_a_file_are_the_categories_that_were_fitted() -> None:
    table = pandas.DataFrame({"zip": ["01", "10", "nan "], "flag": [True, False, True], "grade": [1, 2, 2],
                              "ward": ["a", None, "b"], "age": [1.5, 2.0, np.nan], "note": ["x", "7", "z"]})
    front = ColumnTransformer([("c", OneHotEncoder(), ["zip", "flag", "grade", "ward"]),
                               ("n", SimpleImputer(), ["age"])]).fit(table)
    fields = [np.array(one, dtype=object) for one in (
        ["01", " 10", "nan "], ["True", "FALSE", "true"], ["1", "2.0", " 2"], ["a", "", " b "], ["1.5", "2e0", "NA"],
        ["x", "7", "z"])]
    found = bare([front]).typed(list(table), fields, "data file")
    assert found[:, 0].tolist() == ["01", "10", "nan "] and found[:, 1].tolist() == [True, False, True]
    assert found[:, 2].tolist() == [1, 2, 2] and found[:, 3].tolist()[::2] == ["a", "b"]
    assert found[:2, 4].tolist() == [1.5, 2.0] and np.isnan(found[2, 4]) and np.isnan(found[1, 3])
    with pytest.raises(InputError, match="data file, column 'age', row 1: 'old' is no decimal number"):
        bare([front]).typed(["age"], [np.array(["1", "old"], dtype=object)], "data file")
