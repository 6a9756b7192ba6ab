"""Which change of whole rows is meant: groups of rows, labels along pairs, two kinds at once, the listed rows."""

from __future__ import annotations

from certify.check.reading.numbers import is_number
from certify.check.reading.sections.demands import LABELS
from certify.check.reading.spec import Demand, Spec
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid


def read(p: Json) -> Json:
    """The keys, each of its type."""
    groups, relabelled, pairs = p.get("groups"), p.get("relabelled"), p.get("pairs", [])
    if groups is not None and (not isinstance(groups, str) or not groups):
        raise Invalid("spec, perturbation.groups", f"{show(groups)} is stated", "the name of an array is needed")
    if relabelled is not None and (type(relabelled) is not int or relabelled < 1):
        raise Invalid("spec, perturbation.relabelled", f"{show(relabelled)} is stated", "a whole number from 1 on")
    good = isinstance(pairs, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair)) for pair in pairs)
    if not good or ("pairs" in p and not pairs):
        raise Invalid("spec, perturbation.pairs", f"{show(pairs)} is stated", "a list of pairs of labels is needed")
    return {"groups": groups, "relabelled": relabelled, "pairs": tuple((float(a), float(b)) for a, b in pairs)}


def demands(spec: Spec, quantities: set[str]) -> tuple[Demand, ...]:
    """What they go with."""
    stated = [key for key in ("groups", "relabelled", "pairs") if getattr(spec, key)]
    listed = not isinstance(spec.rows, str)
    found: list[Demand] = [(
        spec.parameter == "deletions" and spec.set == "given" and not listed, "perturbation.rows", spec.rows,
        "a list of the rows that are left out, with set given")]
    for key in stated:
        parameters = {"groups": ("deletions", "labels"), "relabelled": ("deletions",), "pairs": ("labels",)}[key]
        where = f"perturbation.{key}"
        found += [
            (len(stated) > 1, where, stated, "one of them"),
            (spec.parameter not in parameters, where, spec.parameter, f"parameter {' or '.join(parameters)}"),
            (spec.set != "sparse", where, spec.set, "set sparse"),
            (bool(quantities - {LABELS}), where, sorted(quantities), f"gates on {LABELS} alone"),
            (key == "groups" and listed, where, "rows", "all rows, each in its group"),
        ]
    return tuple(found)
