"""Certificates about new rows: accepted as written, refused where they say more than the spec asks or balls prove."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.format.errors import InputError, SpecError
from certify.format.methods import METHODS, status_of
from certify.format.refusal import Invalid
from tests.unit.check.theorems.head.rows import test_claims as rows
from tests.unit.check.theorems.head.rows.test_row_kinds import made_files, resealed
from tests.unit.check.theorems.head.test_claims import NONE, forge

START = "stable_predictions.rows."
KINDS = {"added": ("logistic", 'fresh = "added"', 1), "squared": ("squared", 'fresh = "added"', 1),
         "two": ("logistic", 'fresh = "added"\nbox = [[-0.5, 0.5]]', 2),
         "replaced": ("logistic", 'fresh = "replaced"\nbox = [[-0.5, 0.5]]', 1),
         "free": ("logistic", 'fresh = "added"\nbox = [[-0.5, 0.5]]', 1),
         "bare": ("logistic", 'fresh = "added"\nbox = [[-0.5, 0.5]]', 1),
         "bare replaced": ("squared", 'fresh = "replaced"\nbox = [[-0.05, 0.05]]', 1)}
"""`free` has an intercept without decay, `bare` ones have none: of one feature all predictions stay or none."""


def written(folder: Path, kind: str) -> Path:
    """The spec and its files."""
    loss, more, count = KINDS[kind]
    made_files(folder, loss)
    text = rows.SPEC.format(parameter="deletions", count=count, bar=1).replace('loss = "logistic"', f'loss = "{loss}"')
    text = text.replace(f"count = {count}", f"count = {count}\n{more}")
    if kind == "free":
        text = text.replace("weight_decay = 0.125", "weight_decay = 0.125\nbias_decay = false")
    if kind.startswith("bare"):
        save_file({"0.weight": load_file(folder / "model.safetensors")["0.weight"]}, folder / "model.safetensors")
    (folder / "spec.toml").write_text(text, encoding="utf-8")
    return folder / "spec.toml"


@pytest.fixture(scope="module", params=KINDS)
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    folder = tmp_path_factory.mktemp("new")
    return request.param, folder, run_audit(written(folder, request.param))


def test_what_run_writes_check_derives(honest: tuple[str, Path, dict[str, Any]]) -> None:
    kind, folder, certificate = honest
    claim, = certificate["claims"]
    assert claim["theorem"] == "D1" and 0 < claim["lower"] <= claim["upper"]
    assert (claim["lower"] == 5) == kind.startswith("bare")
    assert certificate["problem"]["fresh"]["rows"] == ("replaced" if "replaced" in kind else "added")
    forge(folder, certificate, ("claims", 0), claim)
    assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"
    assert "new row" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("what", [
    "dear", "nan", "shape", "gone", "plane", "side", "other method", "flip outside", "flip label", "flip more",
    "flip row", "flip weights", "no new", "more stay"])
def test_arrays_that_prove_something_else_are_refused(what: str, tmp_path: Path) -> None:
    certificate = run_audit(written(tmp_path, "added"))
    file = tmp_path / "witness.safetensors"
    arrays = {name.removeprefix(START): array for name, array in load_file(file).items()}
    robust, weights, new = arrays["new_rows.robust"], arrays["new_rows.weights"], arrays["flips.new"]
    status, labels = arrays["status"], arrays["flips.labels"]
    change: dict[str, Any] = {
        "dear": {"new_rows.robust": 50.0 * robust}, "nan": {"new_rows.robust": robust * np.nan},
        "shape": {"new_rows.robust": np.vstack([robust, robust[-1:]])}, "gone": {"new_rows.robust": None},
        "plane": {"new_rows.weights": weights * 0 + arrays["centre"]}, "side": {"new_rows.robust": -robust},
        "other method": {"status": np.where(status == status_of("new_rows"), status_of("box"), status),
                         "new_rows.robust": None, "new_rows.weights": None},
        "flip outside": {"flips.new": 3.0 * np.sign(new) + new}, "flip label": {"flips.labels": 1 - labels},
        "flip more": {"flips.new": np.repeat(new, 2, axis=1), "flips.labels": np.repeat(labels, 2, axis=1)},
        "flip row": {"flips.rows": np.full((len(new), 1), 3), "flips.codes": np.full((len(new), 1), -1)},
        "flip weights": {"flips.weights": arrays["flips.weights"] + 0.5},
        "no new": {"flips.new": None, "flips.labels": None},
        "more stay": {"status": np.where(status == 0, status_of("new_rows"), np.where(
            status == 1, status_of("new_rows"), status)), **{f"flips.{x}": None for x in (
                "point", "rows", "codes", "weights", "new", "labels")}},
    }[what]
    kept = {name: a for name, a in {**arrays, **change}.items() if a is not None}
    save_file({START + name: np.ascontiguousarray(a) for name, a in kept.items()}, file)
    resealed(tmp_path, certificate, "witness")
    if what == "more stay":
        claim = certificate["claims"][0]
        N = len(status)
        forge(tmp_path, resealed(tmp_path, certificate, "witness"), ("claims", 0), {
            **claim, "lower": float(N), "upper": float(N), "witness": {
                **claim["witness"], "flipped": [], "undecided": [], "changed": []}})
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize(("kind", "old", "new", "fresh"), [
    ("two", "[[-0.5, 0.5]]", "[[-2.0, 2.0]]", {"rows": "added", "box": [[-2.0, 2.0]]}),
    ("two", "box = [[-0.5, 0.5]]\n", "", {"rows": "added", "box": None}),
    ("two", '"added"', '"replaced"', {"rows": "replaced", "box": [[-0.5, 0.5]]}),
])
def test_more_than_was_asked_is_refused(kind: str, old: str, new: str, fresh: Any, tmp_path: Path) -> None:
    certificate = run_audit(written(tmp_path, kind))
    spec = tmp_path / "spec.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    certificate = resealed(tmp_path, certificate, "spec")
    forge(tmp_path, certificate, ("problem", "fresh"), fresh)
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize(("old", "new", "words"), [
    ('"added"', '"joined"', "added"), ("[[-0.5, 0.5]]", "[[0.5, -0.5]]", "least"),
    ("[[-0.5, 0.5]]", "[[0, 1], [0, 1]]", "1"),
    ('fresh = "added"\n', "", "fresh"), ('fresh = "added"', 'fresh = "added"\nrelabelled = 1', "one of them"),
    ('"deletions"', '"labels"', "deletions"),
    ('loss = "logistic"', 'loss = "logistic"\nnormalization = "remaining"', "fixed"),
    ("[[-0.5, 0.5]]", "[]", "box")])
def test_specs_that_ask_otherwise_are_refused_by_both(old: str, new: str, words: str, tmp_path: Path) -> None:
    certificate = run_audit(written(tmp_path, "two"))
    spec = tmp_path / "spec.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises((SpecError, InputError), match=words):
        run_audit(spec)
    resealed(tmp_path, certificate, "spec")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


def test_the_method_has_its_number() -> None:
    assert METHODS[9:11] == ("softmax_tree", "new_rows") and status_of("new_rows") == 12
