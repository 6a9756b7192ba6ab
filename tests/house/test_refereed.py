"""`proofs/refereed.md`: no theorem is missing from it, and the code it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from certify.format.theorems import LABELS, THEOREMS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "proofs" / "refereed.md").read_text(encoding="utf-8")
TABLE, NOT_YET = PAGE.split("\n## Not yet\n")


def labels_of(text: str) -> list[str]:
    """Those of first columns and of the heads of list items: `M5, M5a`."""
    found = re.findall(r"^(?:\| |\* )((?:[A-Z]\d+[a-z]?(?:, )?)+)(?: \||:)", text, flags=re.M)
    return [label for heads in found for label in heads.split(", ")]


def test_every_theorem_was_refereed_or_is_said_not_to_be():
    refereed, open_ = labels_of(TABLE), labels_of(NOT_YET)
    stated = [*refereed, *open_]
    assert len(stated) == len(set(stated))
    rests = {label for theorem in THEOREMS for label in theorem.rests}
    readme = (ROOT / "proofs" / "README.md").read_text(encoding="utf-8")
    listed = {x for heads in re.findall(r"^\| ([A-Z]\d[^|]*) \|", readme, flags=re.M) for x in heads.split(", ")}
    assert {*LABELS, *rests, *listed} <= set(stated)
    assert "D7" in refereed
    assert "R5" in open_


def test_every_row_says_what_was_done_and_names_code_that_exists():
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in TABLE.splitlines() if re.match(r"\| [A-Z]\d", line)]
    assert rows
    for row in rows:
        assert len(row) == 6, row[0]
        _, page, mathematics, *_, finding = (part.strip() for part in row)
        assert (ROOT / "proofs" / re.findall(r"\((.*?)\)", page)[0]).exists(), page
        assert re.match(r"derived|main steps derived|read|a theorem that is cited", mathematics), mathematics
        assert finding, row[0]
        code = re.findall(r"`(certify/[\w/]+\.py):(\w+)`", "".join(row[3:5]))
        assert code, row[0]
        for path, name in code:
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            named = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            assert name in named, (path, name)
