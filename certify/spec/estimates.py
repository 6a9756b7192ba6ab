"""What makes sense in a spec for `certify estimate`, and which verb a spec is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from certify.format.errors import SpecError
from certify.spec.vocabulary import BUILT, ESTIMATED, FOR_ESTIMATES

if TYPE_CHECKING:
    from certify.spec.models import Spec

WORDS: dict[str, tuple[str, ...]] = {**BUILT, **FOR_ESTIMATES}
"""The words that `certify estimate` can act on, by key of the spec."""


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


def require_estimates(spec: Spec, name: str) -> None:
    """Refuse for `certify estimate` what it does not do, or what contradicts itself.

    Raises:
        SpecError: with what would work.
    """
    _require_gates(spec, name)
    _require_subject(spec, name)
    _require_change(spec, name)
    _require_unused(spec, name)


def _require_gates(spec: Spec, name: str) -> None:
    proved = [gate.quantity not in ESTIMATED for gate in spec.gate]
    if any(proved):
        number = proved.index(True)
        quantity = spec.gate[number].quantity
        built = quantity in BUILT["gate.quantity"]
        found = f"'{quantity}' is proved, not estimated" if built else f"the quantity '{quantity}' is not built yet"
        remedy = f"use `certify run {name}`" if built and all(proved) else (
            f"use {' or '.join(ESTIMATED)} here" + (", and a spec of its own for `certify run`" if built else ""))
        raise SpecError(f"{name}: gate {number + 1}", found, remedy)


def _require_subject(spec: Spec, name: str) -> None:
    model, solution = spec.model, spec.solution
    if spec.data.targets is None:
        raise SpecError(f"{name}: data.targets", "missing, and an estimate needs the loss", "name the targets")
    if model.factory is not None and (model.widths is not None or model.activation is not None):
        raise SpecError(f"{name}: [model]", "a factory and widths or activation",
                        "give the factory alone: an estimate takes any module")
    if solution.map == "sublevel":
        raise SpecError(f'{name}: solution.map = "sublevel"', "estimates do not know it",
                        f'use map = "critical" or "interpolation", or `certify run {name}`')
    if solution.layer != "all":
        raise SpecError(f"{name}: solution.layer", "estimates move all layers", 'use layer = "all"')


def _require_change(spec: Spec, name: str) -> None:
    p, where = spec.perturbation, f"{name}: perturbation"
    if p.set != "given":
        raise SpecError(f'{where}.set = "{p.set}"', "an estimate is about one given change of the data",
                        'use set = "given" with file and array, which hold it' + _verb_for(spec, name))
    if p.file is None:
        raise SpecError(f"{where}.file", "missing", "name the .npz or .safetensors file that holds the change")
    if p.parameter == "sample_weights" and spec.solution.map == "interpolation":
        raise SpecError(f'{where}.parameter = "sample_weights"', "they do not enter the interpolation map",
                        'use map = "critical"')


def _require_unused(spec: Spec, name: str) -> None:
    """Refuse what would be ignored."""
    p, what = spec.perturbation, "the change in the file is taken as it is"
    unused: Mapping[str, tuple[Callable[[], Any], str]] = {
        "solution.within": (lambda: spec.solution.within, "they prove no solution nearby"),
        "perturbation.columns": (lambda: p.columns, f"{what}, with 0 where nothing moves"),
        "perturbation.scale": (lambda: p.scale, f"{what}, in the data's own units"),
        "perturbation.norm": (lambda: p.norm != 2 or None, what),
        "run.time_limit": (lambda: spec.run.time_limit, "[estimate] budget limits the work"),
        "run.memory_limit": (lambda: spec.run.memory_limit, "[estimate] chunk limits the memory"),
    }
    for path, (value, words) in unused.items():
        if value() is not None:
            raise SpecError(f"{name}: {path}", f"estimates do not use it; {words}", "remove it")


def _verb_for(spec: Spec, name: str) -> str:
    """The other verb, where nothing but the set of changes is in its way."""
    return "" if spec.gate or spec.estimate else f", or `certify run {name}` to prove a modulus"
