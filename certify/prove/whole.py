"""The problem of a fitted model and its training data, before a question is chosen: the first one that can be asked."""

from __future__ import annotations

from typing import Any

from certify.format.words import Base, Loss, Map, Normalization, Parameter, Set
from certify.inputs.graphs.rows import GraphRows
from certify.inputs.stated_targets import chosen_loss, stated_targets
from certify.network.graph.graph import GraphNetwork
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.rigor.fp import Array


def whole_problem(net: Network, X: Array, y: Array | None, labels: Array | None, *, loss: str,
                  weight_decay: float, bias_decay: bool, normalization: str, **more: Any) -> Problem:
    """A model at a minimum nearby, with a question that a caller replaces by theirs.

    One layer: any 1 row left out. Several: all features move, all layers free; the last layer alone, and any 1 row left
    out, where the training loss is known of that alone (biases without decay, a mean over the rows that are left, the
    losses of heads). Without weight decay there is no difference between biases with and without it, nor between n's;
    and a model without biases has none that could be without it.

    Args:
        net: the model.
        X: `(n, d)` rows as the network takes them.
        y, labels: `(n, k)` targets or `(n,)` labels; the other is None.
        loss, weight_decay, bias_decay, normalization: the training loss.
        more: members of the problem that stand beside: `names`, `classes`, `weights`, `prepare`.

    Raises:
        InputError: what does not fit together.

    >>> import numpy as np
    >>> X, net = np.array([[0.0], [1.0]]), Network((np.ones((1, 1)),), (None,), "identity")
    >>> str(whole_problem(net, X, X, None, loss="squared", weight_decay=0.5, bias_decay=True,
    ...                   normalization="fixed").parameter)
    'deletions'
    """
    if weight_decay == 0:
        bias_decay, normalization = True, Normalization.FIXED
    bias_decay = bias_decay or all(b is None for b in net.biases)
    of_heads = Loss(loss).of_heads or not bias_decay or Normalization(normalization).follows
    if of_heads or (net.depth == 1 and weight_decay > 0):
        asked: dict[str, Any] = {"parameter": Parameter.DELETIONS, "set": Set.SPARSE, "count": 1,
                                 "layer": net.depth if net.depth > 1 else "all"}
    else:
        asked = {"parameter": Parameter.FEATURES}
    return Problem(network=net, X=X, y=y, labels=labels, rows=tuple(range(len(X))), map=Map.CRITICAL, base=Base.NEARBY,
                   loss=loss, weight_decay=weight_decay, bias_decay=bias_decay, normalization=normalization,
                   **asked, **more)


def graph_head(
    network: GraphNetwork, X: Any, y: Any, *, loss: str | None, weight_decay: float, bias_decay: bool = True,
    normalization: str = "fixed",
) -> Problem:
    """The problem, with a question that a caller replaces by theirs: any 1 row left out.

    Args:
        network: whose output is a linear layer's.
        X: `(n, …)` training rows, in the shape of the graph's or flat.
        y: labels, also words, or numbers.
        loss, weight_decay, bias_decay, normalization: of the training.

    Raises:
        InputError: rows of another shape, targets that the loss does not take, or another last node.
    """
    rows = GraphRows(network.shape)
    flat = rows.given(X, "X")
    word = chosen_loss(y, network.widths[-1], loss, heads=True)
    found = stated_targets(y, word, network.widths[-1])
    return Problem(network=network, X=flat, y=found.y, rows=tuple(range(len(flat))), layer="last", labels=found.labels,
                   map=Map.CRITICAL, base=Base.NEARBY, loss=word, weight_decay=float(weight_decay),
                   bias_decay=bias_decay, normalization=normalization, prepare=rows, parameter=Parameter.DELETIONS,
                   set=Set.SPARSE, count=1, classes=found.classes)
