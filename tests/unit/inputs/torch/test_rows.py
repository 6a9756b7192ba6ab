"""Rows for modules: every form gives the same numbers, and data whose rows have no fixed numbers are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify.format.errors import InputError

torch = pytest.importorskip("torch")

from certify.inputs.torch.rows import module_rows  # noqa: E402

data = torch.utils.data
X = torch.arange(24, dtype=torch.float32).reshape(4, 2, 3) / 8
Y = torch.tensor([0, 1, 1, 0])


class Pairs(data.Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        return X[i], int(Y[i])


class Augmented(Pairs):
    def __getitem__(self, i: int) -> Any:
        return X[i] + torch.rand(1), 0


class Ragged(Pairs):
    def __getitem__(self, i: int) -> Any:
        return X[i][:, : 1 + i % 2]


class Tables(Pairs):
    def __getitem__(self, i: int) -> Any:
        return {"ids": X[i], "mask": X[i]}


class Stream(data.IterableDataset):
    def __iter__(self) -> Any:
        return iter(zip(X, Y, strict=True))


@pytest.mark.parametrize(("given", "targets"), [
    (X, False), (X.requires_grad_(False).numpy(), False), (X.tolist(), False), (list(X), False),
    (data.TensorDataset(X), False), (data.TensorDataset(X, Y), True), (Pairs(), True), (Stream(), True),
    (data.Subset(Pairs(), range(4)), True), (data.DataLoader(Pairs(), batch_size=3), True),
    (data.DataLoader(X, batch_size=2), False), (data.DataLoader(Pairs(), batch_size=None), True),
    (X.to(torch.bfloat16), False),
], ids=lambda one: type(one).__name__)
def test_every_form_gives_the_same_rows(given: Any, targets: bool) -> None:
    if isinstance(given, data.DataLoader) and given.batch_size is None:
        given = data.DataLoader(Pairs(), batch_size=4)
    rows, own = module_rows(given, "X")
    assert rows.dtype == np.float64 and (rows == X.numpy()).all()
    assert (own is not None) is targets and (not targets or np.asarray(own).tolist() == Y.tolist())


def test_whole_numbers_stay_whole() -> None:
    assert module_rows(torch.tensor([[1, 2]], dtype=torch.int32), "X")[0].dtype == np.int64
    assert module_rows([[True, False]], "X")[0].dtype == np.float64


def test_a_table() -> None:
    pandas = pytest.importorskip("pandas")
    assert module_rows(pandas.DataFrame({"a": [1.5, 2.0], "b": [0.0, 1.0]}), "X")[0].tolist() == [[1.5, 0], [2, 1]]


@pytest.mark.parametrize(("given", "message"), [
    (data.DataLoader(Pairs(), shuffle=True), "X: a DataLoader that shuffles its rows, .*; give X.dataset"),
    (data.DataLoader(Pairs(), sampler=data.WeightedRandomSampler([1.0] * 4, 4)), "draws them by a sampler of its own"),
    (data.DataLoader(Pairs(), batch_sampler=[[1, 0], [3, 2]]), "draws them by a sampler of its own"),
    (data.DataLoader(Pairs(), batch_size=3, drop_last=True), "a DataLoader that drops the last rows"),
    (Augmented(), "X: row 0 is another one at the second reading, as random augmentation makes it"),
    (Ragged(), r"X: rows of different shapes \(\(2, 1\), \(2, 2\)\); pad them to one shape"),
    (Tables(), "X: rows that are tables of ids, mask"),
    (data.TensorDataset(X, Y, Y), "X: 3 values a row"),
    (torch.arange(3), r"X: shape \(3,\); give \(n, …\) numbers, a row a sample"),
    (torch.zeros((0, 3)), r"X: shape \(0, 3\)"),
    (torch.full((2, 2), float("nan")), "X, row 0, column 0: nan"),
    (torch.zeros((2, 2), dtype=torch.complex64), "numbers of type complex64"),
    ([["a"]], "X: entries that are no numbers|numbers of type"),
], ids=lambda one: one[:30] if isinstance(one, str) else "")
def test_what_is_refused(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        module_rows(given, "X")
