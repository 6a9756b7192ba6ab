"""The verified checker (`proofs/formal/checker`) on deleted rows, beside its twin in Python and beside all refits.

It looks at what is claimed of every evaluation row and at the rows that are said to flip one, and finds the rest anew.
So what it takes is true of every choice of rows, and a claim that Python refuses it takes only where another array
than these was damaged.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.families.squared_heads import SmallHead
from tests.formal.shared import BEYOND, INVALID, VALID, Certificate, drawn, objection, put, verdict, written

COUNT, ROWS = 2, "rows = [0, 2, 3, 5, 7]\n"
NEAR = 1e-9


def asked(folder: Path, seed: int, quantity: str = "stable_predictions") -> tuple[SmallHead, list[int], Certificate]:
    """A drawn head, the rows that may go, and what is said of it; a third of the heads lets a few rows go alone."""
    head, few = drawn(seed, 12), seed % 3 == 0
    certificate = written(folder, head, quantity, ROWS if few else "", "deletions", COUNT)
    return head, [0, 2, 3, 5, 7] if few else list(range(len(head.phi))), certificate


def margins(head: SmallHead, rows: list[int], count: int) -> np.ndarray[Any, Any]:
    """For each evaluation row the least distance on today's side after at most so many deletions, by every refit."""
    sign, least = 2.0 * head.today - 1, np.full(len(head.points), np.inf)
    for m in range(count + 1):
        for gone in itertools.combinations(rows, m):
            left = [i for i in range(len(head.phi)) if i not in gone]
            phi, Y = head.phi[left], head.Y[left, 0]
            H = phi.T @ phi + head.mu * np.diag(head.decayed)
            v = np.linalg.lstsq(H, phi.T @ Y, rcond=None)[0]
            least = np.minimum(least, sign * (head.points @ v - head.threshold))
    return least


@pytest.mark.parametrize("quantity", ["stable_predictions", "tolerated_changes"])
def test_what_was_proved_is_taken_or_left_open(program: Path, tmp_path: Path, quantity: str) -> None:
    """Both take honest certificates; where spans alone do not prove what trees did, the program says so."""
    taken = left = 0
    for seed in range(14):
        folder = tmp_path / str(seed)
        head, rows, certificate = asked(folder, seed, quantity)
        if certificate["claims"][0]["lower"] is None:
            continue
        path = put(folder, certificate)
        assert objection(path) == ""
        status, line = verdict(program, path)
        assert status in (VALID, BEYOND), line
        taken, left = taken + (status == VALID), left + (status == BEYOND)
        if status == BEYOND:
            assert "spans" in line
    assert taken > left


@pytest.mark.parametrize("seed", range(8))
def test_rows_that_are_said_to_stay_do(program: Path, tmp_path: Path, seed: int) -> None:
    """Every evaluation row is said to stay: taken only if it is so after every refit."""
    head, rows, certificate = asked(tmp_path, seed)
    if certificate["claims"][0]["lower"] is None:
        return
    arrays = {k: v.copy() for k, v in load_file(tmp_path / "witness.safetensors").items()}
    status = arrays["stable_predictions.rows.status"]
    status[:] = 3
    save_file(arrays, tmp_path / "witness.safetensors")
    points = float(len(status))
    certificate["claims"][0].update(lower=points, upper=points)
    found, line = verdict(program, put(tmp_path, certificate))
    true = margins(head, rows, COUNT).min() > -NEAR
    assert found != VALID or true, line


def shifted(key: str, by: int, j: int) -> Callable[[Path, Certificate], None]:
    def change(folder: Path, certificate: Certificate) -> None:
        certificate["claims"][0][key][j] = float(certificate["claims"][0][key][j] + by)
    return change


def stated(key: str, value: float) -> Callable[[Path, Certificate], None]:
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
    "lower up": stated("lower", 3.0), "upper down": stated("upper", -1.0),
    "labels turned": labels_turned, "weights negated": weights_negated, "nearer": nearer,
    "count": spec_said(f"count = {COUNT}", "count = 4"), "decay": spec_said("weight_decay = ", "weight_decay = 1"),
    "threshold": spec_said("threshold = ", "threshold = 1"), "labels": spec_said("deletions", "labels"),
    "grouped": spec_said('set = "sparse"', 'set = "sparse"\ngroups = "user"'),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_python_refuses_is_refused(program: Path, tmp_path: Path, name: str) -> None:
    refused = 0
    for seed in (1, 2, 4, 5, 7):
        folder = tmp_path / str(seed)
        _, _, certificate = asked(folder, seed, "tolerated_changes")
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
    at = np.flatnonzero(status >= 2 if old >= 2 else status == old)
    if len(at):
        status[at[0]] = new
    return len(at) > 0


def other_rows(arrays: dict[str, Any], value: int) -> bool:
    rows = arrays.get("stable_predictions.rows.flips.rows")
    if rows is None or value == 1 and rows.shape[1] == 1:
        return False
    rows[0, :] = value
    return True


def relabelled(arrays: dict[str, Any]) -> bool:
    codes = arrays.get("stable_predictions.rows.flips.codes")
    if codes is None:
        return False
    codes[0, 0] = 0
    return True


ARRAYS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "stays, it flips": lambda a: status_changed(a, 1, 3), "flips, it stays": lambda a: status_changed(a, 2, 1),
    "fewer claimed": lambda a: status_changed(a, 2, 0), "no rows flip it": lambda a: other_rows(a, -1),
    "one row twice": lambda a: other_rows(a, 1), "no such row": lambda a: other_rows(a, 99), "relabelled": relabelled}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_say_something_else(program: Path, tmp_path: Path, name: str) -> None:
    done = 0
    for seed in range(16):
        folder = tmp_path / str(seed)
        _, _, certificate = asked(folder, seed)
        if certificate["claims"][0]["lower"] is None:
            continue
        arrays = {k: v.copy() for k, v in load_file(folder / "witness.safetensors").items()}
        if ARRAYS[name](arrays):
            save_file(arrays, folder / "witness.safetensors")
            path = put(folder, certificate)
            if why := objection(path):
                done += 1
                assert verdict(program, path)[0] in (INVALID, BEYOND), why
    assert done


@pytest.mark.parametrize("name", ["certificate.json", "data.npz", "more.npz", "model.safetensors"])
def test_damaged_bytes(program: Path, tmp_path: Path, name: str) -> None:
    """Without new digests every change is refused; with them what is taken Python takes."""
    _, _, certificate = asked(tmp_path, 1)
    put(tmp_path, certificate)
    path, rng = tmp_path / name, np.random.default_rng(len(name))
    whole = path.read_bytes()
    for turn in range(8):
        at, bit = int(rng.integers(len(whole))), 1 << turn % 8
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1:])
        assert verdict(program, tmp_path / "certificate.json")[0] in (INVALID, BEYOND)
        if name != "certificate.json":
            if verdict(program, put(tmp_path, certificate))[0] == VALID:
                assert objection(tmp_path / "certificate.json") == ""
            path.write_bytes(whole)
            put(tmp_path, certificate)


def test_nothing_is_proved_of_more_than_may_go(program: Path, tmp_path: Path) -> None:
    """A row of leverage 1 (a column that it alone has, without decay) leaves no unique refit: no span holds."""
    head, _, certificate = asked(tmp_path, 1)
    with np.load(tmp_path / "data.npz") as data:
        X, y = data["X"].copy(), data["y"]
    X[:, 0] = 0.0
    X[3, 0] = 1e8
    np.savez(tmp_path / "data.npz", X=X, y=y)
    assert verdict(program, put(tmp_path, certificate))[0] in (INVALID, BEYOND)
