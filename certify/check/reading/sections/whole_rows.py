"""What a spec has to say where rows change whole or not at all, and where the training is not as usual (Q6, D1)."""

from __future__ import annotations

from functools import partial

from certify.check.reading.sections.demands import CONVEX, LABELS, Goes, Words, judged

WHOLE = ("labels", "deletions")
"""Parameters of which a row changes whole or not at all, without a size."""
ROWS: Words = CONVEX | {"set": "sparse", "counts_alone": True}
"""A question about any `count` rows that change (D1)."""
OF_HEADS = ("one_vs_rest", "squared_hinge", "huber", "poisson")
"""Losses that are known of heads whose rows change whole, and of nothing else."""
ALONE = f"sparse and {LABELS} alone"

RULES = (
    Goes({"loss": OF_HEADS}, ROWS | {"parameter": WHOLE}, "training.loss", "loss",
         f"squared, cross_entropy or logistic, but where rows change whole, with {ALONE}"),
    Goes({"loss": "one_vs_rest"}, {"one_output": False}, "model.widths", "widths", "an output for each class"),
    Goes({"loss": ("huber", "poisson")}, {"parameter": "deletions"}, "training.loss", "loss", "a loss of labels"),
    Goes({"bias_decay": False}, ROWS | {"parameter": WHOLE, "decay": True}, "training.bias_decay", "bias_decay",
         f"true, but where rows change whole, with {ALONE}"),
    Goes({"normalization": "remaining"}, {"parameter": "deletions"}, "training.normalization", "normalization",
         "fixed, unless rows are left out"),
    Goes({"parameter": WHOLE}, CONVEX, "perturbation.parameter", "parameter", "finite changes of a convex last layer"),
    Goes({"parameter": WHOLE}, {"radius": None}, "perturbation.radius", "radius", "none, where rows change whole"),
    Goes({"parameter": "labels"}, {"set": ("sparse", "per_sample")}, "perturbation.set", "set",
         "sparse or per_sample"),
    Goes({"parameter": "deletions"}, ROWS, "perturbation.set", "set", ALONE),
    Goes({"parameter": "labels", "loss": "squared"}, ROWS, "training.loss", "loss",
         f"cross_entropy or logistic, or {ALONE}"),
)
demands = partial(judged, RULES)
"""Wrong or not, where, what is stated, what is needed."""
