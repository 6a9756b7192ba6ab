"""Certificates about rows on disk check for ever, with the rows that they had."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.check.stored.run import check

FOLDER = Path(__file__).parent / "on_disk" / "0.2.0"
ENDS = {"labels": (45, 45), "deletions": (57, 58)}


@pytest.mark.parametrize("name", ENDS)
def test_golden(name: str) -> None:
    path = FOLDER / name / "certificate.json"
    stated = check(path, path.read_bytes(), {}, lambda _: None).stated
    assert stated.change == name
    assert stated.ends == ENDS[name]
    assert stated.stays
    assert stated.flips
