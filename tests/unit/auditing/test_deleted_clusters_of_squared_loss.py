"""Any six rows deleted from a ridge classifier, some of which alone have a column: rows set aside together (D4e)."""

from __future__ import annotations

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
    rng = np.random.default_rng(17)
    X = np.c_[np.round(rng.normal(size=(300, 3)), 3), np.zeros((300, 2))]
    for column in (3, 4):  # two clusters of six rows, any of which may go as a whole
        X[6 * (column - 3) : 6 * (column - 2), column] = rng.integers(6, 9, 6)
    y = (X[:, 0] + 0.3 * rng.normal(size=300) > 0).astype(int)
    model = RidgeClassifier().fit(X, y)
    save_file({"0.weight": np.atleast_2d(model.coef_), "0.bias": np.atleast_1d(model.intercept_)},
              folder / "model.safetensors")
    np.savez(folder / "train.npz", X=X, y=2.0 * y - 1)
    np.savez(folder / "new.npz", X=np.c_[np.round(rng.normal(0.0, 1.5, (8, 3)), 3), np.zeros((8, 2))])
    status = main(["audit", str(folder / "model.safetensors"), str(folder / "train.npz"), "--eval",
                   str(folder / "new.npz"), "--loss", "squared", "--weight-decay", repr(1 / 300), "--no-bias-decay",
                   "--threshold", "0", "--ask", "6 rows deleted", "-o", str(folder / "out"), "--quiet"])
    assert status == 0
    return folder


def sides(folder: Path) -> tuple[Path, dict[str, np.ndarray], str]:
    """The side file with the sets, its arrays, and how their names begin."""
    for path in sorted((folder / "out").rglob("*.safetensors")):
        arrays = load_file(path)
        if names := [name for name in arrays if name.endswith(".squared_aside.order")]:
            return path, arrays, names[0].removesuffix("order")
    raise AssertionError(list((folder / "out").rglob("*")))


def test_it_is_proved_with_rows_set_aside_and_checked(audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([str(next((audited / "out").rglob("certificate.json")))]) == 0
    _, arrays, start = sides(audited)
    assert len(arrays[start + "points"]) > 3


def test_a_forged_set_is_refused(audited: Path, tmp_path: Path) -> None:
    """Its digest is that of the certificate no more."""
    shutil.copytree(audited, tmp_path / "copy")
    path, arrays, start = sides(tmp_path / "copy")
    save_file({**arrays, start + "points": arrays[start + "points"][::-1].copy()}, path)
    assert check([str(next((tmp_path / "copy" / "out").rglob("certificate.json")))]) != 0
