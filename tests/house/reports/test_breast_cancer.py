"""The breast cancer report: its files are what its README says, and its measuring tool measures what it says."""

from __future__ import annotations

import csv
import hashlib
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "reports" / "audits" / "breast-cancer"
MODULES = ("resolve", "rows", "tables", "recipe")


@pytest.fixture(scope="module")
def report():
    """The report's scripts and its data; they are not a package, so the import is undone afterwards."""
    sys.path.insert(0, str(FOLDER))
    try:
        modules = {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            sys.modules.pop(name, None)
    net, w, X, y = modules["resolve"].load(FOLDER)
    J, g = net.jacobians(w, X)
    return SimpleNamespace(net=net, w=w, X=X, y=y, J=J, g=g, **modules)


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(" – ")]


def test_files_are_the_recorded_ones_and_small(report):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name, digest in report.recipe.SHA256.items():
        data = (FOLDER / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
        assert digest in page
        assert len(data) <= 200_000


def test_npz_bytes_depend_on_the_arrays_alone(report):
    assert report.recipe.npz_bytes(X=report.X, y=report.y) == (FOLDER / "train.npz").read_bytes()


def test_data_are_the_standardised_set_of_scikit_learn(report):
    pytest.importorskip("sklearn")
    X, y = report.recipe.load_data()
    np.testing.assert_allclose(report.X, X, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(report.y, y)


def test_data_are_standardised(report):
    assert report.X.shape == (569, 30) and report.X.dtype == report.y.dtype == np.float64
    np.testing.assert_allclose(report.X.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(report.X.std(0), 1, atol=1e-12)
    assert [(report.y == value).sum() for value in (-1, 1)] == [212, 357]


def test_weights_interpolate(report):
    assert report.net.shapes == ((64, 30), (64,), (64, 64), (64,), (1, 64), (1,))
    assert abs(report.net.outputs(report.w, report.X) - report.y).max() < 1e-9


def test_the_scripts_and_certify_read_the_same_problem(report):
    from certify.problem.load import load_problem

    problem = load_problem(FOLDER / "certify.toml")
    np.testing.assert_array_equal(problem.X, report.X)
    pairs = zip(problem.network.weights, problem.network.biases, strict=True)
    np.testing.assert_array_equal(np.concatenate([part.ravel() for pair in pairs for part in pair]), report.w)


def test_derivatives_against_complex_steps(report):
    """`Im F(a + ihv)/h` has no cancellation, so it agrees to rounding."""
    net, w, X, h = report.net, report.w, report.X[:40], 1e-30
    random = np.random.default_rng(1)
    v, mu, d = random.standard_normal(w.size), random.standard_normal(len(X)), random.standard_normal(X.shape)
    J, g = net.jacobians(w, X)
    np.testing.assert_allclose(J @ v, net.outputs(w + 1j * h * v, X).imag / h, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose((g * d).sum(1), net.outputs(w, X + 1j * h * d).imag / h, rtol=1e-10, atol=1e-10)
    exact = (net.jacobians(w + 1j * h * v, X)[0].T @ mu).imag / h
    np.testing.assert_allclose(net.curvature(w, X, mu, v), exact, rtol=1e-9, atol=1e-9)


def test_nearest_is_exact_for_an_affine_network(report):
    """One layer: S(u) is an affine set, and the nearest point is a least-norm solution."""
    resolve = report.resolve
    random = np.random.default_rng(2)
    net, w = resolve.TanhNet(((1, 5), (1,))), random.standard_normal(6)
    X = random.standard_normal((3, 5))
    moved = X.copy()
    moved[1] += 0.5
    found = resolve.nearest(net, w, X, moved, convexity=True)
    A = np.column_stack([moved, np.ones(3)])
    expected = np.linalg.lstsq(A, net.outputs(w, X) - A @ w, rcond=None)[0]
    assert found.status == "converged"
    assert found.distance == pytest.approx(np.linalg.norm(expected), rel=1e-12)
    assert found.convexity == pytest.approx(1)


def test_nearest_says_when_there_is_no_solution(report):
    """Two rows that become equal but must keep different outputs."""
    random = np.random.default_rng(3)
    net, w, X = report.resolve.TanhNet(((1, 5), (1,))), random.standard_normal(6), random.standard_normal((3, 5))
    found = report.resolve.nearest(net, w, X, X[[0, 0, 2]])
    assert "rank deficient" in found.status and found.distance == np.inf


def test_least_squares_modulus_of_a_narrow_layer(report):
    """The last layer is linear in its weights: move one row and solve again."""
    A, row, t = report.J[:, -65:], 339, 1e-4
    kappa = report.resolve.row_moduli(A, report.g)[row]
    moved = report.X.copy()
    moved[row] += t * report.g[row] / np.linalg.norm(report.g[row])
    after = report.net.jacobians(report.w, moved)[0][:, -65:]
    solution = np.linalg.lstsq(after, report.net.outputs(report.w, report.X), rcond=None)[0]
    assert np.linalg.norm(solution - report.w[-65:]) / t == pytest.approx(kappa, rel=1e-3)


@pytest.mark.parametrize("row", [339, pytest.param(291, marks=pytest.mark.long)])
def test_one_row_re_solved_sits_at_m4_and_not_at_theorem_2(report, row):
    t, slope = 1e-4, np.linalg.norm(report.g[row])
    moved = report.X.copy()
    moved[row] += t * report.g[row] / slope
    found = report.resolve.nearest(report.net, report.w, report.X, moved, convexity=True)
    kappa = report.resolve.row_moduli(report.J, report.g)[row]
    assert found.status == "converged" and found.residual < 1e-12 and found.tangential < 1e-8 and found.convexity > 0.9
    assert found.distance / t == pytest.approx(kappa, rel=1e-3)
    assert found.distance / t > 3 * slope / np.linalg.norm(report.J[row])


def test_table_holds_the_ten_rows_that_differ_most_and_they_agree_with_m4(report):
    with (FOLDER / "table.csv").open(encoding="utf-8") as stream:
        lines = list(csv.DictReader(stream))
    assert {line["status"] for line in lines} == {"converged"}
    slopes = np.linalg.norm(report.g, axis=1)
    kappa, paper = report.resolve.row_moduli(report.J, report.g), slopes / np.linalg.norm(report.J, axis=1)
    order = list(dict.fromkeys(int(line["row"]) for line in lines))
    assert order[:10] == list(np.argsort(-kappa / paper)[:10])
    assert order[10:] == list(np.argsort(paper - kappa)[:10])
    for line in lines:
        t, rate = float(line["t"]), float(line["rate"])
        allowed = kappa[int(line["row"])] * t + float(line["gap"]) / t
        assert abs(rate - kappa[int(line["row"])]) <= allowed, line
        assert float(line["residual"]) <= 1e-12


def test_readme_shows_the_table_of_the_study(report):
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    shown = page.split(report.tables.BEGIN)[1].split(report.tables.END)[0].strip()
    assert shown in (FOLDER / "table.md").read_text(encoding="utf-8")
    assert len(shown.splitlines()) == 12


def test_the_study_read_m4_from_the_certificate(report):
    proved = report.rows.proved_moduli(FOLDER / "certificate.json", FOLDER / "model.safetensors")
    kappa = report.resolve.row_moduli(report.J, report.g)
    assert len(proved) == 569
    for row, (lower, upper) in proved.items():
        assert lower <= upper <= lower * (1 + 1e-5)
        assert kappa[row] == pytest.approx(lower, rel=1e-9)
    with (FOLDER / "table.csv").open(encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            lower, upper = proved[int(line["row"])]
            assert lower == pytest.approx(float(line["m4_lower"]), rel=1e-9)
            assert upper == pytest.approx(float(line["m4_upper"]), rel=1e-9)


def test_an_interval_is_printed_outward(report):
    row = SimpleNamespace(lower=0.12345678, upper=0.12345679, modulus=0.0)
    low, high = numbers(report.tables.interval(row))
    assert low <= row.lower and row.upper <= high and high - low <= 2e-6
