"""Certificates that released versions wrote check for ever, with the verdict they had.

One kind is about a solution further from the weights than counts since 0.2.0 (V62), one counts equal rows as one, which
its spec does not say (V81): they check, and their verdict is that of 0.1.0 for who says that this will do.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify.check.choices.allowed import Allowed
from certify.check.main import check
from tests.families.check_cases import NO_FILES
from tests.golden import heads

FOLDER = Path(__file__).parent
VERDICTS = {"tanh": "refuted", "relu-one-layer": "certified", "targets": "certified", "twins": "refuted",
            "merged": "certified", "nearby": "certified", "inside": "certified", "boundary": "certified",
            "per-sample": "certified", "sparse": "certified", "change": "certified", "critical": "certified",
            "window": "certified", **dict.fromkeys(heads.ASKED, "certified")}
OTHERS = {("0.2.0", "sparse"): "refuted"}
"""Asked with another radius than before."""
CERTIFICATES = sorted(FOLDER.glob("*/*/certificate.json"))


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda p: "-".join(p.parts[-3:-1]))
def test_golden(path):
    written = json.loads(path.read_text(encoding="utf-8"))["verdict"]
    if path.parent.name == "nearby":
        assert check(path, NO_FILES).verdict == "inconclusive"
        assert check(path, NO_FILES, within=1e-3).verdict == VERDICTS["nearby"]
        assert written == (VERDICTS["nearby"] if path.parts[-3] == "0.1.0" else "inconclusive")
    elif path.parent.name == "merged":
        assert check(path, NO_FILES).verdict == "inconclusive"
        assert check(path, NO_FILES, allowed=Allowed(merged=True)).verdict == VERDICTS["merged"] == written
    else:
        expected = OTHERS.get((path.parts[-3], path.parent.name), VERDICTS[path.parent.name])
        assert check(path, NO_FILES).verdict == expected == written


def test_there_are_golden_certificates():
    assert {path.parent.name for path in CERTIFICATES} >= set(VERDICTS)
