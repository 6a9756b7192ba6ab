"""Which columns may move and in which unit: by number or by name, never guessed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.format.errors import SpecError
from certify.inputs import units
from certify.problem.load import load_problem
from certify.spec.models import Perturbation
from tests.small import SPEC, features, write

NAMES = ["age", "sex", "Dose"]


def found(names=NAMES, **keys):
    return units(Perturbation(**keys), 3, names)


def test_units():
    assert found() is None and found(names=None) is None
    for keys, values in (({"columns": (0, 2)}, [1, 0, 1]), ({"columns": ("Dose",)}, [0, 0, 1]),
                         ({"scale": {"age": 2.5}}, [2.5, 1, 1]), ({"scale": {"1": 4.0}}, [1, 4, 1]),
                         ({"columns": ("age", "1"), "scale": {"0": 3.0}}, [3, 1, 0]), ({"scale": {}}, [1, 1, 1])):
        assert found(**keys).tolist() == values and found(**keys).dtype == np.float64
    assert found(names=None, columns=(1,), scale={"1": 0.1}).tolist() == [0, 0.1, 0]
    assert units(Perturbation(columns=("0",)), 2, ["0", "1"]).tolist() == [1, 0]


@pytest.mark.parametrize("names, keys, parts", [
    (NAMES, {"columns": ("dose",)}, ["perturbation.columns: no feature is named 'dose'", "did you mean 'Dose'?"]),
    (NAMES, {"scale": {"agee": 1.0}}, ["perturbation.scale: no feature is named 'agee'", "'age', 'sex', 'Dose'"]),
    (NAMES, {"columns": (3,)}, ["column 3 of 3; columns are 0 … 2"]),
    (NAMES, {"columns": (-1,)}, ["column -1 of 3"]),
    (NAMES, {"scale": {"3": 1.0}}, ["perturbation.scale: column 3 of 3"]),
    (NAMES, {"columns": (0, "age")}, ["column 0 is given twice (0 and 'age')"]),
    (NAMES, {"scale": {"0": 1.0, "age": 1.0}}, ["perturbation.scale: column 0 is given twice"]),
    (NAMES, {"columns": ("age",), "scale": {"sex": 1.0}}, ["a unit for 'sex', which is not one of"]),
    (None, {"columns": ("age",)}, ["'age', and the data file has no column names; give numbers: columns are 0 … 2"]),
    (["1", "0", "x"], {"columns": ("1",)}, ["'1' is the name of column 0 and the number of another"]),
    (NAMES, {"columns": ("²",)}, ["no feature is named '²'"]),
    (NAMES, {"columns": ("9" * 5000,)}, ["no feature is named"]),
])
def test_refusals(names, keys, parts):
    with pytest.raises(SpecError) as caught:
        found(names, **keys)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


words = st.sampled_from([*NAMES, "0", "1", "7", ""]) | st.text(max_size=3)


@given(st.none() | st.lists(words | st.integers(), max_size=4), st.none() | st.dictionaries(words, st.floats(0.5, 2)),
       st.none() | st.lists(words, min_size=3, max_size=3, unique=True))
def test_anything_gives_units_or_one_line(columns, scale, names):
    asked = Perturbation.model_construct(columns=columns and tuple(columns), scale=scale)
    try:
        result = units(asked, 3, names)
    except SpecError as error:
        assert "\n" not in str(error)
        return
    assert (result is None) == (not columns and columns is None and scale is None)
    assert result is None or (result.shape == (3,) and (result >= 0).all())


def test_in_a_problem(tmp_path):
    X = features()
    spec = SPEC + "[perturbation]\ncolumns = [0, 2]\nscale = { 2 = 0.5 }\n"
    assert load_problem(write(tmp_path, spec, X=X, y=X[:, 0])).scale.tolist() == [1, 0, 0.5]
    assert load_problem(write(tmp_path)).scale is None
    table = "age,sex,Dose,y\n" + "\n".join(",".join(map(repr, [*row.tolist(), 1.0])) for row in X) + "\n"
    (tmp_path / "train.csv").write_text(table)
    (tmp_path / "certify.toml").write_text(
        SPEC.replace("train.npz", "train.csv").replace('features = "X"\n', "")
        + '[perturbation]\ncolumns = ["sex", "age"]\nscale = { age = 5 }\n')
    problem = load_problem(tmp_path / "certify.toml")
    assert problem.scale.tolist() == [5, 1, 0] and np.array_equal(problem.X, X)
