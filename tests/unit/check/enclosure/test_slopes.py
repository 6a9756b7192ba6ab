"""Slopes beside the values of a layer hold the slopes that are made without them, and wrong ones do not."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.activations import gelu_beside, many, slopes, tanh
from certify.check.enclosure.network import Forward

NAMES = ("tanh", "gelu")


def drawn(name):
    """Numbers of all sizes with radii of all sizes, what beside says of them, and points of each ball."""
    rng = np.random.default_rng(3)
    middles = [*(10.0 ** rng.uniform(-200, 2.5, 150) * rng.choice([-1, 1], 150)), *rng.normal(size=150)]
    with ctx.workprec(128):
        balls = [arb(m, abs(m) * 10.0 ** -rng.uniform(0, 40)) for m in middles] + [arb(0), arb(0, 1e-9)]
        values = arb_mat(1, len(balls), [ACTIVATIONS[name].value(x) for x in balls])
        found = slopes.beside(name, Forward((values, values), (tuple(balls),), values), 1)
    return balls, found


def holds(name):
    """Whether every slope holds those at both ends and the middle of the ball, with many bits."""
    balls, found = drawn(name)
    with ctx.workprec(2000):
        return all(ball.overlaps(ACTIVATIONS[name].slope(x)) for z, ball in zip(balls, found, strict=True)
                   for x in (z.mid(), z.lower(), z.upper()))


@pytest.mark.parametrize("name", NAMES)
def test_they_hold_the_slopes_of_every_point(name):
    assert holds(name)


@pytest.mark.parametrize("name", NAMES)
def test_they_are_about_as_sharp(name):
    balls, found = drawn(name)
    with ctx.workprec(128):
        for z, ball in zip(balls, found, strict=True):
            own = ACTIVATIONS[name].slope(z)
            assert not own.is_finite() or ball.rad() <= 8 * own.rad() + arb(2) ** -98


@pytest.mark.parametrize(("name", "what"), [("tanh", "LEAST"), ("gelu", "LESS"), ("gelu", "_unit")])
def test_wrong_ones_are_caught(name, what, monkeypatch):
    """`1 − tanh²` moved by 2^-40, a density that is too steep, one too large by 2^-90."""
    if what == "LEAST":
        monkeypatch.setattr(tanh, "ONE", 1 + arb(2) ** -40)
    elif what == "LESS":
        monkeypatch.setattr(gelu_beside, "LESS", arb(-0.5) * (1 + arb(2) ** -40))
    else:
        right = gelu_beside._unit
        monkeypatch.setattr(gelu_beside, "_unit", lambda bits: right(bits) * (1 + arb(2) ** -90))
    assert not holds(name)


def test_values_of_many_hold_those_with_more_bits(monkeypatch):
    """A root that is moved by 2^-60 is caught."""
    rng = np.random.default_rng(4)
    middles = [*(10.0 ** rng.uniform(-200, 2, 100) * rng.choice([-1, 1], 100)), *rng.normal(size=100)]

    def held(name):
        with ctx.workprec(128):
            found = many.values(name, [arb(m) for m in middles])
            sharp = [v.rel_accuracy_bits() for m, v in zip(middles, found, strict=True) if abs(m) < 1]
        with ctx.workprec(500):
            return min(sharp) > 70 and all(v.overlaps(ACTIVATIONS[name].value(arb(m)))
                                           for m, v in zip(middles, found, strict=True))

    assert all(map(held, NAMES))
    right = many._root
    monkeypatch.setattr(many, "_root", lambda bits: right(bits) * (1 + arb(2) ** -60))
    assert not held("gelu")


def test_slopes_of_a_sublevel_set_hold_those_with_more_bits(monkeypatch):
    right = slopes.beside
    monkeypatch.setattr(slopes, "beside", lambda *told: right(*told, True))
    assert all(map(holds, NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_no_number_gives_none(name):
    none = arb_mat([[arb("nan")]])
    assert not slopes.beside(name, Forward((none, none), ((arb("nan"),),), none), 1)[0].is_finite()


@pytest.mark.parametrize("name", ["tanh", "softplus"])
def test_they_are_made_once_a_pass_and_precision(name):
    values = arb_mat(1, 2, [ACTIVATIONS[name].value(arb(x)) for x in (0.5, -2)])
    passed = Forward((values, values), ((arb(0.5), arb(-2)),), values)
    with ctx.workprec(40):
        few = slopes.beside(name, passed, 1)
    with ctx.workprec(200):
        many = slopes.beside(name, passed, 1)
        assert slopes.beside(name, passed, 1) is many
    assert few is not many and few[1].rad() > 0 and few[1].overlaps(many[1])
    assert name == "tanh" or many[1].rad() < 1e-40 < few[1].rad()


@pytest.mark.parametrize(("bits", "least"), [(30, 24), (64, 58), (128, 74), (256, 154)])
def test_a_pass_with_few_bits_keeps_them(bits, least):
    """Where 30 bits became 18 a radius that they decide took three times as long, with 64."""
    with ctx.workprec(bits):
        balls = [arb(x) for x in np.linspace(-2, 2, 40)]
        values = arb_mat(1, len(balls), [x.tanh() for x in balls])
        found = slopes.beside("tanh", Forward((values, values), (tuple(balls),), values), 1, below=True)
    assert all(ball.rel_accuracy_bits() >= least for ball in found)
    assert bits < 128 or any(ball.rel_accuracy_bits() < bits - 20 for ball in found)
