"""Labels within a distance to exact fits: what the prover proves is re-derived, what is false or altered is refused."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from safetensors.numpy import load_file, save_file

from certify.check.main import check, line_of
from certify.format.refusal import Invalid
from certify.report.exporters.html import render
from certify.report.messages import verdict_line
from tests.effort import examples, turn
from tests.families import emitter
from tests.families.check_cases import NO_FILES, plain, seeds
from tests.families.prover_cases import checked, edit, forged, prove
from tests.unit.check.theorems.distance.test_compensation import SETS
from tests.unit.check.theorems.distance.test_given_change import random_change

QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
GATE = '\n[evaluation]\nfile = "more.npz"\nfeatures = "X"\n[[gate]]\nquantity = "stable_predictions"\nmin = 1\n'
GIVEN = '[perturbation]\nset = "given"\nfile = "change.npz"\n'


def asked(folder, inputs, seed=0, n=12, first=None):
    """Ask for labels of some rows instead of what the spec in the folder asks for."""
    X = 3 * np.random.default_rng(seed).normal(size=(n, inputs))
    np.savez(folder / "more.npz", X=X if first is None else np.vstack([first, X]))
    path = folder / "spec.toml"
    spec = path.read_text(encoding="utf-8").split("[[gate]]")[0]
    one = ", 1]" in spec.split("widths = ")[1].split("\n")[0]  # then something has to say what a label is
    gate = GATE.replace("[[gate]]", "threshold = 0.0\n[[gate]]") if one else GATE
    path.write_text(spec + gate, encoding="utf-8")


def wide(folder, kind, activation="tanh", k=1, norm="euclidean", seed=0):
    """A wide net that can compensate for changes of five rows."""
    rng = np.random.default_rng(seed)
    save_file({"0.weight": rng.standard_normal((24, 3)), "0.bias": rng.standard_normal(24),
               "2.weight": rng.standard_normal((k, 24)) / 5, "2.bias": np.zeros(k)}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=rng.standard_normal((5, 3)))
    np.savez(folder / "change.npz", u=np.full((5, 3), 1e-3))
    near = boundary(folder, activation)
    (folder / "spec.toml").write_text(
        f'version = 1\n[model]\nfile = "model.safetensors"\nwidths = [3, 24, {k}]\nactivation = "{activation}"\n'
        f'[data]\nfile = "data.npz"\nfeatures = "X"\n[weights]\nnorm = "{norm}"\n{kind}\n', encoding="utf-8")
    asked(folder, 3, n=11, first=near)
    return prove(folder)


def boundary(folder, activation):
    """A row where the label changes, up to a rounding: no claim may count it."""
    net, phi = load_file(folder / "model.safetensors"), {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}

    def label(x):
        a = phi[activation](net["0.weight"] @ x + net["0.bias"])
        f = net["2.weight"] @ a + net["2.bias"]
        return int(f.argmax()) if len(f) > 1 else int(f[0] > 0)

    rows = list(3 * np.random.default_rng(7).normal(size=(50, 3)))
    one, other = rows[0], next(x for x in rows if label(x) != label(rows[0]))
    for _ in range(60):
        middle = (one + other) / 2
        one, other = (middle, other) if label(middle) == label(one) else (one, middle)
    return one[None]


KINDS = ("[perturbation]\n" + SETS[0].replace("0.01", "0.002"), "[perturbation]\n" + SETS[1].replace("0.004", "0.001"),
         "[perturbation]\n" + SETS[3].replace("0.01", "0.002"), GIVEN)


@pytest.mark.parametrize(("activation", "k", "norm", "kind"), [
    (*of, kind) for number, of in enumerate((("tanh", 1, "euclidean"), ("tanh", 3, "relative"), ("relu", 1, "relative"),
                                             ("relu", 3, "euclidean"))) for kind in turn(KINDS, number, 2)])
def test_the_count_is_re_derived_and_one_more_is_refused(kind, activation, k, norm, tmp_path):
    """One row lies where the label changes, and all others stay: one more is false."""
    certificate = wide(tmp_path, kind, activation, k, norm)
    claim = certificate["claims"][0]
    label = "largest output" if k > 1 else "output above 0.0"
    assert (claim["theorem"], claim["upper"], claim["unit"]) == ("P2", 12.0, f"evaluation rows (label: {label})")
    assert claim["lower"] == 11.0 and certificate["verdict"] == "certified"
    result = check(tmp_path / "certificate.json", NO_FILES)
    assert result.verdict == "certified"
    reach = claim["witness"]["reach"]  # no spec states it: both programs have to say it
    assert f"[11.0, 12.0] for all weights within {reach!r}" in line_of(result)
    assert f"for all weights within {reach!r}, label: {label}" in verdict_line(certificate)
    with pytest.raises(Invalid, match=r"lower: 12.0 is stated.*proved of \d+ evaluation rows"):
        checked(forged(certificate, 0, lower=12.0), tmp_path)


@pytest.mark.parametrize("kind", [KINDS[0], GIVEN])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_row_on_the_threshold_is_not_counted(kind, activation, tmp_path):
    """The threshold is the output of one row, up to a rounding; the row at which signs change stays then."""
    wide(tmp_path, kind, activation)
    net, phi = load_file(tmp_path / "model.safetensors"), {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}
    a = phi[activation](np.load(tmp_path / "more.npz")["X"] @ net["0.weight"].T + net["0.bias"])
    outputs = (a @ net["2.weight"].T + net["2.bias"])[:, 0]
    near = [np.sort(np.abs(outputs - t))[1] for t in outputs]  # a row with no other near its output
    threshold = float(outputs[1 + int(np.argmax(near[1:]))])
    edit(tmp_path, {"threshold = 0.0": f"threshold = {threshold!r}"})
    certificate = prove(tmp_path)
    claim = certificate["claims"][0]
    assert claim["lower"] == 11.0 and claim["unit"] == f"evaluation rows (label: output above {threshold!r})"
    assert checked(certificate, tmp_path).verdict == "certified"
    with pytest.raises(Invalid, match=r"lower: 12.0 is stated"):
        checked(forged(certificate, 0, lower=12.0), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_shorter_distance_is_refused(kind, tmp_path):
    """A smaller R would let more labels stay; it has to be proved like an upper end of `distance`."""
    certificate = wide(tmp_path, kind)
    certificate["claims"][0]["witness"]["reach"] *= 0.98
    with pytest.raises(Invalid, match="reach"):
        checked(certificate, tmp_path)


@pytest.mark.parametrize("change", [
    {"witness": {}}, {"theorem": "Q7"}, {"theorem": "Q6"}, {"upper": 11.0}, {"upper": None}, {"lower": None},
    {"lower": 2.5}, {"lower": -1.0}, {"unit": "weight distance"}])
@pytest.mark.parametrize("kind", [KINDS[0], GIVEN])
def test_altered_claims_are_refused(kind, change, tmp_path):
    with pytest.raises(Invalid):
        checked(forged(wide(tmp_path, kind), 0, **change), tmp_path)


@pytest.mark.parametrize("member", [{"z": [1.0] * 5}, {"theta": 1.0}, {"sigma": -1.0}, {"layer": 1}, {"layer": 3},
                                    {"array": "distance.change"}, {"reach": 0.0}])
@pytest.mark.parametrize("kind", [KINDS[0], GIVEN])
def test_altered_witnesses_are_refused(kind, member, tmp_path):
    certificate = wide(tmp_path, kind)
    certificate["claims"][0]["witness"] |= member
    with pytest.raises(Invalid):
        checked(certificate, tmp_path)


@pytest.mark.parametrize("member", ["reach", "layer", "sigma"])
def test_missing_members_are_refused(member, tmp_path):
    certificate = wide(tmp_path, KINDS[0])
    del certificate["claims"][0]["witness"][member]
    with pytest.raises(Invalid, match="witness"):
        checked(certificate, tmp_path)


def test_other_evaluation_rows_and_another_centre_are_refused(tmp_path):
    certificate = wide(tmp_path, GIVEN)
    path = tmp_path / "witness.safetensors"
    arrays = load_file(path)
    kept = path.read_bytes()
    save_file(arrays | {"distance.centre.weight.1.hi": arrays["distance.centre.weight.1.hi"] + 1.0}, path)
    other = copy.deepcopy(certificate)
    other["subject"]["witness"] = emitter.record(path, "witness.safetensors")
    with pytest.raises(Invalid, match=r"reach|witness"):
        checked(other, tmp_path)
    path.write_bytes(kept)
    np.savez(tmp_path / "more.npz", X=np.ones((12, 3)))
    with pytest.raises(Invalid, match=r"more\.npz"):
        checked(certificate, tmp_path)


def test_labels_and_distance_stand_side_by_side(tmp_path):
    """Both claims name one centre, and one distance."""
    wide(tmp_path, GIVEN)
    path = tmp_path / "spec.toml"
    path.write_text(path.read_text() + '[[gate]]\nquantity = "distance"\nmax = 1.0\n', encoding="utf-8")
    certificate = prove(tmp_path)
    labels, distance = certificate["claims"]
    assert labels["witness"] == {"reach": distance["upper"], "array": "distance.centre"}
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"


def test_a_distance_by_constants_of_a_layer_brings_them_along(tmp_path):
    """Two hidden layers: the distance rests on an array of the side file, and so do the labels within it."""
    rng = np.random.default_rng(0)
    save_file({"0.weight": rng.standard_normal((6, 3)), "0.bias": rng.standard_normal(6),
               "2.weight": rng.standard_normal((24, 6)), "2.bias": rng.standard_normal(24),
               "4.weight": rng.standard_normal((1, 24)) / 5, "4.bias": np.zeros(1)}, tmp_path / "model.safetensors")
    np.savez(tmp_path / "data.npz", X=rng.standard_normal((5, 3)))
    (tmp_path / "spec.toml").write_text(
        'version = 1\n[model]\nfile = "model.safetensors"\nwidths = [3, 6, 24, 1]\nactivation = "tanh"\n'
        '[data]\nfile = "data.npz"\nfeatures = "X"\n[perturbation]\nset = "total"\nradius = 1e-3\n', encoding="utf-8")
    asked(tmp_path, 3)
    certificate = prove(tmp_path)
    witness = certificate["claims"][0]["witness"]
    assert certificate["claims"][0]["lower"] > 0 and witness["constants"] == "distance.constants"
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"
    with pytest.raises(Invalid, match="distance"):
        checked(forged(certificate, 0, witness={k: v for k, v in witness.items() if k != "constants"}), tmp_path)


def test_a_distance_that_is_not_proved_says_nothing_of_labels(tmp_path):
    certificate = wide(tmp_path, '[perturbation]\nset = "total"\nradius = 9.0')
    claim = certificate["claims"][0]
    assert (claim["lower"], claim["upper"], claim["witness"]) == (None, None, {}) and claim["reason"]
    assert checked(certificate, tmp_path).verdict == "inconclusive"
    assert "nothing on the labels of the 12 evaluation rows" in render(certificate)


@pytest.mark.parametrize("kind", [KINDS[0], GIVEN])
def test_the_page_speaks_of_every_network_within_the_distance(kind, tmp_path):
    certificate = wide(tmp_path, kind)
    page, reach = render(certificate), certificate["claims"][0]["witness"]["reach"]
    assert "exists within" in page and repr(reach) in page and "indeed every network within it, gives" in page
    assert "of exact fits further away nothing is said" in page


@settings(QUIET, max_examples=examples(15))
@given(seed=seeds)
def test_what_the_prover_says_of_random_problems_is_re_derived(seed, tmp_path):
    case = random_change(seed, tmp_path)
    assume(case is not None)
    asked(tmp_path, case.widths[0], seed, first=case.X)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    claim = certificate["claims"][0]
    assert claim["theorem"] == "P2" and checked(certificate, tmp_path).verdict == certificate["verdict"]


@pytest.mark.parametrize(("old", "new"), [
    ("[solution]\n", '[solution]\nbase = "nearby"\n'), ('file = "more.npz"\nfeatures = "X"\n', ""),
    ('quantity = "stable_predictions"\nmin', 'quantity = "prediction_change"\nmax'),
    ('norm = "euclidean"', 'norm = "function"\nreference = "data.npz"'),
    ("[solution]\n", '[solution]\nmap = "sublevel"\n')])
@pytest.mark.parametrize("kind", ["total", "given"])
def test_specs_without_a_meaning_are_refused(kind, old, new, tmp_path):
    emitter.write_files(plain(), tmp_path)
    np.savez(tmp_path / "change.npz", u=np.full((4, 3), 1e-4))
    own = GIVEN if kind == "given" else '[perturbation]\nset = "total"\nradius = 0.01\n'
    edit(tmp_path, {"[perturbation]\n": f'[weights]\nnorm = "euclidean"\n{own}'})
    asked(tmp_path, 3)
    assert prove(tmp_path) is not None
    edit(tmp_path, {old: new})
    assert prove(tmp_path) is None  # exit status 2
