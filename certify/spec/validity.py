"""What makes sense together, and what this version can do.

:func:`require_spec` needs only the spec; :func:`certify.problem.validity.require_problem` also needs the network and
the data. Every refusal hands over what would work instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.spec.aubin import require_aubin
from certify.spec.changes import require_critical_change
from certify.spec.convexity import asks_for_convexity, require_convexity, require_direction, require_predictions
from certify.spec.estimates import WORDS, require_estimates, require_proofs
from certify.spec.labels import require_labels
from certify.spec.thresholds import require_label_threshold, require_promise
from certify.spec.vocabulary import ACTIVATIONS, BUILT, DATA_FORMATS, FOREIGN, MODEL_FORMATS, UNBUILT_KEYS
from certify.spec.weight_norms import require_weight_norm
from certify.spec.window import require_window

if TYPE_CHECKING:
    from certify.spec.models import Gate, Spec


def require_spec(spec: Spec, name: str = "spec", verb: str = "run") -> None:
    """Refuse a spec that contradicts itself or asks for something not built yet.

    Args:
        spec: the spec.
        name: its file's name, for messages.
        verb: ``"run"`` or ``"estimate"``: who will act on it.

    Raises:
        SpecError: with what would work.
    """
    words = BUILT if verb == "run" else WORDS
    _require_model(spec, name)
    if verb == "run":
        require_proofs(spec, name)
    _require_perturbation(spec, name)
    require_direction(spec, name)
    if verb == "run":
        require_weight_norm(spec, name)
        if spec.weights.reference is not None:
            _require_format(spec.weights.reference, "weights.reference", DATA_FORMATS, name,
                            {"weights.reference": DATA_FORMATS})
        require_labels(spec, name)
        _require_map(spec, name)
        require_predictions(spec, name)
        require_label_threshold(spec, name)
    for number, gate in enumerate(spec.gate, 1):
        _require_gate(gate, f"{name}: gate {number}", spec)
        if verb == "run":
            _require_modulus(gate, f"{name}: gate {number}", spec)
    if verb == "estimate":
        for section in ("evaluation", "window"):
            if getattr(spec, section) is not None:
                raise SpecError(f"{name}: [{section}]", "not built yet for estimates", "remove the section")
        require_estimates(spec, name)
    if spec.perturbation.set == "sparse" and spec.perturbation.count is None:
        raise SpecError(f"{name}: perturbation.count", 'missing, and set = "sparse" needs it',
                        "give count, the most rows that change at once")
    _require_built(spec, name, words, UNBUILT_KEYS[verb])
    _require_format(spec.model.file, "model.file", MODEL_FORMATS, name, words)
    _require_format(spec.data.file, "data.file", DATA_FORMATS, name, words)


def _require_model(spec: Spec, name: str) -> None:
    model, solution = spec.model, spec.solution
    if model.graph is not None:
        _require_graph(spec, name)
    elif model.factory is None:
        if model.widths is None:
            raise SpecError(f"{name}: [model]", "'widths' is missing",
                            "give widths, e.g. widths = [30, 64, 64, 1], or a factory")
        if model.activation is None:
            remedy = (f"give activation, the one it was trained with ({', '.join(ACTIVATIONS)}): the weights do not "
                      "say it; or give a factory")
            if len(model.widths) == 2:
                remedy = 'give activation = "identity", which is exact for one layer'
            raise SpecError(f"{name}: [model]", "'activation' is missing", remedy)
    layers = len(model.widths or ()) - 1
    if model.widths and solution.layer != "all" and solution.layer > layers:
        raise SpecError(
            f"{name}: solution.layer", f"layer {solution.layer} of a network of {layers}",
            f'give 1 … {layers} or "all"',
        )
    if solution.level is not None and solution.map != "sublevel":
        raise SpecError(
            f"{name}: solution.level", f'given with map = "{solution.map}"', "remove it, it belongs to the sublevel map"
        )
    if solution.within is not None and solution.base != "nearby":
        raise SpecError(f"{name}: solution.within", f'given with base = "{solution.base}", whose distance is 0',
                        'remove it, it belongs to base = "nearby"')


def _require_graph(spec: Spec, name: str) -> None:
    """What a graph takes the place of, and what is not built for it."""
    model, solution = spec.model, spec.solution
    for key in ("widths", "activation"):
        if getattr(model, key) is not None:
            raise SpecError(f"{name}: model.{key}", "given with model.graph, which says it", f"remove {key}, or graph")
    if PurePath(model.file).suffix.lower() in (".pt2", ".onnx"):
        raise SpecError(f'{name}: model.file = "{model.file}"', "it has a graph of its own",
                        "save the state_dict as .safetensors")
    if solution.map != "sublevel":
        raise SpecError(f'{name}: solution.map = "{solution.map}"', "not built for a network given by a graph",
                        'use map = "sublevel" (the training loss must not rise)')
    if solution.layer != "all":
        raise SpecError(f"{name}: solution.layer", f"{solution.layer} with model.graph", 'use layer = "all"')
    if spec.perturbation.parameter == "features" and any(g.quantity == "persistence_radius" for g in spec.gate):
        raise SpecError(f"{name}: gate", "persistence_radius for features is not built for a network given by a graph",
                        'ask for modulus without a level, or use parameter = "sample_weights" or "targets"')


def _require_map(spec: Spec, name: str) -> None:
    solution, p, where = spec.solution, spec.perturbation, f"{name}: solution"
    if solution.map == "sublevel":
        if solution.base != "given":
            raise SpecError(f"{where}.base", f'"{solution.base}" with map = "sublevel"', 'use base = "given"')
        if spec.data.targets is None:
            raise SpecError(f"{name}: data.targets", "missing, and the sublevel map needs the loss", "name the targets")
        if p.parameter == "targets" and spec.training.loss != "squared":
            raise SpecError(f'{name}: perturbation.parameter = "targets"', f"with loss = \"{spec.training.loss}\"",
                            'use parameter = "features", or loss = "squared"')
        if p.set in ("sparse", "given"):
            raise SpecError(f'{name}: perturbation.set = "{p.set}"', "not built yet for the sublevel map",
                            'use set = "per_sample" or "total", or map = "interpolation"')
        if p.set == "per_sample" and p.norm != 2:
            raise SpecError(f"{name}: perturbation.norm", f"{p.norm} is not built yet for the sublevel map",
                            "use norm = 2")
    elif solution.map == "critical":
        _require_critical(spec, name)
    elif solution.map == "interpolation":
        if solution.base == "nearby" and spec.data.targets is None:
            raise SpecError(f"{name}: data.targets", 'missing, and base = "nearby" needs them', "name the targets")
    if not spec.gate and p.set == "sparse" and p.radius is None:
        raise SpecError(f"{name}: perturbation.radius", "missing, and what is bounded is first_order_distance",
                        "give perturbation.radius, the size of one row's change")
    require_aubin(spec, name)
    require_window(spec, name)
    for number, gate in enumerate(spec.gate, 1):
        _require_first_order(gate, f"{name}: gate {number}", spec)
        if gate.quantity == "persistence_radius" and solution.map != "sublevel":
            raise SpecError(f"{name}: gate {number}", "persistence_radius belongs to the sublevel map",
                            'use map = "sublevel" with a level, or quantity = "modulus"')


def _require_first_order(gate: Gate, where: str, spec: Spec) -> None:
    """What first-order and finite quantities ask of the perturbation set."""
    p = spec.perturbation
    if gate.quantity == "first_order_distance":
        if spec.solution.map == "sublevel":
            raise SpecError(where, "first_order_distance is not built yet for the sublevel map",
                            'use quantity = "modulus" or "persistence_radius"')
        if p.set != "given" and p.radius is None:
            raise SpecError(where, "first_order_distance needs a size of the change",
                            'give perturbation.radius, or quantity = "modulus", which is per unit')
    labels = gate.quantity == "stable_predictions" and spec.solution.map == "interpolation"
    if labels or (gate.quantity == "distance" and spec.solution.map != "critical"):
        _require_distance(gate.quantity, where, spec)


def _require_distance(asked: str, where: str, spec: Spec) -> None:
    """Where a distance at finite size, and labels within it, are built, the critical map apart."""
    p = spec.perturbation
    if spec.solution.map != "interpolation":
        raise SpecError(where, f'{asked} is not built yet for map = "{spec.solution.map}"',
                        'use map = "interpolation", or quantity = "modulus"')
    if spec.solution.base != "given":
        raise SpecError(where, f'{asked} is not built yet for base = "nearby"', 'use base = "given"')
    if spec.weights.norm == "function":
        raise SpecError(where, f'{asked} is not built yet for weights.norm = "function"',
                        'use norm = "euclidean" or "relative", or quantity = "first_order_distance"')
    if p.set == "given":
        return
    if p.parameter != "features":
        raise SpecError(where, f'{asked} is not built yet for parameter = "{p.parameter}" and set = "{p.set}"',
                        'use set = "given" with the file of one change, or quantity = "first_order_distance"')
    if p.radius is None:
        raise SpecError(where, f"{asked} needs a size of the change", "give perturbation.radius")


def _require_critical(spec: Spec, name: str) -> None:
    """What the critical map needs and does not take."""
    p = spec.perturbation
    if spec.data.targets is None:
        raise SpecError(f"{name}: data.targets", "missing, and the critical map needs the loss", "name the targets")
    if p.set == "given":
        require_critical_change(spec, name)
    elif p.parameter == "targets" and spec.training.loss != "squared":
        raise SpecError(f'{name}: perturbation.parameter = "targets"', f"with loss = \"{spec.training.loss}\"",
                        'use parameter = "features" or "sample_weights", or loss = "squared"')
    if asks_for_convexity("critical", [gate.quantity for gate in spec.gate], p.set):
        require_convexity(spec, name)


def _require_perturbation(spec: Spec, name: str) -> None:
    p, where = spec.perturbation, f"{name}: perturbation"
    if p.parameter == "sample_weights" and spec.solution.map == "interpolation" and p.set != "given":
        raise SpecError(
            f'{where}.parameter = "sample_weights"',
            "an interpolating network stays a solution under any sample weights",
            'use parameter = "features" or "targets"',
        )
    if p.set == "total" and p.norm != 2:
        raise SpecError(f"{where}.norm", f"found {p.norm!r} with set = \"total\" (the default), which takes 2",
                        'give set = "per_sample" or "sparse", whose rows are measured in that norm, or remove norm')
    if p.set == "given":
        _require_given(spec, name)
    if p.count is not None and p.set != "sparse":
        raise SpecError(f"{where}.count", f"given with set = \"{p.set}\"", 'remove it, it belongs to set = "sparse"')
    for key in ("file", "array"):
        if getattr(p, key) is not None and p.set != "given":
            raise SpecError(f"{where}.{key}", f"given with set = \"{p.set}\"", 'remove it, it belongs to set = "given"')
    for key in ("columns", "scale"):
        if getattr(p, key) is not None and p.parameter != "features":
            raise SpecError(f"{where}.{key}", f'given with parameter = "{p.parameter}"',
                            'remove it, it belongs to parameter = "features"')
    if p.rows == "all":
        return
    row, times = Counter(p.rows).most_common(1)[0]
    if times > 1:
        raise SpecError(f"{where}.rows", f"row {row} is listed {times} times", "list every row once")
    if min(p.rows) < 0:
        raise SpecError(f"{where}.rows", f"found {min(p.rows)}", "rows are counted from 0")


def _require_given(spec: Spec, name: str) -> None:
    """One change is taken as the file has it."""
    p, where = spec.perturbation, f"{name}: perturbation"
    if p.file is None:
        raise SpecError(f"{where}.file", 'missing, and set = "given" needs it',
                        "name the .npz or .safetensors file that holds the change")
    for key, given in (("columns", p.columns is not None), ("scale", p.scale is not None), ("norm", p.norm != 2)):
        if given:
            raise SpecError(f"{where}.{key}", 'given with set = "given", and the change in the file is taken as it is',
                            "remove it")


def _require_gate(gate: Gate, where: str, spec: Spec) -> None:
    if (gate.max is None) == (gate.min is None):
        found = "neither max nor min" if gate.max is None else "both max and min"
        raise SpecError(where, found, "give one of them; two thresholds are two gates")
    require_promise(gate, where)
    if spec.perturbation.set == "sparse" and gate.quantity in ("modulus", "sample_modulus"):
        raise SpecError(
            f'{where}: quantity = "{gate.quantity}"', 'set = "sparse" is not a norm, so it has no modulus',
            'use quantity = "first_order_distance" with a radius, or set = "per_sample" or "total"',
        )


def _require_modulus(gate: Gate, where: str, spec: Spec) -> None:
    if spec.perturbation.set == "given" and gate.quantity in ("modulus", "sample_modulus"):
        raise SpecError(
            f'{where}: quantity = "{gate.quantity}"', 'set = "given" is one change, so it has no modulus',
            'use quantity = "first_order_distance", or set = "total"',
        )


def _require_built(spec: Spec, name: str, built: Mapping[str, tuple[str, ...]], unbuilt: Sequence[str]) -> None:
    """Refuse by name what the format knows and this version does not do."""
    for path in unbuilt:
        section, key = path.split(".")
        if getattr(getattr(spec, section), key) is not None:
            raise SpecError(f"{name}: {path}", f"{path} is not built yet", "remove it")
    for path, words in built.items():
        section, key = path.split(".")
        if section == "gate" or key == "file":
            continue
        value = getattr(getattr(spec, section), key)
        if value is not None and value not in words:
            other = f", or `certify estimate {name}`" if value in WORDS[path] else ""
            use = f"use {_either(words)}{other}"
            raise SpecError(f'{name}: {path} = "{value}"', f"'{value}' is not built yet", use)
    for number, gate in enumerate(spec.gate, 1):
        words = built["gate.quantity"]
        if gate.quantity not in words:
            raise SpecError(f"{name}: gate {number}", f"the quantity '{gate.quantity}' is not built yet",
                            f"use {_either(words)}")


def _require_format(
    file: str, key: str, known: tuple[str, ...], name: str, words: Mapping[str, tuple[str, ...]]
) -> None:
    ending = PurePath(file).suffix.lower()
    built = words[key]
    if ending in built:
        return
    remedy = f"save it as {_either(built, '')}"
    if key == "model.file":
        remedy = FOREIGN.get(ending, remedy)
    if ending in known:
        raise SpecError(f"{name}: {key} = \"{file}\"", f"reading {ending} is not built yet", remedy)
    found = f"'{ending}' is none of its formats ({', '.join(known)})" if ending else "a name without an ending"
    raise SpecError(f'{name}: {key} = "{file}"', found, remedy)


def _either(words: tuple[str, ...], mark: str = '"') -> str:
    return " or ".join(f"{mark}{word}{mark}" for word in words)


def require_rows(spec: Spec, n: int) -> None:
    """Refuse row numbers that the data does not have.

    Args:
        spec: a spec that passed :func:`require_spec`.
        n: number of rows of its data.

    Raises:
        SpecError: names the row.
    """
    beyond = [] if spec.perturbation.rows == "all" else [row for row in spec.perturbation.rows if row >= n]
    if beyond:
        raise SpecError("perturbation.rows", f"row {beyond[0]} of {n}", f"rows are 0 … {n - 1}")
