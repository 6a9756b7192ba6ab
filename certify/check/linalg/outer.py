"""Products of every entry of one row with every entry of another, row by row, in fixed point."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from flint import arb, arb_mat, fmpz_mat

from certify.check.linalg.balls import ONE, ZERO, largest, norm
from certify.check.linalg.fixed import FAR, Fixed, Integers, cut, filled, longest, scale

PACKED, LONGEST = 4, 62
"""Columns from which rows of products are made in one long integer, and bits that a number may then have."""

Pair = tuple[Fixed, Fixed]


def facing(A: Fixed, B: Fixed, width: int) -> Fixed:
    """Row by row the products of every entry of A with every entry of B: column `s·(columns of B) + u`."""
    return facings([[(A, B)]], width)


def facings(blocks: Sequence[Sequence[Pair]], width: int) -> Fixed:
    """Blocks side by side: row by row the sum over the pairs (A, B) of a block of the products as of `facing`.

    Row i of one pair errs by at most `r_A,i|b_i| + |a_i|r_B,i + r_A,i r_B,i`: over all rows by
    `r_A·max|b_i| + max|a_i|·r_B + r_Ar_B`. Pairs add up, each with what is cut off; blocks stand side by side.
    """
    sizes = [max(longest(A.mid.entries()) + longest(B.mid.entries()) - A.bits - B.bits for A, B in pairs)
               for pairs in blocks]
    most = min(A.bits + B.bits for pairs in blocks for A, B in pairs)
    bits = min(most, width - max(sizes))
    rows = blocks[0][0][0].shape[0]
    shape = (rows, sum(pairs[0][0].shape[1] * pairs[0][1].shape[1] for pairs in blocks))
    parts = [_block(pairs, bits) for pairs in blocks]
    if len(parts) == 1:
        values = parts[0]
    else:
        wide = [len(part) // max(rows, 1) for part in parts]
        values = [x for i in range(rows) for part, w in zip(parts, wide, strict=True) for x in part[i * w:i * w + w]]
    radius = norm(sum((_off(A, B) for A, B in pairs), ZERO) for pairs in blocks)
    exact = all(A.bits + B.bits == bits for pairs in blocks for A, B in pairs)
    lost = ZERO if exact else cut(shape, bits) * max(map(len, blocks))
    return Fixed(fmpz_mat(*shape, values), bits, (radius + lost).upper())


def _block(pairs: Sequence[Pair], bits: int) -> list[int]:
    """Row by row the sums of products, each with what is beyond so many bits cut off, or the sums cut once."""
    drops = [min(A.bits + B.bits - bits, FAR) for A, B in pairs]
    lists = [(A.mid.tolist(), B.mid.tolist()) for A, B in pairs]
    drop, columns = max(drops), pairs[0][1].shape[1]
    if drop <= LONGEST and columns >= PACKED and sys.byteorder == "little":
        lists = [(u, [[y << drop - own for y in row] for row in v] if own < drop else v)
                 for (u, v), own in zip(lists, drops, strict=True)]
        sizes = [[longest([x for row in M for x in row]) for M in pair] for pair in lists]
        if max(*map(max, sizes), max(map(sum, sizes)) + 1 - drop) <= LONGEST:
            return _packed(lists, drop)
        lists = [(A.mid.tolist(), B.mid.tolist()) for A, B in pairs]
    found: list[int] = []
    for rows in zip(*(zip(*pair, strict=True) for pair in lists), strict=True):
        own = [[x * y >> d for x in u for y in v] for (u, v), d in zip(rows, drops, strict=True)]
        found += own[0] if len(own) == 1 else [int(sum(z)) for z in zip(*own, strict=True)]
    return found


def _packed(lists: Sequence[tuple[Sequence[Integers], Sequence[Integers]]], drop: int) -> list[int]:
    """`Σ xy >> drop`, of one pair or two; `LONGEST` bits hold each result, x, y and `drop`.

    All y of a row stand in one integer, 128 bits each. Times x, and plus `2^127` in each place, no place borrows from
    the next; the 64 bits from `drop` on are then those of the sum, as `2^(127 − drop)` is a multiple of `2^64`.
    """
    found: list[bytes] = []
    half, length = 0, 0
    for rows in zip(*(zip(*pair, strict=True) for pair in lists), strict=True):
        if 16 * len(rows[0][1]) != length:
            length = 16 * len(rows[0][1])
            half = int.from_bytes((bytes(15) + b"\x80") * len(rows[0][1]), "little")
        (first, y), *others = [(map(int, u), sum([int(x) << 128 * j for j, x in enumerate(v)])) for u, v in rows]
        sums: Iterable[int] = [x * y + half for x in first]
        for more, z in others:
            sums = [s + x * z for s, x in zip(sums, more, strict=True)]
        found += [(s >> drop).to_bytes(length, "little") for s in sums]
    return memoryview(b"".join(found)).cast("q")[::2].tolist()


def _off(A: Fixed, B: Fixed) -> arb:
    """How far the products of one pair are off, in Frobenius norm."""
    found = A.radius * B.radius
    found = found if A.radius.is_zero() else found + A.radius * longest_row(B)
    return found if B.radius.is_zero() else found + longest_row(A) * B.radius


def longest_row(M: Fixed) -> arb:
    """Upper bound of the lengths of the rows: the largest sum of absolute values."""
    sums = (arb_mat(M.mid) * arb(0, 1)) * filled((M.shape[1], 1), ONE)
    return (largest([x.abs_upper() for x in sums.entries()]) * scale(M.bits)).upper()
