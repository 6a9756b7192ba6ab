"""Read a spec strictly, independently of the rest of `certify`: keys and words this checker knows, no others.

A key that would change the meaning of a claim and that this checker does not know is a refusal, never ignored.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from importlib import import_module

from certify.check.reading.certificate import RANGES
from certify.check.reading.numbers import is_number
from certify.format.canonical import Json, kind, show
from certify.format.refusal import Invalid

Demand = tuple[bool, str, object, str]
"""What words go together: whether that is wrong, where, what is stated, what is needed."""

_WORDS = {
    "model.activation": ("relu", "leaky_relu", "elu", "tanh", "sigmoid", "softplus", "gelu", "silu", "identity"),
    "training.loss": ("squared", "cross_entropy", "logistic", "one_vs_rest", "squared_hinge", "huber", "poisson",
                      "gamma"), "training.normalization": ("fixed", "remaining"),
    "solution.map": ("interpolation", "critical", "sublevel"), "solution.base": ("given", "nearby"),
    "weights.norm": ("euclidean", "relative", "function"),
    "perturbation.parameter": ("features", "targets", "sample_weights", "labels", "deletions"),
    "perturbation.set": ("total", "per_sample", "sparse", "given"),
    "run.arithmetic": ("float", "exact"),
    "gate.quantity": ("modulus", "sample_modulus", "first_order_distance", "distance", "aubin", "persistence_radius",
                      "stable_predictions", "correct_predictions", "tolerated_changes", "functional",
                      "prediction_change", "first_order_prediction_change", "excess", "hausdorff"),
    "gate.rigour": ("proved", "conditional", "estimated"),
    "gate.severity": ("fail", "warn"),
}
_KEYS = {
    "model": ("file", "widths", "activation", "graph"),
    "data": ("file", "features", "targets", "weights"),
    "training": ("loss", "weight_decay", "bias_decay", "normalization", "class_weight"),
    "solution": ("map", "base", "layer", "level", "within"),
    "weights": ("norm", "reference", "tau"),
    "perturbation": ("parameter", "rows", "columns", "scale", "set", "norm", "radius", "count", "direction", "file",
                     "array", "relative", "groups", "relabelled", "pairs", "fresh", "box"),
    "aubin": ("radius_u", "radius_w"),
    "window": ("radius",),
    "evaluation": ("file", "features", "targets", "threshold", "intercept", "coefficients"),
    "run": ("arithmetic", "time_limit", "memory_limit"),
    "about": ("names", "labels", "behind", "model", "data", "evaluation"),
    "gate": ("quantity", "max", "min", "max_increase", "max_decrease", "rigour", "severity", "rationale"),
}
PARTS = ("maps", "finite", "aubin", "window", "perturbation", "evaluation", "whole_rows", "graph", "functionals")
"""What a plain question leaves out: a module of `sections` each, in the order in which they are asked."""
WORDS_OF_PARTS = {
    "distance": ("finite", "perturbation"), "stable_predictions": ("finite", "perturbation", "evaluation"),
    "correct_predictions": ("finite", "perturbation", "evaluation", "whole_rows"),
    "tolerated_changes": ("finite", "perturbation", "evaluation", "whole_rows"),
    "functional": ("finite", "perturbation", "evaluation", "whole_rows", "functionals"),
    "prediction_change": ("evaluation",), "first_order_prediction_change": ("perturbation", "evaluation"),
    "first_order_distance": ("perturbation",), "aubin": ("aubin",), "excess": ("window",), "hausdorff": ("window",),
    "persistence_radius": ("maps",), "sparse": ("perturbation",), "given": ("perturbation",),
    "critical": ("maps", "evaluation"), "sublevel": ("maps",), "sample_weights": ("maps",), "function": ("weights",),
    "labels": ("evaluation", "whole_rows"), "deletions": ("perturbation", "evaluation", "whole_rows"),
    **dict.fromkeys(("one_vs_rest", "squared_hinge", "huber", "poisson", "gamma", "balanced"), ("whole_rows",)),
}
"""The parts that say what a quantity, a set, a map, a parameter or a norm goes with; no other word needs one."""
IMPLIED = {"deletions": "sparse"}  # the set that a parameter means without saying so
LARGEST, DOTS = 2**23, 200
"""Bytes of a spec, and dots between two commas of a line of it, at most."""
SET_KEYS = ("norm", "count", "direction", "file", "array")
KIND_KEYS = ("groups", "relabelled", "pairs", "fresh", "box", "relative")


@dataclass(frozen=True)
class Gate:
    """A threshold: `quantity ≤ value` (side `max`) or `quantity ≥ value` (side `min`); side "": over time alone."""

    quantity: str
    side: str
    value: float
    rigour: str = "proved"
    severity: str = "fail"
    rationale: str | None = None
    over_time: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        return f"{self.quantity} {'≤' if self.side == 'max' else '≥'} {self.value!r}"


@dataclass(frozen=True)
class Spec:
    """What a spec says, as far as this checker acts on it, in the words of the spec.

    Attributes:
        features: name of the array of features, or names of columns; None for the only other array, or all others.
        rows: `"all"`, or the listed rows in the order of the spec.
        bias_decay, kind: whether the decay counts biases too; which change is meant, if not of any rows, one by one.
        normalization: `fixed`, or `remaining` where the losses are divided by the number of rows that are left.
        level, threshold: of the sublevel map (None: the loss at the given weights); of the labels of one output.
        change: name of the file with the one change (`given`), `array` that of its array (None: the only one).
        aubin: whether there is a section `[aubin]`; its radii are None for the best found.
        functionals: name of what multiplies the intercept in each evaluation row, or columns of single weights.
        evaluation_features, evaluation_targets: as `features`, `targets`, of that file; None for those of the data.
        row_weights, class_weight, about: weights of rows (None: all 1), of labels; what is told untrusted.
        graph: name of the graph file; widths and shape, that of one row, are then known with the graph.
    """

    widths: tuple[int, ...]
    activation: str
    features: str | tuple[str, ...] | None
    targets: str | None
    loss: str
    layer: str | int
    parameter: str
    rows: str | tuple[int, ...]
    gates: tuple[Gate, ...]
    model: str
    data: str
    map: str
    base: str
    level: float | None
    weight_decay: float
    set: str
    radius: float | None
    columns: tuple[int | str, ...] | None = None
    scale: dict[str, float] | None = None
    weight_norm: str = "euclidean"
    reference: str | None = None
    tau: float | None = None
    graph: str | None = None
    shape: tuple[int, ...] | None = None
    norm: int | str = 2
    count: int | None = None
    direction: str | None = None
    change: str | None = None
    array: str | None = None
    aubin: bool = False
    radius_u: float | None = None
    radius_w: float | None = None
    window: float | None = None
    evaluation: str | None = None
    evaluation_features: str | tuple[str, ...] | None = None
    evaluation_targets: str | None = None
    threshold: float | None = None
    functionals: Json | None = None
    within: float | None = None
    bias_decay: bool = True
    normalization: str = "fixed"
    kind: Json | None = None
    row_weights: str | None = None
    class_weight: str | tuple[float, ...] | None = None
    about: Json | None = None

    @property
    def flips(self) -> bool:
        """Whether class labels may change to others: all that is asked is the distance of critical points."""
        return bool(import_module("certify.check.reading.optional.flips").allowed(self))


def read_spec(data: bytes) -> Spec:
    """Parse the bytes of a spec."""
    # reading a key of so many parts takes the square of their number
    if len(data) > LARGEST or any(part.count(b".") > DOTS for line in data.split(b"\n") for part in line.split(b",")):
        raise Invalid("spec", f"it has {len(data)} bytes, or more than {DOTS} dots between two commas",
                      f"at most {LARGEST} bytes, and {DOTS} dots, are read")
    try:
        top = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Invalid("spec", "the bytes are not TOML", f"a TOML file is needed ({error})") from None
    if type(top.get("version")) is not int or top["version"] != 1:
        raise Invalid("spec, version", f"{show(top.get('version'))} is stated", "this checker knows version 1")
    for key in top:
        if key != "version" and key not in _KEYS:
            raise Invalid(f"spec, {show(key)}", "the section is there", f"this checker knows {', '.join(_KEYS)}")
    sections = {name: _section(top.get(name, {}), name) for name in _KEYS if name != "gate"}
    model, inputs, p = sections["model"], sections["data"], sections["perturbation"]
    graph = "graph" in model
    needed = [(model, "file"), (inputs, "file"), *([] if graph else [(model, "widths"), (model, "activation")])]
    for section, key in needed:
        if key not in section:
            raise Invalid("spec", f"{key} is missing", "model.file, .widths, .activation and data.file are needed")
    if graph and ("widths" in model or "activation" in model):
        raise Invalid("spec, model", "widths or activation are stated beside graph", "the graph alone says them")
    listed = inputs.get("features")
    if isinstance(listed, list) and listed and all(isinstance(name, str) for name in listed):
        inputs = inputs | {"features": listed[0]}
    for name in ("file", "features", "targets", "weights", "graph"):
        for section, where in ((model, "model"), (inputs, "data")):
            if name in section and not (isinstance(section[name], str) and section[name]):
                raise Invalid(f"spec, {where}.{name}", f"it is {kind(section[name])}", "a string is needed")
    training, solution = sections["training"], sections["solution"]
    level, radius, within = solution.get("level"), p.get("radius"), solution.get("within")
    for name, value, least in (("training.weight_decay", training.get("weight_decay", 0.0), 0.0),
                               ("perturbation.radius", 0.0 if radius is None else radius, 0.0),
                               ("solution.within", 1.0 if within is None else within, math.ulp(0.0)),
                               ("solution.level", 0.0 if level is None else level, -math.inf)):
        if not is_number(value, least):
            raise Invalid(f"spec, {name}", f"{show(value)} is stated", "a finite number in its range is needed")
    if "run" in top:
        import_module("certify.check.reading.sections.run").check_limits(sections["run"])
    widths = () if graph else _whole_numbers(model["widths"], "spec, model.widths", least=1)
    if len(widths) < 2 and not graph:
        raise Invalid("spec, model.widths", f"{show(list(widths))} is stated", "two widths or more are needed")
    spec = Spec(
        widths=widths, activation="" if graph else _word(model, "model", "activation"),
        features=tuple(listed) if isinstance(listed, list) else listed, row_weights=inputs.get("weights"),
        targets=inputs.get("targets"), loss=_word(training, "training", "loss", "squared"),
        layer=_layer(solution.get("layer", "all"), range(1, len(widths)) or ("last",)),
        parameter=_word(p, "perturbation", "parameter", "features"), rows=_rows(p.get("rows", "all")),
        gates=_gates(top.get("gate", [])), model=model["file"], data=inputs["file"],
        map=_word(solution, "solution", "map", "interpolation"), base=_word(solution, "solution", "base", "given"),
        level=None if level is None else float(level), weight_decay=float(training.get("weight_decay", 0.0)),
        within=None if within is None else float(within),
        set=_word(p, "perturbation", "set", IMPLIED.get(p.get("parameter", ""), "total")),
        radius=None if radius is None else float(radius),
        graph=model.get("graph"), weight_norm=_word(sections["weights"], "weights", "norm", "euclidean"),
        **_parts(sections, top),
    )
    check_consistent(spec)
    return spec


def _parts(sections: dict[str, Json], top: Json) -> Json:
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
        "maps": spec.base != "given" or any(
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


def _section(value: object, name: str) -> Json:
    """A section whose keys are known and whose words are among the known ones."""
    if not isinstance(value, dict):
        raise Invalid(f"spec, {name}", f"it is {kind(value)}", "a table is needed")
    for key in value:
        if key not in _KEYS[name]:
            raise Invalid(f"spec, {name}.{show(key)}", "the key is there",
                          f"this checker knows {', '.join(_KEYS[name])}")
        if f"{name}.{key}" in _WORDS:
            _word(value, name, key)
    return value


def _word(section: Json, name: str, key: str, default: str | None = None) -> str:
    value, known = section.get(key, default), _WORDS[f"{name}.{key}"]
    if not isinstance(value, str) or value not in known:
        raise Invalid(f"spec, {name}.{key}", f"{show(value)} is stated", f"this checker knows {', '.join(known)}")
    return value


def _whole_numbers(value: object, where: str, least: int) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or any(type(v) is not int or v < least for v in value):
        raise Invalid(where, f"{show(value)} is stated", f"a list of whole numbers from {least} on is needed")
    return tuple(value)


def _rows(value: object) -> str | tuple[int, ...]:
    if value == "all":
        return "all"
    rows = _whole_numbers(value, "spec, perturbation.rows", least=0)
    if len(set(rows)) != len(rows):
        raise Invalid("spec, perturbation.rows", f"{show(list(rows))} is stated", "each row may be listed once")
    return rows


def _layer(value: object, known: range | tuple[str, ...]) -> str | int:
    if value == "all":
        return "all"
    if not isinstance(value, str | int) or isinstance(value, bool) or value not in known:
        raise Invalid("spec, solution.layer", f"{show(value)} is stated", f'"all" or one of {show([*known])} is needed')
    return value


def check_promise(gate: Gate, where: str) -> None:
    """Refuse a gate that every outcome meets, since no quantity is below 0."""
    if gate.side == "min" and gate.value <= 0 and not RANGES[gate.quantity]:
        raise Invalid(where, f"{gate} is asked", "every outcome meets it, which is an empty promise; a min above 0 is "
                      "needed")


def _gates(value: object) -> tuple[Gate, ...]:
    if not isinstance(value, list):
        raise Invalid("spec, gate", f"it is {kind(value)}", "a list of tables is needed")
    gates = []
    for number, entry in enumerate(value, 1):
        gate = _section(entry, "gate")
        over = tuple((key, gate[key]) for key in ("max_increase", "max_decrease") if key in gate)
        sides: list[str] = [side for side in ("max", "min") if side in gate] or [""] * len(over)
        if len(sides) != 1 or not is_number(gate.get(sides[0], 0)):
            raise Invalid(f"spec, gate {number}", f"{show(gate)} is stated", "one finite max or min is needed")
        rationale = gate.get("rationale")
        if rationale is not None and not isinstance(rationale, str):
            raise Invalid(f"spec, gate {number}", f"its rationale is {kind(rationale)}", "a string is needed")
        gates.append(Gate(
            quantity=_word(gate, "gate", "quantity"), side=sides[0], value=float(gate.get(sides[0], 0)),
            rigour=_word(gate, "gate", "rigour", "proved"), severity=_word(gate, "gate", "severity", "fail"),
            rationale=rationale, over_time=over,
        ))
        check_promise(gates[-1], f"spec, gate {number}")
    return tuple(gates)
