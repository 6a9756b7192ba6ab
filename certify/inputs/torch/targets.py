"""Targets in memory as a loss takes them: labels or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import given_numbers
from certify.inputs.numbers import first_index
from certify.inputs.targets import TARGETS
from certify.inputs.torch.rows import plain
from certify.rigor.fp import Array


def targets_for(y: Any, loss: str, n: int, outputs: int) -> tuple[Array | None, Array | None]:
    """Real targets `(n, k)` or labels `(n,)` for a loss; the other is None.

    Args:
        y: `(n,)` or `(n, 1)` class numbers or numbers, or `(n, k)` numbers.
        loss: its word.
        n: rows of features.
        outputs: k.

    Raises:
        InputError: what the loss does not take.

    >>> targets_for([0, 1, 1], "logistic", 3, 1)[1].tolist(), targets_for([0.5, 1.0], "squared", 2, 1)[0].tolist()
    ([0, 1, 1], [[0.5], [1.0]])
    """
    raw = np.asarray(plain(y))
    values = given_numbers(raw, "y")
    if values.ndim not in (1, 2) or len(values) != n:
        raise InputError("y", f"shape {values.shape} for {n} rows", "give (n,) or (n, k) targets, one for each row")
    kind = TARGETS[loss]
    if not kind.are_labels(raw):
        wanted = values.reshape(n, -1)
        if wanted.shape[1] != outputs:
            hint = kind.hint.replace("training.", "") if outputs > 1 else ""
            raise InputError("y", f"{wanted.shape[1]} numbers a row, and the module has {outputs} outputs",
                             f"give (n, {outputs}) numbers for the {loss} loss{hint}")
        return kind.taken(wanted, "y"), None
    if values.size != n:
        raise InputError("y", f"shape {values.shape}", f"give one label a row for the {loss} loss")
    labels = values.reshape(-1)
    allowed, words = kind.allowed(labels, outputs)
    if not allowed.all():
        at = first_index(~allowed)[0]
        raise InputError(f"y, entry {at}", f"label {labels[at]:g}", f"labels of the {loss} loss are {words}")
    return None, labels.astype(np.int64)
