"""Tensors, Datasets and DataLoaders that a caller hands over, as plain arrays; torch itself is not imported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError

IN_ORDER: Final = ("SequentialSampler", "_InfiniteConstantSampler")
"""Samplers that give every row at the same place each time; the second belongs to a Dataset that is iterated."""


def is_rows(values: Any) -> bool:
    """Whether it is a Dataset or a DataLoader, whose rows come one after another or in batches."""
    return _kind(values) != ""


def unpacked(values: Any, name: str) -> tuple[Any, Any]:
    """Features and targets of a Dataset or a DataLoader, read once; a row's number is its place.

    Args:
        values: a Dataset of features, or of pairs of features and target; or a DataLoader of one, without shuffling.
        name: what to call it.

    Returns:
        Arrays of the features, and of the targets; None where there are none.

    Raises:
        InputError: rows in an order that changes, that are drawn anew each time, or that are neither arrays nor pairs.

    >>> is_rows([[1.0]])
    False
    """
    loads = _kind(values) == LOADER
    if loads:
        _require_order(values, name)
    _require_same(values.dataset if loads else values, name)
    parts = [_parts(item, name) for item in _items(values, loads)]
    if not parts:
        raise InputError(name, "no rows", "give at least one row")
    if len({len(part) for part in parts}) > 1:
        raise InputError(name, "rows with a target and rows without one", "give pairs (features, target), or features")
    try:
        found = [np.concatenate(column) if loads else np.stack(column) for column in zip(*parts, strict=True)]
    except ValueError:
        raise InputError(name, "rows of different shapes", "give rows of one shape") from None
    return found[0], found[1] if len(found) > 1 else None


def plain(values: Any, name: str) -> Any:
    """A tensor as an array of the same numbers, wherever it lies; everything else as it is.

    Raises:
        InputError: a sparse or quantised tensor.
    """
    if not (hasattr(values, "detach") and hasattr(values, "cpu")):
        return values
    if getattr(values, "is_quantized", False) or "strided" not in str(getattr(values, "layout", "torch.strided")):
        raise InputError(name, "a sparse or quantised tensor", f"give {name}.to_dense() or {name}.dequantize()")
    tensor = values.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # bfloat16, of which numpy knows nothing: every number of it is one of float32
        return tensor.float().numpy()


DATASET, STREAM, LOADER = "Dataset", "IterableDataset", "DataLoader"


def _kind(values: Any) -> str:
    """Which of torch's classes it is of, by name, and "" of none."""
    for base in type(values).__mro__:
        if base.__module__.startswith("torch.utils.data") and base.__name__ in (DATASET, STREAM, LOADER):
            return base.__name__
    return ""


def _require_order(loader: Any, name: str) -> None:
    """Refuse a loader whose rows come in another order each time."""
    batches = getattr(loader, "batch_sampler", None)
    sampler = type(getattr(loader, "sampler", None)).__name__
    if sampler not in IN_ORDER or (batches is not None and type(batches).__name__ != "BatchSampler"):
        found = "shuffle=True" if sampler == "RandomSampler" else f"the sampler {sampler}"
        raise InputError(name, f"a DataLoader with {found}, whose rows have no numbers",
                         "give the Dataset itself, or a DataLoader with shuffle=False")
    if _kind(loader.dataset) == STREAM and getattr(loader, "num_workers", 0) > 1:
        raise InputError(name, "a DataLoader of an iterated Dataset with several workers, whose rows have no numbers",
                         "use num_workers=0")


def _require_same(dataset: Any, name: str) -> None:
    """Refuse a Dataset that draws its rows anew, e.g. by an augmentation: what is proved is of fixed rows."""
    if _kind(dataset) == STREAM or not hasattr(dataset, "__len__") or len(dataset) == 0:
        return
    first, again = (_parts(dataset[0], name) for _ in range(2))
    if any(a.shape != b.shape or not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(
            first, again, strict=True)):
        raise InputError(name, "a Dataset whose row 0 is another one when it is read again",
                         "leave out what is drawn at random, e.g. augmentation")


def _items(values: Any, loads: bool) -> Iterable[Any]:
    """Rows or batches in their order; a Dataset without iteration of its own ends at its length."""
    if loads or _kind(values) == STREAM or not hasattr(values, "__len__"):
        return values
    return (values[i] for i in range(len(values)))


def _parts(item: Any, name: str) -> tuple[np.ndarray, ...]:
    """Features and perhaps target of one row, or of one batch."""
    if isinstance(item, tuple | list):
        if len(item) not in (1, 2):
            raise InputError(name, f"rows of {len(item)} parts", "give pairs (features, target), or features")
        return tuple(np.asarray(plain(part, name)) for part in item)
    if isinstance(item, dict):
        raise InputError(name, "rows that are dictionaries", "give pairs (features, target), or features")
    return (np.asarray(plain(item, name)),)
