"""Theorems as objects: for every row of :mod:`certify.format.theorems` the rule that proves it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from certify.format import theorems as t
from certify.format.theorems import Theorem

if TYPE_CHECKING:
    from certify.theorems.rule import Rule

RULES: Final[Mapping[Theorem, str]] = MappingProxyType({
    t.M2: "modulus.total:Total", t.M4: "modulus.rows:Rows", t.N1: "modulus.row_budgets:PerSample",
    t.N2: "modulus.row_budgets:Sparse", t.N3: "modulus.given_change:GivenChange", t.N4: "modulus.one_row:OneRow",
    t.Q1: "aubin.interpolation:ExplicitRadii", t.Q4: "distance.budget:WithinBudget",
    t.Q7: "distance.given_change:GivenChange", t.P2: "predictions.labels:LabelsWithin",
    t.P1: "predictions.interpolation:FitPredictions", t.S14: "excess.claims:WindowSets",
    t.M5: "modulus.critical:Critical", t.M5_ROWS: "modulus.critical_one_row:CriticalRows",
    t.P1_CRITICAL: "predictions.critical:CriticalPredictions",
    t.Q7_CRITICAL: "distance.critical_given_change:CriticalGivenChange", t.Q6: "head.claims:Moves",
    t.Q6_OUTPUTS: "head.claims:OutputMoves", t.Q6_LABELS: "head.claims:Labels",
    t.D22: "head.targets:TargetMoves", t.D1: "head.rows.claims:ChangedRows",
    t.D1_MOVES: "head.rows.moves.claims:RowMoves", t.D1_TOLERATED: "head.rows.tolerance.claims:ToleratedChanges",
    t.D1_RANGES: "head.rows.moves.ranges:FunctionalRanges",
    t.M6: "modulus.sublevel:Sublevel",
    t.M6_PERSISTENCE: "persistence.radius:Persistence", t.Q5: "aubin.sublevel:SublevelRadii",
})
"""Module and class of every row, below this package; a module is imported when its rule is asked for."""


@cache
def rule_of(theorem: Theorem) -> Rule[Any]:
    """The rule of a row.

    >>> from certify.format.theorems import M2
    >>> rule_of(M2).theorem is M2
    True
    """
    module, _, name = RULES[theorem].partition(":")
    rule: Rule[Any] = getattr(import_module(f"{__name__}.{module}"), name)()
    return rule
