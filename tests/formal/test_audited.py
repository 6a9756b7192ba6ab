"""The verified checker on what `certify audit` writes of files: where they came from, and right labels besides."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_iris
from sklearn.linear_model import RidgeClassifier

from certify.cli.main import main
from tests.formal.shared import BEYOND, INVALID, VALID, Certificate, objection, put, verdict


def audited(folder: Path, asked: list[str]) -> Certificate:
    """Iris, two kinds that lie near each other; every fourth row is one to predict, the first with a wrong label."""
    sio = pytest.importorskip("skops.io")
    X, y = load_iris(return_X_y=True)
    X, y = X[y > 0], y[y > 0]
    seen = np.arange(len(X)) % 4 == 0
    labels = y[seen].copy()
    labels[0] = 3 - labels[0]
    sio.dump(RidgeClassifier().fit(X[~seen], y[~seen]), folder / "model.skops")
    np.savez(folder / "train.npz", X=X[~seen], y=y[~seen])
    np.savez(folder / "new.npz", X=X[seen], y=labels)
    main(["audit", str(folder / "model.skops"), str(folder / "train.npz"), "--eval", str(folder / "new.npz"), *asked,
          "--quiet", "-o", str(folder / "out")])
    return json.loads((folder / "out" / "certificate.json").read_bytes())


ASKED = {"labels": ["--ask", "labels wrong", "--relabel", "3"], "rows": ["--ask", "rows deleted", "--delete", "2"]}


@pytest.mark.parametrize("asked", ASKED)
def test_both_take_an_audit(program: Path, tmp_path: Path, asked: str) -> None:
    certificate = audited(tmp_path, ASKED[asked])
    path = tmp_path / "out" / "certificate.json"
    claimed = {claim["quantity"]: claim for claim in certificate["claims"]}
    assert set(claimed) == {"stable_predictions", "correct_predictions"}
    assert claimed["correct_predictions"]["lower"] < claimed["stable_predictions"]["lower"]
    assert {"labels", "model", "data", "evaluation"} == set(certificate["problem"]["about"])
    assert objection(path) == ""
    assert verdict(program, path)[0] == VALID


def right(quantity: str, end: str, by: int) -> Callable[[Path, Certificate], None]:
    def change(folder: Path, certificate: Certificate) -> None:
        for claim in certificate["claims"]:
            if claim["quantity"] == quantity:
                claim[end] += by
    return change


def other_labels(folder: Path, certificate: Certificate) -> None:
    """A label that was right is not; the certificate binds the file as it is now."""
    arrays = load_file(folder / "evaluation.safetensors")
    head = load_file(folder / "model.safetensors")
    out = arrays["X"] @ head["0.weight"][0] + head["0.bias"][0]
    sure = np.argmax(out * np.where(arrays["y"] > 0, 1.0, -1.0))
    arrays["y"][sure] = arrays["y"].min() + arrays["y"].max() - arrays["y"][sure]
    save_file(arrays, folder / "evaluation.safetensors")


TAMPERED = {"more are right": right("correct_predictions", "lower", 1),
            "fewer may be right": right("correct_predictions", "upper", -1), "another label": other_labels}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_python_refuses_is_refused(program: Path, tmp_path: Path, name: str) -> None:
    certificate = audited(tmp_path, ASKED["labels"])
    TAMPERED[name](tmp_path / "out", certificate)
    path = put(tmp_path / "out", certificate)
    assert objection(path) != ""
    assert verdict(program, path)[0] == INVALID


@pytest.mark.parametrize("table", ["{ }", "{ name }", '{ name = "a" ', '{ name = "a", name = "b" }', '{ name = "a" } b',
                                   "{"])
def test_a_table_on_one_line_that_is_none(program: Path, tmp_path: Path, table: str) -> None:
    certificate = audited(tmp_path, ASKED["labels"])
    spec = tmp_path / "out" / "certify.toml"
    lines = spec.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("model = {"))
    lines[at] = f"model = {table}"
    spec.write_text("\n".join(lines), encoding="utf-8")
    assert verdict(program, put(tmp_path / "out", certificate))[0] in {BEYOND, INVALID}
