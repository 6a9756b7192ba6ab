"""The problem that was examined: network, data, what may move and what may adjust."""

from __future__ import annotations

from collections.abc import Mapping

from certify.certificate.schema import Certificate, Problem
from certify.problem.fit import recorded
from certify.report.digits import as_given, count
from certify.report.maps import MAPS
from certify.report.phrases.functionals import called, is_functional
from certify.report.phrases.listing import LISTED, labelled, listing, named, units
from certify.report.phrases.moves import size_of_move, what_moves
from certify.report.phrases.network import adjusting, network
from certify.report.phrases.norms import WEIGHT_NORMS
from certify.report.quantities import rows_of
from certify.report.quantities.quantity import Quantity
from certify.report.section import Section
from certify.report.statements import Entry, prose, say


def _build(opened: Certificate) -> tuple[Entry, ...]:
    asked = rows_of({claim.quantity for claim in opened.claims})
    return _facts(opened.problem, asked) + _fit(opened.environment)


def _facts(problem: Problem, asked: list[Quantity]) -> tuple[Entry, ...]:
    outputs = f"{count(problem.outputs)} output{'s' * (problem.outputs != 1)}"
    facts = [
        ("network", network(problem)),
        ("training data", f"{count(problem.n)} rows, {count(problem.inputs)} features and {outputs} each"),
        ("features", named(problem)),
        ("labels", labelled(problem)),
        ("what may move", what_moves(problem)),
        ("size of a move δ", size_of_move(problem)),
        ("units of the features", units(problem)),
        ("what may adjust", adjusting(problem)),
        *MAPS[problem.map].facts(problem),
        ("distance between weights", WEIGHT_NORMS[problem.weight_norm].name),
        *([] if problem.window is None else [("window", f"the ball of radius {as_given(problem.window).text} around "
                                              "the given weights")]),
        *_reference_facts(problem),
        *_evaluated(problem),
        *(line for row in asked for line in row.facts(problem)),
    ]
    if problem.groups:
        listed = "; ".join(listing(group) for group in problem.groups[:LISTED])
        more = f" and {len(problem.groups) - LISTED} more groups" if len(problem.groups) > LISTED else ""
        treated = "each group treated as one row" if problem.merge_duplicates else "treated as separate rows"
        facts.append(("equal rows", f"{listed}{more}; {treated}"))
    elif problem.merge_duplicates:
        facts.append(("equal rows", "none found"))
    return tuple(Entry(term, say("{t}", t=text)) for term, text in facts if text)


def _evaluated(problem: Problem) -> list[tuple[str, str]]:
    """The evaluation rows: how many, or which weights, where they are functionals of these."""
    if not problem.evaluation_rows:
        return []
    if not is_functional(problem):
        return [("evaluation rows", count(problem.evaluation_rows))]
    names = called(problem).names
    if not names:
        return [("functionals", f"{count(problem.evaluation_rows)} rows of the evaluation file, each with what "
                 "multiplies the intercept")]
    more = f" and {count(len(names) - LISTED)} others" if len(names) > LISTED else ""
    return [("coefficients", f"the weights of {', '.join(names[:LISTED])}{more}")]


def _reference_facts(problem: Problem) -> list[tuple[str, str]]:
    """Reference rows and τ of the function norm."""
    if problem.tau is None or problem.reference_rows is None:
        return []
    return [("reference rows", count(problem.reference_rows)), ("τ", as_given(problem.tau).text)]


def _fit(environment: Mapping[str, object]) -> tuple[Entry, ...]:
    """How well the network as understood fits its data, where the certificate keeps it."""
    found = recorded(environment.get("fit"))
    if found is None:
        return ()
    text = f"{found.sentence()} Plain floating point, no part of any claim; what `certify check` does not look at."
    return (Entry("today’s fit", say("{t}", t=prose(text))),)


SECTION = Section("problem", "The problem", _build)
