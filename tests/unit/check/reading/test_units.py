"""Units of features, tables, and formats that are not read."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from certify.format.refusal import Invalid
from certify.spec.vocabulary import CHECKED, DATA_FORMATS, MODEL_FORMATS
from tests.families import emitter
from tests.families.check_cases import plain, run
from tests.families.prover_cases import checked, edit, prove


@pytest.mark.parametrize("changes", [{"columns": [2, 0]}, {"scale": {"1": 2.5}}, {"columns": [1], "scale": {"1": 0.1}}])
def test_units_are_re_derived(changes, tmp_path):
    certificate = emitter.emit(plain(**changes), tmp_path)
    assert run(certificate, tmp_path).verdict == "certified"
    stated = certificate["problem"]["scale"]
    for wrong in (None, [1.0, 1.0, 1.0], stated[:2], [2 * u for u in stated], [int(u) for u in stated]):
        if wrong != stated:
            forged = copy.deepcopy(certificate)
            forged["problem"]["scale"] = wrong
            with pytest.raises(Invalid, match=r"problem\.scale"):
                run(forged, tmp_path)


@pytest.mark.parametrize("line", [
    "columns = [3]", "columns = [-1]", "columns = [0, 0]", 'columns = ["a"]', "columns = [true]", "columns = []",
    'scale = {"3" = 1.0}', 'scale = {"0" = 0.0}', 'scale = {"0" = nan}', 'columns = [1]\nscale = {"0" = 2.0}',
    'columns = ["00"]', 'columns = [0, "0"]',
])
def test_units_that_make_no_sense(line, tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    edit(tmp_path, {"[perturbation]\n": f"[perturbation]\n{line}\n"})
    certificate["subject"]["spec"] = emitter.record(tmp_path / "spec.toml", "spec.toml")
    with pytest.raises(Invalid, match=r"^spec"):
        run(certificate, tmp_path)


TABLE = "a, b ,c,y0\n1,2.5,3,1\n-0.5,1e0,.25,2\n0,1,0.1,-1\n"


@pytest.fixture
def table(tmp_path):
    """A problem whose data is a table with named columns."""
    case = plain(X=np.zeros((3, 3)), y=np.zeros((3, 2)))
    case.weights[1], case.biases[1] = case.weights[1][:1], case.biases[1][:1]
    emitter.write_files(case, tmp_path)
    (tmp_path / "data.csv").write_text(TABLE, encoding="utf-8")
    edit(tmp_path, {'file = "data.npz"\nfeatures = "X"\ntargets = "y"':
                    'file = "data.csv"\nfeatures = ["c", "a", "b"]\ntargets = "y0"',
                    "[perturbation]\n": '[perturbation]\ncolumns = ["a", 2]\nscale = { b = 2.0 }\n'})
    return tmp_path


def test_a_table_is_read_as_the_prover_reads_it(table):
    certificate = prove(table)
    assert certificate is not None and certificate["problem"]["scale"] == [0.0, 1.0, 2.0]
    assert certificate["problem"]["names"] == ["c", "a", "b"]
    assert checked(certificate, table).verdict == "certified"
    for wrong in (["c", "b", "a"], ["c", "a"], None, "cab"):
        with pytest.raises(Invalid, match=r"problem\.names"):
            checked({**certificate, "problem": {**certificate["problem"], "names": wrong}}, table)
    for old, new in (("0.1,-1", "0.2,-1"), ("1,2.5,3,1", "1,2.5,3,"), ("1,2.5,3,1", "1,2.5,3,nan"), ("a, b", "a,a"),
                     ("a, b", "A,b"), (".25,2\n", ".25\n"), (".25", "0x1"), (".25", "1e999"), (".25", "1_0")):
        (table / "data.csv").write_text(TABLE.replace(old, new, 1), encoding="utf-8")
        certificate["subject"]["data"] = emitter.record(table / "data.csv", "data.csv")
        with pytest.raises(Invalid):
            checked(certificate, table)


@pytest.mark.parametrize("old, ending", [("model.safetensors", ending) for ending in MODEL_FORMATS
                          if ending not in CHECKED["model"]]
                         + [("data.npz", ending) for ending in DATA_FORMATS if ending not in CHECKED["data"]])
def test_formats_that_are_not_read_are_named(old, ending, tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    edit(tmp_path, {old: old.split(".")[0] + ending})
    certificate["subject"]["spec"] = emitter.record(tmp_path / "spec.toml", "spec.toml")
    name = old.split(".")[0] + ending  # the recorded file is the one the spec names, or V61 refuses first
    (tmp_path / old).rename(tmp_path / name)
    certificate["subject"]["model" if old.startswith("model") else "data"]["path"] = name
    with pytest.raises(Invalid, match=rf"does not read \{ending}"):
        run(certificate, tmp_path)
