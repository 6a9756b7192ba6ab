"""`certify rows --certificate` and `certify check` of what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from certify.check.main import main as check
from certify.cli.main import main
from tests.effort import examples


def files(folder: Path, classes: int, intercept: bool = True) -> list[str]:
    """Four files of a ridge classifier, as arguments."""
    rng = np.random.default_rng(classes)
    X = rng.standard_normal((300, 4)).astype(np.float32)
    y = np.argmax(X[:, :classes] + rng.standard_normal((300, classes)), axis=1) if classes > 2 else X[:, 0] > 0.1
    skops.io.dump(RidgeClassifier(fit_intercept=intercept).fit(X.astype(np.float64), y), folder / "model.skops")
    for name, array in (("rows", X), ("labels", y), ("new", X[:40].astype(np.float64))):
        np.save(folder / f"{name}.npy", array)
    return [str(folder / "model.skops"), str(folder / "rows.npy"), "--labels", str(folder / "labels.npy"),
            "--eval", str(folder / "new.npy")]


@pytest.mark.parametrize("asked", ["--relabel", "--delete"])
@pytest.mark.parametrize(("classes", "intercept"), [(2, True), (3, True), (3, False)])
def test_what_is_written_is_proved_again_from_the_files_alone(
        asked: str, classes: int, intercept: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = files(tmp_path, classes, intercept)
    for count in (1, 6):
        out = tmp_path / f"out-{count}"
        assert main(["rows", *arguments, asked, str(count), "--certificate", str(out), "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert sorted(path.name for path in out.iterdir()) == ["certificate.json", "certificate.safetensors"]
        assert check([str(out / "certificate.json"), "--json", "-q"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["format"], found["verdict"]) == ("certify-rows/1", "certified")
        assert (found["stays"], found["flips"]) == (answer["proved"], answer["flipped"])
        assert answer["proved"] and (answer["flipped"] or asked == "--delete")


@pytest.mark.parametrize("asked", ["--relabel", "--delete"])
@pytest.mark.parametrize("options", [{"C": 3.0}, {"C": 0.1, "solver": "liblinear"}, {"fit_intercept": False}])
def test_a_logistic_regression_is_proved_again_from_the_files_alone(
        asked: str, options: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, out = files(tmp_path, 2), tmp_path / "out"
    X, y = np.load(tmp_path / "rows.npy").astype(float), np.load(tmp_path / "labels.npy")
    y = X[:, 0] + np.random.default_rng(1).logistic(size=len(X)) > 0.1
    np.save(tmp_path / "labels.npy", y)
    new = X[:40] / np.array([1.0, 2.0, 4.0, 8.0])
    model = LogisticRegression(tol=1e-8, **options).fit(X, y)
    np.save(tmp_path / "new.npy", new - np.outer(0.9 * (new @ model.coef_[0] + model.intercept_), model.coef_[0]) / (
        model.coef_[0] @ model.coef_[0]))
    skops.io.dump(model, tmp_path / "model.skops")
    assert main(["rows", *arguments, asked, "1", "--certificate", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert sorted(path.name for path in out.iterdir()) == ["certificate.json", "certificate.safetensors",
                                                           "witness.safetensors"]
    for exact in ([], ["--exact"]):
        assert check([str(out / "certificate.json"), "--json", *exact]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["stays"], found["flips"]) == (answer["proved"], answer["flipped"])
        assert found["problem"]["loss"] == "logistic" and answer["proved"] and answer["undecided"]


def test_where_nothing_is_proved_no_certificate_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, out = files(tmp_path, 2), tmp_path / "out"
    X, y = np.load(tmp_path / "rows.npy").astype(float), np.load(tmp_path / "labels.npy")
    skops.io.dump(LogisticRegression(C=100.0).fit(X, y), tmp_path / "model.skops")
    assert main(["rows", *arguments, "--relabel", "50", "--certificate", str(out)]) == 4
    said = capsys.readouterr()
    assert "no certificate is written, because nothing is proved: any 50 rows together" in said.err
    assert not (out / "certificate.json").exists()


def test_a_witness_file_is_named_where_there_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, out = files(tmp_path, 2), tmp_path / "out"
    assert main(["rows", *arguments, "--relabel", "2", "--certificate", str(out)]) == 0
    assert check([str(out / "certificate.json"), "--witness", str(tmp_path / "rows.npy")]) == 2
    assert "--witness: the certificate has no witness file" in "".join(capsys.readouterr())


@pytest.mark.parametrize("seed", range(examples(60)))
def test_certificates_about_rare_classes_check(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where classes may vanish the checker follows what is written, however much it would prove itself."""
    rng = np.random.default_rng([16, seed])
    classes, asked = int(rng.choice([2, 3, 4])), ("--relabel", "--delete")[seed % 2]
    y = np.concatenate([np.repeat(np.arange(classes), rng.integers(1, 4, classes)), np.full(30, classes - 1),
                        np.full(30, classes - 2)])
    centres = 1.5 * rng.standard_normal((classes, 3))
    X, new = centres[y] + rng.standard_normal((len(y), 3)), centres[rng.integers(0, classes, 30)]
    model = RidgeClassifier(alpha=float(rng.choice([0.1, 10.0])), fit_intercept=bool(rng.integers(2))).fit(X, y)
    skops.io.dump(model, tmp_path / "model.skops")
    for name, array in (("rows", X), ("labels", y), ("new", new + 0.5 * rng.standard_normal(new.shape))):
        np.save(tmp_path / f"{name}.npy", array)
    status = main(["rows", *(str(tmp_path / name) for name in ("model.skops", "rows.npy")), "--labels",
                   str(tmp_path / "labels.npy"), "--eval", str(tmp_path / "new.npy"), asked,
                   str(rng.integers(1, 4)), "--certificate", str(tmp_path / "out"), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert check([str(tmp_path / "out" / "certificate.json"), "--json", "-q"]) == status
    found = json.loads(capsys.readouterr().out)
    assert (found["stays"], found["flips"]) == (answer["proved"], answer["flipped"])


def test_files_may_lie_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, out = files(tmp_path, 2), tmp_path / "out"
    assert main(["rows", *arguments, "--relabel", "2", "--certificate", str(out)]) == 0
    (tmp_path / "rows.npy").rename(tmp_path / "moved.npy")
    assert check([str(out / "certificate.json")]) == 2
    assert "say with --data where it is" in capsys.readouterr().out
    assert check([str(out / "certificate.json"), "--data", str(tmp_path / "moved.npy")]) == 0
    assert "moved.npy" in capsys.readouterr().err
    (tmp_path / "labels.npy").rename(out / "labels.npy")  # beside the certificate it is found
    assert check([str(out / "certificate.json"), "--data", str(tmp_path / "moved.npy")]) == 0


def test_thresholds_are_the_callers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, out = files(tmp_path, 3), tmp_path / "out"
    assert main(["rows", *arguments, "--relabel", "2", "--certificate", str(out), "--json"]) == 0
    answer, path = json.loads(capsys.readouterr().out), str(out / "certificate.json")
    stays, most = len(answer["proved"]), 40 - len(answer["flipped"])
    for more, status, words in (
            ([f"--min=stable_predictions={stays}"], 0, f"certified stable_predictions ≥ {stays}.0 met (proved"),
            ([f"--min=stable_predictions={most + 1}"], 3, "refuted stable_predictions"),
            ([f"--max=stable_predictions={stays - 1}"], 3, "failed"), ([f"--max=stable_predictions={most}"], 0, "met"),
            (["--max=modulus=1"], 2, "no claim on modulus"), (["--min=stable_predictions=41"], 2, "40 evaluation rows"),
            (["--max=stable_predictions=40"], 2, "40 evaluation rows"), (["--min=stable_predictions=0"], 2, "empty"),
            (["--within", "1e-3"], 2, "--within"), (["--spec", "certify.toml"], 2, "--spec"),
            (["--seconds", "0.5"], 4, "inconclusive"), (["--memory", "1MB"], 4, "inconclusive"),
            (["--seconds", "300", "--memory", "4GB"], 0, "certified"),
            (["--trusted"], 0, "certify/check/stored/run.py"),
            (["--exact"], 0, "any 2 of 300 labels changed; squared loss, penalty 1.0, an intercept without penalty")):
        assert check([path, "-q", *more]) == status, more
        assert words in "".join(capsys.readouterr()), more


def test_the_line_says_what_a_label_is_and_what_needs_no_change(tmp_path: Path,
                                                                capsys: pytest.CaptureFixture[str]) -> None:
    """Weights that are not near the minimum give other labels than it before any row changes."""
    arguments, out = files(tmp_path, 3), tmp_path / "out"
    model = skops.io.load(tmp_path / "model.skops")
    model.coef_[[0, 1]] = model.coef_[[1, 0]]
    skops.io.dump(model, tmp_path / "model.skops")
    for asked in ("--relabel", "--delete"):
        assert main(["rows", *arguments, asked, "2", "--certificate", str(out), "--json"]) == 0
        flips = json.loads(capsys.readouterr().out)["flipped"]
        assert check([str(out / "certificate.json"), "-q", "--json"]) == 0
        said = capsys.readouterr()
        found = json.loads(said.out)
        assert 0 < found["already"] <= len(flips) and found["problem"]["columns"] == 4
        assert f"; {found['already']} of {len(flips)} that flip have another label before any change) [" in said.err
        assert f"certificate.safetensors {found['files']['model']['sha256'][:12]} give" in said.err
    top = json.loads((out / "certificate.json").read_bytes())["claim"]
    assert top["changed"].count([]) == found["already"]


def test_names_of_files_reach_no_terminal_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, out = files(tmp_path, 2), tmp_path / "out"
    named = tmp_path / "a\n\x1b[32mcertified\x1b[0m.npy"
    (tmp_path / "rows.npy").rename(named)
    arguments[1] = str(named)
    assert main(["rows", *arguments, "--relabel", "2", "--certificate", str(out), "-q"]) == 0
    capsys.readouterr()
    assert check([str(out / "certificate.json")]) == 0
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err and "a??[32mcertified?[0m.npy" in told.err


def test_integers_that_no_double_holds_are_refused_before_anything_is_proved(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, out = files(tmp_path, 3), tmp_path / "out"
    y = np.load(tmp_path / "labels.npy").astype(np.uint64) * 2**60
    np.save(tmp_path / "labels.npy", y)
    X = np.load(tmp_path / "rows.npy").astype(float)
    skops.io.dump(RidgeClassifier().fit(X, y), tmp_path / "model.skops")
    assert main(["rows", *arguments, "--relabel", "1", "--certificate", str(out)]) == 2
    said = capsys.readouterr().err
    assert "beyond 2^53" in said and said.count("\n") == 1 and not out.exists()


def test_what_signs_and_reports_says_who_reads_it(tmp_path: Path) -> None:
    from certify.check.reading.certificate import read_certificate
    from certify.format.refusal import Invalid

    assert main(["rows", *files(tmp_path, 2), "--relabel", "1", "--certificate", str(tmp_path), "-q"]) == 0
    with pytest.raises(Invalid, match="certify-rows.1: certify check alone"):
        read_certificate((tmp_path / "certificate.json").read_bytes())


def test_the_progress_says_what_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rows", *files(tmp_path, 2), "--relabel", "2", "--certificate", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert check([str(tmp_path / "out" / "certificate.json")]) == 0
    told = capsys.readouterr()
    assert "the normal matrix is summed" in told.err and "files: data " in told.err
    assert told.out.startswith("certified stable_predictions (proved in [") and told.out.count("\n") == 1


def test_what_cannot_be_certified_is_said_before_anything_is_proved(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, out = files(tmp_path, 2), tmp_path / "out"
    monkeypatch.setattr("certify.prove.stored.predictions.stored_predictions", None)  # it would be called
    np.save(tmp_path / "columns.npy", np.asfortranarray(np.load(tmp_path / "new.npy")))
    X, y = np.load(tmp_path / "rows.npy"), np.load(tmp_path / "labels.npy")
    several = np.where(X[:, 1] > 1, 2, y)
    skops.io.dump(LogisticRegression().fit(X, several), tmp_path / "logistic.skops")
    np.save(tmp_path / "several.npy", several)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    (tmp_path / "file").write_bytes(b"")
    for place, other, words in ((0, "logistic.skops", "LogisticRegression of several classes; fit a RidgeClassifier"),
                                (1, "rows.parquet", "save the rows as .npy"), (5, "columns.npy", "row by row")):
        changed = [*arguments]
        changed[place] = str(tmp_path / other)
        if place == 0:
            changed[3] = str(tmp_path / "several.npy")
        assert main(["rows", *changed, "--relabel", "1", "--certificate", str(out)]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1
    assert main(["rows", *arguments, "--relabel", "1", "--certificate", str(tmp_path / "file")]) == 2
    assert not out.exists()


def test_a_file_that_is_written_to_meanwhile_has_no_certificate(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from certify.prove.stored import predictions

    arguments, out, proves = files(tmp_path, 2), tmp_path / "out", predictions.stored_predictions

    def written_to(*given: object, **more: object) -> object:
        found = proves(*given, **more)  # type: ignore[arg-type]
        np.save(tmp_path / "labels.npy", np.load(tmp_path / "labels.npy")[::-1])
        return found

    monkeypatch.setattr(predictions, "stored_predictions", written_to)
    assert main(["rows", *arguments, "--relabel", "1", "--certificate", str(out)]) == 2
    assert "written to" in capsys.readouterr().err
    assert not (out / "certificate.json").exists()
