"""When the one solution of a last layer lies far from the weights in the file, and what explains it."""

from __future__ import annotations

from typing import Final

FAR: Final = 1e-3
"""Share of the length of the given weights beyond which the one solution is pointed out to be another point."""

ANOTHER: Final = 0.1
"""Share of that length beyond which the one solution is likely that of another training: solvers stop nearer to it."""

EXPLAINED: Final = 2.0**-6
"""Share of the gradient that may be left when the weight decay of the biases is said to be its cause."""


NOT_THESE: Final = "about the minimum on these rows, and not about these weights"
"""What an answer is about where the given weights are not known to be where it is."""


def beside(distance: float, length: float, squared: bool, ended: bool | None = None) -> str:
    """That answers are about a minimum beside the given weights, with what leaves a fit beside it; "" where it is near.

    Near is `FAR` for the squared loss and `ANOTHER` for others, whose solvers end a little short. That a fit keeps the
    rule by which its solver ends is said, and silences nothing: beside a small weight decay the rule is so coarse that
    fits with other sample weights keep it, too.

    Args:
        distance: from the given weights, an upper bound; NaN: nothing is known of it.
        length: of the given weights.
        squared: whether the loss is the squared one, which is mostly minimised in closed form: no tolerance is.
        ended: whether the weights keep the rule by which their solver ends; None: nobody knows it.

    >>> beside(0.01, 1.0, False), beside(0.01, 1.0, True)[:87]
    ('', 'answers are about the exact minimum of the stated loss, proved within 0.01 of the given')
    >>> beside(0.2, 1.0, False, ended=True)[-32:], beside(1e-4, 1.0, True, ended=False)[:58]
    ('. Answers are about that minimum', 'answers are about the exact minimum of the stated loss, pr')
    >>> beside(float("nan"), 1.0, False)[:56]
    'the exact minimum of the stated loss is proved only with'
    """
    if ended is not False and distance <= (FAR if squared else ANOTHER) * length:
        return ""
    if ended:
        return (f"the exact minimum of the stated loss is proved only within {distance:.2g} of the given weights, of "
                f"length {length:.2g}, which keep the rule by which their solver ends: beside this penalty the rule is "
                "coarse, and fits to other rows or with other sample weights may keep it, too (a smaller tol comes "
                "nearer). Answers are about that minimum")
    if distance <= ANOTHER * length:
        return (f"answers are about the exact minimum of the stated loss, proved within {distance:.2g} of the given "
                f"weights, of length {length:.2g}: sample weights, other rows or another penalty in training may be "
                "why")
    return (f"the exact minimum of the stated loss is proved only within {distance:.2g} of the given weights, of length"
            f" {length:.2g}: were they fitted with sample weights, to other data, or stopped early, or are columns of "
            "very different sizes? Answers are about that minimum")
