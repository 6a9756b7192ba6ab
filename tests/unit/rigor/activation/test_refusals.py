"""What an activation must not do: accept bad input, deny a kink, change."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from certify.format.errors import EnclosureError, InputError
from certify.rigor.activation import ACTIVATIONS, Activation, activation
from certify.rigor.activation.elementary import exp
from tests.unit.rigor.activation.registry import CASES, Case

every = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(case: Case, bad: float):
    x = np.array([0.5, bad])
    for call in (case.activation.enclose, case.activation.enclose_extended, case.activation.kink_distance):
        with pytest.raises(EnclosureError):
            call(x)
    with pytest.raises(EnclosureError):
        case.activation.kink(x, np.zeros(2))
    with pytest.raises(EnclosureError):
        case.activation.enclose_extended(np.ones(2), x)


@every
def test_other_types_orders_and_loose_pairs_are_refused(case: Case):
    for x in (np.array([1, 2]), np.array([1.0], dtype=np.float32), np.array([1j])):
        with pytest.raises(EnclosureError, match="float64"):
            case.activation.enclose(x)
    with pytest.raises(EnclosureError, match="order"):
        case.activation.enclose(np.ones(1), 3)
    with pytest.raises(EnclosureError, match="low part"):
        case.activation.enclose_extended(np.array([1.0]), np.array([-1.0]))
    with pytest.raises(EnclosureError, match="low part"):
        case.activation.enclose_extended(np.array([0.0]), np.array([1e-300]))


def test_exp_refuses_what_would_overflow():
    for bad in (700.5, np.nan, np.inf):
        with pytest.raises(EnclosureError):
            exp(np.array([0.0, bad]))
    assert exp(np.array([-1e300, -np.finfo(float).max])).max() < 2.0**-1000


def test_unknown_name():
    with pytest.raises(InputError, match="mish"):
        activation("mish")


@every
def test_kinks(case: Case):
    phi = case.activation
    x = np.array([0.0, 5e-324, 1e-310, 1.0, 1.0, 1.0, -1.0, 1.0])
    r = np.array([0.0, 0.0, 0.0, 0.5, 1.0, np.nan, np.nextafter(1.0, 0), 1.0 - 2.0**-30])
    if phi.smooth:
        assert not phi.kink(x, r).any() and np.isinf(phi.kink_distance(x)).all()
        return
    assert phi.kink(x, r).tolist() == [True, True, True, False, True, True, True, False]
    assert (phi.kink_distance(x) <= np.abs(x)).all()
    assert phi.kink(np.ones((2, 3)), np.array([[0.5], [2.0]])).tolist() == [[False] * 3, [True] * 3]


@every
def test_at_a_jump_the_enclosure_holds_both_sides(case: Case):
    parts = case.activation.enclose(np.array([0.0, -0.0, 5e-324]), 2)
    for order in (0, 1, 2):
        wide = parts[order].error > 1e-3
        assert wide.all() if order in case.one_sided else not wide.any()
    assert (1 in case.one_sided) == (not case.activation.smooth)


def test_leaky_relu_uses_the_float():
    low = ACTIVATIONS["leaky_relu"].enclose(np.array([-1.0]))[1].mid[0]
    assert low.as_integer_ratio() == (5764607523034235, 2**59)


@every
def test_final_or_abstract_and_frozen(case: Case):
    phi = case.activation
    with pytest.raises(AttributeError):
        phi.extra = 1
    concrete = [k for k in type(phi).__mro__ if k not in (object, Activation) and issubclass(k, Activation)]
    assert not inspect.isabstract(type(phi)) and not type(phi).__subclasses__()
    assert all(inspect.isabstract(k) for k in concrete[1:])
    finals = {n for k in type(phi).__mro__[1:] for n, v in vars(k).items() if getattr(v, "__final__", False)}
    assert not finals & set(vars(type(phi)))
    assert all(np.isfinite([phi.slope_bound, phi.curvature, phi.third]))
