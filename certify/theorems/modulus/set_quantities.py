"""From what was proved about a perturbation set to the bound of a quantity: N1, N2 and N3 in the problem's units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis
from certify.rigor import fp
from certify.spec.convexity import FIRST_ORDER
from certify.systems.interpolation.congruence import Congruence
from certify.systems.interpolation.linearisation import Linearisation
from certify.theorems.modulus.given_change import enclose_change
from certify.theorems.modulus.row_budgets import BudgetEnds, enclose_row_budgets

if TYPE_CHECKING:
    from certify.problem.problem import Problem

ROUNDING: Final = Fraction(3, 100)
"""Relative error of the congruence above which a finer arithmetic is tried: half of it may be lost in a bound, where
the relaxation itself loses more."""

_THEOREMS: Final[Mapping[str, str]] = {"total": "M2", "per_sample": "N1", "sparse": "N2", "given": "N3"}


def theorem_of(problem: Problem, quantity: str) -> str:
    """Label of the theorem that bounds a quantity of the interpolation map."""
    finite = "Q7" if problem.set == "given" else "Q4"
    alone = "M4" if problem.norm == 2 else "N4"
    own = {"sample_modulus": alone, FIRST_ORDER: "P1", "distance": finite, "aubin": "Q1", "excess": "S14",
           "hausdorff": "S14", "stable_predictions": "P2"}
    return own.get(quantity, _THEOREMS[problem.set])


def by_rows(problem: Problem, quantity: str) -> bool:
    """Whether the budgets of single rows bound the quantity (N1, N2), not one length of all rows together."""
    return quantity not in ("sample_modulus", FIRST_ORDER) and problem.set in ("per_sample", "sparse")


def budget_bound(
    lin: Linearisation, X: Congruence, problem: Problem, quantity: str, unit: str, hypotheses: tuple[Hypothesis, ...],
) -> Bound:
    """`modulus` (N1 at ε = 1) or `first_order_distance` (radius times that) under budgets of single rows.

    Args:
        lin: the linearised problem.
        X: its congruence.
        problem: the problem, set `per_sample` or `sparse`.
        quantity: what is asked.
        unit: its unit.
        hypotheses: of M1, verified.
    """
    count = len(problem.rows) if problem.count is None else problem.count
    ends = enclose_row_budgets(lin.kernel, lin.sets, lin.Q, X, lin.arithmetic, count)
    reason = "" if ends.upper is not None else "no Cholesky of the weighted kernel went through: K is ill-conditioned"
    n, dual, shape = len(problem.kept), ends.dual, ends.shape  # reference rows follow, which do not move
    ends = replace(ends, z=None if ends.z is None else np.array(lin.multipliers(ends.z)),
                   dual=None if dual is None else dual[:n], shape=None if shape is None else shape[:n])
    found = Bound(quantity, theorem_of(problem, quantity), Rigour.PROVED, ends.lower, ends.upper, unit, hypotheses,
                  budget_witness(ends), reason)
    return scaled_to_radius(found, problem) if quantity == "first_order_distance" else found


def budget_witness(ends: BudgetEnds, n: int | None = None, rows: Sequence[int] = ()) -> dict[str, Any]:
    """What proves both ends, with dual and shape spread over all n rows where they are those of `rows` alone."""
    witness: dict[str, Any] = {}
    if ends.z is not None:
        witness["z"] = [float(v) for v in ends.z]
    if ends.upper is None:
        return witness
    witness["member"] = ends.member
    dual, shape, at = ends.dual, ends.shape, list(rows)
    if dual is not None:
        if n is not None:
            whole = np.zeros(n)
            whole[at] = dual
            dual = whole
        witness["dual"] = [float(v) for v in dual]
    if shape is not None:
        if n is not None:
            full = np.broadcast_to(np.eye(shape.shape[1]) if shape.ndim == 3 else 1.0, (n, *shape.shape[1:])).copy()
            full[at] = shape
            shape = full
        witness["shape"] = shape
    return witness


def change_bound(
    lin: Linearisation, X: Congruence, problem: Problem, unit: str, hypotheses: tuple[Hypothesis, ...],
) -> Bound:
    """`first_order_distance` of one given change (N3), from both sides."""
    assert problem.change is not None
    u = np.zeros((len(lin.sets.G), problem.change.shape[1]))  # reference rows follow, which do not move
    u[:len(problem.kept)] = problem.change[np.array(problem.kept)]
    ends = enclose_change(lin.sets, u, X)
    return Bound("first_order_distance", "N3", Rigour.PROVED, ends.lower, ends.upper, unit, hypotheses)


def scaled_to_radius(bound: Bound, problem: Problem) -> Bound:
    """The bound at ε = radius of one at ε = 1, rounded outward: motions of first order are proportional to ε."""
    assert problem.radius is not None
    radius = fp.exact(problem.radius)
    lower = None if bound.lower is None else fp.down(radius * fp.exact(bound.lower))
    upper = None if bound.upper is None else fp.up(radius * fp.exact(bound.upper))
    witness = bound.witness if lower else {name: bound.witness[name] for name in bound.witness if name != "z"}
    return replace(bound, lower=lower, upper=upper, witness=witness)
