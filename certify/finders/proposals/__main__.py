"""`python -m certify.finders.proposals`: a matrix comes in on standard input, a proposal goes out on standard output.

Both are a line of JSON and then integers of eight bytes, row by row: for every entry first the whole numbers of 2^60,
then the rest; one integer for every entry of a factor of floats. Nothing goes out where there is no proposal. With a
factor R come vectors for the largest eigenvalues of `RRᵀ` and of `RQRᵀ`; the blocks of Q on its diagonal, and where
each begins, are in the line. A tangent kernel comes in as the factors it is a sum of.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from certify.finders.proposals.inverses import inverse, inverse_factor, topmost
from certify.finders.proposals.parent import end_with_parent
from certify.finders.proposals.sliced import Array, Pair, product, product_of, sum_of

WORD, HALF, MOST = 60, 26, 120


def main() -> int:
    """Answer one question."""
    end_with_parent()
    asked = json.loads(sys.stdin.buffer.readline())
    n, plain = asked["rows"], asked["words"] == 1
    A = _read(n, n, asked["bits"]) if asked["kind"] != "sum" else (
        (_plain_sum if plain else _sum)(asked["layers"], asked["counts"]))
    found = inverse(A) if asked["kind"] == "inverse" else inverse_factor(A, plain)
    if found is None or (asked["kind"] == "inverse" and _length(found[0]) + asked["wanted"] > MOST):
        return 1
    answers: list[Pair] = [found]
    if asked["kind"] != "inverse":
        R = found[0]
        turned = np.zeros_like(R)
        for at, block in asked["blocks"]:
            rows = slice(at, at + len(block))
            turned[rows] = np.array(block) @ R.T[rows]
        answers += [(topmost(R, T), None) for T in (R.T, turned)]
    wanted = asked["wanted"]
    parts = [_integers(high, low, wanted if asked["kind"] == "inverse" else wanted - _length(high), plain)
             for high, low in answers]
    sys.stdout.buffer.write(json.dumps([[bits, words[0].shape[1]] for bits, words in parts]).encode() + b"\n")
    for _, words in parts:
        for word in words:
            sys.stdout.buffer.write(word.astype("<i8").tobytes())
    return 0


def _read(rows: int, columns: int, bits: int) -> Pair:
    """A matrix from standard input."""
    words = [np.frombuffer(sys.stdin.buffer.read(8 * rows * columns), dtype="<i8").reshape(rows, columns)
             for _ in range(2)]
    return _floats(words[0], words[1], bits)


def _sum(sizes: list[tuple[int, int, int]], counts: list[int]) -> Pair:
    """The sum over layers of the entrywise products of `CBᵀ` and `AAᵀ`, an entry of it for several of `CBᵀ`.

    C is B but for a factor: all of these are symmetric, and made below the diagonal.
    """
    K: Pair | None = None
    for C, B, A in _layers(sizes, counts):
        L, M = product(C, _turned(B), symmetric=True), product(A, _turned(A), symmetric=True)
        k = len(L[0]) // len(M[0])
        high, low = (np.repeat(np.repeat(part, k, axis=0), k, axis=1) for part in M)
        found, lost = product_of(L[0], high)
        more = lost + (L[0] * low + L[1] * high)
        if K is None:
            K = sum_of(found, more)
        else:
            first, rest = sum_of(K[0], found)
            K = sum_of(first, rest + (more + K[1]))
    assert K is not None and K[1] is not None
    return _mirrored(K[0]), _mirrored(K[1])


def _mirrored(M: Array) -> Array:
    """What stands below the diagonal, on both sides of it."""
    return np.tril(M) + np.tril(M, -1).T


def _plain_sum(sizes: list[tuple[int, int, int]], counts: list[int]) -> Pair:
    """The same in floats."""
    K: Any = None
    for C, B, A in _layers(sizes, counts):
        part, M = C[0] @ B[0].T, A[0] @ A[0].T
        k = len(part) // len(M)
        part.reshape(len(M), k, len(M), k)[...] *= M[:, None, :, None]
        K = part if K is None else K + part
    return K, None


def _layers(sizes: list[tuple[int, int, int]], counts: list[int]) -> Iterator[tuple[Pair, Pair, Pair]]:
    """C, B and A of each; two matrices stand for a layer where C is B, else three."""
    matrices = iter([_read(*size) for size in sizes])
    for count in counts:
        C = next(matrices)
        yield C, C if count == 2 else next(matrices), next(matrices)


def _turned(M: Pair) -> Pair:
    return np.ascontiguousarray(M[0].T), None if M[1] is None else np.ascontiguousarray(M[1].T)


def _length(M: Array) -> int:
    """Bits of the whole part of the largest entry."""
    return math.frexp(float(np.abs(M).max()))[1]


def _integers(high: Array, low: Array | None, bits: int, plain: bool) -> tuple[int, list[Array]]:
    """Bits of the fraction, and the words of every entry."""
    if plain:
        return bits, [np.rint(np.ldexp(high, bits))]
    scaled = np.ldexp(high, bits - WORD)
    first = np.rint(scaled)
    rest = np.ldexp(scaled - first, WORD)
    rest = rest if low is None else rest + np.ldexp(low, bits)
    carry = np.rint(np.ldexp(rest, -WORD))  # a number of more than 53 bits has a second part beyond a word
    return bits, [first.astype("<i8") + carry.astype("<i8"), np.rint(rest - np.ldexp(carry, WORD))]


def _floats(first: Any, rest: Any, bits: int) -> Pair:
    """A pair that is about `(first·2^60 + rest)·2^−bits`."""
    high: Array = np.zeros(first.shape)
    low: Array = np.zeros(first.shape)
    for word, at in ((first, WORD), (rest, 0)):
        top = word >> HALF
        for part, up in ((top, HALF), (word - (top << HALF), 0)):
            high, lost = sum_of(high, np.ldexp(part.astype(float), at + up - bits))
            low += lost
    return sum_of(high, low)


if __name__ == "__main__":
    sys.exit(main())
