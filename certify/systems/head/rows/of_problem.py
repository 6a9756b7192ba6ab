"""The head of a problem whose last layer alone is free, and the changes of its rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Normalization, Parameter, Set
from certify.network.graph.features import features
from certify.network.graph.graph import GraphNetwork
from certify.network.layers.passes import forward, known_weights
from certify.network.network import Network
from certify.problem.perturbations.codes import codes_of
from certify.problem.perturbations.named import code_named
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.rigor.arithmetic import DoubleDouble
from certify.rigor.ball import rounded
from certify.rigor.fp import Array
from certify.systems.head.rows.centred import centred
from certify.systems.head.rows.change import DELETED, NONE, Choices, RowChange
from certify.systems.head.rows.changes.base import Change
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.changes.given import GivenRows
from certify.systems.head.rows.changes.groups import GroupChange
from certify.systems.head.rows.changes.new_rows import NewRows
from certify.systems.head.rows.changes.pairs import PairChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.nearest import SMALL, known_finely, nearest
from certify.systems.head.rows.refit import enclose_refits, from_means, gradient_size
from certify.systems.head.rows.weights import RowWeights

REPLACED = "replaced"
"""The word of a spec where as many rows are left out as join; the other is added."""


def head_of(problem: Problem, tell: Callable[[float], None] = lambda _: None) -> Head:
    """The head, its inputs enclosed where layers lie before it.

    Args:
        problem: whose last layer alone is free.
        tell: told the fraction done of the passes through a graph.

    Raises:
        InputError: labels change, and the targets stand for no labels.
        EnclosureError: overflow in the layers before it.
    """
    net = problem.network
    W, b = last_of(net)
    V = W if b is None else np.hstack([W, b[:, None]])
    evaluation = problem.X[:1] if problem.evaluation is None else problem.evaluation
    (phi, rad), (points, points_rad) = _both_inputs(net, problem.X, evaluation, b is not None, tell)
    if problem.functionals is not None and b is not None:
        points[:, -1] = problem.functionals.intercepts
    codes, label, Y = _targets(problem)
    decayed = np.ones(V.shape[1], dtype=bool)
    decayed[-1] = b is None or problem.bias_decay
    return Head(phi, rad, Y, codes, label, HEAD_LOSSES[problem.loss], V, problem.weight_decay, decayed,
                Normalization(problem.normalization).follows, points, points_rad, problem.threshold or 0.0,
                _weights(problem, codes, len(phi)), names=_names(problem, codes))


def _names(problem: Problem, codes: Array | None) -> tuple[str, ...]:
    """What a user calls the codes, by their numbers; () where nobody said, or there are more or fewer words."""
    about = None if problem.spec is None else problem.spec.about
    words = problem.classes or (None if about is None else about.labels)
    if codes is None or words is None or len(words) != len(codes):
        return ()
    places = np.argsort(codes[:, 0]).argsort() if codes.shape[1] == 1 else codes.argmax(axis=1)
    return tuple(str(words[int(place)]) for place in places)


def change_of_rows(problem: Problem) -> Change:
    """What a problem lets happen to the rows of its head."""
    relabels, rows = Parameter(problem.parameter).relabels, tuple(problem.rows)
    if not Set(problem.set).sized:
        return GivenRows(rows, _new_codes(problem) if relabels else (DELETED,) * len(rows))
    assert problem.count is not None
    count = min(problem.count, len(rows))
    if problem.together is not None:
        return GroupChange(relabels, count, problem.together)
    if problem.relabelled is not None:
        return BothChange(count, problem.relabelled, rows)
    if problem.fresh is not None:
        low, high = new_box(problem)
        return NewRows(count if problem.fresh == REPLACED else 0, problem.count, rows, low, high)
    if problem.pairs is not None:
        found = codes_of(problem)
        pairs = frozenset((code_named(problem, found, a, "pairs"), code_named(problem, found, b, "pairs"))
                          for a, b in problem.pairs)
        first = [a for a, _ in pairs]
        return PairChange(count, tuple(row for row in rows if found.label[row] in first), pairs)
    return RowChange(relabels, count, rows)


def new_box(problem: Problem) -> tuple[Array, Array]:
    """The box in which the features of a new row lie: the stated one, or the ranges of the training rows."""
    if problem.box is None:
        return problem.X.min(axis=0), problem.X.max(axis=0)
    box = np.array(problem.box, dtype=np.float64)
    return box[:, 0], box[:, 1]


def _new_codes(problem: Problem) -> tuple[int, ...]:
    """What the rows of one given change of labels become."""
    assert problem.change is not None
    found = codes_of(problem)
    return tuple(code_named(problem, found, float(problem.change[row, 0]), "change") for row in problem.rows)


def given_base(head: Head, centre: Array) -> tuple[float, float]:
    """`|∇F|` at the given weights, and how near the refit of the unchanged data is: upper bounds (D1).

    Args:
        head: the head.
        centre: `(k, m)` weights V̂ near that refit, or the given ones: `|V̄ − V| ≤ |V̄ − V̂| + r`.
    """
    nothing = Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    size = float(gradient_size(head, nothing, head.V[None])[0])
    away = fp.frobenius(head.V - centre) * (1 + 2.0**-50) if (head.V != centre).any() else 0.0
    near = _near(head, nothing, centre)
    if not head.free_intercept and centre is head.V:  # as near as a checker finds it, however far that is
        mid, wrong = head.mu()
        near = size / ((mid - wrong) * (1 - 4 * fp.U)) if mid > wrong else near
    return size / head.n * (1 + 2.0**-40), (away + near) * (1 + 2.0**-40)


def _near(head: Head, nothing: Choices, centre: Array) -> float:
    """The distance from weights to the refit of the unchanged data, from the middle of the rows where that is less."""
    near = _roughly(head, nothing, centre)
    if not known_finely(head):
        return near
    mid, wrong = head.mu()
    counts = 1.0 if head.weights is None else head.weights.rows
    rounding = 2.0**-31 * float((counts * head.phi_norm).sum()) / (mid - wrong) if mid > wrong else 0.0
    # a checker refuses what is far more than it finds, but for some rounding
    return min(near, nearest(head, centre)) if head.phi.size <= SMALL or not near <= rounding else near


def _roughly(head: Head, nothing: Choices, centre: Array) -> float:
    """The same in float64."""
    near, seen = float(enclose_refits(head, nothing, centre[None], fine=True)[0]), centred(head)
    if seen is None:
        return near
    V = seen.forth(centre)
    lost = float(np.sqrt(head.k)) * (head.m + 2) * fp.U * fp.frobenius(V) * seen.stretch  # by the rounding of V
    own, away = (float(part[0]) for part in from_means(seen.head, nothing, V[None]))
    mid, wrong = head.mu()
    # a checker looks at the weights as they are, not at their rounded sum with the mean
    room = 2.0**-31 * float(head.phi_norm.sum()) / (mid - wrong) if mid > wrong else 0.0
    return min(near, (own * (2.0 + away) * seen.stretch + lost) * (1 + 2.0**-40)) + room


def last_of(net: Network | GraphNetwork) -> tuple[Array, Array | None]:
    """Weight and bias of the last layer."""
    if isinstance(net, Network):
        return net.weights[-1], net.biases[-1]
    weight, *bias = net.last_arrays
    return weight, bias[0] if bias else None


def _both_inputs(
    net: Network | GraphNetwork, X: Array, points: Array, biased: bool, tell: Callable[[float], None],
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Inputs of the last layer at training and evaluation rows; of a graph those of equal rows are made once."""
    if isinstance(net, Network):
        return _inputs(net, X, biased, tell), _inputs(net, points, biased, tell)
    rows = np.concatenate([X, points])
    seen: dict[bytes, int] = {}
    at = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in rows])
    first = np.unique(at, return_index=True)[1]
    phi, rad = _inputs(net, np.ascontiguousarray(rows[first]), biased, tell)
    mine, theirs = at[: len(X)], at[len(X):]
    return (phi[mine], rad[mine]), (phi[theirs], rad[theirs])


def _inputs(
    net: Network | GraphNetwork, X: Array, biased: bool, tell: Callable[[float], None],
) -> tuple[Array, Array]:
    """Inputs of the last layer with a 1 for the bias, and how far the true ones may be; exact for one layer."""
    if isinstance(net, GraphNetwork):
        a, rad = features(net, X, tell)
    elif net.depth == 1:
        a, rad = X, np.zeros(len(X))
    else:
        balls = rounded(forward(net, known_weights(net), X, DoubleDouble()).inputs[-1])
        a, rad = balls.mid.hi, balls.rad
    return (np.hstack([a, np.ones((len(a), 1))]) if biased else np.ascontiguousarray(a)), rad


def _weights(problem: Problem, codes: Array | None, n: int) -> RowWeights | None:
    """The weights of the rows; None where all are 1."""
    given = problem.weights
    if given is None:
        return None
    if given.by_label and (
            codes is None or (given.labels is not None and len(given.labels) != len(codes))):
        raise InputError("weights", "weights by label, of targets that are no labels, or of another number of them",
                         "give a weight for every label, or weights of rows alone")
    labels = None if codes is None else given.of_codes(codes)
    return RowWeights(np.ones(n) if given.rows is None else given.rows, labels, given.balanced)


def _targets(problem: Problem) -> tuple[Array | None, Whole | None, Array]:
    """Codes, labels and targets as the loss takes them; targets that are no labels have no codes."""
    relabels = (Parameter(problem.parameter).relabels or problem.relabelled is not None or problem.fresh is not None)
    by_label = problem.weights is not None and problem.weights.by_label
    if problem.labels is None and not relabels and not by_label:
        assert problem.y is not None
        return None, None, problem.y
    found = codes_of(problem)
    return found.codes, found.label, found.codes[found.label]
