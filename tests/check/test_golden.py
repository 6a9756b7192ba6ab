"""Certificates that released versions wrote check for ever, with the verdict they had.

One of them is about a solution further from the weights than counts today (V62): it still checks, and its verdict is
the one it had for who says that such a distance will do.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify.check.main import check
from tests.check.cases import NO_FILES

FOLDER = Path(__file__).parent / "golden"
VERDICTS = {"tanh": "refuted", "relu-one-layer": "certified", "targets": "certified", "twins": "refuted",
            "merged": "certified", "nearby": "certified", "inside": "certified", "boundary": "certified",
            "per-sample": "certified", "sparse": "certified", "change": "certified", "critical": "certified",
            "window": "certified"}
CERTIFICATES = sorted(FOLDER.glob("*/*/certificate.json"))


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda p: "-".join(p.parts[-3:-1]))
def test_golden(path):
    far = path.parent.name == "nearby"
    if far:
        assert check(path, NO_FILES).verdict == "inconclusive"
    result = check(path, NO_FILES, within=1e-3 if far else None)
    assert result.verdict == VERDICTS[path.parent.name]
    assert result.verdict == json.loads(path.read_text(encoding="utf-8"))["verdict"]


def test_there_are_golden_certificates():
    assert {path.parent.name for path in CERTIFICATES} >= set(VERDICTS)
