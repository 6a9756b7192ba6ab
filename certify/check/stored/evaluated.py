"""Evaluation rows, read some at a time: the label that the given weights give each, and its solution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flint import arb, fmpz, fmpz_mat

from certify.check.limits.alive import watched
from certify.check.linalg.fixed import scale
from certify.check.reading.arrays import Array
from certify.check.stored.beside import energies
from certify.check.stored.ground import Ground, with_ones
from certify.check.stored.npy import Stored
from certify.check.theorems.head.rows.squared.ridge import FEATURE_BITS, Solution, Whole, whole_rows
from certify.format.canonical import show
from certify.format.refusal import Invalid

BATCH = 256
"""Evaluation rows that are read and solved at a time."""

WEIGHT_BITS = 100
"""Bits of the largest of the weights."""


@dataclass(frozen=True)
class Weights:
    """The weights in the model file, in scaled columns.

    Attributes:
        mid: `(p, k)` integers times `2^−bits`, each entry off by less than one.
        bits: of them.
        length: of the weights of an output, at most.
    """

    mid: fmpz_mat
    bits: int
    length: arb


def weights_of_file(arrays: dict[str, Array], outputs: int, columns: int, intercept: bool, where: str,
                    shifts: Sequence[int]) -> Weights:
    """The weights of a model file.

    Args:
        arrays: of the file.
        outputs, columns, intercept: what they have to be for.
        where: the file, for messages.
        shifts: powers of two by which columns are scaled.

    Raises:
        Invalid: they are for something else.
    """
    needed = {"weight": (outputs, columns)} | ({"bias": (outputs,)} if intercept else {})
    shapes = {name: array.shape for name, array in arrays.items()}
    if shapes != needed:
        raise Invalid(where, f"it has arrays {show({name: list(shape) for name, shape in shapes.items()})}",
                      f"{show({name: list(shape) for name, shape in needed.items()})} are needed")
    W = arrays["weight"].values
    rows = [[*W[a * columns:(a + 1) * columns], *([arrays["bias"].values[a]] if intercept else [])]
            for a in range(outputs)]
    # outputs are as before: features are divided by what weights are multiplied with
    largest = max((math.frexp(x)[1] + s for row in rows for x, s in zip(row, shifts, strict=True) if x), default=0)
    bits = WEIGHT_BITS - largest
    whole = whole_rows(rows, [-s for s in shifts], bits)
    length = arb(max(sum((x * x for x in row), fmpz(0)) for row in whole.mid.tolist())).sqrt() * scale(bits)
    return Weights(whole.mid.transpose(), bits, (length + arb(len(shifts)).sqrt() * scale(bits)).upper())


@dataclass(frozen=True)
class Row:
    """An evaluation row.

    Attributes:
        number: of it.
        label: by the given weights; −1 where rounding does not tell.
        solution: `H⁻¹e`.
        sums: products of the solution with the sums of the rows of every class.
        energy: at least `|e|_{H⁻¹}`.
    """

    number: int
    label: int
    solution: Solution
    sums: tuple[fmpz, ...]
    energy: arb


def evaluated(ground: Ground, rows: Stored, weights: Weights, asked: Sequence[bool]) -> Iterator[Row]:
    """Every evaluation row that is asked about.

    Args:
        ground: of the training rows.
        rows: on disk.
        weights: that were given.
        asked: for each row whether it is.
    """
    count = rows.shape[0]
    for first, part in watched(rows.numbers(BATCH), -(-count // BATCH), f"parts of {count} evaluation rows"):
        wanted = [i for i in range(len(part)) if asked[first + i]]
        if not wanted:
            continue
        some = [part[i] for i in wanted]
        E = whole_rows(with_ones(some) if ground.rows.ones else some, ground.system.shifts, FEATURE_BITS)
        labels = labels_of(E, weights)
        solutions = ground.system.solved(E)
        lengths = energies(E.mid.tolist(), E.bits, E.radius, solutions)
        U = fmpz_mat([solution.u for solution in solutions])
        sums = (U * ground.by_class).tolist()
        for r, i in enumerate(wanted):
            yield Row(first + i, labels[r], solutions[r], tuple(sums[r]), lengths[r])


def labels_of(E: Whole, weights: Weights) -> list[int]:
    """The label of each row: the largest output, or of one output whether it is positive; −1 where two may be it.

    `|e·v − ê·v̂| ≤ |e − ê||v| + |ê||v − v̂|`.
    """
    outputs = (E.mid * weights.mid).tolist()
    found, unit = list[int](), scale(E.bits + weights.bits)
    cut = arb(E.mid.ncols()).sqrt() * scale(weights.bits)
    for row, e in zip(outputs, E.mid.tolist(), strict=True):
        size = arb(sum((x * x for x in e), fmpz(0))).sqrt() * scale(E.bits)
        error = (E.radius * weights.length + size * cut).upper()
        if len(row) == 1:
            value = arb(row[0]) * unit
            found.append(1 if value > error else 0 if value < -error else -1)
            continue
        order = sorted(range(len(row)), key=row.__getitem__)
        gap = arb(row[order[-1]] - row[order[-2]]) * unit
        found.append(order[-1] if gap > 2 * error else -1)
    return found


def shape_of(rows: Stored, columns: int) -> int:
    """How many evaluation rows there are.

    Raises:
        Invalid: they have another number of columns.
    """
    if rows.shape[1] != columns:
        raise Invalid(rows.where, f"it has {rows.shape[1]} columns", f"the training rows have {columns}")
    return rows.shape[0]


