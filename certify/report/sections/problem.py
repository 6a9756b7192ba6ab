"""The problem that was examined: network, data, what may move and what may adjust."""

from __future__ import annotations

from collections.abc import Mapping

from certify.certificate.schema import Certificate, Problem
from certify.format.labels import QUANTITY as LABELS
from certify.format.labels import label_meaning
from certify.prove.fit import recorded
from certify.report import words
from certify.report.digits import as_given, count
from certify.report.moves import LISTED, listing, size_of_move, units, what_moves
from certify.report.network import adjusting, network
from certify.report.section import Section
from certify.report.sections import critical
from certify.report.statements import Entry, prose, say


def _build(opened: Certificate) -> tuple[Entry, ...]:
    labels = any(claim.quantity == LABELS for claim in opened.claims)
    return _facts(opened.problem, labels) + _fit(opened.environment)


def _facts(problem: Problem, labels: bool) -> tuple[Entry, ...]:
    outputs = f"{count(problem.outputs)} output{'s' * (problem.outputs != 1)}"
    facts = [
        ("network", network(problem)),
        ("training data", f"{count(problem.n)} rows, {count(problem.inputs)} features and {outputs} each"),
        ("what may move", what_moves(problem)),
        ("size of a move δ", size_of_move(problem)),
        ("units of the features", units(problem)),
        ("what may adjust", adjusting(problem)),
        *_map_facts(problem),
        ("distance between weights", words.WEIGHT_NORMS[problem.weight_norm]),
        *([] if problem.window is None else [("window", f"the ball of radius {as_given(problem.window).text} around "
                                              "the given weights")]),
        *_reference_facts(problem),
        *([("evaluation rows", count(problem.evaluation_rows))] if problem.evaluation_rows else []),
        *([("label of a row", label_meaning(problem.outputs, problem.threshold))] if labels else []),
    ]
    if problem.groups:
        listed = "; ".join(listing(group) for group in problem.groups[:LISTED])
        more = f" and {len(problem.groups) - LISTED} more groups" if len(problem.groups) > LISTED else ""
        treated = "each group treated as one row" if problem.merge_duplicates else "treated as separate rows"
        facts.append(("equal rows", f"{listed}{more}; {treated}"))
    elif problem.merge_duplicates:
        facts.append(("equal rows", "none found"))
    return tuple(Entry(term, say("{t}", t=text)) for term, text in facts if text)


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


def _map_facts(problem: Problem) -> list[tuple[str, str]]:
    """The solution map, and what defines it."""
    parameters = f"in {count(problem.parameters)} parameters"
    if problem.map == "critical":
        return critical.facts(problem)
    if problem.map == "interpolation":
        return [
            ("equations", f"{count(problem.equations)} (rows × outputs), {parameters}"),
            ("solution map", f"{problem.map}, base {problem.base}"),
        ]
    level = "the training loss of the given weights" if problem.level is None else as_given(problem.level).text
    return [
        ("solution map", f"{problem.map}: one inequality, training loss ≤ level, {parameters}"),
        ("level", level),
        ("loss of a row", f"{problem.loss.replace('_', '-')}: {words.LOSSES[problem.loss]}"),
        ("weight decay", as_given(problem.weight_decay).text if problem.weight_decay else "none"),
    ]


SECTION = Section("problem", "The problem", _build)
