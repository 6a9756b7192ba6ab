"""Slopes of the cross-entropy: the truth inside, and sharp where one class has nearly all of the probability."""

from __future__ import annotations

import pytest
from flint import arb, ctx

from certify.check.enclosure.losses import cross_entropy
from certify.check.enclosure.losses.cross_entropy import _cross_entropy

OUTPUTS = [[0.0, 1.0, -2.0], [40.0, 0.0, 1.0], [300.0, -300.0, 0.0], [-1e-30, 0.0, 1e-30], [800.0, 0.0, -5.0]]
SHARES = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.25, 0.5, 0.25], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0],
          [1.0, 1e-60, 0.0]]


def exact(f, q):
    """By its definition, with many bits."""
    with ctx.workprec(4000):
        e = [arb(x).exp() for x in f]
        return [sum(map(arb, q), arb(0)) * x / sum(e, arb(0)) - arb(p) for x, p in zip(e, q, strict=True)]


@pytest.mark.parametrize("f", OUTPUTS)
@pytest.mark.parametrize("q", SHARES)
@pytest.mark.parametrize("bits", [64, 128])
def test_slopes_hold_the_truth(f, q, bits):
    with ctx.workprec(bits):
        found = _cross_entropy([arb(x) for x in f], [arb(p) for p in q])[1]
    with ctx.workprec(4000):
        assert all(c.overlaps(true) for c, true in zip(found, exact(f, q), strict=True))


@pytest.mark.parametrize("size", [1.0, 2.0])
def test_what_a_label_lacks_of_all_is_sharp(size):
    """`−Σq·e^{-300}(1 + …)`, where `Σq·π − q` would have lost every bit."""
    with ctx.workprec(64):
        found = _cross_entropy([arb(300), arb(0), arb(-1)], [arb(size), arb(0), arb(0)])[1][0]
        assert found < 0 and found.rel_accuracy_bits() > 50
        loose = _cross_entropy([arb(300), arb(0), arb(-1)], [arb(size), arb(0, 1e-30), arb(0)])[1][0]
        assert loose.contains(0), "a share that is not exactly 0 leaves what is known to the difference"


def test_a_wrong_version_is_caught(monkeypatch):
    """Of the class itself in place of the others."""
    monkeypatch.setattr(cross_entropy, "ZERO", arb(1))
    with pytest.raises(AssertionError):
        test_slopes_hold_the_truth(OUTPUTS[1], SHARES[0], 128)
