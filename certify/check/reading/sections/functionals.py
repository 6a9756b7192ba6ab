"""Linear functionals of a head's weights in place of evaluation rows: what a spec says, and what that goes with."""

from __future__ import annotations

from functools import partial

from certify.check.reading.optional.columns import columns
from certify.check.reading.sections.demands import FUNCTIONAL, LABELS, TOLERATED, Goes, judged
from certify.check.reading.sections.evaluation import threshold
from certify.check.reading.sections.whole_rows import ALONE, ROWS
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

BESIDE = (LABELS, TOLERATED, "prediction_change", "distance", FUNCTIONAL)
"""What may be asked beside functionals."""
WHOLE = ROWS | {"parameter": ("labels", "deletions")}
RULES = (
    Goes({"quantity": FUNCTIONAL}, WHOLE | {"functionals": True}, "gate", "quantity",
         f"labels or deletions, with {ALONE}, and what multiplies the intercept"),
    Goes({"functionals": True},
         WHOLE | {"one_layer": True, "one_output": True, "graph": False,
                  "kind": (None, "groups", "relabelled", "pairs"), "quantity": BESIDE},
         "evaluation", "functionals", "none but of one layer with one output where whole rows change, none is new, "
         f"and gates are on {', '.join(BESIDE)}"))
demands = partial(judged, RULES)
"""Of functionals and their range: wrong or not, where, what is stated, what is needed."""


def read(value: Json) -> Json:
    """What a section `[evaluation]` says: the name of what multiplies the intercept, or the columns of single weights.

    Raises:
        Invalid: it is of another form, or rows of a file stand beside single weights.
    """
    if "coefficients" in value:
        if not value.keys() <= {"coefficients", "threshold"}:
            raise Invalid("spec, evaluation", show(value), "coefficients stand alone, or with a threshold")
        given = value["coefficients"]
        listed = given if given == "all" else columns(given, "spec, evaluation.coefficients")
        return {"functionals": {"intercept": None, "coefficients": listed}, "threshold": threshold(value)}
    if not isinstance(value["intercept"], str) or not value["intercept"]:
        raise Invalid("spec, evaluation.intercept", show(value["intercept"]), "a name is needed")
    return {"functionals": {"intercept": value["intercept"], "coefficients": None}}
