"""The text of a spec from its tables, and of any document of such a shape: TOML that is read back as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def spec_text(comment: Sequence[str], tables: Mapping[str, Mapping[str, Any]],
              gates: Sequence[Mapping[str, Any]]) -> str:
    """A spec, `version = 1`.

    Args:
        comment: lines before it.
        tables: by name; an empty one is left out.
        gates: each a `[[gate]]`.

    >>> print(spec_text(["A spec."], {"model": {"file": "m.safetensors", "widths": [2, 1]}, "run": {}},
    ...                 [{"quantity": "modulus", "max": 2.0}]), end="")
    # A spec.
    version = 1
    <BLANKLINE>
    [model]
    file = "m.safetensors"
    widths = [2, 1]
    <BLANKLINE>
    [[gate]]
    quantity = "modulus"
    max = 2.0
    """
    parts = ["\n".join([*(f"# {_plain(line)}" for line in comment), "version = 1"])]
    parts += [_table(f"[{name}]", table) for name, table in tables.items() if table]
    parts += [_table("[[gate]]", gate) for gate in gates]
    return "\n\n".join(parts) + "\n"


def document_text(document: Mapping[str, Any]) -> str:
    """A document of plain values, tables and lists of tables, in that order.

    >>> print(document_text({"version": 1, "model": {"file": "a.pt"}, "gate": [{"max": 1e-05}]}), end="")
    version = 1
    <BLANKLINE>
    [model]
    file = "a.pt"
    <BLANKLINE>
    [[gate]]
    max = 1e-05
    """
    plain = {key: entry for key, entry in document.items() if not _tables(entry)}
    parts = [_entries(plain)] if plain else []
    for key, entry in document.items():
        if isinstance(entry, Mapping):
            parts.append(_table(f"[{_key(key)}]", entry))
        elif _tables(entry):
            parts += [_table(f"[[{_key(key)}]]", one) for one in entry]
    return "\n\n".join(parts) + "\n"


def _tables(entry: Any) -> bool:
    return isinstance(entry, Mapping) or (
        isinstance(entry, list | tuple) and bool(entry) and all(isinstance(one, Mapping) for one in entry))


def _table(head: str, table: Mapping[str, Any]) -> str:
    return "\n".join([head, *([_entries(table)] if table else [])])


def _entries(table: Mapping[str, Any]) -> str:
    return "\n".join(f"{_key(key)} = {value(entry)}" for key, entry in table.items())


def value(entry: Any) -> str:
    """A value of TOML.

    >>> value({"age": 1.0}), value([1, "a"]), value(True)
    ('{ age = 1.0 }', '[1, "a"]', 'true')
    """
    if isinstance(entry, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {value(inner)}" for key, inner in entry.items()) + " }"
    if isinstance(entry, list | tuple):
        return "[" + ", ".join(value(inner) for inner in entry) + "]"
    if isinstance(entry, str):  # escapes are those of JSON, but for one control character
        return json.dumps(str(entry), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(entry) if isinstance(entry, bool | int) else repr(float(entry))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else value(key)


def _plain(line: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", line)
