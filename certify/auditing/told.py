"""What somebody says of the files and of the training."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certify.format.errors import InputError
from certify.format.words import Normalization
from certify.format.words import words as words_of
from certify.spec.vocabulary import ACTIVATIONS, LOSSES

UNITS: Final = ("users", "groups", "customers", "clients", "patients", "people", "persons", "accounts", "sources",
                "batches", "subjects", "households")
"""What groups of rows are called."""
ONE: Final = {"people": "person", "persons": "person", "batches": "batch"}


def singular(unit: str) -> str:
    """One of them.

    >>> singular("users"), singular("batches")
    ('user', 'batch')
    """
    return ONE.get(unit, unit.removesuffix("s"))


NAMED: Final = "|".join((*UNITS, *dict.fromkeys(map(singular, UNITS))))


def owners(names: Iterable[str]) -> tuple[str, ...]:
    """The columns whose names say that they tell whose each row is.

    >>> owners(["age", "user_id", "CustomerID", "patient", "batch_size", "blood_group"])
    ('user_id', 'CustomerID', 'patient')
    """
    wanted = re.compile(rf"(?:{NAMED})[ _-]*(?:id|no|nr|number|name|key)?", flags=re.IGNORECASE)
    return tuple(name for name in names if wanted.fullmatch(name))


def of_owner(error: InputError, names: Iterable[str]) -> InputError:
    """The error, which says how a column is named that tells whose each row is, where it is about one of them.

    >>> print(of_owner(InputError("column 'user' in d.csv, row 0", "'a7'", "number it"), ["age", "user"]))
    column 'user' in d.csv, row 0: 'a7'; where 'user' says whose each row is, add --groups user; else number it
    """
    found = next((name for name in owners(names)
                  if error.asked.startswith(f"column {name!r}") or repr(name) in error.found), None)
    if found is None:
        return error
    return InputError(error.asked, error.found, f"where {found!r} says whose each row is, add --groups {found}; "
                      f"else {error.remedy}")


@dataclass(frozen=True)
class Told:
    """What somebody says of the files and of the training; None: nothing.

    Attributes:
        activation, loss, weight_decay, bias_decay, normalization: of the training.
        features, targets: names in the data file.
        threshold: of one real output: what parts two labels.
        probability: the same of one output that is log-odds.
        graph: a graph file that describes the network.
        factory: ``"package.module:callable"``, which makes the module.
        weights: name in the data file of what every row counted in the training.
        groups: name in the data file of whose each row is.
    """

    activation: str | None = None
    loss: str | None = None
    weight_decay: float | None = None
    bias_decay: bool = True
    normalization: str | None = None
    features: tuple[str, ...] = ()
    targets: str | None = None
    threshold: float | None = None
    graph: Path | None = None
    factory: str | None = None
    weights: str | None = None
    probability: float | None = None
    groups: str | None = None

    @property
    def divided(self) -> str:
        """What the losses are divided by where rows are left out; unsaid it is n, as before."""
        return self.normalization or str(Normalization.FIXED)

    @property
    def unsaid(self) -> tuple[str, ...]:
        """What a reader has to know where nobody said it, though it is no question without it."""
        if self.normalization is not None or not self.weight_decay:
            return ()
        return ("where rows are left out, the sum of the losses is still divided by the number of all rows; a mean "
                "over the rows that are left is --normalization remaining",)


def require_words(told: Told, verb: str = "") -> None:
    """Refuse words that are none.

    Args:
        told: what was said.
        verb: of the command line, in messages, e.g. ``"init "``.

    Raises:
        InputError: with the words that there are.
    """
    for option, word, words in (("activation", told.activation, ACTIVATIONS), ("loss", told.loss, LOSSES)):
        if word is not None and word not in words:
            raise InputError(f"{verb}--{option} {word}", "no such word", f"give one of {', '.join(words)}")
    if told.weight_decay is not None and not 0 <= told.weight_decay < float("inf"):
        raise InputError(f"{verb}--weight-decay {told.weight_decay}", "no penalty", "give a finite number from 0 on")
    if told.probability is not None and not 0 < told.probability < 1:
        raise InputError(f"{verb}--probability {told.probability}", "no probability", "give a number between 0 and 1")
    if told.probability is not None and told.threshold is not None:
        raise InputError(f"{verb}--probability {told.probability:g}", "--threshold parts labels too", "give one")
    if told.normalization not in (None, *words_of(Normalization)):
        raise InputError(f"{verb}--normalization {told.normalization}", "no such word", "give fixed or remaining")


def probability_of(odds: float) -> float:
    """About the probability that has these log-odds.

    >>> round(probability_of(0.3), 3), probability_of(-1000.0)
    (0.574, 0.0)
    """
    small = math.exp(-abs(odds))
    return (1.0 if odds >= 0 else small) / (1.0 + small)
