"""Crafted refits in whole numbers, as killers; beside those of `tests.mutation.killers`."""

from __future__ import annotations

from tests.containment.packed import CASES, require
from tests.mutation.killers import KILLERS


def _killer(name: str) -> None:
    def run() -> None:
        require(CASES[name]())

    KILLERS[name] = run


for _name in CASES:
    _killer(_name)
