"""Sentences on first-order changes of predictions: what moves at the evaluation rows, and which solutions agree."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import count, lower_end, upper_end
from certify.report.moves import mover
from certify.report.statements import Phrase, say
from certify.spec.convexity import FIRST_ORDER

DIGITS = 4
HOW = ("both ends, row by row, by a verified inverse of the Hessian: to first order a prediction is a linear function "
       "of the change")


FITS = HOW.replace("a verified inverse of the Hessian", "an enclosure of the inverse of the tangent kernel")


def about(claim: Claim) -> bool:
    """Whether a claim is about first-order changes of predictions."""
    return claim.quantity == FIRST_ORDER


def prediction_sentence(claim: Claim, problem: Problem, opening: str) -> Phrase:
    """How far outputs at the evaluation rows change, to first order, and for how many rows it depends on the solution.

    Args:
        claim: a claim on `first_order_prediction_change`.
        problem: the problem.
        opening: how the sentence begins, by rigour.
    """
    rows = problem.evaluation_rows or 0
    critical = problem.map == "critical"
    near = "the nearest critical point of the training loss" if critical else "the nearest exact fit"
    near += "" if problem.layer == "all" else f" (layer {problem.layer} alone adjusting)"
    if claim.lower is None or claim.upper is None:
        template = f"no bound was proved on how far {near} changes the outputs at the {{rows}} evaluation rows."
    elif problem.set == "given":
        template = (f"{near} changes no output at the {{rows}} evaluation rows by more than {{upper}} to first order, "
                    "and one of them by at least {lower}. ")
    else:
        template = (f"{near} changes no output at the {{rows}} evaluation rows by more than {{upper}} to first order, "
                    "and there are such changes for which it changes one of them by at least {lower}. ")
    shared = "" if claim.upper is None else _shared(claim, rows, "critical point" if critical else "exact fit")
    return say("{start} {mover}, " + template + shared, start=opening, mover=mover(problem), rows=count(rows),
               lower="" if claim.lower is None else lower_end(claim.lower, DIGITS),
               upper="" if claim.upper is None else upper_end(claim.upper, DIGITS))


def _shared(claim: Claim, rows: int, kind: str) -> str:
    """Whether the nearest solution stands for all."""
    values = {h.name: int(h.value) for h in claim.hypotheses
              if h.name in ("agreement", "freedom") and isinstance(h.value, int | float)}
    agreed, free = values.get("agreement", 0), values.get("freedom", 0)
    if agreed == rows:
        return f"It is proved that every {kind} nearby changes them alike."
    some = f"That every {kind} nearby changes them alike is proved for {count(agreed)} of the rows"
    if not free:
        return some + "; for the others it is open."
    return (some + f"; at {count(free)} it is proved that they do not: there the change to first order takes every "
            f"value, according to which {kind} is taken.")
