"""Finders: a critical point of a changed loss, and vectors that show how far it must be. Nothing here is trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from certify.format.errors import EnclosureError
from certify.network.layers.gradients import enclose_gradient
from certify.network.layers.hessian import enclose_hessian
from certify.network.layers.objective import Objective
from certify.rigor.arithmetic import Binary64
from certify.rigor.finder import FAILED
from certify.rigor.fp import Array
from certify.systems.critical.nearby import newton_matrix, stepped
from certify.systems.critical.symmetry import Layout
from certify.systems.interpolation.nearby import Parameters, ball_of

STEPS, HALVINGS, LEAST = 40, 10, 1e-9
SHIFTS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-8)
"""How far singular values of the Hessian are raised for a witness, as shares of the largest: a long z is quickly
carried away by the change of the Hessian, a short one sees less of the gradient."""
SPECTRAL, FEW = 1500, (1e-2, 1e-3, 1e-5)
"""Largest p for which the Hessian is decomposed; beyond it fewer shifts, each with a linear system of its own."""


def propose_critical(
    moved: Objective, layout: Layout, symmetric: bool, start: Parameters, check: Callable[[], None]
) -> Parameters:
    """Newton's method on the gradient of the changed loss, shortened where the gradient would grow.

    Args:
        moved: the changed loss.
        layout: network and free layers.
        symmetric: whether symmetry fields may be used.
        start: where to begin.
        check: called between the steps.
    """
    at, g = start, _gradient(moved, layout, start)
    if g is None:
        return start
    first = float(np.linalg.norm(g))
    for _ in range(STEPS):
        check()
        size = float(np.linalg.norm(g))
        if size <= LEAST * first or not np.isfinite(size):
            break
        try:
            X = newton_matrix(moved, layout, symmetric, at)
        except FAILED:
            break
        if isinstance(X, str):
            break
        step, t = X @ g, 1.0
        for _ in range(HALVINGS):
            trial = stepped(at, layout, t * step)
            new = _gradient(moved, layout, trial)
            if new is not None and np.linalg.norm(new) < (1 - t / 4) * size:
                break
            t /= 2
        else:
            break
        assert new is not None
        at, g = trial, new
    return at


def propose_witnesses(
    moved: Objective, layout: Layout, at: Parameters, check: Callable[[], None]
) -> Iterator[Array]:
    """`z = (H² + μ²)⁻¹g` for some μ, g and H of the changed loss: at μ = 0 the best where H does not change."""
    g = _gradient(moved, layout, at)
    if g is None or not g.any():
        return
    check()
    try:
        H = enclose_hessian(moved, layout.layers, Binary64(), ball_of(at, 0.0, (), Binary64())).mid
    except EnclosureError:
        return
    check()
    try:
        if len(H) <= SPECTRAL:
            values, vectors = np.linalg.eigh(H)
            largest, b = float(np.abs(values).max()), vectors.T @ g
            for shift in SHIFTS:
                yield vectors @ (b / (values**2 + (shift * largest) ** 2))
            return
        square = H @ H
        largest = float(np.sqrt(np.linalg.norm(square, 1)))
        for shift in FEW:
            check()
            raised = square.copy()
            raised[np.arange(len(H)), np.arange(len(H))] += (shift * largest) ** 2
            yield np.asarray(np.linalg.solve(raised, g), np.float64)
    except np.linalg.LinAlgError:
        return


def _gradient(moved: Objective, layout: Layout, at: Parameters) -> Array | None:
    try:
        return enclose_gradient(moved, layout.layers, Binary64(), ball_of(at, 0.0, (), Binary64())).mid.hi
    except EnclosureError:  # overflow far away, or a kink
        return None
