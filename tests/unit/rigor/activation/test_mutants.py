"""Every error constant does work: with it at zero, an enclosure misses the truth (or the proof of it fails)."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from certify.format.errors import EnclosureError
from certify.rigor import fp
from certify.rigor.activation import base, by_balls, elementary
from tests.unit.rigor.activation import test_rounding_errors as derivations
from tests.unit.rigor.activation.registry import CASES, adversarial, sample, violations

BY_NAME = {c.name: c for c in CASES}
CONSTANTS = [
    *(
        (name, c)
        for name in ("tanh", "sigmoid", "silu", "gelu")
        for c in ("VALUE_ERROR", "SLOPE_ERROR", "SECOND_ERROR")
    ),
    ("softplus", "VALUE_ERROR"),
    ("elu", "VALUE_ERROR"),
    ("elu", "SLOPE_ERROR"),
    ("leaky_relu", "VALUE_ERROR"),
]


@pytest.mark.parametrize(("name", "constant"), CONSTANTS)
def test_an_error_constant_at_zero_is_caught(name: str, constant: str, monkeypatch):
    x = np.concatenate([adversarial(), sample(500)])
    assert violations(BY_NAME[name], x, 2) == []
    monkeypatch.setattr(importlib.import_module(f"certify.rigor.activation.{name}"), constant, 0.0)
    order = {"VALUE_ERROR": 0, "SLOPE_ERROR": 1, "SECOND_ERROR": 2}[constant]
    assert any(f"derivative {order} at" in found for found in violations(BY_NAME[name], x, 2))


def test_every_error_constant_is_listed():
    found = set()
    for name in BY_NAME:
        module = importlib.import_module(f"certify.rigor.activation.{name}")
        found |= {(name, c) for c in vars(module) if c.endswith("_ERROR")}
    assert found == set(CONSTANTS)


def test_no_underflow_term_is_caught(monkeypatch):
    x = np.array([-5e-324, 5e-324])
    assert violations(BY_NAME["leaky_relu"], x, 1) == []
    monkeypatch.setattr(elementary, "UNDERFLOW", 0.0)
    assert violations(BY_NAME["leaky_relu"], x, 1) != []


def test_no_tail_fit_is_caught(monkeypatch):
    monkeypatch.setattr(elementary, "TAIL_FIT", 0.0)
    with pytest.raises(AssertionError):
        derivations.test_fit_of_the_normal_tail()


def test_no_extended_error_is_caught(monkeypatch):
    monkeypatch.setattr(by_balls, "EXTENDED_ERROR", 0.0)
    with pytest.raises(EnclosureError, match="no ball within"):
        BY_NAME["gelu"].activation.enclose_extended(np.array([0.3]))


def test_too_little_precision_is_caught(monkeypatch):
    monkeypatch.setattr(by_balls, "EXTENDED_BITS", 90)
    with pytest.raises(EnclosureError, match="no ball within"):
        BY_NAME["gelu"].activation.enclose_extended(np.array([0.3]))


def test_a_pair_that_is_not_small_is_caught_by_pair_low(monkeypatch):
    """Without the check relu would take the sign of hi for the sign of the pair."""
    hi, lo = np.array([1.0]), np.array([-2.0])
    with pytest.raises(EnclosureError, match="low part"):
        BY_NAME["relu"].activation.enclose_extended(hi, lo)
    monkeypatch.setattr(base, "PAIR_LOW", 2.0)
    assert BY_NAME["relu"].activation.enclose_extended(hi, lo)[0].hi[0] == 1.0  # the truth is 0


def test_factor_of_the_error_formula_and_of_kinks(monkeypatch):
    """RAISE pays for the rounding of the error's own formula and, at a kink, for the low part of a pair."""
    phi = BY_NAME["relu"].activation
    x, low = np.array([1.0]), -(2.0**-51)
    radius = np.array([1.0 + low])
    assert phi.kink(x, radius).all()  # x + low is the far end
    monkeypatch.setattr(fp, "RAISE", 1.0)
    assert not phi.kink(x, radius).any()
