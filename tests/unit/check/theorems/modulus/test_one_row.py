"""`sample_modulus` in the norms 1 and inf: what is proved is re-derived, what is false or forged is refused."""

from __future__ import annotations

import copy
import json
from unittest import mock

import numpy as np
import pytest
from flint import arb, arb_mat
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from certify.check.theorems.modulus import vertices as alone
from certify.format.refusal import Invalid
from certify.theorems.modulus import one_row
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import seeds
from tests.families.prover_cases import checked, critical, edit, forged, parts, perturbed, prove

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
SHAPE = "sample_modulus.shape"
AT = 0


def only_rows(folder, norm: int | str) -> None:
    """Ask for `sample_modulus` alone, with a budget for every row in the norm."""
    path = folder / "spec.toml"
    text = path.read_text(encoding="utf-8").split("[[gate]]")[0]
    lines = [line for line in text.splitlines() if not line.startswith(("set =", "norm = 1", 'norm = "inf"'))]
    path.write_text("\n".join(lines) + '\n[[gate]]\nquantity = "sample_modulus"\nmax = 3\n', encoding="utf-8")
    edit(folder, {"[perturbation]\n": f'[perturbation]\nset = "per_sample"\nnorm = {json.dumps(norm)}\n'})


def few(limit: int):
    """Another number of features from which on signs and weights are stated, for prover and checker alike."""
    return mock.patch.multiple(one_row, FEW=limit), mock.patch.multiple(alone, FEW=limit)


@settings(QUIET, max_examples=examples(30))
@given(seed=seeds, norm=st.sampled_from([1, "inf"]), by_hessian=st.booleans())
def test_what_the_prover_says_is_re_derived(seed, norm, by_hessian, tmp_path):
    (critical if by_hessian else perturbed)(seed, tmp_path, **({"n": 5} if by_hessian else {"set": "per_sample"}))
    only_rows(tmp_path, norm)
    prover, checker = few(1)
    with prover, checker:
        certificate = prove(tmp_path)
        assume(certificate is not None)
        assert checked(certificate, tmp_path).verdict == certificate["verdict"]


def wide(folder, norm: int | str, by_hessian: bool = False, **more) -> dict:
    """A certificate about nine features and two outputs, with a number at both ends of every row."""
    for seed in range(50):
        rng = np.random.default_rng(seed)
        made = parts(rng, 2)
        n = 4
        made |= {"weights": [np.round(rng.normal(size=(6, 9)), 2), np.round(rng.normal(size=(2, 6)), 2)],
                 "biases": [np.round(rng.normal(size=6), 2), None], "activation": "tanh", "rows": [0, 2, 3],
                 "layer": "all", "X": np.round(rng.normal(size=(n, 9)), 2), "y": np.round(rng.normal(size=(n, 2)), 2)}
        case = emitter.Case(**made, **more)
        emitter.write_files(case, folder)
        if by_hessian:
            edit(folder, {"[solution]\n": '[solution]\nmap = "critical"\n', "[training]\n": "[training]\n"
                          "weight_decay = 0.125\n"})
        only_rows(folder, norm)
        certificate = prove(folder)
        if certificate is not None and certificate["claims"][AT]["lower"]:
            return certificate
    raise AssertionError("no such case")


BOTH = pytest.mark.parametrize("by_hessian", [False, True])


@BOTH
@pytest.mark.parametrize("norm", [1, "inf"])
def test_both_ends_of_a_wide_network(norm, by_hessian, tmp_path):
    certificate = wide(tmp_path, norm, by_hessian)
    claim = certificate["claims"][AT]
    assert claim["theorem"] == ("M5c" if by_hessian else "N4") and claim["rows"] == [0, 2, 3]
    assert claim["witness"] == ({"array": SHAPE} if norm == "inf" else {})
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    assert claim["upper"] <= claim["lower"] * (1.1 if norm == "inf" else 1 + 1e-6)


@BOTH
@pytest.mark.parametrize("norm", [1, "inf"])
def test_rows_beyond_their_ends_are_refused(norm, by_hessian, tmp_path):
    certificate = wide(tmp_path, norm, by_hessian)
    claim = certificate["claims"][AT]
    low, high = claim["row_lower"], claim["row_upper"]
    for i in range(len(low)):
        less = [v * (1 - 1e-6) if j == i else v for j, v in enumerate(low)]
        more = [v * (1 + 1e-6) if j == i else v for j, v in enumerate(high)]
        with pytest.raises(Invalid, match="row_upper of row"):
            checked(forged(certificate, AT, row_lower=[0.0] * 3, lower=0.0, row_upper=less, upper=max(less)), tmp_path)
        with pytest.raises(Invalid, match="row_lower of row"):
            checked(forged(certificate, AT, row_lower=more, lower=max(more), row_upper=[9e9] * 3, upper=9e9), tmp_path)


@BOTH
@pytest.mark.parametrize("norm", [1, "inf"])
def test_wrong_formulas_are_refused(norm, by_hessian, tmp_path):
    """The norm in place of its dual: each row's figure of the other norm, as both ends."""
    other = {1: "inf", "inf": 1}[norm]
    wrong = wide(tmp_path, other, by_hessian)["claims"][AT]
    certificate = wide(tmp_path, norm, by_hessian)
    ends = {"row_lower": wrong["row_lower"], "lower": wrong["lower"], "row_upper": wrong["row_upper"],
            "upper": wrong["upper"]}
    with pytest.raises(Invalid, match="row_upper of row" if norm == "inf" else "row_lower of row"):
        checked(forged(certificate, AT, **ends), tmp_path)


@BOTH
def test_signs_and_weights_are_not_believed(by_hessian, tmp_path):
    certificate = wide(tmp_path, "inf", by_hessian)
    path = tmp_path / "witness.safetensors"
    honest = load(path.read_bytes())
    shape = honest[SHAPE]
    rows = [0, 2, 3]
    flipped, other, hole = shape.copy(), shape.copy(), shape.copy()
    flipped[0, 0] *= -1.0
    other[rows] *= 10.0 ** np.random.default_rng(0).uniform(-1, 1, (3, 9))
    hole[2, 4] = 0.0
    for forgery, words in ((flipped, "row_lower"), (other, "row_upper"), (hole, "never 0"), (shape[:, :4], "shape"),
                           (shape[rows], "shape"), (np.abs(shape), "row_lower"), (np.sign(shape), "row_upper")):
        path.write_bytes(save(honest | {SHAPE: np.ascontiguousarray(forgery)}))
        changed = copy.deepcopy(certificate)
        changed["subject"]["witness"] = emitter.record(path, path.name)
        with pytest.raises(Invalid, match=words):
            checked(changed, tmp_path)
    path.write_bytes(save(honest | {SHAPE: -3.0 * shape}))  # the same change the other way, the same ellipsoid
    changed["subject"]["witness"] = emitter.record(path, path.name)
    assert checked(changed, tmp_path).verdict == certificate["verdict"]


@BOTH
def test_the_array_is_there_if_and_only_if_it_is_needed(by_hessian, tmp_path):
    certificate = wide(tmp_path, "inf", by_hessian)
    with pytest.raises(Invalid, match="witness"):
        checked(forged(certificate, AT, witness={}), tmp_path)
    without = forged(certificate, AT, witness={})
    del without["subject"]["witness"]
    with pytest.raises(Invalid, match="array is missing"):
        checked(without, tmp_path)
    for witness in ({"array": "modulus.shape"}, {"array": SHAPE, "z": [1.0]}, {"member": "rows"},
                    {"array": SHAPE, "equal_rows": [0, 1]}):
        with pytest.raises(Invalid, match="witness"):
            checked(forged(certificate, AT, witness=witness), tmp_path)
    one = wide(tmp_path, 1, by_hessian)
    (tmp_path / "witness.safetensors").write_bytes(save({SHAPE: np.ones((4, 9))}))
    one["subject"]["witness"] = emitter.record(tmp_path / "witness.safetensors", "witness.safetensors")
    with pytest.raises(Invalid, match="array is there"):
        checked(forged(one, AT, witness={"array": SHAPE}), tmp_path)


def test_the_theorem_is_that_of_the_norm(tmp_path):
    certificate = wide(tmp_path, 1)
    for theorem in ("M4", "N1", "M5c"):
        with pytest.raises(Invalid, match="theorem"):
            checked(forged(certificate, AT, theorem=theorem), tmp_path)


@BOTH
def test_features_that_stay_and_units_count(by_hessian, tmp_path):
    """Six features of nine may move, so that all signs are tried; one has a unit of its own."""
    certificate = wide(tmp_path, "inf", by_hessian, columns=[8, 1, 2, 3, 5, 6], scale={"8": 2.5})
    claim = certificate["claims"][AT]
    assert claim["witness"] == {} and claim["upper"] <= claim["lower"] * (1 + 1e-6)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    with pytest.raises(Invalid, match="row_upper of row"):
        less = [v * (1 - 1e-6) for v in claim["row_lower"]]
        checked(forged(certificate, AT, row_lower=[0.0] * 3, lower=0.0, row_upper=less, upper=max(less)), tmp_path)


def test_forms_leave_out_what_is_zero():
    M = arb_mat([[2, 1], [1, 3]])
    assert alone.form(M, [arb(1), arb(-1)]) == 3 and alone.form(M, [arb(0), arb(1)]) == 3
    assert alone.form(M, [arb(0), arb(0)]) == 0
