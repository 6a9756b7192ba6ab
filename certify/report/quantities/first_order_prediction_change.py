"""The change of the outputs at the evaluation rows to first order, and at which rows all solutions agree."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import count, lower_end, upper_end
from certify.report.glance.scales import outputs
from certify.report.maps import MAPS
from certify.report.phrases.moves import mover
from certify.report.phrases.network import alone
from certify.report.phrases.sets import SETS
from certify.report.phrases.words import OPENING
from certify.report.quantities.first_order_distance import first_order
from certify.report.quantities.quantity import DIGITS, Quantity
from certify.report.statements import Phrase, Rows, say


def _sentence(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """How far outputs at the evaluation rows change, to first order, and at how many the solution matters."""
    rows = problem.evaluation_rows or 0
    solutions = MAPS[problem.map]
    near = f"the nearest {solutions.closest}{alone(problem)}"
    if claim.lower is None or claim.upper is None:
        template = f"no bound was proved on how far {near} changes the outputs at the {{rows}} evaluation rows."
    elif SETS[problem.set].one:
        template = (f"{near} changes no output at the {{rows}} evaluation rows by more than {{upper}} to first order, "
                    "and one of them by at least {lower}. ")
    else:
        template = (f"{near} changes no output at the {{rows}} evaluation rows by more than {{upper}} to first order, "
                    "and there are such changes for which it changes one of them by at least {lower}. ")
    if claim.lower is not None and claim.upper is not None and problem.outputs > 1:
        together = "changes the outputs of none of the {rows} evaluation rows, taken together,"
        template = template.replace("changes no output at the {rows} evaluation rows", together)
        template = template.replace("one of them", "those of one")
    shared = "" if claim.upper is None else _shared(claim, rows, solutions.kind)
    return say("{start} {mover}, " + template + shared, start=OPENING[claim.rigour], mover=mover(problem),
               rows=count(rows), lower="" if claim.lower is None else lower_end(claim.lower, DIGITS),
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


FIRST_ORDER_PREDICTION_CHANGE = Quantity(
    "first_order_prediction_change", "Change of the outputs at the evaluation rows, to first order", _sentence,
    linear="change of predictions", sized=True, nearest=True, evaluated=True, terms=first_order, row_noun="change",
    wonders="how far do the outputs of one evaluation row move together, to first order", scale=outputs,
)
