"""Labels of groups: one group where Python says that labels are equal, and what is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from certify.format.errors import InputError
from certify.prove.changed.group_labels import group_numbers


@pytest.mark.parametrize("labels", [
    [1, 2, 1], ["a", "a\0", "a"], [2**63, 2**63 + 1, 2**63], [0.5, 1.5, 0.5], [True, False, True],
    [("x", 1), ("x", 2), ("x", 1)], [date(2020, 1, 1), date(2021, 1, 1), date(2020, 1, 1)],
    np.array([7, 3, 7], dtype=np.uint8), np.array(["q", "p", "q"]), torch.tensor([5, 4, 5]),
    np.array(["2020-01-01", "2020-01-02", "2020-01-01"], dtype="datetime64[ns]"),
    pd.Series(["u", "v", "u"], index=[9, 9, 9]), pd.Series(["u", "v", "u"], dtype="category"),
    pd.Series([1, 2, 1], dtype="Int64"), pd.Categorical([3, 2, 3]), pa.chunked_array([["s"], ["t", "s"]]),
    pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-01"])),
])
def test_equal_labels_are_one_group(labels):
    assert group_numbers(labels, 3).tolist() == [0, 1, 0]


OBJECTS = np.empty(3, dtype=object)
OBJECTS[:] = [1, 1.0, True]


@pytest.mark.parametrize(("labels", "words"), [
    ([1, "1", 1], "several types, int and str"), (OBJECTS, "several types, int and float"),
    ([True, 1, 0], "several types, bool and int"), ([(1, "a"), (1, 2), (1, "a")], r"several types, \(int, str\) and"),
    ([np.datetime64("2020"), np.datetime64("2020-01-01"), np.datetime64("2020")], "several types, datetime64"),
    (["a", None, "a"], "no label in row 1"), ([1.0, np.nan, 1.0], "no label in row 1"),
    (np.array([1.0, np.inf, 1.0]), "no label in row 1"), ([1, pd.NA, 1], "no label in row 1"),
    (pd.Series([1, None, 1], dtype="Int64"), "no label in row 1"), (pd.Series(["a", np.nan, "a"]), "no label in row 1"),
    (pd.to_datetime(["2020-01-01", None, "2020-01-01"]), "no label in row 1"),
    (np.array(["2020", "NaT", "2020"], dtype="datetime64[D]"), "no label in row 1"),
    (pd.Categorical(["a", None, "a"]), "no label in row 1"), (pa.array(["a", None, "a"]), "no label in row 1"),
    ([("x", None), ("x", 1), ("x", 1)], "no label in row 0"), ([float("nan")] * 3, "no label in row 0"),
    (np.ma.masked_array([1, 2, 1], mask=[0, 1, 0]), "a masked array"), (np.array([1j, 2j, 1j]), "the type complex"),
    ([[1], [2], [1]], "the type list"), (np.array([[1], [2], [1]]), r"shape \(3, 1\)"), ([1, 2], r"shape \(2,\)"),
    ("abc", "a str; give 3 labels"), ({1: 2, 2: 3, 3: 4}, "a dict"), ({1, 2, 3}, "a set"), (5, "a int; give 3 labels"),
])
def test_what_is_no_label_is_refused_in_one_line(labels: Any, words: str):
    with pytest.raises(InputError, match=f"groups: .*{words}"):
        group_numbers(labels, 3)
