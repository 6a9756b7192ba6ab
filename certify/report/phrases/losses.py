"""The losses in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Loss:
    """The loss of one row.

    Attributes:
        name: as it is written in prose.
        meaning: what it is.
        tilt: what a linear term through the outputs is to it.
        tilt_with_decay: the same where there is a weight decay.
    """

    name: str
    meaning: str
    tilt: str
    tilt_with_decay: str


_SHIFT, _SLOPE = "It is the same as a shift of the targets.", "It changes the slope of every row’s loss by a constant."

LOSSES: Final = {
    "squared": Loss("squared", "half the squared distance between the outputs and the targets", _SHIFT, _SHIFT),
    "logistic": Loss("logistic", "log(1 + exp(−s·f)), f the output and s = ±1 the class", _SLOPE, _SLOPE),
    "cross_entropy": Loss(
        "cross-entropy", "the cross-entropy between the softmax of the outputs and the target",
        "It is the same as a shift of the class probabilities aimed at.",
        "It changes the slopes of every row’s loss by constants."),
    "one_vs_rest": Loss("logistic, each class against the rest", "the sum over the outputs f of log(1 + exp(−s·f)), "
                        "s = 1 at the row’s class and −1 elsewhere", _SLOPE, _SLOPE),
    "squared_hinge": Loss("squared hinge", "half the square of max(0, 1 − s·f), f the output and s = ±1 the class; of "
                          "several outputs the sum, s = 1 at the row’s class and −1 elsewhere", _SLOPE, _SLOPE),
    "huber": Loss("Huber", "half the square of the difference of output and target up to 1, and beyond it the "
                  "difference less one half", _SLOPE, _SLOPE),
    "poisson": Loss("Poisson", "exp(f) − y·f, f the output, the logarithm of the expected count, and y the target",
                    _SHIFT, _SHIFT),
    "gamma": Loss("Gamma", "y·exp(−f) + f, f the output, the logarithm of the expected amount, and y > 0 the target",
                  _SLOPE, _SLOPE),
}
