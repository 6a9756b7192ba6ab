"""Listed sets next to one rounding each (D7, Lemma 4), as killers; beside those of `tests.mutation.killers`."""

from __future__ import annotations

from tests.containment.rigor import Violation
from tests.families.listed_sets import CASES
from tests.mutation.killers import KILLERS


def _killer(name: str) -> None:
    def run() -> None:
        if not CASES[name][0]() <= 1:
            raise Violation(f"{name}: more is needed than is said")

    KILLERS[f"listed: {name}"] = run


for _name in CASES:
    _killer(_name)
