"""Leaving out, several on one page, and what changed since last time."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath

import pytest

from certify.certificate import seal
from certify.certificate.canonical import canonical_bytes
from certify.cli.main import main
from certify.format.errors import SpecError
from certify.report.exporters.html import render
from certify.report.model import View, build
from certify.report.pages.many import render_reports
from certify.report.pages.redacted import LEFT_OUT
from certify.report.phrases.changed_rows import Data
from tests.families import report_samples as samples
from tests.families import report_samples_sublevel as sublevel
from tests.families.pages import HOSTILE, Page, without_script

SHAPES = samples.SHAPES | sublevel.SHAPES
SECRETS = ("patients_2024.npz", "patients_2024", "clinic-berlin", "HIV status", "Jane Doe", "ask Dr. Roe")


def write(folder: Path, made: samples.Json) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "certificate.json"
    path.write_bytes(canonical_bytes(made))
    return path


def personal() -> samples.Json:
    made = samples.certified()
    made["subject"]["data"]["path"] = "../clinic-berlin/patients_2024.npz"
    made["problem"]["about"] = {
        "names": ["HIV status"] + [f"column {j}" for j in range(1, made["problem"]["inputs"])], "labels": None,
        "behind": "Jane Doe", "model": None, "data": None, "evaluation": None}
    claim = made["claims"][0]
    claim["reason"] = "row 3 of patients_2024.npz has no HIV status"
    claim["gate"]["rationale"] = "ask Dr. Roe"
    claim["hypotheses"][0]["statement"] += ", as Jane Doe says"
    made["environment"]["note"] = "on clinic-berlin"
    return seal(made)


def test_what_may_be_personal_is_left_out_and_digests_stay() -> None:
    made = personal()
    whole, page = render(made), render(made, None, View(redact=True))
    assert all(secret in whole for secret in SECRETS if secret not in ("patients_2024", "row 3"))
    assert not [secret for secret in SECRETS if secret in page] and LEFT_OUT in page
    assert all(file["sha256"] in page for file in made["subject"].values()) and made["digest"][7:] in page
    assert "Left out: names of files" in page and "Kept: digests" in page and "Left out: names of files" not in whole


def test_files_that_the_bound_ones_were_made_from_are_left_out_too() -> None:
    made = samples.certified()
    file = made["subject"]["model"]
    beside = file | {"path": "bob_weights.bin"}
    made["environment"] |= {"read_from": {"model": file | {"path": "../acme/patients_v7.pt"},
                                          "model data of_bob.bin": beside}}
    made = seal(made)
    secrets = ("acme", "patients_v7", "of_bob", "bob_weights")
    whole, page = render(made), render(made, None, View(redact=True))
    assert [one for one in secrets if one in whole] and not [one for one in secrets if one in page]


def test_the_reason_of_a_gate_over_time_is_looked_through_too() -> None:
    made = samples.certified()
    file = {"path": "before.json", "sha256": "0" * 64, "bytes": 1}
    stem = PurePosixPath(made["subject"]["data"]["path"]).stem
    gate = {"claim": 0, "max_increase": 1.0, "severity": "fail", "rationale": "for acme", "lower": None, "upper": None,
            "state": "open", "reason": f"its unit is {stem} of something"}
    made = seal(made | {"over_time": {"baseline": file, "gates": [gate]}})
    whole, page = render(made), render(made, None, View(redact=True))
    for secret in (f"unit is {stem}", "before.json", "for acme"):
        assert secret in whole and secret not in page


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_can_be_redacted(name: str) -> None:
    made = SHAPES[name]()
    page = Page(without_script(render(made, None, View(redact=True))))
    for file in made["subject"].values():
        assert file["path"] not in page.text and file["sha256"] in page.text


def test_rows_are_not_shown_and_left_out_at_once() -> None:
    class Rows(Data):
        pass

    with pytest.raises(SpecError, match="--rows shows values of rows"):
        build(samples.certified(), Rows(), View(redact=True))  # type: ignore[arg-type]


def test_several_reports_stand_on_one_page_with_headings_below_one_another() -> None:
    reports = [build(made()) for made in SHAPES.values()]
    page = Page(html := without_script(render_reports(reports)))
    assert len(page.ids) == len(set(page.ids)) and len(re.findall("<article ", html)) == len(reports)
    assert html.count("<h1>") == 1 and len(re.findall(r'<h2 class="title"', html)) == len(reports)
    labels = re.findall(r'<section [^<>]*aria-label="([^"]*)"', html)
    assert labels and len(labels) == len(set(labels))
    levels = [int(level) for level in re.findall(r"<h([1-6])\b", html)]
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))
    for value in re.findall(r'href="#([^"]*)"', html):
        assert value in page.ids
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("href", "src"):
            assert value.startswith("#") or value == "data:,"


def test_foreign_text_stays_text_among_several() -> None:
    made = samples.certified()
    made["environment"] = {HOSTILE: '<h2 id="x">'}
    for file in made["subject"].values():
        file["path"] = HOSTILE
    html = without_script(render_reports([build(seal(made)), build(samples.certified())]))
    page = Page(html)
    assert '<h2 id="x">' in page.text and "script" not in page.tags and "<script" not in html


def test_what_changed_since_last_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = write(tmp_path / "now", samples.rows_deleted(flipped=0, undecided=0))
    worse = write(tmp_path / "worse", samples.rows_deleted(flipped=9, undecided=1))
    for previous, said in ((worse, "last time [4990, 4991], now [5000, 5000]: better than last time, proved."),
                           (now, "the same as last time, proved.")):
        assert main(["report", str(now), "--previous", str(previous)]) == 0
        page = Page((now.parent / "report.html").read_text("utf-8"))
        assert said in page.text and "read and not proved again" in page.text
    assert main(["report", str(worse), "--previous", str(now)]) == 0
    assert "worse than last time, proved." in Page((worse.parent / "report.html").read_text("utf-8")).text
    other = write(tmp_path / "other", samples.certified())
    assert main(["report", str(now), "--previous", str(other)]) == 0
    text = Page((now.parent / "report.html").read_text("utf-8")).text
    assert "Not compared: " in text and str(tmp_path) not in text
    assert main(["report", str(now), "--previous", str(other), "--redact"]) == 0
    text = Page((now.parent / "report.html").read_text("utf-8")).text
    assert "Not compared: modulus, as the questions or the rows differ" in text
    capsys.readouterr()


@pytest.mark.parametrize("options, said", [
    (["a", "b"], "no place for their page"),
    (["a", "b", "-o", "x.html", "--rows"], "2 certificates are named"),
    (["a", "b", "-o", "x.html", "--format", "markdown"], "2 certificates are named"),
    (["a", "--redact", "--rows"], "--rows shows values of rows"),
    (["a", "--redact", "--format", "csv"], "has no place for it"),
    (["a", "--previous", "b", "--format", "junit"], "has no place for it"),
    ([], "no certificate is named"),
    (["a", "--index", "."], "and not both"),
    (["--index", ".", "--redact"], "leave out --redact"),
    (["--index", "nowhere"], "no such folder"),
])
def test_what_does_not_go_together_is_refused_in_a_line(
        options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(canonical_bytes(samples.rows_deleted()))
    assert main(["report", *options]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_page_of_several_is_written_by_the_command(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, made) for name, made in (("a", samples.certified()), ("b", samples.rows_deleted()))]
    assert main(["report", *map(str, paths), "-o", str(tmp_path / "both.html"), "--redact"]) == 0
    html = (tmp_path / "both.html").read_text("utf-8")
    assert html.count("Left out: names of files") == 2 and json.loads(paths[0].read_text())["digest"][7:] in html
