"""The part of a module before its last linear layer, frozen: rows become the features of that layer.

What a claim says of these features is that they are what this part computes in float64, row by row; nothing encloses
its rounding errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from certify.format.errors import InputError
from certify.inputs.given import columns_of, same_columns
from certify.inputs.torch.copies import CHUNK, one_tensor, passed
from certify.inputs.torch.rows import module_rows
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from torch import nn

ROUNDING: Final = 2.0**-40
"""Share of the sizes that are added up by which outputs of two ways of computing one thing may differ."""

TAILS: Final = ("", "log_softmax", "softmax", "sigmoid")
"""What may come after the last linear layer."""


@dataclass(frozen=True, eq=False)
class FrozenPart:
    """Features of the last layer, as a module computes them.

    Attributes:
        module: a copy in float64 and eval mode.
        place: name of its last linear layer.
        shape: of one row that it takes.
        integers: whether rows are whole numbers, as embeddings take them.
        tail: what comes after the last layer: an empty word, or one of `TAILS`.
        columns: names of the columns of the table the training rows were, or None.
        held: that layers before the last one stay as they are.
    """

    held: ClassVar[bool] = True
    module: nn.Module
    place: str
    shape: tuple[int, ...]
    integers: bool
    tail: str = ""
    columns: tuple[str, ...] | None = None

    @property
    def words(self) -> str:
        """What claims are about."""
        width = self.last.in_features
        after = f"; its outputs are those before the {self.tail}" if self.tail else ""
        return (f"claims are about the last layer{f' {self.place!r}' if self.place else ''} on its {width} features as "
                f"the frozen part computes them in float64{after}")

    @property
    def last(self) -> Any:
        """The last linear layer."""
        return self.module.get_submodule(self.place)

    def given(self, X: Any, name: str) -> Array:
        """Features of rows in any form that :func:`certify.inputs.torch.rows.module_rows` reads; targets are left.

        Raises:
            InputError: rows of another shape or type than those of the training data.
        """
        same_columns(X, self.columns, name)
        rows, _ = module_rows(X, name)
        if rows.shape[1:] != self.shape:
            raise InputError(name, f"rows of shape {rows.shape[1:]}", f"give {self.shape}, that of the training rows")
        return self(rows, name)

    def __call__(self, rows: Array, name: str = "X") -> Array:
        """Features `(n, d)` of rows `(n, …)`.

        Raises:
            InputError: numbers that are not whole where entries of an embedding are meant, features that are not
                finite, outputs that are not those of the last layer.
        """
        if self.integers and rows.dtype.kind != "i":
            raise InputError(name, f"numbers of type {rows.dtype} for an embedding", "give integers")
        rows = rows if self.integers else np.ascontiguousarray(rows, dtype=np.float64)
        parts = []
        for start in range(0, len(rows), CHUNK):
            features, outputs = self.once(rows[start : start + CHUNK])
            if not np.isfinite(features).all():
                row = start + int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
                raise InputError(f"{name}, row {row}", "features that are NaN or infinite", "correct the row, or leave "
                                 "it out")
            self.require_outputs(features, outputs)
            parts.append(features)
        return np.concatenate(parts)

    def once(self, rows: Array) -> tuple[Array, Array]:
        """Features and outputs of rows that pass through together.

        Raises:
            InputError: the last layer is not met once, or at several places of a row.
        """
        import torch

        met: list[Any] = []

        def keep(part: Any, inputs: tuple[Any, ...]) -> None:
            met.append(inputs[0].detach().clone())

        hook = self.last.register_forward_pre_hook(keep)
        try:
            outputs = one_tensor(passed(self.module, rows), len(rows))
        finally:
            hook.remove()
        if len(met) != 1:
            raise InputError("module", f"its last linear layer '{self.place}' is used {len(met)} times",
                             "give a module that uses it once")
        width = self.last.in_features
        if met[0].numel() != len(rows) * width:
            raise InputError("module", f"its last linear layer '{self.place}' is used at several places of each row "
                             f"(inputs of shape {tuple(met[0].shape)} for {len(rows)} rows)",
                             "give a module that pools a sequence or image before its last layer")
        return np.ascontiguousarray(met[0].to(torch.float64).numpy().reshape(len(rows), width)), outputs

    def require_outputs(self, features: Array, outputs: Array) -> None:
        """Refuse outputs that are not those of the last layer on the features, up to rounding.

        Raises:
            InputError: something comes after it.
        """
        if not agree(self.last, features, outputs, self.tail):
            raise InputError("module", f"its output is not that of its last linear layer '{self.place}'",
                             "give the module up to that layer, without what follows it")


def agree(last: Any, features: Array, outputs: Array, tail: str) -> bool:
    """Whether outputs are those of a layer on features and then the tail, up to rounding."""
    from scipy.special import expit, log_softmax, softmax

    W, b = last.weight.numpy(), 0.0 if last.bias is None else last.bias.numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        z = features @ W.T + b
        if outputs.shape != z.shape:
            return False
        size = np.abs(features) @ np.abs(W).T + np.abs(b)
        size = size if not tail else 1.0 + size.max(axis=1, keepdims=True)
        after = {"softmax": lambda: softmax(z, axis=1), "log_softmax": lambda: log_softmax(z, axis=1),
                 "sigmoid": lambda: expit(z)}
        wanted = after[tail]() if tail else z
        return bool((np.abs(outputs - wanted) <= ROUNDING * size).all())


def flat_rows(X: Any, rows: Array) -> tuple[str, ...] | None:
    """Names of the columns where rows are those of a table."""
    return columns_of(X) if rows.ndim == 2 else None
