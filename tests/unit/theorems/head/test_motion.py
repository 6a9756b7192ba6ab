"""Q6: a strongly convex last layer, against closed forms, solutions found again, and wrong formulas."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, ctx

from certify.format.errors import CertifyError, SpecError
from certify.network.network import Network
from certify.problem.problem import Problem
from certify.prove.prover import bound
from certify.systems.head.change import Change
from certify.systems.head.last_layer import enclose_last_layer, enclose_metric, last_inputs
from certify.theorems.head import directions as convex_directions
from certify.theorems.head import motion as convex
from certify.theorems.head.motion import enclose_motion, global_modulus
from certify.theorems.head.predictions import enclose_predictions
from tests.containment.convex import changed, enclosed, last, motion, random_change, random_training, with_last
from tests.containment.rigor import Violation
from tests.effort import examples
from tests.oracles.head import Training, solve


def line(weight: float, decay: float, x: list[float], y: list[float]) -> Training:
    """`½(wx − y)²`, one weight, no bias."""
    net = Network((np.array([[weight]]),), (None,), "identity")
    return Training(net, np.array(x)[:, None], "squared", decay, targets=np.array(y)[:, None])


@cache
def fitted(seed: int, loss: str = "cross_entropy", n: int = 12, decay: float = 0.125) -> Training:
    """A small net whose last layer is at its solution."""
    rng = np.random.default_rng(seed)
    k = 1 if loss == "logistic" else 3
    net = Network((rng.standard_normal((3, 2)), np.zeros((k, 3))), (rng.standard_normal(3), np.zeros(k)), "tanh")
    labels = None if loss == "squared" else rng.integers(0, max(k, 2), n)
    targets = rng.standard_normal((n, k)) if loss == "squared" else None
    t = Training(net, rng.standard_normal((n, 2)), loss, decay, labels, targets)
    w, _ = solve(t, last(net))
    return with_last(t, np.array([float(x) for x in w]).reshape(k, 4))


def test_targets_of_one_row_by_hand() -> None:
    """`w = Σxy/(Σx² + nλ)`: with n = 1, x = 2, λ = 1 a target that moves by r moves w by 2r/5."""
    t = line(2 * 3 / 5, 1.0, [2.0], [3.0])
    found = enclose_motion(enclosed(t), Change("targets", 0.5))
    exact = 2 * 0.5 / 5
    assert exact <= found[0].distance
    # |v|_B is exact: √5·|v| ≤ 0.2·√5; the Euclidean bound divides by √λ
    assert found[0].reach == pytest.approx(exact * math.sqrt(5), rel=1e-6)


def test_a_deleted_row_by_hand() -> None:
    """Two rows x = 1, y = ±1, λ = 1: w = 0; without the second row w = (1/2)/(1/2 + 1) = 1/3."""
    t = line(0.0, 1.0, [1.0, 1.0], [1.0, -1.0])
    found = enclose_motion(enclosed(t), Change("sample_weights", 1.0, count=1))
    assert 1 / 3 <= found[0].distance < 0.6


@pytest.mark.parametrize("loss", ["cross_entropy", "logistic", "squared"])
@pytest.mark.parametrize("parameter", ["sample_weights", "features", "targets", "labels"])
def test_solutions_of_changed_problems_stay_within(loss: str, parameter: str) -> None:
    """Deletions, flips, targets and features, with at most two rows, and with all of them by little."""
    if (parameter == "targets" and loss != "squared") or (parameter == "labels" and loss == "squared"):
        return
    t, rng = fitted(3, loss), np.random.default_rng(0)
    radius = 1.0 if parameter == "sample_weights" else 0.02
    for change in (Change(parameter, radius, count=2), Change(parameter, radius / 8)):
        assert motion(t, change, rng, tries=4) == "decided"


@pytest.mark.parametrize("seed", range(examples(60)))
def test_random_problems(seed: int) -> None:
    """Small problems of every loss and budget; `python -m tests.containment.attack convex` runs thousands."""
    rng = np.random.default_rng([7, seed])
    t = random_training(rng)
    motion(t, random_change(t, rng), rng, tries=2)


@pytest.mark.parametrize("unit", [1.0, 2.0**-150, 2.0**-250])
def test_tiny_weights_are_no_smaller_to_the_bound(unit: float) -> None:
    """Squared loss is linear in its targets, in units of 2^-150 too, where fourth powers of the weights underflow.

    `y = 100v, 0` at `x = (100, 0), (0, 1/10)`: features that move along the first weight move the second one by far
    more than slopes, decay and second order say, so that a bound of 0 for the first order would be seen.
    """
    X, decay, r = np.array([[100.0, 0.0], [0.0, 0.1]]), 2.0**-13, 2.0**-20
    y = np.array([[100.0], [0.0]])

    def solution(x: np.ndarray) -> np.ndarray:
        return np.linalg.solve(x.T @ x / 2 + decay * np.eye(2), x.T @ y / 2).T

    V = solution(X)
    layer = enclose_last_layer(Network((V * unit,), (None,), "identity"), X, "squared", decay, targets=y * unit)
    found = enclose_motion(layer, Change("features", r * 1.0001, count=1))[0].distance
    moved = np.linalg.norm(solution(X + np.array([[0.0, 0.0], [r, 0.0]])) - V)
    assert 9e-6 < moved <= found / unit


def test_a_deletion_is_bounded_within_a_small_factor() -> None:
    """The worst single deletion, found by solving again without each row, against the bound."""
    t = fitted(1, n=20)
    with ctx.workprec(200):
        base, _ = solve(t, last(t.network))
        worst = 0.0
        for i in range(t.n):
            weights = np.zeros(t.n)
            weights[i] = -1.0
            w, _ = solve(Training(t.network, t.X, t.loss, t.decay, t.labels, None, weights), last(t.network))
            worst = max(worst, float(sum(((x - y) ** 2 for x, y in zip(w, base, strict=True)), arb(0)).sqrt()))
    found = enclose_motion(enclosed(t), Change("sample_weights", 1.0, count=1))[0].distance
    assert worst <= found <= 4 * worst


def test_more_rows_and_larger_radii_move_further() -> None:
    layer = enclosed(fitted(5))
    sizes = [enclose_motion(layer, Change("sample_weights", 1.0, count=m))[0].distance for m in (1, 2, 4)]
    assert sizes == sorted(sizes)
    sizes = [enclose_motion(layer, Change("features", r))[0].distance for r in (1e-4, 1e-3)]
    assert sizes == sorted(sizes)
    together = enclose_motion(layer, Change("features", 1e-3, total=True))[0].distance
    assert together < enclose_motion(layer, Change("features", 1e-3))[0].distance


def test_a_kink_in_a_frozen_layer_does_no_harm() -> None:
    """A relu unit at exactly 0: the loss is smooth in the last layer all the same."""
    net = Network((np.array([[1.0], [-1.0]]), np.array([[0.5, -0.5]])), (np.zeros(2), np.zeros(1)), "relu")
    t = Training(net, np.array([[0.0], [1.0], [-1.0]]), "logistic", 0.25, labels=np.array([0, 1, 0]))
    rng = np.random.default_rng(2)
    assert motion(t, Change("features", 0.01), rng) == "decided"
    assert motion(t, Change("sample_weights", 1.0, count=1), rng) == "decided"


def test_weights_far_from_the_solution_are_still_bounded() -> None:
    """The file's weights need not be critical: `|w* − w̄| ≤ |∇F|/λ` is part of the claim."""
    t = fitted(4)
    away = with_last(t, last(t.network) + 0.5)
    found = enclose_motion(enclosed(away), Change("sample_weights", 1.0, count=1))
    assert found[0].base > 0.5
    assert motion(away, Change("sample_weights", 1.0, count=1), np.random.default_rng(1)) == "decided"


def test_without_weight_decay_it_is_refused() -> None:
    t = fitted(2)
    with pytest.raises(SpecError, match="weight decay"):
        enclose_last_layer(t.network, t.X, t.loss, 0.0, t.targets, t.labels)


@pytest.mark.parametrize(("loss", "change"), [
    ("cross_entropy", Change("sample_weights", 1.5)), ("cross_entropy", Change("targets", 0.1)),
    ("squared", Change("labels")), ("cross_entropy", Change("features", -1.0)),
    ("cross_entropy", Change("features", math.nan)), ("cross_entropy", Change("features", 0.1, count=0)),
    ("cross_entropy", Change("features", 0.1, count=2, total=True)), ("logistic", Change("labels", total=True)),
    ("cross_entropy", Change("features", 0.1, rows=(99,))), ("cross_entropy", Change("biases", 0.1)),
])
def test_budgets_no_theorem_is_about_are_refused(loss: str, change: Change) -> None:
    with pytest.raises(SpecError):
        enclose_motion(enclosed(fitted(6, loss)), change)


def test_nothing_is_proved_for_features_that_may_move_far() -> None:
    assert enclose_motion(enclosed(fitted(8)), Change("features", 50.0)) == ()


def test_the_metric_of_a_singular_hessian_needs_the_decay() -> None:
    """A decay lost in rounding beside the Hessian proves nothing."""
    t = fitted(9, decay=1.0)
    layer = enclose_last_layer(t.network, t.X * 1e12, "squared", 1e-14, targets=np.zeros((t.n, 3)))
    with pytest.raises(Exception, match="weight decay|positive definite"):
        enclose_metric(layer, 1.0)


def test_labels_proved_stable_are_some_and_not_all() -> None:
    layer = enclosed(fitted(1, n=20))
    near = enclose_predictions(layer, enclose_motion(layer, Change("sample_weights", 1.0, count=1)))
    far = enclose_predictions(layer, enclose_motion(layer, Change("sample_weights", 1.0, count=8)))
    little = enclose_predictions(layer, enclose_motion(layer, Change("features", 1e-6)))
    assert int(far.stable.sum()) <= int(near.stable.sum()) <= int(little.stable.sum())
    assert little.stable.all() and (near.change < np.inf).all()


def test_the_global_modulus_holds_between_solutions() -> None:
    t, rng = fitted(7), np.random.default_rng(3)
    most = global_modulus(enclosed(t))
    with ctx.workprec(200):
        base, _ = solve(t, last(t.network))
        other = changed(t, Change("features", 0.3, total=True), rng)
        w, _ = solve(other, last(t.network))
        gap = float(sum(((x - y) ** 2 for x, y in zip(w, base, strict=True)), arb(0)).sqrt())
    assert 0 < gap <= most * 0.3
    net = t.network
    ramp = Training(Network(net.weights, net.biases, "relu"), t.X, t.loss, t.decay, t.labels, t.targets)
    with pytest.raises(SpecError, match="bounded"):
        global_modulus(enclosed(ramp))


def one_row(rng: np.random.Generator) -> tuple[Training, Change]:
    """A problem of one row and little decay, in which the bound on moving features is nearly attained."""
    t = line(0.0, 2.0**-10, [float(rng.uniform(1, 2))], [float(rng.uniform(1, 2))])
    w, _ = solve(t, last(t.network))
    return with_last(t, np.array([[float(w[0])]])), Change("features", 0.01)


def _drawn(rng: np.random.Generator) -> tuple[Training, Change]:
    t = random_training(rng)
    return t, random_change(t, rng)


def _caught(monkeypatch: pytest.MonkeyPatch, name: str, wrong: object, parameter: str) -> bool:
    """Whether problems contradict a wrong formula: random ones, for features such as make the bound sharp."""
    monkeypatch.setattr(convex, name, wrong)
    for seed in range(400):
        rng = np.random.default_rng([11, seed])
        t, change = one_row(rng) if parameter == "features" else _drawn(rng)
        if change.parameter != parameter:
            continue
        try:
            motion(t, change, rng, tries=2)
        except Violation:
            return True
    return False


@pytest.mark.parametrize("parameter", ["sample_weights", "features", "targets", "labels"])
def test_a_quarter_of_a_gradient_is_caught(monkeypatch: pytest.MonkeyPatch, parameter: str) -> None:
    """Features in problems that make the bound sharp: in random ones it is more than four times too large."""
    right = convex._EFFECTS[parameter]

    def wrong(layer: object, change: object, seen: object) -> object:
        effect = right(layer, change, seen)  # type: ignore[arg-type]
        return convex._Effect(effect.gradient / 4, effect.lost, effect.wider, effect.bent)

    assert _caught(monkeypatch, "_EFFECTS", {**convex._EFFECTS, parameter: wrong}, parameter)


def test_a_count_that_is_not_minded_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _caught(monkeypatch, "_count", lambda layer, change: 1, "sample_weights")


def _problem(t: Training, **more: object) -> Problem:
    values = {"map": "critical", "base": "nearby", "layer": 2, "loss": t.loss, "weight_decay": t.decay,
              "set": "per_sample", "radius": 0.01} | more
    return Problem(t.network, t.X, t.targets, str(values.pop("parameter", "features")), tuple(range(t.n)),
                   labels=t.labels, **values)  # type: ignore[arg-type]


def test_a_direction_is_known_to_finite_changes_of_weights_alone() -> None:
    t = fitted(2)
    down = _problem(t, parameter="sample_weights", radius=1.0, set="sparse", count=4, direction="down")
    both = replace(down, direction=None)
    assert bound(down, "distance").upper < bound(both, "distance").upper
    assert 0 < bound(down, "distance").lower <= bound(both, "distance").lower * (1 + 1e-9)
    with pytest.raises(SpecError, match="remove perturbation.direction"):
        bound(replace(down, set="total", count=None), "sample_modulus")
    for parameter, word in (("features", "down"), ("sample_weights", "up")):
        with pytest.raises(CertifyError, match="direction"):
            _problem(t, parameter=parameter, direction=word)


def test_a_problem_gives_the_same_bound() -> None:
    """Layer and budget are read off it; a scale widens the radius by its largest unit."""
    t = fitted(3)
    plain = bound(_problem(t), "distance")
    assert plain.upper == enclose_motion(enclosed(t), Change("features", 0.01))[0].distance
    assert plain.theorem == "Q6" and set(plain.witness) == {"theta", "reach", "z", "array"} and plain.lower > 0
    double = bound(_problem(t, scale=np.array([2.0, 0.0])), "distance")
    assert plain.upper < double.upper and double.lower == 0 and set(double.witness) == {"theta", "reach"}
    far = bound(_problem(t, radius=50.0), "distance")
    assert far.upper is None and "smaller radius" in far.reason and far.lower > plain.upper


@pytest.mark.parametrize("more", [{"layer": 1}, {"layer": "all"}, {"weight_decay": 0.0}, {"radius": None},
                                  {"weight_norm": "relative"},
                                  {"norm": 1}, {"parameter": "sample_weights", "radius": 1.5}])
def test_problems_it_is_not_about_are_refused(more: dict[str, object]) -> None:
    with pytest.raises(CertifyError):
        bound(_problem(fitted(3), **more), "distance")


def test_predictions_of_a_problem() -> None:
    """Counts and changes are those of one motion; without evaluation rows they are refused."""
    t = fitted(1, n=20)
    points = t.X + 0.05
    problem = _problem(t, parameter="sample_weights", set="sparse", count=1, radius=1.0, evaluation=points)
    stable, change = bound(problem, "stable_predictions"), bound(problem, "prediction_change")
    layer = enclosed(t)
    at = last_inputs(t.network, points)
    moves = enclose_motion(layer, Change("sample_weights", 1.0, 1))
    seen = [enclose_predictions(layer, (moved,), at) for moved in moves]
    assert stable.lower == max(int(found.stable.sum()) for found in seen) > 0 and stable.upper == 20
    assert change.upper == min(float(found.change.max()) for found in seen)
    with pytest.raises(SpecError, match="evaluation"):
        bound(_problem(t), "stable_predictions")


@cache
def refitted_without(count: int) -> tuple[Training, np.ndarray]:
    """Fourteen rows, and how far the solution moves without each choice of so many of them."""
    t = fitted(1, n=14)
    with ctx.workprec(200):
        base, _ = solve(t, last(t.network))
        gaps = []
        for rows in itertools.combinations(range(t.n), count):
            weights = np.zeros(t.n)
            weights[list(rows)] = -1.0
            w, _ = solve(Training(t.network, t.X, t.loss, t.decay, t.labels, None, weights), last(t.network))
            gaps.append([float(x - y) for x, y in zip(w, base, strict=True)])
    return t, np.array(gaps).reshape(-1, 3, 4)


@pytest.mark.parametrize(("count", "down"), [(1, False), (2, False), (1, True), (2, True)])
def test_what_deletions_do_to_a_function_of_the_weights(count: int, down: bool) -> None:
    """P4b against solutions found again without each row, or pair of rows; and it is sharper than the ball.

    Of weights that only fall it bounds how far the function falls.
    """
    t, V = refitted_without(count)
    layer = enclosed(t)
    change = Change("sample_weights", 1.0, count, down=down)
    found = enclose_motion(layer, change)
    assert found
    moves = (V[:, 0] - V[:, 2]) @ layer.phi.T
    moves = -moves if down else np.abs(moves)
    sharper = False
    for moved in found:
        Z, error = moved.metric.images(layer.phi, layer.phi_rad, layer.phi_norm, 3)
        far = moved.metric.apart(Z, error, 0, 2)
        size = np.linalg.norm(Z[0], axis=1) + np.linalg.norm(Z[2], axis=1)
        steer = convex_directions.Steer.of(layer, moved)
        most = steer.most(Z[0] - Z[2], size * (1 + 1e-12), 2 * error, far)
        assert (moves.max(axis=0) <= most).all()
        sharper |= bool((most < moved.reach * far).all())
    assert sharper


def test_pulls_of_falling_weights_turned_round_are_caught() -> None:
    """Weights that fall a little, where curvature hardly matters: the bound holds, that of the other sign does not."""
    t, r = fitted(1, n=14), 2.0**-10
    layer = enclosed(t)
    moved = enclose_motion(layer, Change("sample_weights", r, 1, down=True), (0.95,))[0]
    with ctx.workprec(200):
        base, _ = solve(t, last(t.network))
        solved = [solve(replace(t, weights=-r * np.eye(t.n)[i]), last(t.network))[0] for i in range(t.n)]
    V = np.array([[float(x - y) for x, y in zip(w, base, strict=True)] for w in solved]).reshape(-1, 3, 4)
    falls = -((V[:, 0] - V[:, 2]) @ layer.phi.T).min(axis=0)
    Z, error = moved.metric.images(layer.phi, layer.phi_rad, layer.phi_norm, 3)
    size = (np.linalg.norm(Z[0], axis=1) + np.linalg.norm(Z[2], axis=1)) * (1 + 1e-12)
    steer, far = convex_directions.Steer.of(layer, moved), moved.metric.apart(Z, error, 0, 2)
    assert (falls <= steer.most(Z[0] - Z[2], size, 2 * error, far)).all()
    turned = replace(steer, rows=SimpleNamespace(first=lambda C, e: steer.rows.first(-C, e)))
    assert (falls > turned.most(Z[0] - Z[2], size, 2 * error, far)).any()


@pytest.mark.parametrize("loss", ["cross_entropy", "logistic"])
def test_what_other_labels_do_to_a_function_of_the_weights(loss: str) -> None:
    """P4b against solutions found again with every other label of every row; and it is sharper than the ball."""
    t = fitted(1, loss, n=14)
    layer, k = enclosed(t), len(last(t.network))
    found = enclose_motion(layer, Change("labels", 1.0, 1))
    assert found and t.labels is not None
    gaps = []
    with ctx.workprec(200):
        base, _ = solve(t, last(t.network))
        for i, label in itertools.product(range(t.n), range(max(k, 2))):
            labels = np.array(t.labels)
            labels[i] = label
            w, _ = solve(Training(t.network, t.X, t.loss, t.decay, labels), last(t.network))
            gaps.append([float(x - y) for x, y in zip(w, base, strict=True)])
    V = np.array(gaps).reshape(-1, k, 4)
    moves = np.abs((V[:, 0] - V[:, 2] if k > 1 else V[:, 0]) @ layer.phi.T)
    sharper = False
    for moved in found:
        Z, error = moved.metric.images(layer.phi, layer.phi_rad, layer.phi_norm, k)
        far = moved.metric.apart(Z, error, 0, 2) if k > 1 else moved.metric.spans(Z, error)
        size = np.linalg.norm(Z[0], axis=1) + np.linalg.norm(Z[-1], axis=1)
        C = Z[0] - Z[2] if k > 1 else Z[0]
        most = convex_directions.Steer.of(layer, moved).most(C, size * (1 + 1e-12), 2 * error, far)
        assert (moves.max(axis=0) <= most).all()
        sharper |= bool((most < moved.reach * far).all())
    assert sharper


def test_labels_said_to_stay_among_probabilities_are_held_by_the_ball_alone() -> None:
    """Rows of probabilities have no label that becomes another one: no direction is known."""
    t = fitted(1, n=14)
    assert t.labels is not None
    soft = enclose_last_layer(t.network, t.X, t.loss, t.decay, targets=np.eye(3)[np.array(t.labels)])
    moved = enclose_motion(soft, Change("labels", 1.0, 1))[0]
    assert convex_directions.Steer.of(soft, moved) is None


@pytest.mark.parametrize("change", [
    Change("features", 0.003), Change("features", 0.02, 2), Change("features", 0.02, total=True),
    Change("targets", 0.1), Change("targets", 0.3, 3), Change("targets", 0.3, total=True),
])
@pytest.mark.parametrize("loss", ["cross_entropy", "logistic", "squared"])
def test_what_moved_rows_do_to_a_function_of_the_weights(loss: str, change: Change) -> None:
    """P4b against solutions found again, some for the change that moves this very function most, to first order."""
    if change.parameter == "targets" and loss != "squared":
        return
    t, rng = fitted(1, loss, n=14), np.random.default_rng(0)
    layer, k = enclosed(t), len(last(t.network))
    found = enclose_motion(layer, change)
    assert found
    phi, V, far_end = layer.phi[0], last(t.network), k - 1
    c = np.zeros(V.shape)
    c[0] += phi
    c[far_end] -= phi if k > 1 else 0.0
    pull = np.linalg.solve(layer.A, c.ravel()).reshape(V.shape)
    worst = 0.0
    with ctx.workprec(200):
        base, _ = solve(t, last(t.network))
        for aimed in (True, True, False, False):
            other = _aimed(t, change, pull, layer) if aimed else changed(t, change, rng)
            w, _ = solve(other, last(t.network))
            gap = np.array([float(x - y) for x, y in zip(w, base, strict=True)]).reshape(V.shape)
            worst = max(worst, abs(float((c * gap).sum())))
    sharper = False
    for moved in found:
        Z, error = moved.metric.images(layer.phi[:1], layer.phi_rad[:1], layer.phi_norm[:1], k)
        far = moved.metric.apart(Z, error, 0, far_end) if k > 1 else moved.metric.spans(Z, error)
        size = np.linalg.norm(Z[0], axis=1) + np.linalg.norm(Z[-1], axis=1)
        C = Z[0] - Z[far_end] if k > 1 else Z[0]
        steer = convex_directions.Steer.of(layer, moved)
        assert steer is not None
        most = float(steer.most(C, size * (1 + 1e-12), 2 * error, far)[0])
        assert worst <= most
        sharper |= most < moved.reach * float(far[0])
    assert sharper or change.total  # in total one ball is as good


def _aimed(t: Training, change: Change, pull: np.ndarray, layer: object) -> Training:
    """The change of the budget that to first order moves the function most."""
    phi, g, M = (getattr(layer, name) for name in ("phi", "g", "M"))
    seen = phi @ pull.T
    if change.parameter == "targets":
        u = seen
    else:
        V, W = last(t.network), t.network.weights[0]
        inner = np.einsum("nkl,nl->nk", M, seen) @ V[:, :-1] + g @ pull[:, :-1]
        u = (inner * (1 - phi[:, :-1] ** 2)) @ W
    sizes = np.linalg.norm(u, axis=1)
    if change.total:
        u = u / np.linalg.norm(sizes)
    else:
        kept = np.argsort(-sizes)[: change.count or len(u)]
        keep = np.zeros(len(u), dtype=bool)
        keep[kept] = True
        u = np.where(keep[:, None], u / sizes[:, None], 0.0)
    name = "targets" if change.parameter == "targets" else "X"
    return replace(t, **{name: np.array(getattr(t, name)) + u * change.radius * (1 - 2.0**-40)})


@pytest.mark.parametrize("parameter", ["sample_weights", "labels", "features", "targets"])
def test_a_function_of_the_weights_without_its_curvature_is_caught(
    monkeypatch: pytest.MonkeyPatch, parameter: str,
) -> None:
    """The first order alone, an eighth of it: solutions found again contradict the labels said to stay."""
    right, part = convex_directions.largest_sum, 100 if parameter == "features" else 8
    monkeypatch.setattr(convex_directions, "largest_sum", lambda *a: right(*a) / part)
    monkeypatch.setattr(convex_directions.Steer, "most", _first_order(convex_directions.Steer.most))
    for seed in range(400):
        rng = np.random.default_rng([13, seed])
        t, change = _drawn(rng)
        if change.parameter != parameter or (t.loss == "squared" and parameter != "targets"):
            continue
        try:
            motion(t, change, rng, tries=3)
        except Violation:
            return
    pytest.fail("no problem contradicts it")


def _first_order(right: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def wrong(self: object, *arguments: np.ndarray) -> np.ndarray:
        return right(self, *arguments[:3], 0.0 * arguments[3])

    return wrong


def test_no_direction_is_known_where_the_curvature_left_cannot_be_told_from_nothing() -> None:
    """The largest radii with a bound leave `1 − ω − κ` below the room for rounding: no label is proved by that."""
    X, Y, decay = 2 * np.eye(4), np.array([[1.0, -1], [-1, 1], [1, -1], [-1, 1]]), 0.125
    V = np.linalg.solve(X.T @ X / 4 + decay * np.eye(4), X.T @ Y / 4).T
    net = Network((np.ascontiguousarray(V),), (None,), "identity")
    layer = enclose_last_layer(net, X, "squared", decay, targets=Y)
    low, high = 0.1, 1.0
    while low < (middle := (low + high) / 2) < high:
        bounded = enclose_motion(layer, Change("sample_weights", middle, count=2))
        low, high = (middle, high) if bounded else (low, middle)
    points = np.array([[1.0, 1.001, 0, 0], [1.0, 1.01, 0, 0]])
    for radius in (low, low * (1 - 1e-13), low * (1 - 6e-13)):
        found = enclose_motion(layer, Change("sample_weights", radius, count=2))
        assert found and not enclose_predictions(layer, found, last_inputs(net, points)).stable.any()
        w = np.diag([1 + radius, 1 - radius, 1, 1])
        moved = np.linalg.solve(X.T @ w @ X / 4 + decay * np.eye(4), X.T @ w @ Y / 4).T
        assert (np.argmax(points @ moved.T, 1) != np.argmax(points @ V.T, 1)).any()
