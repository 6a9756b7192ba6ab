"""Explicit radii of the sublevel map (Q5): a case by hand, the bounds at points of their balls, and every refusal."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import bound
from certify.format.errors import EnclosureError, InputError, SpecError
from certify.network.network import Network
from certify.problem.limits import OutOfTime
from certify.problem.problem import Problem
from certify.theorems.aubin.sublevel import Loss, Way, enclose_sublevel_aubin, propose_ways, radii_for, verify_way
from tests.containment.sublevel_aubin import Floats, inclusion, random_problem, sphere
from tests.effort import examples


def line(w: float = 1.0, target: float = 3.0, **more) -> Problem:
    """`L = ½(w(1 + u) − 3)²`: S(u) of the level at w = 1 is `[1/(1 + u), 5/(1 + u)]`."""
    net = Network((np.array([[w]]),), (None,), "identity")
    return Problem(net, np.array([[1.0]]), np.array([[target]]), "features", (0,), map="sublevel", **more)


def smooth(activation: str = "tanh", seed: int = 4, **more) -> Problem:
    rng = np.random.default_rng(seed)
    net = Network((rng.standard_normal((4, 2)), rng.standard_normal((1, 4))),
                  (rng.standard_normal(4), np.zeros(1)), activation)  # fmt: skip
    rows = more.pop("rows", (0, 1, 2))
    return Problem(net, rng.standard_normal((3, 2)), rng.standard_normal((3, 1)), more.pop("parameter", "features"),
                   rows, map="sublevel", **more)


def test_one_weight_by_hand():
    found = bound(line(), "aubin")
    u, w = Fraction(found.witness["radius_u"]), Fraction(found.witness["radius_w"])
    assert found.theorem == "Q5" and found.lower <= 1.0 <= found.upper <= 2.0 and u > Fraction(1, 10)
    kappa = Fraction(found.upper)
    for a in (-u, u, u / 3, Fraction(0)):
        for b in (-u, u, Fraction(0)):
            for member in (1 / (1 + b), 1 - w, 1 + w):
                if abs(member - 1) <= w and 1 / (1 + b) <= member <= 5 / (1 + b):
                    gap = max(1 / (1 + a) - member, member - 5 / (1 + a), Fraction(0))
                    assert gap <= kappa * abs(a - b)
    # the least factor of any claim on these radii: from the member 1/(1 + u) up to 1/(1 − u)
    if 1 - 1 / (1 + u) <= w:
        assert kappa >= (1 / (1 - u) - 1 / (1 + u)) / (2 * u)


@settings(max_examples=examples(25), deadline=None)
@given(st.integers(0, 2**32))
def test_the_slope_on_the_path_is_what_it_says_at_points_of_the_ball(seed):
    """`|∇_wL(u, w)| ≥ γ(s)` within `r_w + s`, `|∇_uL| ≤ Λ`, in floats with room for their rounding."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng)
    loss = Loss(problem)
    ways = list(propose_ways(loss))
    if not ways:
        return
    way = Way(loss, ways[int(rng.integers(len(ways)))])
    u, w, kappa = (float(10.0 ** rng.uniform(*ends)) for ends in ((-6, -1), (-6, -1), (-1, 1)))
    reach = Fraction(w) + 2 * Fraction(kappa) * Fraction(u)
    try:
        if verify_way(way, u, w, Fraction(kappa)) is None:
            return
        steep = way.sizes(w, u).loss
        parts = [way.sizes(float(reach) * k / 8, u * k / 8) for k in range(1, 9)]
    except EnclosureError:
        return
    bent, mixed = (float(sum(getattr(x, name) for x in parts)) / 8 for name in ("weights", "data"))
    floats = Floats(problem)
    for _ in range(6):
        s = 2 * kappa * u * float(rng.random())
        moved, at = sphere(rng, np.zeros(floats.shape), u) * floats.moves, floats.w + sphere(rng, floats.w, w + s)
        least = (float(way.start) - (w + s) * bent - u * mixed) / float(way.size)
        assert np.linalg.norm(floats.both(moved, at)[1]) >= least - 1e-9 * (1 + abs(least))
        near = floats.w + sphere(rng, floats.w, w)
        assert np.linalg.norm(floats.both(moved, near)[2]) <= float(steep) * (1 + 1e-9) + 1e-12


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_one_descends_within_what_is_claimed(seed):
    rng = np.random.default_rng(seed)
    try:
        inclusion(random_problem(rng), rng)
    except EnclosureError:
        return


@settings(max_examples=examples(15), deadline=None)
@given(st.integers(0, 2**32))
def test_a_pass_encloses_gradients_and_how_they_move_at_points_of_the_ball(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng)
    loss, floats = Loss(problem), Floats(problem)
    z = rng.standard_normal(len(floats.w))
    r, t = (float(10.0 ** rng.uniform(-6, -1)) for _ in range(2))
    try:
        found = loss.along(z, r, t)
    except EnclosureError:
        return
    w = floats.w + sphere(rng, floats.w, r)
    u = rng.standard_normal(floats.shape)
    u *= floats.moves * t / np.linalg.norm(u, axis=1, keepdims=True)
    h = 1e-5
    gradient = floats.both(u, w)[2] * problem.n
    moves = (floats.both(u, w + h * z)[2] - floats.both(u, w - h * z)[2]) * problem.n / (2 * h)
    product = (floats.both(u, w + h * z)[1] - floats.both(u, w - h * z)[1]) / (2 * h)
    size = 1 + float(np.abs(product).max()) + float(np.abs(moves).max())
    assert np.linalg.norm(product) <= float(found.norm) + 1e-5 * size
    if problem.parameter == "features":
        pairs = ((gradient, found.features), (moves, found.moved))
    else:
        pairs = ((-gradient, found.adjoints), (-moves, found.outputs))
    for truth, balls in pairs:
        gap = np.linalg.norm(truth - balls.mid.hi, axis=1)[floats.moves[:, 0]]
        assert (gap <= balls.rad[floats.moves[:, 0]] + 1e-5 * size).all()


def test_radii_that_are_given_are_kept_and_too_large_ones_are_not_proved():
    problem = smooth()
    lip = Fraction(bound(problem, "modulus").upper)
    radii, z = enclose_sublevel_aubin(problem, lip)
    assert radii.kappa <= 2 * lip and radii.radius_w >= radii.radius_u * float(lip)
    small, _ = enclose_sublevel_aubin(problem, lip, radii.radius_u / 8, radii.radius_w / 8)
    assert (small.radius_u, small.radius_w) == (radii.radius_u / 8, radii.radius_w / 8)
    assert lip * (1 - Fraction(1, 10**6)) <= small.kappa < radii.kappa
    assert "give smaller ones" in enclose_sublevel_aubin(problem, lip, 1e3, 1e3)
    assert enclose_sublevel_aubin(problem, lip, most=float(lip) * 8)[0].radius_u > radii.radius_u
    assert radii_for(Way(Loss(problem), -z), radii.radius_u, radii.radius_w) is None  # uphill


def test_a_kink_in_reach_and_stationary_weights_are_not_proved():
    net = Network((np.array([[1.0]]), np.array([[1.0]])), (np.array([-1.0]), None), "relu")
    at_kink = Problem(net, np.array([[1.0], [3.0]]), np.array([[2.0], [0.0]]), "features", (0, 1), map="sublevel")
    assert bound(at_kink, "aubin").upper is None and "pre-activation" in bound(at_kink, "aubin").reason
    near = replace(at_kink, X=np.array([[1.25], [3.0]]))
    lip = Fraction(bound(near, "modulus").upper)
    assert enclose_sublevel_aubin(near, lip)[0].radius_u < 0.25
    assert "give smaller ones" in enclose_sublevel_aubin(near, lip, 0.25, 1e-6)
    still = bound(line(w=3.0), "aubin")
    assert still.upper is None and "stationary" in still.reason


@pytest.mark.parametrize("change, words", [
    ({"level": 5.0}, "level"), ({"parameter": "sample_weights"}, "sample_weights"), ({"set": "per_sample"}, "total"),
    ({"scale": np.array([2.0])}, "remove perturbation.columns and perturbation.scale"),
    ({"weight_norm": "relative"}, "euclidean"),
])  # fmt: skip
def test_what_is_not_built_is_refused_by_name(change, words):
    with pytest.raises(SpecError, match=words):
        bound(replace(line(), **change), "aubin")


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan"), float("inf")])
def test_radii_that_are_no_radii_are_refused(radius):
    with pytest.raises(InputError, match="radius"):
        enclose_sublevel_aubin(line(), Fraction(1), radius)


def test_one_layer_alone():
    problem = smooth("gelu")
    lips = {layer: bound(replace(problem, layer=layer), "aubin") for layer in ("all", 1, 2)}
    for layer, found in lips.items():
        assert found.upper is not None and found.lower <= found.upper <= 2.001 * found.lower, layer
        assert len(found.witness["z"]) == problem.network.parameters(layer)
    assert min(lips[1].lower, lips[2].lower) >= lips["all"].lower
    relu = bound(replace(smooth("relu"), layer=2), "aubin")  # no step of the last layer reaches a kink
    assert relu.upper is not None


def test_targets_and_rows_that_stay():
    for problem in (smooth(parameter="targets"), smooth("gelu", rows=(1,)), smooth("softplus", weight_decay=0.1)):
        found = bound(problem, "aubin")
        assert found.upper is not None and found.lower <= found.upper <= 2.001 * found.lower, found.reason


def test_a_search_cut_short_keeps_what_is_proved_and_never_says_that_there_is_nothing():
    """Time that runs out at the n-th step: radii proved by then, or that time ran out; not that there are none."""
    kinds = set()
    for n in (0, 3, 6, 9, 12, 15, 18, 25, 40):
        left = [n]

        def check(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OutOfTime

        try:
            found = enclose_sublevel_aubin(smooth(), Fraction(bound(smooth(), "modulus").upper), check=check)
        except OutOfTime:
            kinds.add("time")
            continue
        assert not isinstance(found, str), found
        kinds.add("radii")
    assert kinds == {"time", "radii"}
