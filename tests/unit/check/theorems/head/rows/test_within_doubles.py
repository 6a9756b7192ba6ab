"""Numbers beyond doubles end no check in an error of the interpreter, whatever a claim is about."""

from __future__ import annotations

from importlib import import_module

import pytest

from certify.check.main import check
from certify.format.refusal import Invalid
from tests.forgeries.forgery import KINDS, ROOT
from tests.unit.check.theorems.head.test_claims import NONE

ROWS = "certify.check.theorems.head.rows"
PLACES = {"outputs-by-one-box": (f"{ROWS}.moves.bent", "check_bent"),
          "outputs-by-norms": (f"{ROWS}.moves.claims", "farthest"),
          "weights-by-one-box": (f"{ROWS}.moves.claims", "distances"),
          "survived-labels": (f"{ROWS}.tolerance.claims", "check_sorted"),
          "box-tree": (f"{ROWS}.claims", "flipped_by")}


@pytest.mark.parametrize("error", [OverflowError, ZeroDivisionError])
@pytest.mark.parametrize("kind", PLACES)
def test_what_overflows_is_a_refusal(kind: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def beyond(*given: object) -> None:
        raise error

    module, name = PLACES[kind]
    monkeypatch.setattr(import_module(module), name, beyond)
    with pytest.raises(Invalid, match="numbers come up that doubles do not hold"):
        check(ROOT / KINDS / kind / "certificate.json", NONE)
