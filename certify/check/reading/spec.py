"""Read a spec strictly, independently of the rest of `certify`: keys and words this checker knows, no others.

A key that would change the meaning of a claim and that this checker does not know is a refusal, never ignored.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, replace

from certify.check.reading.canonical import Json, kind, show
from certify.check.reading.label_rules import check_promise
from certify.check.reading.refusal import Invalid
from certify.check.reading.spec_parts import (
    FINITE,
    FIRST_ORDER,
    LABELS,
    columns,
    evaluation,
    head_rules,
    is_number,
    limits,
    perturbation_set,
    radii,
    scale,
    window,
)

_WORDS = {
    "model.activation": ("relu", "leaky_relu", "elu", "tanh", "sigmoid", "softplus", "gelu", "silu", "identity"),
    "training.loss": ("squared", "cross_entropy", "logistic"),
    "training.normalization": ("fixed", "remaining"),
    "solution.map": ("interpolation", "critical", "sublevel"),
    "solution.base": ("given", "nearby"),
    "weights.norm": ("euclidean", "relative", "function"),
    "perturbation.parameter": ("features", "targets", "sample_weights", "labels"),
    "perturbation.set": ("total", "per_sample", "sparse", "given"),
    "run.arithmetic": ("float", "exact"),
    "gate.quantity": ("modulus", "sample_modulus", "first_order_distance", "distance", "aubin", "persistence_radius",
                      "stable_predictions", "prediction_change", "first_order_prediction_change", "excess",
                      "hausdorff"),
    "gate.rigour": ("proved", "conditional", "estimated"),
    "gate.severity": ("fail", "warn"),
}
_KEYS = {
    "model": ("file", "widths", "activation", "graph"),
    "data": ("file", "features", "targets"),
    "training": ("loss", "weight_decay", "normalization"),
    "solution": ("map", "base", "layer", "level", "within"),
    "weights": ("norm", "reference", "tau"),
    "perturbation": ("parameter", "rows", "columns", "scale", "set", "norm", "radius", "count", "direction", "file",
                     "array"),
    "aubin": ("radius_u", "radius_w"),
    "window": ("radius",),
    "evaluation": ("file", "features", "targets", "threshold"),
    "run": ("arithmetic", "time_limit", "memory_limit"),
    "gate": ("quantity", "max", "min", "rigour", "severity", "rationale"),
}


DEFAULT_TAU = 2.0**-10
"""τ of the function norm where the spec gives none."""


@dataclass(frozen=True)
class Gate:
    """A threshold: `quantity ≤ value` (side `max`) or `quantity ≥ value` (side `min`)."""

    quantity: str
    side: str
    value: float
    rigour: str = "proved"
    severity: str = "fail"
    rationale: str | None = None

    def __str__(self) -> str:
        return f"{self.quantity} {'≤' if self.side == 'max' else '≥'} {self.value!r}"


@dataclass(frozen=True)
class Spec:
    """What a spec says, as far as this checker acts on it.

    Attributes:
        rows: `"all"`, or the listed rows in the order of the spec.
        targets: name of the array of targets; None if the spec names none.
        features: name of the array of features, or names of columns; None for the only other array, or all others.
        model, data: names of the files, as the spec writes them.
        map: `interpolation`, `critical` or `sublevel`.
        base: `given` or `nearby`.
        level: the level of the sublevel map; None for the loss at the given weights.
        within: how far the solution of base `nearby` may be, as a share of the length of the weights; None: not said.
        weight_decay: λ of the training loss.
        set: `total`, `per_sample`, `sparse` or `given`.
        norm: of one row's change: 1, 2 or `"inf"`.
        count: most rows that move at once (`sparse`); None for the other sets.
        direction: `down` where sample weights only fall, else None.
        change, array: name of the file with the one change (`given`), and of its array (None: the only one).
        columns: numbers or names of the features that may move; None for all.
        scale: units of features by number or name; None if none is given.
        radius: the size of the change for `first_order_distance`; None if none is given.
        weight_norm: `euclidean`, `relative` or `function`.
        reference: name of the file of the reference rows; None without the function norm.
        tau: τ of the function norm; None without it.
        aubin: whether there is a section `[aubin]`; radius_u, radius_w: what it asks for, None for the best found.
        window: the radius of the section `[window]`; None without it.
        evaluation: name of the file of the evaluation rows; None without them.
        evaluation_features, evaluation_targets: as `features`, `targets`, of that file; None for those of the data.
        threshold: of one output, above which its label lies; None: above 0.
        graph: name of the graph file; None for a fully connected network. Widths and shape, that of
            one row, are then known with the graph.
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
    columns: tuple[int | str, ...] | None
    scale: dict[str, float] | None
    radius: float | None
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
    within: float | None = None

    @property
    def flips(self) -> bool:
        """Whether class labels may change to others: all that is asked is the distance of critical points."""
        critical = (self.map, self.base, self.set) == ("critical", "nearby", "given")
        return critical and bool(self.gates) and all(gate.quantity == "distance" for gate in self.gates)


def read_spec(data: bytes) -> Spec:
    """Parse the bytes of a spec.

    Raises:
        Invalid: not TOML, or a key or word this checker does not know.
    """
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
    for name in ("file", "features", "targets", "graph"):
        for section, where in ((model, "model"), (inputs, "data")):
            if name in section and not isinstance(section[name], str):
                raise Invalid(f"spec, {where}.{name}", f"it is {kind(section[name])}", "a string is needed")
    training, solution = sections["training"], sections["solution"]
    if training.get("normalization", "fixed") != "fixed":
        raise Invalid("spec, training.normalization", '"remaining" is stated', 'it is not built yet; "fixed" is needed')
    level, radius, within = solution.get("level"), p.get("radius"), solution.get("within")
    for name, value, least in (("training.weight_decay", training.get("weight_decay", 0.0), 0.0),
                               ("perturbation.radius", 0.0 if radius is None else radius, 0.0),
                               ("solution.within", 1.0 if within is None else within, math.ulp(0.0)),
                               ("solution.level", 0.0 if level is None else level, -math.inf)):
        if not is_number(value, least):
            raise Invalid(f"spec, {name}", f"{show(value)} is stated", "a finite number in its range is needed")
    limits(sections["run"])
    widths = () if graph else _whole_numbers(model["widths"], "spec, model.widths", least=1)
    if len(widths) < 2 and not graph:
        raise Invalid("spec, model.widths", f"{show(list(widths))} is stated", "two widths or more are needed")
    spec = Spec(
        widths=widths, activation="" if graph else _word(model, "model", "activation"),
        features=tuple(listed) if isinstance(listed, list) else listed,
        targets=inputs.get("targets"), loss=_word(training, "training", "loss", "squared"),
        layer=_layer(solution.get("layer", "all"), max(len(widths) - 1, 0)),
        parameter=_word(p, "perturbation", "parameter", "features"), rows=_rows(p.get("rows", "all")),
        gates=_gates(top.get("gate", [])), model=model["file"], data=inputs["file"],
        map=_word(solution, "solution", "map", "interpolation"), base=_word(solution, "solution", "base", "given"),
        level=None if level is None else float(level), weight_decay=float(training.get("weight_decay", 0.0)),
        within=None if within is None else float(within),
        set=_word(p, "perturbation", "set", "total"), columns=columns(p.get("columns")), scale=scale(p.get("scale")),
        radius=None if radius is None else float(radius),
        graph=model.get("graph"), aubin="aubin" in top, window=window(sections["window"], "window" in top),
        **radii(sections["aubin"]), **perturbation_set(p), **_weights(sections["weights"]),
        **evaluation(sections["evaluation"], "evaluation" in top),
    )
    _consistent(spec)
    return spec


def _consistent(spec: Spec) -> None:
    """What this version gives a meaning to, together."""
    sublevel, quantities = spec.map == "sublevel", {gate.quantity for gate in spec.gates}
    loss = spec.map != "interpolation"
    for wrong, where, stated, needed in (
        (sublevel and spec.base != "given", "solution.base", spec.base, "given, with the sublevel map"),
        (spec.within is not None and spec.base != "nearby", "solution.within", spec.within, "base nearby"),
        (loss and spec.targets is None, "data.targets", None, f"targets, with the {spec.map} map"),
        (loss and spec.loss == "logistic" and spec.widths[-1:] not in ((), (1,)), "model.widths", spec.widths,
         "one output"),
        (loss and spec.parameter == "targets" and spec.loss != "squared"
         and not spec.flips, "training.loss", spec.loss, "squared, where targets move"),
        (not sublevel and spec.level is not None, "solution.level", spec.level, "none, without the sublevel map"),
        *_set_rules(spec, quantities), *head_rules(spec, quantities),
        (not loss and spec.parameter == "sample_weights", "perturbation.parameter", spec.parameter,
         "features or targets, with the interpolation map"),
        (spec.base == "nearby" and spec.targets is None, "data.targets", None, "targets, with base nearby"),
        ((spec.columns or spec.scale) is not None and spec.parameter != "features", "perturbation.columns, .scale",
         spec.parameter, "parameter features"),
        (spec.graph is not None and spec.weight_norm != "euclidean", "weights.norm", spec.weight_norm,
         "euclidean, with a graph"),
        (spec.graph is not None and not sublevel, "solution.map", spec.map, "sublevel, with a graph"),
        (spec.graph is not None and spec.parameter == "features" and "persistence_radius" in quantities, "gate",
         "persistence_radius", "another quantity, where features of a graph move"),
        ("persistence_radius" in quantities and spec.level is None, "gate", "persistence_radius",
         "the sublevel map with a level"),
    ):
        if wrong:
            raise Invalid(f"spec, {where}", f"{show(stated)} is stated", f"{needed} is needed")


def _set_rules(spec: Spec, quantities: set[str]) -> tuple[tuple[bool, str, object, str], ...]:
    """What a perturbation set goes with: wrong or not, where, what is stated, what is needed."""
    quantities = quantities | {"aubin"} if spec.aubin and not spec.gates else quantities
    sublevel, by_itself = spec.map == "sublevel", spec.set in ("sparse", "given")
    finite = spec.map == "critical" and bool(quantities & FINITE)
    linear = {"first_order_distance", FIRST_ORDER}
    first_order = bool(quantities & linear) or (by_itself and not finite)
    at_size = sorted(quantities & {"distance", LABELS}) if spec.map != "critical" else []
    budget = bool(at_size) and spec.set != "given"
    sized = first_order or budget
    moduli = quantities & {"modulus", "sample_modulus"}
    return (
        (bool(at_size) and (spec.map, spec.base) != ("interpolation", "given"), "gate", at_size,
         "interpolation with base given"),
        (budget and spec.parameter != "features", "gate", at_size, "moving features, or set given"),
        (bool(at_size) and spec.map == "interpolation" and spec.weight_norm == "function", "gate", at_size,
         "the norm euclidean or relative"),
        ("aubin" in quantities and (spec.map == "critical" or (spec.layer != "all" and not sublevel) or (
            spec.base, spec.set, spec.weight_norm) != ("given", "total", "euclidean")), "gate", "aubin",
         "sublevel, or interpolation with all layers, with base given, set total and norm euclidean"),
        ("aubin" in quantities and sublevel and (
            spec.level is not None or spec.parameter == "sample_weights" or spec.graph is not None), "gate", "aubin",
         "with the sublevel map no level, features or targets that move, and no graph"),
        ("aubin" in quantities and (spec.columns or spec.scale) is not None, "perturbation.columns, .scale", "aubin",
         "features in units of the data, all of them"),
        *_window_rules(spec, quantities),
        (spec.aubin and bool(spec.gates) and "aubin" not in quantities, "aubin", "the section", "a gate on aubin"),
        (sublevel and by_itself, "perturbation.set", spec.set, "total or per_sample, with the sublevel map"),
        (sublevel and first_order, "gate", sorted(quantities & linear), "another quantity, with the sublevel map"),
        (spec.norm != 2 and (sublevel or spec.set in ("total", "given")), "perturbation.norm", spec.norm,
         "2, unless rows have budgets of their own"),
        ((spec.count is None) != (spec.set != "sparse"), "perturbation.count", spec.count, "a count with sparse alone"),
        ((spec.change is None) != (spec.set != "given"), "perturbation.file", spec.change, "a file with given alone"),
        (spec.array is not None and spec.set != "given", "perturbation.array", spec.array, "given"),
        (spec.set == "given" and (spec.columns or spec.scale) is not None, "perturbation.columns, .scale", spec.set,
         "neither, with given"),
        (by_itself and bool(moduli), "gate", sorted(moduli), "first_order_distance, with sparse or given"),
        (sized and spec.radius is None and spec.set != "given", "perturbation.radius", None, "a radius"),
        (sized and spec.radius == 0, "perturbation.radius", 0, "a radius above 0"),
    )


def _window_rules(spec: Spec, quantities: set[str]) -> tuple[tuple[bool, str, object, str], ...]:
    """What a window, and the quantities on it, go with."""
    gated = bool(quantities & {"excess", "hausdorff"})
    asked = (spec.map, spec.base, spec.set, spec.weight_norm)
    last = spec.layer == len(spec.widths) - 1 or (spec.layer == "all" and len(spec.widths) == 2)
    return (
        (gated and spec.window is None, "window", None, "a radius, for excess and hausdorff,"),
        (spec.window is not None and bool(spec.gates) and not gated, "window", spec.window,
         "a gate on excess or hausdorff"),
        (spec.window is not None and asked != ("interpolation", "given", "given", "euclidean"), "window", spec.window,
         "interpolation with base and set given and norm euclidean"),
        (spec.window is not None and not last, "solution.layer", spec.layer, "the last layer, with a window,"),
    )


def graph_spec(spec: Spec, shape: tuple[int, ...], outputs: int) -> Spec:
    """The same with the shape of a row and the number of outputs, once the graph is read.

    Raises:
        Invalid: they have no meaning together with the rest.
    """
    known = replace(spec, widths=(math.prod(shape), outputs), shape=shape)
    _consistent(known)
    return known


def _weights(section: Json) -> Json:
    """The norm of the weights; the function norm has reference rows and τ, by default 2^-10, the others neither."""
    norm, reference, tau = _word(section, "weights", "norm", "euclidean"), section.get("reference"), section.get("tau")
    if norm != "function":
        if (reference, tau) != (None, None):
            raise Invalid("spec, weights", "reference or tau is stated", f"the norm is {norm}, which has none")
        return {"weight_norm": norm}
    if not isinstance(reference, str) or not reference:
        raise Invalid("spec, weights.reference", f"it is {kind(reference)}", "the name of a data file is needed")
    if tau is not None and not (is_number(tau) and 2.0**-40 <= tau <= 2.0**40):
        raise Invalid("spec, weights.tau", f"{show(tau)} is stated", "a number from 2^-40 to 2^40 is needed")
    return {"weight_norm": norm, "reference": reference, "tau": DEFAULT_TAU if tau is None else float(tau)}


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


def _layer(value: object, depth: int) -> str | int:
    if value == "all":
        return "all"
    if type(value) is not int or not 1 <= value <= depth:
        raise Invalid("spec, solution.layer", f"{show(value)} is stated", f'"all" or 1 to {depth} is needed')
    return value


def _gates(value: object) -> tuple[Gate, ...]:
    if not isinstance(value, list):
        raise Invalid("spec, gate", f"it is {kind(value)}", "a list of tables is needed")
    gates = []
    for number, entry in enumerate(value, 1):
        gate = _section(entry, "gate")
        sides = [side for side in ("max", "min") if side in gate]
        if len(sides) != 1 or not is_number(gate[sides[0]]):
            raise Invalid(f"spec, gate {number}", f"{show(gate)} is stated", "one finite max or min is needed")
        rationale = gate.get("rationale")
        if rationale is not None and not isinstance(rationale, str):
            raise Invalid(f"spec, gate {number}", f"its rationale is {kind(rationale)}", "a string is needed")
        gates.append(Gate(
            quantity=_word(gate, "gate", "quantity"), side=sides[0], value=float(gate[sides[0]]),
            rigour=_word(gate, "gate", "rigour", "proved"), severity=_word(gate, "gate", "severity", "fail"),
            rationale=rationale,
        ))
        check_promise(gates[-1], f"spec, gate {number}")
    return tuple(gates)
