"""How near the refit is of columns as they come: a checker finds the stated distance, and nothing far smaller."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx
from numpy.random import Generator
from safetensors.numpy import save_file
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge

from certify.check.linalg.balls import norm
from certify.check.reading.optional.class_weight import balanced
from certify.check.theorems.head.rows.base import IDLE, ROUNDING
from certify.check.theorems.head.rows.head import BITS
from certify.check.theorems.head.rows.refitted.refit import distance
from certify.cli.main import main
from certify.finders.head.plain import PlainRefits
from certify.finders.head.refits import Refitter
from certify.systems.head.point import ROOM
from certify.systems.head.rows.centred import centred
from certify.systems.head.rows.change import NONE, Choices
from certify.systems.head.rows.head import Head
from certify.systems.head.rows.nearest import known_finely, nearest
from certify.systems.head.rows.of_problem import given_base
from certify.systems.head.rows.weights import RowWeights
from tests.families.heads import any_rows, ball_head, drawn_head
from tests.families.other_heads import LABELLED, NUMBERS, other_head
from tests.unit.systems.head.rows.test_refit import away, truth

LOSSES = ("squared", "logistic", "cross_entropy")


def raw_head(rng: Generator, loss: str, free: bool = True, weighed: bool = False) -> tuple[Head, np.ndarray]:
    """A head whose columns have sizes and places of their own, and weights near its refit."""
    head = drawn_head(rng, loss, n=int(rng.integers(8, 40)), N=2, free=free, apart=1.0,
                      decay=float(10.0 ** rng.uniform(-3, 0)))
    units = np.append(10.0 ** rng.uniform(-3, 4, head.m - 1), 1.0)
    place = np.append(rng.normal(size=head.m - 1) * 10.0 ** rng.uniform(-1, 1), 0.0) * units
    Y = head.Y * 10.0 ** rng.uniform(0, 3) if loss == "squared" else head.Y
    head = replace(head, phi=head.phi * units + place, points=head.points * units + place, V=np.zeros_like(head.V), Y=Y)
    if weighed:
        head = replace(head, weights=RowWeights(rng.uniform(0.2, 3.0, head.n)))
    seen = centred(head)
    V = Refitter(head).V0 if seen is None else seen.back(Refitter(seen.head).V0)
    return replace(head, V=V), V


def checked(head: Head, centre: np.ndarray) -> tuple[arb, arb]:
    """What a checker finds, and how much it takes for rounding."""
    with ctx.workprec(BITS):
        ball = ball_head(head, any_rows(head, 1, False))
        if head.weights is not None:
            ball = replace(ball, weights=[arb(c) for c in head.weights.rows.tolist()])
        flat = centre.ravel().tolist()
        away = norm([arb(a) - b for a, b in zip(head.V.ravel().tolist(), flat, strict=True)])
        found = (away + distance(ball, (), flat, ball.outputs(flat))).upper()
        return found, (IDLE * found + ROUNDING * ball.scale).upper()


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(12))
def test_a_checker_accepts_what_is_stated_of_columns_of_any_size(loss: str, seed: int, weighed: bool) -> None:
    head, centre = raw_head(np.random.default_rng([seed, len(loss), weighed]), loss, weighed=weighed)
    assert known_finely(head)
    stated = given_base(head, centre)[1] * ROOM
    found, most = checked(head, centre)
    if np.isfinite(stated):
        assert found <= stated <= most, (float(found), stated, float(most))
    assert np.isfinite(stated) or not found.is_finite()


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_checker_accepts_it_where_equal_rows_have_every_label(loss: str, weighed: bool) -> None:
    """Then 0 is the minimum, to all digits: numbers of 106 bits know it nearer than the balls of a checker."""
    for seed in range(6):
        head = drawn_head(np.random.default_rng(seed), loss, n=6, free=True, classes=3)
        assert head.codes is not None
        each = len(head.codes)
        label = np.tile(np.arange(each), 2)
        head = replace(head, phi=np.repeat(head.phi[:2], each, axis=0), phi_rad=np.zeros(2 * each), label=label,
                       Y=head.codes[label], V=head.V * 0.0 + (0.0 if seed % 2 else 1e-14))
        if weighed:
            head = replace(head, weights=RowWeights(np.full(head.n, 0.75)))
        stated = given_base(head, head.V)[1] * ROOM
        found, most = checked(head, head.V)
        assert found <= stated <= most and stated < 1e-10, (seed, float(found), stated, float(most))


@pytest.mark.parametrize("loss", ["logistic", "cross_entropy"])
def test_a_checker_accepts_it_of_balanced_labels(loss: str) -> None:
    """Of columns far from the origin, too; and what is stated bounds the distance that the oracle's weights prove."""
    proved = 0
    for seed in range(8):
        head, _ = raw_head(np.random.default_rng([seed, 19]), loss)
        assert head.label is not None and head.codes is not None
        if len(set(head.label.tolist())) < len(head.codes):
            continue
        head = replace(head, weights=RowWeights(np.ones(head.n), None, True))
        centre = PlainRefits(head).newton(Choices(np.full((1, 0), NONE), np.full((1, 0), NONE)), head.V[None])[0]
        head = replace(head, V=centre)
        assert known_finely(head)
        stated = given_base(head, centre)[1] * ROOM
        with ctx.workprec(BITS):
            ball = ball_head(head, any_rows(head, 1, False))
            ball = replace(ball, balanced=True, weights=balanced(head.label.tolist(), len(head.codes)))
            flat = centre.ravel().tolist()
            found = distance(ball, (), flat, ball.outputs(flat)).upper()
            most = (IDLE * found + ROUNDING * ball.scale).upper()
        if np.isfinite(stated):
            assert found <= stated <= most, (seed, float(found), stated, float(most))
        proved += np.isfinite(stated) and stated < 1e-3
    assert proved >= 4


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("loss", [*LABELLED, *NUMBERS])
def test_a_checker_accepts_it_of_losses_that_heads_alone_know(loss: str, weighed: bool) -> None:
    proved = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, len(loss), weighed])
        k = 3 if loss == "one_vs_rest" else int(rng.integers(1, 3))
        head = other_head(rng, loss, n=int(rng.integers(8, 30)), k=k, N=1, free=True,
                          decay=float(10.0 ** rng.uniform(-3, 0)), weights="rows" if weighed else "")
        units = np.append(10.0 ** rng.uniform(-3, 3, head.m - 1), 1.0)
        place = np.append(rng.normal(size=head.m - 1) * 10.0 ** rng.uniform(-1, 1), 0.0) * units
        V = head.V / units  # no longer near the refit, as the decay counts otherwise
        V[:, -1] -= V[:, :-1] @ place[:-1]
        head = replace(head, phi=head.phi * units + place, V=V)
        centre = PlainRefits(head).newton(Choices(np.full((1, 0), NONE), np.full((1, 0), NONE)), V[None])[0]
        stated = given_base(replace(head, V=centre), centre)[1] * ROOM
        found, most = checked(replace(head, V=centre), centre)
        assert not np.isfinite(stated) or found <= stated <= most, (seed, float(found), stated, float(most))
        assert np.isfinite(stated) or not found.is_finite() or found > 1e-6, (seed, float(found))
        proved += np.isfinite(stated)
    assert proved >= 7


@pytest.mark.parametrize("loss", [*LABELLED, *NUMBERS])
def test_the_refit_lies_as_near_as_is_said_of_weights_anywhere(loss: str) -> None:
    """Against the refit in 300 bits: of weights far from it, where curvatures die out, and next to it."""
    proved, nothing = 0, Choices(np.full((1, 0), NONE), np.full((1, 0), NONE))
    for seed in range(6):
        rng = np.random.default_rng([seed, len(loss)])
        head = other_head(rng, loss, n=7, d=1, N=1, free=True, weights="rows" if seed % 2 else "",
                          scale=float(10.0 ** rng.uniform(-2, 1)), decay=float(10.0 ** rng.uniform(-1, 2)))
        head = replace(head, phi=head.phi + np.array([30.0, 0.0]) * (seed % 3))
        try:
            exact = truth(head, nothing)
        except (AssertionError, ZeroDivisionError):
            continue
        near = np.array([[float(x) for x in row] for row in exact])
        for off in (0.0, 1e-9, 1e-3, 0.3, 2.0):
            V = near + off * np.array([-0.1, 1.0]) * rng.choice([-1.0, 1.0])
            found = nearest(head, V)
            assert away(head, V, exact) <= found
            proved += np.isfinite(found)
    assert proved >= 6


SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [10, 1]
activation = "identity"
[data]
file = "data.safetensors"
features = "X"
targets = "y"
[training]
loss = "squared"
weight_decay = WEIGHT
bias_decay = false
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "deletions"
set = "sparse"
count = 1
[evaluation]
file = "data.safetensors"
features = "X"
[[gate]]
quantity = "prediction_change"
max = 1e6
"""


def test_ridge_on_columns_as_they_come_runs_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y = np.ascontiguousarray(X[:331]), y[:331].astype(np.float64)
    model = Ridge().fit(X, y)
    save_file({"0.weight": model.coef_.reshape(1, -1), "0.bias": np.array([model.intercept_])},
              tmp_path / "model.safetensors")
    save_file({"X": X, "y": y[:, None].copy()}, tmp_path / "data.safetensors")
    (tmp_path / "certify.toml").write_text(SPEC.replace("WEIGHT", repr(1.0 / len(X))), encoding="utf-8")
    assert main(["run", str(tmp_path / "certify.toml"), "-q"]) == 0
    assert main(["check", str(tmp_path / "certificate.json"), "-q"]) == 0, capsys.readouterr()
