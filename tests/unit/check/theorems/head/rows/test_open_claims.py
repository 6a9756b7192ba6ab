"""Where the intercept is free and nothing is proved of a claim: the certificate is honest, and the checker takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from certify.auditing.spec_run import run_audit
from certify.check.main import check
from certify.format.refusal import Invalid
from tests.families.other_heads import other_head
from tests.unit.check.theorems.head.rows.test_other_losses_check import SPEC
from tests.unit.check.theorems.head.test_claims import NONE, forge

OPEN = '[[gate]]\nquantity = "prediction_change"\nmax = 9.0\n'
"""Of cross-entropy with free intercepts it has no meaning, as these share a shift that nothing determines."""


def made(folder: Path, gates: str, off: float = 0.0) -> dict[str, Any]:
    """Softmax at its minimum, or its first weight that far from it."""
    head = other_head(np.random.default_rng(5), "cross_entropy", n=20, free=True, decay=0.1)
    head.V[0, 0] += off
    save_file({"0.weight": head.V[:, :2].copy(), "0.bias": head.V[:, 2].copy()}, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=head.phi[:, :2], y=head.label)
    np.savez(folder / "more.npz", X=head.points[:, :2])
    text = SPEC.format(k=3, loss="cross_entropy", decay=0.1, bias="false", parameter="deletions", threshold="", bar=1)
    (folder / "spec.toml").write_text(text[: text.index("[[gate]]")] + gates, encoding="utf-8")
    return run_audit(folder / "spec.toml")


@pytest.mark.parametrize("beside", [False, True])
def test_a_certificate_whose_first_claim_is_open_is_taken(beside: bool, tmp_path: Path) -> None:
    """Alone there is no centre and the distance is from the weights as they are; else another claim names one."""
    certificate = made(tmp_path, OPEN + '[[gate]]\nquantity = "stable_predictions"\nmin = 1\n' * beside)
    first, *others = certificate["claims"]
    assert first["lower"] is None and first["upper"] is None and not first["witness"]
    assert len(others) == beside and all(one["lower"] >= 1 for one in others)
    stated = certificate["base"]["distance"]
    assert 0 < stated < 1e-6
    assert check(tmp_path / "certificate.json", NONE).verdict == "inconclusive"
    for wrong, why in ((stated / 1e6, "is proved"), (1e-2, "is enough")):
        refused(tmp_path, certificate, wrong, why)


def test_weights_far_from_the_refit_are_no_nearer_than_its_centre_says(tmp_path: Path) -> None:
    """The centre lies next to the refit, and what parts it from the weights in the file counts."""
    certificate = made(tmp_path, '[[gate]]\nquantity = "stable_predictions"\nmin = 1\n', 0.01)
    assert 0.01 < certificate["base"]["distance"] < 0.02
    check(tmp_path / "certificate.json", NONE)
    refused(tmp_path, certificate, 0.009, "is proved")


def refused(folder: Path, certificate: dict[str, Any], wrong: float, why: str) -> None:
    """A distance that is not what the checker finds, as both members of the certificate that state it."""
    base = {**certificate["base"], "distance": wrong, "radius": wrong}
    forge(folder, certificate, ("base",), base)
    with pytest.raises(Invalid, match=f"base.distance: .*{why}"):
        check(folder / "certificate.json", NONE)
