"""Perturbation sets: what the prover proves is re-derived, and what is false or tampered with is refused."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from certify.check.main import main
from certify.check.reading.spec import read_spec
from certify.check.theorems.modulus.set_quantities import Summands, check_member
from certify.cli.main import main as certify
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import seeds
from tests.families.prover_cases import checked, edit, forged, perturbed, prove

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(QUIET, max_examples=examples(60))
@given(seed=seeds)
def test_what_the_prover_says_is_re_derived(seed, tmp_path):
    perturbed(seed, tmp_path)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@settings(QUIET, max_examples=examples(30))
@given(seed=seeds, upper=st.booleans())
def test_an_end_beyond_the_other_is_refused(seed, upper, tmp_path):
    """An upper end below the proved lower one is false, and so is a lower end above the upper one."""
    perturbed(seed, tmp_path)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    at = len(certificate["claims"]) - 1
    low, high = certificate["claims"][at]["lower"], certificate["claims"][at]["upper"]
    assume(low and high)
    change = {"lower": 0.0, "upper": low * (1 - 1e-9)} if upper else {"lower": high * (1 + 1e-9), "upper": 1e9}
    if upper:
        witness = dict(certificate["claims"][at]["witness"])
        witness.pop("z", None)
        change["witness"] = witness
    with pytest.raises(Invalid, match="upper" if upper else "lower"):
        checked(forged(certificate, at, **change), tmp_path)


def proved(tmp_path, kind: str, norm: int | str = 2, outputs: int = 1, **more: object) -> dict:
    """A certificate with both ends of a first-order distance, of the first seed that gives such a witness."""
    for seed in range(200):
        perturbed(seed, tmp_path, set=kind, norm=norm, outputs=outputs)
        certificate = prove(tmp_path)
        if certificate is None:
            continue
        claim = certificate["claims"][-1]
        fits = all(claim["witness"].get(key) == value for key, value in more.items())
        if claim["lower"] and claim["upper"] and fits and certificate["problem"]["n"] > 2:
            return certificate
    raise AssertionError("no such case")


@pytest.mark.parametrize("kind", ["per_sample", "sparse"])
def test_a_dual_that_proves_less_is_refused(kind, tmp_path):
    certificate = proved(tmp_path, kind, member="weights")
    at = len(certificate["claims"]) - 1
    witness = certificate["claims"][at]["witness"]
    big = int(np.argmax(witness["dual"]))
    for dual, words in (
        ([0.9 * d for d in witness["dual"]], "negative value|not proved"),
        ([0.0 * d for d in witness["dual"]], "effect"),
        ([-d for d in witness["dual"]], "effect"), ([2 * d for d in witness["dual"]], "the weights give"),
        (witness["dual"][:-1], "entries"), ([d * (1.5 if i == big else 1) for i, d in enumerate(witness["dual"])],
                                            "the weights give"),
    ):
        with pytest.raises(Invalid, match=words):
            checked(forged(certificate, at, witness=witness | {"dual": dual}), tmp_path)


def test_witness_members_that_do_not_belong_are_refused(tmp_path):
    certificate = proved(tmp_path, "per_sample", member="weights")
    at = len(certificate["claims"]) - 1
    witness = certificate["claims"][at]["witness"]
    without = {key: {k: v for k, v in witness.items() if k != key} for key in ("z", "member", "dual")}
    for changed, words in (
        (without["z"], "z is missing"), (without["member"], "member is missing"), (without["dual"], "dual is missing"),
        (without["dual"] | {"member": "rows"}, "sparse"), (witness | {"member": "trust"}, "this checker knows"),
        (witness | {"array": "first_order_distance.shape"}, "witness"), (witness | {"equal_rows": [0, 1]}, "alone"),
        (witness | {"z": [0.0] * len(witness["z"])}, "lower"), (witness | {"z": witness["z"][1:]}, "entries"),
    ):
        with pytest.raises(Invalid, match=words):
            checked(forged(certificate, at, witness=changed), tmp_path)


@pytest.mark.parametrize("member", ["rows", "pairs"])
def test_members_without_weights_prove_what_they_say_and_no_more(member, tmp_path):
    certificate = proved(tmp_path, "sparse", member=member)
    at = len(certificate["claims"]) - 1
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    claim = certificate["claims"][at]
    with pytest.raises(Invalid, match="add up|upper"):
        less = {"upper": claim["upper"] * (1 - 1e-6), "lower": 0.0, "witness": {"member": member}}
        checked(forged(certificate, at, **less), tmp_path)


@pytest.mark.parametrize("norm", [1, "inf"])
def test_ellipsoids_in_the_side_file_are_not_believed(norm, tmp_path):
    certificate = None
    for seed in range(300):
        perturbed(seed, tmp_path, set="per_sample", norm=norm, outputs=2)
        certificate = prove(tmp_path)
        claim = None if certificate is None else certificate["claims"][-1]
        if claim and claim["lower"] and "array" in claim["witness"]:
            break
    assert certificate is not None
    path = tmp_path / "witness.safetensors"
    honest = load(path.read_bytes())
    checked(certificate, tmp_path)
    for name in [key for key in honest if key.startswith("first_order")]:
        for forgery in (honest[name] * 0.5, honest[name] * 2.0, np.zeros_like(honest[name]), honest[name][:, :1]):
            path.write_bytes(save(honest | {name: np.ascontiguousarray(forgery)}))
            changed = copy.deepcopy(certificate)
            changed["subject"]["witness"] = emitter.record(path, path.name)
            if forgery.shape == honest[name].shape and norm == "inf" and forgery.any():
                checked_or_refused(changed, tmp_path)  # weights times a factor: the same ellipsoid where d_i is not
                continue
            with pytest.raises(Invalid):
                checked(changed, tmp_path)


def checked_or_refused(certificate: dict, tmp_path) -> None:
    """A stretched ellipsoid may still prove the claim; it must never prove a smaller one."""
    at = len(certificate["claims"]) - 1
    with pytest.raises(Invalid):
        low = certificate["claims"][at]["lower"]
        witness = {k: v for k, v in certificate["claims"][at]["witness"].items() if k != "z"}
        checked(forged(certificate, at, upper=low * 0.999, lower=0.0, witness=witness), tmp_path)


def test_the_change_is_bound_and_its_form_is_seen_to(tmp_path):
    certificate = proved(tmp_path, "given")
    path = tmp_path / "change.npz"
    (name, u), = np.load(path).items()
    np.savez(path, **{name: u * 2})
    with pytest.raises(Invalid, match="change file .*binds sha256"):
        checked(certificate, tmp_path)
    for other, words in (({name: u * 2}, "upper|lower"), ({name: u[:, :0]}, "shape"), ({name: u, "v": u}, "asks for")):
        np.savez(path, **other)
        changed = copy.deepcopy(certificate)
        changed["subject"]["change"] = emitter.record(path, path.name)
        with pytest.raises(Invalid, match=words):
            checked(changed, tmp_path)
    without = copy.deepcopy(certificate)
    del without["subject"]["change"]
    with pytest.raises(Invalid, match="change"):
        checked(without, tmp_path)


def test_an_idle_change_is_refused(tmp_path):
    certificate = proved(tmp_path, "per_sample")
    np.savez(tmp_path / "u.npz", u=np.zeros(1))
    certificate["subject"]["change"] = emitter.record(tmp_path / "u.npz", "u.npz")
    with pytest.raises(Invalid, match="names no change"):
        checked(certificate, tmp_path)


@pytest.mark.parametrize(("member", "value"), [("norm", 1), ("count", 5), ("set", "total"), ("radius", 1e-9)])
def test_the_set_stated_is_the_spec_s(member, value, tmp_path):
    certificate = proved(tmp_path, "sparse", norm="inf")
    certificate["problem"][member] = value if certificate["problem"][member] != value else 77
    with pytest.raises(Invalid, match=f"problem.{member}"):
        checked(certificate, tmp_path)


SPEC = """version = 1
[model]
file = "m.safetensors"
widths = [2, 3, 1]
activation = "tanh"
[data]
file = "d.npz"
[perturbation]
"""


@pytest.mark.parametrize("lines", [
    'set = "sparse"\nradius = 1.0', 'set = "sparse"\ncount = 0\nradius = 1.0', 'set = "sparse"\ncount = 2',
    "count = 2", "norm = 1", "norm = 3", 'norm = "2"', "norm = true", 'set = "given"', 'file = "u.npz"',
    'set = "given"\nfile = "u.npz"\nscale = {"0" = 1.0}', 'set = "sparse"\ncount = 1\nradius = 1\nnorm = 1\n[[gate]]\n'
    'quantity = "sample_modulus"\nmax = 1', 'set = "given"\nfile = "u.npz"\n[[gate]]\nquantity = "modulus"\nmax = 1',
    '[[gate]]\nquantity = "first_order_distance"\nmax = 1', 'set = "given"\nfile = 3', 'array = "u"',
    'radius = 1\n[solution]\nmap = "sublevel"\n[[gate]]\nquantity = "first_order_distance"\nmax = 1',
    'set = "sparse"\ncount = 1\nradius = 1\n[solution]\nmap = "sublevel"',
])
def test_specs_without_a_meaning_are_refused(lines, tmp_path):
    with pytest.raises(Invalid):
        read_spec((SPEC + lines).encode())
    (tmp_path / "spec.toml").write_text(SPEC + lines, encoding="utf-8")
    assert certify(["run", str(tmp_path / "spec.toml"), "--quiet"]) == 2  # the prover does not take them either


def test_thresholds_on_the_command_line(tmp_path, capsys):
    certificate = proved(tmp_path, "sparse")
    path = emitter.write(certificate, tmp_path)
    low, high = certificate["claims"][-1]["lower"], certificate["claims"][-1]["upper"]
    assert main([str(path), "-q", "--max", f"first_order_distance={high * 1.01}"]) == 0
    assert main([str(path), "-q", "--max", f"first_order_distance={low * 0.99}"]) == 3
    assert "first_order_distance" in capsys.readouterr().out


def test_merged_rows_need_one_change(tmp_path, capsys):
    perturbed(3, tmp_path, set="given", outputs=1)
    with np.load(tmp_path / "data.npz") as stored:
        X, y = stored["X"], stored["y"]
    X = np.vstack([X, X[:1]])
    np.savez(tmp_path / "data.npz", X=X, y=np.vstack([y, y[:1]]))
    text = (tmp_path / "spec.toml").read_text(encoding="utf-8")
    rows = next(line for line in text.splitlines() if line.startswith("rows"))
    edit(tmp_path, {rows: 'rows = "all"'})
    width = 1 if 'parameter = "targets"' in text else X.shape[1]
    u = np.ones((len(X), width))
    for last, status in ((1.0, {0, 3, 4}), (2.0, {2})):
        u[-1] = last
        np.savez(tmp_path / "change.npz", u=u)
        found = certify(["run", str(tmp_path / "spec.toml"), "--quiet", "--merge-duplicates"])
        assert found in status, capsys.readouterr().err
        if found != 2:
            assert main([str(tmp_path / "certificate.json"), "-q", "--merge-duplicates"]) == found


@pytest.mark.parametrize("norm", [1, 2, "inf"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_rows_without_effect_move_next_to_nothing(norm, outputs, tmp_path):
    """The first layer is 0, so that no feature moves an output: the prover says so up to the least number it uses."""
    rng = np.random.default_rng(0)
    case = emitter.Case([np.zeros((4, 3)), rng.normal(size=(outputs, 4))], [rng.normal(size=4), np.zeros(outputs)],
                        "tanh", rng.normal(size=(1, 3)), np.zeros((1, outputs)))
    emitter.write_files(case, tmp_path)
    lines = f'[perturbation]\nset = "per_sample"\nnorm = {json.dumps(norm)}\n'
    edit(tmp_path, {"[perturbation]\n": lines})
    certificate = prove(tmp_path)
    assert certificate is not None
    claim = certificate["claims"][0]
    assert not claim["lower"] and (claim["upper"] is None or claim["upper"] < 1e-50)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@pytest.mark.parametrize("z", [(1.0,), (1.0, 0.0, 0.0), ()])
def test_a_vector_of_another_length_is_refused(z):
    problem = SimpleNamespace(budget=SimpleNamespace(own=False, counted=False), kept=(0, 1))
    claim = SimpleNamespace(where="claims[0]", lower=1.0, upper=None, witness=Summands(z=z))
    with pytest.raises(Invalid, match="2 are needed"):
        check_member(claim, problem, True, 2)
    check_member(SimpleNamespace(**vars(claim) | {"witness": Summands(z=(1.0, 2.0))}), problem, True, 2)
