"""Distances over a budget: what the prover proves is re-derived, what is altered is refused."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.check.main import check
from certify.format.refusal import Invalid
from certify.report.exporters.html import render
from tests.families import emitter
from tests.families.check_cases import NO_FILES
from tests.families.prover_cases import checked, forged, prove

SETS = ('set = "total"\nradius = 0.01', 'set = "per_sample"\nradius = 0.004',
        'set = "per_sample"\nnorm = "inf"\nradius = 0.002',
        'set = "sparse"\ncount = 2\nradius = 0.01')  # fmt: skip


def made(folder, kind=SETS[0], activation="tanh", more=""):
    from safetensors.numpy import save_file as save

    rng = np.random.default_rng(0)
    save({"0.weight": rng.standard_normal((24, 3)), "0.bias": rng.standard_normal(24),
          "2.weight": rng.standard_normal((1, 24)) / 5, "2.bias": np.zeros(1)},
         folder / "model.safetensors")  # fmt: skip
    np.savez(folder / "data.npz", X=rng.standard_normal((5, 3)))
    (folder / "spec.toml").write_text(
        f'version = 1\n[model]\nfile = "model.safetensors"\nwidths = [3, 24, 1]\nactivation = "{activation}"\n'
        f'[data]\nfile = "data.npz"\nfeatures = "X"\n[perturbation]\n{kind}\n{more}'
        '[[gate]]\nquantity = "distance"\nmax = 9.0\n',
        encoding="utf-8")  # fmt: skip
    certificate = prove(folder)
    assert certificate["claims"][0]["theorem"] == "Q4"
    return certificate


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_what_the_prover_says_is_re_derived(kind, activation, tmp_path):
    certificate = made(tmp_path, kind, activation)
    claim = certificate["claims"][0]
    assert 0 < claim["lower"] <= claim["upper"] and certificate["verdict"] == "certified"
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"


def test_units_of_features_and_the_relative_norm(tmp_path):
    kind = SETS[0] + "\nscale = {0 = 2.0}\ncolumns = [0, 2]"
    certificate = made(tmp_path, kind, more='[weights]\nnorm = "relative"\n')
    assert certificate["claims"][0]["upper"] is not None
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"


@pytest.mark.parametrize("factor", [0.5, 0.98])
def test_ends_that_are_too_good_are_refused(factor, tmp_path):
    certificate = made(tmp_path)
    claim = certificate["claims"][0]
    with pytest.raises(Invalid, match="upper"):
        checked(forged(certificate, 0, upper=claim["upper"] * factor), tmp_path)
    with pytest.raises(Invalid, match="lower"):
        checked(forged(certificate, 0, lower=claim["upper"] * 0.999), tmp_path)


@pytest.mark.parametrize("change", [
    {"witness": {}}, {"theorem": "Q7"}, {"lower": -1.0}, {"unit": "weight distance per unit of feature change"},
])
def test_altered_claims_are_refused(change, tmp_path):
    with pytest.raises(Invalid):
        checked(forged(made(tmp_path), 0, **change), tmp_path)


@pytest.mark.parametrize("layer", [0, 1, 3])
def test_another_layer_is_refused(layer, tmp_path):
    certificate = made(tmp_path)
    certificate["claims"][0]["witness"]["layer"] = layer
    with pytest.raises(Invalid):
        checked(certificate, tmp_path)


@pytest.mark.parametrize("kind", SETS)
def test_a_change_beyond_the_budget_is_refused(kind, tmp_path):
    certificate = made(tmp_path, kind)
    path = tmp_path / "witness.safetensors"
    arrays = load_file(path)
    arrays["distance.change"] *= 1.0 + 1e-9
    save_file(arrays, path)
    certificate["subject"]["witness"] = emitter.record(path, "witness.safetensors")
    with pytest.raises(Invalid, match="budget"):
        checked(certificate, tmp_path)


@pytest.mark.parametrize("kind", SETS)
def test_the_limit_is_that_of_the_nearest_rows(kind, tmp_path):
    """Half their distance where every row has the budget, over the root of two in total; none for another norm."""
    certificate = made(tmp_path, kind)
    witness = certificate["claims"][0]["witness"]
    if 'norm = "inf"' in kind:
        assert "limit" not in witness
        return
    with np.load(tmp_path / "data.npz") as file:
        X = file["X"]
    sizes = np.linalg.norm(X[:, None] - X[None], axis=2) + 1e9 * np.eye(5)
    assert sizes[tuple(witness["pair"])] == sizes.min()
    share = np.sqrt(2.0) if "total" in kind else 2.0
    assert 0 <= witness["limit"] - sizes.min() / share < 1e-14
    assert "nothing fits exactly" in render(certificate)


def test_one_row_at_a_time_has_to_go_the_whole_way(tmp_path):
    one = made(tmp_path, 'set = "sparse"\ncount = 1\nradius = 0.01')["claims"][0]["witness"]["limit"]
    two = made(tmp_path, SETS[3])["claims"][0]["witness"]["limit"]
    assert one == pytest.approx(2 * two)


@pytest.mark.parametrize("change", [{"limit": 0.999}, {"pair": [0, 0]}, {"pair": [0, 9]}, {"limit": None}])
def test_a_limit_that_says_more_is_refused(change, tmp_path):
    certificate = made(tmp_path)
    witness = certificate["claims"][0]["witness"]
    for name, value in change.items():
        if value is None:
            del witness[name]
        else:
            witness[name] = witness[name] * value if name == "limit" else value
    with pytest.raises(Invalid):
        checked(certificate, tmp_path)


def test_a_budget_beyond_the_limit_says_which_rows_meet(tmp_path):
    certificate = made(tmp_path, 'set = "per_sample"\nradius = 5.0')
    claim = certificate["claims"][0]
    assert claim["upper"] is None and "onto one another" in claim["reason"]
    assert checked(certificate, tmp_path).verdict == "inconclusive"
