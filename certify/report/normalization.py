"""What the losses of the rows are divided by where rows are left out, and what that means for training again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from certify.format.digits import shortest
from certify.format.words import Map, Parameter, Set

AT_SIZE: Final = frozenset({"first_order_distance", "distance", "stable_predictions", "correct_predictions",
                            "tolerated_changes", "functional", "prediction_change", "first_order_prediction_change"})
"""Quantities about changes of a size."""

ESTIMATOR: Final = ".skops"
"""The ending of a fitted estimator, whose own settings say whether its loss is a sum or a mean."""


def leaves_rows_out(problem: Mapping[str, Any], quantities: Collection[str]) -> bool:
    """Whether claims speak of training without some of the rows.

    Args:
        problem: the member `problem` of a certificate.
        quantities: what its claims bound.
    """
    if Parameter(problem["parameter"]).leaves:
        return True
    weighs = Map(problem["map"]).stationary and Parameter(problem["parameter"]).weighs
    if not weighs or not AT_SIZE & set(quantities):
        return False
    whole = problem["radius"] is not None and problem["radius"] >= 1
    return not Set(problem["set"]).sized or problem.get("direction") == "down" or whole


def fixed_note(problem: Mapping[str, Any], quantities: Collection[str]) -> str:
    """That n stays where rows are left out, as a clause; empty where none is, and where it makes no difference.

    Without a weight decay a factor on the loss changes none of its critical points.

    >>> fixed_note({"map": "critical", "parameter": "sample_weights", "set": "sparse", "radius": 1.0, "n": 40,
    ...             "weight_decay": 0.5}, ["distance"])[:49]
    'the loss is still divided by n = 40, as where it '
    """
    if not problem["weight_decay"] or not leaves_rows_out(problem, quantities):
        return ""
    if problem.get("normalization") is not None:  # said where it is not n that the loss is divided by
        return f"the loss is divided by the number of rows that are left, n − m of n = {problem['n']} (m rows left out)"
    still = f"the loss is still divided by n = {problem['n']}"
    name = ((problem.get("about") or {}).get("model") or {}).get("name", "")
    if name.lower().endswith(ESTIMATOR):
        return f"{still}, as it is where {name} is fitted with the same settings to the rows that are left"
    return (f"{still}, as where it is a sum (scikit-learn's C or alpha); code whose loss is a mean uses on the rows "
            "that are left n/(n − m) times this loss, that is weight decay λ(n − m)/n in this notation "
            f"(m rows left out, λ = {shortest(problem['weight_decay'])})")
