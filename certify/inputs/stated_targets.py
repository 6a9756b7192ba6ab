"""Targets that a caller gives beside a loss, and which losses fit targets where none is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Loss, words
from certify.inputs.given import given_numbers
from certify.inputs.numbers import first_index, place
from certify.inputs.targets import TARGETS
from certify.rigor.fp import Array


@dataclass(frozen=True, eq=False)
class StatedTargets:
    """Targets as a problem takes them.

    Attributes:
        y: `(n, k)` real targets or probabilities, or None.
        labels: `(n,)` class numbers or signs, or None.
        classes: what the caller calls the classes, ascending; None: numbers.
    """

    y: Array | None
    labels: Array | None
    classes: tuple[Any, ...] | None = None


def stated_targets(given: Any, loss: str, outputs: int, name: str = "y") -> StatedTargets:
    """The targets of a loss.

    Args:
        given: `(n,)` labels or numbers, `(n, k)` numbers; labels may be words.
        loss: its word.
        outputs: of the network.
        name: what to call them.

    Raises:
        InputError: they do not fit the loss, or the network.

    >>> found = stated_targets(["no", "yes", "no"], "logistic", 1)
    >>> found.labels.tolist(), found.classes
    ([0.0, 1.0, 0.0], ('no', 'yes'))
    >>> stated_targets([0.5, 1.0], "squared", 1).y.tolist()
    [[0.5], [1.0]]
    """
    if loss not in TARGETS:
        raise InputError("loss", f"{loss!r}", f"use one of {', '.join(words(Loss))}")
    classes, raw = _numbered(given, name)
    kind = TARGETS[loss]
    if classes is not None and not kind.are_labels(raw):
        raise InputError(name, f"labels that are words, with the {loss} loss", f"use a loss of labels: "
                         f"{_listed(fitting(given, outputs, name))}, or give numbers")
    if classes is not None and len(classes) != max(outputs, 2):
        raise InputError(name, f"{len(classes)} different labels, of a network with {outputs} outputs",
                         f"give labels of {max(outputs, 2)} kinds, or their numbers")
    if not kind.are_labels(raw):
        y = given_numbers(raw, name)
        shape = (len(y), 1) if y.ndim == 1 else y.shape
        if shape != (len(y), outputs):
            raise InputError(name, f"shape {y.shape}, and the network has {outputs} outputs",
                             f"give ({len(y)}, {outputs}) numbers{kind.hint if shape[1:] == (1,) else ''}")
        return StatedTargets(kind.taken(y.reshape(shape), name), None)
    labels = given_numbers(raw, name)
    if labels.ndim != 1 and labels.shape[1:] != (1,):
        raise InputError(name, f"shape {labels.shape}", "give one label a row")
    labels = labels.reshape(-1)
    allowed, said = kind.allowed(labels, outputs)
    if not allowed.all():
        at = first_index(~allowed)
        raise InputError(f"{name}, {place(at)}", f"label {labels[at]:g}", f"labels are {said}")
    return StatedTargets(None, labels, classes)


def fitting(given: Any, outputs: int, name: str = "y", heads: bool = True) -> tuple[str, ...]:
    """The losses that targets may have been meant for.

    Args:
        given: the targets.
        outputs: of the network.
        name: what to call them.
        heads: whether losses count that are known of one layer alone.

    >>> fitting([0, 1, 2], 3), fitting([0.5, -1.5], 1)
    (('cross_entropy', 'one_vs_rest', 'squared_hinge'), ('squared', 'huber'))
    >>> fitting([0, 1, 2], 3, heads=False)
    ('cross_entropy',)
    """
    classes, raw = _numbered(given, name)
    return tuple(str(loss) for loss in Loss if (heads or not loss.of_heads) and _fits(loss, raw, outputs, classes))


def chosen_loss(given: Any, outputs: int, loss: str | None, heads: bool) -> str:
    """The loss that is stated, or the only one that fits the targets.

    Raises:
        InputError: none is stated and several fit, or none does.
    """
    if loss is not None:
        return loss
    found = fitting(given, outputs, heads=heads)
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError("loss", f"not given, and none fits targets of shape {np.shape(given)} and {outputs} outputs",
                         "give one target or class number a row, or one number for every output")
    raise InputError("loss", "not given, and several fit the targets", f"give loss = {_listed(found)}")


def _fits(loss: Loss, raw: Array, outputs: int, classes: tuple[Any, ...] | None) -> bool:
    kind = TARGETS[loss]
    if (loss.one_output and outputs != 1) or (loss.outputs_by_class and outputs < 2):
        return False
    column = raw.ndim == 1 or raw.shape[1:] == (1,)
    if kind.are_labels(raw):
        return column and bool(kind.allowed(np.ravel(raw), outputs)[0].all())
    if classes is not None or (len(raw), outputs) != (raw.shape if raw.ndim == 2 else (len(raw), 1)):
        return False
    try:
        kind.taken(raw.reshape(len(raw), -1), "y")
    except InputError:
        return False
    return bool((raw >= kind.least).all())


def _numbered(given: Any, name: str) -> tuple[tuple[Any, ...] | None, Array]:
    """The classes of labels that are words, and the targets as numbers."""
    raw = np.asarray(given)
    if raw.ndim == 0:
        raise InputError(name, f"{given!r}", "give a target for every row")
    if raw.dtype.kind == "O" and all(isinstance(one, str) for one in raw.ravel().tolist()):
        raw = raw.astype(str)
    if raw.dtype.kind not in "US":
        return None, raw if raw.dtype.kind in "biuf" else given_numbers(raw, name)
    classes, numbers = np.unique(raw, return_inverse=True)
    return tuple(classes.tolist()), numbers.reshape(raw.shape)


def _listed(losses: tuple[str, ...]) -> str:
    return " or ".join(f"'{loss}'" for loss in losses) or "none fits"
