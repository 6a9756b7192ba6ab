"""Distances over a budget: what the prover proves is re-derived, what is altered is refused."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.check.main import check
from certify.check.refusal import Invalid
from tests.check import emitter
from tests.check.cases import NO_FILES
from tests.check.prover_cases import checked, forged, prove

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
