"""Which certificates are checked by probes of one pass: said before anything is derived, by sizes and words alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.kernel import CHANCE
from certify.check.reading.certificate import Claim
from certify.check.reading.subject import Problem
from certify.check.table import row_of

if TYPE_CHECKING:
    from certify.check.enclosure.network import Parameters
    from certify.check.reading.arrays import Array
    from certify.check.systems.critical import Stationary
    from certify.check.systems.nearby import Centre

    Find = Callable[[Problem, Parameters], tuple[Centre, Stationary]]

LARGEST = 1 << 31
"""Bytes of the motions of all rows beyond which they are not held."""

WHOLE, BUDGETS = "modulus.critical", "modulus.critical_sets"
MODULES = (WHOLE, "modulus.critical_rows", "modulus.critical_one_row", BUDGETS)
"""Rules that need no more than it proves; the last with diagonal weights alone."""


def motions_bytes(problem: Problem) -> int:
    """That the motions of all rows take."""
    return 8 * len(problem.moving) * len(problem.features[0]) * problem.parameters


def passing(problem: Problem) -> bool:
    """Whether one pass gives `Hz`, and H is bounded on a small ball: all terms as they are, φ C³ with a bound."""
    plain = problem.lengths.plain and problem.changed is None and problem.row_weights is None and problem.bias_decay
    return bool(problem.layers) and plain and ACTIVATIONS[problem.activation].third is not None


def suited(problem: Problem, claims: Sequence[Claim[object]]) -> bool:
    """Moving features, in Euclidean norm, at a critical point nearby where weight decay leaves no symmetry (M5c)."""
    return (CHANCE.get() is not None and problem.nearby and passing(problem)
            and problem.moves.inputs and problem.weight_decay > 0 and motions_bytes(problem) <= LARGEST
            and all(module in MODULES and (module != BUDGETS or diagonal(claim, problem))
                    for claim, module in ((claim, row_of(claim, problem).module) for claim in claims)))


def diagonal(claim: Claim[Any], problem: Problem) -> bool:
    """Whether an upper end under budgets of single rows rests on diagonal weights, or there is none."""
    plain = not problem.row_norm.cross or getattr(claim.witness, "array", None) is None
    return claim.upper is None or (getattr(claim.witness, "member", None) == "weights" and plain)


def probing(
    problem: Problem, claims: Sequence[Claim[object]], other: Find, leave: Callable[[], None],
    arrays: Mapping[str, Array],
) -> Find:
    """What finds the critical point: probes first where they are for it, and the other way where they prove nothing.

    Args:
        problem, claims: of the certificate.
        other: the other way.
        leave: called before that is gone, here or for what is left open at the point.
        arrays: of the side file.
    """
    if not suited(problem, claims):
        return other

    def find(problem: Problem, start: Parameters) -> tuple[Centre, Stationary]:
        asked = import_module("certify.check.probed.asked")
        most = asked.most_of(problem, claims, asked.HALF)
        modules = {row_of(claim, problem).module for claim in claims}
        weights = (import_module("certify.check.probed.budgets.weights").weightings(problem, claims, arrays)
                   if BUDGETS in modules else ())
        found: tuple[Centre, Stationary] | None = import_module("certify.check.probed.point").probed_point(
            problem, start, leave, most, weights, WHOLE in modules, asked.enough_of(claims, asked.HALF))
        if found is None:
            leave()
            return other(problem, start)
        return found

    return find
