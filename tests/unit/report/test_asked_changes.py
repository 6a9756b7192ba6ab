"""`certify run` and `certify check` say in the same words which changes claims are about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify.check.main import CHANGES, changes_words
from certify.report.phrases.decisions.asked_changes import SILENT, asked_changes

ROOT = Path(__file__).resolve().parents[3]
CERTIFICATES = [*ROOT.glob("reports/audits/**/certificate.json"), *ROOT.glob("tests/golden/**/certificate.json")]


def test_of_every_committed_certificate() -> None:
    found = [json.loads(path.read_bytes())["problem"] for path in CERTIFICATES]
    said = {asked_changes(one) for one in found if "parameter" in one and "set" in one}
    assert len(said) > 20
    for one in found:
        if "parameter" in one and "set" in one:
            assert f"changes: {asked_changes(one)}" == changes_words(one)


@pytest.mark.parametrize("key", CHANGES)
def test_each_member_is_said_where_it_is_another_than_usual(key: str) -> None:
    plain = {"parameter": "features", "set": "total"}
    assert dict(SILENT) == CHANGES and asked_changes(plain) == "features, total"
    for value in (7, "word", list(range(100)), {"a": 1.5}):
        said = asked_changes({**plain, key: value})
        assert f"{key} " in said and f"changes: {said}" == changes_words({**plain, key: value}) and len(said) < 100


def test_what_rows_count_afterwards_tells_questions_apart_that_count_the_same_rows() -> None:
    plain = {"parameter": "deletions", "set": "sparse", "count": 1}
    kept = {"row_weights": {"by": "w", "least": 0.5, "largest": 3.0}}
    several = [{}, {"class_weight": "balanced"}, {"class_weight": [1.0, 2.5]}, kept, {"normalization": "remaining"}]
    assert len({changes_words({**plain, **one}) for one in several}) == len(several)
