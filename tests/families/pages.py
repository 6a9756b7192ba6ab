"""What tests of pages share: a parser, foreign text, and that one script runs alone."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = "<script>alert(1)</script>\"' onload=x {{ 1234*1000001 }} </style></title>&\u202e"


class Page(HTMLParser):
    """Collects elements, attributes and visible text, and sees that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.titles: list[tuple[str, str]] = []
        self._title: str | None = None
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self._title = dict(attrs).get("title")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.words.append(data)
            if self._title is not None:
                self.titles.append((data, self._title))
        self._title = None

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def without_script(page: str) -> str:
    """A page without its one script, which is the package's own and the only one that the page lets run."""
    from certify.report.pages.script import script

    found = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert found == [script()]
    rest = page.replace(f"<script>{found[0]}</script>", "")
    digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
    policies = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', rest)
    assert len(policies) == 1 and policies[0].startswith(f"default-src 'none'; script-src 'sha256-{digest}'; ")
    assert "<script" not in rest and "unsafe-eval" not in rest and "script-src 'unsafe" not in rest
    return rest
