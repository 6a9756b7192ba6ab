"""The cross-entropy of one output is 0 whatever it is: nothing holds a refit, and no certificate may say otherwise."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.certificate.canonical import canonical_bytes, seal
from certify.check.main import check
from certify.check.theorems.head.rows.energy.replay import LIST
from certify.format.errors import InputError
from certify.format.refusal import Invalid
from certify.systems.head.rows.losses.cross_entropy import CrossEntropyHead
from certify.theorems.head.rows.energy import Energy
from tests.unit.check.theorems.head.test_claims import NONE, forge

SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [2, 1]
activation = "identity"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "cross_entropy"
weight_decay = 0.5
bias_decay = {bias}
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "{parameter}"
set = "sparse"
count = 1
[evaluation]
file = "more.npz"
threshold = 0.0
[[gate]]
quantity = "stable_predictions"
min = 5
"""


def files(folder: Path, parameter: str, bias: str) -> Path:
    """Weights whose output is 0.75 everywhere; those of least loss are 0, or 0 with any intercept without decay."""
    rng = np.random.default_rng(0)
    save_file({"0.weight": np.zeros((1, 2)), "0.bias": np.array([0.75])}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=rng.normal(size=(8, 2)), y=np.zeros(8, dtype=np.int64))
    np.savez(folder / "more.npz", X=rng.normal(size=(5, 2)))
    (folder / "spec.toml").write_text(SPEC.format(parameter=parameter, bias=bias), encoding="utf-8")
    return folder / "spec.toml"


@pytest.mark.parametrize("parameter", ["labels", "deletions"])
def test_it_is_refused_before_anything_is_proved(parameter: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="with one output, and it takes one for each of two classes"):
        run_audit(files(tmp_path, parameter, "true"))


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prover that asks for none of the hypotheses that fail."""
    monkeypatch.setattr("certify.problem.problem.require_kind", lambda problem: None)
    monkeypatch.setattr(Energy, "able", lambda self, head, change: "")
    for name in ("curvatures", "floor"):  # 1, as the least probability of one class is
        monkeypatch.setattr(CrossEntropyHead, name, lambda self, g, *more: np.ones(g.shape[:-1]))


@pytest.mark.usefixtures("careless")
def test_no_intercept_without_decay_is_held_by_a_class_alone(tmp_path: Path) -> None:
    """D1b: any intercept is one of a minimiser; only differences of outputs are determined, and there is none."""
    certificate = run_audit(files(tmp_path, "deletions", "false"))
    assert certificate["claims"][0]["lower"] == 5
    wider = {**certificate["base"], "distance": 1e-15, "radius": 1e-15}  # which the checker finds near enough
    forge(tmp_path, certificate, ("base",), wider)
    with pytest.raises(Invalid, match="D1 is stated, but the cross-entropy of one output is 0 whatever it is"):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.usefixtures("careless")
def test_no_energy_of_another_loss_counts(tmp_path: Path) -> None:
    """D7: a record that is right for the logistic loss with every label 1; the refit is 0, on no side of 0."""
    certificate = run_audit(files(tmp_path, "labels", "true"))
    assert certificate["claims"][0]["lower"] == 5
    arrays, start = load_file(tmp_path / "witness.safetensors"), "stable_predictions.rows.energy."
    data = np.load(tmp_path / "data.npz")
    v = logistic(np.c_[data["X"], np.ones(8)], 8 * 0.5)
    points = len(arrays[f"{start}points"])
    arrays[f"{start}whole"] = np.array([LIST, 1, 0] * points)
    arrays[f"{start}vectors"], arrays[f"{start}numbers"] = np.array([v] * 2 * points), np.zeros(0)
    save_file(arrays, tmp_path / "witness.safetensors")
    rebound(tmp_path, certificate)
    with pytest.raises(Invalid, match="D1 is stated, but the cross-entropy of one output is 0 whatever it is"):
        check(tmp_path / "certificate.json", NONE)


def logistic(phi: np.ndarray, mu: float) -> np.ndarray:
    """The refit with the logistic loss where every label is 1."""
    v = np.zeros(phi.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-phi @ v))
        v -= np.linalg.solve((phi.T * (p * (1 - p))) @ phi + mu * np.eye(len(v)), phi.T @ (p - 1) + mu * v)
    return v


def rebound(folder: Path, certificate: dict[str, Any]) -> None:
    """The certificate with the digest of the side file as it is now."""
    changed = json.loads(json.dumps(certificate))
    data = (folder / "witness.safetensors").read_bytes()
    changed["subject"]["witness"] |= {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
    changed.pop("digest")
    (folder / "certificate.json").write_bytes(canonical_bytes(seal(changed)))
