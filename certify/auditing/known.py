"""What an audit proved already, so that no later spec of it proves the same once more, or leaves it open."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from certify.auditing.questions.base import Asked, Wanted
from certify.auditing.spec_run import Proved

MATTERS: Final = ("model", "data", "training", "solution", "weights", "perturbation", "evaluation")
"""Tables of a spec that say what is asked; the others say how long it may take, and what it is about."""


class Known:
    """Bounds by the tables that they answer."""

    def __init__(self) -> None:
        self._proved: dict[str, list[tuple[tuple[Wanted, ...], Proved]]] = {}

    def keep(self, folder: Path, asked: Asked, proved: Proved) -> None:
        """Remember what was proved of a spec that lies in a folder."""
        self._proved.setdefault(_key(folder, asked.tables), []).append((tuple(asked.wanted), proved))

    def find(self, folder: Path, asked: Asked) -> Proved | None:
        """All that a spec asks for, where one before it with the same tables asked for it too."""
        for before, proved in self._proved.get(_key(folder, asked.tables), ()):
            sides = {(one.quantity, one.side) for one in before}
            if all((one.quantity, one.side) in sides for one in asked.wanted):
                return part_of(proved, [one.quantity for one in asked.wanted])
        return None


def part_of(proved: Proved, quantities: Sequence[str]) -> Proved:
    """The bounds on some quantities, with the arrays that they rest on."""
    claims = [next(one for one in proved.claims if one.bound.quantity == name) for name in quantities]
    others = {one.bound.quantity for one in proved.claims} - set(quantities)
    named = [value for one in claims for value in one.bound.witness.values() if isinstance(value, str)]
    arrays = {name: content for name, content in proved.arrays.items()
              if name.partition(".")[0] not in others
              or any(name == one or name.startswith(f"{one}.") for one in named)}
    return replace(proved, claims=claims, arrays=arrays)


def _key(folder: Path, tables: Mapping[str, Any]) -> str:
    """Tables with the files that they name, wherever the spec lies."""
    def placed(table: Any) -> Any:
        if not isinstance(table, Mapping):
            return table
        return {name: str((folder / value).resolve()) if name == "file" else value for name, value in table.items()}

    return json.dumps({name: placed(tables[name]) for name in MATTERS if name in tables}, sort_keys=True, default=repr)
