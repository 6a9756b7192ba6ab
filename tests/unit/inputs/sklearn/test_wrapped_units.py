"""How far features move behind scalers, in the floats that these compute: held against exact differences."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from certify.inputs.sklearn.wrapped import parted, prepared


def cases(names):
    """Moves of rows of a hard table behind scalers: how far features went, their units and roundings."""
    from sklearn import preprocessing
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    rng = np.random.default_rng(7)
    X = rng.normal(size=(40, 4)) * [1.0, 1e-3, 1e5, 1e-9] + [0.0, 1e6, -1e9, 1.0]
    steps = [getattr(preprocessing, name)() for name in names]
    prepare = prepared(parted(make_pipeline(*steps, Ridge()).fit(X, X[:, 0]))[1], 4)
    before, roundings = prepare(X), prepare.roundings(prepare(X))
    for size in (1e-7, 1e-2, 3.0, 1e4):
        moved = X + size * rng.uniform(-1, 1, X.shape)
        sizes = [max(abs(Fraction(a) - Fraction(b)) for a, b in zip(one, two, strict=True))
                 for one, two in zip(X.T, moved.T, strict=True)]
        went = [max(abs(Fraction(a) - Fraction(b)) for a, b in zip(one, two, strict=True))
                for one, two in zip(before.T, prepare(moved).T, strict=True)]
        yield from zip(went, sizes, prepare.units, roundings, strict=True)


@pytest.mark.parametrize("names", [
    ("StandardScaler",), ("MinMaxScaler",), ("MaxAbsScaler",), ("RobustScaler",), ("StandardScaler", "MinMaxScaler"),
    ("RobustScaler", "StandardScaler", "MaxAbsScaler")])
def test_features_move_no_farther_than_units_and_roundings_say(names):
    for went, size, unit, rounding in cases(names):
        assert went <= size * Fraction(unit) + Fraction(rounding)


def test_units_alone_would_say_too_little():
    assert any(went > size * Fraction(unit) for went, size, unit, _ in cases(("StandardScaler",)))
