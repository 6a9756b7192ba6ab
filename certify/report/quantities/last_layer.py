"""Sentences on the one solution of a strongly convex last layer (Q6): no limit, changes as large as they are."""

from __future__ import annotations

from certify.certificate.schema import Claim, Problem
from certify.report.digits import count, lower_end, upper_end
from certify.report.phrases.changed_rows import changes_of
from certify.report.phrases.functionals import called, is_functional
from certify.report.phrases.functionals import kept as kept_of
from certify.report.phrases.functionals import label as label_words
from certify.report.phrases.moves import mover
from certify.report.phrases.network import named_layer
from certify.report.phrases.words import OPENING
from certify.report.quantities.quantity import DIGITS
from certify.report.statements import Phrase, Rows, say


def distance_sentence(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """How far the solution moves."""
    one, low = _one(problem), claim.lower
    if claim.upper is None and not low:
        template = f"no bound was proved on how far {one} lies from today’s."
    elif claim.upper is None:
        template = f"{one} may move by at least {{lower}}: one such change is proved to move it so far. How far any "
        template += "of them moves it at most was not proved."
    elif low:
        template = f"{one} lies within {{upper}} of today’s, and one such change is proved to move it by at least "
        template += "{lower}."
    else:
        template = f"{one} lies within {{upper}} of today’s. That it moves at all was not proved."
    return _said(template, claim, problem)


def stable_sentence(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """How many labels it keeps."""
    kept = int(claim.lower or 0)
    template = f"{_one(problem)} gives {{kept}} of the {{rows}} evaluation rows the label that the weights in the file "
    template += "give today{label}. Of the others nothing was proved."
    template = template if kept else "no label of the {rows} evaluation rows{label} is proved to stay."
    label = label_words(problem)
    return say("{start} {mover}, " + template, start=OPENING[claim.rigour], mover=mover(problem), kept=count(kept),
               label=label, rows=count(problem.evaluation_rows or 0))


def chosen_sentence(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """How many labels it keeps whichever rows change, and how many some choice of them flips (D1)."""
    n, kept = problem.evaluation_rows or 0, int(claim.lower or 0)
    flipped = 0 if claim.upper is None else n - int(claim.upper)
    template = f"{_one(problem)} gives {{kept}} of the {{rows}} evaluation rows the label that the weights in the file "
    template += "give today{label}."
    template = template if kept else "no label of the {rows} evaluation rows{label} is proved to stay."
    changes = changes_of(claim) if problem.fresh is None else []
    already = sum(not change for change in changes)
    get = "gets" if flipped == 1 else "get"
    template += f" {{flipped}} {get} another label after some such choice of rows, proved" if flipped else ""
    template += ", {already} of them with no change at all, by training to the end on today’s data" if already else ""
    template += "." if flipped else ""
    template += " Of the others nothing was proved." if kept and kept + flipped < n else ""
    if is_functional(problem):
        for ours, theirs in (("evaluation rows", called(problem).many), ("label", kept_of(problem))):
            template = template.replace("{label}", "").replace(ours, theirs)
    label = label_words(problem)
    return say("{start} {mover}, " + template, start=OPENING[claim.rigour], mover=mover(problem), kept=count(kept),
               flipped=count(flipped), already=count(already), label=label, rows=count(n))


def change_sentence(claim: Claim, problem: Problem, _: Rows | None) -> Phrase:
    """How far it moves the outputs at the evaluation rows."""
    template = f"{_one(problem)} changes the outputs at every one of the {{rows}} evaluation rows by at most {{upper}}"
    template = template if claim.upper is not None else (
        "no bound was proved on how far the outputs at the {rows} evaluation rows change at most")
    template += ", and one such change is proved to change them at one row by at least {lower}." if claim.lower else "."
    if problem.outputs > 1:
        template += f" The {problem.outputs} outputs of a row are taken together: the root of the sum of the squares."
    if is_functional(problem):
        many = called(problem).many
        for ours, theirs in (("the outputs at every one of the {rows} evaluation rows", f"each of the {{rows}} {many}"),
                             ("the outputs at the {rows} evaluation rows", f"the {{rows}} {many}"),
                             ("change them at one row", "change one of them")):
            template = template.replace(ours, theirs)
    return _said(template, claim, problem)


def _one(problem: Problem) -> str:
    whole = "the one solution for the changed data"
    return whole if problem.layer == "all" else f"the one solution of {named_layer(problem)} for the changed data"


def _said(template: str, claim: Claim, problem: Problem) -> Phrase:
    return say("{start} {mover}, " + template, start=OPENING[claim.rigour], mover=mover(problem),
               rows=count(problem.evaluation_rows or 0), lower=lower_end(claim.lower, DIGITS) if claim.lower else "",
               upper="" if claim.upper is None else upper_end(claim.upper, DIGITS))
