"""What `mkdocs` does to the pages: proofs and the changelog join the site, links to other files become their names.

A link out of `docs/` works in the repository, e.g. `../proofs/finite.md`. On the site a link to a page that joined it
leads there, and one to any other file of the repository is its text, with the path.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
JOINED = {f"proofs/{path.name}": path for path in sorted((ROOT / "proofs").glob("*.md"))} | {
    name: ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md")}
SHIM = re.compile(r'<script src="?https://unpkg\.com/iframe-worker/shim"?></script>')
TITLES = re.compile(r'^```text title="(\w+)"$', flags=re.M)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s:]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Let pages of the repository join the site."""
    from mkdocs.structure.files import File, InclusionLevel

    for place, path in JOINED.items():
        page = File.generated(config, place, content=joined(path), inclusion=InclusionLevel.NOT_IN_NAV)
        files.append(page)
    return files


def joined(path: Path) -> str:
    """A page of the repository, without what only code highlighting would read."""
    return rewritten(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links out of `docs/` as links of the site."""
    place = page.file.src_uri
    return bars(titles(markdown if place in JOINED else rewritten(markdown, f"docs/{place}")))


def titles(markdown: str) -> str:
    """Output without the words that tell `tests/house/pages.py` how to hold it; that on standard error says so."""
    shown = {"error": ' title="on standard error"', "about": "", "committed": ""}
    return TITLES.sub(lambda line: f"```text{shown.get(line[1], line[0][7:])}", markdown)


def bars(markdown: str) -> str:
    """Bars within code of a table without the backslash that GitHub needs and mkdocs would show."""
    def plain(line: re.Match[str]) -> str:
        return re.sub(r"`[^`]+`", lambda code: code[0].replace(r"\|", "|"), line[0])

    return re.sub(r"^\|.*$", plain, markdown, flags=re.M)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """The theme's offline search asks another server for a script; ours lies beside the page."""
    up = "../" * page.url.count("/")
    return SHIM.sub(f'<script src="{up}assets/offline-worker.js"></script>', named(output))


def named(html: str) -> str:
    """A page whose search has a name for screen readers."""
    return html.replace('role="dialog">', 'role="dialog" aria-label="Search">', 1)


def on_post_template(output_content: str, template_name: str, config: Any) -> str:
    """The same of the page that says that there is none."""
    return SHIM.sub('<script src="/assets/offline-worker.js"></script>', output_content)


def rewritten(markdown: str, place: str) -> str:
    """The page, with its links seen from where it lies on the site.

    Args:
        markdown: its text.
        place: its path in the repository.
    """
    def turned(match: re.Match[str]) -> str:
        text, link = match.groups()
        target, _, anchor = link.partition("#")
        if not target:
            return match[0]
        where = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
        own = place.removeprefix("docs/")
        if where in JOINED:
            moved = posixpath.relpath(where, posixpath.dirname(own) or ".")
            return f"[{text}]({moved}{'#' + anchor if anchor else ''})"
        if where.startswith("docs/"):
            return match[0]
        path = posixpath.dirname(where) if where.endswith("/README.md") else where
        return text if path.strip("/") in text else f"{text} (`{path}`)"

    return LINK.sub(turned, markdown)
