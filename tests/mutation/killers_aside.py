"""Heads on which D4e loses nothing, as killers; beside those of `tests.mutation.killers`."""

from __future__ import annotations

from tests.containment.rigor import Violation
from tests.families.thin_heads import AXES, OUTPUTS, answers
from tests.mutation.killers import KILLERS


def _killer(name: str) -> None:
    def run() -> None:
        if answers(name)[1]:
            raise Violation(f"{name}: an output that deletions reach is said to stay above")

    KILLERS[f"thin: {name}"] = run


for _name in (*AXES, *OUTPUTS):
    _killer(_name)
