"""The second digits ResNet report: its files are what its pages say, and lines of its tables come out again."""

from __future__ import annotations

import csv
import hashlib
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

FOLDER = Path(__file__).parents[3] / "reports" / "estimates" / "digits-resnet-2"
MODULES = ("resnet", "minimum", "changes", "registered", "recipe", "study", "tables")


@pytest.fixture(scope="module")
def report():
    """The report's scripts; they are not a package, so the import is undone afterwards."""
    before = {name: sys.modules.pop(name, None) for name in (*MODULES, "training")}
    path = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    try:
        modules = {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path[:] = path
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
    return SimpleNamespace(**modules, rows=modules["tables"].joined())


@pytest.fixture(scope="module")
def base(report):
    threads = torch.get_num_threads()
    yield report.study.Base()
    torch.set_num_threads(threads)


def test_model_is_the_recorded_one():
    data = (FOLDER / "model.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_listed_changes_are_those_of_the_seed(report, tmp_path):
    report.changes.main(tmp_path / "list.csv")
    assert (tmp_path / "list.csv").read_bytes() == (FOLDER / "changes.csv").read_bytes()
    kinds = [line.parameter for line in report.changes.listed()]
    assert [kinds.count(kind) for kind in ("features", "targets", "sample_weights")] == [10, 10, 10]


def test_matrices_and_layers_are_the_same_function(report, base):
    w = base.w + 0.1 * torch.randn(len(base.w), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    net = report.resnet.network().eval()
    torch.nn.utils.vector_to_parameters(w, net.parameters())
    X = base.data.X_out[:50]
    torch.testing.assert_close(report.resnet.outputs(w, X), net(X).detach(), rtol=1e-12, atol=1e-12)


def test_the_weights_are_a_critical_point(report, base):
    assert float(report.minimum.Slope.at(base.training, base.w).gradient.norm()) <= report.recipe.TOLERANCE


def test_the_band_and_convergence_are_counted_as_registered(report):
    assert [row["number"] for row in report.rows] == list(range(1, 31))
    for row in report.rows:
        assert row["inside"] == report.registered.inside(row), row["number"]
        assert "re_rows" in row or not row["inside"], row["number"]
        if "re_rows" in row:
            assert row["re_converged"] == (row["re_gradient"] <= report.registered.TOLERANCE), row["number"]


@pytest.mark.parametrize(("changed", "within"), [
    ({}, True), ({"validity": 0.74}, False), ({"validity": 1.26}, False), ({"validity": None}, False),
    ({"data_error": 0.26}, False), ({"data_error": None}, False), ({"gradient_left": 0.26}, False),
])
def test_the_band_has_three_sides(report, changed, within):
    assert report.registered.inside({"validity": 1.1, "data_error": 0.2, "gradient_left": 0.1} | changed) is within


def test_readme_shows_what_the_tables_say(report):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name, shown in (("correlations", report.tables.correlations), ("changes", report.tables.everything)):
        begin, end = report.tables.BEGIN.format(name), report.tables.END.format(name)
        assert page.split(begin)[1].split(end)[0].strip() == shown(report.rows)


def exact_rows(report):
    with (FOLDER / "exact.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_prediction_of_today_is_as_near_the_exact_one_as_registered_ones_are(report, base):
    """By the public call, to the registered residual; the bars are those of all registered predictions below."""
    row, found = exact_rows(report)[25], report.study.predict(base, base.change(26))
    assert found["residual"] <= report.study.SOLVED
    assert found["rows"] == pytest.approx(float(row["rows"]), rel=1e-3 if report.rows[25]["inside"] else 2e-2)
    assert found["distance"] == pytest.approx(float(row["distance"]), rel=1e-2)


@pytest.mark.long
@pytest.mark.parametrize("number", [2, 12, 26])
def test_a_prediction_comes_out_again(report, base, number):
    """One of each kind, by the public call, solved until the way to the answer no longer shows."""
    row = exact_rows(report)[number - 1]
    found = report.study.predict(base, base.change(number), report.study.EXACT)
    for name in ("rows", "all", "out", "validity", "gradient_left", "distance"):
        assert found[name] == pytest.approx(float(row[name]), rel=1e-4), name


def test_registered_predictions_are_as_near_the_exact_ones_as_their_residual_says(report):
    """Losses of changed rows, what the bar is about: within 0.1 % in the band, 2 % outside; the same changes in it."""
    exact = exact_rows(report)
    assert [int(row["number"]) for row in exact] == list(range(1, 31))
    for row, own in zip(report.rows, exact, strict=True):
        assert float(own["residual"]) <= report.study.EXACT
        assert row["rows"] == pytest.approx(float(own["rows"]), rel=1e-3 if row["inside"] else 2e-2), own["number"]
        assert row["distance"] == pytest.approx(float(own["distance"]), rel=1e-2), own["number"]
        assert str(row["inside"]) == own["inside"], own["number"]


def test_every_retraining_comes_out_again(report, base):
    """From its weights: how near a critical point they are, and what the losses became."""
    with np.load(FOLDER / "retrained.npz") as kept:
        assert set(kept.files) == {f"w{row['line'].number}" for row in report.rows if "re_rows" in row}
        for number, row in enumerate(report.rows, 1):
            if "re_rows" not in row:
                continue
            w, change = torch.from_numpy(kept[f"w{number}"]), base.change(number)
            gradient = report.minimum.Slope.at(change.training(base.training), w).gradient
            assert float(gradient.norm()) <= max(1.01 * row["re_gradient"], report.registered.TOLERANCE), number
            for name, value in base.rises(change, w).items():
                assert value == pytest.approx(row[f"re_{name}"], rel=1e-6, abs=1e-12), (number, name)
