"""Every row of `reports/studies/paper` is shown again, and every item of the paper has one."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("sympy")

FOLDER = Path(__file__).resolve().parents[3] / "reports" / "studies" / "paper"
spec = importlib.util.spec_from_file_location("paper_show", FOLDER / "show.py")
assert spec is not None and spec.loader is not None
show = importlib.util.module_from_spec(spec)
sys.modules["paper_show"] = show
spec.loader.exec_module(show)

README = (FOLDER / "README.md").read_text(encoding="utf-8")


LONG = ("difference-quotient",)
"""A minute each."""


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0], marks=[pytest.mark.long] * (row[0] in LONG))
                                 for row in show.ROWS])
def test_row_computes_the_verdict_of_the_table(row):
    name, place, statement, compute = row
    verdict, text = compute()
    assert f"| {place} | {statement} | **{verdict}** | {text} | `{name}` |" in README


def test_every_item_of_the_paper_has_a_row():
    places = " ".join(place for _, place, *_ in show.ROWS)
    for item in ("(1)", "(2)", "(3)", "(4)", "(14)", "(15)", "(17)", "(18)", "(19)", "Definition 1", "Definition 2",
                 "Definition 3", "Definition 4", "Definition 5", "Assumption 1", "Assumption 2", "Theorem 1",
                 "Theorem 2", "Theorem 3", "Algorithm 1", "Toy", "Figure 1", "Figure 2", "Figure 3", "Figure 4",
                 "Table 1"):  # fmt: skip
        assert item in places, item
    assert {v for v in re.findall(r"\*\*(\w[\w ]*)\*\*", README)} == {"holds", "holds with a change", "fails"}


def test_unknown_rows_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["show.py", "theorem-9"])
    assert show.main() == 2 and "theorem-2" in capsys.readouterr().err
