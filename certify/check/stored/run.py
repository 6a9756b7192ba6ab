"""The order of checking a certificate about rows on disk; the first bad step ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flint import ctx

from certify.check.reading.arrays import Array, read_arrays
from certify.check.reading.files import Places, read_file
from certify.check.stored import deletions, labels
from certify.check.stored.evaluated import Row, evaluated, shape_of, weights_of_file
from certify.check.stored.ground import Ground, Rows, classes_of, ground
from certify.check.stored.lengths.decided import Lengths
from certify.check.stored.npy import Stored, stored
from certify.check.stored.stated import Stated, read_stated
from certify.format.canonical import show
from certify.format.refusal import Invalid
from certify.format.stored import WITNESS

PRECISION = 128
"""Bits of balls."""

AXES = {"data": 2, "labels": 1, "evaluation": 2}
"""By file the axes of its array."""

Tell = Callable[[str], None]


class Method(Protocol):
    """What checks evaluation rows: one after the other, and then those that are left.

    Attributes:
        already: how many of those that flip have another label before any change.
    """

    already: int

    def take(self, row: Row) -> None: ...  # noqa: D102
    def decide(self, tell: Callable[[str], None]) -> None: ...  # noqa: D102


METHODS: dict[str, Callable[[Ground, Stated, Tell], Method]] = {"labels": labels.method, "deletions": deletions.method}
"""By what may happen to rows: what checks the evaluation rows that are stated."""


@dataclass(frozen=True)
class Checked:
    """A certificate that checked.

    Attributes:
        stated: what it states, all of which is proved.
        already: how many of those that flip have another label before any change.
        near: at least how far the weights are from the minimum, as a part of their length; None: it was not asked.
        files: role, path and digest of each file.
    """

    stated: Stated
    already: int
    near: float | None
    files: tuple[tuple[str, str, str], ...]


def check(path: Path, data: bytes, given: dict[str, Path | None], tell: Tell,
          afford: Callable[[Stated], None] = lambda _: None) -> Checked:
    """Check a certificate against the original files.

    Args:
        path, data: of the certificate.
        given: paths of its files by role; None for the recorded ones.
        tell: called with a line of progress.
        afford: called before anything is derived; raises where that would take too much.
    """
    stated = read_stated(data, f"certificate file {show(str(path))}")
    places = Places(stated.subject, path.parent, given)
    arrays = {role: stored(places.found[role], role, stated.subject[role], axes) for role, axes in AXES.items()}
    rows = _rows(stated, arrays)
    model = read_arrays(read_file(places, "model"), "model file")
    afford(stated)
    with ctx.workprec(PRECISION):
        found = BY_LOSS[stated.loss](places, stated, rows, arrays, model, tell)
    near = found.near if isinstance(found, Lengths) else None
    return Checked(stated, found.already, near, tuple((role, str(places.found[role]), stated.subject[role].sha256)
                                                      for role in stated.subject))


def _squared(_: Places, stated: Stated, rows: Rows, arrays: dict[str, Stored], model: dict[str, Array],
             tell: Tell) -> Method:
    """D3, D4a, D4c, D4f."""
    base = ground(rows, stated.penalty, stated.free, tell)
    if base.system.inverse.X is None:
        raise Invalid("problem", "the model is the one minimum", "no inverse of the normal matrix was found")
    tell("its inverse is proved")
    outputs = 1 if stated.classes == 2 else stated.classes
    weights = weights_of_file(model, outputs, stated.columns, rows.ones, "model file", base.system.shifts)
    method = METHODS[stated.change](base, stated, tell)
    asked = [False] * stated.evaluation_rows
    for j in (*stated.stays, *stated.flips):
        asked[j] = True
    for row in evaluated(base, arrays["evaluation"], weights, asked):
        method.take(row)
    method.decide(tell)
    return method


def _logistic(places: Places, stated: Stated, rows: Rows, arrays: dict[str, Stored], model: dict[str, Array],
              tell: Tell) -> Lengths:
    """D14."""
    found = Lengths(rows, stated, read_arrays(read_file(places, WITNESS), "witness file"), tell)
    found.decide(arrays["evaluation"], model)
    return found


BY_LOSS: dict[str, Callable[..., Method | Lengths]] = {"squared": _squared, "logistic": _logistic}
"""By the loss: what checks all that is stated."""


def _rows(stated: Stated, arrays: dict[str, Stored]) -> Rows:
    """The training rows and their classes, whose sizes are the stated ones."""
    features = arrays["data"]
    if arrays["labels"].shape[0] != features.shape[0]:
        raise Invalid(arrays["labels"].where, f"it has {arrays['labels'].shape[0]} labels",
                      f"there are {features.shape[0]} rows")
    classes, number = classes_of(arrays["labels"].words(), arrays["labels"].where)
    found = {"rows": features.shape[0], "columns": features.shape[1], "classes": number,
             "evaluation_rows": shape_of(arrays["evaluation"], features.shape[1])}
    for name, size in found.items():
        if getattr(stated, name) != size:
            raise Invalid(f"problem.{name}", f"{getattr(stated, name)} is stated", f"the files give {size}")
    return Rows(features, classes, number, stated.free is not None)
