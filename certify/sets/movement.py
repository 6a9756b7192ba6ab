"""How a solution set expands and contracts within a window while a parameter moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from certify.format.errors import InputError
from certify.rigor import fp
from certify.sets.ball import Ball
from certify.sets.base import ClosedSet
from certify.sets.exact.polyhedron import Polyhedron
from certify.sets.exact.rational import number
from certify.sets.excess import excess_where_met
from certify.sets.extent import Extent, infinite, root
from certify.sets.family import PolyhedralFamily

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Family = PolyhedralFamily | Callable[[Fraction], ClosedSet | None]
Window = Ball | Polyhedron


@dataclass(frozen=True)
class Moved:
    """What the set did at one parameter.

    Attributes:
        u: the parameter.
        expansion: `e(S(u) ∩ window, S(ū))`: how far new points near w̄ are from the old set.
        contraction: `e(S(ū) ∩ window, S(u))`: how far old points near w̄ are from the new set.
    """

    u: Fraction
    expansion: Extent
    contraction: Extent


@dataclass(frozen=True)
class Movement:
    """Expansion and contraction over a list of parameters.

    Attributes:
        base: ū.
        points: one entry a parameter, in the order they were given.
    """

    base: Fraction
    points: tuple[Moved, ...]

    def largest_rate(self) -> float:
        """The largest upper end over `|u − ū|`, rounded up: a κ that serves these u; infinite where an end is."""
        found = [(max(p.expansion.upper, p.contraction.upper), abs(p.u - self.base))
                 for p in self.points if p.u != self.base]
        if any(end == math.inf for end, _ in found):
            return math.inf
        return fp.up(max((Fraction(end) / far for end, far in found), default=Fraction(0)))

    def draw(self, axes: Axes, modulus: float | None = None) -> None:
        """Both curves over `|u − ū|` as bands between their ends, with the line `modulus·|u − ū|` where one is given.

        Infinite values are left out.
        """
        for name, colour in (("expansion", "#b5521b"), ("contraction", "#1f4e79")):
            kept = sorted((float(abs(p.u - self.base)), getattr(p, name)) for p in self.points
                          if getattr(p, name).upper < float("inf"))
            if kept:
                x, low, high = zip(*((u, e.lower, e.upper) for u, e in kept), strict=True)
                axes.fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
                axes.plot(x, high, color=colour, marker="o", ms=3, lw=1.2, label=name)
        if modulus is not None and self.points:
            far = max(float(abs(p.u - self.base)) for p in self.points)
            axes.plot([0, far], [0, modulus * far], color="#777777", ls="--", lw=1, label=f"modulus {modulus:.4g}·|u|")
        axes.set(xlabel="|u|", ylabel="excess within the window", xlim=(0, None), ylim=(0, None))
        axes.legend(fontsize=8)


def moved(family: Family, u: Any, window: Window, base: Any = 0) -> Moved:
    """Expansion and contraction at one parameter; only the first set of each excess is cut by the window.

    Exact where sets are polyhedral and the window is a polyhedron, enclosed otherwise. Where the window leaves nothing
    of the first set its excess is 0; where the second set is empty it is infinite.

    Args:
        family: a :class:`~certify.sets.PolyhedralFamily`, or a function from a rational parameter to a closed set, or
            None where it is empty.
        u, base: parameters.
        window: a ball or, for polyhedral sets, a polyhedron.

    >>> found = moved(lambda u: Polyhedron.affine([[3, 4]], [u]), 10, Polyhedron.box([-9, -9], [9, 9]))
    >>> found.expansion.square, found.contraction.square  # parallel lines: the same distance everywhere
    (Fraction(4, 1), Fraction(4, 1))
    """
    at, start = number(u, "u"), number(base, "base")
    if at == start:
        return Moved(at, root(Fraction(0)), root(Fraction(0)))
    new, old = (family.at(v) if isinstance(family, PolyhedralFamily) else family(v) for v in (at, start))
    return Moved(at, _cut(new, old, window), _cut(old, new, window))


def movement(family: Family, parameters: Iterable[Any], window: Window, base: Any = 0) -> Movement:
    """The same over a list of parameters: a curve over `|u − ū|`.

    Raises:
        InputError: no parameters, or sets and a window that do not go together.

    >>> line = lambda u: Polyhedron.affine([[1, 1 + u]], [1])
    >>> found = movement(line, [0, "1/4", "1/2"], Polyhedron.box([0, 0], [1, 1]))
    >>> [p.expansion.square for p in found.points]
    [Fraction(0, 1), Fraction(1, 50), Fraction(1, 18)]
    """
    asked = list(parameters)
    if not asked:
        raise InputError("movement", "no parameters", "give at least one")
    return Movement(number(base, "base"), tuple(moved(family, u, window, base) for u in asked))


def _cut(C: ClosedSet | None, D: ClosedSet | None, window: Window) -> Extent:
    if C is None:
        return root(Fraction(0))
    if D is None:
        # the window may leave nothing of C, and then nothing is far from anything
        met = excess_where_met(C, C, window)
        return root(Fraction(0)) if met is None else infinite("the other set is empty")
    found = excess_where_met(C, D, window)
    return root(Fraction(0)) if found is None else found
