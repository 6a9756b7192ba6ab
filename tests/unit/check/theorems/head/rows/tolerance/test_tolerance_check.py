"""Certificates about how many changed rows each prediction survives: accepted as written, forged ones refused."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.format.errors import SpecError
from certify.format.refusal import Invalid
from tests.oracles.head_refit import refit
from tests.unit.check.theorems.head.rows import test_claims as rows
from tests.unit.check.theorems.head.rows.test_row_kinds import made_files, resealed
from tests.unit.check.theorems.head.test_claims import NONE, forge

KINDS = {"deleted": ("deletions", "logistic", ""), "relabelled": ("labels", "logistic", ""),
         "free": ("deletions", "logistic", "bias_decay = false"),
         "remaining": ("deletions", "logistic", 'normalization = "remaining"'),
         "squared": ("labels", "squared", ""), "squared deleted": ("deletions", "squared", "")}
COUNT, ARRAY = 3, "tolerated_changes.rows."


def written(folder: Path, kind: str, gate: str = "min = 1") -> Path:
    """The spec and its files."""
    parameter, loss, more = KINDS[kind]
    made_files(folder, loss)
    text = rows.SPEC.format(parameter=parameter, count=COUNT, bar=1).replace('loss = "logistic"', f'loss = "{loss}"')
    text = text[: text.index("[[gate]]")].replace("weight_decay = 0.125", f"weight_decay = 0.125\n{more}")
    (folder / "spec.toml").write_text(f'{text}[[gate]]\nquantity = "tolerated_changes"\n{gate}\n', encoding="utf-8")
    return folder / "spec.toml"


@pytest.fixture(scope="module", params=KINDS)
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    folder = tmp_path_factory.mktemp("tolerance")
    return request.param, folder, run_audit(written(folder, request.param))


def truth(kind: str) -> list[int]:
    """What every evaluation row tolerates, at most `COUNT`, by every refit in 300 bits."""
    parameter, loss, more = KINDS[kind]
    phi = np.hstack([rows.X, np.ones((8, 1))]).tolist()
    y = np.sign(rows.X).tolist()
    with ctx.workprec(300):
        def side(gone, new):
            mu = arb(0.125) * (8 - len(gone) if "remaining" in more else 8)
            V = refit(phi, y, loss, mu, [True, "false" not in more], gone, new)
            return [bool(V[0][0] * float(x[0]) + V[0][1] > 0) for x in rows.POINTS]

        today, found = side((), {}), [COUNT] * 5
        for m in range(1, COUNT + 1):
            for some in combinations(range(8), m):
                after = side(some, {}) if parameter == "deletions" else side((), {i: [-y[i][0]] for i in some})
                found = [min(f, m - 1) if a != t else f for f, a, t in zip(found, after, today, strict=True)]
    return found


def test_both_ends_are_the_truth_and_are_derived_again(honest: tuple[str, Path, dict[str, Any]]) -> None:
    kind, folder, certificate = honest
    claim, = certificate["claims"]
    exact = truth(kind)
    assert claim["row_lower"] == claim["row_upper"] == exact
    assert claim["lower"] == sorted(exact)[2] and claim["unit"] == "changed rows (label: sign of the output)"
    forge(folder, certificate, ("claims", 0), claim)
    assert check(folder / "certificate.json", NONE).verdict == certificate["verdict"]


def test_no_end_says_more(honest: tuple[str, Path, dict[str, Any]]) -> None:
    """Row by row one more below, one less above; and what half of the rows reach."""
    kind, folder, certificate = honest
    claim = certificate["claims"][0]
    for row, (name, step) in product(range(5), (("row_lower", 1), ("row_upper", -1))):
        ends = {"row_lower": list(claim["row_lower"]), "row_upper": list(claim["row_upper"])}
        ends[name][row] += step
        if not 0 <= ends[name][row] <= COUNT:
            continue
        other = "row_upper" if step > 0 else "row_lower"  # so that they stay in order
        ends[other][row] = ends[name][row]
        halves = {side: sorted(ends[f"row_{side}"])[2] for side in ("lower", "upper")}
        forge(folder, certificate, ("claims", 0), {**claim, **ends, **halves, "gate": claim["gate"]})
        with pytest.raises(Invalid):
            check(folder / "certificate.json", NONE)
    for name, value in (("lower", claim["lower"] + 1), ("upper", claim["upper"] - 1), ("rows", [0, 1, 2, 3]),
                        ("rows", [1, 0, 2, 3, 4]), ("row_lower", [0.5, *claim["row_lower"][1:]]),
                        ("row_lower", [None, *claim["row_lower"][1:]]), ("witness", {})):
        forge(folder, certificate, ("claims", 0, name), value)
        with pytest.raises(Invalid):
            check(folder / "certificate.json", NONE)


@pytest.mark.parametrize("what", [
    "later", "zero", "word", "points", "twice", "none", "flipless", "fewer", "other", "method", "sorted", "centre",
    "flips in a part"])
def test_arrays_that_prove_something_else_are_refused(what: str, tmp_path: Path) -> None:
    certificate = run_audit(written(tmp_path, "deleted"))
    file = tmp_path / "witness.safetensors"
    arrays = {name.removeprefix(ARRAY): array for name, array in load_file(file).items()}
    parts = {name.partition(".")[0] for name in arrays} - {"flips", "centre"}
    assert parts == {"1", "2", "3"}

    def renamed(old: str, new: str) -> dict[str, np.ndarray]:
        kept = {name: a for name, a in arrays.items() if name.partition(".")[0] != new}
        return {(f"{new}.{name.partition('.')[2]}" if name.partition(".")[0] == old else name): a
                for name, a in kept.items()}

    wide = arrays["flips.rows"].copy()
    wide[wide == -1] = 7
    change = {
        "later": renamed("1", "3"), "zero": renamed("1", "0"), "word": renamed("1", "one"),
        "points": {**arrays, "3.points": (arrays["3.points"] + 1) % 5}, "twice": {**arrays, "1.points": arrays[
            "1.points"] * 0}, "none": {n: a for n, a in arrays.items() if not n.startswith("2.")},
        "flipless": {n: a for n, a in arrays.items() if not n.startswith("flips")},
        "fewer": {**arrays, "flips.rows": np.roll(arrays["flips.rows"], 1, axis=0)},
        "other": {**arrays, "flips.weights": arrays["flips.weights"] + 1.0},
        "method": {**arrays, "1.status": np.where(arrays["1.status"] > 1, 2, arrays["1.status"])},
        "sorted": {"centre": arrays["centre"], "squared_labels": np.ones(5, dtype=np.int64)},
        "centre": {n: a for n, a in arrays.items() if n != "centre"},
        "flips in a part": {**arrays, "1.flips.point": np.full(len(arrays["1.points"]), -1)}}[what]
    save_file({ARRAY + name: np.ascontiguousarray(a) for name, a in change.items()}, file)
    resealed(tmp_path, certificate, "witness")
    with pytest.raises(Invalid):
        check(tmp_path / "certificate.json", NONE)


def test_marks_that_are_left_out_prove_nothing(tmp_path: Path) -> None:
    certificate = run_audit(written(tmp_path, "squared"))
    file = tmp_path / "witness.safetensors"
    arrays = load_file(file)
    save_file({**arrays, f"{ARRAY}squared_labels": np.zeros(5, dtype=np.int64)}, file)
    resealed(tmp_path, certificate, "witness")
    with pytest.raises(Invalid, match="not proved"):
        check(tmp_path / "certificate.json", NONE)


@pytest.mark.parametrize(("gate", "words"), [("min = 4", "at most 3 rows change"), ("max = 3", "every outcome")])
def test_gates_beyond_the_count_are_refused(gate: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=words):
        run_audit(written(tmp_path, "deleted", gate))


def test_groups_are_not_counted_in_rows(tmp_path: Path) -> None:
    path = written(tmp_path, "deleted")
    text = path.read_text(encoding="utf-8").replace("count = 3", 'count = 1\ngroups = "user"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match="stable_predictions"):
        run_audit(path)
