"""Rows that carry weights: certificates against every refit, scikit-learn's too; forged ones are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.theorems.distance import critical_given_change
from certify.check.theorems.head.domain import refused
from certify.format.errors import CertifyError, InputError, SpecError
from certify.format.methods import METHODS, status_of
from certify.format.refusal import Invalid
from tests.oracles.weighted_refits import changes, codes_of, label_of, refit
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.test_claims import NONE, forge

SPEC = """version = 1
model = {{ file = "model.safetensors", widths = [{p}, {k}], activation = "identity" }}
data = {{ file = "data.npz", features = "X", targets = "y", weights = "w" }}
training = {{ loss = "{loss}", weight_decay = {decay}, bias_decay = {bias}, normalization = "{divided}" }}
solution = {{ map = "critical", base = "nearby" }}
perturbation = {{ parameter = "{parameter}", set = "sparse", count = {count} }}
evaluation = {{ file = "more.npz", features = "X" }}
"""
GATE = '[[gate]]\nquantity = "{quantity}"\n{side} = {bar}\n'
COUNTS = GATE.format(quantity="stable_predictions", side="min", bar=1) + GATE.format(
    quantity="tolerated_changes", side="min", bar=1)
MOVES = GATE.format(quantity="distance", side="max", bar=50.0) + GATE.format(
    quantity="prediction_change", side="max", bar=50.0)


class Case:
    """A drawn head with its files.

    Args:
        folder: where they are written.
        loss, parameter, count, bias, divided: of the spec.
        seed, n: of the data.
    """

    def __init__(self, folder: Path, loss: str = "logistic", parameter: str = "deletions", count: int = 1,
                 bias: bool = False, divided: str = "fixed", seed: int = 0, n: int = 9) -> None:
        rng = np.random.default_rng(seed)
        self.loss, self.k, self.n, p = loss, 3 if loss == "cross_entropy" else 1, n, 2
        self.label = np.append(np.tile(np.arange(max(self.k, 2)), 3), rng.integers(0, 2, n))[: self.n].astype(np.int64)
        self.X = np.round(rng.normal(size=(self.n, p)) + 1.2 * self.label[:, None], 3)
        self.c = np.round(np.exp(rng.uniform(-1.5, 1.5, self.n)), 3)
        self.points = np.round(rng.normal(size=(12, p)) + rng.integers(0, 3, (12, 1)), 3)
        self.decay, self.count, self.relabels = 0.09, count, parameter == "labels"
        self.decayed = np.array([True, True, bias])
        self.divided = divided
        V = self.refit(())
        save_file({"0.weight": V[:, :-1].copy(), "0.bias": V[:, -1].copy()}, folder / "model.safetensors")
        targets = codes_of(loss, self.k)[self.label].ravel() if loss == "squared" else self.label
        np.savez(folder / "data.npz", X=self.X, y=targets, w=self.c)
        np.savez(folder / "more.npz", X=self.points)
        self.spec = SPEC.format(p=p, k=self.k, loss=loss, decay=self.decay, bias=str(bias).lower(), divided=divided,
                                parameter=parameter, count=count)

    def refit(self, change: tuple[tuple[int, int], ...]) -> Any:
        """By the oracle."""
        gone = sum(code < 0 for _, code in change) if self.divided == "remaining" else 0
        phi = np.hstack([self.X, np.ones((self.n, 1))])
        return refit(self.loss, phi, self.label, self.c, (self.n - gone) * self.decay, self.decayed, self.k, change)

    def every(self) -> list[Any]:
        """All changes."""
        return changes(self.n, self.label, max(self.k, 2), self.count, self.relabels)


@pytest.mark.parametrize(("loss", "parameter", "count", "bias", "divided", "seed"), [
    ("logistic", "deletions", 1, False, "fixed", 0), ("logistic", "deletions", 2, True, "fixed", 1),
    ("logistic", "labels", 1, False, "fixed", 2), ("logistic", "labels", 2, True, "fixed", 3),
    ("logistic", "deletions", 2, False, "remaining", 4), ("squared", "deletions", 1, False, "remaining", 5),
    ("squared", "labels", 2, False, "fixed", 6), ("cross_entropy", "deletions", 1, True, "fixed", 7),
    ("cross_entropy", "labels", 1, False, "fixed", 8),
])
def test_both_ends_are_those_of_all_refits_with_weights(
    loss: str, parameter: str, count: int, bias: bool, divided: str, seed: int, tmp_path: Path,
) -> None:
    case = Case(tmp_path, loss, parameter, count, bias, divided, seed)
    (tmp_path / "spec.toml").write_text(case.spec + COUNTS, encoding="utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]
    phi = np.hstack([case.points, np.ones((len(case.points), 1))])
    today, stays, tolerated = label_of(case.refit(()), phi), np.ones(len(phi), bool), np.full(len(phi), count)
    for change in case.every():
        labels = label_of(case.refit(change), phi)
        assert (labels >= 0).all()  # the draws leave no tie
        stays &= labels == today
        tolerated = np.where(labels == today, tolerated, np.minimum(tolerated, max(len(change), 1) - 1))
    stable, changed = certificate["claims"]
    assert stable["lower"] == stable["upper"] == int(stays.sum())
    assert changed["row_lower"] == changed["row_upper"] == tolerated.tolist()


@pytest.mark.parametrize(("loss", "parameter", "count", "bias"), [
    ("logistic", "deletions", 2, False), ("logistic", "labels", 1, True), ("squared", "deletions", 1, True),
    ("squared", "labels", 1, False), ("cross_entropy", "deletions", 1, True),
])
def test_motions_hold_those_of_all_refits_with_weights(
    loss: str, parameter: str, count: int, bias: bool, tmp_path: Path,
) -> None:
    case = Case(tmp_path, loss, parameter, count, bias, seed=11)
    (tmp_path / "spec.toml").write_text(case.spec + MOVES, encoding="utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"
    phi, V = np.hstack([case.points, np.ones((len(case.points), 1))]), case.refit(())
    steps = [case.refit(change) - V for change in case.every()]
    found = (max(float(np.linalg.norm(step)) for step in steps),
             max(float(np.linalg.norm(phi @ step.T, axis=1).max()) for step in steps))
    for claim, truth in zip(certificate["claims"], found, strict=True):
        assert claim["lower"] - 1e-9 <= truth <= claim["upper"] + 1e-9 and claim["witness"]["by"] == "counted"
        assert claim["upper"] <= truth * 1.001


def test_refits_by_scikit_learn_agree(tmp_path: Path) -> None:
    """`fit(sample_weight=…)` without the row, and with its label turned and its weight kept."""
    linear = pytest.importorskip("sklearn.linear_model")
    for parameter in ("deletions", "labels"):
        case = Case(tmp_path, "logistic", parameter, 1, False, seed=12)
        (tmp_path / "spec.toml").write_text(case.spec + COUNTS + MOVES, encoding="utf-8")
        claims = run_audit(tmp_path / "spec.toml")["claims"]
        stays, far, reach = np.ones(len(case.points), bool), 0.0, 0.0
        make = linear.LogisticRegression(C=1 / (case.n * case.decay), tol=1e-12, max_iter=10_000)
        today = make.fit(case.X, case.label, case.c)
        before = np.append(today.coef_, today.intercept_), today.decision_function(case.points)
        for i in range(case.n):
            keep = np.arange(case.n) != i if parameter == "deletions" else np.ones(case.n, bool)
            y = case.label.copy()
            y[i] = 1 - y[i]
            new = linear.LogisticRegression(C=make.C, tol=1e-12, max_iter=10_000).fit(
                case.X[keep], (case.label if parameter == "deletions" else y)[keep], case.c[keep])
            F = new.decision_function(case.points)
            stays &= (F > 0) == (before[1] > 0)
            far = max(far, float(np.linalg.norm(np.append(new.coef_, new.intercept_) - before[0])))
            reach = max(reach, float(np.abs(F - before[1]).max()))
        assert claims[0]["lower"] == claims[0]["upper"] == int(stays.sum())
        for claim, truth in ((claims[2], far), (claims[3], reach)):
            assert claim["lower"] == pytest.approx(truth, rel=1e-4) and claim["upper"] == pytest.approx(truth, rel=1e-4)


@pytest.fixture
def honest(tmp_path: Path) -> tuple[Path, Case, dict[str, Any]]:
    case = Case(tmp_path, seed=1)
    (tmp_path / "spec.toml").write_text(case.spec + COUNTS + MOVES, encoding="utf-8")
    return tmp_path, case, run_audit(tmp_path / "spec.toml")


def test_other_weights_are_refused(honest: tuple[Path, Case, dict[str, Any]]) -> None:
    """By the digest; with a digest forged by the ends that are stated; with these forged too by the proofs."""
    folder, case, certificate = honest
    np.savez(folder / "data.npz", X=case.X, y=case.label, w=case.c[::-1])
    with pytest.raises(Invalid, match="digest|sha256|bytes"):
        check(folder / "certificate.json", NONE)
    certificate = resealed(folder, certificate, "data")  # least and largest are the same
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)
    np.savez(folder / "data.npz", X=case.X, y=case.label, w=case.c * 2)
    certificate = resealed(folder, certificate, "data")
    with pytest.raises(Invalid, match="row_weights"):
        check(folder / "certificate.json", NONE)
    stated = {"by": "w", "least": float(2 * case.c.min()), "largest": float(2 * case.c.max())}
    forge(folder, certificate, ("problem", "row_weights"), stated)
    with pytest.raises(Invalid, match="base"):
        check(folder / "certificate.json", NONE)


def test_weights_that_the_spec_does_not_name_are_refused(honest: tuple[Path, Case, dict[str, Any]]) -> None:
    folder, _, certificate = honest
    spec = folder / "spec.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace(', weights = "w"', ""), encoding="utf-8")
    certificate = resealed(folder, certificate, "spec")
    with pytest.raises(Invalid, match="row_weights"):
        check(folder / "certificate.json", NONE)
    problem = {key: value for key, value in certificate["problem"].items() if key != "row_weights"}
    forge(folder, certificate, ("problem",), problem)
    with pytest.raises(Invalid, match="base"):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("method", [name for name in METHODS if name not in (
    "every_choice", "box", "box_tree", "bent_box", "squared_labels", "squared_deletions", "squared_tree",
    "squared_aside", "separate_boxes")])
def test_a_method_for_rows_that_count_the_same_is_refused(
    method: str, honest: tuple[Path, Case, dict[str, Any]],
) -> None:
    folder, _, certificate = honest
    file = folder / "witness.safetensors"
    arrays = load_file(file)
    status = arrays["stable_predictions.rows.status"].copy()
    status[status == status_of("every_choice")] = status_of(method)
    weights = arrays.pop("stable_predictions.rows.every_choice.weights")
    arrays |= {f"stable_predictions.rows.{method}.weights": weights} if method == "enumeration" else {}
    save_file({**arrays, "stable_predictions.rows.status": status}, file)
    resealed(folder, certificate, "witness")
    with pytest.raises(Invalid, match=f"stated to stay by {method}|steps of groups are stated|label_sums is stated"):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("by", ["norms", "boxes"])
def test_another_bound_of_motions_is_refused(by: str, tmp_path: Path) -> None:
    case = Case(tmp_path, bias=by == "norms", seed=1)
    (tmp_path / "spec.toml").write_text(case.spec + MOVES, encoding="utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    file, name = tmp_path / "witness.safetensors", "prediction_change.rows"
    arrays = load_file(file)
    counted = arrays.pop(f"{name}.counted.weights")
    more = {} if by == "norms" else {f"{name}.boxes.column": counted[0, :1].copy(),
                                     f"{name}.boxes.level": np.zeros(2 * len(case.points))}
    save_file({**arrays, **more}, file)
    certificate = resealed(tmp_path, certificate, "witness")
    forge(tmp_path, certificate, ("claims", 1, "witness", "by"), by)
    with pytest.raises(Invalid, match="carry weights"):
        check(tmp_path / "certificate.json", NONE)


def test_a_theorem_for_rows_that_count_the_same_is_refused(honest: tuple[Path, Case, dict[str, Any]]) -> None:
    folder, case, certificate = honest
    for label in ("Q6", "M5b", "Q7"):
        forge(folder, certificate, ("claims", 2, "theorem"), label)
        with pytest.raises(Invalid):
            check(folder / "certificate.json", NONE)
    given = SimpleNamespace(where="claims[0]", theorem="Q7", lower=None, upper=None)
    ladder = SimpleNamespace(problem=SimpleNamespace(row_weights=tuple(case.c.tolist())))
    with pytest.raises(Invalid, match="only D1 is proved"):
        critical_given_change.check_ends(given, ladder, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(("old", "new"), [
    ('parameter = "deletions", set = "sparse", count = 1', 'parameter = "features", set = "total", radius = 0.01'),
    ('parameter = "deletions", set = "sparse", count = 1',
     'parameter = "sample_weights", set = "sparse", count = 1, radius = 1.0'),
    ('parameter = "deletions", set = "sparse", count = 1',
     'parameter = "deletions", set = "sparse", count = 1, fresh = "added"'),
    ('map = "critical", base = "nearby"', 'map = "sublevel"'),
    ('map = "critical", base = "nearby"', 'map = "critical"'),
    ("weight_decay = 0.09, bias_decay = false", "weight_decay = 0.0"),
])
def test_other_questions_with_weights_are_refused_by_both(old: str, new: str, tmp_path: Path) -> None:
    case = Case(tmp_path)
    gate = GATE.format(quantity="stable_predictions", side="min", bar=1)
    if "fresh" not in new:
        assert read_spec((case.spec + gate).encode()).row_weights == "w"
    text = case.spec.replace(old, new) + gate
    assert old in case.spec
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Invalid):
        read_spec(text.encode())
    if "fresh" in new:  # it is the survey that says it
        claim, = run_audit(tmp_path / "spec.toml")["claims"]
        assert claim["lower"] == 0 and "carry weights" in claim["reason"]
        return
    with pytest.raises((SpecError, InputError)):
        run_audit(tmp_path / "spec.toml")


def test_the_domain_of_finite_changes_refuses_weights(tmp_path: Path) -> None:
    case = Case(tmp_path, bias=True)
    text = case.spec.replace(', weights = "w"', "").replace('parameter = "deletions"', 'parameter = "labels"')
    spec = read_spec((text + GATE.format(quantity="prediction_change", side="max", bar=1.0)).encode())
    files = [(tmp_path / name).read_bytes() for name in ("model.safetensors", "data.npz")]
    problem = build_problem(spec, *files, False, evaluation=(tmp_path / "more.npz").read_bytes())
    assert refused(problem) == "" and "weights" in refused(replace(problem, row_weights=(1.0,) * 9))


@pytest.mark.parametrize("weights", [
    np.array([1.0] * 8 + [0.0]), np.array([1.0] * 8 + [-1.0]), np.array([1.0] * 8 + [np.nan]),
    np.array([1.0] * 8 + [np.inf]), np.ones(8), np.ones((9, 1)),
])
def test_numbers_that_are_no_weights_are_refused_by_both(
    weights: np.ndarray, honest: tuple[Path, Case, dict[str, Any]],
) -> None:
    folder, case, certificate = honest
    np.savez(folder / "data.npz", X=case.X, y=case.label, w=weights)
    with pytest.raises(CertifyError):
        run_audit(folder / "spec.toml")
    resealed(folder, certificate, "data")
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("name", ["v", "y", "X", ""])
def test_a_name_that_is_none_of_weights_is_refused_by_both(
    name: str, honest: tuple[Path, Case, dict[str, Any]],
) -> None:
    folder, _, certificate = honest
    spec = folder / "spec.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace('weights = "w"', f'weights = "{name}"'), encoding="utf-8")
    with pytest.raises(CertifyError):
        run_audit(spec)
    resealed(folder, certificate, "spec")
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


def test_columns_of_a_table_are_weights_and_no_features(tmp_path: Path) -> None:
    case = Case(tmp_path, seed=1)
    rows = [",".join(map(repr, (*x, int(y), w))) for x, y, w in zip(
        case.X.tolist(), case.label, case.c.tolist(), strict=True)]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,y,w", *rows]) + "\n", encoding="utf-8")
    (tmp_path / "more.csv").write_text("\n".join(["a,b,y,w", *rows]) + "\n", encoding="utf-8")
    spec = case.spec.replace("data.npz", "data.csv").replace("more.npz", "more.csv").replace('features = "X", ', "")
    spec = spec.replace(', features = "X"', "") + COUNTS
    (tmp_path / "spec.toml").write_text(spec, encoding="utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    assert certificate["problem"]["names"] == ["a", "b"]
    assert certificate["problem"]["row_weights"] == {
        "by": "w", "least": float(case.c.min()), "largest": float(case.c.max())}
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]
    assert certificate["environment"]["fit"]["weighed"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "each times the weight that its row carries" in page and "A row keeps its weight whatever happens" in page


def test_equal_weights_are_as_a_smaller_penalty(tmp_path: Path) -> None:
    """`c Σ ℓ + (μ/2)|V|²` has the minimiser of `Σ ℓ + (μ/2c)|V|²`: all methods of the one agree with the other's."""
    case = Case(tmp_path, parameter="labels", count=2, seed=3)
    case.c[:] = 4.0
    V = case.refit(())
    save_file({"0.weight": V[:, :-1].copy(), "0.bias": V[:, -1].copy()}, tmp_path / "model.safetensors")
    np.savez(tmp_path / "data.npz", X=case.X, y=case.label, w=case.c)
    found = []
    for text in (case.spec, case.spec.replace(', weights = "w"', "").replace("weight_decay = 0.09",
                                                                            "weight_decay = 0.0225")):
        (tmp_path / "spec.toml").write_text(text + COUNTS, encoding="utf-8")
        found.append([(c["lower"], c["upper"]) for c in run_audit(tmp_path / "spec.toml")["claims"]])
    assert found[0] == found[1]


def test_files_are_bound(honest: tuple[Path, Case, dict[str, Any]]) -> None:
    folder, _, certificate = honest
    assert certificate["subject"]["data"]["sha256"] == sha256((folder / "data.npz").read_bytes()).hexdigest()


@pytest.mark.parametrize("weighed", [True, False])
def test_a_label_that_today_s_refit_has_lost_already_is_flipped_by_no_row(weighed: bool, tmp_path: Path) -> None:
    """The given weights lie off their refit: a change of no row flips that point, and the certificate says so."""
    case = Case(tmp_path, bias=True, seed=1)
    if not weighed:
        case.c[:] = 1.0
        case.spec = case.spec.replace(', weights = "w"', "")
    V, phi = case.refit(()), np.hstack([case.points, np.ones((len(case.points), 1))])
    outputs = (phi @ V.T)[:, 0]
    away = V.copy()
    away[0, -1] -= outputs[outputs > 0].min() * 1.1
    save_file({"0.weight": away[:, :-1].copy(), "0.bias": away[:, -1].copy()}, tmp_path / "model.safetensors")
    (tmp_path / "spec.toml").write_text(case.spec + COUNTS, encoding="utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    lost = ((phi @ away.T)[:, 0] > 0) != (outputs > 0)
    assert lost.any() and not any(np.array(certificate["claims"][1]["row_upper"])[lost])
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


def test_far_rows_with_weights_and_a_free_intercept_are_checked(tmp_path: Path) -> None:
    """The prover counts their intercept from no middle, so that its base distance is larger, but not any number."""
    case = Case(tmp_path, seed=1)
    V = case.refit(())
    V[:, -1] -= V[:, :-1].sum(axis=1) * 60.0
    save_file({"0.weight": V[:, :-1].copy(), "0.bias": V[:, -1].copy()}, tmp_path / "model.safetensors")
    np.savez(tmp_path / "data.npz", X=case.X + 60.0, y=case.label, w=case.c)
    np.savez(tmp_path / "more.npz", X=case.points + 60.0)
    (tmp_path / "spec.toml").write_text(case.spec + COUNTS, encoding="utf-8")
    certificate = run_audit(tmp_path / "spec.toml")
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]
    base, own = certificate["base"], json.loads(json.dumps(certificate))
    own["base"] = base | {"distance": 1.0, "radius": 1.0}
    for claim in own["claims"]:
        for hypothesis in claim["hypotheses"]:
            if hypothesis["value"] == base["distance"]:
                hypothesis["value"] = 1.0
    forge(tmp_path, own, ("base",), own["base"])
    with pytest.raises(Invalid, match="is enough"):
        check(tmp_path / "certificate.json", NONE)
