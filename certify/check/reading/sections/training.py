"""What of the training is not as most theorems have it: biases without weight decay, rows that are left, balance."""

from __future__ import annotations

from certify.format.canonical import Json, show
from certify.format.refusal import Invalid


def read(training: Json) -> Json:
    """Whether biases decay, what the losses are divided by where rows are left out, and whether labels are balanced."""
    decay = training.get("bias_decay", True)
    if not isinstance(decay, bool):
        raise Invalid("spec, training.bias_decay", f"{show(decay)} is stated", "true or false is needed")
    return {"bias_decay": decay, "normalization": training.get("normalization", "fixed"),
            "class_weight": training.get("class_weight")}
