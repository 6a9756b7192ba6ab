"""What a label is that `stable_predictions` counts, in words, and when nothing says so."""

from __future__ import annotations

from typing import Final

QUANTITY: Final = "stable_predictions"
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
