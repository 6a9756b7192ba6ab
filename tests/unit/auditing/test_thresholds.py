"""`certify audit --min QUANTITY=NUMBER`: a threshold of one's own, whatever model comes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.auditing.questions.thresholds import Threshold, thresholds_of
from certify.certificate.read import read_certificate
from certify.cli.main import main
from certify.format.errors import InputError
from tests.unit.auditing.test_about import files

pytest.importorskip("skops.io")


def proved(folder: Path) -> int:
    """How many predictions stay."""
    assert main(["audit", *files(folder), "--ask", "rows deleted", "-q"]) == 0
    return int(read_certificate(folder / "o" / "certificate.json")["claims"][0]["lower"])


def test_the_status_is_that_of_the_threshold_and_the_spec_holds_it(tmp_path: Path, capsys) -> None:
    stay = proved(tmp_path)
    for number, status, word in ((stay - 1, 0, "met"), (stay + 1, 3, "not met")):
        ask = ["--ask", "rows deleted", "-q", "--min", f"stable_predictions={number}"]
        assert main(["audit", *files(tmp_path), *ask]) == status
        said = capsys.readouterr().out
        assert f"--min {number} is {word}" in said
        if status == 3:  # first what is broken, then the whole answer; the last line says how many are
            assert f"refuted --min {number} is not met (it is {stay} at most): {stay} of " in said
            assert said.splitlines()[-1].startswith(
                "refuted 1 of 1 question answered with a proof, and it is refuted (rows deleted)")
        spec = tmp_path / "o" / "certify.toml"
        assert f"min = {number}.0\n\n" in spec.read_text() and main(["run", str(spec), "-q"]) == status
        assert main(["check", str(tmp_path / "o" / "certificate.json"), "-q"]) == status


def test_a_threshold_that_time_leaves_open_is_status_4(tmp_path: Path) -> None:
    ask = ["--ask", "4 labels wrong", "-q", "--min", "stable_predictions=1", "--seconds", "1e-9"]
    assert main(["audit", *files(tmp_path), *ask]) == 4


@pytest.mark.parametrize("more", [
    ["--min", "persistence_radius=1", "--ask", "rows deleted"], ["--min", "distance=1", "--ask", "labels wrong"],
    ["--max", "modulus=1"], ["--min", "stable=1"], ["--min", "stable_predictions"], ["--min", "stable_predictions=nan"],
    ["--min", "stable_predictions=101%"], ["--max", "prediction_change=5%"], ["--min", "stable_predictions=1e999"],
    ["--min", "stable_predictions=0"], ["--min", "stable_predictions=0%"],
    ["--min", "stable_predictions=0.95"], ["--min", "correct_predictions=12.5"],
    ["--min", "stable_predictions=1", "--max", "stable_predictions=5"]])
def test_what_is_no_threshold_on_what_is_asked_is_refused(tmp_path: Path, more: list[str], capsys) -> None:
    assert main(["audit", *files(tmp_path), "-q", *more]) == 2
    assert more[1].partition("=")[0] in capsys.readouterr().err and not (tmp_path / "o" / "certificate.json").exists()


def test_a_question_that_is_stopped_leaves_a_threshold_open(tmp_path: Path, monkeypatch) -> None:
    """Unasked questions that an error stops change no verdict, unless somebody gave a threshold."""
    import certify.auditing.audit as audit
    from certify.auditing.answering import answered

    def stopped(subject, question, *rest):
        if question.slug == "labels-wrong":
            raise InputError("labels wrong", "stopped", "ask again")
        return answered(subject, question, *rest)

    monkeypatch.setattr(audit, "answered", stopped)
    assert main(["audit", *files(tmp_path), "-q"]) == 0
    assert main(["audit", *files(tmp_path), "-q", "--min", "stable_predictions=1"]) == 4


@given(st.fractions(0, 100, max_denominator=1000), st.integers(1, 10**6))
def test_a_share_is_rounded_to_the_side_that_asks_for_more(share: Fraction, total: int) -> None:
    least, most = (Threshold("stable_predictions", side, share, True).of(total) for side in ("min", "max"))
    assert most <= share * total / 100 <= least and least - most <= 1


def test_a_number_is_read_as_it_is_written() -> None:
    assert [one.of(143) for one in thresholds_of(["stable_predictions=95 %", "correct_predictions=1e2"],
                                                 ["distance=.5"])] == [136.0, 100.0, 0.5]
