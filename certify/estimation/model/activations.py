"""Activations with their first two derivatives as float64 arrays, as torch differentiates them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from torch import nn

Derivatives = tuple[np.ndarray, np.ndarray, "np.ndarray | None"]
"""`φ(z)`, `φ'(z)` and `φ''(z)`; None for a second derivative that is 0 everywhere."""


def derivatives_of(part: nn.Module) -> Callable[[np.ndarray], Derivatives] | None:
    """`z ↦ (φ, φ', φ'')` of an activation module of torch itself; None where it is not known.

    At a kink both derivatives are those that torch takes.

    >>> [float(a) for a in derivatives_of(nn.ELU(2.0))(np.array(0.0))], derivatives_of(nn.PReLU())
    ([0.0, 2.0, 2.0], None)
    """
    kind = type(part)
    if kind is nn.LeakyReLU:
        return partial(_leaky_relu, part.negative_slope)
    if kind is nn.ELU:
        return partial(_elu, part.alpha)
    if kind is nn.Softplus:
        return partial(_softplus, part.beta, part.threshold)
    if kind is nn.GELU:
        return {"none": _gelu, "tanh": _gelu_tanh}.get(part.approximate)
    known: dict[type[nn.Module], Callable[[np.ndarray], Derivatives]] = {
        nn.ReLU: partial(_leaky_relu, 0.0), nn.Tanh: _tanh, nn.Sigmoid: _sigmoid, nn.SiLU: _silu,
    }
    return known.get(kind)


def _leaky_relu(slope: float, z: np.ndarray) -> Derivatives:
    first = np.where(z > 0, 1.0, slope)
    return first * z, first, None


def _elu(alpha: float, z: np.ndarray) -> Derivatives:
    below = np.minimum(z, 0.0)
    e = alpha * np.exp(below)
    return np.where(z > 0, z, alpha * np.expm1(below)), np.where(z > 0, 1.0, e), np.where(z > 0, 0.0, e)


def _tanh(z: np.ndarray) -> Derivatives:
    t = np.tanh(z)
    first = 1.0 - t * t
    return t, first, -2.0 * t * first


def _logistic(z: np.ndarray) -> np.ndarray:
    from scipy.special import expit  # a fraction of a second to import, so where it is used

    s: np.ndarray = expit(z)
    return s


def _sigmoid(z: np.ndarray) -> Derivatives:
    s = _logistic(z)
    first = s * _logistic(-z)
    return s, first, first * (1.0 - 2.0 * s)


def _softplus(beta: float, threshold: float, z: np.ndarray) -> Derivatives:
    s, linear = _logistic(beta * z), beta * z > threshold
    value = np.where(linear, z, np.logaddexp(0.0, beta * z) / beta)
    return value, np.where(linear, 1.0, s), np.where(linear, 0.0, beta * s * _logistic(-beta * z))


def _silu(z: np.ndarray) -> Derivatives:
    s = _logistic(z)
    slope = s * _logistic(-z)
    return z * s, s + z * slope, slope * (2.0 + z * (1.0 - 2.0 * s))


def _gelu(z: np.ndarray) -> Derivatives:
    from scipy.special import ndtr

    below, density = ndtr(z), np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return z * below, below + z * density, density * (2.0 - z * z)


def _gelu_tanh(z: np.ndarray) -> Derivatives:
    root, cube = math.sqrt(2.0 / math.pi), 0.044715
    t = np.tanh(root * (z + cube * z**3))
    inner, bend = root * (1.0 + 3.0 * cube * z * z), 6.0 * root * cube * z
    slope = 1.0 - t * t
    first = 0.5 * (1.0 + t) + 0.5 * z * slope * inner
    return 0.5 * z * (1.0 + t), first, slope * inner + 0.5 * z * slope * (bend - 2.0 * t * inner * inner)
