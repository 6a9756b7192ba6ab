"""Certificates of how far any few deleted rows move a regression (D23): derived again, refused where they say more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.format.refusal import Invalid
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
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
loss = "squared"
weight_decay = 0.05
bias_decay = false
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "deletions"
set = "sparse"
count = 3
[evaluation]
file = "more.npz"
[[gate]]
quantity = "prediction_change"
max = 4000.0
"""
ROWS = 60


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A regression of amounts of which there are too many choices of three rows to refit each."""
    folder, rng = tmp_path_factory.mktemp("deleted"), np.random.default_rng(11)
    X, points = rng.normal(size=(ROWS, 2)), rng.normal(size=(4, 2))
    y = 26_000.0 + 4_000.0 * X[:, 0] + 2_000.0 * rng.standard_t(3, size=ROWS)
    phi = np.c_[X, np.ones(ROWS)]
    w = np.linalg.solve(phi.T @ phi + 0.05 * ROWS * np.diag([1.0, 1.0, 0.0]), phi.T @ y)
    save_file({"0.weight": w[None, :2].copy(), "0.bias": w[2:].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=X, y=y)
    np.savez(folder / "more.npz", X=points)
    (folder / "spec.toml").write_text(SPEC, encoding="utf-8")
    return folder, run_audit(folder / "spec.toml")


def test_both_ends_are_near_and_derived_again(honest: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = honest
    (claim,) = certificate["claims"]
    assert claim["theorem"] == "D1"
    assert claim["witness"]["by"] == "trees"
    assert len(claim["witness"]["changed"]) == 3
    assert 0 < claim["lower"] <= claim["upper"] <= claim["lower"] * 1.002
    forge(folder, certificate, ("claims",), certificate["claims"])
    assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"] == "certified"
    assert "trees of deletions (theorem D23)" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("what", ["upper", "lower", "by", "no by", "changed", "count"])
def test_what_says_more_is_refused(honest: tuple[Path, dict[str, Any]], what: str) -> None:
    folder, certificate = honest
    (claim,) = certificate["claims"]
    true = claim["witness"]
    path, value = {
        "upper": (("claims", 0), claim | {"upper": claim["lower"]}), "lower": (("claims", 0, "lower"), claim["upper"]),
        "by": (("claims", 0, "witness", "by"), "norms"), "changed": (("claims", 0, "witness", "changed"), []),
        "no by": (("claims", 0, "witness"), {name: v for name, v in true.items() if name != "by"}),
        "count": (("problem", "count"), 4)}[what]
    forge(folder, certificate, path, value)
    with pytest.raises(Invalid):
        check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("what", ["bounds", "half", "gone", "order", "more rows"])
def test_arrays_that_prove_less_are_refused(honest: tuple[Path, dict[str, Any]], what: str, tmp_path: Path) -> None:
    folder, certificate = honest
    for name in ("model.safetensors", "data.npz", "more.npz", "spec.toml", "certificate.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    arrays, start = load_file(folder / "witness.safetensors"), "prediction_change.rows.trees."
    bounds = arrays[f"{start}bounds"]
    change = {
        "bounds": {f"{start}bounds": np.where(bounds == bounds.max(), 0.5 * bounds, bounds)},
        "half": {f"{start}bounds": bounds[:2]}, "gone": {f"{start}points": None},
        "order": {f"{start}order": np.append(arrays[f"{start}order"], ROWS)},
        "more rows": {f"{start}order": np.arange(ROWS), f"{start}lengths": np.array([ROWS, 4]),
                      f"{start}trees": np.array([2])}}[what]
    save_file({name: np.ascontiguousarray(a) for name, a in {**arrays, **change}.items() if a is not None},
              tmp_path / "witness.safetensors")
    resealed(tmp_path, certificate, "witness")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)
