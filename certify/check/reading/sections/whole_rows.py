"""What a spec has to say where rows change whole or not at all, and where the training is not as usual (Q6, D1)."""

from __future__ import annotations

from functools import partial

from certify.check.reading.sections.demands import BUDGETS, CONVEX, LABELS, Goes, Words, judged

WHOLE = ("labels", "deletions")
"""Parameters of which a row changes whole or not at all, without a size."""
FINITE: Words = CONVEX | {"set": (*BUDGETS, "given")}
ROWS: Words = CONVEX | {"set": ("sparse", "given"), "counts_alone": True}
"""A question about any `count` rows that change, or about these (D1)."""
ALONE = f"sparse or given and {LABELS} alone"

RULES = (
    Goes({"bias_decay": False}, ROWS | {"parameter": WHOLE, "decay": True}, "training.bias_decay", "bias_decay",
         f"true, but where rows change whole, with {ALONE}"),
    Goes({"normalization": "remaining"}, {"parameter": "deletions"}, "training.normalization", "normalization",
         "fixed, unless rows are left out"),
    Goes({"parameter": WHOLE}, FINITE, "perturbation.parameter", "parameter", "finite changes of a convex last layer"),
    Goes({"parameter": WHOLE}, {"radius": None}, "perturbation.radius", "radius", "none, where rows change whole"),
    Goes({"parameter": "labels"}, {"set": ("sparse", "per_sample", "given")}, "perturbation.set", "set",
         "sparse, per_sample or given"),
    Goes({"parameter": "labels", "set": "given"}, ROWS, "perturbation.set", "set", ALONE),
    Goes({"parameter": "deletions"}, ROWS, "perturbation.set", "set", ALONE),
    Goes({"parameter": "labels", "loss": "squared"}, ROWS, "training.loss", "loss",
         f"cross_entropy or logistic, or {ALONE}"),
)
demands = partial(judged, RULES)
"""Wrong or not, where, what is stated, what is needed."""
