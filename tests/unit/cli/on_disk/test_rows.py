"""`certify rows`: the answer of `stored_predictions`, and one clear line where it cannot be asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression, RidgeClassifier

import certify
from certify.cli.main import main
from certify.problem import progress


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((400, 3)).astype(np.float32)
    y = X[:, 0] + 0.3 * rng.standard_normal(400) > 0
    model = RidgeClassifier().fit(X.astype(np.float64), y)
    skops.io.dump(model, tmp_path / "model.skops")
    for name, array in (("rows", X), ("labels", y), ("new", X[:20].astype(np.float64))):
        np.save(tmp_path / f"{name}.npy", array)
    return [str(tmp_path / "model.skops"), str(tmp_path / "rows.npy"), "--labels", str(tmp_path / "labels.npy"),
            "--eval", str(tmp_path / "new.npy")]


def test_the_answer_is_printed_and_written(files: list[str], tmp_path: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    X, y, new = (np.load(tmp_path / f"{name}.npy") for name in ("rows", "labels", "new"))
    right = certify.stored_predictions(RidgeClassifier().fit(X.astype(np.float64), y), tmp_path / "rows.npy", y, new,
                                       delete=2)
    out = tmp_path / "answer.json"
    assert main(["rows", *files, "--delete", "2", "--nproc", "2", "-o", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"any 2 rows deleted: {len(right.proved)} of 20 predictions proved")
    assert out.read_text(encoding="utf-8") == f"{right.json()}\n"
    assert main(["rows", *files, "--delete", "2", "--json"]) == 0
    assert capsys.readouterr().out == f"{right.json()}\n"
    assert main(["rows", *files, "--delete", "399"]) == 4
    assert "leverages add up" in capsys.readouterr().out


@pytest.mark.parametrize(("quiet", "nproc"), [(False, "1"), (False, "2"), (True, "1")])
def test_what_is_read_is_told_and_quiet_is_quiet(quiet: bool, nproc: str, files: list[str],
                                                 monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    assert main(["rows", *files, "--delete", "2", "--nproc", nproc, *(["--quiet"] if quiet else [])]) == 0
    told = capsys.readouterr().err.splitlines()
    assert bool(told) is not quiet
    read = [float(line.split("rows read ")[1].split()[0]) for line in told]
    assert read == sorted(read)
    assert quiet or read[-1] == 4.0


@pytest.mark.parametrize(("more", "words"), [
    ([], "kinds of changes"), (["--delete", "1", "--relabel", "1"], "kinds of changes"),
    (["--delete", "1", "--nproc", "0"], "number of processes"), (["--delete", "1", "--torchrun"], "not started by it"),
    (["--delete", "1", "--torchrun", "--nproc", "2"], "give one of them"),
    (["--delete", "1", "--labels", "none.npy"], "--labels: none.npy"),
    (["--delete", "1", "-o", "/dev/null/answer.json"], "name a folder")])
def test_what_cannot_be_asked_is_said_on_one_line(files: list[str], more: list[str], words: str,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rows", *files, *more]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_share_is_a_number_of_rows_as_in_an_audit(files: list[str], tmp_path: Path,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "new.npy", np.load(tmp_path / "new.npy")[:1])
    assert main(["rows", *files, "--relabel", "0.5%", "-q"]) in (0, 4)
    said = capsys.readouterr().out
    assert main(["rows", *files, "--relabel", "2", "-q"]) in (0, 4)
    assert capsys.readouterr().out == said and " of 1 prediction proved to stay" in said
    for wrong in ("0.1%", "x", "2 rows", "0"):
        assert main(["rows", *files, "--relabel", wrong, "-q"]) == 2, wrong
        assert capsys.readouterr().err.count("\n") == 1


def test_labels_that_would_have_to_be_unpickled_are_refused(files: list[str], tmp_path: Path,
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "labels.npy", np.array(["a", 1], dtype=object), allow_pickle=True)
    assert main(["rows", *files, "--delete", "1"]) == 2
    assert "give a .npy file" in capsys.readouterr().err
    np.savez(tmp_path / "more.npz", a=np.ones(3))
    assert main(["rows", *files, "--delete", "1", "--labels", str(tmp_path / "more.npz")]) == 2
    assert "no single array" in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "question"), [("delete", "rows deleted"), ("relabel", "labels wrong")])
def test_what_stays_open_names_the_other_command(kind: str, question: str, files: list[str], tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    """And the command that is named answers."""
    X, y = np.load(tmp_path / "rows.npy").astype(np.float64), np.load(tmp_path / "labels.npy")
    skops.io.dump(LogisticRegression(C=10.0, tol=1e-10).fit(X, y), tmp_path / "model.skops")
    assert main(["rows", *files, f"--{kind}", "6"]) in (0, 4)
    said = capsys.readouterr().out
    assert " 0 undecided" not in said and "may decide more" in said
    command = said.split("`")[1].split(" ")
    assert command[:3] == ["certify", "audit", "MODEL"] and f'"{question}"' in said and said.count("`") == 2
    np.savez(tmp_path / "table.npz", X=X, y=y.astype(int))
    np.savez(tmp_path / "new.npz", X=np.load(tmp_path / "new.npy"))
    assert main(["audit", files[0], str(tmp_path / "table.npz"), "--eval", str(tmp_path / "new.npz"), "--ask", question,
                 f"--{kind}", "6", "--seconds", "2", "-q", "-o", str(tmp_path / "out")]) in (0, 4)
    capsys.readouterr()
    monkeypatch.setattr("certify.cli.on_disk.rows.FITS", 100)
    main(["rows", *files, f"--{kind}", "6"])
    assert "audit" not in capsys.readouterr().out
