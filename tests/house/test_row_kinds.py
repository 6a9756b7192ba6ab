"""A change of whole rows that is not of any rows is said wherever a question is told from another."""

from __future__ import annotations

import pytest

from certify.auditing import comparison
from certify.certificate.json_schema import _KINDS
from certify.check import main, over_time
from certify.gating import question
from certify.problem.statement import Statement
from certify.report.exporters import outcomes
from certify.report.phrases.decisions import asked_changes
from certify.spec.rules.changes import KINDS

LISTS = {
    "audits that are compared": comparison.SAME, "the line of certify check": tuple(main.CHANGES),
    "gates over time": (*question.ASKED, *question.NAMED), "outcomes": (*outcomes.ASKED, *outcomes.NAMED),
    "the line of certify run": tuple(name for name, _ in asked_changes.SILENT)}


@pytest.mark.parametrize("where", LISTS)
def test_a_list_of_what_is_asked_has_every_kind_of_change(where: str) -> None:
    assert set(_KINDS) <= set(LISTS[where])


def test_what_is_silent_is_the_same_in_run_and_check() -> None:
    assert dict(asked_changes.SILENT) == main.CHANGES


def test_the_checker_tells_questions_over_time_apart_as_the_gate_does() -> None:
    assert over_time.ASKED == question.ASKED


def test_every_key_of_a_spec_has_its_member() -> None:
    assert {"grouped" if key == "groups" else key for key in KINDS} == set(_KINDS)
    members = set(Statement.__annotations__)
    assert {"together" if key == "groups" else key for key in KINDS} <= members
