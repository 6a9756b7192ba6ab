"""S14 as claims: `excess` and `hausdorff` on the window of a spec, with what lets a checker repeat both ends.

`hausdorff` is the contraction: it is never less than the expansion, for the window is centred at a solution of today's
data (S14).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from certify.format.errors import SpecError
from certify.format.words import Rigour
from certify.problem.bound import Bound, Hypothesis
from certify.problem.problem import Problem
from certify.rigor import fp
from certify.spec.window import QUANTITIES

if TYPE_CHECKING:
    from certify.theorems.excess.window import WindowExcess

__all__ = ["QUANTITIES", "UNITS", "compare_sets", "require_window", "window_bound"]

UNITS: Final = {
    "excess": "weight distance from exact fits of the changed data, within the window, to those of today's",
    "hausdorff": "weight distance between exact fits of today's and of the changed data, either within the window",
}

ROOM: Final = Fraction(1, 2**48)
"""Part of each end that is left to a checker, whose formula is another one."""


def require_window(problem: Problem) -> None:
    """Refuse a problem without a window, or without the one change after which sets are compared.

    Raises:
        SpecError: with what would work.
    """
    asked = " and ".join(f"'{quantity}'" for quantity in QUANTITIES)
    if problem.spec is None or problem.spec.window is None:
        raise SpecError(f"quantities {asked}", "no window", "give [window] radius in a spec, or call "
                        "certify.theorems.excess.window.enclose_window_excess")
    if problem.set != "given":
        raise SpecError(f"quantities {asked}", f"set = '{problem.set}'", "use set 'given' with the file of one change")


def compare_sets(problem: Problem) -> WindowExcess | str:
    """Both excesses on the ball of the spec's window; in words why there are none.

    Args:
        problem: as for :func:`certify.theorems.excess.window.enclose_window_excess`, with a spec that has a window.

    Raises:
        SpecError: there is no window.
        InputError: a problem that S14 is not built for.
    """
    from certify.theorems.excess.window import enclose_window_excess

    require_window(problem)
    assert problem.spec is not None and problem.spec.window is not None
    return enclose_window_excess(problem, problem.spec.window.radius)


def window_bound(found: WindowExcess | str, quantity: str, unit: str, hypotheses: tuple[Hypothesis, ...]) -> Bound:
    """`e(S(u) ∩ B, S(ū))`, or the larger of it and `e(S(ū) ∩ B, S(u))`, as a claim.

    Args:
        found: of :func:`compare_sets`.
        quantity: `excess` or `hausdorff`.
        unit: of the bound.
        hypotheses: those that hold of the problem.
    """
    words = "the layer's inputs, for today's data and for the changed, have full row rank"
    if isinstance(found, str):
        return Bound(quantity, "S14", Rigour.PROVED, None, None, unit, hypotheses, {}, found)
    hypotheses = (*hypotheses, Hypothesis("layer_rank", words, None, True))
    extent, known = (found.expansion, found.expanding) if quantity == "excess" else (
        found.contraction, found.contracting)
    if known is None:  # no exact fit of the changed data lies within the window
        return Bound(quantity, "S14", Rigour.PROVED, 0.0, 0.0, unit, hypotheses)
    lower = max(fp.down(Fraction(extent.lower) * (1 - ROOM)), 0.0)
    witness: dict[str, object] = {}
    if lower > 0:
        witness["point"] = [float(v) for v in np.asarray(known.point).ravel()]
    if known.upper is None:
        reason = "the bound by Lagrange could not be evaluated: the layer's inputs are too nearly dependent"
        return Bound(quantity, "S14", Rigour.PROVED, lower, None, unit, hypotheses, witness, reason)
    witness["multiplier"] = known.multiplier
    upper = fp.up(known.upper * (1 + ROOM))
    return Bound(quantity, "S14", Rigour.PROVED, lower, upper, unit, hypotheses, witness, extent.reason)
