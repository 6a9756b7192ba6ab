"""A problem from weights that a caller has as arrays, without files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Activation, Normalization, words
from certify.inputs.given import columns_of, given_data, given_numbers, given_rows
from certify.inputs.sklearn.sparse import SparseRows, is_sparse, sparse_rows
from certify.inputs.stated_targets import chosen_loss, stated_targets
from certify.network.network import Network
from certify.problem.closeness import ends_closed
from certify.problem.problem import Problem
from certify.prove.whole import whole_problem
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from certify.spec import literals


def from_arrays(
    weights: Any, biases: Any, X: Any, y: Any = None, *, activation: literals.Activation | None = None,
    loss: literals.Loss | None = None, weight_decay: float = 0.0, bias_decay: bool = True,
    normalization: literals.Normalization = "fixed", names: Sequence[str] | None = None,
) -> Problem:
    """Weights and the data they were trained on as a problem: a linear model, or a fully connected network.

    Args:
        weights: `(k, d)` numbers of a linear model, or `(d,)` of one output; or a list of `(out, in)` arrays, a layer
            each. Arrays, lists or tensors.
        biases: None; of one layer `(k,)` numbers; or a list of arrays or None, a layer each.
        X, y: the training data: arrays, tables, tensors, or X a Dataset or DataLoader of pairs and y None; of a linear
            model with weight decay X may be a sparse matrix of scipy, with up to 5,000 rows or columns in use. y:
            `(n,)` labels, also words, or numbers, or `(n, k)` numbers.
        activation: between the layers; needed where there are several, and never guessed.
        loss: of one row; needed where several fit the targets.
        weight_decay: λ of `(1/n) Σ ℓ + (λ/2)|w|²`. (The decay of AdamW is no penalty: leave it out.)
        bias_decay: whether the biases carry it too.
        normalization: ``"fixed"``: n stays as it is where rows are left out; ``"remaining"``: the rows that are left.
        names: of the features; None: those of a table.

    Raises:
        InputError: what does not fit together, or is not stated.

    >>> problem = from_arrays([1.0, -1.0], 0.5, [[0.0, 1.0], [2.0, 0.0]], ["no", "yes"], loss="logistic",
    ...                       weight_decay=0.1)
    >>> problem.classes, str(problem.parameter)
    (('no', 'yes'), 'deletions')
    """
    given, targets = given_data(X, y)
    layers, prepare = _layers(weights), None
    offsets = _biases(biases, layers)
    known = columns_of(given) if names is None else tuple(str(name) for name in names)
    if is_sparse(given):
        rows, layers, prepare, known = _sparse(given, layers, weight_decay, known)
    else:
        rows = given_rows(given, "X")
    if layers[0].shape[1] != rows.shape[1]:
        turned = "; a weight is (outputs, inputs): transpose it" if layers[0].shape[0] == rows.shape[1] else ""
        raise InputError("weights", f"a first layer of shape {layers[0].shape}, and X has {rows.shape[1]} columns",
                         f"give weights of {rows.shape[1]} inputs{turned}")
    net = Network(layers, offsets, _activation(activation, len(layers)))
    if np.ndim(targets) not in (1, 2) or len(rows) != len(targets):
        raise InputError("X, y", f"shapes {rows.shape} and {np.shape(targets)}", "give (n, d) features and n targets")
    if normalization not in words(Normalization):
        raise InputError("normalization", f"{normalization!r}", f"use one of {', '.join(words(Normalization))}")
    word = chosen_loss(targets, net.widths[-1], loss, heads=net.depth == 1)
    found = stated_targets(targets, word, net.widths[-1])
    if known is not None and len(known) != rows.shape[1]:
        raise InputError("names", f"{len(known)} of them", f"give {rows.shape[1]}, a name for every column")
    whole = whole_problem(net, rows, found.y, found.labels, loss=word, weight_decay=float(weight_decay),
                          bias_decay=bias_decay, normalization=normalization, names=known, classes=found.classes,
                          prepare=prepare)
    return replace(whole, ended=ends_closed(whole))


def _sparse(X: Any, layers: tuple[Array, ...], weight_decay: float, names: Sequence[str] | None,
            ) -> tuple[Array, tuple[Array, ...], SparseRows, tuple[str, ...] | None]:
    """Rows, weights, what makes rows, and names of columns, of a sparse matrix: as :func:`from_sklearn` takes one.

    Columns that no row uses drop out; of more columns than rows these are coordinates in the span of the rows, which
    have no names.

    Raises:
        InputError: several layers, or no weight decay; more rows and columns than refits can be solved of; weights of
            other columns, or that no minimum has.
    """
    if len(layers) > 1 or not weight_decay > 0:
        raise InputError("X", "sparse rows of " + ("several layers" if len(layers) > 1 else "a fit without a penalty"),
                         "give a linear model with weight_decay above 0, or X.toarray(), if it fits into memory")
    prepare = sparse_rows([], X)
    if layers[0].shape[1] != prepare.columns:
        raise InputError("weights", f"a first layer of shape {layers[0].shape}, and X has {prepare.columns} columns",
                         f"give weights of {prepare.columns} inputs")
    if names is not None and len(names) != prepare.columns:
        raise InputError("names", f"{len(names)} of them", f"give {prepare.columns}, a name for every column")
    rows = prepare.given(X, "X")
    if words := prepare.told(len(rows)):
        warnings.warn(words, stacklevel=3)
    kept = None if names is None or prepare.of_rows else tuple(names[j] for j in prepare.used)
    return rows, (prepare.of_weights(layers[0], "weights"),), prepare, kept


def _layers(weights: Any) -> tuple[Array, ...]:
    """Weights as matrices; a vector is one output."""
    several = isinstance(weights, list | tuple) and any(hasattr(one, "shape") for one in weights)
    several = several and any(np.ndim(one) > 0 for one in weights)
    found = [given_numbers(one, f"weights[{h}]") for h, one in enumerate(weights)] if several else [
        given_numbers(weights, "weights")]
    for h, W in enumerate(found):
        if W.ndim not in (1, 2) or W.size == 0:
            raise InputError(f"weights[{h}]" if several else "weights", f"shape {W.shape}",
                             "give (outputs, inputs) numbers, or (inputs,) of one output")
    return tuple(W[None] if W.ndim == 1 else W for W in found)


def _biases(biases: Any, layers: tuple[Array, ...]) -> tuple[Array | None, ...]:
    """A bias or None for every layer."""
    listed = isinstance(biases, list | tuple) and any(one is None or np.ndim(one) > 0 for one in biases)
    if not listed and biases is not None and len(layers) > 1:
        raise InputError("biases", "one array", f"give a list of {len(layers)}, an array or None for every layer")
    parts = list(biases) if listed else [biases] * len(layers)
    if len(parts) != len(layers):
        raise InputError("biases", f"{len(parts)} of them", f"give {len(layers)}, an array or None for every layer")
    found: list[Array | None] = []
    for h, (b, W) in enumerate(zip(parts, layers, strict=True)):
        name = f"biases[{h}]" if listed else "biases"
        numbers = None if b is None else given_numbers(b, name).reshape(-1)
        if numbers is not None and numbers.shape != (len(W),):
            raise InputError(name, f"{len(numbers)} numbers", f"give {len(W)}, one for every output of the layer")
        found.append(numbers)
    return tuple(found)


def _activation(given: str | None, depth: int) -> str:
    """What joins the layers; of one layer nothing does."""
    if given is None and depth > 1:
        raise InputError("activation", f"not given, and the network has {depth} layers",
                         f"give activation = the one it was trained with: {', '.join(words(Activation))}")
    return given if given is not None and depth > 1 else Activation.IDENTITY
