"""The critical map under perturbation sets: what is proved is re-derived, what is false or forged is refused."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat
from hypothesis import HealthCheck, assume, given, settings
from safetensors.numpy import load, save, save_file

from certify.check.linalg.definite import Truth
from certify.check.systems.critical import Stationary
from certify.check.systems.data_derivative import weighted
from certify.check.theorems.modulus import critical_sets
from certify.check.theorems.modulus.critical_sets import _alone
from certify.check.theorems.modulus.ellipsoids import Ellipsoid
from certify.check.words.row_norms.base import norm_of
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import seeds
from tests.families.prover_cases import checked, critical_set, forged, prove

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(QUIET, max_examples=examples(30))
@given(seed=seeds)
def test_what_the_prover_says_is_re_derived(seed, tmp_path):
    critical_set(seed, tmp_path)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@settings(QUIET, max_examples=examples(16))
@given(seed=seeds)
def test_an_end_beyond_the_other_is_refused(seed, tmp_path):
    """An upper end below the proved lower one is false, and so is a lower end above the upper one."""
    critical_set(seed, tmp_path, decay=0.125)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    at = len(certificate["claims"]) - 1
    claim = certificate["claims"][at]
    low, high = claim["lower"], claim["upper"]
    assume(low and high)
    witness = {name: value for name, value in claim["witness"].items() if name != "z"}
    for end, change in (("upper", {"lower": 0.0, "upper": low * (1 - 1e-9), "witness": witness}),
                        ("lower", {"lower": high * (1 + 1e-9), "upper": 1e9 * high})):
        with pytest.raises(Invalid, match=end):
            checked(forged(certificate, at, **change), tmp_path)


def proved(tmp_path, kind: str, norm: int | str = 2, parameter: str = "features", **more: object) -> dict:
    """A certificate with both ends, by the Hessian, of the first seed that gives such a witness."""
    for seed in range(200):
        critical_set(seed, tmp_path, set=kind, norm=norm, parameter=parameter, decay=0.125, n=5)
        certificate = prove(tmp_path)
        if certificate is None or certificate["problem"]["inputs"] < 2:
            continue
        claim = certificate["claims"][-1]
        fits = all(claim["witness"].get(key) == value for key, value in more.items())
        if claim["lower"] and claim["upper"] and fits and len(claim["witness"].get("dual", [0, 0])) > 1:
            return certificate
    raise AssertionError("no such case")


@pytest.mark.parametrize(("kind", "parameter"), [("per_sample", "features"), ("sparse", "sample_weights")])
def test_a_dual_that_proves_less_is_refused(kind, parameter, tmp_path):
    certificate = proved(tmp_path, kind, parameter=parameter, member="weights")
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    at = len(certificate["claims"]) - 1
    witness = certificate["claims"][at]["witness"]
    dual = witness["dual"]
    for changed, words in (
        ([0.9 * d for d in dual], "negative value|not proved"), ([0.0 * d for d in dual], "above 0"),
        ([-d for d in dual], "above 0"), ([2 * d for d in dual], "the weights give"), (dual[:-1], "entries"),
    ):
        with pytest.raises(Invalid, match=words):
            checked(forged(certificate, at, witness=witness | {"dual": changed}), tmp_path)


def test_witness_members_that_do_not_belong_are_refused(tmp_path):
    certificate = proved(tmp_path, "per_sample", member="weights")
    at = len(certificate["claims"]) - 1
    witness = certificate["claims"][at]["witness"]
    without = {key: {k: v for k, v in witness.items() if k != key} for key in ("z", "member", "dual")}
    for changed, words in (
        (without["z"], "z is missing"), (without["member"], "member is missing"), (without["dual"], "dual is missing"),
        (without["dual"] | {"member": "rows"}, "sparse"), (witness | {"equal_rows": [0, 1]}, "alone"),
        (witness | {"array": "first_order_distance.shape"}, "witness: it is missing|array is there"),
        (witness | {"z": [0.0] * len(witness["z"])}, "lower"), (witness | {"z": witness["z"][1:]}, "entries"),
    ):
        with pytest.raises(Invalid, match=words):
            checked(forged(certificate, at, witness=changed), tmp_path)


@pytest.mark.parametrize(("member", "norm", "parameter"), [
    ("rows", 2, "features"), ("rows", 1, "features"), ("pairs", 2, "sample_weights"), ("pairs", "inf", "features")])
def test_members_without_weights_prove_what_they_say_and_no_more(member, norm, parameter, tmp_path):
    certificate = proved(tmp_path, "sparse", norm, parameter, member=member)
    at = len(certificate["claims"]) - 1
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    claim = certificate["claims"][at]
    kept = {name: value for name, value in claim["witness"].items() if name != "z"}
    with pytest.raises(Invalid, match="add up|upper"):
        less = {"upper": claim["upper"] * (1 - 1e-6), "lower": 0.0, "witness": kept}
        checked(forged(certificate, at, **less), tmp_path)


@pytest.mark.parametrize("norm", [1, "inf"])
def test_ellipsoids_in_the_side_file_are_not_believed(norm, tmp_path):
    certificate = proved(tmp_path, "per_sample", norm, member="weights", array="first_order_distance.shape")
    checked(certificate, tmp_path)
    path, at = tmp_path / "witness.safetensors", len(certificate["claims"]) - 1
    honest, claim = load(path.read_bytes()), certificate["claims"][at]
    name = "first_order_distance.shape"
    witness = {key: value for key, value in claim["witness"].items() if key != "z"}
    for forgery, words in (
        (np.zeros_like(honest[name]), "above 0|the weights give"), (honest[name][:, :1], "shape"),
        (-honest[name], "above 0|negative value|not proved|weights"), (honest[name] * 3.0, "."),
    ):
        path.write_bytes(save(honest | {name: np.ascontiguousarray(forgery)}))
        false = forged(certificate, at, lower=0.0, upper=claim["lower"] * 0.999, witness=witness)
        changed = copy.deepcopy(false)
        changed["subject"]["witness"] = emitter.record(path, path.name)
        with pytest.raises(Invalid, match=words):
            checked(changed, tmp_path)


def test_the_change_is_bound_and_counts(tmp_path):
    certificate = proved(tmp_path, "given", parameter="sample_weights")
    path = tmp_path / "change.npz"
    (name, u), = np.load(path).items()
    np.savez(path, **{name: u * 2})
    with pytest.raises(Invalid, match="change file .*binds sha256"):
        checked(certificate, tmp_path)
    moved = copy.deepcopy(certificate)
    moved["subject"]["change"] = emitter.record(path, path.name)
    with pytest.raises(Invalid, match="first_order_distance"):
        checked(moved, tmp_path)
    np.savez(path, **{name: u[:, 0]})  # of sample weights one number a row will do
    moved["subject"]["change"] = emitter.record(path, path.name)
    assert checked(moved, tmp_path).verdict == certificate["verdict"]


def test_lower_ends_alone_need_no_rank(tmp_path):
    """What M5b proves from below, M5d may claim with the same witness; and no more."""
    certificate = proved(tmp_path, "sparse", parameter="sample_weights")
    at = len(certificate["claims"]) - 1
    claim = certificate["claims"][at]
    bare = {"upper": None, "theorem": "M5d", "witness": {"z": claim["witness"]["z"]}, "hypotheses": []}
    if certificate["base"]["tilt"] == "weights":
        with pytest.raises(Invalid, match="tilt in weight space"):
            checked(forged(certificate, at, **bare), tmp_path)
    else:
        checked(forged(certificate, at, **bare), tmp_path)
    with pytest.raises(Invalid, match="lower"):
        checked(forged(certificate, at, lower=claim["upper"] * 1.01, upper=claim["upper"] * 2), tmp_path)


def test_what_the_inverse_errs_by_makes_the_weights_prove_less(monkeypatch):
    """`ε = 0.1`: `A² − … ≻ 0` is asked of `(1 − ε)² = 0.81`, neither of 0.9 nor of more than 1."""
    asked = []
    at = SimpleNamespace(measured=SimpleNamespace(error=arb(0.1)), within=lambda known: Stationary.within(at, known))
    point = SimpleNamespace(problem=SimpleNamespace(at_once=1), precision=60, of=lambda _: at, once=lambda _, do: do())
    body = SimpleNamespace(stretch=arb(1), E=arb_mat([[1]]))
    for name, value in (("_around", lambda *_: {0: body}), ("stationary", None),
                        ("nonsingular", lambda _: SimpleNamespace(truth=Truth.PROVED))):
        monkeypatch.setattr(critical_sets, name, value)
    monkeypatch.setattr(weighted, "weighted", lambda *_: SimpleNamespace(
        below=lambda x: asked.append(x) or Truth.PROVED))
    assert critical_sets.by_weights(point, 1.0, 0.5, [1.0], None).truth is Truth.PROVED
    assert 0.80 < float(asked[0].mid()) < 0.8101


TINY = """version = 1
[model]
file = "m.safetensors"
widths = [3, 4, 1]
activation = "tanh"
[data]
file = "d.npz"
features = "X"
targets = "y"
[training]
weight_decay = 0.5
[solution]
map = "critical"
base = "nearby"
[perturbation]
set = "sparse"
count = 2
radius = 0.01
norm = {norm}
[[gate]]
quantity = "first_order_distance"
max = 10.0
"""


@pytest.mark.parametrize("norm", ["1", "2", '"inf"'])
def test_what_one_row_does_to_weights_that_collapsed_is_bounded(norm, tmp_path):
    """Motions far below the unit of fixed point are rounding alone: an honest end is accepted, one far below is not."""
    rng = np.random.default_rng(0)
    X, size = rng.standard_normal((12, 3)), 1e-48
    y = rng.standard_normal((12, 1)) * 0.1
    np.savez(tmp_path / "d.npz", X=X, y=y - y.mean())
    save_file({"0.weight": rng.standard_normal((4, 3)) * size, "0.bias": rng.standard_normal(4) * size,
               "2.weight": rng.standard_normal((1, 4)) * size, "2.bias": np.array([size])}, tmp_path / "m.safetensors")
    (tmp_path / "spec.toml").write_text(TINY.format(norm=norm))
    certificate = prove(tmp_path)
    claim = certificate["claims"][0]
    assert claim["witness"]["member"] == "rows" and 0 < claim["upper"] < 1e-28
    assert checked(certificate, tmp_path).gates == "open"  # of nearby solutions that are proved too far from these
    with pytest.raises(Invalid, match="upper"):
        checked(forged(certificate, 0, upper=1e-300), tmp_path)


@settings(QUIET, max_examples=examples(60))
@given(seed=seeds)
def test_the_motion_of_one_row_is_bounded_whatever_the_balls_hold(seed):
    """Every matrix in the balls has its largest eigenvalue below; where they are narrow the bound is sharp."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 5))
    B = rng.standard_normal((d, d)) * 10.0 ** rng.integers(-60, 3)
    G, radius = B @ B.T, float(10.0 ** rng.integers(-120, 3) if rng.random() < 0.7 else 0.0)
    unit = [[arb(int(a == b)) for b in range(d)] for a in range(d)]
    body = Ellipsoid(arb_mat(unit), arb(1), False)
    found = _alone(arb_mat([[arb(G[a, b], radius) for b in range(d)] for a in range(d)]), body, norm_of(2))
    E = rng.uniform(-radius, radius, (d, d))
    truth = float(np.linalg.eigvalsh(G + (E + E.T) / 2)[-1])
    assert found.is_finite() and truth * (1 - 1e-12) <= float(found.upper())
    if radius == 0.0:
        assert float(found.upper()) <= truth * (1 + 1e-5)
