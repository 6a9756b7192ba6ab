"""Every theorem has its words, and they are those that reports and `certify explain` say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from certify.cli.explain import WORDS, explain
from certify.format.texts import FOLDER, labels, text
from certify.format.theorems import LABELS, THEOREMS
from certify.report.theorems import THEOREMS as SAID

PROOFS = Path(__file__).resolve().parents[2] / "proofs"


def test_every_label_that_a_claim_may_state_has_a_text():
    assert {*LABELS, *(label for theorem in THEOREMS for label in theorem.rests)} <= set(labels())
    assert not set(labels()) & set(WORDS)
    with pytest.raises(KeyError):
        text("X9")


@pytest.mark.parametrize("label", labels())
def test_a_text_is_faithful_and_plain(label):
    found = text(label)
    assert " ".join(explain(label).split()) == f"{label}: {found.name}. {found.explanation}"
    assert all(len(line) <= 120 for line in explain(label).splitlines())
    assert found.statement.endswith(".") and found.statement.count(". ") == 0 and len(found.statement) < 160
    for line in (FOLDER / f"{label}.md").read_text(encoding="utf-8").splitlines():
        assert len(line) <= 120
    for side in ("upper", "lower"):
        for system in ("interpolation", "critical"):
            said = SAID[system].get(label)
            if said is not None and side in said.ends:
                assert found.end(side, system) == said.ends[side]


def test_a_page_of_proofs_has_the_section_that_a_theorem_names():
    for theorem in THEOREMS:
        page, section = theorem.page.split("#")
        headings = re.findall(r"^##+ (\w+)", (PROOFS / page).read_text(encoding="utf-8"), flags=re.M)
        assert section.upper() in headings and section.upper() == theorem.label, theorem
