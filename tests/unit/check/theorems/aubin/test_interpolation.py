"""Explicit radii (Q1): what the prover proves is re-derived, what is too good, altered or not smooth is refused."""

from __future__ import annotations

import copy
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from certify.check.enclosure.tangents import along as tangent
from certify.check.lipschitz.along_paths import corners
from certify.check.main import check
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.systems.interpolation import Interpolation
from certify.check.systems.point import Point
from certify.check.theorems.aubin.interpolation import centre as aubin_centre
from certify.check.theorems.aubin.radii import Radii, check_radii
from certify.cli.main import main as certify
from certify.format.refusal import Invalid
from certify.network.network import Network
from certify.theorems.aubin.centre import Centre, enclose_centre
from certify.theorems.aubin.interpolation import data_slope, segment_condition
from tests.containment.aubin import _series, along, coefficient, length, random_network
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import NO_FILES
from tests.families.prover_cases import checked, forged, prove

GATE = '[[gate]]\nquantity = "aubin"\nmax = 9.0\n'
TWICE = GATE.replace("9.0", "0.82")
"""About twice the modulus of the small tanh network."""


def files(folder, net: Network, X: np.ndarray, more: str = "", perturbation: str = "") -> None:
    from safetensors.numpy import save_file

    arrays = {}
    for h, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        arrays[f"{2 * h}.weight"] = np.array(W)
        if b is not None:
            arrays[f"{2 * h}.bias"] = np.array(b)
    save_file(arrays, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=X)
    (folder / "spec.toml").write_text(
        f'version = 1\n[model]\nfile = "model.safetensors"\nwidths = {list(net.widths)}\n'
        f'activation = "{net.activation}"\n[data]\nfile = "data.npz"\nfeatures = "X"\n'
        f'[perturbation]\n{perturbation}\n{more}', encoding="utf-8")  # fmt: skip


def small(activation: str = "tanh", outputs: int = 1, n: int = 3) -> tuple[Network, np.ndarray]:
    rng = np.random.default_rng(2)
    net = Network((rng.standard_normal((8, 2)), rng.standard_normal((outputs, 8)) / 3),
                  (rng.standard_normal(8), np.zeros(outputs)), activation)  # fmt: skip
    return net, rng.standard_normal((n, 2))


def point(folder) -> Point:
    parts = [(folder / name).read_bytes() for name in ("spec.toml", "model.safetensors", "data.npz")]
    return Point(build_problem(read_spec(parts[0]), parts[1], parts[2], False), 128)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("aubin")
    files(folder, *small(), TWICE)
    certificate = prove(folder)
    assert certificate is not None
    return folder, certificate


def test_what_the_prover_says_is_re_derived(made):
    folder, certificate = made
    claim = certificate["claims"][0]
    assert (claim["theorem"], certificate["verdict"]) == ("Q1", "certified")
    assert 0 < claim["lower"] <= claim["upper"] <= 2.01 * claim["lower"]
    assert 0 < claim["witness"]["radius_u"] < claim["witness"]["limit"]
    result = check(emitter.write(certificate, folder), NO_FILES)
    assert result.verdict == "certified"


@pytest.mark.parametrize("activation, outputs, perturbation", [
    ("gelu", 1, "rows = [0, 2]"), ("softplus", 2, ""), ("silu", 1, 'parameter = "targets"'),
    ("sigmoid", 2, 'parameter = "targets"\nrows = [1]'), ("identity", 1, ""), ("relu", 1, ""),
    ("leaky_relu", 2, "rows = [0, 1]"), ("relu", 2, 'parameter = "targets"'),
])  # fmt: skip
def test_other_networks_rows_and_targets(activation, outputs, perturbation, tmp_path):
    net, X = small(activation, outputs, 2 if activation == "identity" else 3)
    files(tmp_path, net, X, "[aubin]\n", perturbation)
    certificate = prove(tmp_path)
    claim = certificate["claims"][-1]
    assert claim["quantity"] == "aubin" and claim["upper"] is not None, claim["reason"]
    assert ("limit" in claim["witness"]) == ("targets" not in perturbation)
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == certificate["verdict"]


@pytest.mark.parametrize("change", [
    {"radius_u": 1.02}, {"radius_u": 10.0}, {"radius_w": 1.02}, {"radius_w": 10.0}, {"limit": 0.999},
    {"radius_u": -1.0}, {"radius_w": 0.0},
])  # fmt: skip
def test_larger_radii_and_a_nearer_limit_are_refused(change, made):
    folder, certificate = made
    altered = copy.deepcopy(certificate)
    witness = altered["claims"][0]["witness"]
    for key, factor in change.items():
        witness[key] *= factor
    with pytest.raises(Invalid, match=r"aubin"):
        checked(altered, folder)


@pytest.mark.parametrize("factor", [0.7, 0.999])
def test_a_smaller_factor_and_a_larger_lower_end_are_refused(factor, made):
    folder, certificate = made
    claim = certificate["claims"][0]
    with pytest.raises(Invalid, match="upper.*these radii need"):
        checked(forged(certificate, 0, upper=claim["upper"] * factor), folder)
    with pytest.raises(Invalid, match="lower"):
        checked(forged(certificate, 0, lower=claim["upper"] * factor), folder)


@pytest.mark.parametrize("key", ["radius_u", "radius_w", "z", "limit", "pair"])
def test_witness_members_go_together(key, made):
    folder, certificate = made
    altered = copy.deepcopy(certificate)
    del altered["claims"][0]["witness"][key]
    with pytest.raises(Invalid, match="witness"):
        checked(altered, folder)


def test_what_else_is_altered_is_refused(made):
    folder, certificate = made
    witness = certificate["claims"][0]["witness"]
    for changes in ({"theorem": "M2"}, {"unit": "weight distance"}, {"upper": None}, {"quantity": "modulus"},
                    {"witness": witness | {"pair": [0, 0]}}, {"witness": witness | {"pair": [0, 7]}},
                    {"witness": witness | {"layer": 1}}, {"witness": witness | {"equal_rows": [0, 1]}}):  # fmt: skip
        with pytest.raises(Invalid):
            checked(forged(certificate, 0, **changes), folder)
    altered = copy.deepcopy(certificate)
    mean = next(h for h in altered["claims"][0]["hypotheses"] if h["name"] == "contraction")
    for value in (mean["value"] * 0.99, 1.0, None, "small"):
        mean["value"] = value
        with pytest.raises(Invalid, match="contraction"):
            checked(altered, folder)


def test_radii_of_the_spec_are_the_ones_that_count(tmp_path):
    files(tmp_path, *small(), f"[aubin]\nradius_u = 1e-4\nradius_w = 2e-4\n{GATE}")
    certificate = prove(tmp_path)
    witness = certificate["claims"][0]["witness"]
    assert (witness["radius_u"], witness["radius_w"]) == (1e-4, 2e-4)
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"
    for key in ("radius_u", "radius_w"):  # smaller radii are true, and not what was asked
        altered = copy.deepcopy(certificate)
        altered["claims"][0]["witness"][key] /= 2
        with pytest.raises(Invalid, match="the spec asks for"):
            checked(altered, tmp_path)


def test_a_gate_says_how_large_the_factor_may_be_in_a_search(made, tmp_path):
    _, certificate = made
    other = certificate["claims"][0]
    tight = round(1.3 * other["lower"], 3)
    files(tmp_path, *small(), TWICE.replace("0.82", str(tight)) + GATE)
    found = prove(tmp_path)["claims"]
    assert [claim["verdict"] for claim in found] == ["certified", "certified"]
    assert other["lower"] < found[0]["upper"] <= tight < other["upper"]
    assert found[0]["witness"]["radius_u"] < other["witness"]["radius_u"]
    assert check(tmp_path / "certificate.json", NO_FILES).gates == "met"


def test_radii_that_are_too_large_stay_open_and_too_small_a_gate_is_refuted(tmp_path):
    files(tmp_path, *small(), f"[aubin]\nradius_u = 100.0\n{GATE}{GATE.replace('9.0', '0.01')}")
    certificate = prove(tmp_path)
    first, second = certificate["claims"]
    assert (first["verdict"], second["verdict"]) == ("inconclusive", "refuted")
    assert first["upper"] is None and "onto one another" in first["reason"]
    assert check(tmp_path / "certificate.json", NO_FILES).gates == "failed"


@pytest.mark.parametrize("activation, hidden, words", [("elu", 1, "second derivative jumps"),
                                                       ("relu", 2, "kinks, in several layers")])
def test_an_activation_that_is_not_smooth_is_open_and_a_forged_claim_is_refused(activation, hidden, words, tmp_path):
    net, X = small(activation)
    if hidden == 2:
        middle = np.random.default_rng(1).standard_normal((8, 8))
        net = Network((net.weights[0], middle, net.weights[1]), (net.biases[0], np.ones(8), net.biases[1]), activation)
    files(tmp_path, net, X, GATE)
    certificate = prove(tmp_path)
    claim = certificate["claims"][0]
    assert claim["verdict"] == "inconclusive" and claim["upper"] is None and words in claim["reason"]
    witness = claim["witness"] | {"radius_u": 1e-9, "radius_w": 1e-9}
    with pytest.raises(Invalid, match=f"{activation} in {hidden} hidden layers"):
        checked(forged(certificate, 0, upper=100.0 * claim["lower"], witness=witness), tmp_path)


def test_equal_rows_refute(tmp_path):
    net, X = small()
    files(tmp_path, net, np.vstack([X, X[:1]]), GATE)
    certificate = prove(tmp_path)
    assert certificate["claims"][0]["verdict"] == "refuted"
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "refuted"


def test_merged_rows_are_an_error(tmp_path):
    net, X = small()
    files(tmp_path, net, np.vstack([X, X[:1]]), GATE)
    assert certify(["run", str(tmp_path / "spec.toml"), "--quiet", "--merge-duplicates"]) == 2


@settings(max_examples=examples(20), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_tangents_and_lines_hold_what_series_say(seed, tmp_path_factory):
    """The checker's derivatives along a direction, and its bounds of second derivatives, against power series."""
    rng = np.random.default_rng(seed)
    net, X = random_network(rng)
    if net.activation == "identity" and net.depth == 1 and len(X) > net.parameters("all"):
        return
    folder = tmp_path_factory.mktemp("series")
    files(folder, net, X)
    V = rng.standard_normal(net.parameters("all"))
    one = point(folder)
    with ctx.workprec(128):
        if one.of(Interpolation).definite.R is None:
            return
        centre, at, direction = one.of(aubin_centre), 0, []
        for W, b in zip(net.weights, net.biases, strict=True):
            part = V[at : at + W.size].reshape(W.shape)
            at += W.size
            if b is not None:
                part = np.hstack([part, V[at : at + len(b), None]])
                at += len(b)
            direction.append(arb_mat([[arb(float(v)) for v in row] for row in part]))
        found = tangent(centre.point, direction)
        t, reach = 0.05, 0.1 * float(np.linalg.norm(V)) * (1 + 1e-12)
        boxes = corners(net.depth, arb(reach))
        most = [[centre.lines.second(i, box, arb(t)) for box in boxes] for i in range(len(X))]
        rows = [_rows(found, centre.point, i) for i in range(len(X))]
    ends = np.cumsum([net.parameters(h) for h in range(1, net.depth + 1)])
    sizes = [float(np.linalg.norm(part)) * 0.1 for part in np.split(V, ends[:-1])]
    above = [c for c, box in enumerate(boxes) if all(arb(s) <= r for s, r in zip(sizes, box, strict=True))]
    assert above
    with _series(3):
        for i, x in enumerate(X):
            series, features = along(net, x, np.zeros_like(x), V, 0, 0.0)
            for got, want in zip(rows[i], coefficient(series, 1), strict=True):
                assert got.overlaps(want)
            for got, want in zip(found.features.tolist()[i], coefficient(features, 1), strict=True):
                assert got.overlaps(want)
            u = rng.standard_normal(X.shape[1])
            u *= t * (1 - 1e-12) / np.linalg.norm(u)
            series, features = along(net, x, u, 0.1 * V, 0, float(rng.random()))
            for c in above:
                assert length(coefficient(series, 2)) * 2 <= most[i][c][0] * (1 + 1e-9)
                assert length(coefficient(features, 2)) * 2 <= most[i][c][1] * (1 + 1e-9)


def _rows(found, point, i) -> list[arb]:
    """Row i of the changed Jacobian, in the order of the parameters."""
    entries = []
    for h in range(point.depth):
        B, dB = point.adjoints[h].tolist()[i], found.outer[h].tolist()[i]
        A, dA = point.inputs[h].tolist()[i], found.inner[h].tolist()[i]
        plain = len(dA)
        entries += [db * a + b * da for b, db in zip(B, dB, strict=True) for a, da in zip(A[:plain], dA, strict=True)]
        entries += dB if len(A) > plain else []
    return entries


@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 2**32))
@example(seed=1916798)
@example(seed=1600797)
def test_two_programs_agree(seed, tmp_path_factory):
    """Written apart, prover and checker bound the same numbers: both from above, and closely.

    Of a gradient that is 0, all units dead, the prover says that its square is below 2^-48 or so.
    """
    rng = np.random.default_rng(seed)
    net, X = random_network(rng, int(rng.integers(1, 3)))
    if net.depth == 2 and rng.random() < 0.5:
        net = Network(net.weights, net.biases, str(rng.choice(["relu", "leaky_relu"])))
    centre = enclose_centre(net, X, np.ones(len(X), dtype=bool))
    if not isinstance(centre, Centre):
        return
    u, w, kappa = (float(10.0 ** rng.uniform(*ends)) for ends in ((-4, -2), (-4, -2), (-1, 1)))
    folder = tmp_path_factory.mktemp("both")
    files(folder, net, X)
    ours = segment_condition(centre, Fraction(u), Fraction(w), Fraction(kappa))[0]
    slope = centre.size * data_slope(centre, Fraction(u), Fraction(w))
    one = point(folder)
    with ctx.workprec(128):
        if one.of(Interpolation).definite.R is None:
            return
        found = one.of(aubin_centre)
        mean, alpha = found.mean(arb(u), arb(w), arb(kappa)), found.alpha(arb(u), arb(w))
    assert float(mean) == pytest.approx(float(ours), rel=1e-5, abs=1e-9)
    assert float(alpha) == pytest.approx(float(slope), rel=1e-5, abs=1e-7)
    assert float(alpha) <= float(slope) * (1 + 1e-5)


@pytest.mark.parametrize("radius", [0, 0.0, -0.5, -5e-324])
@pytest.mark.parametrize("name", ["radius_u", "radius_w"])
def test_a_radius_that_is_not_above_0_is_refused(name, radius):
    witness = Radii(**({"radius_u": 1.0, "radius_w": 1.0} | {name: radius}))
    claim = SimpleNamespace(where="claims[0]", upper=2.0, witness=witness)
    with pytest.raises(Invalid, match=f"{name}.*above 0"):
        check_radii(claim, SimpleNamespace(radius_u=None, radius_w=None))
