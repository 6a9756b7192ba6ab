"""`certify audit --format`: JUnit XML for a CI system, with the failures that its exit status tells."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from certify.auditing.shown.junit import as_junit
from certify.cli.main import main
from tests.unit.auditing.test_about import files

pytest.importorskip("skops.io")

ASK = ("--ask", "rows deleted", "-q")


def suite_of(text: str) -> ElementTree.Element:
    """The one test suite."""
    (suite,) = ElementTree.fromstring(text)
    return suite


def counts(suite: ElementTree.Element) -> tuple[int, ...]:
    """Failures, errors and skipped ones, as they are said and as they stand there."""
    said = tuple(int(suite.get(name)) for name in ("failures", "errors", "skipped"))
    assert said == tuple(len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error", "skipped"))
    assert int(suite.get("tests")) == len(suite.findall("testcase"))
    return said


def test_a_file_of_each_format_beside_the_lines_and_one_printed(tmp_path: Path, capsys) -> None:
    assert main(["audit", *files(tmp_path), *ASK, "--min", "stable_predictions=1", "--format",
                 f"junit={tmp_path / 'j.xml'}", "--format", f"json={tmp_path / 'j.json'}", "--format",
                 f"text={tmp_path / 'j.txt'}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    suite = suite_of((tmp_path / "j.xml").read_text())
    assert counts(suite) == (0, 0, 0)
    assert suite.find("properties/property[@name='verdict']").get("value") == "certified"
    told = json.loads((tmp_path / "j.json").read_text())
    assert [case.find("system-out").text for case in suite.findall("testcase")] == [
        one["answer"] for one in told["answers"]]
    assert (tmp_path / "j.txt").read_text().splitlines()[-1] == lines[-1]
    assert float(suite.find("testcase").get("time")) > 0
    assert main(["audit", *files(tmp_path), *ASK, "--min", "stable_predictions=100%", "--format", "junit"]) == 3
    suite = suite_of(capsys.readouterr().out)  # nothing else is printed
    assert counts(suite)[0] == 1 and suite.find("testcase/failure").get("message").startswith("--min 18 is not met")


def test_what_is_open_is_an_error_where_the_status_is_not_0(tmp_path: Path, capsys) -> None:
    status = main(["audit", *files(tmp_path), "--ask", "4 labels wrong", "-q", "--seconds", "1e-9", "--min",
                   "stable_predictions=1", "--format", "junit"])
    suite = suite_of(capsys.readouterr().out)
    assert status == 4 and counts(suite)[1] >= 1
    assert {one.get("type") for one in suite.findall("testcase/error")} == {"inconclusive"}


def test_each_verdict_counts_as_what_it_is() -> None:
    def answer(verdict: str, asked: bool) -> SimpleNamespace:
        return SimpleNamespace(slug="a-b", question="q\x00", quantity="x", seconds=1.0, sentence="s", reason="why",
                               verdict=verdict, asked=asked)

    def audit(verdict: str, *answers: SimpleNamespace, skipped=()) -> ElementTree.Element:
        return suite_of(as_junit(SimpleNamespace(verdict=verdict, answers=answers, skipped=skipped, alarms=("look",),
                                                 subject=SimpleNamespace(words=lambda: "model"))))

    mixed = audit("refuted", answer("certified", True), answer("refuted", True), answer("inconclusive", True),
                  answer("inconclusive", False))
    assert counts(mixed) == (1, 1, 1) and mixed.find("system-out").text == "WARNING: look"
    assert [case.get("time") for case in mixed.findall("testcase")] == ["1.000", "0.000", "0.000", "0.000"]
    assert mixed.find("testcase").get("name") == "q� (x)"
    assert counts(audit("inconclusive", answer("inconclusive", False))) == (0, 1, 0)  # status 4: nothing is green
    left = [SimpleNamespace(question="q", reason="r", asked=asked, applies=asked) for asked in (True, False)]
    assert counts(audit("inconclusive", answer("certified", False), skipped=left)) == (0, 1, 1)


@pytest.mark.parametrize(("form", "said"), [
    ("sarif", "certify report audit/certificate.json --format sarif"), ("nothing", "there is no such format"),
    ("junit=", "no file is named")])
def test_other_formats_are_refused_before_anything_is_proved(tmp_path: Path, form: str, said: str, capsys) -> None:
    assert main(["audit", *files(tmp_path), *ASK, "--format", form]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "o").exists()


def test_the_data_are_not_written_over(tmp_path: Path, capsys) -> None:
    given = files(tmp_path)
    data = Path(next(one for one in given if one.endswith((".csv", ".npz"))))
    before = data.read_bytes()
    assert main(["audit", *given, *ASK, "--format", f"junit={data}"]) == 2
    assert data.read_bytes() == before and "reads or writes this file itself" in capsys.readouterr().err
