"""What a PDF is made of: paragraphs, lists, tables and bars, as plain data.

The typst template reads these as JSON and sets every string as text. Nothing of a certificate is ever typst code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from certify.report.statements import Entry, Phrase, Span

Block = dict[str, Any]
Words = Phrase | str
LONGEST, PIECE = 40, 24
"""Longest word that is not broken, and the pieces of one that is."""


def rich(words: Words) -> list[dict[str, str]]:
    """Words as spans, each with its kind."""
    spans = (Span("text", words),) if isinstance(words, str) else words
    return [{"k": span.kind, "s": breakable(span.text)} for span in spans]


def breakable(text: str) -> str:
    """Text in which a very long word may be broken between lines, at an invisible place.

    >>> breakable("a" * 50).count(chr(0x200b)), breakable("short words stay")
    (2, 'short words stay')
    """
    return " ".join(word if len(word) <= LONGEST else chr(0x200B).join(
        word[i : i + PIECE] for i in range(0, len(word), PIECE)) for word in text.split(" "))


def heading(title: str) -> Block:
    """The title of a section."""
    return {"t": "heading", "text": title}


def subheading(words: str) -> Block:
    """A title within a section."""
    return {"t": "subheading", "text": breakable(words)}


def paragraph(words: Words, style: str = "normal") -> Block:
    """A paragraph: ``normal``, ``small``, ``claim``, ``question``, ``number``, or ``caution``."""
    return {"t": "paragraph", "style": style, "text": rich(words)}


def items(lines: Iterable[Words]) -> Block:
    """A list."""
    return {"t": "items", "items": [rich(line) for line in lines]}


def facts(lines: Iterable[tuple[str, Words]]) -> Block:
    """A table of two columns: a term and what is said of it."""
    return {"t": "facts", "rows": [[breakable(term), rich(words)] for term, words in lines]}


def entries(lines: Iterable[Entry]) -> Block:
    """The same of entries."""
    return facts((line.term, line.text) for line in lines)


def table(head: Sequence[str], rows: Iterable[Sequence[Words]], widths: Sequence[int]) -> Block:
    """A table with a header; `widths` are shares of the width."""
    return {"t": "table", "head": list(head), "rows": [[rich(cell) for cell in row] for row in rows],
            "widths": list(widths)}


def bar(parts: Sequence[tuple[int, str, str]]) -> Block:
    """A bar of counted parts, each with its words and tone (``yes``, ``maybe``, ``no``)."""
    return {"t": "bar", "parts": [{"n": n, "words": words, "tone": tone} for n, words, tone in parts],
            "alt": ", ".join(words for _, words, _ in parts)}


def command(text: str) -> Block:
    """A command to be typed."""
    return {"t": "command", "text": breakable(text)}
