"""How well the network, as it was understood, fits the data in its file: one line of common sense, never a claim.

A wrong activation, a wrong loss or another model's file proves true theorems about a function that is not the user's.
Nothing in the mathematics shows it; the training loss and the accuracy do, to whoever remembers them.
What is kept of it is a :class:`certify.problem.fit.Fit`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.format.words import Loss
from certify.network.graph.graph import GraphNetwork
from certify.network.loss.losses import loss_named
from certify.network.network import Network
from certify.problem.closeness import ends_closed
from certify.problem.fit import Fit
from certify.rigor.activation import activation

if TYPE_CHECKING:
    from certify.problem.problem import Problem

Array = np.ndarray[Any, Any]

GRAPH_ROWS: Final = 256
"""Rows of a graph network that are passed through it, where nothing needs all of them: convolutions take time."""


def fit_of(problem: Problem, most: int | None = None) -> Fit:
    """The fit of a problem's network to its data.

    Args:
        problem: network, data and loss.
        most: rows to look at; default all, of a graph the first `GRAPH_ROWS`.
    """
    stated = problem.spec is None or "loss" in problem.spec.training.model_fields_set
    weights = None if problem.weights is None else problem.weights.as_fitted(problem)
    found = fit(problem.network, problem.X, problem.loss, problem.y, problem.labels, most, stated, weights,
                problem.threshold)
    return replace(found, ended=_ended(problem))


def _ended(problem: Problem) -> bool | None:
    """Whether the weights are where their fit ends: as somebody knows of it, else as one in closed form does."""
    if problem.ended is not None or problem.spec is None:
        return problem.ended
    try:
        return ends_closed(problem)
    except (InputError, EnclosureError):  # no targets, or numbers overflow: other lines say so
        return None


def fit(
    network: Network | GraphNetwork, X: Array, loss: str, y: Array | None, labels: Array | None,
    most: int | None = None, stated: bool = True, weights: Array | None = None, threshold: float | None = None,
) -> Fit:
    """Mean loss and accuracy of a network on data, with rounding errors that nobody bounds.

    Args:
        network: a fully connected network or a graph.
        X: `(n, d)` features.
        loss: ``"squared"``, ``"logistic"`` or ``"cross_entropy"``.
        y: `(n, k)` real targets or rows of probabilities, or None.
        labels: `(n,)` class labels, or None.
        most: rows to look at; default all, of a graph the first `GRAPH_ROWS`.
        stated: whether somebody named the loss.
        weights: `(n,)` what rows count; None: all 1.
        threshold: of one output, above which it is the second label; None: 0.

    >>> net = Network((np.array([[2.0]]),), (np.zeros(1),), "identity")
    >>> found = fit(net, np.array([[1.0], [2.0]]), "squared", np.array([[1.0], [4.0]]), None)
    >>> found.value, found.right, found.rows
    (0.25, None, 2)
    """
    n = len(X)
    if most is None:
        most = GRAPH_ROWS if isinstance(network, GraphNetwork) else n
    rows = min(n, most)
    nothing = Fit(loss, None, None, rows, n, "", stated, weights is not None, threshold=threshold)
    of = loss_named(loss)
    if of.lacking(y, labels) is not None:
        named = "no targets" if y is None and labels is None else "targets of another kind"
        return _without(nothing, f"{named} that the {loss} loss takes are given")
    outputs = network.widths[-1]
    if outputs > 1 and Loss(loss).one_output:
        return _without(nothing, f"the {loss} loss takes one output, and the network has {outputs}; cross_entropy "
                        "takes an output for each class")
    if outputs == 1 and Loss(loss).outputs_by_class:
        return _without(nothing, f"the {loss} loss takes an output for each class, and the network has one; logistic "
                        "takes one")
    total, right = 0.0, 0
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for part, f in outputs_of(network, X[:rows]):
                numbers, classes = (None if array is None else array[part] for array in (y, labels))
                aims = of.aims(numbers, classes, outputs)
                losses, hits = of.rough(f, aims)
                total += float(np.sum(losses if weights is None else weights[:rows][part] * losses))
                right += hits if not threshold or outputs > 1 or of.slides else int(
                    np.sum((f[:, 0] > threshold) == (aims[:, 0] > 0)))
    except EnclosureError:  # an activation met NaN or infinity
        total = math.nan
    if not math.isfinite(total):
        return _without(nothing, "numbers overflow on the way through it, or are NaN")
    return replace(nothing, value=float(f"{total / rows:.4g}"), right=None if of.slides else right)


def _without(fit: Fit, trouble: str) -> Fit:
    return replace(fit, value=None, right=None, trouble=trouble)


def training_loss(problem: Problem) -> float | None:
    """About `(1/n) Σ ℓ_i + (weight_decay/2)|w|²` over the free layers, all rows; None where there is no number."""
    network = problem.network
    value = fit_of(problem, problem.n).value
    if value is None:
        return None
    arrays = network.arrays if isinstance(network, GraphNetwork) else tuple(
        array for h in network.layers(problem.layer)
        for array in (network.weights[h - 1], network.biases[h - 1]) if array is not None)
    with np.errstate(over="ignore"):
        value += problem.weight_decay / 2 * float(sum(np.sum(array * array) for array in arrays))
    return value if math.isfinite(value) else None


def outputs_of(network: Network | GraphNetwork, X: Array) -> Iterator[tuple[slice, Array]]:
    """Outputs of some rows at a time, with their places, in floats; columns are outputs.

    Raises:
        EnclosureError: an activation met NaN or infinity.
    """
    if isinstance(network, GraphNetwork):
        from certify.network.graph.compiled import compile_graph
        from certify.network.graph.floats import outputs_in_floats
        from certify.rigor.arithmetic import Binary64

        made = compile_graph(network, Binary64())
        for start in range(0, len(X), 32):
            part = slice(start, min(start + 32, len(X)))
            yield part, outputs_in_floats(made, X[part])
        return
    phi = activation(network.activation)
    for start in range(0, len(X), 4096):
        part = slice(start, min(start + 4096, len(X)))
        a = X[part]
        for h, (W, b) in enumerate(zip(network.weights, network.biases, strict=True), 1):
            z = a @ W.T + (0.0 if b is None else b)
            a = phi.enclose(z, 0)[0].mid if h < network.depth else z
        yield part, a
