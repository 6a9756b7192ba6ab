from __future__ import annotations

import math
from fractions import Fraction

import pytest

from certify.format.errors import InputError
from certify.sets import Ball, PolyhedralFamily, Polyhedron, moved, movement


def turning(u: Fraction) -> Polyhedron:
    """`{w : w₁ + u·w₂ = 0}`, the line at angle atan u to the vertical."""
    return Polyhedron.affine([[1, u]], [0])


def test_a_turning_line_on_a_ball_in_closed_form():
    """Both excesses are ρ·sin of the angle between the lines."""
    found = movement(turning, ["1/4", "1/2", 1], Ball([0, 0], 2))
    for p in found.points:
        true = 2 * float(p.u) / math.sqrt(1 + float(p.u) ** 2)
        for e in (p.expansion, p.contraction):
            assert e.lower <= true <= e.upper and e.width < 1e-5
    assert 2 * 0.97 < found.largest_rate() < 2 * 0.971


def test_only_the_first_set_is_cut_by_the_window():
    """[0, 1 + u] × [0, 1] against [0, 1]²: the window cuts the new set at 3/2, so the excess is 1/2, not 1."""
    inner = moved(lambda u: Polyhedron.box([0, 0], [1 + u, 1]), 1, Polyhedron.box([0, 0], ["3/2", 1]))
    assert inner.expansion.square == Fraction(1, 4) and inner.contraction.square == 0


def test_a_family_of_polyhedra_gives_the_numbers_of_its_own_methods():
    # S(u) = [0, 1] for u = 0, {0} for u > 0, {1} for u < 0: argmin of uw
    argmin = PolyhedralFamily([
        Polyhedron([[-1, 0]], [0], E=[[0, 1]], f=[0]), Polyhedron([[1, 0]], [0], E=[[0, 1]], f=[1]),
        Polyhedron([[0, -1], [0, 1]], [0, 1], E=[[1, 0]], f=[0])])  # fmt: skip
    window = Ball(["1/2"], 1)
    found = movement(argmin, ["-1/8", "1/8"], window)
    for p in found.points:
        assert p.expansion.upper == argmin.expansion(p.u, 0, window).upper == 0.0
        assert p.contraction == argmin.contraction(p.u, 0, window) and p.contraction.square == 1
    assert found.largest_rate() == 8.0


def test_empty_sets():
    """`w² = u`: nothing is left for u < 0; at u > 0 the old set {0} is √u away."""
    family = lambda u: None if u < 0 else Polyhedron.point([u])  # noqa: E731
    gone = moved(family, -1, Ball([0], 1))
    assert gone.expansion.upper == 0.0 and gone.contraction.lower == math.inf and "empty" in gone.contraction.reason
    outside = moved(family, 5, Ball([0], 1))
    assert outside.expansion.upper == 0.0 and outside.contraction.square == 25
    assert movement(family, [-1, 0], Ball([0], 1)).largest_rate() == math.inf
    with pytest.raises(InputError, match=";"):
        movement(family, [], Ball([0], 1))
    with pytest.raises(InputError, match=";"):
        moved(family, "x", Ball([0], 1))


def test_both_curves_are_drawn_with_the_line_of_the_modulus():
    plt = pytest.importorskip("matplotlib.pyplot")
    figure, axes = plt.subplots()
    movement(turning, ["1/4", "1/2"], Polyhedron.box([-1, -1], [1, 1])).draw(axes, modulus=1.0)
    assert len(axes.lines) == 3 and "modulus" in axes.get_legend_handles_labels()[1][-1]
    plt.close(figure)
