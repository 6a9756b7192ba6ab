"""Which quantities are asked for, and which of them have a meaning."""

from __future__ import annotations

from certify.format.errors import SpecError
from certify.problem.problem import Problem
from certify.spec.convexity import FIRST_ORDER
from certify.theorems.aubin.interpolation import require_built
from certify.theorems.excess import claims as window_claims
from certify.theorems.predictions import labels as label_claims
from certify.theorems.predictions.first_order import require_predictions

QUANTITIES = ("modulus", "sample_modulus", "first_order_distance", *label_claims.AT_SIZE, "aubin", FIRST_ORDER,
              *window_claims.QUANTITIES)
"""Quantities of the interpolation map."""


def require_meaning(problem: Problem, quantity: str) -> None:
    """Refuse a quantity that has no meaning for the perturbation set.

    Raises:
        SpecError, InputError: with what would work.
    """
    asked = f"quantity '{quantity}'"
    if quantity == "first_order_distance":
        if problem.set != "given" and problem.radius is None:
            raise SpecError(asked, "no radius", "give perturbation.radius")
    elif quantity in ("distance", label_claims.QUANTITY):
        if quantity != "distance" and problem.evaluation is None:
            raise SpecError(asked, "no evaluation rows", "give evaluation rows")
        if problem.base != "given":
            raise SpecError(asked, f"base = '{problem.base}'", "use base 'given'")
        if problem.weight_norm == "function":
            raise SpecError(asked, "norm 'function'", "use norm 'euclidean' or 'relative'")
        if problem.set != "given" and problem.radius is None:
            raise SpecError(asked, "no radius", "give perturbation.radius")
        if problem.set != "given" and problem.parameter != "features":
            raise SpecError(asked, f"{problem.parameter}", "use features, or set 'given'")
    elif quantity == FIRST_ORDER:
        require_predictions(problem)
    elif quantity == "aubin":
        require_built(problem)
    elif quantity in window_claims.QUANTITIES:
        window_claims.require_window(problem)
    elif problem.set in ("sparse", "given"):
        raise SpecError(asked, f"set = '{problem.set}' has no modulus", "use 'first_order_distance'")


def quantities(problem: Problem) -> tuple[str, ...]:
    """The quantities to bound: those of the gates, or the default ones, each once."""
    assert problem.spec is not None
    gated = tuple(dict.fromkeys(gate.quantity for gate in problem.spec.gate))
    more = () if problem.spec.aubin is None else ("aubin",)
    window = () if problem.spec.window is None else ("excess", "hausdorff")
    return gated or (*default_quantities(problem.set, problem.norm, problem.parameter), *more, *window)


def default_quantities(set: str, norm: int | str, parameter: str) -> tuple[str, ...]:
    """What is computed without a gate: the moduli that have a meaning; where none has, the first-order distance.

    >>> default_quantities("total", 2, "features"), default_quantities("sparse", 2, "features")
    (('modulus', 'sample_modulus'), ('first_order_distance',))
    """
    if set in ("sparse", "given"):
        return ("first_order_distance",)
    return ("modulus", "sample_modulus") if parameter == "features" and norm == 2 else ("modulus",)
