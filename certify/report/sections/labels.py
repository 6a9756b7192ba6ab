"""The sentence on labels that every network within a proved distance of the given one gives."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.format.labels import label_meaning
from certify.report import words
from certify.report.digits import as_given, count
from certify.report.moves import mover
from certify.report.statements import Phrase, say

THEOREM = "P2"


def about(claim: Claim) -> bool:
    """Whether a claim is about labels within a distance to exact fits."""
    return claim.theorem == THEOREM


def label_sentence(claim: Claim, problem: Problem, opening: str) -> Phrase:
    """What every network within the distance says of the evaluation rows: no limit, a change as large as it is.

    Args:
        claim: a claim of theorem P2.
        problem: the problem.
        opening: how the sentence begins, by rigour.
    """
    alone = "" if problem.layer == "all" else f" (layer {problem.layer} alone adjusting)"
    still = "" if problem.layer == "all" else ", all other layers as they are"
    rows, kept, reach = problem.evaluation_rows or 0, int(claim.lower or 0), claim.witness.reach
    if reach is None:
        template = (f"no bound was proved on how far the nearest exact fit{alone} lies from these weights, and so "
                    "nothing on the labels of the {rows} evaluation rows.")
    else:
        template = (f"a network that fits the changed data exactly{alone} exists within {{reach}} of these weights"
                    f"{words.MEASURE[problem.weight_norm]}. ")
        template += ("That network, every other fit within this distance, and indeed every network within it{still}, "
                     "gives {kept} of the {rows} evaluation rows the label that these weights give{label}. Of the "
                     "others nothing was proved; of exact fits further away nothing is said." if kept else
                     "For no label of the {rows} evaluation rows{label} it is proved that all networks within this "
                     "distance give it.")
    if kept == rows:
        template = template.replace("Of the others nothing was proved; of exact", "Of exact")
    # R exactly: rounded up it would not suit the labels, rounded down not the fit
    return say("{start} {mover}, " + template, start=opening, mover=mover(problem), kept=count(kept), still=still,
               label=f" (label: {label_meaning(problem.outputs, problem.threshold)})", rows=count(rows),
               reach="" if reach is None else as_given(reach))
