"""Every committed certificate is one that the table of theorems knows: label, unit, hypotheses, witness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify.check.reading.spec import read_spec
from certify.format.labels import label_meaning, label_unit
from certify.format.quantities import QUANTITIES, unit
from certify.format.support import applying, stating
from tests.house.checker_question import questions

ROOT = Path(__file__).resolve().parents[2]
CERTIFICATES = sorted(path for folder in ("reports", "tests") for path in (ROOT / folder).rglob("*.json")
                      if b'"format":"certify/1"' in path.read_bytes()[:200_000_000])


def test_there_are_many():
    assert len(CERTIFICATES) > 20


@pytest.mark.parametrize("path", CERTIFICATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_table_knows_every_claim(path):
    certificate = json.loads(path.read_bytes())
    spec = read_spec((path.parent / certificate["subject"]["spec"]["path"]).read_bytes())
    asked, claims = questions(spec), certificate["claims"]
    assert [claim["quantity"] for claim in claims] == [question.quantity for question in asked]
    for question, claim in zip(asked, claims, strict=True):
        theorem = stating(question, claim["theorem"])  # one of an earlier version may state another than today's
        assert theorem is not None and len(applying(question)) == 1
        assert set(claim["witness"]) <= set(theorem.witness.members())
        assert {hypothesis["name"] for hypothesis in claim["hypotheses"]} <= set(theorem.hypotheses)
        merged = claim["unit"].endswith("(equal rows move as one)")
        label = label_meaning(certificate["problem"]["outputs"], certificate["problem"].get("threshold"))
        known = [unit(question.quantity, spec.parameter, spec.set, spec.weight_norm, merged, said)
                 for said in ("", label)]  # certificates of earlier versions did not say what a label is
        if "functionals" in certificate["problem"]:
            known = [label_unit(certificate["problem"]["outputs"], certificate["problem"].get("threshold"),
                                functionals=True), "largest value of a functional", "smallest value of a functional"]
        assert claim["unit"] in known
        assert ("rows" in claim) == QUANTITIES[question.quantity].per_row
