"""How far a Hessian can be from itself: against Hessians formed at points of the ball."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from certify.check.enclosure.network import forward
from certify.check.enclosure.network import given as exact_parameters
from certify.check.probed.over_ball import Moved, hessian_off
from certify.check.reading.subject import Layer
from tests.effort import examples
from tests.oracles import taylor
from tests.unit.check.enclosure.test_hessian import curvature

SEEDS = st.integers(0, 10**9)
SMOOTH = ["identity", "tanh", "sigmoid", "softplus", "silu", "gelu"]


def hessian(problem) -> np.ndarray:
    p = problem.parameters
    return np.array([float(x.mid()) for x in curvature(problem).hessian.balls().entries()]).reshape(p, p)


def bound(problem, radius: float) -> float:
    middle = exact_parameters(problem)
    return float(hessian_off(problem, middle, forward(problem, middle, problem.features), arb(radius)))


def moved(problem, rng, radius: float):
    """The problem with weights at that distance, in one direction of the free ones."""
    sizes = [len(layer.weights) + len(layer.biases or ()) if h in problem.free else 0
             for h, layer in enumerate(problem.layers, 1)]
    step = rng.normal(size=sum(sizes))
    step *= radius * (1 - 1e-9) / np.linalg.norm(step)
    layers, at = [], 0
    for layer, size in zip(problem.layers, sizes, strict=True):
        own, at = step[at:at + size], at + size
        if size:
            n = len(layer.weights)
            biases = None if layer.biases is None else tuple((np.array(layer.biases) + own[n:]).tolist())
            layer = replace(layer, weights=tuple((np.array(layer.weights) + own[:n]).tolist()), biases=biases)
        layers.append(layer)
    return replace(problem, layers=tuple(layers))


@settings(max_examples=examples(150), deadline=None)
@given(seed=SEEDS, radius=st.sampled_from([1e-4, 1e-2, 0.3, 2.0]), activation=st.sampled_from(SMOOTH))
def test_no_point_of_the_ball_is_farther(seed, radius, activation):
    rng = np.random.default_rng(seed)
    problem = taylor.problem(rng, activation=activation)
    with ctx.workprec(128):
        most, at = bound(problem, radius), hessian(problem)
        for _ in range(4):
            far = np.linalg.norm(hessian(moved(problem, rng, radius)) - at, 2)
            assert far <= most * (1 + 1e-9) + 1e-12


@settings(max_examples=examples(30), deadline=None)
@given(seed=SEEDS)
def test_it_shrinks_with_the_ball(seed):
    problem = taylor.problem(np.random.default_rng(seed), activation="tanh")
    assume(len(problem.layers) > 1)
    with ctx.workprec(128):
        large, small = bound(problem, 1e-10), bound(problem, 1e-20)
        assert small <= large * 1e-9 and bound(problem, 0.0) == 0


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu"])
def test_where_second_derivatives_jump_nothing_is_known(activation):
    problem = taylor.problem(np.random.default_rng(1), activation=activation, widths=[2, 3, 1], loss="squared")
    assert bound(problem, 1e-30) == float("inf")


def test_products_of_pairs():
    found = Moved(arb(2), arb(1)).times(Moved(arb(3), arb(5)))
    assert found.size == 6 and found.off == 2 * 5 + 1 * (3 + 5)


def test_each_part_of_two_layers_counts_once():
    """`f = w·(Wx)` with `W = 0`, `w = x = 1` and the right output: by hand, to first order in the radius r.

    The output moves by r, and with it the slope of the loss. `∂f/∂w` moves by r and `∂f/∂W` by r, their pull back
    through both layers by 2r. The rows of the Hessian move by `r + r` at w, and at W by `2r + r + r`: what the gradient
    there moves by, w itself, and the slope, of which W's part of `∂f/∂w` is made.
    """
    problem = taylor.problem(
        np.random.default_rng(0), activation="identity", widths=[1, 1, 1], loss="squared", n=1, free=(1, 2),
        layers=(Layer(1, 1, (0.0,), None), Layer(1, 1, (1.0,), None)), features=((1.0,),), targets=((0.0,),),
        weight_decay=0.0, scale=None, moving=(0,))
    with ctx.workprec(128):
        assert bound(problem, 1e-8) == pytest.approx(1e-8 * (2**2 + 4**2) ** 0.5, rel=1e-6)
