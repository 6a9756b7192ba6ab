"""Read a spec strictly, independently of the rest of `certify`: keys and words this checker knows, no others.

A key that would change the meaning of a claim and that this checker does not know is a refusal, never ignored.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from importlib import import_module

from certify.check.enclosure.activation import FILES
from certify.check.reading.certificate import QUANTITIES, RANGES, RIGOURS
from certify.check.reading.numbers import is_number
from certify.check.words.losses import LOSSES
from certify.check.words.parameters import PARAMETERS
from certify.check.words.solutions import MAPS, NEARBY
from certify.check.words.weight_norms import WEIGHT_NORMS
from certify.format.canonical import Json, kind, show
from certify.format.refusal import Invalid

_WORDS = {
    "model.activation": tuple(FILES), "training.loss": tuple(LOSSES), "training.normalization": ("fixed", "remaining"),
    "solution.map": tuple(MAPS), "solution.base": tuple(NEARBY), "weights.norm": tuple(WEIGHT_NORMS),
    "perturbation.parameter": tuple(PARAMETERS), "perturbation.set": ("total", "per_sample", "sparse", "given"),
    "run.arithmetic": ("float", "exact"), "gate.quantity": QUANTITIES, "gate.rigour": RIGOURS,
    "gate.severity": ("fail", "warn"),
}
KEYS = {
    "model": ("file", "widths", "activation"), "data": ("file", "features", "targets"),
    "training": ("loss", "weight_decay"), "solution": ("map", "base", "layer"), "weights": ("norm",),
    "perturbation": ("parameter", "rows", "set"),
    "gate": ("quantity", "max", "min", "rigour", "severity", "rationale"),
}
"""Those of a plain question, by section; the others, and what reads them, are in `optional.parts`."""
PLAIN = {"modulus", "sample_modulus", "interpolation", "features", "targets", "total", "squared", "cross_entropy",
         "logistic", "euclidean", "relative"}
"""The words that go with all of these keys, and with each other, at the weights in the file."""
LARGEST, DOTS = 2**23, 200
"""Bytes of a spec, and dots between two commas of a line of it, at most."""


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


@dataclass(frozen=True, kw_only=True)
class Question:
    """What spec and problem say in the same words.

    Attributes:
        bias_decay: whether the decay counts biases too.
        normalization: `fixed`, or `remaining` where the losses are divided by the number of rows that are left.
        level, threshold: of the sublevel map (None: the loss at the given weights); of the labels of one output.
        norm, radius, count, direction: of the perturbation set.
        radius_u, radius_w: of `aubin`; None for the best found.
        window: its radius, where the spec has one.
        tau: of the function norm.
    """

    activation: str
    loss: str
    weight_decay: float
    map: str
    base: str
    parameter: str
    set: str
    weight_norm: str = "euclidean"
    bias_decay: bool = True
    normalization: str = "fixed"
    level: float | None = None
    tau: float | None = None
    norm: int | str = 2
    radius: float | None = None
    count: int | None = None
    direction: str | None = None
    radius_u: float | None = None
    radius_w: float | None = None
    window: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Spec(Question):
    """What a spec says, as far as this checker acts on it, in the words of the spec.

    Attributes:
        features: name of the array of features, or names of columns; None for the only other array, or all others.
        rows: `"all"`, or the listed rows in the order of the spec.
        kind: which change is meant, if not of any rows, one by one.
        change: name of the file with the one change (`given`), `array` that of its array (None: the only one).
        aubin: whether there is a section `[aubin]`.
        functionals: name of what multiplies the intercept in each evaluation row, or columns of single weights.
        evaluation_features, evaluation_targets: as `features`, `targets`, of that file; None for those of the data.
        row_weights, class_weight, about: weights of rows (None: all 1), of labels; what is told untrusted.
        graph: name of the graph file; widths and shape, that of one row, are then known with the graph.
        plain: whether a problem has nothing beside sizes and words, which `optional.beside` would have to read.
    """

    widths: tuple[int, ...]
    features: str | tuple[str, ...] | None
    targets: str | None
    layer: str | int
    rows: str | tuple[int, ...]
    gates: tuple[Gate, ...]
    model: str
    data: str
    columns: tuple[int | str, ...] | None = None
    scale: dict[str, float] | None = None
    reference: str | None = None
    graph: str | None = None
    shape: tuple[int, ...] | None = None
    change: str | None = None
    array: str | None = None
    aubin: bool = False
    evaluation: str | None = None
    evaluation_features: str | tuple[str, ...] | None = None
    evaluation_targets: str | None = None
    functionals: Json | None = None
    within: float | None = None
    kind: Json | None = None
    row_weights: str | None = None
    class_weight: str | tuple[float, ...] | None = None
    about: Json | None = None
    plain: bool = False


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
    sections = {name: section(top.get(name, {}), name) for name in KEYS if name != "gate"}
    plain = [are_plain("", top, ("version", *KEYS))]
    plain += [are_plain(name, part, KEYS[name]) for name, part in sections.items()]
    model, inputs, p = sections["model"], sections["data"], sections["perturbation"]
    graph = "graph" in model
    needed = [(model, "file"), (inputs, "file"), *([] if graph else [(model, "widths"), (model, "activation")])]
    for part, key in needed:
        if key not in part:
            raise Invalid("spec", f"{key} is missing", "model.file, .widths, .activation and data.file are needed")
    listed = inputs.get("features")
    if isinstance(listed, list) and listed and all(isinstance(name, str) for name in listed):
        inputs = inputs | {"features": listed[0]}
    for name in ("file", "features", "targets"):
        for part, where in ((model, "model"), (inputs, "data")):
            if name in part:
                require_name(part[name], f"spec, {where}.{name}")
    training, solution = sections["training"], sections["solution"]
    decay = training.get("weight_decay", 0.0)
    if not is_number(decay, 0.0):
        raise Invalid("spec, training.weight_decay", f"{show(decay)} is stated", "a finite number from 0 on is needed")
    widths = () if graph else _whole_numbers(model["widths"], "spec, model.widths", least=1)
    if len(widths) < 2 and not graph:
        raise Invalid("spec, model.widths", f"{show(list(widths))} is stated", "two widths or more are needed")
    spec = Spec(
        widths=widths, activation="" if graph else _word(model, "model", "activation"),
        features=tuple(listed) if isinstance(listed, list) else listed,
        targets=inputs.get("targets"), loss=_word(training, "training", "loss", "squared"),
        layer=_layer(solution.get("layer", "all"), range(1, len(widths)) or ("last",)),
        parameter=_word(p, "perturbation", "parameter", "features"), rows=_rows(p.get("rows", "all")),
        gates=_gates(top.get("gate", [])), model=model["file"], data=inputs["file"],
        map=_word(solution, "solution", "map", "interpolation"), base=_word(solution, "solution", "base", "given"),
        weight_decay=float(decay), set=_word(p, "perturbation", "set", "total"),
        weight_norm=_word(sections["weights"], "weights", "norm", "euclidean"),
    )
    words = {gate.quantity for gate in spec.gates} | {
        spec.map, spec.loss, spec.parameter, spec.set, spec.weight_norm}
    if all(plain) and not NEARBY[spec.base] and words <= PLAIN:
        return replace(spec, plain=True)
    found: Spec = import_module("certify.check.reading.optional.parts").completed(spec, top, sections)
    return found


def are_plain(name: str, there: Json, keys: tuple[str, ...]) -> bool:
    """Whether only these keys stand there; raises `Invalid` for one that no spec has."""
    if there.keys() <= set(keys):
        return True
    import_module("certify.check.reading.optional.parts").check_keys(name, there)
    return False


def require_name(value: object, where: str) -> None:
    """It is a name, or `Invalid` is raised."""
    if not (isinstance(value, str) and value):
        raise Invalid(where, f"it is {kind(value)}", "a string is needed")


def section(value: object, name: str) -> Json:
    """A section whose words are among the known ones."""
    if not isinstance(value, dict):
        raise Invalid(f"spec, {name}", f"it is {kind(value)}", "a table is needed")
    for key in value:
        if f"{name}.{key}" in _WORDS:
            _word(value, name, key)
    return value


def _word(part: Json, name: str, key: str, default: str | None = None) -> str:
    value, known = part.get(key, default), _WORDS[f"{name}.{key}"]
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
        gate = section(entry, "gate")
        are_plain("gate", gate, KEYS["gate"])
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
