"""What these tests ask is what the Python checker accepts: this needs no Coq, so that it cannot rot unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.formal.shared import drawn, objection, put, written

ASKED = [("tolerated_changes", "labels"), ("stable_predictions", "labels"), ("stable_predictions", "deletions")]


@pytest.mark.parametrize(("quantity", "parameter"), ASKED)
def test_python_accepts_what_the_program_is_asked(tmp_path: Path, quantity: str, parameter: str) -> None:
    certificate = written(tmp_path, drawn(1), quantity, parameter=parameter, count=1)
    assert certificate["claims"]
    assert not objection(put(tmp_path, certificate))
