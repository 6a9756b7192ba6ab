"""What another process proposes of a critical point: an inverse and the motions of all rows; nothing is believed.

It runs another program of this package, with numpy and LAPACK, and is told the passes in floats. All that it says is
here, and fixed, before anything is drawn. Where there is no such program, or it fails, there is no proposal.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import mul
from typing import IO

from flint import arb, ctx, fmpz, fmpz_mat

from certify.check.enclosure.activation import ACTIVATIONS
from certify.check.enclosure.network import Forward, Parameters, first_weights, layer_slopes
from certify.check.enclosure.objective import Objective
from certify.check.enclosure.units import extended
from certify.check.linalg.deflated import LARGE
from certify.check.linalg.fixed import BAND, Fixed, scale
from certify.check.linalg.probes import shortened
from certify.check.probed.other_process import answered
from certify.check.reading.subject import Problem

PROGRAM = ("import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
           "from certify.finders.proposals.motions import main; sys.exit(main())")

PATIENCE, SPEED = 120, 10**9
"""Seconds that a proposal may take, and the products of numbers for which it may take one more: ten times as long as
it takes where nothing else runs."""

SHORT = 62
"""Bits of vectors that are told."""

VECTORS, FRACTION = 24, 40
"""Vectors that are proposed for the largest eigenvalues, and bits of their fraction."""

SHARP = 512
"""Parameters up to which X is asked for to some more digits, which take little time then."""

LONG, APART, LONGEST, DOUBLE = 1000, 300, 60, 64
"""Bits that a matrix may have, by which those of two rows may differ, by which a budget may stay below 1, and of
numbers that are told as doubles."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of motions.

    Attributes:
        most: a bound of `‖X‖` for which R is proposed; None: none is.
        whole: whether `YYᵀ` is.
        budgets: roots of weights of all moving rows and features, as doubles, for each of which R is proposed.
    """

    most: float | None = None
    whole: bool = True
    budgets: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Answer:
    """Exact numbers, whatever they mean.

    Attributes:
        bands: X, `2^bits` times, some rows after the others.
        bits: of X.
        square: the sum of the squares of its integers.
        row_bits: of every moving row; none where motions were not asked for.
        motions: `Y_iᵀ`, `(d, p)`, `2^row_bits` times, row after row, as integers of eight bytes.
        tops: for the largest eigenvalues of `XXᵀ` and of the motions, `2^40` times; None where the next is there.
        gram: near `YYᵀ`, of the motions of all rows, where it was asked and p is not too large.
        bounding: R for a bound of `‖X‖`, where it was asked.
        inside: for every budget k and R, by which it stays below `1 − 2^−k`.
    """

    bands: list[fmpz_mat]
    bits: int
    square: int
    row_bits: list[int]
    motions: memoryview
    tops: tuple[fmpz_mat, fmpz_mat] | None = None
    gram: Fixed | None = None
    bounding: Fixed | None = None
    inside: tuple[tuple[int, Fixed], ...] = ()

    @property
    def parameters(self) -> int:
        """p."""
        return int(self.bands[0].ncols())

    @cached_property
    def size(self) -> arb:
        """`|X|_F`, from above."""
        return (arb(fmpz(self.square)).sqrt() * scale(self.bits)).upper()

    def motion(self, number: int) -> fmpz_mat:
        """`Y_iᵀ` of the moving row at that place."""
        p, each = self.parameters, len(self.motions) // len(self.row_bits)
        values = self.motions[number * each:(number + 1) * each].cast("q").tolist()
        return fmpz_mat([values[at:at + p] for at in range(0, len(values), p)])  # in less time than one after the other


@dataclass(frozen=True)
class Effects:
    """For every vector y_j exact numbers near `C_iᵀy_j`, `2^bits` times, d for each moving row, row after row."""

    bits: list[int]
    count: int
    values: memoryview

    def of(self, place: int) -> memoryview:
        """Those of the vector at that place, as integers of eight bytes."""
        each = len(self.values) // self.count
        return self.values[place * each:(place + 1) * each]


def asked(
    problem: Problem, parameters: Parameters, passed: Forward, objective: Objective, wanted: Wanted = Wanted(),
) -> Answer | None:
    """What is proposed at exact parameters; None where nothing is."""
    p, moving, d = problem.parameters, len(problem.moving), len(problem.features[0])
    return answered(PROGRAM, _told(problem, parameters, passed, objective, "motions", wanted=wanted),
                    PATIENCE + p * p * (p + moving * d * (1 + len(wanted.budgets))) // SPEED,
                    lambda said: read(said, p, moving, d, wanted))


def asked_square(
    problem: Problem, parameters: Parameters, passed: Forward, objective: Objective, wanted: Wanted,
) -> Answer | None:
    """The same without the motions: X, and `YYᵀ` where it is asked for."""
    p, said = problem.parameters, _told(problem, parameters, passed, objective, "square", wanted=wanted)
    return answered(PROGRAM, said, PATIENCE + p * p * (p + passed.outputs.nrows()) // SPEED,
                    lambda found: read_square(found, p, wanted.whole))


def asked_inverse(
    problem: Problem, parameters: Parameters, passed: Forward, objective: Objective, most: float | None = None,
) -> tuple[Fixed, Fixed | None] | None:
    """The same of X alone, and R."""
    p = problem.parameters
    return answered(PROGRAM, _told(problem, parameters, passed, objective, "inverse", wanted=Wanted(most)),
                    PATIENCE + p * p * (p + passed.outputs.nrows()) // SPEED, lambda said: read_inverse(said, p))


def asked_effects(
    problem: Problem, parameters: Parameters, passed: Forward, objective: Objective, Y: Fixed,
) -> Effects | None:
    """The same of `YC_i` for every moving row."""
    count, moving, d = Y.shape[0], len(problem.moving), len(problem.features[0])
    return answered(PROGRAM, _told(problem, parameters, passed, objective, "effects", Y),
                    PATIENCE + problem.parameters * count * moving * d // SPEED,
                    lambda said: read_effects(said, count, moving, d))


def _told(
    problem: Problem, parameters: Parameters, passed: Forward, objective: Objective, what: str,
    vectors: Fixed | None = None, wanted: Wanted = Wanted(),
) -> Iterator[bytes]:
    """A line, and floats: `Passes` of certify.finders.proposals.motions, and vectors, a row each, and budgets."""
    depth, phi = len(problem.layers), ACTIVATIONS[problem.activation]
    layers = [(layer.outputs, layer.inputs, layer.biases is not None) for layer in problem.layers]
    yield json.dumps({
        "layers": layers, "rows": passed.outputs.nrows(), "outputs": problem.outputs, "decay": problem.weight_decay,
        "free": [h - 1 for h in problem.free], "moving": list(problem.moving),
        "wanted": what, "most": wanted.most, "formed": problem.parameters <= LARGE, "whole": wanted.whole,
        "sharp": problem.parameters <= SHARP,
        "budgets": len(wanted.budgets), "vectors": None if vectors is None else vectors.shape}).encode() + b"\n"
    for W in parameters.weights:
        yield _floats(W.entries())
    for h in problem.free:
        yield _floats(extended(problem, h, passed).entries())
    for h in range(1, depth):
        yield _floats(layer_slopes(problem, h, passed, False))
    for before in passed.before:
        with ctx.workprec(DOUBLE):
            bends = _floats(map(phi.curvature, before))
        yield bends
    yield _floats(objective.slopes.entries())
    yield _floats(x for M in objective.curvatures for x in M.entries())
    yield _floats(first_weights(problem, parameters).entries())
    yield _floats(map(arb, problem.scale or (1.0,) * problem.layers[0].inputs))
    if vectors is not None:
        short, drop = shortened(vectors.mid, SHORT)
        yield array("q", [vectors.bits - drop, *map(int, short.entries())]).tobytes()
    yield from wanted.budgets


def _floats(values: Iterable[arb]) -> bytes:
    return array("d", map(float, values)).tobytes()


def read(said: IO[bytes], p: int, moving: int, d: int, wanted: Wanted = Wanted()) -> Answer | None:
    """The integers of an answer; None where it has another form.

    Args:
        said: a line with the bits of R (or none), of X, of `YYᵀ` or the vectors, and of every row, and k and bits for
            each budget, and after it the integers of each.
        p, moving, d: parameters, rows that move, and features.
        wanted: what was asked.
    """
    count = moving + 2
    sizes = _sizes(said, count + 2 * len(wanted.budgets))
    if moving < 1 or sizes is None:
        return None
    R = _first(said, p, sizes, count + 2 * len(wanted.budgets))
    sizes, last = sizes[:count], list(zip(sizes[count::2], sizes[count + 1::2], strict=True))
    if max(sizes[2:]) - min(sizes[2:]) > APART or not all(0 <= k <= LONGEST for k, _ in last):
        return None
    X = _square(said, p)
    tops, gram = None, None
    if p <= LARGE:
        formed = _square(said, p, False) if wanted.whole else None
        gram = None if formed is None else Fixed(joined(formed[0]), sizes[1], arb(0))
    elif sizes[1] == FRACTION:
        both = [_taken(said, 8 * p * VECTORS) for _ in range(2)]
        first, second = (None if part is None else fmpz_mat(p, VECTORS, part.cast("q").tolist()) for part in both)
        tops = None if first is None or second is None else (first, second)
    motions = _taken(said, 8 * moving * d * p)
    inside = [(k, Fixed(joined(M[0]), bits, arb(0))) for k, bits in last if (M := _square(said, p, False)) is not None]
    there = gram if p <= LARGE else tops
    if X is None or motions is None or len(inside) < len(last) or (there is None and (wanted.whole or p > LARGE)) or (
            said.read(1)):
        return None
    return Answer(X[0], sizes[0], X[1], sizes[2:], motions, tops, gram, R, tuple(inside))


def read_square(said: IO[bytes], p: int, whole: bool) -> Answer | None:
    """X and `YYᵀ` of an answer of nothing else; None where it has another form."""
    sizes = _sizes(said, 1 + whole)
    if sizes is None:
        return None
    R = _first(said, p, sizes, 1 + whole)
    X, formed = _square(said, p), _square(said, p, False) if whole else None
    if X is None or (whole and formed is None) or said.read(1):
        return None
    gram = None if formed is None else Fixed(joined(formed[0]), sizes[1], arb(0))
    return Answer(X[0], sizes[0], X[1], [], memoryview(b""), None, gram, R)


def read_inverse(said: IO[bytes], p: int) -> tuple[Fixed, Fixed | None] | None:
    """X of an answer of nothing else, and R or None; None where it has another form."""
    sizes = _sizes(said, 1)
    if sizes is None:
        return None
    R = _first(said, p, sizes, 1)
    X = _square(said, p, False)
    return None if X is None or said.read(1) else (Fixed(joined(X[0]), sizes[0], arb(0)), R)


def _first(said: IO[bytes], p: int, sizes: list[int], count: int) -> Fixed | None:
    """R where it stands first: then one more is in the line than so many, and is taken out of it."""
    if len(sizes) == count:
        return None
    bits, R = sizes.pop(0), _square(said, p, False)
    return None if R is None else Fixed(joined(R[0]), bits, arb(0))


def read_effects(said: IO[bytes], count: int, moving: int, d: int) -> Effects | None:
    """Those of an answer of nothing else; None where it has another form."""
    bits = _sizes(said, moving, 0)
    values = None if not bits else _taken(said, 8 * moving * d * count)
    if not bits or values is None or max(bits) - min(bits) > APART or said.read(1):
        return None
    return Effects(bits, count, values)


def _sizes(said: IO[bytes], count: int, more: int = 1) -> list[int] | None:
    """The bits of a line, so many or up to so many more; None where it has another form."""
    head = said.readline(8 * count + 64)
    try:
        sizes = json.loads(head if head.endswith(b"\n") else b"")
    except (ValueError, RecursionError):  # of brackets in brackets
        return None
    right = isinstance(sizes, list) and count <= len(sizes) <= count + more and all(
        type(x) is int and abs(x) <= LONG for x in sizes)
    return sizes if right else None


def _square(said: IO[bytes], p: int, sized: bool = True) -> tuple[list[fmpz_mat], int] | None:
    """A square matrix in bands, and the sum of the squares of its integers where that is asked for."""
    bands, square, most = [], 0, BAND if p > 2 * BAND else p
    for at in range(0, p, most):
        rows = min(most, p - at)
        values = _taken(said, 8 * rows * p)
        if values is None:
            return None
        numbers = values.cast("q").tolist()
        square += sum(map(mul, numbers, numbers)) if sized else 0
        bands.append(fmpz_mat(rows, p, numbers))
        del numbers
    return bands, square


def joined(bands: list[fmpz_mat]) -> fmpz_mat:
    """A matrix in bands as a whole."""
    return bands[0] if len(bands) == 1 else fmpz_mat([row for band in bands for row in band.tolist()])


def _taken(said: IO[bytes], size: int) -> memoryview | None:
    """So many bytes; None where there are fewer."""
    found = memoryview(bytearray(size))
    at = 0
    while at < size:
        more = said.readinto(found[at:])  # type: ignore[attr-defined]
        if not more:
            return None
        at += more
    return found


def transposed_times(X: list[fmpz_mat], U: fmpz_mat) -> fmpz_mat:
    """`XᵀU` of a matrix in bands."""
    found, rows, at = None, U.tolist(), 0
    for band in X:
        part = band.transpose() * fmpz_mat(rows[at:at + band.nrows()])
        found, at = part if found is None else found + part, at + band.nrows()
    assert found is not None
    return found


def times(X: list[fmpz_mat], g: fmpz_mat) -> fmpz_mat:
    """`Xg` of a matrix in bands."""
    return fmpz_mat([row for band in X for row in (band * g).tolist()])
