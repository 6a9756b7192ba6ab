"""Texts in a data file, for a pipeline whose first step makes rows of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from certify.format.errors import InputError
from certify.inputs.formats.archive import Archive, listed
from certify.rigor.fp import Array


def of_texts(model: Path) -> bool:
    """Whether the estimator of a `.skops` file begins with a step that takes texts.

    Raises:
        InputError: a file that is not read.
    """
    from certify.inputs.sklearn.skops_file import estimator_of
    from certify.inputs.sklearn.sparse import VECTORIZERS
    from certify.inputs.sklearn.wrapped import parted

    steps = parted(estimator_of(model))[1]
    return bool(steps) and type(steps[0]).__name__ in VECTORIZERS


def texts_in(archive: Archive, columns: Sequence[str], asked: str) -> Array:
    """`(n,)` the texts of the one array or column that holds them.

    Args:
        archive: the data file.
        columns: those that are neither targets nor named for something else.
        asked: the file, in messages.

    Raises:
        InputError: several columns, or one that does not hold a text for every row.
    """
    if len(columns) != 1:
        found = listed(columns) if columns else "no column"
        raise InputError(asked, f"{found} beside the targets, and the model takes one column of texts",
                         "name the texts with --features NAME")
    texts = archive.read_fields(columns[0]) if archive.table else archive.read_words(columns[0])
    if texts.ndim != 1 or not all(isinstance(text, str) for text in texts.tolist()):
        raise InputError(asked, f"{columns[0]!r}, which does not hold a text for every row",
                         "name the texts with --features NAME")
    return texts
