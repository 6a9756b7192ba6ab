"""Crafted attacks on second derivatives; beside those of `tests.mutation.killers`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.network.layers.mixed import Move
from certify.network.layers.objective import Objective
from certify.network.network import Network
from certify.rigor.arithmetic import Arithmetic, Binary64, DoubleDouble, Pair
from tests.containment import second
from tests.families.training import Tilted
from tests.mutation.killers import biased_constants, cancelling_tanh, killer, seeds

BOTH: tuple[Arithmetic, ...] = (Binary64(), DoubleDouble())


def case(net: Network, X: np.ndarray, y: float = 0.0, parameter: str = "features", rows: tuple[int, ...] | None = None,
         scale: np.ndarray | None = None, tilt: Pair | None = None, tilt_radius: float = 0.0, layer: str | int = "all",
         rho: float = 0.0, decay: float = 0.0) -> Tilted:
    """A squared loss with equal targets."""
    n, k = len(X), net.widths[-1]
    objective = Objective(net, X, "squared", np.full((n, k), y), None, decay)
    move = Move(parameter, tuple(range(n)) if rows is None else rows, scale)
    return Tilted(objective, tilt, np.full((n, k), tilt_radius), move, layer, rho)


def attacked(tilted: Tilted, rng: np.random.Generator, arithmetics: tuple[Arithmetic, ...] = BOTH) -> None:
    """Both kernels on one case, at the network's own weights and around them."""
    for arithmetic in arithmetics:
        second.hessian(tilted, arithmetic, rng, exactly=True)
        second.mixed(tilted, arithmetic, rng, exactly=True)


@killer
def linear_chains_in_balls() -> None:
    """One unit a layer, exact passes: the radius of the ball of weights is all there is, and is attained."""
    for rng in seeds(2):
        for depth in (1, 2, 3):
            weights = tuple(np.full((1, 1), float(rng.integers(1, 4))) for _ in range(depth))
            biases = tuple(np.zeros(1) if rng.random() < 0.5 else None for _ in range(depth))
            net = Network(weights, biases, "identity")
            for parameter in ("features", "targets", "sample_weights"):
                decay = float(rng.integers(2))
                attacked(case(net, np.full((1, 1), 2.0), parameter=parameter, rho=0.25, decay=decay), rng)


@killer
def features_in_units() -> None:
    """Exact chains with features in units of 1000 and of a quarter, at a point and on a ball."""
    for rng in seeds(2):
        net = Network((np.full((1, 1), 2.0), np.full((1, 1), 3.0)), (None, None), "identity")
        for unit in (1000.0, 0.25):
            for rho in (0.0, 0.25):
                tilted = case(net, np.ones((2, 1)), scale=np.array([unit]), rho=rho)
                second.mixed(tilted, Binary64(), rng, exactly=True)


@killer
def decay_in_balls() -> None:
    """A huge decay: the gradient moves by λ times the distance of the weights, spread over two matrices or biases."""
    for rng in seeds(6):
        for bias in (None, np.zeros(2)):
            net = Network((np.zeros((2, 2)),), (bias,), "identity")
            attacked(case(net, np.zeros((1, 2)), rho=0.25, decay=2.0**60), rng, (Binary64(),))


@killer
def uncertain_tilts() -> None:
    """Exact chains with a tilt known to a quarter, and a tilt of which a low part is dropped."""
    for rng in seeds(4):
        net = Network((np.full((1, 1), 2.0), np.full((1, 1), 3.0)), (None, None), "identity")
        for n in (1, 2):
            attacked(case(net, np.ones((n, 1)), tilt=Pair(np.ones((n, 1))), tilt_radius=0.25), rng)
            net_k = Network((np.full((1, 1), 2.0), np.full((2, 1), 3.0)), (None, None), "identity")
            attacked(case(net_k, np.ones((n, 1)), tilt=Pair(np.ones((n, 2))), tilt_radius=0.25), rng)


@killer
def inner_products_of_many_units() -> None:
    """Adjoints that sum 1000 equal products, wrong by many u; only the first layer is free, everything else exact."""
    for c in biased_constants(1000, 3):
        net = Network((np.ones((1, 1)), np.full((1000, 1), c), np.full((1, 1000), c)), (None, None, None), "identity")
        attacked(case(net, np.ones((1, 1)), layer=1), np.random.default_rng(0), (Binary64(),))


@killer
def sums_of_many_rows() -> None:
    """4900 equal rows of a linear net: sums over rows are wrong by many u, all else is exact."""
    rng = np.random.default_rng(0)
    for c in biased_constants(70, 1):
        net = Network((np.zeros((1, 1)),), (None,), "identity")
        X = np.full((4900, 1), c)
        second.hessian(case(net, X), Binary64(), rng, exactly=True)
        second.mixed(case(net, X, y=1.0), Binary64(), rng, exactly=True)
        second.mixed(case(net, X, parameter="targets"), Binary64(), rng, exactly=True)


@killer
def blurred_curvature() -> None:
    """A pre-activation that a cancellation has blurred, with large residuals: φ'' counts, and its radius."""
    for rng in seeds(4):
        net, X = cancelling_tanh(rng)
        for point in (0.0, 0.66, 1.2):
            W = net.weights[0].copy()
            W[0, 2] = -float(Fraction(W[0, 0]) + Fraction(W[0, 1])) + point
            blurred = Network((W, net.weights[1]), (None, None), "tanh")
            for layer in (1, 2):
                attacked(case(blurred, X, y=-1e6, layer=layer), rng, (Binary64(),))


@killer
def blurred_outputs() -> None:
    """Outputs that a cancellation has blurred: the loss' second derivative has its radius, nothing else has one."""
    for rng in seeds(8):
        p, q = rng.uniform(1e8, 2e8, 2)
        rest = -float(Fraction(p) + Fraction(q))
        X = np.ones((1, 3)) * rng.uniform(1, 1.00001)
        row = np.array([p, q, rest + float(rng.choice([-1.5, 1.0, 0.2]))])
        one = Network((row[None],), (None,), "identity")
        two = Network((np.stack([row, np.array([1.0, 2.0, -3.0])]),), (None,), "identity")
        move = Move("sample_weights", (0,))
        for objective in (Objective(one, X, "logistic", None, np.array([1])),
                          Objective(two, X, "cross_entropy", None, np.array([1])),
                          Objective(two, X, "cross_entropy", np.array([[0.5, 0.25]]))):
            k = objective.network.widths[-1]
            second.hessian(Tilted(objective, None, np.zeros((1, k)), move, "all", 0.0), Binary64(), rng, exactly=True)


@killer
def close_to_the_bend() -> None:
    """elu and relu beside their kink: within the ball of weights on both sides."""
    for rng in seeds(2):
        for name in ("elu", "relu", "leaky_relu"):
            for rho in (0.25, 1e-4):
                for z in (0.0, 1e-9, 0.4 * rho, -0.4 * rho):
                    net = Network((np.full((1, 1), z), np.ones((1, 1))), (None, None), name)
                    attacked(case(net, np.ones((1, 1)), y=-3.0, rho=rho), rng, (Binary64(),))
