"""What makes sense in a spec for `certify estimate`, and which verb a spec is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from certify.format.errors import SpecError
from certify.format.quantities import ESTIMATED
from certify.format.words import Map, Parameter, Set
from certify.spec.rules.files import require_built, require_files
from certify.spec.rules.moves import require_change_file
from certify.spec.supported import require_meaning
from certify.spec.vocabulary import UNBUILT_KEYS, WORDS

if TYPE_CHECKING:
    from certify.spec.models import Spec


def require_proofs(spec: Spec, name: str) -> None:
    """Refuse for `certify run` what only `certify estimate` does.

    Raises:
        SpecError: names the other verb.
    """
    asked = [gate.quantity in ESTIMATED for gate in spec.gate]
    other = f"use `certify estimate {name}`"
    if any(asked):
        number = asked.index(True)
        remedy = other if all(asked) else "put that gate into a spec for `certify estimate`, the others stay"
        raise SpecError(f"{name}: gate {number + 1}",
                        f"'{spec.gate[number].quantity}' is estimated, and `certify run` proves", remedy)
    if spec.estimate is not None:
        raise SpecError(f"{name}: [estimate]", "it says how to estimate, and `certify run` proves",
                        f"{other}, or remove the section")


def require_estimate_spec(spec: Spec, name: str) -> None:
    """Refuse for `certify estimate` what it does not do, or what contradicts itself.

    Raises:
        SpecError: with what would work.
    """
    for section in ("evaluation", "window"):
        if getattr(spec, section) is not None:
            raise SpecError(f"{name}: [{section}]", "not built yet for estimates", "remove the section")
    _require_gates(spec, name)
    _require_subject(spec, name)
    _require_change(spec, name)
    _require_unused(spec, name)
    require_built(spec, name, WORDS, UNBUILT_KEYS["estimate"])
    require_meaning(spec, name, ESTIMATED[0])
    require_files(spec, name, WORDS)


def _require_gates(spec: Spec, name: str) -> None:
    proved = [gate.quantity not in ESTIMATED for gate in spec.gate]
    if any(proved):
        number = proved.index(True)
        quantity = spec.gate[number].quantity
        remedy = f"use `certify run {name}`" if all(proved) else (
            f"use {' or '.join(ESTIMATED)} here, and a spec of its own for `certify run`")
        raise SpecError(f"{name}: gate {number + 1}", f"'{quantity}' is proved, not estimated", remedy)


def _require_subject(spec: Spec, name: str) -> None:
    model, solution = spec.model, spec.solution
    if spec.data.targets is None:
        raise SpecError(f"{name}: data.targets", "missing, and an estimate needs the loss", "name the targets")
    if model.factory is not None and (model.widths is not None or model.activation is not None):
        raise SpecError(f"{name}: [model]", "a factory and widths or activation",
                        "give the factory alone: an estimate takes any module")
    if model.graph is not None:
        raise SpecError(f"{name}: model.graph", "estimates do not read it", "give a factory, which builds the network")
    if Map(solution.map).levels:
        raise SpecError(f'{name}: solution.map = "{solution.map}"', "estimates do not know it",
                        f'use map = "critical" or "interpolation", or `certify run {name}`')
    if solution.layer != "all":
        raise SpecError(f"{name}: solution.layer", "estimates move all layers", 'use layer = "all"')


def _require_change(spec: Spec, name: str) -> None:
    p, where = spec.perturbation, f"{name}: perturbation"
    if Set(p.set).sized:
        raise SpecError(f'{where}.set = "{p.set}"', "an estimate is about one given change of the data",
                        'use set = "given" with file and array, which hold it' + _verb_for(spec, name))
    require_change_file(spec, name)
    if Parameter(p.parameter).weighs and not Map(spec.solution.map).trains:
        raise SpecError(f'{where}.parameter = "{p.parameter}"', "they do not enter the interpolation map",
                        'use map = "critical"')


def _require_unused(spec: Spec, name: str) -> None:
    """Refuse what would be ignored."""
    p, what = spec.perturbation, "the change in the file is taken as it is"
    unused: Mapping[str, tuple[Callable[[], Any], str]] = {
        "data.weights": (lambda: spec.data.weights, "every row counts the same in them"),
        "training.class_weight": (lambda: spec.training.class_weight, "every row counts the same in them"),
        "training.bias_decay": (lambda: None if spec.training.bias_decay else False, "they decay all weights"),
        "solution.within": (lambda: spec.solution.within, "they prove no solution nearby"),
        "perturbation.columns": (lambda: p.columns, f"{what}, with 0 where nothing moves"),
        "perturbation.scale": (lambda: p.scale, f"{what}, in the data's own units"),
        "perturbation.norm": (lambda: p.norm != 2 or None, what),
        "perturbation.direction": (lambda: p.direction, what),
        "run.time_limit": (lambda: spec.run.time_limit, "[estimate] budget limits the work"),
        "run.memory_limit": (lambda: spec.run.memory_limit, "[estimate] chunk limits the memory"),
    }
    for path, (value, words) in unused.items():
        if value() is not None:
            raise SpecError(f"{name}: {path}", f"estimates do not use it; {words}", "remove it")


def _verb_for(spec: Spec, name: str) -> str:
    """The other verb, where nothing but the set of changes is in its way."""
    return "" if spec.gate or spec.estimate else f", or `certify run {name}` to prove a modulus"
