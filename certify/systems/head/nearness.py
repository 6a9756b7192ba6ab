"""When the one solution of a last layer lies far from the weights in the file, and what explains it."""

from __future__ import annotations

from typing import Final

import numpy as np

from certify.rigor.fp import Array

FAR: Final = 1e-3
"""Share of the length of the given weights beyond which the one solution is pointed out to be another point."""

ANOTHER: Final = 0.1
"""Share of that length beyond which the one solution is likely that of another training: solvers stop nearer to it."""

SOLVED, SINGLY = 1e-6, 1e-3
"""Shares of what adds up to a gradient, or of predictions, that rounding may leave of the solution of a linear system:
in double precision, and in single precision."""

EXPLAINED: Final = 2.0**-6
"""Share of the gradient that may be left when the weight decay of the biases is said to be its cause."""


def solved(weights: Array) -> float:
    """`SOLVED`; `SINGLY` of weights that are all numbers of single precision, as those of rows of such numbers are.

    >>> solved(np.array([0.1, 0.2])), solved(np.array([0.1, 0.2], dtype=np.float32).astype(np.float64))
    (1e-06, 0.001)
    """
    with np.errstate(over="ignore"):
        return SINGLY if np.array_equal(weights, np.asarray(weights, dtype=np.float32)) else SOLVED


def beside(distance: float, length: float, squared: bool) -> str:
    """That answers are about a minimum beside the given weights, with what leaves a fit beside it; "" where it is near.

    Near is `FAR` for the squared loss and `ANOTHER` for others, whose solvers end a little short.

    Args:
        distance: from the given weights, an upper bound; NaN: nothing is known of it.
        length: of the given weights.
        squared: whether the loss is the squared one, which is mostly minimised in closed form: no tolerance is.

    >>> beside(0.01, 1.0, False), beside(0.01, 1.0, True)[:87]
    ('', 'answers are about the exact minimum of the stated loss, proved within 0.01 of the given')
    >>> beside(float("nan"), 1.0, False)[:56]
    'the exact minimum of the stated loss is proved only with'
    """
    if distance <= (FAR if squared else ANOTHER) * length:
        return ""
    if distance <= ANOTHER * length:
        return (f"answers are about the exact minimum of the stated loss, proved within {distance:.2g} of the given "
                f"weights, of length {length:.2g}: sample weights, other rows or another penalty in training may be "
                "why")
    return (f"the exact minimum of the stated loss is proved only within {distance:.2g} of the given weights, of length"
            f" {length:.2g}: were they fitted with sample weights, to other data, or stopped early, or are columns of "
            "very different sizes? Answers are about that minimum")
