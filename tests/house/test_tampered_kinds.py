"""Every kind of claim has an honest certificate that is tampered with: a new one without is seen here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load

from certify.format.methods import METHODS
from reports.studies.tampering import kinds
from reports.studies.tampering.sources import folders


def has(folder: Path) -> set[str]:
    side = folder / "witness.safetensors"
    return kinds.of(json.loads((folder / "certificate.json").read_bytes()),
                    load(side.read_bytes()) if side.exists() else {})


@pytest.fixture(scope="module")
def found() -> set[str]:
    return set().union(*map(has, folders()))


def test_every_kind_of_claim_is_tampered_with(found):
    assert not kinds.every() - found, "tests/forgeries/specimens.py makes small certificates of a kind"


def test_no_kind_is_found_that_the_tables_do_not_have(found):
    assert not found - kinds.every()


def test_a_new_method_would_be_a_kind_without_a_certificate(found, monkeypatch):
    monkeypatch.setattr(kinds, "METHODS", (*METHODS, "by_stars"))
    assert kinds.every() - found == {"D1, by by_stars"}


def test_what_states_nothing_is_no_kind():
    claim = {"theorem": "M2", "quantity": "modulus", "lower": None, "upper": None, "witness": {}}
    top = {"problem": {"map": "interpolation"}, "claims": [claim]}
    assert kinds.of(top, {}) == set()
    assert kinds.of({**top, "claims": [claim | {"upper": 1.0}]}, {}) == {"M2 modulus"}
