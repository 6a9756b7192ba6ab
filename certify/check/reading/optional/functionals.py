"""Evaluation rows that are linear functionals of a head's weights: single weights, or rows with a stated intercept."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from certify.check.reading.arrays import Array, read_arrays
from certify.check.reading.optional.columns import placed
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

if TYPE_CHECKING:
    from certify.check.reading.data import Vector
    from certify.check.reading.spec import Spec

WHERE = "spec, evaluation.coefficients"


@dataclass(frozen=True)
class Functionals:
    """A row x with t is the functional `x·u + tβ` of weights u and intercept β.

    Attributes:
        intercepts: the t of every evaluation row.
        names: of those that are single weights; None: they are rows of a file.
    """

    intercepts: Vector
    names: tuple[str, ...] | None = None

    @property
    def described(self) -> str | list[str]:
        """What the member `problem` of a certificate says of them."""
        return "rows" if self.names is None else list(self.names)


    def refused(self, problem: Any) -> str:
        """Why the evaluation rows are no functionals; empty where they are."""
        if len(problem.layers) != 1 or problem.outputs != 1 or problem.graph or (problem.kind or {}).get("fresh"):
            return "functionals are of the weights of one layer with one output, and no row is new"
        if len(self.intercepts) != len(problem.evaluation):
            return f"{len(self.intercepts)} numbers multiply the intercept in {len(problem.evaluation)} evaluation rows"
        if problem.layers[-1].biases is None and any(self.intercepts):
            return "the head has no intercept that functionals could take"
        return ""


def read(spec: Spec, evaluation: bytes | None, names: tuple[str, ...]) -> Json:
    """The functionals; of single weights the evaluation rows too, a 1 in the column of each.

    Args:
        spec: the spec.
        evaluation: the bytes of the file of evaluation rows, where there is one.
        names: of the features; empty where they have none.

    Raises:
        Invalid: a column is none, or the file has no such numbers.
    """
    stated = spec.functionals or {}
    if stated["coefficients"] is not None:
        places = _columns(stated["coefficients"], spec, names)
        rows = tuple(tuple(float(a == j) for a in range(spec.widths[0])) for j in places)
        called = tuple(names[j] if names else f"column {j}" for j in places)
        return {"evaluation": rows, "functionals": Functionals((0.0,) * len(places), called)}
    key, name = stated["intercept"], f"evaluation file {show(spec.evaluation)}"
    found = _array(evaluation or b"", spec.evaluation or "", key, name)
    if len(found.shape) not in (1, 2) or found.shape[1:] not in ((), (1,)) or not all(map(isfinite, found.values)):
        raise Invalid(f"{name}, {show(key)}", f"its shape is {found.shape}", "one finite number for each row is needed")
    return {"functionals": Functionals(tuple(map(float, found.values)))}


def _columns(given: str | tuple[int | str, ...], spec: Spec, names: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers of the columns whose weights are the functionals."""
    if isinstance(given, str):
        return tuple(range(spec.widths[0]))
    found = tuple(placed(one, spec, names, WHERE) for one in given)
    if len(set(found)) != len(found):
        raise Invalid(WHERE, f"{show(list(given))} is stated", "each column may be named once")
    return found


def _array(data: bytes, file: str, key: str, name: str) -> Array:
    if file.lower().endswith(".csv"):
        from certify.check.reading.formats.table import Table

        table = Table(data, name)
        if key in table.names:
            return table.column(key)
        known = tuple(table.names)
    else:
        arrays = read_arrays(data, name)
        if key in arrays:
            return arrays[key]
        known = tuple(arrays)
    raise Invalid(name, f"it holds {show(sorted(known))}", f"the spec asks for {show(key)}, which multiplies the "
                  "intercept")
