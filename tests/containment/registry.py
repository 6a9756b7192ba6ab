"""The random attacks by name: each stands in the file whose checks it draws inputs for, and registers itself there."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tests.containment.rigor import Outcome

Draw = Callable[[np.random.Generator], Outcome]


@dataclass(frozen=True)
class Attack:
    """Draws adversarial inputs from a generator and checks containment; the name says which kernel it is aimed at."""

    name: str
    draw: Draw
    theorems: tuple[str, ...]
    slow: int | None
    """Of an attack on whole problems: the divisor of its number of cases."""


_REGISTERED: dict[str, Attack] = {}


def attack(name: str, *theorems: str, slow: int | None = None) -> Callable[[Draw], Draw]:
    """Register a function as the attack of this name on these theorems, labelled as in `proofs/README.md`.

    The generator of a case is seeded with the name, and mutants name their killers by it: it never changes.
    """

    def register(draw: Draw) -> Draw:
        other = _REGISTERED.get(name)
        if other is not None and other.draw.__module__ != draw.__module__:
            raise ValueError(f"{other.draw.__module__} and {draw.__module__} both register the attack {name!r}")
        _REGISTERED[name] = Attack(name, draw, theorems, slow)
        return draw

    return register


@cache
def attacks() -> dict[str, Attack]:
    """Every attack, by name: all files of this folder are imported first."""
    for module in sorted(found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)])):
        importlib.import_module(f"tests.containment.{module}")
    return _REGISTERED


def named(name: str, module: str = "") -> Attack:
    """One attack; where the module that registers it is known, that one alone is imported."""
    if module:
        importlib.import_module(module)
    return _REGISTERED.get(name) or attacks()[name]
