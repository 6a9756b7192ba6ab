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


@dataclass(frozen=True)
class Row:
    """A rule's module below `certify.check.theorems`, and the words of the claims it is for; no word means any.

    Attributes:
        rule: its name there.
        apart: whether it rests on the solution alone, and on no case of the theorem on its map.
    """

    module: str
    system: str = ""
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
        return self.system in ("", system_of(claim, problem)) and all(not some or word in some for some, word in words)


ROWS = (
    Row("predictions.first_order", quantities=("first_order_prediction_change",)),  # P1
    Row("modulus.kernel", "interpolation", MODULI, ("total",)),  # M2, M5a
    Row("modulus.row_budgets", "interpolation", MODULI, BUDGETS),  # N1, N2, M5a
    Row("modulus.given_change", "interpolation", MODULI, ("given",)),  # N3, M5a
    Row("modulus.rows", "interpolation", ("sample_modulus",), norms=(2,)),  # M4, M5a
    Row("modulus.one_row", "interpolation", ("sample_modulus",)),  # N4, M5a
    Row("distance.given_change", "interpolation", ("distance",), ("given",)),  # Q7
    Row("distance.compensation", "interpolation", ("distance",)),  # Q4
    Row("aubin.interpolation", "interpolation", ("aubin",)),  # Q1
    Row("predictions.labels", "interpolation", ("stable_predictions",)),  # P2
    Row("excess.window", "interpolation", ("excess", "hausdorff")),  # S14
    Row("modulus.critical", "critical", MODULI, ("total",)),  # M5b, M5c, M5d
    Row("modulus.critical_sets", "critical", MODULI),
    Row("modulus.critical_rows", "critical", ("sample_modulus",), norms=(2,)),
    Row("modulus.critical_one_row", "critical", ("sample_modulus",)),
    Row("head.rows.claims", "critical", ("stable_predictions", "correct_predictions"), ("sparse", "given"),
        theorems=("D1",)),
    Row("head.rows.moves.ranges", "critical", ("functional",), ("sparse", "given"), theorems=("D1",)),
    Row("head.rows.tolerance.claims", "critical", ("tolerated_changes",), ("sparse",), theorems=("D1",)),
    Row("head.rows.moves.claims", "critical", ("distance", "prediction_change"), ("sparse", "given"), (), ("D1",)),
    Row("distance.critical_given_change", "critical", ("distance",), ("given",), apart=True),  # Q7
    Row("head.rows.squared.targets", "critical", ("prediction_change",), ("per_sample",), theorems=("D22",)),
    Row("head.claims", "critical", ("distance", "prediction_change"), ("total", *BUDGETS)),  # Q6
    Row("head.labels", "critical", ("stable_predictions",), ("total", *BUDGETS)),  # Q6
    Row("modulus.sublevel", "sublevel", ("modulus",)),  # M6
    Row("modulus.sublevel", "sublevel", ("sample_modulus",), rule="ROWS"),  # M6
    Row("persistence.radius", "sublevel", ("persistence_radius",)),  # M6
    Row("aubin.sublevel", "sublevel", ("aubin",)),  # Q5
)
"""The first that fits counts."""


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
    for row in ROWS:
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
