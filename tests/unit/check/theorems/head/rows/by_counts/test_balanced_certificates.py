"""Balanced class weights: certificates against every refit with its own weights; forged ones are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.reading.optional.class_weight import Balanced, balanced
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.theorems.head.domain import refused
from certify.format.errors import CertifyError
from certify.format.methods import METHODS, status_of
from certify.format.refusal import Invalid
from tests.families.once import once
from tests.oracles.weighted_refits import Change, changes, codes_of, label_of, refit
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.rows.test_weights import COUNTS, GATE, MOVES
from tests.unit.check.theorems.head.test_claims import NONE, forge

SPEC = """version = 1
model = {{ file = "model.safetensors", widths = [2, {k}], activation = "identity" }}
data = {{ file = "data.npz", features = "X", targets = "y" }}
training = {{ loss = "{loss}", weight_decay = {decay}, bias_decay = {bias}, class_weight = "balanced" }}
solution = {{ map = "critical", base = "nearby" }}
perturbation = {{ parameter = "{parameter}", set = "sparse", count = {count} }}
evaluation = {{ file = "more.npz", features = "X" }}
"""
START = "stable_predictions.rows"


class Case:
    """A drawn head with its files, few of whose rows have the last label."""

    def __init__(self, folder: Path, loss: str = "logistic", parameter: str = "deletions", count: int = 1,
                 bias: bool = False, seed: int = 0, n: int = 12, few: int = 3) -> None:
        rng = np.random.default_rng(seed)
        self.loss, self.k, self.n = loss, 3 if loss == "cross_entropy" else 1, n
        others = max(self.k, 2) - 1
        self.label = np.append(np.arange(n - few) % others, [others] * few).astype(np.int64)
        self.X = np.round(rng.normal(size=(n, 2)) + 1.2 * self.label[:, None], 3)
        self.points = np.round(rng.normal(size=(30, 2)) + rng.uniform(0, 2, (30, 1)), 3)
        self.decay, self.count, self.relabels = 0.09, count, parameter == "labels"
        self.decayed = np.array([True, True, bias])
        V = self.refit(())
        save_file({"0.weight": V[:, :-1].copy(), "0.bias": V[:, -1].copy()}, folder / "model.safetensors")
        targets = codes_of(loss, self.k)[self.label].ravel() if loss == "squared" else self.label
        np.savez(folder / "data.npz", X=self.X, y=targets)
        np.savez(folder / "more.npz", X=self.points)
        self.spec = SPEC.format(k=self.k, loss=loss, decay=self.decay, bias=str(bias).lower(), parameter=parameter,
                                count=count)

    def refit(self, change: Change) -> Any:
        """By the oracle, with the weights that are balanced after the change."""
        new = dict(change)
        after = np.array([new.get(i, int(c)) for i, c in enumerate(self.label)])
        left = after[after >= 0]
        c = np.array([len(left) / (max(self.k, 2) * max((left == y).sum(), 1)) for y in after])
        phi = np.hstack([self.X, np.ones((self.n, 1))])
        return refit(self.loss, phi, self.label, c, self.n * self.decay, self.decayed, self.k, change)

    def every(self) -> list[Change]:
        """All changes."""
        return changes(self.n, self.label, max(self.k, 2), self.count, self.relabels)


def proved(folder: Path, text: str) -> Any:
    """The certificate of a spec, which the checker follows."""
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    certificate = run_audit(folder / "spec.toml")
    assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"]
    return certificate


def methods(folder: Path) -> set[str]:
    """Those by which predictions are stated to stay."""
    status = load_file(folder / "witness.safetensors")[f"{START}.status"]
    return {name for name in METHODS if (status == status_of(name)).any()}


@pytest.mark.parametrize(("loss", "parameter", "count", "bias", "seed"), [
    ("logistic", "deletions", 2, False, 1), ("logistic", "labels", 1, False, 2),
    ("squared", "deletions", 1, True, 3), ("cross_entropy", "deletions", 1, False, 4),
    ("cross_entropy", "labels", 1, True, 5),
])
def test_both_ends_are_those_of_all_refits_with_their_own_weights(
    loss: str, parameter: str, count: int, bias: bool, seed: int, tmp_path: Path,
) -> None:
    case = Case(tmp_path, loss, parameter, count, bias, seed)
    certificate = proved(tmp_path, case.spec + COUNTS)
    phi = np.hstack([case.points, np.ones((len(case.points), 1))])
    today, stays, tolerated = label_of(case.refit(()), phi), np.ones(len(phi), bool), np.full(len(phi), count)
    for change in case.every():
        labels = label_of(case.refit(change), phi)
        assert (labels >= 0).all()  # the draws leave no tie
        stays &= labels == today
        tolerated = np.where(labels == today, tolerated, np.minimum(tolerated, max(len(change), 1) - 1))
    stable, changed = certificate["claims"]
    assert stable["lower"] == stable["upper"] == int(stays.sum()) > 0
    assert changed["row_lower"] == changed["row_upper"] == tolerated.tolist()
    assert certificate["problem"]["class_weight"] == "balanced"
    assert ("by_counts" in methods(tmp_path)) == (count == 2)
    assert "count the same together" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_motions_hold_those_of_all_refits(tmp_path: Path) -> None:
    case = Case(tmp_path, seed=11)
    certificate = proved(tmp_path, case.spec + MOVES)
    phi, V = np.hstack([case.points, np.ones((len(case.points), 1))]), case.refit(())
    steps = [case.refit(change) - V for change in case.every()]
    found = (max(float(np.linalg.norm(step)) for step in steps),
             max(float(np.linalg.norm(phi @ step.T, axis=1).max()) for step in steps))
    for claim, truth in zip(certificate["claims"], found, strict=True):
        assert claim["lower"] - 1e-9 <= truth <= claim["upper"] + 1e-9 <= truth * 1.001 + 1e-9


def test_scikit_learn_agrees(tmp_path: Path) -> None:
    """`class_weight="balanced"` without the rows."""
    linear = pytest.importorskip("sklearn.linear_model")
    case = Case(tmp_path, seed=12)
    certificate = proved(tmp_path, case.spec + COUNTS)
    make = {"C": 1 / (case.n * case.decay), "tol": 1e-12, "max_iter": 10_000, "class_weight": "balanced"}
    today, stays = linear.LogisticRegression(**make).fit(case.X, case.label).predict(case.points), True
    for i in range(case.n):
        keep = np.arange(case.n) != i
        stays &= linear.LogisticRegression(**make).fit(case.X[keep], case.label[keep]).predict(case.points) == today
    assert certificate["claims"][0]["lower"] == int(np.sum(stays))


@pytest.mark.parametrize("count", [3, 5])
def test_nothing_is_said_where_a_label_may_lose_all_its_rows(count: int, tmp_path: Path) -> None:
    case = Case(tmp_path, count=count, bias=True)
    stable, changed = proved(tmp_path, case.spec + COUNTS)["claims"]
    assert (stable["lower"], stable["upper"]) == (0, 30) and "a label may lose all its rows" in stable["reason"]
    assert max(changed["row_lower"]) == 2  # of fewer rows there is something to say


def test_one_row_of_a_label(tmp_path: Path) -> None:
    """Where it may go nothing is said; where the others may, refits are."""
    case = Case(tmp_path, few=1)
    stable, _ = proved(tmp_path, case.spec + COUNTS)["claims"]
    assert (stable["lower"], stable["upper"]) == (0, 30)
    text = case.spec.replace("count = 1", f"count = 1, rows = {list(range(11))}")
    stable, _ = proved(tmp_path, text + COUNTS)["claims"]
    assert stable["lower"] == stable["upper"] > 0


@once
def made(folder: Path) -> tuple[Case, Any]:
    case = Case(folder, count=2, seed=1)
    return case, proved(folder, case.spec + GATE.format(quantity="stable_predictions", side="min", bar=1))


@pytest.fixture
def honest(tmp_path: Path) -> tuple[Path, Case, Any]:
    return tmp_path, *made(tmp_path)


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("every_choice", "by_counts")])
def test_a_method_for_weights_that_stay_is_refused(method: str, honest: tuple[Path, Case, Any]) -> None:
    folder, _, certificate = honest
    arrays = load_file(folder / "witness.safetensors")
    status = arrays[f"{START}.status"].copy()
    status[status == status_of("by_counts")] = status_of(method)
    arrays = {name.replace("by_counts.1-0.box_tree", "box_tree") if method == "box_tree" else name: array
              for name, array in arrays.items() if "by_counts" not in name or "by_counts.1-0" in name and (
                  method == "box_tree")}
    save_file({**arrays, f"{START}.status": status}, folder / "witness.safetensors")
    resealed(folder, certificate, "witness")
    with pytest.raises(Invalid, match=f"stated to stay by {method}|label_sums is stated"):
        check(folder / "certificate.json", NONE)


def test_trees_without_balanced_weights_are_refused(honest: tuple[Path, Case, Any]) -> None:
    folder, _, certificate = honest
    spec = folder / "spec.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace(', class_weight = "balanced"', ""), encoding="utf-8")
    certificate = resealed(folder, certificate, "spec")
    with pytest.raises(Invalid, match="class_weight"):
        check(folder / "certificate.json", NONE)
    problem = {key: value for key, value in certificate["problem"].items() if key != "class_weight"}
    forge(folder, certificate, ("problem",), problem)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("edit", ["missing", "swapped", "more", "flip"])
def test_forged_arrays_are_refused(edit: str, honest: tuple[Path, Case, Any]) -> None:
    folder, _, certificate = honest
    arrays, trees = load_file(folder / "witness.safetensors"), f"{START}.by_counts."
    if edit == "missing":
        arrays = {name: array for name, array in arrays.items() if not name.startswith(f"{trees}1-1.")}
    elif edit == "swapped":
        names = {"2-0": "0-2", "0-2": "2-0"}
        arrays = {name if not name.startswith(trees) else trees + names.get(case := name[len(trees):][:3], case)
                  + name[len(trees) + 3:]: array for name, array in arrays.items()}
    elif edit == "more":
        arrays |= {name.replace("2-0", "3-0"): array for name, array in arrays.items() if "2-0" in name}
    else:  # without all rows of a label
        arrays[f"{START}.flips.rows"] = np.array([[9, 10, 11]])
        arrays[f"{START}.flips.codes"] = np.array([[-1, -1, -1]])
        arrays[f"{START}.flips.weights"] = np.zeros((1, 3))
        arrays[f"{START}.flips.point"] = np.zeros(30, np.int64)
    save_file(arrays, folder / "witness.safetensors")
    resealed(folder, certificate, "witness")
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize(("old", "new"), [
    ('parameter = "deletions", set = "sparse", count = 1', 'parameter = "features", set = "total", radius = 0.01'),
    ('parameter = "deletions", set = "sparse", count = 1',
     'parameter = "deletions", set = "sparse", count = 1, fresh = "added"'),
    ('map = "critical", base = "nearby"', 'map = "sublevel"'),
    ('map = "critical", base = "nearby"', 'map = "critical"'),
    ("weight_decay = 0.09, bias_decay = false", "weight_decay = 0.0"),
    ('targets = "y"', 'targets = "y", weights = "w"'), ('loss = "logistic"', 'loss = "poisson"'),
    ('class_weight = "balanced"', 'class_weight = "subsample"'),
])
def test_other_questions_are_refused_by_both(old: str, new: str, tmp_path: Path) -> None:
    case = Case(tmp_path)
    np.savez(tmp_path / "data.npz", X=case.X, y=case.label, w=np.ones(case.n))
    gate = GATE.format(quantity="stable_predictions", side="min", bar=1)
    assert read_spec((case.spec + gate).encode()).class_weight == "balanced" and old in case.spec
    text = case.spec.replace(old, new) + gate
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Invalid):
        read_spec(text.encode())
    with pytest.raises(CertifyError):
        run_audit(tmp_path / "spec.toml")


def test_a_label_without_rows_is_refused(tmp_path: Path) -> None:
    case = Case(tmp_path, "cross_entropy")
    np.savez(tmp_path / "data.npz", X=case.X, y=np.minimum(case.label, 1))
    text = case.spec + GATE.format(quantity="stable_predictions", side="min", bar=1)
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CertifyError, match="label 2 has no row"):
        run_audit(tmp_path / "spec.toml")
    files = [(tmp_path / name).read_bytes() for name in ("model.safetensors", "data.npz")]
    with pytest.raises(Invalid, match="2 of 3 labels have a row"):
        build_problem(read_spec(text.encode()), *files, False, evaluation=(tmp_path / "more.npz").read_bytes())


def test_the_domain_of_finite_changes_refuses_balanced_weights(tmp_path: Path) -> None:
    case = Case(tmp_path, bias=True)
    text = case.spec.replace(', class_weight = "balanced"', "").replace('"deletions"', '"labels"')
    spec = read_spec((text + GATE.format(quantity="prediction_change", side="max", bar=1.0)).encode())
    files = [(tmp_path / name).read_bytes() for name in ("model.safetensors", "data.npz")]
    problem = build_problem(spec, *files, False, evaluation=(tmp_path / "more.npz").read_bytes())
    assert refused(problem) == "" and "weights" in refused(replace(
        problem, row_weights=Balanced(balanced(case.label.tolist(), 2))))
