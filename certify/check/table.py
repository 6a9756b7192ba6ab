"""Which rule a claim needs: the words of the spec say it, and of the critical map also what was found to hold.

A rule is imported when a claim needs it, with what it rests on and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from certify.check.reading.certificate import Claim, Witness, with_witness
from certify.check.reading.subject import Problem
from certify.check.rule import Rule
from certify.check.words.solutions import MAPS
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

MODULI = ("modulus", "first_order_distance")
BUDGETS = ("per_sample", "sparse")
"""Quantities and sets that have a theorem together."""


@dataclass(frozen=True)
class Row:
    """A rule's module below `certify.check.theorems`, and the words of the claims it is for; no word means any.

    Attributes:
        rule: its name there.
        apart: whether it rests on the solution alone, and on no case of the theorem on its map.
    """

    module: str
    quantities: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    norms: tuple[int | str, ...] = ()
    theorems: tuple[str, ...] = ()
    rule: str = "RULE"
    apart: bool = False

    def fits(self, claim: Claim[object], problem: Problem) -> bool:
        """Whether the rule is for a claim."""
        words = ((self.quantities, claim.quantity), (self.sets, problem.set), (self.norms, problem.norm),
                 (self.theorems, claim.theorem))
        return all(not some or word in some for some, word in words)


EVERYWHERE = (Row("predictions.first_order", ("first_order_prediction_change",)),)  # P1
"""Whatever the map is."""


def rows_of(system: str) -> tuple[Row, ...]:
    """The rows of a map; the first that fits a claim counts."""
    found: tuple[Row, ...] = import_module(f"certify.check.tables.{system}").ROWS
    return EVERYWHERE + found


def system_of(claim: Claim[object], problem: Problem) -> str:
    """The map, but where critical points are solutions of an interpolation system: a claim that states M5a.

    That its conditions hold is checked with `base`, before any claim.
    """
    if MAPS[problem.map].stationary:
        from certify.check.words.cases import by_row

        if by_row(claim.theorem):
            return "interpolation"
    return problem.map


def rule(module: str, name: str = "RULE") -> Rule[Any]:
    """The rule of a module below `certify.check.theorems`."""
    found = getattr(import_module(f"certify.check.theorems.{module}"), name)
    assert isinstance(found, Rule)
    return found


def row_of(claim: Claim[object], problem: Problem) -> Row:
    """The row for a claim; raises `Invalid` where there is none."""
    for row in rows_of(system_of(claim, problem)):
        if row.fits(claim, problem):
            return row
    raise Invalid(f"{claim.where}.quantity", f"{show(claim.quantity)} is stated",
                  f"this checker knows no theorem about it for the {problem.map} map and set {problem.set}")


def rule_of(claim: Claim[object], problem: Problem) -> Rule[Any]:
    """The rule for a claim."""
    row = row_of(claim, problem)
    return rule(row.module, row.rule)


def witnessed(claim: Claim[Json], problem: Problem) -> Claim[Witness]:
    """The claim with the witness that its theorem knows; raises `Invalid`."""
    found: type[Witness] = rule_of(claim, problem).witness
    return with_witness(claim, found)
