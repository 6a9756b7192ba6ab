"""What a spec has to say where rows change whole or not at all, and where the training is not as usual (Q6, D1)."""

from __future__ import annotations

from functools import partial
from itertools import combinations

from certify.check.reading.optional.row_kind import read_kind
from certify.check.reading.sections.demands import BUDGETS, CONVEX, CORRECT, LABELS, TOLERATED, Goes, Words, judged
from certify.check.words.losses import OF_HEADS
from certify.format.canonical import Json

WHOLE = ("labels", "deletions")
"""Parameters of which a row changes whole or not at all, without a size."""
FINITE: Words = CONVEX | {"set": (*BUDGETS, "given")}
ROWS: Words = CONVEX | {"set": ("sparse", "given")}
"""A question about any `count` rows that change, or about these (D1)."""
ALONE = "sparse or given and quantities at finite size alone"
TARGETS: Words = {"map": "critical", "base": "nearby", "last": True, "decay": True, "loss": "squared", "norm": 2,
                  "set": "per_sample", "weights": "euclidean", "quantity": "prediction_change"}
SQUARED = "another one, but for targets of the squared loss of a last layer with a weight decay, each by itself"

KINDS: dict[str, Words] = {"groups": {"parameter": WHOLE, "listed": False}, "relabelled": {"parameter": "deletions"},
         "pairs": {"parameter": "labels"}, "fresh": {"parameter": "deletions", "loss": ("logistic", "squared"),
                                                     "normalization": "fixed", "one_output": True}}
"""What each key that says which rows change together, or how, goes with."""

NUMBERS = tuple(word for word, loss in OF_HEADS.items() if not (loss.signs or loss.classes))
"""Losses of heads whose targets are numbers, of which none is a label."""

RULES: tuple[Goes, ...] = (
    Goes({"loss": tuple(OF_HEADS)}, ROWS | {"parameter": WHOLE}, "training.loss", "loss",
         f"squared, cross_entropy or logistic, but where rows change whole, with {ALONE}"),
    Goes({"loss": "one_vs_rest", "known": True}, {"one_output": False}, "model.widths", "widths", "a second output"),
    Goes({"loss": NUMBERS}, {"parameter": "deletions"}, "training.loss", "loss", "a loss of labels"),
    Goes({"bias_decay": False, "parameter": (*WHOLE, "features", "sample_weights")}, ROWS | {
        "parameter": WHOLE, "decay": True}, "training.bias_decay", "bias_decay",
         f"true, but where rows change whole, with {ALONE}"),
    Goes({"bias_decay": False, "parameter": "targets"}, TARGETS, "training.bias_decay", "bias_decay", SQUARED),
    Goes({"kind": "relative", "parameter": "targets"}, TARGETS, "perturbation.relative", "kind", SQUARED),
    Goes({"kind": "relative"}, {"parameter": "targets"}, "perturbation.relative", "kind", "moving targets"),
    Goes({"weighed": True}, ROWS | {"parameter": WHOLE, "base": "nearby", "last": True, "decay": True}, "data.weights",
         "row_weights", f"none, but for a last layer alone with a weight decay whose rows change whole, with {ALONE}"),
    Goes({"weighed": True, "kind": ("fresh",)}, None, "data.weights", "row_weights", "none, where rows are new"),
    Goes({"class_weight": True}, ROWS | {"parameter": WHOLE, "base": "nearby", "last": True, "decay": True},
         "training.class_weight", "class_weight",
         f"none, but for a last layer alone with a weight decay whose rows change whole, with {ALONE}"),
    Goes({"class_weight": True, "loss": NUMBERS}, None, "training.class_weight", "class_weight",
         "none, where targets are numbers"),
    Goes({"class_weight": True, "kind": ("fresh",)}, None, "training.class_weight", "class_weight",
         "none, where rows are new"),
    Goes({"class_weight": True, "weighed": True}, None, "training.class_weight", "class_weight",
         "none, where rows carry weights of their own"),
    Goes({"normalization": "remaining"}, {"parameter": "deletions"}, "training.normalization", "normalization",
         "fixed, unless rows are left out"),
    Goes({"parameter": WHOLE}, FINITE, "perturbation.parameter", "parameter", "finite changes of a convex last layer"),
    Goes({"parameter": WHOLE}, {"radius": None}, "perturbation.radius", "radius", "none, where rows change whole"),
    Goes({"parameter": "labels"}, {"set": ("sparse", "per_sample", "given")}, "perturbation.set", "set",
         "sparse, per_sample or given"),
    Goes({"parameter": "labels", "set": "given"}, ROWS, "perturbation.set", "set", ALONE),
    Goes({"parameter": WHOLE, "set": "given"},
         {"norm": 2, "weights": "euclidean", "base": "nearby", "last": True, "decay": True}, "perturbation.set", "set",
         "base nearby, a last layer alone with a weight decay, and norms of 2, with given"),
    Goes({"parameter": "deletions"}, ROWS, "perturbation.set", "set", ALONE),
    Goes({"parameter": "labels", "loss": "squared"}, ROWS, "training.loss", "loss",
         f"cross_entropy or logistic, or {ALONE}"),
    Goes({"quantity": CORRECT}, ROWS | {"parameter": WHOLE}, "gate", "quantity",
         f"labels or deletions, with {ALONE}"),
    Goes({"quantity": TOLERATED}, ROWS | {"parameter": WHOLE, "set": "sparse", "kind": None}, "gate", "quantity",
         f"labels or deletions of any rows, one by one, with {TOLERATED}"),
    *(Goes({"kind": key}, ROWS | {"set": "sparse", "counts_alone": True} | then, f"perturbation.{key}", key,
           f"none but for any count of rows that change whole, with {LABELS} alone, and here {then}")
      for key, then in KINDS.items()),
    Goes({"kind": tuple(", ".join(some) for r in (2, 3, 4, 5) for some in combinations((*KINDS, "relative"), r))}, None,
         "perturbation", "kind", "one of these keys"),
    Goes({"parameter": "deletions", "set": "given"}, {"listed": True, "change": False}, "perturbation.rows", "rows",
         "the list of rows that are left out, and no file, with given"),
)
demands = partial(judged, RULES)
"""Wrong or not, where, what is stated, what is needed."""


def read(p: Json) -> Json:
    """Which change of whole rows is meant."""
    return {"kind": read_kind(p)}
