"""D24 from a spec to a verdict: what a run states is followed, and tampered files are refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.format.methods import status_of
from certify.format.refusal import Invalid
from certify.theorems.head.rows import claims
from certify.theorems.head.rows.survey import survey
from tests.golden.heads import DELETED, EVALUATION, LABELS, Asked, write
from tests.unit.check.theorems.head.rows.test_row_kinds import resealed
from tests.unit.check.theorems.head.test_claims import NONE

ABOVE = EVALUATION + "threshold = 0.25\n"
ASKED = {"deleted": Asked(DELETED + "4", decay=0.5), "relabelled": Asked(LABELS + "4", decay=0.5),
         "deleted, a threshold": Asked(DELETED + "4", decay=0.5, evaluation=ABOVE)}


def asked(folder: Path, name: str) -> dict[str, Any]:
    """The certificate, by this method alone."""
    with patch.object(claims, "survey", partial(survey, methods=("bent_box",))):
        found: dict[str, Any] = run_audit(write(ASKED[name], folder))
    return found


@pytest.mark.parametrize("name", ASKED)
def test_what_a_run_states_is_followed_and_tampered_arrays_are_not(name: str, tmp_path: Path) -> None:
    tmp_path = tmp_path / "asked"
    certificate = asked(tmp_path, name)
    claim, = certificate["claims"]
    assert claim["lower"] > 4
    assert check(tmp_path / "certificate.json", NONE).verdict == "certified"
    path = tmp_path / "witness.safetensors"
    honest = load_file(path)
    start = claim["witness"]["array"]
    assert (honest[f"{start}.status"] == status_of("bent_box")).sum() == claim["lower"]
    good = int(np.flatnonzero(honest[f"{start}.status"] == status_of("bent_box"))[0])
    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "slabs": lambda x: 0.9 * x, "weights": lambda x: x + 0.2, "rows": lambda x: 0.0 * x - 1.0,
        "points": lambda x: np.where(np.arange(len(x)) == good, -1.0, x)}
    for part, change in changes.items():
        arrays = {n: a.copy() for n, a in honest.items()}
        arrays[f"{start}.bent_box.{part}"] = change(arrays[f"{start}.bent_box.{part}"])
        save_file(arrays, path)
        resealed(tmp_path, certificate, "witness")
        with pytest.raises(Invalid):
            check(tmp_path / "certificate.json", NONE)
    save_file(honest, path)
    resealed(tmp_path, certificate, "witness")
    assert check(tmp_path / "certificate.json", NONE).verdict == "certified"


def test_a_threshold_that_the_spec_has_not_is_refused(tmp_path: Path) -> None:
    tmp_path = tmp_path / "asked"
    certificate = asked(tmp_path, "deleted, a threshold")
    spec = tmp_path / "spec.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("threshold = 0.25", "threshold = 0.5"), encoding="utf-8")
    resealed(tmp_path, certificate, "spec")
    with pytest.raises(Invalid, match="threshold|label"):
        check(tmp_path / "certificate.json", NONE)
