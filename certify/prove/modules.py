"""A problem from a trained torch module, without files: all of a plain chain, or the last layer of anything."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from certify.format.errors import InputError, MissingPackage
from certify.format.words import Base, Loss, Map, Parameter, Set, words
from certify.network.graph.graph import GraphNetwork
from certify.network.network import Network
from certify.problem.fitting import fit
from certify.problem.problem import Problem
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from certify.spec import literals

ALL, LAST = "all", "last"
HELD: Final = "with every layer before it held as it is; its features are enclosed, every rounding error counted"
_DECAY: Final = ("give weight_decay, the λ of a penalty (λ/2)|w|² in the loss it was trained with; the decay of AdamW "
                 "is none")


@dataclass(frozen=True, eq=False)
class _Taken:
    """What is proved about: a network on rows, which of its layers, and how the user's rows become those."""

    network: Network | GraphNetwork
    rows: Array
    layer: str | int
    prepare: Any
    notes: tuple[str, ...]
    tail: str = ""

    @property
    def last(self) -> bool:
        """Whether the last layer alone is free."""
        if isinstance(self.network, GraphNetwork):
            return True
        return self.layer == self.network.depth or self.network.depth == 1


def from_module(
    module: Any, X: Any, y: Any = None, *, loss: literals.Loss | None = None, weight_decay: float = 0.0,
    bias_decay: bool = True, normalization: literals.Normalization = "fixed", layer: int | str | None = None,
    features: Literal["float64", "enclosed"] = "float64",
) -> Problem:
    """A trained torch module with its training data as a problem that can be proved about.

    A plain fully connected network (linear layers, one activation, Dropout, Flatten) is taken whole, with the
    activation that it has. Of any other module that ends in an `nn.Linear` (convolutions, BatchNorm, attention,
    embeddings, …) it is that last layer on its features as the frozen part computes them in float64; `X_eval` is given
    as `X` is. With `features="enclosed"` the module is read as a graph of operations, and the features are what these
    give exactly: every rounding error of the frozen part is bounded, by proofs and by checks. What is not about the
    module as it was given is said in a warning.

    The training loss is `(1/n) Σ ℓ_i + (weight_decay/2)|w|²`. `weight_decay` of SGD and Adam is such a penalty where
    the loss is a mean of rows; that of AdamW is none, and makes another minimum. `squared` is `½|f − y|²` a row: of
    `MSELoss`, a mean of `(f − y)²` over rows and k outputs, the same minimum has weight_decay times k/2.

    Args:
        module: any `torch.nn.Module`; a copy in eval mode is used, its parameters as float64.
        X: `(n, …)` rows it was trained on: a tensor, an array, a table, a Dataset, or a DataLoader that does not
            shuffle.
        y: `(n,)` class numbers or `(n, k)` targets; None: those of the Dataset or DataLoader.
        loss: of one row; None: the only one that fits the targets, a warning where others would be known of the last
            layer alone.
        weight_decay: λ.
        bias_decay: whether biases carry it too.
        normalization: what the losses are divided by where rows are left out: ``"fixed"``, n, or ``"remaining"``.
        layer: the layers that move: ``"all"``, ``"last"`` or a number from 1, of a plain chain; other modules have
            ``"last"`` alone. None: all of a chain. BatchNorm1d in a chain is folded where a layer is given.
        features: ``"float64"``, or ``"enclosed"`` where torch.fx can trace the module; of the last layer alone.

    Raises:
        InputError: what stands in the way, with what would work.
        MissingPackage: torch is not installed.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1)).eval()
    >>> problem = from_module(net, [[0.0], [1.0]], [0.5, 1.5], loss="squared", weight_decay=0.01)
    >>> problem.network.activation, problem.layer, str(problem.map)
    ('tanh', 'all', 'critical')
    """
    try:
        from certify.inputs.torch.copies import float64_copy
        from certify.inputs.torch.rows import module_rows
    except ImportError:
        raise MissingPackage("from_module", "torch is not installed", "pip install torch") from None
    if loss is not None and loss not in words(Loss):
        raise InputError("loss", f"{loss!r}", f"use one of {', '.join(words(Loss))}")
    made, notes = float64_copy(module)
    rows, own = module_rows(X, "X")
    if (y is None) == (own is None):
        raise InputError("y", "none, and X gives rows alone" if y is None else "given beside the targets that X gives",
                         "give y" if y is None else "give one of them")
    if features not in ("float64", "enclosed"):
        raise InputError("features", f"{features!r}", "use 'float64' or 'enclosed'")
    taken = _traced(made, rows, layer, notes) if features == "enclosed" else _taken(made, rows, X, layer, notes)
    targets, labels, word = _loss(taken, own if y is None else y, loss)
    problem = _problem(taken, targets, labels, word, weight_decay, bias_decay, normalization, X)
    if taken.notes:
        warnings.warn("; ".join(taken.notes), stacklevel=2)
    return problem


def from_factory(factory: str, weights: str | Path, X: Any, y: Any = None, *, folder: str | Path = ".",
                 **options: Any) -> Problem:
    """As :func:`from_module`, of the module that a factory makes with the weights of a file.

    Args:
        factory: `package.module:callable`, whose code is run.
        weights: `.safetensors`, or a state dict as `.pt`, `.pth` or `.th`, of which nothing is run.
        X, y: as there.
        folder: where modules are looked for, after the usual places, and the file.
        options: as there.

    Raises:
        InputError, SpecError: what stands in the way, with what would work.
        MissingPackage: torch is not installed.
    """
    from certify.inputs.torch.module import made_and_filled

    made, _ = made_and_filled(factory, Path(folder) / weights, Path(folder))
    return from_module(made, X, y, **options)


def _taken(made: Any, rows: Array, X: Any, layer: int | str | None, notes: tuple[str, ...]) -> _Taken:
    """The chain that a module is, or its last layer.

    Raises:
        InputError: a layer that is asked for and cannot be taken.
    """
    from certify.inputs.torch.chain_module import Flattened, folded_chain, plain_chain
    from certify.inputs.torch.frozen import flat_rows
    from certify.inputs.torch.head import frozen_head

    net = None
    if rows.size and not _embeds(made, rows):
        net = plain_chain(made, rows) or (folded_chain(made, rows) if layer not in (None, LAST) else None)
    if net is not None:
        if net.reparameterised:
            notes += ("BatchNorm is folded into the layers beside it: claims are about the folded parameters "
                      "(reparameterised), whose weight decay is not that of the module",)
        flat = Flattened(tuple(rows.shape[1:]))
        return _Taken(net, flat(rows), _layer(layer, net.depth), flat if rows.ndim > 2 else None, notes)
    if layer not in (None, LAST):
        raise InputError("layer", f"{layer!r} of a module that is no plain chain of linear layers with one activation",
                         "leave it out: its last layer is taken, on the features that the frozen part computes")
    W, b, part, features = frozen_head(made, rows, flat_rows(X, rows))
    return _Taken(Network((W,), (b,), "identity"), features, ALL, part, (*notes, part.words), part.tail)


def _traced(made: Any, rows: Array, layer: int | str | None, notes: tuple[str, ...]) -> _Taken:
    """The last layer of the graph that a module is.

    Raises:
        InputError: another layer is asked for, or the module cannot be traced, or does not end in a linear layer.
    """
    from certify.inputs.torch.chain_module import Flattened
    from certify.inputs.torch.trace import trace

    if layer not in (None, LAST):
        raise InputError("layer", f"{layer!r} with features='enclosed'", "leave it out: the last layer is taken")
    shape = tuple(rows.shape[1:])
    net = trace(made, shape)
    words = f"claims are about the last layer '{net.last.name}', {HELD}"
    return _Taken(net, np.ascontiguousarray(rows.reshape(len(rows), -1), dtype=np.float64), LAST,
                  Flattened(shape) if rows.ndim > 2 else None, (*notes, words))


def _embeds(made: Any, rows: Array) -> bool:
    from certify.inputs.torch.copies import takes_integers

    return takes_integers(made, rows)


def _layer(layer: int | str | None, depth: int) -> int | str:
    if layer is None or layer == ALL:
        return ALL
    if layer == LAST:
        return depth
    if isinstance(layer, bool) or not isinstance(layer, int) or not 1 <= layer <= depth:
        raise InputError("layer", f"{layer!r} of a network of {depth}", f"give 'all', 'last' or 1 … {depth}")
    return layer


AFTER: Final = {"softmax": Loss.CROSS_ENTROPY, "log_softmax": Loss.CROSS_ENTROPY, "sigmoid": Loss.LOGISTIC}
"""The loss that takes the outputs before what a module ends in."""


def _loss(taken: _Taken, y: Any, loss: str | None) -> tuple[Array | None, Array | None, str]:
    """Targets and labels as the stated loss takes them, or the one loss that fits.

    Raises:
        InputError: several fit, with their values; none does.
    """
    from certify.inputs.torch.targets import targets_for

    k, n = taken.network.widths[-1], len(taken.rows)
    if taken.tail and loss not in (None, AFTER[taken.tail]):
        raise InputError("loss", f"{loss!r} of a module that ends in a {taken.tail}",
                         f"use {str(AFTER[taken.tail])!r}, or give the module without it")
    asked = [loss] if loss is not None else [AFTER[taken.tail]] if taken.tail else [
        word for word in words(Loss) if _fits(word, k, taken.last)]
    found, refused = {}, None
    for word in asked:
        try:
            targets, labels = targets_for(y, word, n, k)
        except InputError as error:
            refused = error
            continue
        found[word] = (targets, labels, fit(taken.network, taken.rows, word, targets, labels))
    if not found:
        assert refused is not None
        raise refused
    if len(found) > 1:
        said = ", ".join(f"{word} {one.value:.4g}" for word, (_, _, one) in found.items() if one.value is not None)
        raise InputError("loss", f"not stated, and several fit (mean loss of a row today: {said})",
                         "give the loss it was trained with")
    (word, (targets, labels, one)), = found.items()
    if loss is None and not taken.tail and not taken.last:
        others = [other for other in words(Loss) if not _fits(other, k, False) and _fits(other, k, True)
                  and _takes(y, other, n, k)]
        if others:
            warnings.warn(f"loss: not stated, and taken for {word}, the only one that is known where all layers move; "
                          f"of the last layer alone {', '.join(others)} fit too: give the loss it was trained with",
                          stacklevel=3)
    if loss is not None and one.value is None:
        raise InputError("loss", f"{loss!r}: {one.trouble}", "give another loss, or another module")
    return targets, labels, str(word)


def _takes(y: Any, loss: str, n: int, outputs: int) -> bool:
    """Whether a loss takes the targets."""
    from certify.inputs.torch.targets import targets_for

    try:
        targets_for(y, loss, n, outputs)
    except InputError:
        return False
    return True


def _fits(word: str, outputs: int, last: bool) -> bool:
    """Whether a loss takes that many outputs, and is known where these layers move."""
    loss = Loss(word)
    return not (loss.one_output and outputs > 1 or loss.outputs_by_class and outputs == 1 or loss.of_heads and not last)


def _problem(
    taken: _Taken, targets: Array | None, labels: Array | None, loss: str, weight_decay: float, bias_decay: bool,
    normalization: str, X: Any,
) -> Problem:
    from certify.inputs.given import columns_of

    if isinstance(weight_decay, bool) or not isinstance(weight_decay, int | float) or not 0 <= weight_decay < np.inf:
        raise InputError("weight_decay", f"{weight_decay!r}", "give a finite number from 0 on")
    if taken.last and weight_decay == 0:
        raise InputError("weight_decay", "0, and without it the minimum of the last layer need be neither unique nor "
                         "stable", _DECAY)
    names = columns_of(X)
    names = names if names is not None and len(names) == taken.network.widths[0] and taken.prepare is None else None
    about = {"parameter": Parameter.DELETIONS, "set": Set.SPARSE, "count": 1} if taken.last else {
        "parameter": Parameter.SAMPLE_WEIGHTS}
    return Problem(network=taken.network, X=taken.rows, y=targets, rows=tuple(range(len(taken.rows))),
                   layer=taken.layer, labels=labels, map=Map.CRITICAL, base=Base.NEARBY, loss=loss,
                   weight_decay=float(weight_decay), bias_decay=bias_decay, normalization=normalization, names=names,
                   prepare=taken.prepare, **about)
