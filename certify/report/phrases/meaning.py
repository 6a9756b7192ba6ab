"""What a solution is, and how moves and the distance between weights are measured."""

from __future__ import annotations

from certify.certificate.schema import Problem
from certify.report.maps import MAPS
from certify.report.maps.solution_map import Examined
from certify.report.phrases.listing import in_units, still_features
from certify.report.phrases.norms import NORMS, WEIGHT_NORMS
from certify.report.phrases.parameters import PARAMETERS
from certify.report.phrases.sets import SETS
from certify.report.statements import Phrase, say


def meaning(at: Examined) -> Phrase:
    """What an exact fit or the training loss means, and how moves and weights are measured."""
    template, parts = MAPS[at.problem.map].meaning(at)
    row = PARAMETERS[at.problem.parameter]
    if not row.sized:
        return say(f"{template}{row.sizeless[1]} The distance between weights is Euclidean.", **parts)
    lengths = _lengths(at.problem)
    still = ""
    if at.problem.scale is not None:
        lengths += " Moves are counted in the unit set for each feature." if in_units(at.problem) else ""
        still = still_features(at.problem)
        if still:
            still, lengths = f"{still[0].upper()}{still[1:]}", lengths + " {still} may not move."
    return say(template + lengths, still=still, **parts)


def _lengths(problem: Problem) -> str:
    """How moves and the distance between weights are measured."""
    weights = WEIGHT_NORMS[problem.weight_norm]
    if not SETS[problem.set].by_row:
        return weights.lengths
    largest = PARAMETERS[problem.parameter].largest or f"{NORMS[problem.norm].short} of the largest move of a row"
    return f"δ is the {largest}, and the distance between weights is {weights.name}."
