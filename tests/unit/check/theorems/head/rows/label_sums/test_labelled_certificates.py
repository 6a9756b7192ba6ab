"""Wrong labels of rows with weights from spec to checked certificate, against every refit; forged ones are refused."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.format.errors import CertifyError
from certify.format.methods import METHODS, status_of
from certify.format.refusal import Invalid
from certify.theorems.head.rows import claims
from certify.theorems.head.rows.survey import survey
from tests.families.once import once
from tests.oracles.weighted_refits import Change, changes, codes_of, label_of, refit
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.rows.test_weights import COUNTS, GATE
from tests.unit.check.theorems.head.test_claims import NONE, forge

SPEC = """version = 1
model = {{ file = "model.safetensors", widths = [2, {k}], activation = "identity" }}
data = {{ file = "data.npz", features = "X", targets = "y" }}
training = {{ loss = "{loss}", weight_decay = {decay}, bias_decay = {bias}, class_weight = {weight} }}
solution = {{ map = "critical", base = "nearby" }}
perturbation = {{ parameter = "{parameter}", set = "sparse", count = {count}, rows = {rows} }}
evaluation = {{ file = "more.npz", features = "X" }}
"""
START = "stable_predictions.rows"
STABLE = GATE.format(quantity="stable_predictions", side="min", bar=1)
BALANCED = '"balanced"'


class Case:
    """A drawn head with its files; weights by label, or balanced ones."""

    def __init__(self, folder: Path, weight: str = "[1.0, 2.5]", loss: str = "logistic", parameter: str = "labels",
                 count: int = 2, n: int = 80, moving: int = 10, seed: int = 0, k: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.loss, self.k, self.n = loss, k or (3 if loss == "cross_entropy" else 1), n
        self.labels = max(self.k, 2)
        self.label = (np.arange(n) % (self.labels + 1) % self.labels).astype(np.int64)
        self.X = np.round(rng.normal(size=(n, 2)) + 1.2 * self.label[:, None], 3)
        self.points = np.round(rng.normal(size=(40, 2)) + rng.uniform(0, 2, (40, 1)), 3)
        self.decay, self.count, self.rows = 0.09, count, list(range(moving))
        self.weight, self.relabels = weight, parameter == "labels"
        V = self.refit(())
        save_file({"0.weight": V[:, :-1].copy(), "0.bias": V[:, -1].copy()}, folder / "model.safetensors")
        targets = codes_of(loss, self.k)[self.label].squeeze() if loss == "squared" else self.label
        np.savez(folder / "data.npz", X=self.X, y=targets, w=self.counts(self.label))
        np.savez(folder / "more.npz", X=self.points)
        self.spec = SPEC.format(k=self.k, loss=loss, decay=self.decay, bias="false", parameter=parameter, count=count,
                                rows=self.rows, weight=weight)

    def counts(self, label: Any) -> Any:
        """What rows with these labels count."""
        each = len(label) / (self.labels * np.bincount(label, minlength=self.labels)) if (
            self.weight == BALANCED) else np.array(eval(self.weight), dtype=float)
        return each[label]

    def refit(self, change: Change) -> Any:
        """By the oracle, with the weights of the labels after the change."""
        new = {i: c for i, c in change if c >= 0}
        c = self.counts(np.array([new.get(i, int(y)) for i, y in enumerate(self.label)]))
        return refit(self.loss, np.hstack([self.X, np.ones((self.n, 1))]), self.label, c, self.n * self.decay,
                     np.array([True, True, False]), self.k, change)

    def stays(self) -> Any:
        """Which points keep their label in every choice."""
        every = [c for c in changes(self.n, self.label, self.labels, self.count, self.relabels)
                 if all(i in self.rows for i, _ in c)]
        phi = np.hstack([self.points, np.ones((len(self.points), 1))])
        found = np.array([label_of(self.refit(c), phi) for c in ((), *every)])
        assert (found >= 0).all()  # the draws leave no tie
        return np.all(found == found[0], axis=0)


def proved(folder: Path, text: str, alone: bool = False) -> Any:
    """The certificate of a spec, which the checker follows; by sums of steps alone, or as a user gets it."""
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    with patch.object(claims, "survey", partial(survey, methods=("label_sums",))) if alone else nullcontext():
        certificate = run_audit(folder / "spec.toml")
    assert check(folder / "certificate.json", NONE).verdict == "certified"
    return certificate


@pytest.mark.parametrize(("weight", "count"), [("[1.0, 2.5]", 1), ("[2, 1]", 2), (BALANCED, 2)])
def test_both_ends_are_those_of_all_refits(weight: str, count: int, tmp_path: Path) -> None:
    case = Case(tmp_path, weight, count=count)
    stable, changed = proved(tmp_path, case.spec + COUNTS)["claims"]
    truth = case.stays()
    assert stable["lower"] == stable["upper"] == truth.sum() and 0 < truth.sum() < len(truth)
    assert (np.array(changed["row_lower"]) == count).tolist() == truth.tolist()
    alone, = proved(tmp_path, case.spec + STABLE, alone=True)["claims"]
    assert 0.9 * stable["lower"] <= alone["lower"] <= stable["lower"]
    assert (load_file(tmp_path / "witness.safetensors")[f"{START}.status"] == status_of("label_sums")).any()


def test_scikit_learn_agrees(tmp_path: Path) -> None:
    """A dictionary of class weights, without weights of rows."""
    linear = pytest.importorskip("sklearn.linear_model")
    case = Case(tmp_path, count=1)
    certificate = proved(tmp_path, case.spec + STABLE)
    make = {"C": 1 / (case.n * case.decay), "tol": 1e-12, "max_iter": 10_000, "class_weight": {0: 1.0, 1: 2.5}}
    today, stays = linear.LogisticRegression(**make).fit(case.X, case.label).predict(case.points), True
    for i in case.rows:
        y = np.where(np.arange(case.n) == i, 1 - case.label, case.label)
        stays &= linear.LogisticRegression(**make).fit(case.X, y).predict(case.points) == today
    assert certificate["claims"][0]["lower"] == int(np.sum(stays))
    assert certificate["problem"]["class_weight"] == [1.0, 2.5]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "counts by the label that it has (1, 2.5)" in page and "counts as one of that label" in page


@pytest.mark.parametrize(("loss", "weight"), [("cross_entropy", "[1.0, 2.0, 0.5]"), ("squared", "[1.0, 4.0]")])
def test_other_losses_are_refitted_choice_by_choice(loss: str, weight: str, tmp_path: Path) -> None:
    case = Case(tmp_path, weight, loss, count=1, n=18, moving=8)
    text = case.spec.replace('features = "X" }\n\n', "") + STABLE
    if loss == "squared":
        text = text.replace('evaluation = { file = "more.npz", features = "X" }',
                            'evaluation = { file = "more.npz", features = "X", threshold = 0.0 }')
    stable, = proved(tmp_path, text)["claims"]
    truth = case.stays()
    assert stable["lower"] == stable["upper"] == truth.sum()


def test_weights_of_classes_are_by_the_output_that_targets_mark(tmp_path: Path) -> None:
    """Three outputs and the squared loss: the first number is of class 0, whose targets mark the first output."""
    case = Case(tmp_path, "[1.0, 2.0, 8.0]", "squared", count=1, n=30, moving=6, k=3)
    certificate = proved(tmp_path, case.spec + STABLE)
    stable, = certificate["claims"]
    assert stable["lower"] == stable["upper"] == case.stays().sum() > 0
    assert certificate["base"]["distance"] < 1e-6 and certificate["problem"]["class_weight"] == [1.0, 2.0, 8.0]
    (tmp_path / "spec.toml").write_text(case.spec.replace(case.weight, "[8.0, 2.0, 1.0]") + STABLE, encoding="utf-8")
    resealed(tmp_path, certificate, "spec")
    with pytest.raises(Invalid, match="class_weight"):
        check(tmp_path / "certificate.json", NONE)
    assert run_audit(tmp_path / "spec.toml")["base"]["distance"] > 1.0  # near no minimum of that


def test_rows_that_are_left_out_keep_their_weight(tmp_path: Path) -> None:
    """The certificate of the weights of rows says the same."""
    case = Case(tmp_path, parameter="deletions", count=2)
    one = proved(tmp_path, case.spec + STABLE)["claims"][0]
    text = case.spec.replace(", class_weight = [1.0, 2.5]", "").replace('targets = "y"', 'targets = "y", weights = "w"')
    other = proved(tmp_path, text + STABLE)["claims"][0]
    assert [one[x] for x in ("lower", "upper")] == [other[x] for x in ("lower", "upper")] and one["lower"] > 0


@pytest.fixture(params=["[1.0, 2.5]", BALANCED])
def honest(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Case, Any]:
    return tmp_path, *begun(tmp_path, request.param)


@once
def begun(folder: Path, weight: str) -> tuple[Case, Any]:
    case = Case(folder, weight)
    return case, proved(folder, case.spec + STABLE, alone=True)


@pytest.mark.parametrize("weight", ["[1.0, 2.25]", "[2.5, 1.0]", BALANCED, '[1.0]', "none"])
def test_other_weights_than_the_spec_s_are_refused(weight: str, honest: tuple[Path, Case, Any]) -> None:
    folder, case, certificate = honest
    if weight == case.weight:
        return
    spec = folder / "spec.toml"
    text = spec.read_text(encoding="utf-8")
    spec.write_text(text.replace(f"class_weight = {case.weight}", f"class_weight = {weight}" if weight != "none" else (
        "normalization = 'fixed'")), encoding="utf-8")
    certificate = resealed(folder, certificate, "spec")
    with pytest.raises(Invalid, match="class_weight"):
        check(folder / "certificate.json", NONE)
    if weight.startswith("[1.0, "):  # and where the certificate says the same
        forge(folder, certificate, ("problem", "class_weight"), [1.0, 2.25])
        try:
            assert check(folder / "certificate.json", NONE).verdict == "certified"
        except Invalid:
            return
        assert certificate["claims"][0]["lower"] <= Case(folder, weight).stays().sum()


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("every_choice", "label_sums")])
def test_a_method_for_other_weights_is_refused(method: str, honest: tuple[Path, Case, Any]) -> None:
    folder, case, certificate = honest
    if method == "by_counts" and case.weight == BALANCED:
        return
    arrays = load_file(folder / "witness.safetensors")
    status = arrays[f"{START}.status"].copy()
    status[status == status_of("label_sums")] = status_of(method)
    arrays = {name: array for name, array in arrays.items() if "label_sums" not in name}
    save_file({**arrays, f"{START}.status": status}, folder / "witness.safetensors")
    resealed(folder, certificate, "witness")
    with pytest.raises(Invalid, match=f"stated to stay by {method}"):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("edit", ["all stay", "missing", "more", "far"])
def test_forged_arrays_are_refused(edit: str, honest: tuple[Path, Case, Any]) -> None:
    folder, case, certificate = honest
    arrays, own = load_file(folder / "witness.safetensors"), f"{START}.label_sums."
    if edit == "all stay":
        arrays[f"{START}.status"] = np.full_like(arrays[f"{START}.status"], status_of("label_sums"))
        arrays = {name: array for name, array in arrays.items() if ".flips." not in name}
        for name in ("flipped", "changed", "undecided"):
            certificate["claims"][0]["witness"][name] = []
        certificate["claims"][0]["lower"] = certificate["claims"][0]["upper"] = 40.0
    elif edit == "missing":
        del arrays[f"{own}weights"]
    elif edit == "more":
        arrays[f"{own}3-0"] = arrays[f"{own}weights"]
    else:
        arrays = {name: array + 5.0 if name.startswith(own) else array for name, array in arrays.items()}
    save_file(arrays, folder / "witness.safetensors")
    resealed(folder, certificate, "witness")
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("weight", ["[1.0]", "[0.0, 1.0]", "[-1.0, 2.0]", "[1.0, inf]", "[1.0, nan]", '[1.0, "a"]',
                                    "[true, 1.0]", "[]", "2.0", "{ a = 1.0 }",
                                    "[1, 1" + "0" * 400 + "]", "[1, -1" + "0" * 400 + "]"])
def test_what_is_no_weight_is_refused_by_both(weight: str, tmp_path: Path) -> None:
    case = Case(tmp_path)
    text = case.spec.replace("[1.0, 2.5]", weight) + STABLE
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Invalid, match="class_weight"):
        read_spec(text.encode())
    with pytest.raises(CertifyError, match="class_weight"):
        run_audit(tmp_path / "spec.toml")


@pytest.mark.parametrize(("old", "new"), [
    ('targets = "y"', 'targets = "y", weights = "w"'), ("weight_decay = 0.09", "weight_decay = 0.0"),
    ('map = "critical", base = "nearby"', 'map = "critical"'), ('loss = "logistic"', 'loss = "poisson"'),
    ('parameter = "labels", set = "sparse", count = 2', 'parameter = "features", set = "total", radius = 0.01')])
def test_other_questions_are_refused_by_both(old: str, new: str, tmp_path: Path) -> None:
    case = Case(tmp_path)
    text = case.spec.replace(old, new) + STABLE
    assert old in case.spec and read_spec((case.spec + STABLE).encode()).class_weight == (1.0, 2.5)
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Invalid):
        read_spec(text.encode())
    with pytest.raises(CertifyError):
        run_audit(tmp_path / "spec.toml")


@pytest.mark.parametrize(("loss", "weight"), [("logistic", "[1.0, 2.0, 3.0]"), ("cross_entropy", "[1.0, 2.0]")])
def test_another_number_of_weights_than_of_labels_is_refused_by_both(loss: str, weight: str, tmp_path: Path) -> None:
    case = Case(tmp_path, "[1.0, 2.5, 1.0]" if loss == "cross_entropy" else "[1.0, 2.5]", loss)
    text = case.spec.replace(case.weight, weight) + STABLE
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CertifyError):
        run_audit(tmp_path / "spec.toml")
    files = [(tmp_path / name).read_bytes() for name in ("model.safetensors", "data.npz")]
    with pytest.raises(Invalid, match="one for each of"):
        build_problem(read_spec(text.encode()), *files, False, evaluation=(tmp_path / "more.npz").read_bytes())
