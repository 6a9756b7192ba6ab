"""Weights near the minimum, the curvature there, and how far the gradient is from 0 at these and at other weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.head import Whole
from certify.systems.head.rows.stored.rows import BLOCK, Rows
from certify.systems.head.rows.stored.tally import PerRow
from certify.systems.head.rows.stored.tree import levels
from certify.theorems.head.rows.classes.lengths import Measure
from certify.theorems.head.rows.classes.slopes import WIDEST, largest_norm
from certify.theorems.head.rows.classes.stepped import LEFT, Stepped, SteppedFound
from certify.theorems.head.rows.classes.system import System, system

SETTLED, STUCK, TURNS, MATRICES = 1e-7, 1e-2, 24, 6
"""Length of the gradient, as computed, in the norm of the inverse curvature at which weights count as the minimum, and
up to which they do where no step leads nearer; steps with one curvature, and how many curvatures, at most."""

LESS, CUT = 0.9, 0.25
"""Part of that length below which a step has to come, and what one is cut to that does not."""


@dataclass(frozen=True, eq=False)
class Ground:
    """The rows, their labels and the weight decay; all of columns as they are scaled.

    Attributes:
        rows: the features.
        label: (n,) numbers of classes.
        mu, mu_off: (p,) the weight decay, and what each may be off by at most.
    """

    rows: Rows
    label: PerRow
    mu: Array
    mu_off: float


@dataclass(frozen=True, eq=False)
class Gradients:
    """At several weights.

    Attributes:
        steps: (B, q, p) Newton's, with the curvature of the centre; to be taken away.
        near: (B,) about the lengths of the gradients in the norm of the inverse of H.
        bound: (B,) upper bounds of them; infinite where nothing is known.
        lacks: (share, B) upper bounds, as of :class:`SteppedFound`.
    """

    steps: Array
    near: Array
    bound: Array
    lacks: Array


@dataclass(frozen=True, eq=False)
class Centre:
    """What is known at some weights.

    Attributes:
        ground: the rows.
        V: (k − 1, p) the weights.
        system: H there.
        residual: upper bound of the length of the gradient in the norm of the inverse of H.
    """

    ground: Ground
    V: Array
    system: System
    residual: float

    @property
    def measure(self) -> Measure:
        """Of lengths."""
        return Measure(self.system.R, self.system.size, self.system.gap)


def gradients(ground: Ground, V: Array, by: System, W: Array, without: Whole, leverage: Array) -> Gradients:
    """The gradient at each of the weights W without a row each, by one reading.

    What is off: sums of products (R2, over blocks and a tree), probabilities as computed, and those at outputs that are
    off by o, which move by at most `½|o|` together.
    """
    task = Stepped(V, W, without, ground.label, leverage)
    found = ground.rows.tallied(task)
    B, q, p = W.shape
    pull = W - W.sum(axis=1, keepdims=True) / (q + 1)
    G = found.gradients() + ground.mu * pull
    unit = _unit(len(ground.rows), ground.rows.step(task.beside))
    off = np.array([_off(ground, by, one, unit) for one in W])
    flat = G.reshape(B, q * p)
    long = fp.row_norms(np.where(np.isfinite(flat), flat, 0.0))
    image = by.R @ flat.T
    near = np.sqrt(np.einsum("mb,mb->b", image, image))
    bound = near * fp.sum_up(len(by.R)) + by.size * (fp.dot_unit(len(by.R)) * long + off + 2.0 * U * long)
    bound = np.where(found.known & np.isfinite(near), bound * by.gap * RAISE, np.inf)
    return Gradients((by.R.T @ image).T.reshape(B, q, p), near, bound, _lacks(ground, found))


def _lacks(ground: Ground, found: SteppedFound) -> Array:
    return np.asarray(found.lacks() * fp.sum_up(len(ground.rows)) * RAISE)


def _unit(n: int, step: int) -> float:
    """Of sums of products of n rows: blocks in turn, then parts of `step` rows in a tree."""
    deep = min(-(-n // BLOCK), levels(-(-n // step), -(-min(n, step) // BLOCK)))
    return (fp.dot_unit(min(BLOCK, n)) + 2.0 * deep * U) * RAISE


def _off(ground: Ground, by: System, W: Array, unit: float) -> float:
    """Euclidean length of what a gradient is off by; slopes of a row are at most √2 long together."""
    (q, _), (total, squares) = W.shape, by.lengths
    each = 1.5 * unit + (q + 24.0) * U + np.sqrt(q) * WIDEST * U
    off = total * each + 0.5 * np.sqrt(q) * fp.dot_unit(W.shape[1]) * largest_norm(W) * squares
    decay = ground.mu_off + (8.0 + 4.0 * q) * U * float(ground.mu.max(initial=0.0))
    return float((off + decay * fp.frobenius(W)) * RAISE * RAISE)


def settled(ground: Ground, V: Array) -> Centre:
    """The centre after as many steps as the minimum takes: with one curvature as long as they help, then with the next.

    Raises:
        EnclosureError: as of `system`, or weights that do not settle.
    """
    for _ in range(MATRICES):
        by = system(ground.rows, V, ground.mu, ground.mu_off)
        there, found = _nearer(ground, by, V)
        if there is V:
            return Centre(ground, V, by, float(found.bound[0]))
        V = there
        del by  # the next one takes as much memory
    raise EnclosureError("stored_predictions", "weights given from which steps do not reach the minimum",
                         "fit the estimator to the end, with a smaller tol")


def _nearer(ground: Ground, by: System, V: Array) -> tuple[Array, Gradients]:
    """Weights nearer to the minimum; the same ones, if they are near enough."""
    nothing, none = np.zeros(len(ground.rows)), np.array([-1])
    first = here = gradients(ground, V, by, V[None], none, nothing)
    at, share = V, 1.0
    if first.near[0] <= SETTLED:
        return V, first
    for _ in range(TURNS):
        tried = at - share * here.steps[0]
        there = gradients(ground, V, by, tried[None], none, nothing)
        if there.near[0] < LESS * here.near[0]:
            at, here, share = tried, there, min(2.0 * share, 1.0)
        elif here.near[0] < STUCK:
            break
        else:
            share *= CUT
        if here.near[0] <= SETTLED / 4.0:
            break
    # where steps with this curvature led hardly nearer, nothing is won by the next one
    settled_here = here.near[0] > LESS * first.near[0] and first.near[0] < STUCK
    return (V, first) if settled_here else (at, here)


def kept_share(lacks: Array, own: Array, unsure: float) -> Array:
    """(B,) F with `F·H ⪯ Σ (1 − unsure)e^{−r_j}(…) + Z ⊗ diag μ` over all rows but one, of leverage `own`."""
    shares = np.array(LEFT)[:, None]
    held = shares * (1.0 - own) * (1.0 - 4.0 * U) - lacks * (1.0 + 4.0 * U)
    return np.asarray(np.maximum(held.max(axis=0), 0.0) * (1.0 - unsure) * (1.0 - 8.0 * U))
