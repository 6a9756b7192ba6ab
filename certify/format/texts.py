"""The words of a theorem: one file a label in `texts/`, read when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("texts")


@dataclass(frozen=True)
class Text:
    """What is said of one theorem.

    Attributes:
        label: as claims and proofs name it.
        name: what it is about.
        statement: what it says, in one plain sentence.
        explanation: more of it, and how it is proved.
        ends: by side (`upper`, `lower`), or by side and system (`upper, critical`), how an end is known.
    """

    label: str
    name: str
    statement: str
    explanation: str
    ends: Mapping[str, str]

    def end(self, side: str, system: str) -> str:
        """How an end is known; empty where the numbers decide what to say.

        >>> text("Q7").end("upper", "critical")
        'upper end by a critical point of the changed loss, proved to exist (theorem Q2)'
        """
        return self.ends.get(f"{side}, {system}", self.ends.get(side, ""))


def labels() -> tuple[str, ...]:
    """Every label with a text."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.md")))


@cache
def text(label: str) -> Text:
    """The text of a label.

    Raises:
        KeyError: there is none.

    >>> text("M4").name
    'One row alone'
    """
    path = FOLDER / f"{label}.md"
    if label not in labels():
        raise KeyError(label)
    head, *parts = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.M)
    title, statement = head.removeprefix("# ").split("\n", 1)
    sections = {}
    for part in parts:
        heading, body = part.split("\n", 1)
        sections[heading] = " ".join(body.split())
    ends = {re.sub(r" end(?: \((\w+)\))?", lambda m: f", {m[1]}" if m[1] else "", heading).lower(): body
            for heading, body in sections.items() if " end" in heading}
    return Text(label, title.removeprefix(f"{label}. "), " ".join(statement.split()), sections["Explanation"], ends)
