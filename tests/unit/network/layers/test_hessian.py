"""Hessians, mixed derivatives and gradients of tilted training losses against exact Taylor jets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from certify.format.errors import EnclosureError, InputError, SpecError
from certify.network.layers.gradients import enclose_gradient
from certify.network.layers.hessian import enclose_hessian
from certify.network.layers.mixed import (
    Move,
    enclose_mixed,
    enclose_mixed_adjoint,
    enclose_mixed_gram,
    enclose_mixed_image,
)
from certify.network.layers.objective import Objective, enclosed_rows
from certify.network.network import Network
from certify.rigor.activation import ACTIVATIONS
from certify.rigor.arithmetic import Binary64, DoubleDouble, Pair
from certify.systems.interpolation.nearby import given as own_weights
from tests.containment import second as contained
from tests.containment.attack import attack
from tests.effort import FULL, turn
from tests.families import strategies
from tests.families.training import Tilted
from tests.oracles.second import Second

BOTH = pytest.mark.parametrize("arithmetic", [Binary64(), DoubleDouble()], ids=lambda a: a.name)
SEEDS = st.integers(0, 2**32).map(np.random.default_rng)
NAMES = {"hessian": 60, "mixed": 60, "stacks": 150, "second_sums": 150}


@pytest.mark.parametrize("name", NAMES)
def test_random_attacks(name):
    cases = range(NAMES[name] if FULL else NAMES[name] // 2)
    _, tally, messages, _ = attack(name, 4, cases)
    assert messages == [] and tally["decided"] > len(cases) // 2


@st.composite
def tilted_losses(draw):
    """Nets of one to four layers with eighths as weights: kinks and cancellations are exact."""
    loss = draw(st.sampled_from(["squared", "logistic", "cross_entropy", "soft"]))
    k = 1 if loss == "logistic" else draw(st.integers(1, 3))
    widths = [*draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)), k]
    weights = [draw(arrays(np.float64, (b, a), elements=strategies.ORDINARY))
               for a, b in zip(widths[:-1], widths[1:], strict=True)]
    biases = [draw(st.none() | arrays(np.float64, (b,), elements=strategies.ORDINARY)) for b in widths[1:]]
    net = Network(tuple(weights), tuple(biases), draw(st.sampled_from(list(ACTIVATIONS))))
    n = draw(st.integers(1, 3))
    X = draw(arrays(np.float64, (n, widths[0]), elements=strategies.ORDINARY))
    y = labels = None
    if loss == "squared":
        y = draw(arrays(np.float64, (n, k), elements=strategies.ORDINARY))
    elif loss == "soft":
        y = draw(arrays(np.float64, (n, k), elements=st.integers(0, 8).map(lambda i: i / 8.0)))
    else:
        labels = draw(arrays(np.int64, (n,), elements=st.integers(0, 1 if loss == "logistic" else k - 1)))
    name = "cross_entropy" if loss == "soft" else loss
    objective = Objective(net, X, name, y, labels, draw(st.sampled_from([0.0, 0.25])))
    tilt = draw(st.none() | arrays(np.float64, (n, k), elements=strategies.ORDINARY).map(Pair))
    radius = np.full((n, k), draw(st.sampled_from([0.0, 2.0**-40, 0.25])) if tilt is not None else 0.0)
    parameter = draw(st.sampled_from(["features", "sample_weights"] + ["targets"] * (loss == "squared")))
    rows = draw(st.lists(st.integers(0, n - 1), min_size=1, unique=True).map(sorted).map(tuple))
    layer = draw(st.just("all") | st.integers(1, net.depth))
    rho = draw(st.sampled_from([0.0, 0.0, 2.0**-30, 0.25]))
    return Tilted(objective, tilt, radius, Move(parameter, rows), layer, rho)


@BOTH
@given(tilted=tilted_losses(), rng=SEEDS)
def test_hessian_and_gradient(arithmetic, tilted, rng):
    contained.hessian(tilted, arithmetic, rng)


@BOTH
@given(tilted=tilted_losses(), rng=SEEDS)
def test_mixed_derivative(arithmetic, tilted, rng):
    contained.mixed(tilted, arithmetic, rng)


@pytest.mark.parametrize(("name", "loss"), [
    (name, loss) for number, name in enumerate(ACTIVATIONS)
    for loss in turn(("squared", "logistic", "cross_entropy", "soft"), number, 2)])
def test_every_activation_with_every_loss_is_decided(name, loss):
    rng = np.random.default_rng(3)
    k = 1 if loss == "logistic" else 2
    widths = (2, 3, 2, k)
    net = Network(tuple(rng.standard_normal((b, a)) for a, b in zip(widths[:-1], widths[1:], strict=True)),
                  (rng.standard_normal(3), None, rng.standard_normal(k)), name)
    X = rng.standard_normal((3, 2))
    y = rng.random((3, k)) if loss in ("squared", "soft") else None
    labels = None if y is not None else np.array([0, 1, 0])
    objective = Objective(net, X, "cross_entropy" if loss == "soft" else loss, y, labels, 0.5)
    tilt = Pair(rng.standard_normal((3, k)))
    tilted = Tilted(objective, tilt, np.full((3, k), 1e-9), Move("features", (0, 2), np.array([2.0, 0.5])), "all", 1e-9)
    for arithmetic in (Binary64(), DoubleDouble()):
        assert contained.hessian(tilted, arithmetic, rng) == "decided"
        assert contained.mixed(tilted, arithmetic, rng) == "decided"


def small(name: str = "tanh", seed: int = 0, n: int = 60, widths: tuple[int, ...] = (5, 6, 4, 2)) -> Objective:
    rng = np.random.default_rng(seed)
    net = Network(tuple(rng.standard_normal((b, a)) / np.sqrt(a) for a, b in zip(widths[:-1], widths[1:], strict=True)),
                  tuple(rng.standard_normal(b) for b in widths[1:]), name)
    return Objective(net, rng.standard_normal((n, widths[0])), "squared", rng.standard_normal((n, widths[-1])))


def test_radii_are_near_the_unit_roundoff():
    objective = small()
    for arithmetic, small_enough in ((Binary64(), 1e-10), (DoubleDouble(), 1e-12)):
        H = enclose_hessian(objective, (1, 2, 3), arithmetic)
        assert 0 < H.radius < small_enough * np.linalg.norm(H.mid, 2)
        C = enclose_mixed(objective, Move("features", tuple(range(60))), (1, 2, 3), arithmetic)
        assert 0 < C.radius < small_enough * np.linalg.norm(C.mid, 2)
    g = enclose_gradient(objective, (1, 2, 3))
    assert g.radius < 1e-24 * np.linalg.norm(g.mid.hi)


def test_blocks_of_layers_are_parts_of_the_whole():
    objective = small()
    whole, rad = (lambda H: (H.mid, H.radius))(enclose_hessian(objective, (1, 2, 3)))
    ends = np.concatenate([[0], np.cumsum([objective.network.parameters(h) for h in (1, 2, 3)])])
    for layers in ((1,), (2,), (3,), (1, 3)):
        places = np.concatenate([np.arange(ends[h - 1], ends[h]) for h in layers])
        part = enclose_hessian(objective, layers)
        gap = np.linalg.norm(part.mid - whole[np.ix_(places, places)], 2)
        assert gap <= (part.radius + rad) * (1 + 1e-9) and part.sizes == tuple(np.diff(ends)[np.array(layers) - 1])


def critical_tilt(objective: Objective, arithmetic) -> Objective:
    """With `c = ∂ℓ/∂f / n` every point is critical: `∇_w (L − ⟨c, f⟩) = 0` (no decay)."""
    from certify.network.layers.passes import forward, known_weights
    from certify.network.loss.losses import enclose_losses

    out = forward(objective.network, known_weights(objective.network), objective.X, arithmetic).output
    slopes = enclose_losses("squared", out, objective.targets, None, arithmetic).slopes
    n = objective.n
    assert n & (n - 1) == 0  # an exact division
    rad = np.repeat(slopes.rad[:, None] / n, slopes.mid.shape[1], axis=1)
    low = None if slopes.mid.lo is None else slopes.mid.lo / n
    return replace(objective, tilt=enclosed_rows(Pair(slopes.mid.hi / n, low), rad, arithmetic))


@BOTH
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "identity"])
def test_the_hessian_of_a_critical_point_kills_rescalings(name, arithmetic):
    """Rescaling a unit's row and column does not change f: at a critical point `HX = 0`, `CᵀX = 0` (M5b)."""
    objective = critical_tilt(small(name, n=64), arithmetic)
    H = enclose_hessian(objective, (1, 2, 3), arithmetic)
    C = enclose_mixed(objective, Move("features", tuple(range(64))), (1, 2, 3), arithmetic)
    g = enclose_gradient(objective, (1, 2, 3), arithmetic)
    assert np.linalg.norm(g.mid.hi) <= g.radius * (1 + 1e-9)
    net = objective.network
    starts = np.concatenate([[0], np.cumsum([net.parameters(h) for h in (1, 2, 3)])])
    for h, unit in ((1, 0), (1, 5), (2, 3)):
        X = np.zeros(starts[-1])
        W, V = net.weights[h - 1], net.weights[h]
        X[starts[h - 1] + unit * W.shape[1]:][:W.shape[1]] = W[unit]
        X[starts[h - 1] + W.size + unit] = net.biases[h - 1][unit]
        X[starts[h] + np.arange(V.shape[0]) * V.shape[1] + unit] = -V[:, unit]
        size = np.linalg.norm(X)
        assert np.linalg.norm(H.mid @ X) <= H.radius * size + 1e-14 * size * np.linalg.norm(H.mid)
        assert np.linalg.norm(C.mid.T @ X) <= C.radius * size + 1e-14 * size * np.linalg.norm(C.mid)
        assert np.linalg.norm(H.mid @ np.abs(X)) > 100 * H.radius * size  # other directions are not killed


def test_the_paper_toy_exactly():
    """`f = w₁w₂x`, data (1, 2), (2, 4), `w̄ = (1, 2)`: H of the loss with 1/n, in integers."""
    net = Network((np.array([[1.0]]), np.array([[2.0]])), (None, None), "identity")
    objective = Objective(net, np.array([[1.0], [2.0]]), "squared", np.array([[2.0], [4.0]]))
    H = enclose_hessian(objective, (1, 2))
    assert np.abs(H.mid - np.array([[10.0, 5.0], [5.0, 2.5]])).max() <= H.radius < 1e-13
    assert np.abs(enclose_gradient(objective, (1, 2)).mid.hi).max() == 0


def test_the_oracle_knows_a_hessian_by_hand():
    net = Network((np.array([[3.0]]), np.array([[2.0]])), (None, None), "identity")
    objective = Objective(net, np.ones((1, 1)), "squared", np.zeros((1, 1)))
    from tests.oracles.network import parameters_of

    truth = Second(objective, (1, 2), parameters_of(net), None, Move("features", (0,)))
    assert truth.hessian == [[fmpq(4), fmpq(12)], [fmpq(12), fmpq(9)]]
    assert truth.mixed == [[fmpq(24)], [fmpq(36)]] and truth.gradient == [fmpq(12), fmpq(18)]


# refusals


KERNELS = pytest.mark.parametrize("kernel", [
    lambda o, **more: enclose_hessian(o, o.network.layers("all"), **more),
    lambda o, **more: enclose_gradient(o, o.network.layers("all"), **more),
    lambda o, **more: enclose_mixed(o, Move("features", (0,)), o.network.layers("all"), **more),
    lambda o, **more: enclose_mixed_gram(o, Move("features", (0,)), o.network.layers("all"), **more),
], ids=["hessian", "gradient", "mixed", "gram"])


@BOTH
@KERNELS
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu"])
def test_kinks_are_refused_by_name(name, kernel, arithmetic):
    net = Network((np.array([[1.0, -1.0]]), np.ones((1, 1))), (None, None), name)
    for x in ([1.0, 1.0], [1.0, 1.0 + 2.0**-60]):
        objective = Objective(net, np.array([x]), "squared", np.ones((1, 1)))
        with pytest.raises(EnclosureError, match=r"kink \(row 0, layer 1, unit 0"):
            kernel(objective, arithmetic=arithmetic)
    away = Objective(net, np.array([[1.0, 0.5]]), "squared", np.ones((1, 1)))
    kernel(away, arithmetic=arithmetic)
    with pytest.raises(EnclosureError, match="kink"):
        kernel(away, arithmetic=arithmetic, rho=0.5)


@BOTH
@KERNELS
@pytest.mark.parametrize("bad", [np.nan, np.inf, 2.0**151])
def test_data_out_of_range_is_refused(bad, kernel, arithmetic):
    net = Network((np.ones((2, 1)), np.ones((1, 2))), (None, None), "tanh")
    with pytest.raises(EnclosureError):
        kernel(Objective(net, np.array([[bad]]), "squared", np.ones((1, 1))), arithmetic=arithmetic)
    with pytest.raises(EnclosureError):
        kernel(Objective(net, np.ones((1, 1)), "squared", np.full((1, 1), bad)), arithmetic=arithmetic)


@KERNELS
@pytest.mark.parametrize("rho", [np.nan, np.inf, -1.0])
def test_balls_that_are_none_are_refused(rho, kernel):
    with pytest.raises(EnclosureError, match="radius"):
        kernel(small(n=2), rho=rho)


@KERNELS
def test_overflow_is_refused(kernel):
    net = Network((np.full((2, 2), 1e45), np.full((2, 2), 1e45), np.full((1, 2), 1e45)), (None, None, None), "identity")
    with pytest.raises(EnclosureError):
        kernel(Objective(net, np.full((1, 2), 1e45), "squared", np.ones((1, 1))))


def test_what_does_not_fit_is_refused():
    o = small(n=3)
    for tilt in (np.array([[np.nan, 0.0]] * 3), np.array([[-1.0, 0.0]] * 3), np.array([[np.inf, 0.0]] * 3)):
        with pytest.raises(EnclosureError):
            enclosed_rows(np.zeros((3, 2)), tilt, Binary64())
    for layers in ((), (0,), (4,), (2, 1), (1, 1)):
        with pytest.raises(InputError):
            enclose_hessian(o, layers)
        with pytest.raises(InputError):
            enclose_mixed_gram(o, Move("features", (0,)), layers)
    for move in (Move("features", ()), Move("features", (3,)), Move("features", (1, 0)), Move("weights", (0,)),
                 Move("features", (0,), np.ones(4)), Move("features", (0,), np.full(5, np.nan)),
                 Move("targets", (0,), np.ones(5))):
        with pytest.raises(InputError):
            enclose_mixed(o, move, (1,))
    for Z in (np.ones((4, 1)), np.ones(5)):
        with pytest.raises(InputError):
            enclose_mixed_image(o, Move("features", (0,)), (1,), Z)
        with pytest.raises(InputError):
            enclose_mixed_adjoint(o, Move("features", (0,)), (1,), Z)
    with pytest.raises(SpecError):
        enclose_mixed(Objective(o.network, o.X, "cross_entropy", None, np.zeros(3, int)), Move("targets", (0,)), (1,))
    with pytest.raises(SpecError):
        enclose_hessian(Objective(o.network, o.X, "squared"), (1,))


@pytest.mark.parametrize("change", [
    {"X": np.zeros((0, 5))}, {"targets": np.zeros((3, 1))},
    {"tilt": enclosed_rows(np.zeros((3, 1)), np.zeros((3, 1)), Binary64())},
    {"weight_decay": -1.0}, {"weight_decay": np.nan}, {"loss": "cross_entropy", "targets": np.full((3, 2), -0.5)},
    {"loss": "cross_entropy", "targets": None, "labels": np.array([0, 1, 2])}, {"labels": np.zeros(2)},
    {"loss": "logistic", "targets": None, "labels": np.array([0, 1, 2])},
])
def test_objectives_that_are_none(change):
    with pytest.raises(InputError):
        replace(small(n=3), **change)


def test_uncertain_weights_and_the_network_agree():
    """`weights` in double-double around the network's own: the same enclosure as without them."""
    from certify.systems.interpolation.nearby import ball_of

    o = small(n=3)
    there = ball_of(own_weights(o.network), 0.0, (), DoubleDouble())
    a, b = enclose_hessian(o, (1, 2, 3)), enclose_hessian(o, (1, 2, 3), weights=there)
    assert np.abs(a.mid - b.mid).max() <= a.radius + b.radius
