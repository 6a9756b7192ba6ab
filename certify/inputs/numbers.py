"""From an array as stored to float64, exactly or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.format.errors import EnvironmentRefused, InputError
from certify.rigor import fp

LARGEST_INTEGER = 2**53
"""Integers up to this size in absolute value are float64 numbers."""


def exact_float64(array: np.ndarray[Any, Any], name: str, out: np.ndarray[Any, np.dtype[np.float64]] | None = None,
                  ) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The same numbers as finite float64, C-contiguous and read-only.

    Floats of 16, 32 and 64 bits and booleans convert exactly. Integers do up to 2^53.

    Args:
        array: numbers as stored.
        name: what to call the array in messages.
        out: of the same shape, where they are put; it is returned then, and stays as writable as it was.

    Raises:
        InputError: a NaN or infinity (says where), an integer beyond 2^53 (says where), or a kind of number
            that has no exact float64 value.
        EnvironmentRefused: subnormal numbers, of float32 too, on a thread that would read them as 0.

    >>> exact_float64(np.array([[1, 2]], dtype=np.int8), "array 'X'")
    array([[1., 2.]])
    >>> exact_float64(np.array([2**53 + 1]), "array 'y'")
    Traceback (most recent call last):
    ...
    certify.format.errors.InputError: array 'y', entry 0: 9007199254740993 is beyond 2^53, ...
    """
    kind = array.dtype.kind
    if kind in "iu":
        beyond = (array > LARGEST_INTEGER) | (array < -LARGEST_INTEGER if kind == "i" else False)
        if beyond.any():
            index = first_index(beyond)
            raise InputError(
                f"{name}, {place(index)}", f"{array[index]} is beyond 2^53, where integers are not all float64",
                "store it as float64 if a rounded value is meant",
            )
    elif not (kind == "b" or (kind == "f" and array.dtype.itemsize <= 8)):
        raise InputError(name, f"numbers of type {array.dtype}", "store real numbers: floats, integers or booleans")
    if fp.has_subnormal(array) and fp.flushes():
        raise EnvironmentRefused(name, "subnormal numbers while this thread flushes them to zero",
                                 "turn flush-to-zero off, or rescale them")
    if out is None:
        result = np.ascontiguousarray(array, dtype=np.float64)
    else:
        result = out
        result[...] = array
    require_finite(result, name)
    if out is None:
        result.flags.writeable = False
    return result


def require_finite(array: np.ndarray[Any, Any], name: str, one: str = "entry") -> None:
    """Refuse floats of which one is a NaN or infinite.

    Args:
        array: real numbers.
        name: what to call the array in messages.
        one: what an entry of a list is called.

    Raises:
        InputError: says where the first is, and how many others there are.
    """
    finite = np.isfinite(array)
    if not finite.all():
        index = first_index(~finite)
        more = int((~finite).sum()) - 1
        others = f" (and {more} more)" if more else ""
        raise InputError(
            f"{name}, {place(index).replace('entry', one)}", f"{float(array[index])}{others}",
            "correct it, or leave it out: only finite numbers can be certified",
        )


def first_index(mask: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """Index of the first true entry, row by row."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))


def place(index: tuple[int, ...]) -> str:
    """An index in words.

    >>> place((3, 5)), place((3,)), place(())
    ('row 3, column 5', 'entry 3', 'its only entry')
    """
    if not index:
        return "its only entry"
    if len(index) == 2:
        return f"row {index[0]}, column {index[1]}"
    return f"entry {', '.join(map(str, index))}"
