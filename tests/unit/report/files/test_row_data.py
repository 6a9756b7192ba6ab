"""A page with rows of the data: what it shows, and that it shows nothing of files that are others."""

from __future__ import annotations

import html
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.certificate import canonical_bytes, read_certificate, seal
from certify.cli.main import main
from certify.format.errors import InputError
from certify.report.exporters.html import render
from certify.report.files.row_data import read_rows
from certify.report.phrases.changed_rows import find_changed
from certify.report.plots import draw_counts
from certify.report.reading import open_certificate
from tests.families.pages import without_script
from tests.families.report_samples import certified, rows_deleted
from tests.unit.check.theorems.head.rows.test_claims import POINTS, made


def text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page[page.index("</style>") :])).split())


@pytest.fixture(scope="module", params=["deletions", "labels"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    made(path, request.param)
    return path


def test_it_shows_outputs_and_the_data_of_the_rows_that_flip(folder: Path) -> None:
    opened = open_certificate(read_certificate(folder / "certificate.json"))
    data = read_rows(opened, folder)
    assert data is not None and data.right() is None  # the evaluation file has no labels
    weights = load_file(folder / "model.safetensors")
    F = POINTS[:, 0] * weights["0.weight"][0, 0] + weights["0.bias"][0]
    witness = opened.claims[0].witness
    shown = data.predictions(witness.array or "", [], witness.undecided or [])
    assert sorted(one.row for one in shown) == list(range(5))
    for one in shown:
        assert float(one.output.replace("−", "-")) == pytest.approx(F[one.row], rel=0.01)
        assert one.label == str(int(F[one.row] > 0)) and one.truth == "" and one.right is None
    page = render(read_certificate(folder / "certificate.json"), data)
    said = text(page)
    train = np.load(folder / "data.npz")
    for row in {row for row in witness.changed or () if row >= 0}:
        label = int(train["y"][row])
        after = ", left out" if "deletions" in str(folder) else f" → {1 - label}"
        value = f"{train['X'][row, 0]:g}".replace("-", "−")
        assert re.search(f"training row {row} , label {label}{after} : feature 0 = {value}", said)
    assert "This page holds values of training rows" in said and without_script(page)
    plain = text(render(read_certificate(folder / "certificate.json")))
    assert "feature 0 =" not in plain and "certify report certificate.json --rows" in plain


def test_labels_of_the_evaluation_file_count(tmp_path: Path) -> None:
    made(tmp_path)
    np.savez(tmp_path / "more.npz", X=POINTS, y=np.array([0, 1, 1, 1, 0]))
    assert main(["run", str(tmp_path / "spec.toml"), "-q"]) in (0, 3, 4)
    opened = open_certificate(read_certificate(tmp_path / "certificate.json"))
    data = read_rows(opened, tmp_path)
    assert data is not None
    right = data.right()
    assert right is not None and right.tolist() == (data.head.today == np.array([0, 1, 1, 1, 0])).tolist()
    said = text(render(read_certificate(tmp_path / "certificate.json"), data))
    lost = sum(bool(right[i]) for i in opened.claims[0].witness.flipped or ())
    kept = f"Today {right.sum()} of the 5 labels are those in the file. Whatever the change, {right.sum() - lost} stay"
    assert kept in said


def test_the_command_writes_it_and_refuses_what_has_no_rows(folder: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "page.html"
    assert main(["report", str(folder / "certificate.json"), "--rows", "-o", str(out)]) == 0
    assert "training row" in out.read_text(encoding="utf-8")
    assert main(["report", str(folder / "certificate.json"), "--rows", "--format", "csv", "-o", str(out)]) == 2
    assert "has no place for rows" in capsys.readouterr().err
    other = tmp_path / "certificate.json"
    other.write_bytes(canonical_bytes(certified()))
    assert main(["report", str(other), "--rows", "-o", str(out)]) == 2
    assert "names no evaluation rows" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.safetensors", "data.npz", "more.npz", "spec.toml", "witness.safetensors"])
def test_another_file_than_the_one_bound_is_refused(name: str, tmp_path: Path) -> None:
    made(tmp_path)
    path = tmp_path / name
    if name.endswith("npz"):
        arrays = dict(np.load(path))
        np.savez(path, **{key: value[::-1].copy() for key, value in arrays.items()})
    elif name.endswith("toml"):
        path.write_text(path.read_text(encoding="utf-8") + "# \n", encoding="utf-8")
    else:
        save_file({key: value + 1 for key, value in load_file(path).items()}, path)
    with pytest.raises(InputError, match="its bytes are not those that the certificate binds"):
        read_rows(open_certificate(read_certificate(tmp_path / "certificate.json")), tmp_path)


@pytest.mark.parametrize(("change", "said"), [
    (lambda a: a.pop("flips.rows"), "not those of changed rows"),
    (lambda a: a.update({"flips.point": a["flips.point"] + 9}), "not those of changed rows"),
    (lambda a: a.update({"flips.codes": a["flips.codes"].astype(float)}), "not those of changed rows"),
    (lambda a: a.update({"flips.weights": a["flips.weights"][:, :1].copy()}), "not those of changed rows"),
    (lambda a: a.update({"flips.rows": (a["flips.rows"] + 1) % 8}), "is not the claim's"),
    (lambda a: a.update({"flips.codes": a["flips.codes"] + 7}), "no such label"),
])
def test_a_side_file_that_says_something_else_is_refused(change: Any, said: str, tmp_path: Path) -> None:
    """Sealed again by a forger."""
    made(tmp_path, "labels")
    file, start = tmp_path / "witness.safetensors", "stable_predictions.rows."
    arrays = {name.removeprefix(start): array for name, array in load_file(file).items()}
    change(arrays)
    save_file({start + name: array for name, array in arrays.items()}, file)
    certificate = json.loads((tmp_path / "certificate.json").read_text(encoding="utf-8"))
    data = file.read_bytes()
    certificate["subject"]["witness"] |= {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
    with pytest.raises(InputError, match=said):
        read_rows(open_certificate(seal(certificate)), tmp_path)


def test_bars_over_the_number_of_rows() -> None:
    changed, = find_changed(open_certificate(rows_deleted()))
    bars = draw_counts(changed)
    assert "1 flip</text>" in bars and "2 flip</text>" in bars
    assert 'aria-label="4995 stay; 1 row: 1 flip; 2 rows: 2 flip"' in bars
    one, = find_changed(open_certificate(rows_deleted(flipped=0)))
    assert draw_counts(one) == ""
