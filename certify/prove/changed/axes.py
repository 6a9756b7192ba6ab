"""Axes of a figure of their own, which a notebook shows without pyplot."""

from __future__ import annotations

import io
from typing import Any

from certify.format.errors import InputError


def new_axes(width: float, height: float) -> Any:
    """Axes that are shown as a picture where they are the last value of a cell.

    A figure that pyplot does not know has no picture in IPython, and axes have none at all: so these bring their own,
    under the name that IPython looks for.

    Args:
        width, height: inches.

    Raises:
        InputError: matplotlib is not installed.

    >>> new_axes(3.0, 1.0)._repr_png_()[1:4]
    b'PNG'
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("plot", "matplotlib is not installed", "run pip install matplotlib") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    axes: Any = figure.add_subplot()

    def picture() -> bytes:
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=110)
        return content.getvalue()

    axes._repr_png_ = picture
    return axes
