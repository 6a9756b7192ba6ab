"""Reference rows of a function norm, and evaluation rows, named as those of the data; right labels of the latter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from certify.check.reading.arrays import Array, read_arrays
from certify.check.reading.data import Vector, missing, points
from certify.check.reading.spec import Spec
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid


def read(
    spec: Spec, data: dict[str, bytes | None], names: tuple[str, ...], named: Callable[[str, str], str],
) -> Json:
    """The members of a problem: reference and evaluation rows, and right labels of these where a gate counts them."""
    of = {"reference": read_reference, "evaluation": read_evaluation}
    found: Json = {role: of[role](content, spec, names, named(role, getattr(spec, role)))
                   for role, content in data.items() if content is not None}
    if data["evaluation"] is not None and any(gate.quantity == "correct_predictions" for gate in spec.gates):
        found["right"] = read_right(data["evaluation"], spec, named("evaluation", spec.evaluation or ""))
    return found


def read_reference(data: bytes, spec: Spec, names: tuple[str, ...], name: str) -> tuple[Vector, ...]:
    """The features of the reference rows, named as those of the data; targets are not looked at.

    Args:
        data: the bytes of the file.
        spec: the spec.
        names: names of the features of the data; empty where they have none.
        name: how to call the file in messages.

    Raises:
        Invalid: the file cannot be read, or does not fit the spec.
    """
    assert spec.reference is not None
    aside = (spec.targets, (spec.kind or {}).get("groups"), spec.row_weights,
             (spec.functionals or {}).get("intercept"))
    plain = replace(spec, data=spec.reference, targets=None, features=names or spec.features)
    if spec.reference.lower().endswith(".csv"):
        from certify.check.reading.formats.named_columns import from_table
        from certify.check.reading.formats.table import Table

        columns = Table(data, name)
        if not names and spec.features is None:  # all but the targets
            plain = replace(plain, features=tuple(n for n in columns.names if n not in aside))
        return from_table(columns, plain).features
    arrays = read_arrays(data, name)
    others = tuple(key for key in arrays if key not in aside)
    key = spec.features if spec.features is not None else others[0] if len(others) == 1 else None
    if not isinstance(key, str) or key not in arrays:
        raise missing(tuple(arrays), spec)
    return points(arrays[key], key, spec)


def read_evaluation(data: bytes, spec: Spec, names: tuple[str, ...], name: str) -> tuple[Vector, ...]:
    """The features of the evaluation rows, named in their section or else as those of the data.

    Raises:
        Invalid: the file cannot be read, or does not fit the spec.
    """
    own = spec.evaluation_features
    asked = replace(spec, reference=spec.evaluation, features=spec.features if own is None else own,
                    targets=spec.targets if spec.evaluation_targets is None else spec.evaluation_targets)
    return read_reference(data, asked, names if own is None else (), name)


def read_right(data: bytes, spec: Spec, name: str) -> Array:
    """The right labels of the evaluation rows: the array or column of targets of their file.

    Raises:
        Invalid: there is none.
    """
    assert spec.evaluation is not None
    targets = spec.targets if spec.evaluation_targets is None else spec.evaluation_targets
    if spec.evaluation.lower().endswith(".csv"):
        from certify.check.reading.formats.table import Table

        table = Table(data, name)
        arrays = {key: table.column(key) for key in table.names if key == targets}
        names = table.names
    else:
        arrays = read_arrays(data, name)
        names = tuple(arrays)
    if targets is None or targets not in arrays:
        raise Invalid(name, f"it holds {show(sorted(names))}",
                      f"right labels are needed, and the spec names {show(targets)}")
    return arrays[targets]
