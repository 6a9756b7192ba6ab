"""What a label is: a threshold, the sign or the largest output; counted by both, and refused without a meaning.

Also what both refuse as a gate: one that every outcome meets, and one that none can.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.check.main import check, line_of, main
from certify.format.errors import CertifyError
from certify.format.refusal import Invalid
from certify.problem.load import load_problem
from certify.report.exporters.html import render
from certify.report.messages import advice, verdict_line
from tests.families import emitter
from tests.families.check_cases import NO_FILES
from tests.families.prover_cases import checked, edit, forged, prove

Json = dict[str, Any]
SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [3, 1]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "squared"
weight_decay = 0.01
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "sample_weights"
set = "sparse"
count = 1
radius = 1.0
direction = "down"
[evaluation]
file = "more.npz"
threshold = 0.5
[[gate]]
quantity = "stable_predictions"
min = 10
"""
THRESHOLD, MIN = "threshold = 0.5\n", "min = 10\n"


def solved(A: np.ndarray, y: np.ndarray, decay: float, biased: bool = True, without: int | None = None) -> np.ndarray:
    """The weights of ridge regression, n kept in 1/n; biased: whether the bias, the last weight, has decay too."""
    kept = np.ones(len(A))
    if without is not None:
        kept[without] = 0.0
    D = np.diag([decay] * (A.shape[1] - 1) + [decay if biased else 0.0])
    return np.asarray(np.linalg.solve((A.T * kept) @ A / len(A) + D, (A.T * kept) @ y / len(A)))


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows with a 1 for the bias, targets 0 and 1, evaluation rows."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    y = (X @ np.array([1.0, -0.5, 0.3]) + 0.3 * rng.standard_normal(30) > 0).astype(float)
    return np.hstack([X, np.ones((30, 1))]), y, rng.standard_normal((40, 3))


def ridge(folder: Path, biased: bool = True, decay: float = 0.01, anew: bool = False, **changes: str) -> Json | None:
    """The problem as files, and what `certify run` writes."""
    A, y, more = data()
    w = solved(A, y, decay, biased)
    save_file({"0.weight": w[None, :-1].copy(), "0.bias": w[-1:].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=A[:, :-1], y=y)
    np.savez(folder / "more.npz", X=more)
    (folder / "spec.toml").write_text(SPEC.replace("= 0.01", f"= {decay}"), encoding="utf-8")
    edit(folder, changes)
    return prove(folder, anew)


def flipped(threshold: float) -> int:
    """How many labels some single deletion changes, by solving again."""
    A, y, more = data()
    Z = np.hstack([more, np.ones((len(more), 1))])
    today = Z @ solved(A, y, 0.01) > threshold
    changed = [(Z @ solved(A, y, 0.01, without=i) > threshold) != today for i in range(len(A))]
    return int(np.any(changed, axis=0).sum())


@pytest.mark.parametrize("threshold", [0.5, 0.0, -0.2, 0.1])
def test_labels_are_the_sides_of_the_threshold(threshold: float, tmp_path: Path) -> None:
    """Every row is deleted and the rest solved again: no counted label changes, and signs would be too many."""
    certificate = ridge(tmp_path, **{THRESHOLD: f"threshold = {threshold}\n"})
    assert certificate is not None and certificate["problem"]["threshold"] == threshold
    claim, true = certificate["claims"][0], 40 - flipped(threshold)
    assert true - 3 <= claim["lower"] <= true
    result = checked(certificate, tmp_path)
    words = f"label: output above {threshold!r}"
    assert result.verdict == "certified" and claim["unit"] == f"evaluation rows ({words})"
    assert words in line_of(result) and words in verdict_line(certificate) and words in render(certificate)
    with pytest.raises(Invalid, match="labels are proved to stay"):
        checked(forged(certificate, 0, lower=true + 1.0), tmp_path)


def test_the_sign_would_be_another_claim() -> None:
    """Where the signs stay, labels by the threshold change: 39 rows and not 37."""
    assert flipped(0.5) > flipped(0.0)


@pytest.mark.parametrize("change", [{"threshold": 0.0}, {"threshold": None}, {}])
def test_another_threshold_is_refused(change: Json, tmp_path: Path) -> None:
    certificate = ridge(tmp_path)
    assert certificate is not None
    del certificate["problem"]["threshold"]
    certificate["problem"] |= change
    with pytest.raises(Invalid, match="threshold"):
        checked(certificate, tmp_path)


def respecified(certificate: Json, folder: Path, **changes: str) -> Json:
    """The certificate bound to another spec, and its member `problem` without what that does not give."""
    edit(folder, changes)
    other = copy.deepcopy(certificate)
    other["subject"]["spec"] = emitter.record(folder / "spec.toml", "spec.toml")
    if any("threshold" in key for key in changes):
        other["problem"].pop("threshold", None)
    return other


def test_labels_without_a_meaning_are_refused_by_both(tmp_path: Path) -> None:
    certificate = ridge(tmp_path)
    assert certificate is not None
    other = respecified(certificate, tmp_path, **{THRESHOLD: ""})
    other["claims"][0]["unit"] = "evaluation rows"
    with pytest.raises(Invalid, match=r"evaluation.threshold.*not all -1 and 1"):
        checked(other, tmp_path)
    assert prove(tmp_path) is None


@pytest.mark.parametrize(("loss", "y"), [("squared", (-1.0, 1.0)), ("logistic", (0.0, 1.0)), ("logistic", (-1.0, 1.0))])
def test_signs_have_a_meaning_for_two_signs_and_for_the_logistic_loss(
    loss: str, y: tuple[float, float], tmp_path: Path,
) -> None:
    """A certificate written before units said what a label is verifies on."""
    ridge(tmp_path)
    arrays = dict(np.load(tmp_path / "data.npz"))
    np.savez(tmp_path / "data.npz", X=arrays["X"], y=np.where(arrays["y"] > 0, y[1], y[0]))
    edit(tmp_path, {THRESHOLD: "", '"squared"': f'"{loss}"', MIN: "min = 1\n"})
    certificate = prove(tmp_path)
    assert certificate is not None and "threshold" not in certificate["problem"]
    assert certificate["claims"][0]["unit"] == "evaluation rows (label: sign of the output)"
    assert "label: sign of the output" in line_of(checked(certificate, tmp_path))
    certificate["claims"][0]["unit"] = "evaluation rows"
    assert "label: sign of the output" in line_of(checked(certificate, tmp_path))


def test_with_a_threshold_the_unit_has_to_say_it(tmp_path: Path) -> None:
    certificate = ridge(tmp_path)
    assert certificate is not None
    for unit in ("evaluation rows", "evaluation rows (label: sign of the output)"):
        certificate["claims"][0]["unit"] = unit
        with pytest.raises(Invalid, match="unit"):
            checked(certificate, tmp_path)


@pytest.mark.parametrize(("change", "words"), [
    ({MIN: "min = 41\n"}, "40 evaluation rows"), ({MIN: "max = 40\n"}, "40 evaluation rows"),
    ({MIN: "min = 0\n"}, "empty promise"), ({MIN: "min = -1\n"}, "empty promise"),
    ({'loss = "squared"': 'loss = "squared"\nnormalization = "remaining"'}, "rows (that )?are left"),
    ({THRESHOLD: 'threshold = "a"\n'}, "threshold"), ({THRESHOLD: "threshold = inf\n"}, "threshold"),
    ({'"stable_predictions"\nmin': '"prediction_change"\nmax'}, "threshold"),
    ({'loss = "squared"': 'loss = "squared"\nnormalization = "n"'}, "normalization"),
])
def test_both_programs_refuse_the_spec(change: dict[str, str], words: str, tmp_path: Path) -> None:
    certificate = ridge(tmp_path)
    assert certificate is not None
    other = respecified(certificate, tmp_path, **change)
    with pytest.raises(Invalid, match=words):
        checked(other, tmp_path)
    with pytest.raises(CertifyError, match=words):
        load_problem(tmp_path / "spec.toml")
    assert prove(tmp_path) is None  # exit status 2


@pytest.mark.parametrize("share", ["min = 0.95\n", "min = 39.5\n", 'min = "95%"\n'])
def test_a_share_is_no_threshold_of_a_spec(share: str, tmp_path: Path) -> None:
    """0.95 of 40 predictions was taken for one prediction; what was certified so is checked as it says."""
    certificate = ridge(tmp_path)
    assert certificate is not None
    respecified(certificate, tmp_path, **{MIN: share})
    said = "(counts predictions, which are whole ones|of predictions how many).*certify audit --min .*=[0-9.]+%"
    with pytest.raises(CertifyError, match=said):
        load_problem(tmp_path / "spec.toml")


def test_a_fixed_normalization_is_what_there_is(tmp_path: Path) -> None:
    certificate = ridge(tmp_path, **{'loss = "squared"': 'loss = "squared"\nnormalization = "fixed"'})
    assert certificate is not None and checked(certificate, tmp_path).verdict == "certified"


def test_a_threshold_of_several_outputs_is_refused_by_both(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    ridge(tmp_path)
    save_file({"0.weight": rng.standard_normal((2, 3)), "0.bias": np.zeros(2)}, tmp_path / "model.safetensors")
    np.savez(tmp_path / "data.npz", X=data()[0][:, :-1], y=rng.standard_normal((30, 2)))
    edit(tmp_path, {"[3, 1]": "[3, 2]", THRESHOLD: "", MIN: "min = 1\n"})
    certificate = prove(tmp_path)
    assert certificate is not None and certificate["claims"][0]["unit"] == "evaluation rows (label: largest output)"
    other = respecified(certificate, tmp_path, **{'file = "more.npz"\n': 'file = "more.npz"\nthreshold = 0.5\n'})
    other["problem"]["threshold"] = 0.5
    other["claims"][0]["unit"] = "evaluation rows (label: output above 0.5)"
    with pytest.raises(Invalid, match=r"threshold.*one output"):
        checked(other, tmp_path)
    assert prove(tmp_path) is None


@pytest.mark.parametrize(("asked", "status"), [
    (["--min", "stable_predictions=36"], 0), (["--min", "stable_predictions=41"], 2),
    (["--min", "stable_predictions=0"], 2), (["--max", "stable_predictions=40"], 2),
])
def test_thresholds_of_the_command_line_obey_the_same_rules(asked: list[str], status: int, tmp_path: Path) -> None:
    ridge(tmp_path)
    assert main([str(tmp_path / "certificate.json"), "--quiet", *asked]) == status


def test_the_line_says_that_a_warn_gate_alone_is_refuted(tmp_path: Path) -> None:
    certificate = ridge(tmp_path, **{MIN: 'min = 40\nseverity = "warn"\n[[gate]]\nquantity = "distance"\nmax = 9.0\n'})
    assert certificate is not None and certificate["verdict"] == "inconclusive"
    assert "warn gate only" not in verdict_line(certificate)
    edit(tmp_path, {"max = 9.0": 'max = 1e-6\nseverity = "warn"'})
    certificate = prove(tmp_path)
    assert certificate is not None and verdict_line(certificate).startswith("refuted ")
    assert verdict_line(certificate).endswith("[gates met, refuted by a warn gate only]")
    assert "; refuted by a warn gate only]" in line_of(checked(certificate, tmp_path))
    edit(tmp_path, {'max = 1e-6\nseverity = "warn"': "max = 1e-6"})
    certificate = prove(tmp_path)
    assert certificate is not None and verdict_line(certificate).endswith("[gates failed]")
    assert "warn gate only" not in line_of(checked(certificate, tmp_path))


def test_quiet_keeps_the_first_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ridge(tmp_path, anew=True, **{MIN: "min = 40\n"})
    out, err = capsys.readouterr()
    assert out.startswith("inconclusive ") and "[gates open]: min = 40.0 lies inside" in out and not err
    ridge(tmp_path, anew=True)
    assert capsys.readouterr().out.rstrip().endswith("[gates met]")


@pytest.mark.parametrize(("change", "said"), [
    ({}, True), ({'direction = "down"\n': ""}, True), ({'radius = 1.0\ndirection = "down"\n': "radius = 0.5\n"}, False),
    ({'parameter = "sample_weights"': 'parameter = "targets"', 'direction = "down"\n': ""}, False)])
def test_that_n_stays_is_said_where_rows_are_left_out(change: dict[str, str], said: bool, tmp_path: Path) -> None:
    certificate = ridge(tmp_path, **change)
    assert certificate is not None
    words = "the loss is still divided by n = 30"
    assert any(words in line for line in advice(certificate)) == said == (words in render(certificate))


def test_a_bias_without_decay_is_recognised(tmp_path: Path) -> None:
    """Weights of a ridge regression whose intercept has no decay: the one solution is another model."""
    certificate = ridge(tmp_path, biased=False, decay=0.2, **{MIN: "min = 1\n"})
    assert certificate is not None and checked(certificate, tmp_path).verdict == certificate["verdict"]
    (line,) = [line for line in advice(certificate) if line.startswith("caution: ")]
    assert "was the bias left out of the decay?" in line and "times their length" in line
    assert "was the bias left out of the decay?" in render(certificate)
    names = [h["name"] for h in certificate["claims"][0]["hypotheses"]]
    assert names == ["convex", "solution", "weights", "bias"]
    for at, factor in ((2, 1.01), (3, 0.0)):
        other = copy.deepcopy(certificate)
        other["claims"][0]["hypotheses"][at]["value"] *= factor
        with pytest.raises(Invalid, match=names[at]):
            checked(other, tmp_path)


def test_weights_that_were_not_trained_to_the_end_are_far_without_that_cause(tmp_path: Path) -> None:
    ridge(tmp_path)
    edit(tmp_path, {"weight_decay = 0.01": "weight_decay = 0.02", MIN: "min = 1\n"})
    certificate = prove(tmp_path)
    assert certificate is not None and checked(certificate, tmp_path).verdict == certificate["verdict"]
    (line,) = [line for line in advice(certificate) if line.startswith("caution: ")]
    assert "Train on" in line and "left out" not in line
    certificate["claims"][0]["hypotheses"].append(
        {"name": "bias", "statement": "", "value": 1e-9, "holds": True})
    with pytest.raises(Invalid, match="bias"):
        checked(certificate, tmp_path)


def test_weights_that_are_all_zero_have_the_length_zero(tmp_path: Path) -> None:
    """A norm has a floor, so it is no lower bound of a length: the certificate stated one that the checker refused."""
    ridge(tmp_path)
    edit(tmp_path, {MIN: "min = 1\n"})
    zeros = {name: np.zeros_like(array) for name, array in load_file(tmp_path / "model.safetensors").items()}
    save_file(zeros, tmp_path / "model.safetensors")
    certificate = prove(tmp_path)
    assert certificate is not None and checked(certificate, tmp_path).verdict == certificate["verdict"]
    stated = {h["name"]: h["value"] for h in certificate["claims"][0]["hypotheses"]}
    assert stated["weights"] == 0


def test_weights_near_the_solution_bring_no_caution(tmp_path: Path) -> None:
    certificate = ridge(tmp_path)
    assert certificate is not None and not [line for line in advice(certificate) if line.startswith("caution")]
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"
