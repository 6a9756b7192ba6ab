"""The line of common sense on how well a network fits its data, as it is shown and as a certificate keeps it.

It is computed in :mod:`certify.problem.fitting`; reading it needs no numpy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

_MEANING: Final = {
    "squared": "squared: mean of ½|f − y|²", "logistic": "logistic", "cross_entropy": "cross_entropy",
    "one_vs_rest": "one_vs_rest: sum of the logistic losses of all outputs",
    "squared_hinge": "squared_hinge: mean of ½max(0, 1 − sf)²", "huber": "huber: threshold 1",
    "poisson": "poisson: mean of e^f − y·f", "gamma": "gamma: mean of y·e^(−f) + f",
}
_QUESTION: Final = "is this what you remember?"


@dataclass(frozen=True)
class Fit:
    """Training loss and accuracy in plain floating point.

    Attributes:
        loss: the word of the loss.
        value: `(1/n) Σ ℓ_i` without weight decay, to four digits, every row by its weight; None where there is no
            number.
        right: rows whose label is predicted; None where targets are no classes.
        rows: rows that were looked at: the first ones.
        of: rows that there are.
        trouble: why there is no number; "" where there is one.
        stated: whether the spec names the loss; else it is the default.
        weighed: whether rows carry weights.
        ended: whether the weights keep the rule by which the solver of their fit ends; None: nobody knows it.
        threshold: of one output, above which it is the second label; None: 0.

    >>> Fit("logistic", 0.0493, 420, 426, 426).sentence()
    'training loss 0.0493 (logistic), accuracy 98.6 % of 426 rows with this network: is this what you remember?'
    """

    loss: str
    value: float | None
    right: int | None
    rows: int
    of: int
    trouble: str = ""
    stated: bool = True
    weighed: bool = False
    ended: bool | None = None
    threshold: float | None = None

    def sentence(self) -> str:
        """The line for a person."""
        if self.value is None:
            return f"training loss not known with this network: {self.trouble}"
        meaning = _MEANING[self.loss] + ("" if self.stated else ", as the spec names no loss") + (
            "; rows count by their weights" if self.weighed else "")
        which = f"{self.rows} rows" if self.rows == self.of else f"the first {self.rows} of {self.of} rows"
        accuracy = " on" if self.right is None else f", accuracy {percent(self.right, self.rows)} of"
        return (f"training loss {self.value:.4g} ({meaning}){accuracy} {which}{self.parted} with this network: "
                f"{_QUESTION}")

    @property
    def parted(self) -> str:
        """Where labels part, in words; "" at 0, or where there are none.

        >>> Fit("logistic", 0.0493, 420, 426, 426, threshold=-0.8473).parted
        ', labels parted at an output of -0.8473'
        """
        none = self.right is None or not self.threshold
        return "" if none else f", labels parted at an output of {self.threshold:.4g}"

    def as_json(self) -> dict[str, Any]:
        """Its members, as a certificate keeps them beside the description of the machine."""
        return asdict(self)


def percent(part: int, whole: int) -> str:
    """A share to a tenth of a percent; 100.0 and 0.0 are exact.

    >>> percent(420, 426), percent(9999, 10000), percent(1, 10000), percent(3, 3)
    ('98.6 %', '99.9 %', '0.1 %', '100.0 %')
    """
    tenths = round(1000 * part / whole)
    if 0 < part < whole:
        tenths = min(max(tenths, 1), 999)
    return f"{tenths / 10:.1f} %"


def recorded(entry: object) -> Fit | None:
    """The fit that a certificate keeps, or None if what is there is none: that member is free, so anybody's.

    >>> recorded(Fit("squared", 0.25, None, 2, 2).as_json()).value, recorded("0.25"), recorded({"loss": "squared"})
    (0.25, None, None)
    """
    younger, known = {"weighed", "ended", "threshold"}, set(Fit.__dataclass_fields__)
    if not isinstance(entry, Mapping) or set(entry) | younger != known:
        return None
    made = Fit(**entry)
    counts = (made.rows, made.of, 0 if made.right is None else made.right)
    whole = all(type(count) is int and count >= 0 for count in counts)
    number = made.value is None or type(made.value) in (int, float) and math.isfinite(made.value)
    fits = whole and 0 < made.rows <= made.of and (made.right or 0) <= made.rows
    words = isinstance(made.loss, str) and made.loss in _MEANING and isinstance(made.trouble, str)
    said = type(made.stated) is type(made.weighed) is bool and (made.ended is None or type(made.ended) is bool)
    parted = made.threshold is None or type(made.threshold) in (int, float) and math.isfinite(made.threshold)
    return made if number and fits and words and said and parted else None
