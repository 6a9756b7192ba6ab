"""Two readers of tables, columns and units, written apart: they take the same and read the same from it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.reading.data_file import read_data
from certify.check.reading.optional.columns import units
from certify.check.reading.spec import read_spec
from certify.format.errors import CertifyError
from certify.format.refusal import Invalid
from certify.problem.load import load_problem
from tests.effort import examples
from tests.families.small import SPEC, write

words = st.sampled_from(["age", "sex", "0", "1", "2", "3", "y"])
fields = st.sampled_from(["1", "-0", " 2 ", "+3", "1e2", ".5", "7.", "", "NA", "1_0", "nan", "1e999", "x", '"4"'])


@given(st.lists(words, min_size=4, max_size=4),
       st.lists(st.lists(fields, min_size=4, max_size=4), max_size=3),
       st.none() | st.lists(words, min_size=3, max_size=3),
       st.none() | st.lists(words | st.integers(-1, 3), max_size=3),
       st.none() | st.dictionaries(words, st.floats(0.1, 10), max_size=3), st.booleans())
@settings(max_examples=examples(300), deadline=None)
def test_tables(tmp_path_factory, header, rows, listed, columns, scale, tame):
    if tame:
        header, rows = ["age", "sex", "2", "y"], [["1", "2", ".5", "0"], ["4", "5", "6", "1e-2"]]
    folder = tmp_path_factory.mktemp("table")
    table = "\n".join(",".join(row) for row in [header, *rows]) + "\n"
    spec = SPEC.replace("train.npz", "train.csv").replace('features = "X"\n', "")
    spec = spec if listed is None else spec.replace('targets = "y"', f'targets = "y"\nfeatures = {json.dumps(listed)}')
    spec += "[perturbation]\n" + ("" if columns is None else f"columns = {json.dumps(columns)}\n")
    spec += "" if scale is None else f"scale = {{ {', '.join(f'{k} = {v!r}' for k, v in scale.items())} }}\n"
    path = write(folder, spec)
    (folder / "train.csv").write_text(table)
    try:
        ours = load_problem(path)
    except CertifyError:
        with pytest.raises(Invalid):
            theirs = read_spec(spec.encode())
            units(theirs, read_data(table.encode(), theirs, "data file").names)
        return
    theirs = read_spec(spec.encode())
    data = read_data(table.encode(), theirs, "data file")
    assert np.array_equal(np.array(data.features), ours.X) and np.array_equal(np.array(data.targets), ours.y)
    found = units(theirs, data.names) if (theirs.columns, theirs.scale) != (None, None) else None  # as the checker asks
    assert (found is None) == (ours.scale is None) and (found is None or list(found) == ours.scale.tolist())
