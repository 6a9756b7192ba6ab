"""Pages in a real browser, where there is one: `npm install` in reports/tools/browser, and Chromium."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROWSER = ROOT / "reports" / "tools" / "browser"

pytestmark = [pytest.mark.long, pytest.mark.skipif(
    not (BROWSER / "node_modules" / "playwright-core").exists() or shutil.which("node") is None
    or not (shutil.which("chromium") or shutil.which("google-chrome")), reason="no browser, or no npm install")]


def look(*pages: Path) -> tuple[int, str]:
    """Status and output of the script."""
    done = subprocess.run(["node", str(BROWSER / "look.mjs"), *map(str, pages)], capture_output=True, text=True,
                          timeout=240, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_pages_in_the_repository_have_no_faults():
    pages = [ROOT / "reports" / "audits" / name / "report.html" for name in (
        "breast-cancer", "breast-cancer-logistic/last-layer-any-5", "wine/persistence-per-row")]
    status, said = look(*pages)
    assert status == 0, said


HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title>{}</head><body><main><h1>t</h1>{}'
TABLE = ("<table><thead><tr><th aria-sort='none'><button>a</button></th></tr></thead>"
         "<tbody><tr><td>2</td></tr><tr><td>1</td></tr></tbody></table>")


@pytest.mark.parametrize(("head", "body", "said"), [
    ("<script>console.error('broken')</script>", "", "console: broken"),
    ("<script>nothing()</script>", "", "script: nothing is not defined"),
    ("", "<img alt='' src='https://localhost:9/x.png'>", "request: https://localhost:9/x.png"),
    ("", "<p style='color:#bbb;background:#fff'>pale words</p>", "serious: color-contrast"),
    ("", "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "critical: image-alt"),
    ("<style>@media (prefers-color-scheme: dark) {p {color: #333; background: #222}}</style>", "<p>dark</p>",
     "axe, dark, serious: color-contrast"),
    ("", "<p style='width:600px;background:#fff'>wide</p>", "phone: "),
    ("<style>a:focus {outline: none}</style>", "<p><a href='#t'>a link</a>", "keyboard: no focus is shown"),
    ("", TABLE, "sorting: table 1, column 1 says aria-sort none, then none"),
    ("", "<label>find <input type=search></label>" + TABLE, "search 1: nonsense hides no row"),
    ("", "<a download='t.csv' href='data:text/csv,word'>CSV</a>", "download 1: no table"),
])
def test_each_fault_is_seen(head, body, said, tmp_path):
    (tmp_path / "page.html").write_text(HEAD.format(head, body), encoding="utf-8")
    status, found = look(tmp_path / "page.html")
    assert status == 1 and said in found, found
