"""The verified checker (`proofs/formal/checker`) beside its twin in Python: honest, tampered and hostile certificates.

What the program accepts Python accepts; they differ only where Python reads more.
"""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.formal.shared import BEYOND, INVALID, VALID, Certificate, drawn, objection, put, verdict, written


@pytest.mark.parametrize("quantity", ["stable_predictions", "tolerated_changes"])
@pytest.mark.parametrize("seed", range(12))
def test_both_take_what_was_proved(program: Path, tmp_path: Path, seed: int, quantity: str) -> None:
    rows = "rows = [0, 2, 3, 5, 7]\n" if seed % 3 == 0 else ""
    certificate = written(tmp_path, drawn(seed), quantity, rows)
    if certificate["claims"][0]["lower"] is None:
        return  # there is no exact solution near by, so nothing is claimed
    path = put(tmp_path, certificate)
    assert objection(path) == ""
    assert verdict(program, path)[0] == VALID


def shifted(key: str, by: int, j: int) -> Callable[[Path, Certificate], None]:
    def change(folder: Path, certificate: Certificate) -> None:
        certificate["claims"][0][key][j] = float(certificate["claims"][0][key][j] + by)
    return change


def stated(key: str, value: object) -> Callable[[Path, Certificate], None]:
    def change(folder: Path, certificate: Certificate) -> None:
        certificate["claims"][0][key] = value
    return change


def labels_turned(folder: Path, certificate: Certificate) -> None:
    with np.load(folder / "data.npz") as data:
        X, y = data["X"], data["y"].copy()
    y[:4] = y.min() + y.max() - y[:4]
    np.savez(folder / "data.npz", X=X, y=y)


def weights_negated(folder: Path, certificate: Certificate) -> None:
    save_file({k: -v for k, v in load_file(folder / "model.safetensors").items()}, folder / "model.safetensors")


def nearer(folder: Path, certificate: Certificate) -> None:
    certificate["base"]["distance"] = 0.0


def spec_said(old: str, new: str) -> Callable[[Path, Certificate], None]:
    def change(folder: Path, certificate: Certificate) -> None:
        spec = folder / "spec.toml"
        assert old in spec.read_text(encoding="utf-8")
        spec.write_text(spec.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return change


TAMPERED = {
    **{f"row_lower {j} up": shifted("row_lower", 1, j) for j in range(3)},
    **{f"row_upper {j} down": shifted("row_upper", -1, j) for j in range(3)},
    "lower up": stated("lower", 3.0), "upper down": stated("upper", 0.0),
    "labels turned": labels_turned, "weights negated": weights_negated, "nearer": nearer,
    "count": spec_said("count = 3", "count = 4"), "decay": spec_said("weight_decay = ", "weight_decay = 1"),
    "threshold": spec_said("threshold = ", "threshold = 1"), "normalised": spec_said("bias_decay", "bias_Decay"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_python_refuses_is_refused(program: Path, tmp_path: Path, name: str) -> None:
    refused = 0
    for seed in (1, 2, 4, 5):
        folder = tmp_path / str(seed)
        certificate = written(folder, drawn(seed), "tolerated_changes")
        if certificate["claims"][0]["lower"] is None:
            continue
        TAMPERED[name](folder, certificate)
        path = put(folder, certificate)
        if why := objection(path):
            refused += 1
            assert verdict(program, path)[0] in (INVALID, BEYOND), why
    assert refused


def status_changed(arrays: dict[str, Any], old: int, new: int) -> bool:
    status = arrays["stable_predictions.rows.status"]
    at = np.flatnonzero(status == old)
    if len(at):
        status[at[0]] = new
    return len(at) > 0


def fewer_flips(arrays: dict[str, Any]) -> bool:
    rows = arrays.get("stable_predictions.rows.flips.rows")
    if rows is None:
        return False
    rows[0, -1] = -1
    return True


def more_flips(arrays: dict[str, Any]) -> bool:
    rows, codes = (arrays.get(f"stable_predictions.rows.flips.{k}") for k in ("rows", "codes"))
    if rows is None:
        return False
    codes[0, 0] = 1 - codes[0, 0]
    return True


ARRAYS: list[Callable[[dict[str, Any]], bool]] = [
    lambda a: status_changed(a, 1, 2), lambda a: status_changed(a, 2, 1), lambda a: status_changed(a, 2, 0),
    fewer_flips, more_flips]


@pytest.mark.parametrize("change", ARRAYS)
def test_arrays_that_say_something_else(program: Path, tmp_path: Path, change: Callable[[Any], bool]) -> None:
    done = 0
    for seed in (1, 2, 4, 5, 7):
        folder = tmp_path / str(seed)
        certificate = written(folder, drawn(seed), "stable_predictions")
        if certificate["claims"][0]["lower"] is None:
            continue
        arrays = {k: v.copy() for k, v in load_file(folder / "witness.safetensors").items()}
        if change(arrays):
            save_file(arrays, folder / "witness.safetensors")
            path = put(folder, certificate)
            if why := objection(path):
                done += 1
                assert verdict(program, path)[0] == INVALID, why
    assert done


# ---- files of any kind ----
@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Certificate]:
    folder = tmp_path_factory.mktemp("honest")
    return folder, written(folder, drawn(1), "tolerated_changes")


def fresh(honest: tuple[Path, Certificate], tmp_path: Path) -> Certificate:
    for path in honest[0].iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return copy.deepcopy(honest[1])


@pytest.mark.parametrize("array", [
    np.zeros((0, 2)), np.full((9, 2), np.nan), np.full((9, 2), np.inf), np.zeros((9, 3)), np.zeros(9), np.zeros((9, 0)),
    np.full((9, 2), 2**60), np.array([["a", "b"]] * 9), np.full((9, 2), 1e308), np.full((9, 2), 5e-324)])
def test_features_that_are_none(program: Path, honest: Any, tmp_path: Path, array: Any) -> None:
    certificate = fresh(honest, tmp_path)
    with np.load(tmp_path / "data.npz") as data:
        y = data["y"][:len(array)]
    np.savez(tmp_path / "data.npz", X=array, y=y)
    assert verdict(program, put(tmp_path, certificate))[0] in (INVALID, BEYOND)


def compressed(path: Path) -> None:
    with np.load(path) as data:
        np.savez_compressed(path, X=data["X"], y=data["y"])


def with_a_rest(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"rest")


def something_before(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04before" + path.read_bytes())


def twice(path: Path) -> None:
    data = path.read_bytes()
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        with zipfile.ZipFile(path) as again:
            archive.writestr("X.npy", again.read("X.npy"))
    assert path.read_bytes() != data


@pytest.mark.parametrize(("damage", "status"), [(compressed, BEYOND), (with_a_rest, INVALID),
                                                (something_before, INVALID), (twice, INVALID)])
def test_archives_with_a_second_reading(program: Path, honest: Any, tmp_path: Path, damage: Callable[[Path], None],
                                        status: int) -> None:
    certificate = fresh(honest, tmp_path)
    damage(tmp_path / "data.npz")
    assert verdict(program, put(tmp_path, certificate))[0] == status


@pytest.mark.parametrize("name", ["certificate.json", "spec.toml", "data.npz", "more.npz", "model.safetensors",
                                  "witness.safetensors"])
def test_damaged_bytes(program: Path, honest: Any, tmp_path: Path, name: str) -> None:
    """Without new digests every change is refused; with them nothing but its own lines comes out."""
    certificate = fresh(honest, tmp_path)
    put(tmp_path, certificate)
    path, rng = tmp_path / name, np.random.default_rng(len(name))
    whole = path.read_bytes()
    for turn in range(12):
        at, bit = int(rng.integers(len(whole))), 1 << turn % 8
        damaged = whole[:at] + (bytes([whole[at] ^ bit]) + whole[at + 1:] if turn % 2 else b"")
        path.write_bytes(damaged)
        assert verdict(program, tmp_path / "certificate.json")[0] in (INVALID, BEYOND)
        if name != "certificate.json":
            resealed = put(tmp_path, certificate)
            if verdict(program, resealed)[0] == VALID:
                why = objection(resealed)  # a damaged centre is the one thing that the program need not look at
                assert why == "" or (name == "witness.safetensors" and why.startswith("base.distance")), damaged
            path.write_bytes(whole)
            put(tmp_path, certificate)


@pytest.mark.parametrize("text", [b"", b"[" * 100000, b"{}", b'{"digest":"sha256:"}', b"\xff" * 40, b"nul", b'"' * 9])
def test_what_is_no_certificate(program: Path, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "certificate.json").write_bytes(text)
    assert verdict(program, tmp_path / "certificate.json")[0] == INVALID


def test_the_files_are_those_that_the_spec_names(program: Path, honest: Any, tmp_path: Path) -> None:
    certificate = fresh(honest, tmp_path)
    (tmp_path / "other.npz").write_bytes((tmp_path / "data.npz").read_bytes())
    certificate["subject"]["data"]["path"] = "other.npz"
    status, line = verdict(program, put(tmp_path, certificate))
    assert status == INVALID and "the spec names" in line
