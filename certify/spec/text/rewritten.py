"""A spec with other file names in it, its comments kept where its text allows."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from certify.spec.text.toml_text import document_text, value

Place = tuple[str, str]
"""Section and key."""


def rewritten(content: bytes, values: Mapping[Place, str]) -> bytes:
    r"""The bytes of a spec with some strings replaced.

    Lines that say `key = "…"` in their section are edited; where that does not give the very document that is meant
    (inline tables, say) it is written anew, without comments.

    Args:
        content: a spec that can be read.
        values: what to put where; a place that the spec does not have is left alone.

    >>> rewritten(b'[model]  # mine\nfile = "a.npz"  # old', {("model", "file"): "b.npz"})
    b'[model]  # mine\nfile = "b.npz"  # old'
    """
    text = content.decode("utf-8")
    meant = tomllib.loads(text)
    for (section, key), other in values.items():
        if key in meant.get(section, {}):
            meant[section][key] = other
    edited = _edited(text, values)
    try:
        fits = tomllib.loads(edited) == meant
    except tomllib.TOMLDecodeError:
        fits = False
    return (edited if fits else document_text(meant)).encode("utf-8")


def _edited(text: str, values: Mapping[Place, str]) -> str:
    section, lines = "", []
    for line in text.splitlines(keepends=True):
        if head := re.match(r"\s*\[\s*([A-Za-z_]+)\s*\]", line):
            section = head[1]
        found = re.match(r"""(\s*([A-Za-z_]+)\s*=\s*)("[^"\\]*"|'[^']*')(.*)$""", line, re.DOTALL)
        other = None if found is None else values.get((section, found[2]))
        lines.append(line if found is None or other is None else found[1] + value(other) + found[4])
    return "".join(lines)
