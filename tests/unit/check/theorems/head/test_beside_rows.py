"""The distance by Q6 and the predictions that stay by D1 in one certificate: both at the one solution of its `base`."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.check.main import check
from tests.unit.check.theorems.head import test_claims
from tests.unit.check.theorems.head.test_claims import NONE, made


@pytest.mark.parametrize("kind", ["flipped", "signs"])
def test_both_stand_in_one_certificate(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_claims, "SPEC", test_claims.SPEC + "[run]\ntime_limit = 20\n")
    certificate = made(tmp_path, kind)
    assert [claim["theorem"] for claim in certificate["claims"]] == ["Q6", "D1", "Q6"]
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]
