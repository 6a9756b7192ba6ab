"""A spec with other file names in it, its comments kept where its text allows."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

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
    for (section, key), value in values.items():
        if key in meant.get(section, {}):
            meant[section][key] = value
    edited = _edited(text, values)
    try:
        fits = tomllib.loads(edited) == meant
    except tomllib.TOMLDecodeError:
        fits = False
    return (edited if fits else _written(meant)).encode("utf-8")


def _edited(text: str, values: Mapping[Place, str]) -> str:
    section, lines = "", []
    for line in text.splitlines(keepends=True):
        if head := re.match(r"\s*\[\s*([A-Za-z_]+)\s*\]", line):
            section = head[1]
        found = re.match(r"""(\s*([A-Za-z_]+)\s*=\s*)("[^"\\]*"|'[^']*')(.*)$""", line, re.DOTALL)
        value = None if found is None else values.get((section, found[2]))
        lines.append(line if found is None or value is None else found[1] + _string(value) + found[4])
    return "".join(lines)


def _written(document: Mapping[str, Any]) -> str:
    """A document of a spec's shape as TOML: plain keys, sections, lists of sections."""
    plain = [f"{key} = {_value(value)}" for key, value in document.items() if not _section(value)]
    parts = ["\n".join(plain)]
    for key, value in document.items():
        for table in (value if isinstance(value, list) else [value]) if _section(value) else []:
            name = f"[[{key}]]" if isinstance(value, list) else f"[{key}]"
            parts.append("\n".join([name, *(f"{inner} = {_value(entry)}" for inner, entry in table.items())]))
    return "\n\n".join(parts) + "\n"


def _section(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value)
                                       and all(isinstance(entry, dict) for entry in value))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_string(key)} = {_value(entry)}" for key, entry in value.items()) + " }"
    return repr(value)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
