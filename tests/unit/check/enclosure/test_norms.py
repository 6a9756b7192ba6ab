"""Norms of the weights: what the prover proves is re-derived, what is false by a hair or altered is refused."""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from certify.check.enclosure.norms import layer_squares
from certify.check.main import check
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import NO_FILES, plain, seeds
from tests.families.prover_cases import checked, edit, forged, nearby, prove, sublevel

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
HAIR = 1e-5


def normed(folder, seed, norm):
    """Give the spec in the folder a norm of the weights; function: rows that may be among the data."""
    rng = np.random.default_rng(seed)
    text = f'[weights]\nnorm = "{norm}"\n'
    if norm == "function":
        X = np.load(folder / "data.npz")["X"]
        rows = X if rng.random() < 0.4 else np.round(rng.normal(size=(int(rng.integers(1, 5)), X.shape[1])), 2)
        np.savez(folder / "seen.npz", X=rows)
        text += 'reference = "seen.npz"\n' + (f"tau = {rng.choice([0.01, 0.5, 2])}\n" if rng.random() < 0.5 else "")
    edit(folder, {"[perturbation]\n": f"{text}[perturbation]\n"})


NORMS = st.sampled_from(["relative", "function"])


@settings(QUIET, max_examples=examples(40))
@given(seed=seeds, norm=NORMS, kind=st.sampled_from(["given", "nearby", "sublevel"]))
def test_what_the_prover_says_is_re_derived(seed, norm, kind, tmp_path):
    sublevel(seed, tmp_path) if kind == "sublevel" else nearby(seed, tmp_path)
    if kind == "given":
        edit(tmp_path, {'base = "nearby"\n': ""})
    normed(tmp_path, seed, norm)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert certificate["problem"]["weight_norm"] == norm
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@settings(QUIET, max_examples=examples(40))
@given(seed=seeds, norm=NORMS, upper=st.booleans(), place=st.integers(0, 1), kind=st.sampled_from(["map", "sublevel"]))
def test_an_end_beyond_the_truth_is_refused(seed, norm, upper, place, kind, tmp_path):
    if kind == "sublevel":
        sublevel(seed, tmp_path, level=None, parameter="features")
    else:
        nearby(seed, tmp_path)
        edit(tmp_path, {'base = "nearby"\n': ""})
    normed(tmp_path, seed, norm)
    certificate = prove(tmp_path)
    assume(certificate is not None and len(certificate["claims"]) > place)
    claim = copy.deepcopy(certificate["claims"][place])
    low, high = claim["lower"], claim["upper"]
    assume(low and high and high < low * (1 + HAIR))
    side, value = ("upper", low * (1 - 2 * HAIR)) if upper else ("lower", high * (1 + 2 * HAIR))
    change = {"lower": 0.0, "witness": {}} if upper else {"upper": 1e9}
    if claim["quantity"] == "sample_modulus":
        rows = len(claim["rows"])
        change = {"lower": 0.0, "row_lower": [0.0] * rows, "row_upper": [value] * rows} if upper else {
            "upper": 1e9, "row_lower": [value] * rows, "row_upper": [1e9] * rows}
    with pytest.raises(Invalid, match="upper" if upper else "lower"):
        checked(forged(certificate, place, **{side: value, **change}), tmp_path)


def made(folder, norm="function"):
    emitter.write_files(plain(), folder)
    normed(folder, 3, norm)
    certificate = prove(folder)
    assert certificate["verdict"] == "certified"
    return certificate


@pytest.mark.parametrize("member, value", [("weight_norm", "euclidean"), ("weight_norm", "relative"), ("tau", 1.0),
                                           ("tau", None), ("reference_rows", 7)])
def test_a_problem_with_another_norm_is_refused(member, value, tmp_path):
    certificate = made(tmp_path)
    certificate["problem"][member] = value
    with pytest.raises(Invalid, match="problem"):
        checked(certificate, tmp_path)


def test_members_of_the_function_norm_are_refused_elsewhere(tmp_path):
    certificate = made(tmp_path, "relative")
    certificate["problem"] |= {"tau": 0.5, "reference_rows": 2}
    with pytest.raises(Invalid, match="problem"):
        checked(certificate, tmp_path)


@pytest.mark.parametrize("norm, needed", [("function", "as the reference rows see it"), ("relative", "each layer")])
def test_the_unit_is_that_of_the_norm(norm, needed, tmp_path):
    certificate = made(tmp_path, norm)
    assert needed in certificate["claims"][0]["unit"]
    certificate["claims"][0]["unit"] = "weight distance per unit of feature change"
    with pytest.raises(Invalid, match="unit"):
        checked(certificate, tmp_path)


def test_other_reference_rows_are_refused(tmp_path):
    certificate = made(tmp_path)
    rows = np.load(tmp_path / "seen.npz")["X"]
    np.savez(tmp_path / "seen.npz", X=rows + 0.125)
    with pytest.raises(Invalid, match="reference file"):
        checked(certificate, tmp_path)
    del certificate["subject"]["reference"]
    with pytest.raises(Invalid, match=r"subject\.reference"):
        checked(certificate, tmp_path)


def test_a_layer_of_zeros_has_no_relative_norm(tmp_path):
    case = plain()
    case.weights[0] = np.zeros_like(case.weights[0])
    emitter.write_files(case, tmp_path)
    normed(tmp_path, 3, "relative")
    assert prove(tmp_path) is None  # exit status 2
    spec, model, data = ((tmp_path / name).read_bytes() for name in ("spec.toml", "model.safetensors", "data.npz"))
    with pytest.raises(Invalid, match="all weights of layer 1 are 0"):
        layer_squares(build_problem(read_spec(spec), model, data, False))


def test_a_shorter_witness_is_refused(tmp_path):
    certificate = made(tmp_path)
    certificate["claims"][0]["witness"]["z"] = certificate["claims"][0]["witness"]["z"][:8]
    with pytest.raises(Invalid, match="entries"):
        checked(certificate, tmp_path)


def test_known_modulus_with_the_training_rows_as_reference(tmp_path):
    """Targets: K = J(JᵀJ + τ²I)⁻¹Jᵀ has the eigenvalues σ²/(σ² + τ²), so lip² = 1 + τ²/σ_min(J)²."""
    case = plain(parameter="targets")
    emitter.write_files(case, tmp_path)
    np.savez(tmp_path / "seen.npz", X=case.X)
    norm = '[weights]\nnorm = "function"\nreference = "seen.npz"\ntau = 0.5\n'
    edit(tmp_path, {"[perturbation]\n": f"{norm}[perturbation]\n"})
    certificate = prove(tmp_path)
    claim = certificate["claims"][0]
    sigma = emitter.truth(case).K.eig(tol=1e-60)
    least = min(float(x.real.mid()) for x in sigma)
    assert Fraction(claim["lower"]) ** 2 <= Fraction(1 + 0.25 / least) * (1 + Fraction(1, 10**14))
    assert Fraction(claim["upper"]) ** 2 >= Fraction(1 + 0.25 / least) * (1 - Fraction(1, 10**14))
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"
