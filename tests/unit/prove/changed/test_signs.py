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
    ({"groups": [1, 2]}, "give 60 labels"), ({"groups": np.full(60, np.nan)}, "not finite"),
    ({"most": -1}, "0 or more"),
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
