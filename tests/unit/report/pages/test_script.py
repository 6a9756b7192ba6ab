"""The script of the tables in a browser, where there is one: sorting, searching, CSV, and nothing foreign runs."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from certify.certificate import seal
from certify.report.exporters.html import render
from certify.report.model import build
from certify.report.pages.many import render_reports
from certify.report.pages.script import policy, script
from tests.families import report_samples as samples

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no browser")

DRIVE = """
const out = {}, table = document.querySelector("table[data-tools]");
const cells = () => [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[COLUMN].textContent);
const head = table.tHead.rows[0].cells[COLUMN], button = head.querySelector("button");
if (table.closest("details")) table.closest("details").open = true;
button.focus(); out.focused = document.activeElement === button;
button.click(); out.rising = cells(); out.first = head.getAttribute("aria-sort");
button.click(); out.falling = cells(); out.second = head.getAttribute("aria-sort");
const field = document.querySelector(".tools input");
field.value = "WANTED"; field.dispatchEvent(new Event("input"));
out.found = cells(); out.told = document.querySelector(".tools [role=status]").textContent;
let blob; URL.createObjectURL = (one) => { blob = one; return "#"; };
HTMLAnchorElement.prototype.click = function () { out.name = this.download; };
document.querySelector(".tools button").click();
blob.text().then((text) => {
  const pre = document.createElement("pre");
  pre.id = "OUT";
  out.csv = text;
  pre.textContent = JSON.stringify(out);
  document.body.append(pre);
});
"""


def browse(page: str, folder: Path) -> tuple[str, str]:
    """The document that a browser makes of a page, and what it logs."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    assert BROWSER is not None
    run = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
         "--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, check=True, timeout=120)
    return run.stdout, run.stderr


def driven(page: str, column: int, wanted: str, folder: Path) -> dict[str, Any]:
    """What a reader sees who sorts by a column, searches, and saves."""
    code = DRIVE.replace("COLUMN", str(column)).replace("WANTED", wanted)
    open_page = page.replace(policy(), "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'")
    made, _ = browse(open_page.replace("</body>", f"<script>{code}</script></body>"), folder)
    found = re.search(r'<pre id="OUT">(.*?)</pre>', made, re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1]))


@needs_browser
def test_tables_are_sorted_searched_and_saved(tmp_path: Path) -> None:
    seen = driven(render(samples.rows_deleted()), 0, "12", tmp_path)
    rising = [int(cell) for cell in seen["rising"]]
    assert rising == sorted(rising) and [int(cell) for cell in seen["falling"]] == rising[::-1] and seen["focused"]
    assert (seen["first"], seen["second"]) == ("ascending", "descending")
    assert 0 < len(seen["found"]) < len(rising) and seen["name"] == "predictions.csv"
    lines = list(csv.reader(io.StringIO(seen["csv"].lstrip("\ufeff"))))
    assert lines[0][:2] == ["evaluation row", "status"] and [line[0] for line in lines[1:]] == seen["found"]


@needs_browser
def test_saved_numbers_are_exact_and_formulas_are_defused(tmp_path: Path) -> None:
    made = samples.certified()
    table = next(claim for claim in made["claims"] if "rows" in claim)
    seen = driven(render(made), 2, "", tmp_path)
    lines = list(csv.DictReader(io.StringIO(seen["csv"].lstrip("\ufeff"))))
    exact = dict(zip(table["rows"], table["row_upper"], strict=True))
    assert len(lines) == len(exact) and all(float(one["upper end"]) == exact[int(one["row"])] for one in lines)
    evil = '=HYPERLINK("http://evil/","x")'
    page = render_reports([build(samples.certified()), build(samples.certified())]).replace(
        "<td>25 November 2026, 00:00 UTC</td>", f"<td>{html.escape(evil)}</td>")
    lines = list(csv.DictReader(io.StringIO(driven(page, 0, "", tmp_path)["csv"].lstrip("\ufeff"))))
    assert [one["date"] for one in lines] == ["'" + evil] * 2


@needs_browser
def test_the_page_runs_its_script_and_nothing_else(tmp_path: Path) -> None:
    foreign = "<script>document.title = 'OWNED'</script><img src=x onerror=\"document.title='OWNED'\">"
    page = render(samples.rows_deleted()).replace("<main>", f"<main>{foreign}")  # as if it got through the escaping
    made, logged = browse(page, tmp_path)
    assert 'class="tools"' in made and "<title>OWNED" not in made and "Content Security Policy" in logged
    made, logged = browse(render(seal(samples.rows_deleted())), tmp_path)
    assert 'class="tools"' in made and "CONSOLE" not in logged


def test_the_script_is_small_and_asks_nothing_of_a_network() -> None:
    assert len(script()) < 8000
    asking = r"fetch|XMLHttp|WebSocket|eval|innerHTML|document\.write|localStorage|import\b|https?:"
    assert not re.search(asking, script())
