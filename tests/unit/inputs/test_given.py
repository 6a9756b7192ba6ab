"""What a caller hands over: tensors, Datasets and DataLoaders are the arrays they hold, in their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify.format.errors import InputError
from certify.inputs.given import given_data, given_numbers, given_rows

pytest.importorskip("torch")
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, WeightedRandomSampler

X = torch.arange(14.0).reshape(7, 2)
Y = torch.arange(7) % 3


class Plain(Dataset):
    """Rows as a user writes them: no iteration, arrays, labels as Python numbers."""

    def __init__(self, item: Any = None) -> None:
        self.item = item or (lambda i: (X[i].numpy(), int(Y[i])))

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> Any:
        return self.item(i)


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter(zip(X, Y, strict=True))


@pytest.mark.parametrize("data", [
    TensorDataset(X, Y), Plain(), DataLoader(TensorDataset(X, Y), batch_size=3), DataLoader(Plain(), batch_size=2),
    DataLoader(Plain(), batch_size=1), Stream(), DataLoader(Stream(), batch_size=4)],
    ids=["tensors", "plain", "batches", "batches of plain", "ones", "stream", "batches of a stream"])
def test_a_dataset_is_its_rows_in_order(data: Any) -> None:
    features, targets = given_data(data, None)
    assert np.array_equal(given_rows(features, "X"), X.numpy()) and targets.tolist() == Y.tolist()
    assert targets.dtype.kind == "i"
    if not isinstance(data, Stream):
        assert np.array_equal(given_rows(data, "X_eval"), X.numpy())


@pytest.mark.parametrize("tensor", [
    X, X.double().requires_grad_(), X.to(torch.bfloat16), X.half(), X.int(), torch.nn.Parameter(X)])
def test_a_tensor_is_its_numbers(tensor: Any) -> None:
    assert np.array_equal(given_numbers(tensor, "X"), X.numpy())
    assert given_data(tensor, Y)[1].tolist() == Y.tolist()


def test_a_dataset_of_features_takes_targets_beside_it() -> None:
    features, targets = given_data(TensorDataset(X), Y.tolist())
    assert features.shape == (7, 2) and targets == Y.tolist()
    assert np.array_equal(given_data(X, TensorDataset(Y))[1], Y.numpy())


@pytest.mark.parametrize(("data", "y", "said"), [
    (DataLoader(TensorDataset(X, Y), shuffle=True), None,
     "X: a DataLoader with shuffle=True, whose rows have no numbers; give the Dataset itself, or a DataLoader with"),
    (DataLoader(TensorDataset(X, Y), sampler=WeightedRandomSampler([1.0] * 7, 7)), None,
     "X: a DataLoader with the sampler WeightedRandomSampler"),
    (DataLoader(TensorDataset(X, Y), batch_sampler=[[0, 1], [3]]), None, "X: a DataLoader with the sampler"),
    (Plain(lambda i: (torch.rand(2), 0)), None, "X: a Dataset whose row 0 is another one when it is read again"),
    (Plain(lambda i: {"x": X[i]}), None, r"X: rows that are dictionaries; give pairs \(features, target\)"),
    (Plain(lambda i: (X[i], 0, 1)), None, "X: rows of 3 parts"),
    (Plain(lambda i: X[i][: 1 + i % 2]), None, "X: rows of different shapes"),
    (Plain(lambda i: (X[i], 0) if i else (X[i],)), None, "X: rows with a target and rows without one"),
    (TensorDataset(X, Y), Y, "y: given beside an X that has targets"), (X, None, "y: not given"),
    (TensorDataset(X), None, "y: not given"), (X, TensorDataset(X, Y), "y: a Dataset of pairs"),
    (X.to_sparse(), Y, "X: a sparse or quantised tensor"), (TensorDataset(X[:0], Y[:0]), None, "X: no rows"),
])
def test_rows_without_numbers_are_refused(data: Any, y: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        given_data(data, y)
    assert "\n" not in str(caught.value)


def test_an_iterated_dataset_with_workers_is_refused() -> None:
    with pytest.raises(InputError, match="use num_workers=0"):
        given_data(DataLoader(Stream(), num_workers=2), None)
