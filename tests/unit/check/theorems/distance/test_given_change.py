"""Distances after one given change: what the prover proves is re-derived, what is false or altered is refused."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from safetensors.numpy import load_file, save_file

from certify.check.main import check
from certify.check.theorems.distance.form import Found, check_form
from certify.check.words.solutions import MAPS
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import NO_FILES, plain, seeds
from tests.families.once import once
from tests.families.prover_cases import checked, edit, forged, nearby, prove

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
GATE = '\n[[gate]]\nquantity = "distance"\nmax = 1.0\n'


def changed(folder, case, u, norm="euclidean", gate=GATE):
    """Make the spec in the folder one about a given change."""
    np.savez(folder / "change.npz", u=u)
    text = f'[weights]\nnorm = "{norm}"\n[perturbation]\nset = "given"\nfile = "change.npz"\n'
    edit(folder, {"[perturbation]\n": text})
    path = folder / "spec.toml"
    path.write_text(path.read_text(encoding="utf-8") + gate, encoding="utf-8")


def random_change(seed, folder):
    """A random problem and change; None where the problem has units of its own."""
    rng = np.random.default_rng(seed)
    case = nearby(seed, folder)
    if case.units is not None:
        return None
    edit(folder, {'base = "nearby"\n': ""})
    listed = len(case.X) if case.rows == "all" else len(case.rows)
    width = case.widths[0] if case.parameter == "features" else case.widths[-1]
    size = 10.0 ** rng.integers(-6, 1)
    changed(folder, case, rng.normal(size=(listed, width)) * size, str(rng.choice(["euclidean", "relative"])))
    return case


@settings(QUIET, max_examples=examples(40))
@given(seed=seeds)
def test_what_the_prover_says_is_re_derived_and_no_end_lies_beyond_the_other(seed, tmp_path):
    """The truth lies between the ends, so a lower end above the upper one, or the reverse, is false."""
    assume(random_change(seed, tmp_path) is not None)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    claim = certificate["claims"][0]
    assert claim["theorem"] == "Q7" and (claim["upper"] is None or claim["lower"] <= claim["upper"])
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    if claim["lower"] and claim["upper"]:
        upper = {"lower": 0.0, "upper": claim["lower"] * (1 - 1e-9), "witness": {"array": "distance.centre"}}
        lower = {"lower": claim["upper"] * (1 + 1e-9), "upper": claim["upper"] * 2}
        for change, words in ((upper, "upper"), (lower, "lower")):
            with pytest.raises(Invalid, match=words):
                checked(forged(certificate, 0, **change), tmp_path)


@once
def made(folder, norm="euclidean", size=1e-3, gate=GATE, parameter="features"):
    case = plain(parameter=parameter)
    emitter.write_files(case, folder)
    width = 3 if parameter == "features" else 2
    changed(folder, case, np.random.default_rng(2).normal(size=(4, width)) * size, norm, gate)
    certificate = prove(folder)
    assert certificate["claims"][0]["lower"] > 0 and certificate["claims"][0]["upper"] is not None
    return certificate


@pytest.mark.parametrize("parameter", ["features", "targets"])
@pytest.mark.parametrize("norm", ["euclidean", "relative"])
def test_small_changes_are_enclosed_tightly(norm, parameter, tmp_path):
    claim = made(tmp_path, norm, 1e-6, parameter=parameter)["claims"][0]
    assert claim["upper"] <= claim["lower"] * (1 + 1e-3)
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"


def test_a_gate_is_refuted_by_a_witness(tmp_path):
    certificate = made(tmp_path, gate=GATE.replace("1.0", "1e-6"))
    assert certificate["verdict"] == "refuted"
    assert checked(certificate, tmp_path).verdict == "refuted"


@pytest.mark.parametrize("change", [
    {"witness": {}}, {"witness": {"z": [1.0] * 8}}, {"witness": {"z": [1.0] * 7, "array": "distance.centre"}},
    {"witness": {"z": [0.0] * 8, "array": "distance.centre"}}, {"theorem": "F1"}, {"theorem": "N3"},
    {"unit": "weight distance per unit of feature change"}, {"lower": -1.0},
])
def test_altered_claims_are_refused(change, tmp_path):
    certificate = made(tmp_path)
    with pytest.raises(Invalid):
        checked(forged(certificate, 0, **change), tmp_path)
    with pytest.raises(Invalid):
        altered = copy.deepcopy(certificate)
        altered["claims"][0]["witness"]["array"] = "distance.other"
        checked(altered, tmp_path)


def test_another_witness_that_proves_less_is_refused(tmp_path):
    certificate = made(tmp_path)
    witness = certificate["claims"][0]["witness"]
    witness["z"] = [1.0, *[0.0] * 7]
    with pytest.raises(Invalid, match=r"lower.*the witness proves"):
        checked(certificate, tmp_path)


@pytest.mark.parametrize("change", ["far", "missing", "idle", "change"])
def test_altered_side_files_are_refused(change, tmp_path):
    certificate = made(tmp_path)
    path = tmp_path / "witness.safetensors"
    arrays = load_file(path)
    if change == "far":
        arrays["distance.centre.weight.1.hi"] = arrays["distance.centre.weight.1.hi"] + 1.0
    elif change == "missing":
        del arrays["distance.centre.bias.1.lo"]
    elif change == "idle":
        arrays["weight.1.hi"] = np.zeros(1)
    else:
        np.savez(tmp_path / "change.npz", u=np.zeros((4, 3)))
    if change != "change":
        save_file(arrays, path)
        certificate["subject"]["witness"] = emitter.record(path, "witness.safetensors")
    with pytest.raises(Invalid):
        checked(certificate, tmp_path)


@pytest.mark.parametrize("old, new", [('set = "given"\nfile = "change.npz"\n', ""),
                                      ("[solution]\n", '[solution]\nbase = "nearby"\n')])
def test_specs_without_a_meaning_are_refused(old, new, tmp_path):
    emitter.write_files(plain(), tmp_path)
    changed(tmp_path, plain(), np.zeros((4, 3)))
    edit(tmp_path, {old: new})
    assert prove(tmp_path) is None  # exit status 2


@pytest.mark.parametrize(("z", "refused"), [([1.0, 2.0], False), ([1.0], True), ([1.0, 2.0, 3.0], True), (None, True)])
def test_a_vector_has_a_number_for_every_row_of_the_kernel(z, refused):
    claim = SimpleNamespace(witness=Found(z=z), lower=1.0, upper=None, where="claims[0]")
    fits = SimpleNamespace(interpolation_rows=2, parameters=9, solutions=MAPS["interpolation"])
    critical = SimpleNamespace(interpolation_rows=9, parameters=2, solutions=MAPS["critical"])
    for problem in (fits, critical):
        if not refused:
            check_form(claim, problem)
            continue
        with pytest.raises(Invalid, match="z is missing" if z is None else "entries"):
            check_form(claim, problem)


def test_a_lower_end_a_hundredth_above_the_distance_is_refused(tmp_path):
    """Where both ends are within a thousandth: the whole path counts, not every other part of it."""
    certificate = made(tmp_path, size=1e-6)
    upper = certificate["claims"][0]["upper"]
    with pytest.raises(Invalid, match=r"lower.*the witness proves"):
        checked(forged(certificate, 0, lower=upper * 1.01, upper=upper * 2), tmp_path)
