"""What a label is that is counted, in words, and which quantities count labels."""

from __future__ import annotations

from typing import Final

STABLE, CORRECT, TOLERATED = "stable_predictions", "correct_predictions", "tolerated_changes"
COUNTED: Final = (STABLE, CORRECT, TOLERATED)
"""What is about labels: how many stay, how many are right and stay, and how many changed rows each survives."""
UNIT: Final = "evaluation rows"


FUNCTIONALS: Final = "functionals"
"""The unit where the evaluation rows are linear functionals of a head's weights, and no rows that are predicted."""
OUTPUTS: Final = "output change"
MOVED: Final = "change of a functional"
"""The unit of how far outputs move where they are functionals."""
FROM_FILE: Final = "rows"
"""What a certificate says of functionals that are rows of the evaluation file; of single weights it has their names."""


def label_meaning(outputs: int, threshold: float | None, functionals: bool = False) -> str:
    """What the label of a row is, or of a functional what is counted of it.

    >>> label_meaning(3, None), label_meaning(1, None), label_meaning(1, 0.5)
    ('largest output', 'sign of the output', 'output above 0.5')
    >>> label_meaning(1, None, functionals=True), label_meaning(1, 0.5, functionals=True)
    ('sign of the functional', 'functional above 0.5')
    """
    if outputs > 1:
        return "largest output"
    what = "functional" if functionals else "output"
    return f"sign of the {what}" if threshold is None else f"{what} above {threshold!r}"


def label_unit(outputs: int, threshold: float | None, unit: str = UNIT, functionals: bool = False) -> str:
    """The unit of a number about labels: of rows, and what their label is.

    >>> label_unit(1, None), label_unit(1, None, functionals=True)
    ('evaluation rows (label: sign of the output)', 'functionals (sign of the functional)')
    """
    meaning = label_meaning(outputs, threshold, functionals)
    if functionals:
        return f"{FUNCTIONALS if unit == UNIT else unit} ({meaning})"
    return f"{unit} (label: {meaning})"
