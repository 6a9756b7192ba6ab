"""What a label is that is counted, in words, and which quantities count labels."""

from __future__ import annotations

from typing import Final

STABLE, CORRECT, TOLERATED = "stable_predictions", "correct_predictions", "tolerated_changes"
COUNTED: Final = (STABLE, CORRECT, TOLERATED)
"""What is about labels: how many stay, how many are right and stay, and how many changed rows each survives."""
UNIT: Final = "evaluation rows"


def label_meaning(outputs: int, threshold: float | None) -> str:
    """What the label of a row is.

    >>> label_meaning(3, None), label_meaning(1, None), label_meaning(1, 0.5)
    ('largest output', 'sign of the output', 'output above 0.5')
    """
    if outputs > 1:
        return "largest output"
    return "sign of the output" if threshold is None else f"output above {threshold!r}"


def label_unit(outputs: int, threshold: float | None, unit: str = UNIT) -> str:
    """The unit of a number about labels: of rows, and what their label is.

    >>> label_unit(1, None)
    'evaluation rows (label: sign of the output)'
    """
    return f"{unit} (label: {label_meaning(outputs, threshold)})"
