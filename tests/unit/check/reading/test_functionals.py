"""Functionals of a head's weights: what neither reader takes, and certificates about other functionals."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify.check.main import check
from certify.check.reading.optional import functionals as checked
from certify.check.reading.sections.functionals import read as section
from certify.check.reading.spec import read_spec
from certify.check.theorems.head.domain import refused, refused_rows
from certify.format.errors import CertifyError, InputError
from certify.format.refusal import Invalid
from certify.network.functionals import Functionals
from certify.problem.load import load_problem
from certify.spec import parse_spec
from tests.families.functionals import FILE, INTERCEPTS, NAMES, Asked
from tests.unit.check.theorems.head.test_claims import NONE, forge

WRONG = {
    "other outputs": ("widths = [3, 1]", "widths = [3, 2]"),
    "more layers": ("widths = [3, 1]", "widths = [3, 2, 1]"),
    "features move": ('parameter = "deletions"\nset = "sparse"\ncount = 2',
                      'parameter = "features"\nset = "total"\nradius = 0.1'),
    "weights of rows": ('parameter = "deletions"\nset = "sparse"\ncount = 2',
                        'parameter = "sample_weights"\nset = "total"\nradius = 0.1'),
    "labels row by row": ('parameter = "deletions"\nset = "sparse"\ncount = 2',
                          'parameter = "labels"\nset = "per_sample"'),
    "new rows": ("count = 2", 'count = 2\nfresh = "added"'),
    "right labels": ('quantity = "stable_predictions"', 'quantity = "correct_predictions"'),
    "two sources": ('coefficients = "all"', 'coefficients = "all"\nfile = "more.npz"'),
    "features of weights": ('coefficients = "all"', 'coefficients = "all"\nfeatures = "X"'),
    "no rows": ('coefficients = "all"', "threshold = 0.5"),
    "no columns": ('coefficients = "all"', "coefficients = []"),
    "another word": ('coefficients = "all"', 'coefficients = "some"'),
    "intercept as number": ('coefficients = "all"', 'file = "more.npz"\nintercept = 0.0'),
    "intercept without file": ('coefficients = "all"', 'intercept = "t"'),
    "another map": ('map = "critical"\nbase = "nearby"', 'map = "interpolation"'),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_neither_reader_takes_what_functionals_do_not_go_with(wrong: str, tmp_path: Path) -> None:
    plain = replace(Asked(), gates=(("stable_predictions", "min", 1),)).write(tmp_path).read_text(encoding="utf-8")
    old, new = WRONG[wrong]
    assert old in plain
    parse_spec(plain.encode()), read_spec(plain.encode())
    text = plain.replace(old, new).encode()
    with pytest.raises(CertifyError):
        parse_spec(text)
    with pytest.raises(Invalid):
        read_spec(text)


def test_messages_say_what_would_work(tmp_path: Path) -> None:
    text = Asked().write(tmp_path).read_text(encoding="utf-8")
    for wrong, words in (("more layers", "functionals are of the weights of one layer with one output; remove "),
                         ("features move", 'functionals are bounded where whole rows change; use map = "critical"'),
                         ("no rows", 'coefficients = "all" for the weights of a head')):
        with pytest.raises(CertifyError) as raised:
            parse_spec(text.replace(*WRONG[wrong]).replace('"prediction_change"', '"distance"').encode())
        assert words in str(raised.value)


FILES = {"longer": np.zeros(7), "wide": np.zeros((6, 2)), "not finite": np.full(6, np.nan), "zeros": np.zeros(6),
         "missing": None}


@pytest.mark.parametrize("wrong", FILES)
def test_neither_takes_other_intercepts(wrong: str, tmp_path: Path) -> None:
    """Of another length, none at all, or 0 where the row is 0: a functional that is 0 says nothing."""
    asked = Asked(evaluation=FILE, csv=False)
    certificate = asked.run(tmp_path)
    arrays = dict(np.load(tmp_path / "more.npz"))
    arrays.pop("t")
    np.savez(tmp_path / "more.npz", **arrays | ({} if FILES[wrong] is None else {"t": FILES[wrong]}))
    with pytest.raises(CertifyError):
        load_problem(tmp_path / "spec.toml")
    _rebind(tmp_path, certificate)
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("columns", ['["weight"]', "[3]", '["age", 0]', '["age", "age"]', "[-1]"])
def test_columns_that_are_none(columns: str, tmp_path: Path) -> None:
    certificate = Asked().run(tmp_path)
    path = tmp_path / "spec.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"all"', columns), encoding="utf-8")
    with pytest.raises(CertifyError):
        load_problem(path)
    _rebind(tmp_path, certificate, "spec")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


def _rebind(folder: Path, certificate: dict[str, Any], role: str = "evaluation") -> None:
    """The certificate bound to what the file is now."""
    data = (folder / certificate["subject"][role]["path"]).read_bytes()
    stated = certificate["subject"][role] | {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
    forge(folder, certificate, ("subject", role), stated)


@pytest.mark.parametrize("row", range(len(INTERCEPTS)))
def test_a_certificate_of_other_functionals_is_refused(row: int, tmp_path: Path) -> None:
    """The same claims, and another number for the intercept of one row, by which it has another sign."""
    certificate = Asked(evaluation=FILE, csv=False).run(tmp_path)
    if row == 0:
        assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]
    arrays = dict(np.load(tmp_path / "more.npz"))
    arrays["t"][row] = -50.0 if arrays["t"][row] >= 0 else 50.0
    np.savez(tmp_path / "more.npz", **arrays)
    _rebind(tmp_path, certificate)
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("stated", [None, "rows", ["age", "dose"], ["dose", "age", "sex"], [*NAMES, "more"]])
def test_names_of_other_functionals_are_refused(stated: object, tmp_path: Path) -> None:
    certificate = Asked().run(tmp_path)
    forge(tmp_path, certificate, ("problem", "functionals"), stated)
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


def test_predictions_that_are_said_to_be_functionals_are_refused(tmp_path: Path) -> None:
    """And units of the other kind."""
    certificate = Asked(evaluation='file = "more.npz"\nfeatures = "X"', csv=False).run(tmp_path)
    assert "functionals" not in certificate["problem"]
    forge(tmp_path, certificate, ("problem", "functionals"), "rows")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)
    forge(tmp_path, certificate, ("claims", 0, "unit"), "functionals (sign of the functional)")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


def test_the_checker_knows_no_other_theorem_about_functionals(tmp_path: Path) -> None:
    from certify.check.reading.subject import build_problem

    path = Asked().write(tmp_path)
    contents = [(tmp_path / name).read_bytes() for name in ("model.safetensors", "data.csv")]
    problem = build_problem(read_spec(path.read_bytes()), *contents, merge=False)
    assert problem.evaluation == ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)) and (
        problem.functionals.names == NAMES)
    assert refused_rows(problem) == "" and "functionals" in refused(replace(problem, bias_decay=True))
    assert "2 numbers" in refused_rows(replace(problem, functionals=checked.Functionals((0.0, 0.0))))
    bare = replace(problem, layers=(replace(problem.layers[0], biases=None),),
                   functionals=checked.Functionals((0.0, 1.0, 0.0)))
    assert "no intercept" in refused_rows(bare)
    assert "one layer" in refused_rows(replace(problem, layers=problem.layers * 2, free=(2,)))


def test_problems_of_python_refuse_them_too(tmp_path: Path) -> None:
    problem = load_problem(Asked().write(tmp_path))
    for members, words in (
            ({"functionals": Functionals(np.zeros(2))}, "one finite float64 number for each"),
            ({"functionals": Functionals(np.array([0.0, np.inf, 0.0]))}, "one finite float64 number for each"),
            ({"functionals": Functionals(np.zeros(3), ("a",))}, "1 names for 3 rows"),
            ({"evaluation": None}, "one finite float64 number for each"),
            ({"parameter": "features", "set": "total", "count": None, "radius": 0.1, "bias_decay": True},
             "left out or get other labels"),
            ({"evaluation": np.zeros((3, 3))}, "0 in every column"),
            ({"fresh": "added"}, "none is new")):
        with pytest.raises(InputError, match=words):
            replace(problem, **members)


def test_the_spec_as_json_names_both_keys() -> None:
    from certify.spec.models import json_schema

    keys = json_schema()["$defs"]["Evaluation"]["properties"]
    assert {"intercept", "coefficients"} <= set(keys) and json.dumps(keys)


@pytest.mark.parametrize("name", ["", 5, None, True, ["a"]])
def test_what_multiplies_the_intercept_needs_a_name(name: object) -> None:
    assert section({"intercept": "one"})["functionals"] == {"intercept": "one", "coefficients": None}
    with pytest.raises(Invalid, match="evaluation.intercept.*a name is needed"):
        section({"intercept": name})
