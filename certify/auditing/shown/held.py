"""What became of a threshold that somebody gave, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from certify.format.digits import DIGITS, at_least, at_most

FEW: Final = 4
"""Digits, where these say on which side of the threshold an end lies."""


def held(side: str, threshold: float | None, claim: Mapping[str, Any], answer: str) -> str:
    """An answer with what became of the threshold; first that it is not met and what stands against it.

    The end is shown with enough digits that it lies on the other side as it is shown.

    Args:
        side: `"min"` or `"max"`.
        threshold: the number; None: nobody gave one.
        claim: of the certificate.
        answer: what it says, in a sentence.

    >>> held("max", 9.0, {"verdict": "certified"}, "no output moves by more than 8")
    'no output moves by more than 8; --max 9 is met'
    >>> held("max", 7.0, {"verdict": "refuted", "lower": 7.25}, "no output moves by more than 8")
    '--max 7 is not met (7.25 is reached): no output moves by more than 8'
    >>> held("min", 48.0, {"verdict": "refuted", "upper": 40}, "31 stay")
    '--min 48 is not met (it is 40 at most): 31 stay'
    """
    if threshold is None:
        return answer
    if claim["verdict"] != "refuted":
        return f"{answer}; --{side} {threshold:g} is {'met' if claim['verdict'] == 'certified' else 'left open'}"
    against = (f"{_beyond(claim['lower'], threshold, at_least)} is reached" if side == "max" else
               f"it is {_beyond(claim['upper'], threshold, at_most)} at most")
    return f"--{side} {threshold:g} is not met ({against}): {answer}"


def _beyond(end: float, threshold: float, rounded: Callable[[float, int], str]) -> str:
    """The end in few digits that do not reach the threshold, else in all."""
    shown = (rounded(end, digits) for digits in (FEW, DIGITS, 2 * DIGITS))
    return next((text for text in shown if (float(text) - threshold) * (end - threshold) > 0), repr(end))
