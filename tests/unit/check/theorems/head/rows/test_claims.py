"""Certificates of D1: the lists that readers see say what the side file proves, and nothing else is accepted."""

from __future__ import annotations

import dataclasses
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.theorems.head.rows.claims import check_methods
from certify.format.methods import FIRST, METHODS
from certify.format.refusal import Invalid
from tests.families.logistic_heads import as_checked, logistic_head, stored
from tests.families.once import once
from tests.unit.check.theorems.head.test_claims import NONE, forge

SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [1, 1]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "logistic"
weight_decay = 0.125
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "{parameter}"
set = "sparse"
count = {count}
[evaluation]
file = "more.npz"
[[gate]]
quantity = "stable_predictions"
min = {bar}
"""
X = np.array([[-2.0], [-1.5], [-1.0], [-0.5], [0.5], [1.0], [1.5], [2.0]])
POINTS = np.array([[-3.0], [-0.05], [0.02], [0.3], [3.0]])


@once
def made(folder: Path, parameter: str = "deletions", count: int = 2, bar: int = 1) -> dict[str, Any]:
    """Files and certificate of a logistic head on one feature, at weights near its minimum."""
    y = (X.ravel() > 0).astype(float)
    w = np.zeros(2)
    phi = np.hstack([X, np.ones_like(X)])
    for _ in range(30):
        p = 1 / (1 + np.exp(-phi @ w))
        w -= np.linalg.solve(phi.T * (p * (1 - p)) @ phi / 8 + 0.125 * np.eye(2), phi.T @ (p - y) / 8 + 0.125 * w)
    save_file({"0.weight": w[None, :1].copy(), "0.bias": w[1:].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=X, y=y)
    np.savez(folder / "more.npz", X=POINTS)
    (folder / "spec.toml").write_text(SPEC.format(parameter=parameter, count=count, bar=bar), encoding="utf-8")
    return run_audit(folder / "spec.toml")


@pytest.mark.parametrize("parameter", ["deletions", "labels"])
def test_the_certificate_names_the_rows_and_the_checker_derives_them(parameter: str, tmp_path: Path) -> None:
    certificate = made(tmp_path, parameter)
    claim, = certificate["claims"]
    witness = claim["witness"]
    with safe_open(tmp_path / "witness.safetensors", "numpy") as file:
        status = file.get_tensor("stable_predictions.rows.status")
    assert claim["theorem"] == "D1" and witness["flipped"] == np.flatnonzero(status == 1).tolist()
    assert witness["undecided"] == np.flatnonzero(status == 0).tolist()
    assert len(witness["flipped"]) == len(POINTS) - claim["upper"] > 0
    assert len(witness["undecided"]) == claim["upper"] - claim["lower"]
    lines = np.reshape(witness["changed"], (len(witness["flipped"]), -1))
    assert lines.shape[1] <= 2 and all(-1 <= row < 8 for row in lines.ravel()) and (lines.max(axis=1) >= 0).all()
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("rows")
    return folder, made(folder)


@pytest.mark.parametrize("value", ["null", "other", "none", "more", "twice", "-1", "float", "flag", "text"])
@pytest.mark.parametrize("member", ["flipped", "undecided", "changed"])
def test_lists_that_say_something_else_are_refused(
    honest: tuple[Path, dict[str, Any]], member: str, value: str,
) -> None:
    folder, certificate = honest
    true = certificate["claims"][0]["witness"][member]
    stated = {"null": None, "other": [(row + 1) % 5 for row in true] or [0], "none": [] if true else [3],
              "more": [*true, 0], "twice": [*true, *true] or [0, 0], "-1": [*true, -1],
              "float": [*map(float, true), 0.0], "flag": [*true, True], "text": "0"}[value]
    forge(folder, certificate, ("claims", 0, "witness", member), stated)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("member", ["flipped", "undecided", "changed", "array"])
def test_a_list_that_is_left_out_is_refused(honest: tuple[Path, dict[str, Any]], member: str) -> None:
    folder, certificate = honest
    witness = {name: value for name, value in certificate["claims"][0]["witness"].items() if name != member}
    forge(folder, certificate, ("claims", 0, "witness"), witness)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


def test_lists_beside_no_number_are_refused(honest: tuple[Path, dict[str, Any]]) -> None:
    """A claim that says nothing names no rows."""
    folder, certificate = honest
    nothing = certificate["claims"][0] | {"lower": None, "upper": None, "verdict": "inconclusive"}
    gate = nothing["gate"] | {"state": "open"}
    subject = {role: file for role, file in certificate["subject"].items() if role != "witness"}
    bare = certificate | {"verdict": "inconclusive", "gates": "open", "subject": subject}
    forge(folder, bare, ("claims", 0), nothing | {"gate": gate, "witness": {}})
    assert check(folder / "certificate.json", NONE).verdict == "inconclusive"
    forge(folder, bare, ("claims", 0), nothing | {"gate": gate, "witness": {"flipped": [0]}})
    with pytest.raises(Invalid, match="whole numbers"):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("centre", [np.zeros(0), np.zeros((0, 2)), np.zeros(3), np.zeros(2, np.int64)])
def test_a_centre_of_another_form_is_refused(centre: np.ndarray, tmp_path: Path) -> None:
    """Also where the intercept carries decay and nothing rests on it."""
    certificate = made(tmp_path)
    file = tmp_path / "witness.safetensors"
    save_file(load_file(file) | {"stable_predictions.rows.centre": centre}, file)
    data = file.read_bytes()
    stated = {"path": file.name, "sha256": sha256(data).hexdigest(), "bytes": len(data)}
    forge(tmp_path, certificate, ("subject", "witness"), stated)
    with pytest.raises(Invalid, match="2 weights are needed"):
        check(tmp_path / "certificate.json", NONE)


def test_a_number_that_no_double_holds_is_a_refusal() -> None:
    """Rows so short and points so long that a product of both in whole numbers has no unit among doubles."""
    head, rows, none = logistic_head(np.random.default_rng([0, 777]), 14, points=2, decay=3.0), tuple(range(14)), []
    small = dataclasses.replace(head, phi=head.phi * 1e-25, points=head.points * 1e300)
    twin = dataclasses.replace(as_checked(small, rows, 1), decay=arb(head.weight_decay) * arb(1e-25) ** 2, biased=False,
                               today=head.today.tolist())
    arrays = {"parent": [-1], "branch": [0], "weights": head.V * 1e25, "hot_count": [0], "hot": none, "numbers": none,
              "box_count": [0], "box": none, "slabs": none, "leaf_count": [0], "leaf": none, "leaf_weights": none}
    shapes = {"numbers": (0, 2), "slabs": (0, 14), "leaf_weights": (0, head.m)}
    given = {f"box_tree.{name}": np.array(x, float if "weights" in name else int).reshape(shapes.get(name, np.shape(x)))
             for name, x in arrays.items()}
    with ctx.workprec(64), pytest.raises(Invalid, match="numbers come up that doubles do not hold"):
        check_methods(twin, [FIRST + METHODS.index("box_tree")] * 2, stored(given), "claim", lambda line: None)
