"""Any rows deleted from a ridge classifier, run and checked end to end: trees that many points share (D4d)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.check.main import main as check
from certify.cli.main import main


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a certificate, made from files."""
    from sklearn.linear_model import RidgeClassifier

    folder = tmp_path_factory.mktemp("ridge")
    rng = np.random.default_rng(16)
    X = np.round(rng.normal(size=(300, 3)), 3)
    X[:3] *= 8.0  # leverage near 1
    y = (X[:, 0] + 0.3 * rng.normal(size=300) > 0).astype(int)
    model = RidgeClassifier().fit(X, y)
    save_file({"0.weight": np.atleast_2d(model.coef_), "0.bias": np.atleast_1d(model.intercept_)},
              folder / "model.safetensors")
    np.savez(folder / "train.npz", X=X, y=2.0 * y - 1)
    np.savez(folder / "new.npz", X=np.round(rng.normal(0.0, 1.5, (8, 3)), 3))
    status = main(["audit", str(folder / "model.safetensors"), str(folder / "train.npz"), "--eval",
                   str(folder / "new.npz"), "--loss", "squared", "--weight-decay", repr(1 / 300), "--no-bias-decay",
                   "--threshold", "0", "--ask", "3 rows deleted", "-o", str(folder / "out"), "--quiet"])
    assert status == 0
    return folder


def sides(folder: Path) -> tuple[Path, dict[str, np.ndarray], str]:
    """The side file with the trees, its arrays, and how their names begin."""
    for path in sorted((folder / "out").rglob("*.safetensors")):
        arrays = load_file(path)
        if names := [name for name in arrays if name.endswith(".squared_tree.order")]:
            return path, arrays, names[0].removesuffix("order")
    raise AssertionError(list((folder / "out").rglob("*")))


def test_it_is_proved_by_shared_trees_and_checked(audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificate = next((audited / "out").rglob("certificate.json"))
    assert check([str(certificate)]) == 0
    _, arrays, start = sides(audited)
    assert len(arrays[start + "points"]) > 3
    assert "stable_predictions" in json.dumps(json.loads(certificate.read_text(encoding="utf-8")))


def test_a_forged_tree_is_refused(audited: Path, tmp_path: Path) -> None:
    """Its digest is that of the certificate no more, and the checker says so before it looks at trees."""
    shutil.copytree(audited, tmp_path / "copy")
    path, arrays, start = sides(tmp_path / "copy")
    save_file({**arrays, start + "points": arrays[start + "points"][::-1].copy()}, path)
    assert check([str(next((tmp_path / "copy" / "out").rglob("certificate.json")))]) != 0
