"""The table of reports in `reports/README.md` names every folder that has a page."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_of_reports_names_every_folder():
    table = (ROOT / "reports" / "README.md").read_text(encoding="utf-8").partition("## All claims")[0]
    folders = sorted(page.parent.relative_to(ROOT / "reports") for page in (ROOT / "reports").glob("*/**/README.md")
                     if "node_modules" not in page.parts)
    assert len(folders) > 30 and [path for path in folders if f"| [{path.name}]({path}/) |" not in table] == []
