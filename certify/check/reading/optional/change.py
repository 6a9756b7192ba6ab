"""The one change of a perturbation set `given`, from the bytes of its file."""

from __future__ import annotations

from certify.check.reading.arrays import read_arrays
from certify.check.reading.data import Vector
from certify.check.reading.spec import Spec
from certify.check.words.parameters import PARAMETERS
from certify.format.canonical import show
from certify.format.refusal import Invalid


def read_change(spec: Spec, data: bytes | None, listed: list[int], first: dict[int, int]) -> dict[int, Vector]:
    """The one change, by the rows that stand for the listed ones."""
    if data is None:
        raise Invalid("subject.change", "it is missing", f"the spec names {show(spec.change)}")
    arrays = read_arrays(data, "change file")
    name = spec.array if spec.array is not None else next(iter(arrays)) if len(arrays) == 1 else None
    if name is None or name not in arrays:
        raise Invalid("change file", f"it holds {show(sorted(arrays))}", f"the spec asks for {show(spec.array)}")
    moves = PARAMETERS[spec.parameter]
    width = moves.width(spec.widths[0], spec.widths[-1]) if moves.sized else 1  # of labels the new ones
    flat = (moves.single or not moves.sized) and arrays[name].shape == (len(listed),)
    if arrays[name].shape != (len(listed), width) and not flat:
        raise Invalid(f"change file, array {show(name)}", f"its shape is {arrays[name].shape}",
                      f"{(len(listed), width)} is needed")
    found: dict[int, Vector] = {}
    for at, row in enumerate(listed):
        u = arrays[name].values[at * width:(at + 1) * width]
        if found.setdefault(first.get(row, row), u) != u:
            raise Invalid("change file", f"row {row} moves in its own way", "merged rows move as one")
    return found
