"""`sign_survives`: what it says of small tables, by name and by place, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from certify import sign_survives
from certify.format.errors import InputError


def table() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"dose": rng.normal(size=60), "age": rng.normal(size=60)})
    return X, 0.8 * X["dose"].to_numpy() + rng.normal(size=60)


def test_names_places_and_both_ends():
    X, y = table()
    found = sign_survives(X, y, "dose")
    assert found == sign_survives(X.to_numpy(), y, 0).__class__(**{**found.__dict__})
    assert (found.column, found.positive) == ("dose", True)
    assert 3 <= found.lower <= found.upper == len(found.rows) - 1
    left = np.setdiff1d(np.arange(60), found.rows)
    Z = np.column_stack([X.to_numpy(), np.ones(60)])
    assert np.linalg.lstsq(Z[left], y[left], rcond=None)[0][0] < 0
    assert "stays positive without any" in repr(found)


def test_the_other_sign_and_fewer_rows():
    X, y = table()
    found = sign_survives(X, -y, "dose", most=2)
    assert (found.positive, found.lower) == (False, 2)
    assert sign_survives(X, np.cos(np.arange(60.0)), "age", seconds=0.0).lower <= 0


def test_groups_are_intercepts_of_their_own():
    X, y = table()
    groups = np.repeat(["a", "b", "c"], 20)
    shifted = y + 100 * (groups == "b")
    found = sign_survives(X, shifted, "dose", groups=groups)
    assert found.lower >= 2
    assert sign_survives(X, shifted, "dose").lower < found.lower


@pytest.mark.parametrize(("change", "words"), [
    ({"column": "weight"}, "give one of dose, age"), ({"column": 2}, "a place from 0 to 1"),
    ({"column": 1.5}, "1.5; give a name, or a place"), ({"column": True}, "True; give a name"),
    ({"column": None}, "None; give a name"),
    ({"groups": [1, 2]}, "give 60 labels"), ({"groups": np.full(60, np.nan)}, "not finite"),
    ({"most": -1}, "0 or more"), ({"most": 2.5}, "2.5; give a whole number"), ({"most": "3"}, "'3'; give a whole"),
    ({"most": float("nan")}, "nan; give a whole number"), ({"most": True}, "True; give a whole number"),
    ({"seconds": float("nan")}, "nan; give a number"), ({"seconds": -1}, "-1; give a number"),
    ({"seconds": "3"}, "'3'; give a number"),
])
def test_what_is_refused_is_said_in_one_line(change, words):
    X, y = table()
    with pytest.raises(InputError, match=words):
        sign_survives(X, y, **change)


def test_columns_that_depend_on_each_other_are_named():
    X, y = table()
    X["both"] = X["dose"] + X["age"]
    with pytest.raises(InputError, match="both follows from the columns before it"):
        sign_survives(X, y, "dose")
    with pytest.raises(InputError, match="give 60 numbers"):
        sign_survives(X[["dose"]], y[:5], "dose")
    with pytest.raises(InputError, match="at most 60000"):
        sign_survives(np.ones((60_001, 1)), np.ones(60_001))
    X["code"] = np.repeat([0.0, 1.0], 30)
    with pytest.raises(InputError, match="code follows"):
        sign_survives(X[["dose", "code"]], y, "dose", groups=np.repeat([5, 6], 30))


def test_two_columns_of_one_name_are_asked_for_by_place():
    X, y = table()
    X.columns = ["dose", "dose"]
    with pytest.raises(InputError, match="2 columns of the name 'dose'; give its place"):
        sign_survives(X, y, "dose")
    assert sign_survives(X, y, 0).lower >= 3


def test_a_response_that_says_nothing_is_not_blamed_on_the_columns():
    X, y = table()
    for flat in (np.full(60, 0.1), np.zeros(60), 3 * X["age"].to_numpy() + 1):
        found = sign_survives(X, flat, "dose")
        assert (found.lower, found.rows) == (-1, ())
        assert repr(found) == "SignSurvival(dose: today's sign is not proved)"
    groups = np.repeat([3, 1, 2], 20)
    assert sign_survives(X, 0.1 * groups, "dose", groups=groups).lower == -1
    with pytest.raises(InputError, match="y: numbers about 1e\\+11.*subtract the mean of y"):
        sign_survives(X, y + 1e11, "dose")
    with pytest.raises(InputError, match="X: 3 rows for 3 columns and intercepts; give more rows than that"):
        sign_survives(X[:3], y[:3], "dose")


def test_a_coefficient_of_zero_has_no_sign():
    found = sign_survives([[1.0], [-1.0], [1.0], [-1.0]], [1.0, 1.0, 1.0, 1.0], intercept=False)
    assert (found.lower, found.upper, found.rows) == (-1, 4, ())


def test_a_sign_of_which_no_row_is_spare():
    x = np.zeros(30)
    x[0] = 1.0
    found = sign_survives(x[:, None], x + 0.1 * np.cos(np.arange(30.0)))
    assert found.lower == 0
    assert "positive today, proved; no row is proved spare" in repr(found)


def test_rows_are_named_by_their_place_in_the_data_in_whatever_order_the_groups_are():
    X, y = table()
    groups = np.random.default_rng(8).permutation(np.repeat(["b", "a", "c", "d"], 15))
    found = sign_survives(X, y + 9.0 * (groups == "a"), "dose", groups=groups)
    assert found.rows
    assert found.lower >= 2
    left = np.setdiff1d(np.arange(60), found.rows)
    Z = np.column_stack([X.to_numpy(), *(groups == g for g in "abcd")])
    fitted = np.linalg.lstsq(Z[left], (y + 9.0 * (groups == "a"))[left], rcond=None)[0]
    assert fitted[0] < 0


def test_labels_that_numpy_would_merge_stay_two_groups():
    """One line through both groups rises, one line in each falls."""
    x = np.concatenate([np.arange(10.0), 20 + np.arange(10.0)])
    y = np.where(x < 15, -0.5 * x, 40 - 0.5 * x) + 0.01 * np.cos(np.arange(20))
    assert sign_survives(x[:, None], y).positive
    for first, second in ((0, 1), ("a", "a\0"), (2**63, 2**63 + 1), (2**53, 2**53 + 1)):
        found = sign_survives(x[:, None], y, groups=[first] * 10 + [second] * 10)
        assert (found.positive, found.lower >= 1) == (False, True)
    with pytest.raises(InputError, match="several types, int and str"):
        sign_survives(x[:, None], y, groups=[1] * 10 + ["1"] * 10)
