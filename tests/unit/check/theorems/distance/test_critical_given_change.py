"""Distances of critical points after one given change: proved ends are re-derived, what is false or altered is not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.check.theorems.distance import changed_loss
from certify.format.refusal import Invalid
from tests.families import emitter
from tests.families.once import once
from tests.families.prover_cases import checked, critical, edit, forged, prove, settled

GATE = '\n[[gate]]\nquantity = "distance"\nmax = 10.0\n'


@once
def made(folder, seed=3, parameter="sample_weights", loss="logistic", size=-1.0, gate=GATE):
    """A certificate about one change of a small tanh network at a critical point."""
    case = critical(seed, folder, base="nearby", n=5, loss=loss, parameter="sample_weights", decay=0.125,
                    activation="tanh")
    text = (folder / "spec.toml").read_text(encoding="utf-8")
    rows = next((line for line in text.splitlines() if line.startswith("rows")), None)
    text = text if rows is None else text.replace(rows + "\n", "")
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    assert settled(case, folder)
    labels = case.y if case.y.ndim == 1 else None
    width = {"sample_weights": 1, "features": case.X.shape[1]}.get(parameter, case.widths[-1])
    u = np.zeros((5, width))
    u[0] = size
    if parameter == "targets" and labels is not None:
        u[0] = 1.0 - 2.0 * labels[0]
    np.savez(folder / "change.npz", u=u)
    edit(folder, {'parameter = "sample_weights"': f'parameter = "{parameter}"'})
    edit(folder, {"[perturbation]\n": '[perturbation]\nset = "given"\nfile = "change.npz"\n'})
    path = folder / "spec.toml"
    path.write_text(path.read_text(encoding="utf-8") + gate, encoding="utf-8")
    certificate = prove(folder)
    assert certificate is not None and certificate["claims"][0]["upper"] is not None
    return certificate


@pytest.mark.parametrize("parameter, loss", [("sample_weights", "logistic"), ("targets", "logistic"),
                                             ("sample_weights", "cross_entropy"), ("features", "squared"),
                                             ("targets", "squared")])
def test_what_the_prover_says_is_re_derived(parameter, loss, tmp_path):
    certificate = made(tmp_path, parameter=parameter, loss=loss, size=-1.0 if parameter == "sample_weights" else 0.01)
    claim = certificate["claims"][0]
    assert claim["theorem"] == "Q7" and 0 < claim["lower"] <= claim["upper"]
    assert checked(certificate, tmp_path).verdict == "certified"
    for change, words in (
        ({"lower": claim["upper"] * (1 + 1e-9), "upper": claim["upper"] * 2}, "lower"),
        ({"lower": 0.0, "upper": claim["lower"] * (1 - 1e-9), "witness": {"array": "distance.centre"}}, "upper"),
        ({"witness": {"array": "distance.centre"}}, "z is missing"),
        ({"witness": {"z": claim["witness"]["z"]}}, "array"),
        ({"theorem": "M5c"}, "theorem"), ({"unit": "weight distance per unit of feature change"}, "unit"),
        ({"witness": claim["witness"] | {"z": [0.0] * len(claim["witness"]["z"])}}, "lower"),
        ({"witness": claim["witness"] | {"z": [1.0, *claim["witness"]["z"][1:]]}}, "lower"),
        ({"witness": claim["witness"] | {"array": "weight"}}, "array"),
    ):
        with pytest.raises(Invalid, match=words):
            checked(forged(certificate, 0, **change), tmp_path)


@pytest.mark.parametrize("change", ["far", "today", "missing", "change"])
def test_altered_files_are_refused(change, tmp_path):
    certificate = made(tmp_path)
    path = tmp_path / "witness.safetensors"
    arrays = load_file(path)
    if change == "far":  # no critical point of the changed loss is there
        arrays["distance.centre.weight.1.hi"] = arrays["distance.centre.weight.1.hi"] + 1.0
    elif change == "today":  # nor one of today's
        arrays["weight.1.hi"] = arrays["weight.1.hi"] + 1.0
    elif change == "missing":
        del arrays["distance.centre.weight.1.lo"]
    else:
        np.savez(tmp_path / "change.npz", u=np.full((5, 1), -0.5))
    if change != "change":
        save_file(arrays, path)
        certificate["subject"]["witness"] = emitter.record(path, "witness.safetensors")
    with pytest.raises(Invalid):
        checked(certificate, tmp_path)


def test_the_ends_are_those_of_the_stated_change(tmp_path):
    """With another change bound in its place the numbers are about another problem, and do not hold."""
    certificate = made(tmp_path)
    np.savez(tmp_path / "change.npz", u=np.array([[1.0], [1.0], [0.0], [0.0], [0.0]]))
    certificate["subject"]["change"] = emitter.record(tmp_path / "change.npz", "change.npz")
    with pytest.raises(Invalid):
        checked(forged(certificate, 0), tmp_path)


@pytest.mark.parametrize("old, new", [
    ('base = "nearby"\n', 'base = "given"\n'), ('quantity = "distance"', 'quantity = "modulus"'),
    ('set = "given"\nfile = "change.npz"\n', ""),
])
def test_specs_without_a_meaning_are_refused_by_both(old, new, tmp_path):
    certificate = made(tmp_path)
    edit(tmp_path, {old: new})
    certificate["subject"]["spec"] = emitter.record(tmp_path / "spec.toml", "spec.toml")
    with pytest.raises(Invalid):
        checked(forged(certificate, 0), tmp_path)
    assert prove(tmp_path) is None  # exit status 2


def test_a_label_that_is_none_is_refused_by_both(tmp_path):
    certificate = made(tmp_path, parameter="targets")
    np.savez(tmp_path / "change.npz", u=np.full((5, 1), 0.5))
    certificate["subject"]["change"] = emitter.record(tmp_path / "change.npz", "change.npz")
    with pytest.raises(Invalid, match="labels"):
        checked(forged(certificate, 0), tmp_path)
    assert prove(tmp_path) is None


def test_the_slope_of_the_squared_loss_moves_with_the_outputs(tmp_path):
    """One elu unit whose Hessian nearly vanishes: a lower end beyond the nearest critical point is refused.

    Rows x, residuals v at w* = −r: the first has none, the second balances the curvature, the third the gradient.
    """
    def elu(z):
        return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))

    def slope(z):
        return np.where(z > 0, 1.0, np.exp(np.minimum(z, 0)))

    r, share, b, left, eps = 0.01515764558, 0.68485521, 0.0193198686, 0.0034117002, 0.01215424708
    w, x = -r, np.array([1.0, b, -eps])
    v = np.array([0.0, -slope(w) ** 2 * (1 - left) / (b * b * slope(b * w)), 0.0])
    v[2] = -(v * x * slope(x * w))[:2].sum() / (x[2] * slope(x[2] * w))
    y = elu(x * w) - v

    def gradient(at, u):
        return float(((elu(x * at) - y - np.array([0, 0, u])) * x * slope(x * at)).sum())

    there = w + share * r
    u = gradient(there, 0.0) / (x[2] * slope(x[2] * there))
    assert gradient(there - 1e-6, u) * gradient(there + 1e-6, u) < 0  # a critical point between them
    case = emitter.Case(weights=[np.array([[w]]), np.array([[1.0]])], biases=[None, None], activation="elu",
                        X=x[:, None], y=y[:, None], rows=[2], layer=1, loss="squared", parameter="targets")
    case.gates = [{"quantity": "distance", "max": 1.0}]
    emitter.write_files(case, tmp_path)
    edit(tmp_path, {"[solution]\n": '[solution]\nmap = "critical"\nbase = "nearby"\n',
                    "[perturbation]\n": '[perturbation]\nset = "given"\nfile = "change.npz"\n'})
    np.savez(tmp_path / "change.npz", u=np.array([[u]]))
    certificate = prove(tmp_path)
    claim = certificate["claims"][0]
    assert 0.9 * (there - w) < claim["lower"] <= there - w + 1e-6 and there - w - 1e-6 <= claim["upper"]
    checked(certificate, tmp_path)
    for low in (1.001 * (there - w), 1.1 * (there - w)):
        false = forged(certificate, 0, lower=low, upper=1.0, witness={"z": [1.0], "array": "distance.centre"})
        with pytest.raises(Invalid):
            checked(false, tmp_path)


@pytest.mark.parametrize("old, u", [((-1.0, 1.0), 1.0), ((0.0, 1.0), 0.5), ((0.0, 1.0), -1.0)])
def test_labels_that_the_loss_does_not_know_are_refused(old, u):
    problem = SimpleNamespace(labels=old, loss="logistic", outputs=1)
    with pytest.raises(Invalid, match="leads to the labels"):
        changed_loss._flipped(problem, [(u,), ()])
    assert changed_loss._flipped(problem, [(), ()]) == old
