"""What one question of an audit proved is not left open by another, nor proved again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import certify
from certify.auditing import answering
from certify.check.main import main as check
from tests.unit.auditing.test_ranked import drawn


def problem_of():
    """A softmax head, of which no claim says how far outputs go, and rows to predict."""
    model, X, y, points = drawn("softmax")
    return certify.from_sklearn(model, X, y), points


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The quantities of every proof that is begun."""
    found: list[list[str]] = []
    prove = answering.prove

    def told(problem, *rest):
        found.append([gate.quantity for gate in problem.spec.gate])
        return prove(problem, *rest)

    monkeypatch.setattr(answering, "prove", told)
    return found


def test_which_rows_has_what_rows_deleted_proved(tmp_path: Path, asked: list[list[str]]) -> None:
    problem, points = problem_of()
    found = certify.audit(problem, points, ask=["rows deleted", "which rows matter"], folder=tmp_path)
    stays = [one for one in found.answers if one.quantity == "stable_predictions"]
    assert len(stays) == 2 and stays[0].lower == stays[1].lower and stays[1].in_certificate
    assert asked == [["stable_predictions"], ["prediction_change", "distance"]]
    assert check([str(tmp_path / "which-rows" / "certificate.json")]) == 0


def test_other_rows_are_proved_anew(tmp_path: Path, asked: list[list[str]]) -> None:
    problem, points = problem_of()
    certify.audit(problem, points, delete=2, ask=["rows deleted", "which rows matter"], folder=tmp_path)
    assert asked == [["stable_predictions"], ["prediction_change", "distance"], ["stable_predictions"]]


def test_one_prediction_keeps_what_its_first_spec_proved(tmp_path: Path, asked: list[list[str]]) -> None:
    problem, points = problem_of()
    found = certify.audit(problem, points, prediction=3, ask="which rows matter", folder=tmp_path)
    assert asked == [["stable_predictions", "prediction_change"]]
    assert found.answers[-1].quantity == "stable_predictions" and found.answers[-1].in_certificate
    assert check([str(tmp_path / "certificate.json")]) == 0


def test_a_spec_that_stands_in_for_another_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the first one took all there was."""
    began: list[float] = []
    limits_of, monotonic, late = answering.limits_of, answering.time.monotonic, [0.0]

    def told(problem, started):
        began.append(answering.time.monotonic() - started)
        late[0] = 1e4
        return limits_of(problem, monotonic())

    monkeypatch.setattr(answering, "limits_of", told)
    monkeypatch.setattr(answering, "time", SimpleNamespace(monotonic=lambda: monotonic() + late[0]))
    problem, points = problem_of()
    certify.audit(problem, points, ask="which rows matter", seconds=40.0)
    assert len(began) == 2 and began[1] == pytest.approx(30.0, abs=1.0)
