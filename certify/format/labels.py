"""What a label is that is counted, in words, and which quantities count labels."""

from __future__ import annotations

from typing import Final

STABLE, CORRECT = "stable_predictions", "correct_predictions"
COUNTED: Final = (STABLE, CORRECT)
"""What counts labels: all that stay, and those that are right and stay."""
UNIT: Final = "evaluation rows"


def label_meaning(outputs: int, threshold: float | None) -> str:
    """What the label of a row is.

    >>> label_meaning(3, None), label_meaning(1, None), label_meaning(1, 0.5)
    ('largest output', 'sign of the output', 'output above 0.5')
    """
    if outputs > 1:
        return "largest output"
    return "sign of the output" if threshold is None else f"output above {threshold!r}"


def label_unit(outputs: int, threshold: float | None) -> str:
    """The unit of a number of labels: the rows, and what their label is.

    >>> label_unit(1, None)
    'evaluation rows (label: sign of the output)'
    """
    return f"{UNIT} (label: {label_meaning(outputs, threshold)})"
