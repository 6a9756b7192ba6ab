"""How well the network, as it was understood, fits the data in its file: one line of common sense, never a claim.

A wrong activation, a wrong loss or another model's file proves true theorems about a function that is not the user's.
Nothing in the mathematics shows it; the training loss and the accuracy do, to whoever remembers them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from certify.format.errors import EnclosureError
from certify.format.words import Loss
from certify.network.graph.graph import GraphNetwork
from certify.network.network import Network
from certify.rigor.activation import activation

if TYPE_CHECKING:
    from certify.problem.problem import Problem

Array = np.ndarray[Any, Any]

GRAPH_ROWS: Final = 256
"""Rows of a graph network that are passed through it, where nothing needs all of them: convolutions take time."""

_MEANING: Final = {
    "squared": "squared: mean of ½|f − y|²", "logistic": "logistic", "cross_entropy": "cross_entropy",
}
_QUESTION: Final = "is this what you remember?"


@dataclass(frozen=True)
class Fit:
    """Training loss and accuracy in plain floating point.

    Attributes:
        loss: the word of the loss.
        value: `(1/n) Σ ℓ_i` without weight decay, to four digits; None where there is no number.
        right: rows whose label is predicted; None where targets are no classes.
        rows: rows that were looked at: the first ones.
        of: rows that there are.
        trouble: why there is no number; "" where there is one.
        stated: whether the spec names the loss; else it is the default.

    >>> Fit("logistic", 0.0493, 420, 426, 426).sentence()
    'training loss 0.0493 (logistic), accuracy 98.6 % of 426 rows with this network: is this what you remember?'
    """

    loss: str
    value: float | None
    right: int | None
    rows: int
    of: int
    trouble: str = ""
    stated: bool = True

    def sentence(self) -> str:
        """The line for a person."""
        if self.value is None:
            return f"training loss not known with this network: {self.trouble}"
        meaning = _MEANING[self.loss] + ("" if self.stated else ", as the spec names no loss")
        which = f"{self.rows} rows" if self.rows == self.of else f"the first {self.rows} of {self.of} rows"
        accuracy = " on" if self.right is None else f", accuracy {percent(self.right, self.rows)} of"
        return f"training loss {self.value:.4g} ({meaning}){accuracy} {which} with this network: {_QUESTION}"

    def as_json(self) -> dict[str, Any]:
        """Its members, as a certificate keeps them beside the description of the machine."""
        return asdict(self)


def percent(part: int, whole: int) -> str:
    """A share to a tenth of a percent; 100.0 and 0.0 are exact.

    >>> percent(420, 426), percent(9999, 10000), percent(1, 10000), percent(3, 3)
    ('98.6 %', '99.9 %', '0.1 %', '100.0 %')
    """
    tenths = round(1000 * part / whole)
    if 0 < part < whole:
        tenths = min(max(tenths, 1), 999)
    return f"{tenths / 10:.1f} %"


def fit_of(problem: Problem, most: int | None = None) -> Fit:
    """The fit of a problem's network to its data.

    Args:
        problem: network, data and loss.
        most: rows to look at; default all, of a graph the first `GRAPH_ROWS`.
    """
    stated = problem.spec is None or "loss" in problem.spec.training.model_fields_set
    return fit(problem.network, problem.X, problem.loss, problem.y, problem.labels, most, stated)


def fit(
    network: Network | GraphNetwork, X: Array, loss: str, y: Array | None, labels: Array | None,
    most: int | None = None, stated: bool = True,
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

    >>> net = Network((np.array([[2.0]]),), (np.zeros(1),), "identity")
    >>> found = fit(net, np.array([[1.0], [2.0]]), "squared", np.array([[1.0], [4.0]]), None)
    >>> found.value, found.right, found.rows
    (0.25, None, 2)
    """
    n = len(X)
    if most is None:
        most = GRAPH_ROWS if isinstance(network, GraphNetwork) else n
    rows = min(n, most)
    nothing = Fit(loss, None, None, rows, n, "", stated)
    if (y is None) if loss == Loss.SQUARED else (
            labels is None and (y is None or loss == Loss.LOGISTIC)):
        named = "no targets" if y is None and labels is None else "targets of another kind"
        return _without(nothing, f"{named} that the {loss} loss takes are given")
    total, right = 0.0, 0
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for part, f in _outputs(network, X[:rows]):
                aims = (None if array is None else array[part] for array in (y, labels))
                losses, hits = _losses(loss, f, *aims)
                total += float(np.sum(losses))
                right += hits
    except EnclosureError:  # an activation met NaN or infinity
        total = math.nan
    if not math.isfinite(total):
        return _without(nothing, "numbers overflow on the way through it, or are NaN")
    return Fit(loss, float(f"{total / rows:.4g}"), None if loss == Loss.SQUARED else right, rows, n, "", stated)


def _without(fit: Fit, trouble: str) -> Fit:
    return Fit(fit.loss, None, None, fit.rows, fit.of, trouble, fit.stated)


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


def recorded(entry: object) -> Fit | None:
    """The fit that a certificate keeps, or None if what is there is none: that member is free, so anybody's.

    >>> recorded(Fit("squared", 0.25, None, 2, 2).as_json()).value, recorded("0.25"), recorded({"loss": "squared"})
    (0.25, None, None)
    """
    if not isinstance(entry, Mapping) or set(entry) != set(Fit.__dataclass_fields__):
        return None
    made = Fit(**entry)
    counts = (made.rows, made.of, 0 if made.right is None else made.right)
    whole = all(type(count) is int and count >= 0 for count in counts)
    number = made.value is None or type(made.value) in (int, float) and math.isfinite(made.value)
    fits = whole and 0 < made.rows <= made.of and (made.right or 0) <= made.rows
    words = isinstance(made.loss, str) and made.loss in _MEANING and isinstance(made.trouble, str)
    return made if number and fits and words and type(made.stated) is bool else None


def _outputs(network: Network | GraphNetwork, X: Array) -> Iterator[tuple[slice, Array]]:
    """Outputs of some rows at a time, with their places."""
    if isinstance(network, GraphNetwork):
        from certify.network.graph.passes import compile_graph, graph_forward
        from certify.rigor.arithmetic import Binary64

        made = compile_graph(network, Binary64())
        for start in range(0, len(X), 32):
            part = slice(start, min(start + 32, len(X)))
            yield part, graph_forward(made, X[part], Binary64()).values[network.output].mid.hi
        return
    phi = activation(network.activation)
    for start in range(0, len(X), 4096):
        part = slice(start, min(start + 4096, len(X)))
        a = X[part]
        for h, (W, b) in enumerate(zip(network.weights, network.biases, strict=True), 1):
            z = a @ W.T + (0.0 if b is None else b)
            a = phi.enclose(z, 0)[0].mid if h < network.depth else z
        yield part, a


def _losses(loss: str, f: Array, y: Array | None, labels: Array | None) -> tuple[Array, int]:
    """Losses row by row, and how many rows have the label that is predicted; a tie of logistic predicts none."""
    if loss == Loss.SQUARED:
        assert y is not None
        return 0.5 * np.sum((f - y) ** 2, axis=1), 0
    if loss == Loss.LOGISTIC:
        assert labels is not None
        margin = np.where(labels > 0, 1.0, -1.0) * f[:, 0]
        return np.logaddexp(0.0, -margin), int(np.sum(margin > 0))
    q = np.eye(f.shape[1])[labels] if labels is not None else y
    assert q is not None
    top = f.max(axis=1, keepdims=True)
    normed = top[:, 0] + np.log(np.sum(np.exp(f - top), axis=1))
    hits = np.argmax(f, axis=1) == np.argmax(q, axis=1)
    return q.sum(axis=1) * normed - np.sum(q * f, axis=1), int(np.sum(hits))
