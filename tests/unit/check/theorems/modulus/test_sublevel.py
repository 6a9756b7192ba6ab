"""The sublevel map: what the prover proves is re-derived, and what is false by a hair is refused."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from certify.check.enclosure import network
from certify.check.enclosure.gradients import losses
from certify.check.lipschitz import reach as growth
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.systems.point import Point
from certify.check.systems.sublevel import descent_of
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import seeds
from tests.families.prover_cases import checked, edit, forged, outputs, prove, sublevel

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
HAIR = 1e-5
"""Ends of the prover may lie this far apart, relatively; a forger goes beyond by more."""


@settings(QUIET, max_examples=examples(30))
@given(seed=seeds)
def test_what_the_prover_says_is_re_derived(seed, tmp_path):
    sublevel(seed, tmp_path)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@settings(QUIET, max_examples=examples(20))
@given(seed=seeds, upper=st.booleans())
def test_a_modulus_beyond_the_truth_is_refused(seed, upper, tmp_path):
    sublevel(seed, tmp_path, level=None)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    claim = certificate["claims"][0]
    assume(claim["lower"] and claim["upper"] < claim["lower"] * (1 + HAIR))
    low, high = claim["lower"], claim["upper"]
    change = {"lower": 0.0, "upper": low * (1 - 2 * HAIR)} if upper else {"lower": high * (1 + 2 * HAIR), "upper": 1e9}
    with pytest.raises(Invalid, match="upper" if upper else "lower"):
        checked(forged(certificate, 0, **change), tmp_path)


def test_a_lower_end_of_one_is_proved_as_any_other(tmp_path):
    """Only 0 is true of every modulus."""
    refused = 0
    for seed in range(12):
        folder = tmp_path / str(seed)
        folder.mkdir()
        sublevel(seed, folder, level=None)
        certificate = prove(folder)
        if certificate is not None and (certificate["claims"][0]["upper"] or 2.0) < 1.0:
            with pytest.raises(Invalid, match="lower"):
                checked(forged(certificate, 0, lower=1.0, upper=1e9), folder)
            refused += 1
    assert refused


@settings(QUIET, max_examples=examples(30))
@given(seed=seeds, upper=st.booleans(), place=st.integers(0, 99))
def test_a_row_beyond_the_truth_is_refused(seed, upper, place, tmp_path):
    sublevel(seed, tmp_path, level=None, parameter="features")
    certificate = prove(tmp_path)
    assume(certificate is not None)
    claim = copy.deepcopy(certificate["claims"][1])
    assume(claim["rows"])
    i = place % len(claim["rows"])
    low, high = claim["row_lower"][i], claim["row_upper"][i]
    assume(low and high < low * (1 + HAIR))
    claim["row_upper" if upper else "row_lower"][i] = low * (1 - 2 * HAIR) if upper else high * (1 + 2 * HAIR)
    claim["row_lower" if upper else "row_upper"][i] = 0.0 if upper else high * 2
    ends = {"lower": max(claim["row_lower"]), "upper": max(claim["row_upper"])}
    rows = {key: claim[key] for key in ("row_lower", "row_upper")}
    with pytest.raises(Invalid, match=f"row_{'upper' if upper else 'lower'} of row"):
        checked(forged(certificate, 1, **ends, **rows), tmp_path)


@settings(QUIET, max_examples=examples(30))
@given(seed=seeds, upper=st.booleans(), parameter=st.sampled_from(["targets", "sample_weights"]))
def test_a_closed_persistence_radius_beyond_the_truth_is_refused(seed, upper, parameter, tmp_path):
    sublevel(seed, tmp_path, level=30.0, loss="squared", parameter=parameter)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    claim = certificate["claims"][0]
    assume(claim["upper"] is not None and claim["lower"] and claim["upper"] < claim["lower"] * (1 + HAIR))
    low, high = claim["lower"], claim["upper"]
    change = {"lower": 0.0, "upper": low * (1 - 2 * HAIR)} if upper else {"lower": high * (1 + 2 * HAIR), "upper": 1e9}
    with pytest.raises(Invalid, match="upper" if upper else "lower"):
        checked(forged(certificate, 0, **change), tmp_path)


@settings(QUIET, max_examples=examples(30))
@given(seed=seeds)
def test_a_radius_that_an_attack_refutes_is_refused(seed, tmp_path):
    """The end proved from below cannot reach the budget of a proved attack, whatever the bounds are."""
    sublevel(seed, tmp_path, level=3.0, parameter="features")
    certificate = prove(tmp_path)
    assume(certificate is not None)
    claim = certificate["claims"][0]
    assume(claim["upper"] is not None)
    with pytest.raises(Invalid, match="lower"):
        checked(forged(certificate, 0, lower=claim["upper"]), tmp_path)


@settings(QUIET, max_examples=examples(60))
@given(seed=seeds, size=st.floats(1e-3, 30.0), few=st.booleans(), whole=st.booleans())
def test_no_perturbation_grows_the_loss_more_than_the_bound(seed, size, few, whole, tmp_path):
    """P3 against random perturbations and steps along the gradient; by few bits or many, by whole numbers or balls."""
    case = sublevel(seed, tmp_path, level=1.0, parameter="features")
    spec = read_spec((tmp_path / "spec.toml").read_bytes())
    data, model = ((tmp_path / name).read_bytes() for name in ("data.npz", "model.safetensors"))
    problem = build_problem(spec, model, data, merge=False)
    rng, n, d = np.random.default_rng(seed), len(case.X), case.widths[0]
    with ctx.workprec(128):
        point = Point(problem, 128)
        descent = point.of(descent_of)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(growth, "LARGE", 0 if whole else 10**7)
            bound = growth.rise(problem, point.parameters, point.forward, descent, arb(size), arb(1e300 if few else 0))
        still = sum(descent.losses.values, arb(0))
        units = np.array(case.units or [1.0] * d)
        moving = np.isin(np.arange(n), problem.moving)[:, None]
        slope = np.zeros((n, d))
        for _ in range(6):
            u = rng.normal(size=(n, d)) * moving * rng.choice([0.0, 1.0], (n, 1), p=[0.3, 0.7]) + slope
            length = np.linalg.norm(u, axis=1, keepdims=True) if problem.set == "per_sample" else np.linalg.norm(u)
            u = u * (size * (1 - 1e-12) / np.maximum(length, 1e-300))
            passed = network.forward(problem, point.parameters, [tuple(x) for x in (case.X + u * units).tolist()])
            moved = losses(problem, passed.outputs)
            assert not sum(moved.values, arb(0)) - still > bound
            slopes = [network.layer_slopes(problem, h, passed, True) for h in range(1, len(passed.before) + 1)]
            back = network.backward(problem, point.parameters, passed, moved.slopes, slopes).gradients.tolist()
            slope = 10 * np.array([[float(v.mid()) for v in row] for row in back]) * moving


FAR = [np.array([[1.0]]), np.array([[1.0]])]


@pytest.mark.parametrize("kind", ["total", "per_sample"])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "leaky_relu"])
def test_the_radius_at_an_exact_fit_is_re_derived(name, kind, tmp_path):
    """No slope of the loss says of what size the multipliers are; at x = 0 relu has a kink."""
    case = emitter.Case(FAR, [None, None], name, np.zeros((2, 1)), np.zeros((2, 1)))
    case.y = outputs(case)
    case.gates = [{"quantity": "persistence_radius", "min": 1e3 if name in ("tanh", "sigmoid") else 2.0}]
    emitter.write_files(case, tmp_path)
    edit(tmp_path, {"[solution]\n": '[solution]\nmap = "sublevel"\nlevel = 5.0\n',
                    "[perturbation]\n": f'[perturbation]\nset = "{kind}"\n'})
    certificate = prove(tmp_path)
    assert certificate is not None
    assert checked(certificate, tmp_path).verdict == "certified"


@pytest.mark.parametrize("label", [0, 1])
def test_the_radius_where_all_rows_are_saturated_is_re_derived(label, tmp_path):
    """The slopes of the logistic loss are far below the smallest float."""
    case = emitter.Case(FAR, [None, None], "softplus", np.array([[2e4], [3e4]]), np.array([1, label]), loss="logistic")
    case.rows = [0]
    case.gates = [{"quantity": "persistence_radius", "min": 1.0}]
    emitter.write_files(case, tmp_path)
    edit(tmp_path, {"[solution]\n": '[solution]\nmap = "sublevel"\nlevel = 20000.0\n'})
    certificate = prove(tmp_path)
    assert certificate is not None
    assert checked(certificate, tmp_path).verdict == "certified"


@pytest.fixture
def attacked(tmp_path):
    """A problem with a proved attack: rows 0 and 2 may move, in features 0 and 2."""
    from tests.families.check_cases import plain

    case = plain(rows=[0, 2], columns=[0, 2], scale={"2": 0.5}, gates=[{"quantity": "persistence_radius", "min": 1e-4}])
    emitter.write_files(case, tmp_path)
    edit(tmp_path, {"[solution]\n": '[solution]\nmap = "sublevel"\nlevel = 6.0\n'})
    certificate = prove(tmp_path)
    assert certificate is not None and certificate["claims"][0]["upper"] is not None
    checked(certificate, tmp_path)
    return certificate


def test_the_attack_has_to_be_one(attacked, tmp_path):
    claim = attacked["claims"][0]
    for upper in (claim["upper"] * (1 - 1e-9), claim["lower"]):
        with pytest.raises(Invalid, match="budget"):
            checked(forged(attacked, 0, upper=upper), tmp_path)
    path = tmp_path / "witness.safetensors"
    moved = load(path.read_bytes())["persistence_radius.moved"]
    X = np.load(tmp_path / "data.npz")["X"]
    tame = X + 0.5 * claim["lower"] / claim["upper"] * (moved - X)
    outside, frozen = moved.copy(), moved.copy()
    outside[1] += 1e-9
    frozen[0, 1] += 1e-9
    name = "persistence_radius.moved"
    cases = [({name: outside}, "row 1 moves"), ({name: X}, "has the loss"), ({name: frozen}, "row 0 moves"),
             ({name: tame}, "has the loss"), ({name: moved[:3]}, "shape"), ({"other": moved}, "witness"),
             ({name: moved, "other": moved}, "witness"), ({}, "witness")]
    for arrays, match in cases:
        path.write_bytes(save({key: np.ascontiguousarray(value) for key, value in arrays.items()}))
        attacked["subject"]["witness"] = emitter.record(path, path.name)
        with pytest.raises(Invalid, match=match):
            checked(attacked, tmp_path)


def test_the_side_file_is_bound_and_needed(attacked, tmp_path):
    path = tmp_path / "witness.safetensors"
    data = path.read_bytes()
    for changed in (data[:-1], data[:-1] + b"\0", b""):
        path.write_bytes(changed)
        with pytest.raises(Invalid, match="^witness file"):
            checked(attacked, tmp_path)
    path.write_bytes(data)
    less = copy.deepcopy(attacked)
    del less["subject"]["witness"]
    with pytest.raises(Invalid, match=r"subject\.witness: it is missing"):
        checked(less, tmp_path)
    with pytest.raises(Invalid, match="witness: its arrays"):
        checked(forged(attacked, 0, witness={}), tmp_path)
    with pytest.raises(Invalid, match="witness"):
        checked(forged(attacked, 0, upper=None, witness={}), tmp_path)


MEMBERS = {
    "scale": [None, [1.0, 0.0, 1.0], [1.0, 1.0, 0.5]], "loss": ["logistic", None], "weight_decay": [0.1, 0, None],
    "level": [5.9, None, 6], "set": ["per_sample"], "map": ["interpolation"], "base": ["nearby"],
    "parameter": ["targets", "sample_weights"], "equations": [8, 4], "merge_duplicates": [True], "norm": [1],
}


@pytest.mark.parametrize("name", MEMBERS)
def test_members_of_the_problem(name, attacked, tmp_path):
    for value in MEMBERS[name]:
        changed = copy.deepcopy(attacked)
        changed["problem"][name] = value
        with pytest.raises(Invalid, match="problem"):
            checked(changed, tmp_path)


def test_base_unit_theorem_and_hypotheses(attacked, tmp_path):
    for change in ({"residual": 1.0}, {"distance": 1.0}, {"radius": 0.0}, {"shift_worst": 0.0}, {"residual": None}):
        changed = copy.deepcopy(attacked)
        changed["base"] |= change
        with pytest.raises(Invalid, match="base"):
            checked(changed, tmp_path)
    for change in ({"unit": "feature distance of every row"}, {"theorem": "P3"}, {"theorem": "M2"}):
        with pytest.raises(Invalid, match=next(iter(change))):
            checked(forged(attacked, 0, **change), tmp_path)
    stated = {h["name"]: h for h in attacked["claims"][0]["hypotheses"]}
    assert set(stated) == {"loss", "interior"}
    loss, gap = stated["loss"]["value"], stated["interior"]["value"]
    for name, value, holds, good in (
        ("loss", loss * (1 - 1e-9), True, False), ("loss", loss * 2, True, True), ("loss", None, True, False),
        ("interior", gap * (1 + 1e-9), True, False), ("interior", gap / 2, True, True),
        ("interior", gap, False, False), ("rank", 0.0, True, False), ("gradient", 1e9, True, False),
        ("gradient", None, True, True), ("smooth", None, True, True), ("smooth", 1.0, True, False),
        ("solution", 0.0, True, False), ("counting", 21, True, False),
    ):
        listed = [{"name": name, "statement": "", "value": value, "holds": holds}]
        if good:
            checked(forged(attacked, 0, hypotheses=listed), tmp_path)
        else:
            with pytest.raises(Invalid, match="hypotheses"):
                checked(forged(attacked, 0, hypotheses=listed), tmp_path)


def test_an_interior_point_has_modulus_zero_and_nothing_else(tmp_path):
    sublevel(3, tmp_path, level=30.0, loss="squared", parameter="features")
    certificate = prove(tmp_path)
    assert certificate is not None and certificate["claims"][1]["upper"] == 0.0
    checked(certificate, tmp_path)
    with pytest.raises(Invalid, match="lower"):
        checked(forged(certificate, 1, lower=1e-300, upper=1.0), tmp_path)


def test_one_weight_by_hand(tmp_path):
    """f = wx, w = 2, x = 3, y = 5: ∂L/∂w = (wx − y)x = 3, ∂L/∂x = (wx − y)w = 2, so the modulus is 2/3."""
    case = emitter.Case([np.array([[2.0]])], [None], "tanh", np.array([[3.0]]), np.array([[5.0]]))
    emitter.write_files(case, tmp_path)
    spec = tmp_path / "spec.toml"
    spec.write_text(spec.read_text().replace("[solution]\n", '[solution]\nmap = "sublevel"\n'))
    certificate = prove(tmp_path)
    assert certificate is not None
    claim = checked(certificate, tmp_path).outcomes[0].claim
    assert claim.lower <= 2 / 3 <= claim.upper
    for lower, upper in ((0.0, 0.6666), (0.6667, 1.0)):
        with pytest.raises(Invalid, match="the quotient is 0.66666"):
            checked(forged(certificate, 0, lower=lower, upper=upper), tmp_path)
