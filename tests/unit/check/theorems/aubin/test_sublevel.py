"""Explicit radii of the sublevel map (Q5): what the prover proves is re-derived; what is too good or altered is not."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.check.kernel import NotSmooth
from certify.check.lipschitz.directional_descent import Along
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.format.errors import EnclosureError
from certify.format.refusal import Invalid
from certify.problem.load import load_problem
from certify.theorems.aubin.sublevel import Loss, propose_ways
from tests.containment.sublevel_aubin import Floats
from tests.families import emitter
from tests.families.prover_cases import checked, edit, forged, prove, sublevel

AUBIN = "\n[aubin]\n"


def made(folder: Path, seed: int = 3, more: str = AUBIN, **fixed) -> dict | None:
    """A certificate about a small sublevel problem on its boundary; None for a layer that it does not have."""
    settled = {"level": None, "set": "total", "layer": "all", "rows": "all", "parameter": "features",
               "activation": "tanh", "loss": "squared"} | fixed
    case = sublevel(seed, folder, **settled)
    case.columns = case.scale = None
    path = folder / "spec.toml"
    lines = [x for x in path.read_text(encoding="utf-8").splitlines() if not x.startswith(("columns", "scale"))]
    path.write_text("\n".join(lines) + more, encoding="utf-8")
    return prove(folder)


@pytest.fixture(scope="module")
def proved(tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("sublevel_aubin")
    certificate = made(folder)
    assert certificate["claims"][-1]["upper"] is not None
    return folder, certificate


def test_what_the_prover_says_is_re_derived(proved):
    folder, certificate = proved
    claim = certificate["claims"][-1]
    assert (claim["quantity"], claim["theorem"], certificate["verdict"]) == ("aubin", "Q5", "certified")
    assert 0 < claim["lower"] <= claim["upper"] <= 2.01 * claim["lower"]
    assert sorted(claim["witness"]) == ["radius_u", "radius_w", "z"]
    assert checked(certificate, folder).verdict == "certified"


@pytest.mark.parametrize("fixed", [
    {"loss": "logistic", "activation": "gelu"}, {"loss": "cross_entropy", "activation": "softplus"},
    {"parameter": "targets", "activation": "silu"}, {"activation": "sigmoid", "rows": [0]},
    {"activation": "identity", "decay": 0.01}, {"activation": "relu"}, {"activation": "elu", "loss": "logistic"},
    {"activation": "tanh", "layer": 1}, {"activation": "gelu", "layer": 2, "loss": "cross_entropy"},
    {"activation": "relu", "layer": 2, "decay": 0.01}, {"activation": "softplus", "layer": 1, "parameter": "targets"},
])  # fmt: skip
def test_other_losses_activations_targets_and_rows(fixed, tmp_path):
    for seed in range(5, 12):
        folder = tmp_path / str(seed)
        folder.mkdir()
        certificate = made(folder, seed, **fixed)
        if certificate is None:
            assert fixed.get("layer") == 2
            continue
        assert checked(certificate, folder).verdict == certificate["verdict"]
        if certificate["claims"][-1]["upper"] is not None:
            return
    raise AssertionError("nothing was proved")


@pytest.mark.parametrize("change", [
    {"radius_u": 1.03}, {"radius_u": 10.0}, {"radius_w": 1.05}, {"radius_w": 10.0}, {"radius_u": -1.0},
    {"radius_w": 0.0},
])  # fmt: skip
def test_larger_radii_are_refused(change, proved):
    folder, certificate = proved
    altered = copy.deepcopy(certificate)
    for key, factor in change.items():
        altered["claims"][-1]["witness"][key] *= factor
    with pytest.raises(Invalid, match="aubin"):
        checked(altered, folder)


def test_other_numbers_are_refused(proved):
    folder, certificate = proved
    at = len(certificate["claims"]) - 1
    claim = certificate["claims"][at]
    witness, z = claim["witness"], claim["witness"]["z"]
    slope = next(h for h in claim["hypotheses"] if h["name"] == "descent")
    others = [h for h in claim["hypotheses"] if h["name"] != "descent"]
    without = {key: value for key, value in witness.items() if key != "z"}
    for change, words in (
        ({"upper": claim["upper"] * 0.99}, "upper.*these radii need"),
        ({"lower": claim["lower"] * 1.001}, "lower"),
        ({"witness": witness | {"z": [-v for v in z]}}, "not proved positive"),
        ({"witness": witness | {"z": [0.0] * len(z)}}, "not proved positive"),
        ({"witness": witness | {"z": [*z[:-1], 1e3]}}, "upper"),
        ({"witness": witness | {"z": z[:-1]}}, "entries"),
        ({"witness": without}, "z is missing"),
        ({"upper": None}, "witness"),
        ({"witness": witness | {"limit": 1.0, "pair": [0, 1]}}, "limit"),
        ({"witness": witness | {"equal_rows": [0, 1]}}, "witness"),
        ({"theorem": "M6"}, "theorem"), ({"theorem": "Q1"}, "theorem"), ({"unit": "weight distance"}, "unit"),
        ({"hypotheses": [*others, slope | {"value": slope["value"] * 1.01}]}, "descent"),
        ({"hypotheses": [*others, slope | {"value": 0.0}]}, "descent"),
        ({"hypotheses": [*others, slope | {"value": None}]}, "descent"),
        ({"hypotheses": [*others, slope | {"holds": False}]}, "descent"),
        ({"hypotheses": [*others, slope | {"name": "contraction"}]}, "contraction"),
    ):
        with pytest.raises(Invalid, match=words):
            checked(forged(certificate, at, **change), folder)


def test_the_slope_belongs_to_this_quantity_alone(proved):
    folder, certificate = proved
    slope = certificate["claims"][-1]["hypotheses"][-1]
    first = certificate["claims"][0]
    with pytest.raises(Invalid, match="descent"):
        checked(forged(certificate, 0, hypotheses=[*first["hypotheses"], slope]), folder)


def test_radii_of_the_spec_are_those_of_the_claim(proved, tmp_path):
    known = proved[1]["claims"][-1]["witness"]
    u = known["radius_u"] / 2
    certificate = made(tmp_path, more=f"\n[aubin]\nradius_u = {u!r}\n")
    claim = certificate["claims"][-1]
    assert claim["witness"]["radius_u"] == u and checked(certificate, tmp_path).verdict == "certified"
    with pytest.raises(Invalid, match="radius_u"):
        checked(forged(certificate, len(certificate["claims"]) - 1,
                       witness=claim["witness"] | {"radius_u": u / 2}), tmp_path)


@pytest.mark.parametrize("old, new", [
    ('map = "sublevel"\n', 'map = "sublevel"\nlevel = 1000.0\n'), ('set = "total"', 'set = "per_sample"'),
    ('map = "sublevel"\n', 'map = "interpolation"\nlayer = 1\n'),
    ("[perturbation]\n", '[weights]\nnorm = "relative"\n[perturbation]\n'),
    ('parameter = "features"', 'parameter = "sample_weights"'), ('map = "sublevel"', 'map = "critical"'),
])  # fmt: skip
def test_specs_without_a_meaning_are_refused_by_both(old, new, proved, tmp_path):
    certificate = made(tmp_path)
    path = tmp_path / "spec.toml"
    text = path.read_text(encoding="utf-8")
    if "layer = 1" in new:
        text = text.replace('layer = "all"\n', "")
    path.write_text(text, encoding="utf-8")
    edit(tmp_path, {old: new})
    certificate["subject"]["spec"] = emitter.record(path, "spec.toml")
    with pytest.raises(Invalid):
        checked(forged(certificate, 0), tmp_path)
    assert prove(tmp_path) is None  # exit status 2


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.integers(-6, -1))
def test_the_checker_bounds_what_the_prover_encloses_at_points(seed, power):
    """On balls of radius 0 both are the same numbers; on others the checker's are not below those at the centre."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sublevel(seed, folder, level=None, set="total", layer="all", parameter="features")
        text = (folder / "spec.toml").read_text(encoding="utf-8").splitlines()
        path = folder / "spec.toml"
        path.write_text("\n".join(x for x in text if not x.startswith(("columns", "scale"))), encoding="utf-8")
        loss = Loss(load_problem(path))
        parts = [(folder / part).read_bytes() for part in ("spec.toml", "model.safetensors", "data.npz")]
        problem = build_problem(read_spec(parts[0]), parts[1], parts[2], False)
        z = next(iter(propose_ways(loss)), None)
        if z is None:
            return
        way = Along(problem, [float(v) for v in z])
        try:
            known, found = loss.sizes(z, 0.0, 0.0), way.sizes(arb(0), arb(0))
            wider = way.sizes(arb(10.0**power), arb(10.0**power))
        except (EnclosureError, NotSmooth):
            return
        for key in ("weights", "data", "loss"):
            ours, theirs = float(getattr(known, key)), float(getattr(found, key).mid())
            assert theirs <= ours * (1 + 1e-12) + 1e-300 and ours <= theirs * (1 + 1e-9) + 1e-9
            assert float(getattr(wider, key).upper()) >= theirs * (1 - 1e-12)
        assert np.isfinite(float(found.slope.mid()))


@pytest.mark.parametrize("parameter", ["features", "targets"])
def test_no_point_of_the_balls_is_steeper_than_the_checker_says(parameter, tmp_path):
    """`|∇²_wL z|`, `|∇_u⟨∇_wL, z⟩|` and `|∇_uL|` by differences at drawn points; some come near their bounds."""
    nearest = dict.fromkeys(("weights", "data", "loss"), 0.0)
    fixed = {"loss": "squared"} if parameter == "targets" else {}
    for seed in range(40):
        sublevel(seed, tmp_path, level=None, set="total", layer="all", parameter=parameter, **fixed)
        path, rng = tmp_path / "spec.toml", np.random.default_rng([5, seed])
        text = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(x for x in text if not x.startswith(("columns", "scale"))), encoding="utf-8")
        prover = load_problem(path)
        floats = Floats(prover)
        parts = [(tmp_path / part).read_bytes() for part in ("spec.toml", "model.safetensors", "data.npz")]
        z = rng.standard_normal(len(floats.w))
        way = Along(build_problem(read_spec(parts[0]), parts[1], parts[2], False), z.tolist())
        for radius in (1e-3, 0.03, 0.3):
            reach, h = radius * float(rng.choice([0.1, 1.0, 3.0])), 1e-5 / np.linalg.norm(z)
            try:
                bounds = way.sizes(arb(radius), arb(reach))
            except NotSmooth:
                continue
            for _ in range(5):
                u = rng.standard_normal(floats.shape) * floats.moves
                u *= reach * rng.random() ** 0.2 / np.maximum(np.linalg.norm(u, axis=1, keepdims=True), 1e-300)
                step = rng.standard_normal(len(floats.w))
                w = floats.w + step * (radius * rng.random() ** 0.2 / np.linalg.norm(step))
                (_, gw, gu), (_, back_w, back_u) = floats.both(u, w + h * z), floats.both(u, w - h * z)
                found = {"weights": (gw - back_w) / (2 * h), "data": (gu - back_u) / (2 * h),
                         "loss": floats.both(u, w)[2]}
                for key, vector in found.items():
                    most, size = float(getattr(bounds, key).upper()), float(np.linalg.norm(vector))
                    if np.isnan(most):  # no number is no bound: no comparison with it holds
                        continue
                    assert size <= most * (1 + 1e-5) + 1e-6, (seed, key)
                    nearest[key] = max(nearest[key], size / most if size > 1e-7 else 0.0)
    assert min(nearest.values()) > 0.9  # a half of any bound would be broken
