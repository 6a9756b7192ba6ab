"""Rows for a torch module, of any shape: tensors, arrays, tables, a Dataset or a DataLoader that does not shuffle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import given_numbers
from certify.rigor.fp import Array

TWICE: Final = 32
"""Rows of a Dataset that are read twice: random augmentation shows."""


def module_rows(X: Any, name: str) -> tuple[Array, Any]:
    """Rows as a module takes them, float64 or, where they are whole numbers of such a type, int64; and their targets.

    Args:
        X: `(n, …)` numbers: a tensor, an array, nested lists or a table; a Dataset of rows, or of pairs of a row and
            its target; a DataLoader of them that keeps their order.
        name: what to call it in messages.

    Returns:
        `(n, …)` rows, and the targets of a Dataset or DataLoader of pairs, else None.

    Raises:
        InputError: a DataLoader that shuffles, rows that differ from one reading to the next or in shape, several
            inputs a row, entries that are no finite numbers, no rows.

    >>> rows, targets = module_rows([[[1, 2], [3, 4]]], "X")
    >>> rows.shape, rows.dtype.name, targets
    ((1, 2, 2), 'int64', None)
    """
    from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

    targets = None
    if isinstance(X, DataLoader):
        _require_order(X, name)
        X, targets = _joined([_pair(batch, name) for batch in X], np.concatenate, name)
    elif isinstance(X, TensorDataset):
        X, targets = _pair(X.tensors, name)
    elif isinstance(X, Dataset):
        rows = _each(X) if not isinstance(X, IterableDataset) else X
        pairs = [_pair(row, name) for row in rows]
        if not isinstance(X, IterableDataset):
            _require_same(X, pairs, name)
        X, targets = _joined(pairs, np.stack, name)
    array = _array(X)
    given = given_numbers(array, name)
    if given.ndim < 2 or given.size == 0:
        raise InputError(name, f"shape {given.shape}", "give (n, …) numbers, a row a sample")
    whole = np.asarray(array).dtype.kind in "iu"
    return (given.astype(np.int64) if whole else given), targets


def plain(values: Any) -> Any:
    """A tensor as an array of the same numbers, in memory; anything else as it is.

    >>> import torch
    >>> plain(torch.tensor([1.5], dtype=torch.bfloat16)).tolist(), plain("a")
    ([1.5], 'a')
    """
    import torch

    if not isinstance(values, torch.Tensor):
        return values
    values = values.detach().cpu()
    if values.layout != torch.strided:
        values = values.to_dense()
    return (values.float() if values.dtype == torch.bfloat16 else values.resolve_conj()).numpy()


def _array(X: Any) -> Any:
    X = plain(X)
    if isinstance(X, list | tuple) and X and all(hasattr(row, "detach") for row in X):
        return np.stack([plain(row) for row in X])
    return X


def _require_order(loader: Any, name: str) -> None:
    """Refuse a DataLoader whose rows come in another order than those of its Dataset, or not all of them."""
    from torch.utils.data import BatchSampler, IterableDataset, SequentialSampler

    if isinstance(loader.dataset, IterableDataset):
        return
    batches = loader.batch_sampler
    plainly = batches is None or (type(batches) is BatchSampler and isinstance(batches.sampler, SequentialSampler))
    if not plainly or not isinstance(loader.sampler, SequentialSampler):
        raise InputError(name, "a DataLoader that shuffles its rows, or draws them by a sampler of its own, so that "
                         "row numbers would mean nothing", f"give {name}.dataset, or a DataLoader with shuffle=False")
    if loader.drop_last and loader.batch_size and len(loader.dataset) % loader.batch_size:
        raise InputError(name, "a DataLoader that drops the last rows", "give one with drop_last=False")


def _each(dataset: Any) -> Iterator[Any]:
    return (dataset[i] for i in range(len(dataset)))


def _pair(row: Any, name: str) -> tuple[Any, Any]:
    """A row and its target, None where it has none."""
    if isinstance(row, list | tuple):
        if len(row) > 2 or not row or isinstance(row[0], list | tuple | dict):
            raise InputError(name, f"{len(row)} values a row", "give rows, or pairs of one row and its target")
        return plain(row[0]), (plain(row[1]) if len(row) == 2 else None)
    if isinstance(row, dict):
        raise InputError(name, f"rows that are tables of {', '.join(map(str, list(row)[:4]))}",
                         "give an array of what the module takes, and y")
    return plain(row), None


def _joined(pairs: list[tuple[Any, Any]], join: Any, name: str) -> tuple[Any, Any]:
    if not pairs:
        raise InputError(name, "no rows", "give at least one row")
    rows, targets = ([pair[at] for pair in pairs] for at in (0, 1))
    try:
        return join([np.asarray(row) for row in rows]), (
            None if targets[0] is None else join([np.asarray(target) for target in targets]))
    except ValueError:
        raise InputError(name, f"rows of different shapes ({_shapes(rows)})", "pad them to one shape") from None


def _shapes(rows: Iterable[Any]) -> str:
    return ", ".join(str(shape) for shape in list(dict.fromkeys(np.shape(row) for row in rows))[:3])


def _require_same(dataset: Any, pairs: list[tuple[Any, Any]], name: str) -> None:
    """Refuse rows that are drawn anew every time."""
    for i, (row, _) in enumerate(pairs[:TWICE]):
        if not np.array_equal(np.asarray(row), np.asarray(_pair(dataset[i], name)[0])):
            raise InputError(name, f"row {i} is another one at the second reading, as random augmentation makes it",
                             "give the Dataset without it, or the rows as they are")
