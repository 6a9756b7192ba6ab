"""Hypothesis strategies: exact floats of any size, matrices, pairs, networks and problems."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from certify.network.network import Network
from certify.problem.problem import Problem, equal_rows
from certify.rigor.activation import ACTIVATIONS
from certify.rigor.arithmetic import Pair

FINITE = st.floats(allow_nan=False, allow_infinity=False)
"""Any finite float: subnormals and 1e308 included."""

MODERATE = st.floats(-(2.0**149), 2.0**149, allow_nan=False, allow_infinity=False)
"""Floats within the range of a product, subnormals included."""

ORDINARY = st.one_of(
    st.integers(-64, 64).map(lambda i: i / 8.0), st.floats(-4.0, 4.0),
    st.sampled_from([1.0, 1.0 + 2.0**-52, 2.0**-540]),
)
"""Eighths, floats of size one, and a few that hurt."""

METHODS = st.sampled_from(["residual", "a-priori"])


def matrices(elements: st.SearchStrategy[float] = FINITE, rows: int | None = None, columns: int | None = None):
    """Small matrices."""
    sizes = st.tuples(
        st.just(rows) if rows else st.integers(1, 4), st.just(columns) if columns else st.integers(1, 5)
    )
    return sizes.flatmap(lambda shape: arrays(np.float64, shape, elements=elements))


def squares(elements: st.SearchStrategy[float]):
    """Small square matrices."""
    return st.integers(1, 4).flatmap(lambda n: arrays(np.float64, (n, n), elements=elements))


def symmetric(elements: st.SearchStrategy[float] = FINITE):
    """Symmetric matrices: any entries, or a product of small numbers with its transpose (often singular)."""
    mirrored = squares(elements).map(lambda A: np.tril(A) + np.tril(A, -1).T)
    grams = squares(st.integers(-5, 5).map(float)).map(lambda A: A @ A.T)
    shifted = squares(st.floats(-2.0, 2.0)).map(lambda A: np.tril(A @ A.T + np.eye(len(A))) + np.tril(A @ A.T, -1).T)
    return st.one_of(mirrored, grams, shifted)


def radii(shape: tuple[int, ...]):
    """No radius, one number, or one an entry."""
    size = st.one_of(st.just(0.0), st.floats(0.0, 2.0), st.floats(0.0, 1e-12))
    return st.one_of(st.none(), size, arrays(np.float64, shape, elements=size))


@st.composite
def pairs(draw: st.DrawFn, rows: int, columns: int, elements: st.SearchStrategy[float] = MODERATE) -> Pair:
    """Pairs with `|lo| ≤ 2u|hi|`, or plain arrays."""
    hi = draw(arrays(np.float64, (rows, columns), elements=elements))
    if draw(st.booleans()):
        return Pair(hi)
    return Pair(hi, hi * 2.0**-52 * draw(arrays(np.float64, hi.shape, elements=st.floats(-1.0, 1.0))))


@st.composite
def networks(draw: st.DrawFn, activation: str | None = None) -> Network:
    """One to three layers, one to three outputs, biases or none; eighths make ReLU kinks and rank losses exact."""
    widths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    widths[-1] = min(widths[-1], 3)
    weights, biases = [], []
    for before, after in zip(widths[:-1], widths[1:], strict=True):
        weights.append(draw(arrays(np.float64, (after, before), elements=ORDINARY)))
        biases.append(draw(st.none() | arrays(np.float64, (after,), elements=ORDINARY)))
    return Network(tuple(weights), tuple(biases), activation or draw(st.sampled_from(list(ACTIVATIONS))))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Interpolation problems, duplicated rows and rank losses included."""
    network = draw(networks())
    n = draw(st.integers(1, 4))
    X = draw(arrays(np.float64, (n, network.widths[0]), elements=ORDINARY))
    groups = equal_rows(X)
    merge = bool(groups) and draw(st.booleans())
    free = [i for i in range(n) if not (merge and any(i in g[1:] for g in groups))]
    rows = draw(st.just(free) | st.lists(st.sampled_from(free), min_size=1, unique=True))
    y = draw(st.none() | arrays(np.float64, (n, network.widths[-1]), elements=ORDINARY))
    layer = draw(st.just("all") | st.integers(1, network.depth))
    parameter = draw(st.sampled_from(["features", "targets"]))
    return Problem(network, X, y, parameter, tuple(sorted(rows)), layer, merge, groups)
