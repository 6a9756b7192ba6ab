"""What a problem has beside a plain question: a graph, other files, units of features, weights and kinds of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from certify.check.reading.arrays import Array
from certify.check.reading.spec import Spec
from certify.check.reading.subject import Problem, named
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid


def network(spec: Spec, arrays: dict[str, Array], others: Mapping[str, bytes | None]) -> tuple[Spec, Any]:
    """The graph where there is one, and the spec with its shape; raises `Invalid` for a file too few or too many."""
    for role, key, file in (("graph", "model.graph", spec.graph), ("reference", "weights.reference", spec.reference),
                            ("evaluation", "evaluation.file", spec.evaluation)):
        if (others[role] is None) != (file is None):
            raise Invalid(f"subject.{role}", "it is missing" if others[role] is None else "it is there",
                          f"the spec's {key} is {show(file)}")
    if others["change"] is not None and spec.change is None:
        raise Invalid("subject.change", "it is there", "the spec names no change")
    net = None if others["graph"] is None else _part("graph").read_graph(others["graph"], arrays)
    return (spec if net is None else _part("sections.graph").graph_spec(spec, net)), net


def completed(problem: Problem, spec: Spec, others: Mapping[str, bytes | None], data: bytes) -> Problem:
    """The problem with what other files, and more of the data file, say of it."""
    names, rows, found = problem.names or (), {role: others[role] for role in ("reference", "evaluation")}, Json()
    if spec.columns is not None or spec.scale is not None:
        found["scale"] = _part("optional.columns").units(spec, names)
    if spec.change is not None:
        first = {row: group[0] for group in problem.groups for row in group if row not in problem.kept}
        listed = [*range(len(problem.features))] if isinstance(spec.rows, str) else [*spec.rows]
        found["change"] = _part("optional.change").read_change(spec, others["change"], listed, first)
    if any(there is not None for there in rows.values()):
        found |= _part("optional.more_rows").read(spec, rows, names, named)
    if spec.functionals is not None:
        found |= _part("optional.functionals").read(spec, others["evaluation"], names)
    if spec.kind is not None:
        file = named("data", spec.data)
        found["kind"] = _part("optional.row_kind").placed(spec, data, file, len(problem.features))
    if spec.row_weights is not None or spec.class_weight is not None:
        found["row_weights"] = _part("optional.row_weights").read(spec, data, problem)
    problem = replace(problem, **found)
    last = problem.graph is not None and spec.layer != "all"
    return _part("optional.last_node").of_last(problem, problem.graph) if last else problem


def described(problem: Problem, spec: Spec, network: Json) -> Json:
    """The members that say so in a certificate, with those of the network where that is no graph."""
    if problem.graph is not None:
        network = {"graph": {"shape": list(problem.graph.shape), "operations": problem.graph.operations}}
    if problem.reference:
        network |= {"tau": problem.tau, "reference_rows": len(problem.reference)}
    more = {"evaluation_rows": len(problem.evaluation) or None, "threshold": spec.threshold, "window": spec.window,
            "direction": spec.direction, "bias_decay": None if spec.bias_decay else False,
            "functionals": problem.functionals and problem.functionals.described,
            "class_weight": list(spec.class_weight) if isinstance(spec.class_weight, tuple) else spec.class_weight,
            "normalization": None if spec.normalization == "fixed" else spec.normalization, "about": spec.about,
            "row_weights": spec.row_weights and _part("optional.row_weights").stated(spec, problem.row_weights)}
    network |= {key: value for key, value in more.items() if value is not None}
    return network if problem.kind is None else network | _part("optional.row_kind").described(problem.kind)


def _part(name: str) -> Any:
    """What only some of these problems need, loaded for them alone."""
    return import_module(f"certify.check.reading.{name}")
