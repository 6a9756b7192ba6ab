"""The code of a label that a user names, as the data has it."""

from __future__ import annotations

import numpy as np

from certify.format.errors import InputError
from certify.problem.perturbations.codes import Codes, Targeted


def code_named(problem: Targeted, found: Codes, label: float, where: str) -> int:
    """The number of a label's code.

    With the logistic loss labels are -1 and 1, or 0 and 1, as in the data; with cross-entropy they are numbers of
    classes; with the squared loss the target of the one output, or the number of the output that a row marks.

    Args:
        problem: what has the labels.
        found: their codes.
        label: as the data has it.
        where: what to call it in messages.

    Raises:
        InputError: there is no such label.
    """
    known = known_labels(problem, found)
    for code, value in known.items():
        if value == label:
            return code
    raise InputError(where, f"label {label:g}", f"the labels are {', '.join(f'{v:g}' for v in sorted(known.values()))}")


def known_labels(problem: Targeted, found: Codes) -> dict[int, float]:
    """What the data calls the label of every code."""
    if problem.y is None and problem.outputs == 1:
        seen = set(np.asarray(problem.labels).ravel().tolist())
        return {0: -1.0 if -1 in seen else 0.0, 1: 1.0}
    if found.codes.shape[1] == 1:
        return dict(enumerate(found.codes[:, 0].tolist()))
    return {code: float(np.argmax(row)) for code, row in enumerate(found.codes)}
