"""The table of theorems in `proofs/README.md`: every theorem is listed, and what checks it exists."""

from __future__ import annotations

import re
from pathlib import Path

from tests.containment.registry import attacks

ROOT = Path(__file__).resolve().parents[2]


def test_proofs_table_lists_every_theorem_and_names_what_exists():
    table = (ROOT / "proofs" / "README.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## [^\n]*\(\[([\w-]+\.md)\][^\n]*\n(.*?)(?=^## )", table, flags=re.S | re.M)
    assert {page for page, _ in sections} == set(re.findall(r"^## .*\(\[(.*?)\]", table, flags=re.M))
    labels: list[str] = []
    for page, section in sections:
        text = (ROOT / "proofs" / page).read_text(encoding="utf-8")
        listed = ", ".join(re.findall(r"^\| ([A-Z]\d[^|]*) \|", section, flags=re.M)).split(", ")
        headed = ", ".join(re.findall(r"^## ((?:[A-Z]\d+[a-z]?(?:, )?)+)\.", text, flags=re.M)).split(", ")
        assert sorted(listed) == sorted(headed), page
        labels += listed
    assert len(labels) == len(set(labels)), "a label stands for one theorem"
    for path in re.findall(r"`((?:certify|tests)/[\w/.-]*)`", table):
        assert (ROOT / path).exists(), path
    for names in re.findall(r"attacks? ((?:`\w+`(?:, )?)+)", table):
        for name in re.findall(r"\w+", names):
            assert name in attacks(), name


def test_attacks_name_the_theorems_whose_rows_name_them():
    table = (ROOT / "proofs" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z]\d[^|]*) \|(.*)\|$", table, flags=re.M)
    labels = {label for listed, _ in rows for label in listed.split(", ")}
    for attack in attacks().values():
        assert labels.issuperset(attack.theorems), attack.name
    for listed, row in rows:
        for names in re.findall(r"attacks? ((?:`\w+`(?:, | and )?)+)", row):
            for name in re.findall(r"`(\w+)`", names):
                assert set(listed.split(", ")) <= set(attacks()[name].theorems), (listed, name)
