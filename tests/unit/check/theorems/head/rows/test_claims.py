"""Certificates of D1: the lists that readers see say what the side file proves, and nothing else is accepted."""

from __future__ import annotations

import dataclasses
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.check.theorems.head.rows.claims import check_methods
from certify.check.theorems.head.rows.moves.claims import _check_upper
from certify.check.theorems.head.rows.moves.ranges import _boxed
from certify.format.methods import ANY_SIZE, FIRST, LEAST, METHODS, MOST, UNCHECKED
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


def stated_by(name: str, monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """A claim that a method's module does not prove, for it ends in an overflow."""
    def proved(*_: object) -> list[bool]:
        raise OverflowError

    monkeypatch.setattr(import_module(f"certify.check.theorems.head.rows.{name}"), "proved", proved)
    head = logistic_head(np.random.default_rng([0, 777]), 14, points=2, decay=3.0)
    with ctx.workprec(64):
        twin = dataclasses.replace(as_checked(head, tuple(range(14)), 1), today=[1, 1], **changed)
        check_methods(twin, [FIRST + METHODS.index(name)] * 2, {}, "claim", lambda line: None)


def test_a_number_that_no_double_holds_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="numbers come up that doubles do not hold"):
        stated_by("box_tree", monkeypatch)


@pytest.mark.parametrize("size", [1e-92, 1e92, 5e-324, 1.7e308, float("inf"), float("nan")])
def test_bounds_in_doubles_are_for_ordinary_numbers(size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number of a head is looked at; methods for numbers of every size are asked all the same."""
    many: list[tuple[dict[str, Any], str]] = [
        ({"rows": [[arb(0)] * 3] * 13 + [[arb(1), arb(size), arb(1)]]}, "an input of row 13"),
        ({"evaluated": arb_mat([[1, 0, 1], [size, 0, 1]])}, "an input of evaluation row 1"),
        ({"decay": arb(size)}, "the decay"), ({"threshold": -size}, "the threshold"),
        ({"weights": [arb(1)] * 13 + [arb(size)]}, "the weight of a row"),
        ({"weights": [arb(1)] * 14, "labelled": (arb(1), arb(size))}, "the weight of a row"),
        ({"targets": [[1.0]] * 13 + [[size]]}, "a target")]
    for changed, said in many:
        with pytest.raises(Invalid, match=f"between 1e-90 and 1e90, and {said} is"):
            stated_by("box_tree", monkeypatch, **changed)
        if said != "the decay":
            with pytest.raises(Invalid, match="numbers come up that doubles do not hold"):
                stated_by("every_choice", monkeypatch, **changed)


def test_an_input_of_which_nothing_is_known_is_no_ordinary_number(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = [[arb(1, 1e92), arb(1), arb(1)]] * 14
    with pytest.raises(Invalid, match="what is known of an input"):
        stated_by("box_tree", monkeypatch, rows=unknown)
    with pytest.raises(Invalid, match="what is known of an input"):
        stated_by("box_tree", monkeypatch, evaluated=arb_mat([[1, 0, 1], [arb(1, 1e92), 0, 1]]))


def test_methods_for_numbers_of_every_size_are_known() -> None:
    assert set(ANY_SIZE) < {*METHODS, *UNCHECKED} and LEAST * MOST == 1.0 and LEAST**3 > 2.0**-1022


@pytest.mark.parametrize("by", ["boxes", "bent"])
def test_moves_bounded_in_doubles_are_of_ordinary_numbers(by: str) -> None:
    head = logistic_head(np.random.default_rng([0, 777]), 14, points=2, decay=3.0)
    claim: Any = SimpleNamespace(witness=SimpleNamespace(by=by), upper=1.0, where="claims[0]")
    with ctx.workprec(64):
        twin = dataclasses.replace(as_checked(head, tuple(range(14)), 1), threshold=1e-100)
        measure: Any = SimpleNamespace(head=twin)
        with pytest.raises(Invalid, match="the threshold is 1e-100"):
            _check_upper(claim, measure, [], stored({f"{by}.x": np.zeros(1)}), "claim")
        with pytest.raises(Invalid, match="the threshold is 1e-100"):
            _boxed(twin, {}, "claim")
