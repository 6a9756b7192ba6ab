"""Distances of critical points after one given change: proved ends are re-derived, what is false or altered is not."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.check.refusal import Invalid
from tests.check import emitter
from tests.check.prover_cases import checked, critical, edit, forged, prove, settled

GATE = '\n[[gate]]\nquantity = "distance"\nmax = 10.0\n'


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
