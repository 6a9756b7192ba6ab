"""Who may change which rows: a row of plain words for each kind of data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from certify.certificate.schema import Problem


@dataclass(frozen=True)
class Threat:
    """A change of one kind of data, as what somebody does.

    Attributes:
        who: who or what brings it about.
        poisoning: what class of poisoning of NIST AI 100-2 lies nearest, and in what they differ.
    """

    who: str
    poisoning: str


THREATS: Final[dict[str, Threat]] = {
    "features": Threat(
        "whoever or whatever alters the inputs of training rows: an error of measurement, rounding, or somebody who "
        "can write to the data and leaves the labels as they are",
        "training rows whose inputs are altered and whose labels stay, as in clean-label poisoning; here each move is "
        "small, and of a stated size"),
    "targets": Threat(
        "whoever or whatever alters the target values of training rows: an error of measurement, or somebody who can "
        "write to them",
        "control over labels, where labels are numbers; here each move is of a stated size"),
    "sample_weights": Threat(
        "whoever decides how much each training row counts: rows that are repeated, counted less, or dropped",
        "no class of its own; a row that counts twice or not at all is control over part of the training data"),
    "labels": Threat(
        "whoever assigns labels: an annotator who errs, or somebody who flips labels on purpose",
        "control over labels alone: label flipping"),
    "deletions": Threat(
        "whoever can take rows out of the training data: people who ask for erasure, a supplier who holds rows back, "
        "or somebody who suppresses them",
        "no class of its own; rows that were put in by somebody are among those that may be taken out again"),
}
"""By what changes."""

FRESH: Final[dict[str, Threat]] = {
    "added": Threat(
        "whoever can put rows into the training data: a supplier, people whose data is collected, or somebody who "
        "plants rows",
        "control over part of the training data: rows are inserted, with inputs and labels that somebody chooses "
        "within the stated ranges"),
    "replaced": Threat(
        "whoever can put rows into the training data and take others out: a supplier, people whose data is collected, "
        "or somebody who exchanges rows",
        "control over part of the training data: rows are inserted in the place of others, with inputs and labels that "
        "somebody chooses within the stated ranges"),
}
"""By what becomes of new rows."""

RELABELLED: Final = Threat(
    "whoever can take rows out of the training data, and whoever assigns labels: people who ask for erasure, a "
    "supplier who holds rows back, an annotator who errs, or somebody who does one of them on purpose",
    "control over labels, label flipping, together with the removal of rows, which has no class of its own")
"""Where some rows are left out and others get other labels."""

WHICHEVER: Final = "They choose the rows. Of a chosen row the whole change happens; it has no size."
WORST: Final = ("Everything: the model, all data and how it is trained. The claims are about every change within these "
                "limits, the worst one too.")
GIVEN: Final = "This does not matter: the change is stated."
OUT_OF_REACH: Final = (
    "the model file, the training procedure and its settings, the evaluation rows, the program that proves and the "
    "files after they were bound")


def threat_of(problem: Problem) -> Threat:
    """Who changes what: by the kind of data, and by what becomes of whole rows."""
    if problem.fresh is not None:
        return FRESH[problem.fresh.rows]
    return RELABELLED if problem.relabelled is not None else THREATS[problem.parameter]
