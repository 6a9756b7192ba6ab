"""What a certificate on stored data tells a reader: names of columns, words of labels, the files it was made from."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
from certify.auditing.spec_run import run_audit
from certify.certificate.read import read_certificate
from certify.check.main import check
from certify.check.main import main as checked
from certify.check.reading.spec import read_spec
from certify.cli.main import main
from certify.format.errors import CertifyError, SpecError
from certify.format.refusal import Invalid
from certify.report.exporters.html import render
from certify.report.files.row_data import read_rows
from certify.report.reading import open_certificate
from certify.spec.load import parse_spec
from tests.unit.auditing.test_not_misled import table
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.test_claims import NONE, forge

linear = pytest.importorskip("sklearn.linear_model")
skops = pytest.importorskip("skops.io")
NAMES = ("mean radius", "größe {cm}", "<b>x</b>")


def files(folder: Path, scaled: bool = False) -> list[str]:
    """A model and tables with names and words, as a command takes them."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(3)
    X = np.round(rng.normal(size=(18, 3)), 3)
    y = np.where(X[:, 0] + 0.8 * rng.normal(size=18) > 0, "malignant", "benign")
    model = linear.LogisticRegression()
    skops.dump((make_pipeline(StandardScaler(), model) if scaled else model).fit(X, y), folder / "m.skops")
    table(folder / "train.csv", (*NAMES, "diagnosis"), [*X.T, y])
    table(folder / "more.csv", (*NAMES, "diagnosis"), [*X.T + 0.3, y])
    return [str(folder / "m.skops"), str(folder / "train.csv"), "--eval", str(folder / "more.csv"), "-o",
            str(folder / "o")]


@pytest.fixture
def audited(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    assert main(["audit", *files(tmp_path), "--ask", "labels wrong", "-q"]) == 0
    return tmp_path, read_certificate(tmp_path / "o" / "certificate.json")


def test_a_certificate_states_names_words_and_the_given_files(audited: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = audited
    about = certificate["problem"]["about"]
    assert about["names"] == list(NAMES) and about["labels"] == ["benign", "malignant"] and "behind" not in about
    for role, name in (("model", "m.skops"), ("data", "train.csv"), ("evaluation", "more.csv")):
        assert about[role] == {"name": name, "sha256": sha256((folder / name).read_bytes()).hexdigest()}
    assert certificate["problem"]["names"] is None  # those of the file that is bound, which has none
    assert check(folder / "o" / "certificate.json", NONE).verdict == "certified"


def test_pages_show_names_and_words(audited: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = audited
    plain = (folder / "o" / "report.html").read_text(encoding="utf-8")
    assert "“mean radius”" in plain and "größe {cm}" in plain
    assert "&lt;b&gt;x&lt;/b&gt;" in plain and "<b>x</b>" not in plain
    assert "“benign”: the output is below 0; “malignant”: it is above" in plain
    assert "training data made from" in plain and "train.csv" in plain and "stated, not proved" in plain
    assert "m.skops" in plain and str(folder) not in plain
    rows = read_rows(open_certificate(certificate), folder / "o")
    assert rows is not None and rows.shown == ("benign", "malignant") and rows.names == NAMES
    shown = render(certificate, rows)
    assert "mean radius = " in shown.replace("</span>", "") or "mean radius" in shown
    assert "label benign" in shown or "benign" in shown and "feature 0" not in shown


def test_names_behind_a_scaler_say_so(tmp_path: Path) -> None:
    assert main(["audit", *files(tmp_path, scaled=True), "--ask", "rows deleted", "-q"]) == 0
    certificate = read_certificate(tmp_path / "o" / "certificate.json")
    assert certificate["problem"]["about"]["behind"] == "StandardScaler"
    assert "as they are after StandardScaler" in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    rows = read_rows(open_certificate(certificate), tmp_path / "o")
    assert rows is not None and rows.names is not None and rows.names[0] == "mean radius after StandardScaler"


def test_in_python_there_are_no_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(15, 2)), np.array(["no", "yes", "so"] * 5)
    found = certify.audit(certify.from_sklearn(linear.LogisticRegression().fit(X, y), X, y), ask="rows deleted",
                          folder=tmp_path)
    certificate = read_certificate(tmp_path / "certificate.json")
    assert certificate["problem"]["about"] == {"labels": ["no", "so", "yes"]} and found.answers
    assert "output 2: “yes”" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_coordinates_of_texts_are_said_to_be_rounded_wherever_claims_about_them_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    """More words than texts: what is proved is about coordinates as they were computed, which a check says too."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_pipeline

    texts = [f"w{i} v{i % 7} u{i % 3}" for i in range(12)]
    y = np.arange(12) % 2
    for count, rounded in ((12, True), (3, False)):  # of 3 texts said four times there are fewer words than texts
        said = [texts[i % count] for i in range(12)]
        model = make_pipeline(CountVectorizer(), linear.LogisticRegression()).fit(said, y)
        with pytest.warns(UserWarning):
            certify.audit(certify.from_sklearn(model, said, y), ask="rows deleted", folder=tmp_path / str(count))
        behind = read_certificate(tmp_path / str(count) / "certificate.json")["problem"]["about"]["behind"]
        assert behind.startswith("CountVectorizer") and ("a rounding that is not bounded" in behind) == rounded
        checked([str(tmp_path / str(count) / "certificate.json")])
        main(["run", str(tmp_path / str(count) / "certify.toml"), "-o", str(tmp_path / "again")])
        heard = capsys.readouterr().err
        assert f'not proved: features are as they are after "{behind}"' in heard
        assert f"about the features as they are after {behind}, which stays" in heard
        assert f"as they are after {behind}" in (tmp_path / "again" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("change", "word"), [
    ("", "train.csv {digest}, which is here"), ("other", "train.csv {digest}, and the file of that name is another"),
    ("gone", "train.csv {digest}, which is not here")])
def test_check_compares_the_given_files_and_proves_nothing_of_them(
    change: str, word: str, audited: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str],
) -> None:
    folder, certificate = audited
    if change == "other":
        (folder / "train.csv").write_text("a\n", encoding="utf-8")
    if change == "gone":
        (folder / "train.csv").unlink()
    assert checked([str(folder / "o" / "certificate.json")]) == 0
    said = capsys.readouterr().err
    assert "stated and not proved: the files were made from model m.skops" in said
    assert word.format(digest=certificate["problem"]["about"]["data"]["sha256"][:12]) in said
    assert ("WARNING: train.csv here is not what was audited" in said) == (change == "other") == ("WARNING" in said)
    assert checked([str(folder / "o" / "certificate.json"), "-q"]) == 0
    assert "stated and not proved" not in capsys.readouterr().err


@pytest.mark.parametrize(("path", "value"), [
    (("names",), ["a", "b", "c"]), (("labels",), ["malignant", "benign"]), (("data", "sha256"), "0" * 64),
    (("data", "name"), "other.csv"), (("behind",), "a scaler")])
def test_what_the_certificate_tells_is_what_the_spec_says(
    path: tuple[str, ...], value: object, audited: tuple[Path, dict[str, Any]],
) -> None:
    folder, certificate = audited
    about = json.loads(json.dumps(certificate["problem"]["about"]))
    place = about
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    forge(folder / "o", certificate, ("problem", "about"), about)
    with pytest.raises(Invalid, match="problem.about"):
        check(folder / "o" / "certificate.json", NONE)
    problem = {key: entry for key, entry in certificate["problem"].items() if key != "about"}
    forge(folder / "o", certificate, ("problem",), problem)
    with pytest.raises(Invalid, match="problem.about"):
        check(folder / "o" / "certificate.json", NONE)


def test_a_spec_without_it_proves_the_same(audited: tuple[Path, dict[str, Any]]) -> None:
    """It is in no claim: only the digest of the spec and the member that repeats it differ."""
    folder, certificate = audited
    spec = folder / "o" / "certify.toml"
    text = spec.read_text(encoding="utf-8")
    start = text.index("[about]")
    spec.write_text(text[:start] + text[text.index("[[gate]]"):], encoding="utf-8")
    again = run_audit(spec)
    assert again["claims"] == certificate["claims"] and "about" not in again["problem"]
    problem = {key: entry for key, entry in certificate["problem"].items() if key != "about"}
    assert again["problem"] == problem
    found = resealed(folder / "o", certificate, "spec")
    forge(folder / "o", found, ("problem",), problem)
    assert check(folder / "o" / "certificate.json", NONE).verdict == certificate["verdict"]


@pytest.mark.parametrize("line", [
    "names = []", 'names = [""]', 'names = "a"', "names = [1]", "labels = [true]", 'behind = 3',
    'data = "a.csv"', 'data = { name = "a.csv" }', 'data = { name = "../a.csv", sha256 = "DIGEST" }',
    'data = { name = "", sha256 = "DIGEST" }', 'data = { name = "a.csv", sha256 = "12" }',
    'data = { name = "a.csv", sha256 = "DIGEST", more = 1 }', 'other = ["a"]',
])
def test_what_is_no_such_section_is_refused_by_both(line: str) -> None:
    text = f"""version = 1
model = {{ file = "m.safetensors", widths = [2, 1], activation = "identity" }}
data = {{ file = "d.npz" }}
[about]
{line.replace("DIGEST", "0" * 64)}
"""
    with pytest.raises(SpecError):
        parse_spec(text.encode(), "spec")
    with pytest.raises(Invalid):
        read_spec(text.encode())


@pytest.mark.parametrize(("old", "new"), [
    ('labels = ["benign", "malignant"]', 'labels = ["benign", "malignant", "other"]'),
    ('names = ["mean radius", ', "names = ["), ('labels = ["benign", "malignant"]', 'labels = ["benign"]')])
def test_another_number_of_names_is_refused(old: str, new: str, audited: tuple[Path, dict[str, Any]]) -> None:
    folder, certificate = audited
    spec = folder / "o" / "certify.toml"
    text = spec.read_text(encoding="utf-8")
    assert old in text
    spec.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SpecError, match="about"):
        run_audit(spec)
    about = certificate["problem"]["about"] | ({"labels": ["a"]} if "labels" in old else {"names": ["a"]})
    forge(folder / "o", certificate, ("problem", "about"), about)
    with pytest.raises(CertifyError, match="one name|a word"):
        open_certificate(json.loads((folder / "o" / "certificate.json").read_text(encoding="utf-8")))
