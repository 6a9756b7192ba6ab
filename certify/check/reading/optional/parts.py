"""What a spec says beside a plain question: its other keys, what reads each of them, and what their words go with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module

from certify.check.reading.numbers import is_number
from certify.check.reading.spec import KEYS, Spec, are_plain, require_name, section
from certify.check.words.losses import OF_HEADS
from certify.check.words.solutions import NEARBY
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

Demand = tuple[bool, str, object, str]
"""What words go together: whether that is wrong, where, what is stated, what is needed."""

IMPLIED = {"deletions": "sparse"}  # the set that a parameter means without saying so
SIZES = ("level", "within", "radius", "count", "radius_u", "radius_w")
"""Numbers that a problem has from its spec alone, as it has the norm."""
SET_KEYS = ("norm", "count", "direction", "file", "array")
KIND_KEYS = ("groups", "relabelled", "pairs", "fresh", "box", "relative")
MORE = {
    "model": ("graph",), "data": ("weights",), "training": ("bias_decay", "normalization", "class_weight"),
    "solution": ("level", "within"), "weights": ("reference", "tau"),
    "perturbation": ("columns", "scale", "radius", *SET_KEYS, *KIND_KEYS), "aubin": ("radius_u", "radius_w"),
    "window": ("radius",),
    "evaluation": ("file", "features", "targets", "threshold", "intercept", "coefficients"),
    "run": ("arithmetic", "time_limit", "memory_limit"),
    "about": ("names", "labels", "behind", "model", "data", "evaluation"), "gate": ("max_increase", "max_decrease"),
}
"""Keys beside those of `spec.KEYS`, by section."""
PARTS = ("maps", "finite", "aubin", "window", "perturbation", "evaluation", "whole_rows", "graph", "functionals")
"""What a plain question leaves out: a module of `sections` each, in the order in which they are asked."""
WORDS_OF_PARTS = {
    "distance": ("finite", "perturbation"), "stable_predictions": ("finite", "perturbation", "evaluation"),
    "correct_predictions": ("finite", "perturbation", "evaluation", "whole_rows"),
    "tolerated_changes": ("finite", "perturbation", "evaluation", "whole_rows"),
    "functional": ("finite", "perturbation", "evaluation", "whole_rows", "functionals"), "hausdorff": ("window",),
    "first_order_prediction_change": ("perturbation", "evaluation"), "first_order_distance": ("perturbation",),
    "function": ("weights",), "excess": ("window",), "sparse": ("perturbation",), "sample_weights": ("maps",),
    "prediction_change": ("evaluation",), "given": ("perturbation",), "labels": ("evaluation", "whole_rows"),
    "sublevel": ("maps",), "persistence_radius": ("maps",), "deletions": ("perturbation", "evaluation", "whole_rows"),
    "aubin": ("aubin",), "critical": ("maps", "evaluation"), **dict.fromkeys((*OF_HEADS, "balanced"), ("whole_rows",)),
}
"""The parts that say what a quantity, a set, a map, a parameter or a norm goes with; no other word needs one."""


def check_keys(name: str, there: Iterable[str]) -> None:
    """Every key of a section, or every section, is one that there is; raises `Invalid`."""
    known = (*KEYS.get(name, ()), *MORE[name]) if name else tuple(dict.fromkeys((*KEYS, *MORE)))
    for key in there:
        if key not in known and (name or key != "version"):
            raise Invalid(f"spec, {name}.{show(key)}" if name else f"spec, {show(key)}",
                          f"the {'key' if name else 'section'} is there", f"this checker knows {', '.join(known)}")


def completed(spec: Spec, top: Json, sections: dict[str, Json]) -> Spec:
    """The spec with what its other parts say; raises `Invalid` where they, or words, do not go together."""
    others = {name: section(top[name], name) for name in top if name in MORE and name not in KEYS}
    for name, there in others.items():
        are_plain(name, there, ())
    model, inputs = sections["model"], sections["data"]
    if "graph" in model and ("widths" in model or "activation" in model):
        raise Invalid("spec, model", "widths or activation are stated beside graph", "the graph alone says them")
    for part, where, name in ((model, "model", "graph"), (inputs, "data", "weights")):
        if name in part:
            require_name(part[name], f"spec, {where}.{name}")
    numbers: Json = {}
    for where, name, least in (("perturbation", "radius", 0.0), ("solution", "within", math.ulp(0.0)),
                               ("solution", "level", -math.inf)):
        if name in sections[where]:
            if not is_number(value := sections[where][name], least):
                raise Invalid(f"spec, {where}.{name}", f"{show(value)} is stated",
                              "a finite number in its range is needed")
            numbers[name] = float(value)
    if "run" in others:
        import_module("certify.check.reading.sections.run").check_limits(others["run"])
    if "set" not in sections["perturbation"]:
        spec = replace(spec, set=IMPLIED.get(spec.parameter, spec.set))
    whole = replace(spec, graph=model.get("graph"), row_weights=inputs.get("weights"), **numbers,
                    **_read(sections | others, top))
    check_consistent(whole)
    unsized: Json = dict.fromkeys(SIZES)
    return replace(whole, plain=replace(whole, norm=2, aubin=False, **unsized) == spec)


def _read(sections: dict[str, Json], top: Json) -> Json:
    """What the parts that stand in the spec say."""
    p, weights = sections["perturbation"], sections["weights"]
    there = {
        **{name: name in top for name in ("window", "aubin", "about")},
        "evaluation": "evaluation" in top and "coefficients" not in sections["evaluation"],
        "perturbation": not p.keys().isdisjoint(SET_KEYS), "whole_rows": not p.keys().isdisjoint(KIND_KEYS),
        "weights": bool(weights.keys() - {"norm"}) or weights.get("norm") in WORDS_OF_PARTS,
        "training": bool(sections["training"].keys() - {"loss", "weight_decay"}),
    }
    found: Json = {}
    if "columns" in p or "scale" in p:
        part = import_module("certify.check.reading.optional.columns")
        found = {"columns": part.columns(p.get("columns")), "scale": part.scale(p.get("scale"))}
    if not sections.get("evaluation", {}).keys().isdisjoint(("intercept", "coefficients")):
        found |= import_module("certify.check.reading.sections.functionals").read(sections["evaluation"])
    for name in (name for name, stands in there.items() if stands):
        found |= import_module(f"certify.check.reading.sections.{name}").read(sections.get(name, p))
    return found


def parts(spec: Spec, quantities: set[str]) -> tuple[str, ...]:
    """The parts of which a demand could be broken; what the others demand cannot be."""
    words = (*quantities, spec.map, spec.set, spec.parameter, spec.loss, "balanced" if spec.class_weight else "")
    asked = {part for word in words for part in WORDS_OF_PARTS.get(word, ())}
    there = {
        "maps": NEARBY[spec.base] or any(
            key is not None for key in (spec.level, spec.within, spec.columns, spec.scale)),
        "aubin": spec.aubin, "window": spec.window is not None, "graph": spec.graph is not None,
        "perturbation": spec.norm != 2 or any(key is not None for key in (spec.count, spec.change, spec.array)),
        "evaluation": (spec.evaluation or spec.functionals or spec.direction) is not None,
        "whole_rows": not spec.bias_decay or spec.normalization != "fixed" or bool(spec.kind or spec.row_weights),
        "functionals": spec.functionals is not None,
    }
    return tuple(name for name in PARTS if name in asked or there.get(name))


def check_consistent(spec: Spec) -> None:
    """What this version gives a meaning to, together."""
    quantities = {gate.quantity for gate in spec.gates}
    for name in parts(spec, quantities):
        demands: tuple[Demand, ...] = import_module(f"certify.check.reading.sections.{name}").demands(spec, quantities)
        for wrong, where, stated, needed in demands:
            if wrong:
                raise Invalid(f"spec, {where}", f"{show(stated)} is stated", f"{needed} is needed")
