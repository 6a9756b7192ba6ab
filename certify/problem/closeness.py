"""How near the weights are to a critical point of the stated loss, about: in plain floats, and never a claim.

A critical point has gradient 0. Weights that were stopped early, or trained with another penalty, have none, and what
is to be proved about "the critical point nearby" then fails late and with strange words. One gradient says it first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.format.words import Loss
from certify.network.layers.plain import PlainLoss, PlainPoint
from certify.network.network import Network
from certify.problem.nearness import only_one, within
from certify.rigor.fp import Array

if TYPE_CHECKING:
    from certify.problem.problem import Problem

ROUNDING: Final = 1e-12
"""Share of what adds up to the gradient at which the gradient counts as 0 to rounding."""
SOLVED, SINGLY = 1e-6, 1e-3
"""Shares of what adds up to a gradient, or of predictions, that rounding may leave of the solution of a linear system:
in double precision, and in single precision."""
ROUNDED: Final = 1e-7
"""Share of outputs and targets that counts beside their difference."""
NEAR: Final = 1e-3
"""Share of the weights' length within which the one solution of a convex last layer is called near."""
LOOKED_AT: Final = 2048
"""Rows that the curvature is taken from, at most."""
PRODUCTS: Final = 60
"""Products with the curvature that the estimate may cost."""
DENSE: Final = 400
"""Parameters up to which the linear system is solved directly."""


@dataclass(frozen=True)
class Closeness:
    """How near the weights are to a critical point, about.

    Attributes:
        loss: the training loss at the weights, with the weight decay of the free ones.
        gradient: length of its gradient by the free parameters.
        scale: length of what adds up to the gradient; 1e-16 times it is rounding.
        length: of the free weights.
        distance: about how far the nearest critical point is: the length of one step of Newton's method, with the
            curvature of the losses (exact for a last layer); infinite where the curvature leaves it open.
        near: share of the length within which the weights count as trained to the end.
        of: the loss and its weight decay, in words.
        endless: whether the loss falls for ever as the weights grow, so that it has no critical point where they go.

    >>> Closeness(0.1, 1e-3, 1.0, 2.0, 0.5, 1e-3, "logistic").trained_to_end
    False
    """

    loss: float
    gradient: float
    scale: float
    length: float
    distance: float
    near: float
    of: str
    endless: bool = False

    @property
    def share(self) -> float:
        """The distance as a share of the length of the free weights."""
        return self.distance / self.length if self.length else (0.0 if self.distance == 0 else math.inf)

    @property
    def trained_to_end(self) -> bool:
        """Whether the weights are about at a critical point."""
        return not self.endless and (self.gradient <= ROUNDING * self.scale or self.share <= self.near)

    def sentence(self) -> str:
        """It in words."""
        if self.endless:
            return (f"the stated loss ({self.of}) has no minimiser: there is no weight decay and every training row is "
                    f"right, so that it falls for ever as the weights grow (its gradient has length about "
                    f"{self.gradient:.2g})")
        at = "are about" if self.trained_to_end else "are not"
        far = "nobody knows how far" if not math.isfinite(self.share) else (
            f"about {self.share:.2g} of the weights' length")
        return (f"the weights {at} at a critical point of the stated loss ({self.of}): its gradient has length about "
                f"{self.gradient:.2g}, and the nearest critical point is {far} away")


def closeness(problem: Problem, layer: str | int | None = None) -> Closeness:
    """How near the weights of a fully connected network are to a critical point of its training loss, about.

    One gradient over all rows, and at most `PRODUCTS` products with the curvature of `LOOKED_AT` rows: seconds at most.

    Args:
        problem: with a loss and what it takes.
        layer: the free layer, or ``"all"``; default that of the problem.

    Raises:
        InputError: a graph network, or no targets.
        EnclosureError: numbers overflow on the way through the network.
    """
    loss = plain_loss(problem, layer)
    with np.errstate(over="ignore", invalid="ignore"):
        at = loss.at(loss.given)
        if not (math.isfinite(at.value) and np.isfinite(at.gradient).all()):
            raise EnclosureError("training loss", "NaN or infinity", "look for huge weights or features")
        size = float(np.linalg.norm(at.gradient))
        endless = at.endless()
        distance = 0.0 if size == 0 else math.inf if endless else _distance(loss, at.gradient)
    return Closeness(at.value, size, at.scale, float(np.linalg.norm(loss.given)), distance,
                     within(problem) or NEAR, described(problem), endless)


def gradient_share(problem: Problem) -> float:
    """The gradient at the given weights of one layer as a share of what adds up to it, in floats: tiny at a minimum.

    It needs no solution of a system, so that columns that nearly depend on others make it no larger. What outputs and
    targets are rounded by counts as well: where they nearly agree the gradient of a solution is rounding alone.

    Raises:
        InputError: a graph network, or no targets.
        EnclosureError: an activation met NaN or infinity.
    """
    loss = plain_loss(problem)
    with np.errstate(over="ignore", invalid="ignore"):
        at = loss.at(loss.given)
        size, sizes = float(np.linalg.norm(at.gradient)), np.linalg.norm(loss.inputs, axis=1) + 1.0
        W, b = loss.network.weights[-1], loss.network.biases[-1]
        outputs = abs(loss.inputs) @ abs(W).T + (0.0 if b is None else abs(b)) + abs(loss.aims)
        shares = 1.0 if loss.shares is None else loss.shares
        rounded = float((shares * sizes * np.linalg.norm(outputs, axis=1)).mean())
    whole = at.scale + ROUNDED * rounded
    return 0.0 if size == 0 else size / whole if whole else math.inf


def solved(weights: Array) -> float:
    """`SOLVED`; `SINGLY` of weights that are all numbers of single precision, as those of rows of such numbers are.

    >>> solved(np.array([0.1, 0.2])), solved(np.array([0.1, 0.2], dtype=np.float32).astype(np.float64))
    (1e-06, 0.001)
    """
    with np.errstate(over="ignore"):
        return SINGLY if np.array_equal(weights, np.asarray(weights, dtype=np.float32)) else SOLVED


def ends_closed(problem: Problem) -> bool | None:
    """Whether weights of a linear model are where a fit in closed form ends; None: of another loss, or several layers.

    Of one layer, the squared loss and a weight decay is the fit that mostly is one in closed form.

    Raises:
        EnclosureError: NaN or infinity.
    """
    net = problem.network
    if not (isinstance(net, Network) and net.depth == 1 and only_one(problem) and Loss(problem.loss).least_squares):
        return None
    return gradient_share(problem) <= solved(np.concatenate([array.ravel() for array in net.arrays]))


def steepest(problem: Problem, turn: Array | None = None) -> float:
    """The largest entry of the gradient of the mean loss, weights of rows adding up to 1, at the given weights; floats.

    It is what solvers hold against their tolerance that stop by slopes.

    Args:
        problem: of one layer, where `turn` is given.
        turn: orthonormal columns, in which the features of the problem are coordinates: the slopes are those of the
            weights of the features themselves.

    Raises:
        InputError: a graph network, or no targets.
        EnclosureError: an activation met NaN or infinity.
    """
    loss = plain_loss(problem)
    with np.errstate(over="ignore", invalid="ignore"):
        gradient = loss.at(loss.given).gradient
        if turn is not None:
            inner = problem.outputs * turn.shape[1]
            turned = gradient[:inner].reshape(problem.outputs, -1) @ turn.T
            gradient = np.concatenate([turned.ravel(), gradient[inner:]])
        largest = float(np.abs(gradient).max(initial=0.0))
        return largest if loss.shares is None else largest / float(np.mean(loss.shares))


def described(problem: Problem) -> str:
    """The loss with its weight decay, in words."""
    bias = "" if problem.bias_decay or not problem.weight_decay else ", bias_decay = false"
    return f"{problem.loss}, weight_decay = {problem.weight_decay:g}{bias}"


def hint(problem: Problem) -> str:
    """Why nothing is proved nearby and what to do, where the weights were stopped early; empty where they were not."""
    found = _found(problem)
    if found is None or found.trained_to_end:
        return ""
    if found.endless:
        return (f"{found.sentence()}. Train with a weight decay and state it; or ask map = \"sublevel\", which takes "
                "any weights")
    return (f"{found.sentence()}. `certify polish SPEC` finishes the training; or ask map = \"sublevel\", which takes "
            "any weights")


def said_of(problem: Problem) -> str:
    """How near the weights are, and what to do where they are not; empty where nobody can say."""
    found = _found(problem)
    if found is None or found.trained_to_end:
        return "" if found is None else found.sentence()
    if found.endless:
        return f"{found.sentence()}; train with a weight decay and state it"
    return f"{found.sentence()}; `certify polish SPEC` finishes the training"


def _found(problem: Problem) -> Closeness | None:
    try:
        return closeness(problem)
    except (InputError, EnclosureError):
        return None


def plain_loss(problem: Problem, layer: str | int | None = None) -> PlainLoss:
    """The training loss of a problem in floats, with the weights of its rows.

    Args:
        problem: with a fully connected network.
        layer: the free layer, from 1, or ``"all"``; default that of the problem.

    Raises:
        InputError: a graph network, or no targets that the loss takes.
    """
    net = problem.network
    if not isinstance(net, Network):
        raise InputError("the training loss in floats", "a graph network", "give a fully connected network")
    numbers, labels = problem.read_by_loss
    lacking = problem.row_loss.lacking(numbers, labels)
    if lacking is not None:
        raise InputError("targets", *lacking)
    aims = np.asarray(problem.row_loss.aims(numbers, labels, problem.outputs), dtype=np.float64)
    layers = net.layers(problem.layer if layer is None else layer)
    shares = None if problem.weights is None else problem.weights.as_fitted(problem)
    return PlainLoss(net, problem.X, aims, str(problem.loss), layers, problem.weight_decay, problem.bias_decay, shares)


def _distance(loss: PlainLoss, g: Array) -> float:
    """About the length of a Newton step with the curvature of the losses, taken from some rows."""
    some = loss.some(LOOKED_AT)
    at = some.at(loss.given)
    if len(g) <= DENSE:
        return _direct(at, g)
    x, r = np.zeros_like(g), g.copy()
    d, rr, first = r.copy(), float(r @ r), float(g @ g)
    for _ in range(PRODUCTS):
        if rr <= 1e-4 * first:
            break
        Hd = at.product(d, gauss_newton=True)
        curvature = float(d @ Hd)
        if not curvature > 0:
            return math.inf
        x += rr / curvature * d
        r -= rr / curvature * Hd
        rr, before = float(r @ r), rr
        d = r + rr / before * d
    return float(np.linalg.norm(x))


def _direct(at: PlainPoint, g: Array) -> float:
    """The same by an eigendecomposition, of the Hessian where it bends nowhere downwards; what is flat is left out."""
    for losses_alone in (False, True):
        H = np.stack([at.product(column, gauss_newton=losses_alone) for column in np.eye(len(g))])
        values, vectors = np.linalg.eigh((H + H.T) / 2)
        if values[0] > -1e-10 * abs(values[-1]):
            break
    held = values > 1e-13 * max(float(values[-1]), 1e-300)
    along = vectors.T @ g
    if np.linalg.norm(along[~held]) > 1e-6 * np.linalg.norm(g):
        return math.inf  # the gradient lies where the loss has no curvature
    return float(np.linalg.norm(along[held] / values[held]))


