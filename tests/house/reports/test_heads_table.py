"""The table of heads: its cells are those of the issue, one is computed and shown, and what is there stays."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.house.pages import anchors, links

pytest.importorskip("sklearn")
FOLDER = Path(__file__).resolve().parents[3] / "reports" / "studies" / "heads"


@pytest.fixture(scope="module")
def table() -> ModuleType:
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("heads_table", FOLDER / "table.py")
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(found)
    finally:
        sys.path[:] = before
    return found


def test_that_every_cell_has_a_name_of_its_own_and_a_limit(table: ModuleType) -> None:
    cells = table.models.cells()
    assert len({cell.key for cell in cells}) == len(cells) == 15 * 4 * 2 * 6
    percent = table.models.Cell("default", "ridge", "delete", "1%")
    assert (percent.rows(7500), percent.seconds(7500), percent.seconds(400), percent.rows(20)) == (75, 600.0, 300.0, 1)


@pytest.mark.parametrize("kind", ["delete", "relabel"])
def test_that_a_cell_is_answered_and_shown(table: ModuleType, tmp_path: Path, kind: str) -> None:
    line = table.answer(table.models.Cell("iris-1-2", "ridge", kind, "1"), tmp_path, 10.0)
    assert line["proved"] + line["attacked"] + line["undecided"] == line["points"] == 25
    assert sum(line["by"].values()) == line["proved"]
    results = tmp_path / "table.jsonl"
    failed = {"key": "wine ridge delete 1", "error": "no answer"}
    both = [{"key": "iris-1-2 ridge", **line}, failed]
    results.write_text("\n".join(map(json.dumps, both)), encoding="utf-8")
    text = "\n".join(table.shown(table.lines(results)))
    assert f"| iris-1-2 | ridge | {kind}" in text and "* wine ridge delete 1: no answer" in text
    assert table.share({"proved": 0, "undecided": 0}) == 100.0


def test_that_the_page_has_the_shares_of_the_results(table: ModuleType) -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    said = list(table.shown(table.best(table.known(FOLDER / "table.jsonl"))))
    at = next(i for i, line in enumerate(said) if line.startswith("| rows | m |"))
    rows = said[at : said.index("", at)]
    assert len(rows) == 2 + 3 * 6 and "\n".join(rows) in page
    first = page.partition("## ")[0]
    for i, name in enumerate(("rows deleted", "labels wrong, squared loss", "labels wrong, logistic and softmax")):
        (line,) = (one for one in first.splitlines() if one.startswith(f"| {name} |"))
        shares = [cell.split("(")[0].strip(" *") for cell in line.split("|")[2:-1]]
        assert shares == [row.split("|")[4].strip(" %") for row in rows[2 + 6 * i : 8 + 6 * i]]
    assert len(first.splitlines()) <= 40


def test_that_links_of_the_page_lead_to_headings() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert {link[1:] for link in links(page) if link.startswith("#")} <= anchors(page)


def test_that_nothing_is_fetched_unless_asked(table: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="give --download"):
        table.models.sources(tmp_path, False)
    assert not list(tmp_path.iterdir())


def test_that_what_is_open_is_computed_again_the_cheapest_first(
    table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Open means open in the best line of all files; without `--again` any line is enough."""
    def line(m: str, undecided: int, processor: float) -> dict[str, object]:
        return {"key": f"iris ridge delete {m}", "undecided": undecided, "processor": processor}

    files = {"table-old.jsonl": [line("1", 4, 9.0), line("2", 7, 1.0), {"key": "wine ridge delete 1", "error": "late"}],
             "table-new.jsonl": [line("2", 0, 99.0), line("3", 6, 2.0), line("3", 5, 3.0)],
             "mine.jsonl": [line("3", 5, 1.0), line("5", 1, 5.0)], "other.jsonl": [line("10", 1, 1.0)]}
    for name, of in files.items():
        (tmp_path / name).write_text("".join(json.dumps(one) + "\n" for one in of), encoding="utf-8")
    monkeypatch.setattr(table, "HERE", tmp_path)
    monkeypatch.setattr(table.models, "sources", lambda cache, download: None)
    ran: list[str] = []
    monkeypatch.setattr(table, "apart", lambda cell, options: ran.append(cell.key) or {"error": "not asked"})
    mine = ["run", "--cache", str(tmp_path), "--results", str(tmp_path / "mine.jsonl"), "--only", "ridge", "delete"]
    assert table.main([*mine, "--again"]) == 0
    assert ran == [*(f"iris ridge delete {m}" for m in ("3", "5", "1")), "wine ridge delete 1"]
    ran.clear()
    assert table.main([*mine, "iris"]) == 0 and ran == ["iris ridge delete 2", "iris ridge delete 10",
                                                        "iris ridge delete 1%"]
