"""A free intercept: how near the weights in the file are to the refit of the data as they are; and where none is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.finders.head.refits import Refitter
from certify.format.refusal import Invalid
from certify.problem.load import load_problem
from certify.systems.head.rows.of_problem import head_of
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
loss = "{loss}"
weight_decay = {decay}
bias_decay = false
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "deletions"
count = 1
[evaluation]
file = "more.npz"
[[gate]]
quantity = "stable_predictions"
min = 1
severity = "warn"
[run]
time_limit = 20
"""


def made(
    folder: Path, loss: str = "logistic", n: int = 20, scale: float = 1.0, decay: float = 0.1, steps: int = 3,
) -> dict[str, Any]:
    """A certificate about weights that were moved to the refit so many times."""
    rng = np.random.default_rng(0)
    X, E = rng.normal(size=(n, 2)) * scale, rng.normal(size=(6, 2)) * scale
    y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    np.savez(folder / "data.npz", X=X + 0.5 * scale * y[:, None], y=y[:, None] if loss == "squared" else y)
    np.savez(folder / "more.npz", X=E)
    (folder / "spec.toml").write_text(SPEC.format(loss=loss, decay=decay), encoding="utf-8")
    V = np.array([[1.0, 0.3, 0.1 * scale]]) / scale
    for step in range(steps + 1):
        save_file({"0.weight": np.ascontiguousarray(V[:, :2]), "0.bias": V[:, 2].copy()}, folder / "model.safetensors")
        if step < steps:
            V = Refitter(head_of(load_problem(folder / "spec.toml"))).V0
    return run_audit(folder / "spec.toml")


@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_weights_that_are_the_refit_to_the_last_bit_are_believed(loss: str, tmp_path: Path) -> None:
    certificate = made(tmp_path, loss)
    assert 0 < certificate["base"]["distance"] < 1e-12
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]


def test_a_distance_is_neither_too_small_nor_idle(tmp_path: Path) -> None:
    certificate = made(tmp_path, steps=0)
    stated = certificate["base"]["distance"]
    for wrong in (stated / 2, stated * 8):
        forge(tmp_path, certificate, ("base",), {**certificate["base"], "distance": wrong, "radius": wrong})
        with pytest.raises(Invalid, match=r"base\.distance"):
            check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize("case", [{"n": 1}, {"scale": 1e150}, {"scale": 1e160}, {"decay": 1e-300}])
def test_where_no_refit_is_proved_nothing_is_claimed_and_the_certificate_checks(
        case: dict[str, Any], tmp_path: Path) -> None:
    certificate = made(tmp_path, steps=0, **case)
    (claim,) = certificate["claims"]
    assert (claim["lower"], claim["upper"]) == (None, None) and "no refit of the unchanged data" in claim["reason"]
    assert certificate["base"]["distance"] is None
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"] == "inconclusive"
