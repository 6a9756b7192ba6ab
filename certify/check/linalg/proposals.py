"""Inverses that another process proposes: nothing of what it says is believed.

It runs another program of this package, with numpy and LAPACK. Where there is none, or it fails, there is no proposal.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence

from flint import arb, fmpz, fmpz_mat

from certify.check.linalg.fixed import Fixed, scale
from certify.check.probed.hadamard import Factored
from certify.check.probed.other_process import answered

WORD, MOST = 60, 120
"""Bits of the second of two integers that an entry is sent as, and bits of an entry that are sent."""

PROGRAM = ("import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
           "from certify.finders.proposals.__main__ import main; sys.exit(main())")

COLUMNS = 64
"""Of vectors that are proposed, at most: what judges them takes time by the cube."""

PATIENCE, SPEED = 300, 5 * 10**7
"""Seconds that any proposal may take, and the n³ for which it may take one more: ten times what that takes."""


Blocks = Sequence[tuple[int, Sequence[Sequence[float]]]]


def proposed(kind: str, A: Fixed, bits: int, blocks: Blocks = ()) -> list[Fixed] | None:
    """What is proposed for the middle of A; None where nothing is.

    Args:
        kind: `inverse` for X with `XA ≈ I`; `factor` for a lower triangular R with `RARᵀ ≈ I` and columns V for the
            largest eigenvalues of `RRᵀ` and of `RQRᵀ`.
        A, bits: the matrix, and bits: of the fraction of an inverse, of the largest entry of a factor.
        blocks: those of Q on its diagonal, with the row where each begins.
    """
    words, drop = _words(A)
    return _answered({"kind": kind, "rows": A.shape[0], "bits": A.bits - drop, "wanted": bits, "blocks": blocks}, words,
                     *((1, 2) if kind == "inverse" else (3, words_of(bits))))


def proposed_of_sum(A: Factored, bits: int, blocks: Blocks = ()) -> list[Fixed] | None:
    """The same of a factor, of a sum of entrywise products that is told by what it is made of."""
    told, sizes, counts = [], [], []
    for C, B, inputs in A.layers:
        for M in (*(() if C is B else (C,)), B, inputs):
            words, drop = _words(M)
            told.append(words)
            sizes.append([*M.shape, M.bits - drop])
        counts.append(2 if C is B else 3)
    return _answered({"kind": "sum", "rows": A.shape[0], "layers": sizes, "counts": counts, "wanted": bits,
                      "blocks": blocks}, b"".join(told), 3, words_of(bits))


def words_of(bits: int) -> int:
    """Integers that an entry of a factor of so many bits comes as: of one, the factor is one of floats."""
    return 1 if bits <= WORD else 2


def _words(A: Fixed) -> tuple[bytes, int]:
    """Both words of every entry, and how many bits were cut off."""
    values = A.mid.entries()
    drop = max(0, max(max(values).bit_length(), min(values).bit_length()) - MOST) if values else 0
    values = [x >> drop for x in values] if drop else values
    half = 1 << WORD - 1
    first = array("q", [int(x + half >> WORD) for x in values])
    rest = array("q", [int(x) - (y << WORD) for x, y in zip(values, first, strict=True)])
    return first.tobytes() + rest.tobytes(), drop


def _answered(asked: dict[str, object], words: bytes, wanted: int, each: int) -> list[Fixed] | None:
    """What the other process says to a line and integers."""
    n = asked["rows"]
    assert isinstance(n, int)
    most = 100 + 8 * each * n * (n + COLUMNS * (wanted - 1))
    return answered(PROGRAM, (json.dumps(asked | {"words": each}).encode() + b"\n", words), PATIENCE + n**3 // SPEED,
                    lambda said: read(said.read(most), n, wanted, each))


def read(said: bytes, n: int, wanted: int, words: int = 2) -> list[Fixed] | None:
    """The integers of an answer, whatever they mean; None where it has another form.

    Args:
        said: a line with bits and columns of every matrix, and after it the words of each.
        n, wanted: rows of all matrices, and how many there are; the first has as many columns as rows.
        words: of each, one or two; with two the first words of the first matrix come last, as what it is near.
    """
    head, newline, body = said.partition(b"\n")
    try:
        sizes = [(bits, columns) for bits, columns in json.loads(head if newline and len(head) < 99 else b"")]
    except (ValueError, TypeError):
        return None
    if len(sizes) != wanted or not all(type(x) is int and 0 <= x < 1 << 16 for pair in sizes for x in pair) or (
            sizes[0][1] != n or any(columns > COLUMNS for _, columns in sizes[1:])) or (
            len(body) != 8 * words * n * sum(columns for _, columns in sizes)):
        return None
    found, short, at, view = list[Fixed](), list[Fixed](), 0, memoryview(body)
    for bits, columns in sizes:
        size = 8 * n * columns
        parts = [view[at + k * size:at + (k + 1) * size].cast("q").tolist() for k in range(words)]
        mid, *rest = (fmpz_mat(n, columns, part) for part in parts)
        if rest and not found and bits >= WORD:
            most = max(max(parts[1], default=0), -min(parts[1], default=0))
            short = [Fixed(mid, bits - WORD, (arb(n * most) * scale(bits)).upper())]
        found.append(Fixed(mid * (fmpz(1) << WORD) + rest[0] if rest else mid, bits, arb(0)))
        at += words * size
    return found + short
