"""What changes of a finite size go with, where exact fits are asked for."""

from __future__ import annotations

from functools import partial

from certify.check.reading.sections.demands import BUDGETS, LABELS, Goes, Words, judged

AT_SIZE: Words = {"quantity": ("distance", LABELS), "map": ("interpolation", "sublevel")}
"""The critical map has rules of its own for them."""

RULES = (
    Goes(AT_SIZE, {"map": "interpolation", "base": "given"}, "gate", "quantity", "interpolation with base given"),
    Goes(AT_SIZE | {"set": BUDGETS}, {"parameter": "features"}, "gate", "quantity", "moving features, or set given"),
    Goes(AT_SIZE, {"weights": ("euclidean", "relative")}, "gate", "quantity", "the norm euclidean or relative"),
)
demands = partial(judged, RULES)
"""With what they go: wrong or not, where, what is stated, what is needed."""
