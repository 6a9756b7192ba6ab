"""How many evaluation rows keep their label, whatever the change."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import as_given, count
from certify.report.glance.scales import shares
from certify.report.phrases.functionals import is_functional, meaning
from certify.report.phrases.functionals import label as label_words
from certify.report.phrases.moves import mover
from certify.report.phrases.network import alone
from certify.report.phrases.norms import WEIGHT_NORMS
from certify.report.phrases.words import OPENING
from certify.report.quantities import last_layer
from certify.report.quantities.quantity import Quantity, Terms
from certify.report.statements import Phrase, Rows, say


def _of_fits(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """What every network within the distance says of the evaluation rows: no limit, a change as large as it is."""
    still = "" if problem.layer == "all" else ", all other layers as they are"
    n, kept, reach = problem.evaluation_rows or 0, int(claim.lower or 0), claim.witness.reach
    if reach is None:
        template = (f"no bound was proved on how far the nearest exact fit{alone(problem)} lies from these weights, "
                    "and so nothing on the labels of the {rows} evaluation rows.")
    else:
        template = (f"a network that fits the changed data exactly{alone(problem)} exists within {{reach}} of these "
                    f"weights{WEIGHT_NORMS[problem.weight_norm].measure}. ")
        template += ("That network, every other fit within this distance, and indeed every network within it{still}, "
                     "gives {kept} of the {rows} evaluation rows the label that these weights give{label}. Of the "
                     "others nothing was proved; of exact fits further away nothing is said." if kept else
                     "For no label of the {rows} evaluation rows{label} it is proved that all networks within this "
                     "distance give it.")
    if kept == n:
        template = template.replace("Of the others nothing was proved; of exact", "Of exact")
    # R exactly: rounded up it would not suit the labels, rounded down not the fit
    return say("{start} {mover}, " + template, start=OPENING[claim.rigour], mover=mover(problem), kept=count(kept),
               still=still, label=label_words(problem), rows=count(n),
               reach="" if reach is None else as_given(reach))


def _terms(problem: Problem) -> Terms:
    return [("what of a functional is counted" if is_functional(problem) else "label of an evaluation row",
             meaning(problem))]


def _facts(problem: Problem) -> Terms:
    return [] if is_functional(problem) else [("label of a row", meaning(problem))]


STABLE_PREDICTIONS = Quantity(
    "stable_predictions", "Labels of the evaluation rows that stay", _of_fits,
    by_theorem={"Q6": last_layer.stable_sentence, "D1": last_layer.chosen_sentence},
    at_size="The count of labels that stay", sized=True, nearest=True, evaluated=True, terms=_terms, facts=_facts,
    functional="Functionals that stay on their side",
    wonders="how many evaluation rows keep today’s label", scale=shares,
)
