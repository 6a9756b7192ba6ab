"""What a problem has beside a plain question: a graph, other files, units of features, weights and kinds of rows."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from certify.check.reading.sections.graph import graph_spec
from certify.check.reading.subject import named
from certify.check.words.solutions import NEARBY
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.arrays import Array
    from certify.check.reading.data import Data
    from certify.check.reading.graph import Graph
    from certify.check.reading.spec import Spec
    from certify.check.reading.subject import Problem

Others = Mapping[str, bytes | None]
"""The bytes of the other files by role, None where there is none."""


def network(spec: Spec, arrays: dict[str, Array], others: Others) -> tuple[Spec, Graph | None]:
    """The graph where there is one, and the spec with its shape; raises `Invalid` for a file too few or too many."""
    for role, key, file in (("graph", "model.graph", spec.graph), ("reference", "weights.reference", spec.reference),
                            ("evaluation", "evaluation.file", spec.evaluation)):
        if (others[role] is None) != (file is None):
            raise Invalid(f"subject.{role}", "it is missing" if others[role] is None else "it is there",
                          f"the spec's {key} is {show(file)}")
    net = None if others["graph"] is None else _part("graph").read_graph(others["graph"], arrays)
    if others["change"] is not None and spec.change is None:
        raise Invalid("subject.change", "it is there", "the spec names no change")
    return (spec if net is None else graph_spec(spec, net)), net


def members(
    spec: Spec, others: Others, read: tuple[bytes, Data], listed: list[int], first: dict[int, int],
) -> Json:
    """Members of the problem; of the data file its bytes and what was `read` of them.

    `first` is the row that each merged row counts as; raises `Invalid` where that has other targets.
    """
    (data, table), evaluation = read, others["evaluation"]
    if NEARBY[spec.base] and table.targets is not None:
        for row, of in first.items():
            if table.targets[row] != table.targets[of]:
                raise Invalid("problem.merge_duplicates", f"rows {of} and {row} have equal features",
                              "with base nearby merged rows need equal targets")
    found: Json = {
        "scale": None if spec.columns is None and spec.scale is None else _part("optional.columns").units(
            spec, table.names),
        "change": None if spec.change is None else _part("optional.change").read_change(
            spec, others["change"], listed, first),
        "kind": spec.kind and _part("optional.row_kind").placed(spec, data, named("data", spec.data),
                                                                len(table.features)),
        "row_weights": None if spec.row_weights is None and spec.class_weight is None else _part(
            "optional.row_weights").read(spec, data, table)}
    if others["reference"] is not None or evaluation is not None:
        rows = {"reference": others["reference"], "evaluation": evaluation}
        found |= _part("optional.more_rows").read(spec, rows, table.names, named)
    if spec.functionals is not None:
        found |= _part("optional.functionals").read(spec, evaluation, table.names)
    return found


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
