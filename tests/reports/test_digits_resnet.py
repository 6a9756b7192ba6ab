"""The digits ResNet report: its files are what its README says, and lines of its table come out again."""

from __future__ import annotations

import csv
import hashlib
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

FOLDER = Path(__file__).parents[2] / "reports" / "estimates" / "digits-resnet"
TOOLS = FOLDER.parents[1] / "tools"
MODULES = ("resnet", "critical", "perturbations", "recipe", "study", "tables")


@pytest.fixture(scope="module")
def report():
    """The report's scripts; they are not a package, so the import is undone afterwards."""
    before = {name: sys.modules.pop(name, None) for name in (*MODULES, "training")}
    sys.path.insert(0, str(FOLDER))
    try:
        modules = {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(FOLDER))
        if str(TOOLS) in sys.path:
            sys.path.remove(str(TOOLS))
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
    return SimpleNamespace(**modules, rows=modules["tables"].read(FOLDER / "table.csv"))


@pytest.fixture(scope="module")
def base(report):
    return report.study.Base.load(metric=False)


def test_model_is_the_recorded_one(report):
    data = (FOLDER / "model.safetensors").read_bytes()
    assert len(data) <= 300_000
    assert hashlib.sha256(data).hexdigest() in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_listed_changes_are_those_of_the_seed(report, tmp_path):
    report.perturbations.main(tmp_path / "list.csv")
    assert (tmp_path / "list.csv").read_bytes() == (FOLDER / "perturbations.csv").read_bytes()


def test_all_thirty_are_in_the_table_and_it_says_which_were_retrained_to_the_tolerance(report):
    assert [row["number"] for row in report.rows] == list(range(1, 31))
    for row in report.rows:
        assert report.tables.settled(row) == (row["gradient"] <= report.recipe.TOLERANCE), row["number"]


def test_readme_shows_what_the_table_says(report):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name, shown in (("correlations", report.tables.correlations), ("changes", report.tables.everything)):
        begin, end = report.tables.BEGIN.format(name), report.tables.END.format(name)
        assert page.split(begin)[1].split(end)[0].strip() == shown(report.rows)
    assert report.tables.limits() in page


def test_the_weights_are_a_critical_point(report, base):
    assert float(base.training.gradient(base.w).norm()) <= report.recipe.TOLERANCE


@pytest.fixture(scope="module")
def steps():
    with np.load(FOLDER / "steps.npz") as kept:
        return dict(kept)


@pytest.mark.parametrize("number", [8, 16, 23])
def test_a_line_comes_out_again(report, base, steps, number):
    """One row, ten rows, a deletion: v solves its system, the retrained weights are critical, and the losses agree."""
    study, row = report.study, report.rows[number - 1]
    change = report.perturbations.concrete(report.perturbations.listed()[number - 1], base.training, base.w)
    v, w = (base.w.new_tensor(steps[f"{kind}{number}"]) for kind in "vw")
    asked, new = study.change(base, change), change.training(base.training)
    first = study.mixed(base.problem, asked)
    assert float((base.training.product(base.w, v) + first).norm()) <= 2e-6 * float(first.norm())
    evidence = study.measure(base.problem, asked, v, base.outputs)
    assert evidence.loss_after - evidence.loss_before == pytest.approx(row["predicted"], rel=1e-3)
    assert study.validity(evidence) == pytest.approx(row["validity"], rel=1e-3)
    assert float(v.norm()) == pytest.approx(row["step"], rel=1e-3)
    value, gradient = new.both(w)
    assert float(gradient.norm()) <= report.recipe.TOLERANCE
    assert value == pytest.approx(row["L_retrained"], rel=1e-9)
    assert float((w - base.w).norm()) == pytest.approx(row["distance"], rel=1e-3)
    moved = [float(new.losses(at, new.X[change.rows], new.y[change.rows]).mean()) for at in (base.w, w)]
    assert moved[1] - moved[0] == pytest.approx(row["retrained"], rel=1e-3)


def test_bands_are_counted_as_stated(report):
    low, high = report.perturbations.VALIDITY_BAND
    with (FOLDER / "table.csv").open(encoding="utf-8") as stream:
        within = [low <= float(line["validity"]) <= high for line in csv.DictReader(stream)]
    assert within == [report.tables.inside(row) for row in report.rows]
