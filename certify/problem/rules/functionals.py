"""Which problems may have evaluation rows that are linear functionals of a head's weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Map, Parameter, Set
from certify.network.network import Network

if TYPE_CHECKING:
    from certify.problem.statement import Statement


def require_functionals(problem: Statement) -> None:
    """Refuse functionals but of one layer with one output whose rows change whole, and those that are always 0.

    Raises:
        InputError: with what would work.
    """
    found, points, net = problem.functionals, problem.evaluation, problem.network
    if found is None:
        return
    t = found.intercepts
    if points is None or not isinstance(t, np.ndarray) or t.dtype != np.float64 or t.shape != (len(points),) or (
            not np.isfinite(t).all()):
        raise InputError("evaluation.intercept", f"{getattr(t, 'dtype', type(t).__name__)} of shape {np.shape(t)}",
                         "give one finite float64 number for each evaluation row")
    if found.names is not None and len(found.names) != len(points):
        raise InputError("functionals", f"{len(found.names)} names for {len(points)} rows", "give one for each")
    if not isinstance(net, Network) or net.depth != 1 or problem.outputs != 1:
        raise InputError("evaluation.intercept", "a network of several layers or outputs",
                         "functionals are of the weights of one layer with one output")
    whole = Parameter(problem.parameter).discrete and not Set(problem.set).gauge and problem.fresh is None
    if not whole or not Map(problem.map).stationary:
        raise InputError("evaluation.intercept", f"parameter {str(problem.parameter)!r}, set {str(problem.set)!r}",
                         "functionals are bounded where rows are left out or get other labels, and none is new")
    if net.biases[-1] is None and t.any():
        raise InputError("evaluation.intercept", f"{t[np.flatnonzero(t)[0]]:g} for a head without an intercept",
                         "give 0 for every row")
    nothing = np.flatnonzero(~points.any(axis=1) & (t == 0))
    if len(nothing):
        raise InputError(f"evaluation row {nothing[0]}", "0 in every column and for the intercept, a functional that "
                         "is 0 of all weights", "leave it out")
