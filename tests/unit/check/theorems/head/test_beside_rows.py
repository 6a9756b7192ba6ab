"""Distances and the predictions that stay in one certificate, by D1 and as before D1 measured motions: by Q6."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certify import theorems
from certify.check.main import check
from tests.unit.check.theorems.head import test_claims
from tests.unit.check.theorems.head.test_claims import NONE, made


@pytest.fixture(params=["D1", "Q6"])
def measured_by(request: pytest.FixtureRequest) -> Iterator[str]:
    """What measures motions of heads whose labels change."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "Q6":
            patch.setattr(theorems, "RULES", {**theorems.RULES, **test_claims.by_balls(patch)})
        theorems.rule_of.cache_clear()
        yield request.param
    theorems.rule_of.cache_clear()


@pytest.mark.parametrize("kind", ["flipped", "signs"])
def test_both_stand_in_one_certificate(
    kind: str, measured_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(test_claims, "SPEC", test_claims.SPEC + "[run]\ntime_limit = 20\n")
    certificate = made(tmp_path, kind)
    assert [claim["theorem"] for claim in certificate["claims"]] == [measured_by, "D1", measured_by]
    assert check(tmp_path / "certificate.json", NONE).verdict == certificate["verdict"]
