"""A picture of an audit: for each question about labels or signs a bar of those that stay, are undecided and flip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from certify.auditing.answering import Answer
from certify.prove.changed.axes import new_axes

COLOURS = {"proved to stay": "#1e6b4a", "undecided": "#c98f1d", "flipped (of right ones: or wrong today)": "#9c2b27"}


def drawn(answers: Sequence[Answer], axes: Any = None) -> Any:
    """Draw the bars.

    Args:
        answers: those of an audit.
        axes: of matplotlib; None: new ones.
    """
    counted = [a for a in answers if a.total]
    axes = new_axes(7.0, 0.7 * max(1, len(counted)) + 0.8) if axes is None else axes
    for place, answer in enumerate(counted):
        points = answer.total  # coefficients are not as many as predictions
        low, high = int(answer.lower or 0), points if answer.upper is None else int(answer.upper)
        start = 0
        for (word, colour), width in zip(COLOURS.items(), (low, high - low, points - high), strict=True):
            axes.barh(place, width, left=start, color=colour, label=word if place == 0 else None)
            start += width
    axes.set_yticks(range(len(counted)), [f"{a.slug}\n{a.quantity}" for a in counted], fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("predictions" if all(a.slug != "coefficients" for a in counted) else "predictions, or coefficients")
    axes.spines[["top", "right"]].set_visible(False)
    if counted:
        axes.legend(frameon=False, fontsize="small", ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    return axes
