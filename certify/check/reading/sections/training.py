"""What of the training is not as most theorems have it: biases without weight decay, rows that are left, balance."""

from __future__ import annotations

from sys import float_info

from certify.format.canonical import Json, show
from certify.format.refusal import Invalid
from certify.format.words import BALANCED


def read(training: Json) -> Json:
    """Whether biases decay, what the losses are divided by where rows are left out, and whether labels are balanced."""
    decay = training.get("bias_decay", True)
    if not isinstance(decay, bool):
        raise Invalid("spec, training.bias_decay", f"{show(decay)} is stated", "true or false is needed")
    return {"bias_decay": decay, "normalization": training.get("normalization", "fixed"),
            "class_weight": _class_weight(training["class_weight"]) if "class_weight" in training else None}


def _class_weight(given: object) -> str | tuple[float, ...]:
    """`balanced`, or a number above 0 for each label."""
    if given == BALANCED:
        return BALANCED
    if not isinstance(given, list) or len(given) < 2 or not all(
            type(x) in (int, float) and 0 < x <= float_info.max and float(x) == x for x in given):
        raise Invalid("spec, training.class_weight", f"{show(given)} is stated",
                      f"{show(BALANCED)}, or a list of numbers above 0, one for each label, is needed")
    return tuple(map(float, given))
