"""What the keys of a spec take that is no word: numbers, names, sizes and lists, each strictly of its type."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field


def _word(value: object) -> object:
    """Refuse true and 1.0 where the number 1 is meant: Python holds them equal, a spec does not."""
    if isinstance(value, bool | float):
        raise ValueError("the plain integer or word")
    return value


def _exact(value: object) -> object:
    """Refuse an integer that would be rounded on its way to float64."""
    if isinstance(value, int) and abs(value) > 2**53:
        raise ValueError("a float; an integer this large would be rounded")
    return value


def _tuple(value: object) -> object:
    """A list of TOML as the tuple that frozen data needs."""
    return tuple(value) if isinstance(value, list) else value


def _bytes(value: object) -> object:
    """A size such as "8 GB" as its number of bytes."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([kKMGT]|[KMGT]i)?B", value)
    if found is None:
        raise ValueError('a number of bytes, or a size such as "8 GB" or "512 MiB"')
    return float(found[1]) * _UNITS[found[2] or ""]


_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
          "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

Plain = BeforeValidator(_word)
Exact = BeforeValidator(_exact)
Listed = BeforeValidator(_tuple)
Positive = Annotated[float, Exact, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Exact, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Exact, Field(allow_inf_nan=False)]
ByLabel = Annotated[tuple[Positive, ...], Field(min_length=2)]
Bytes = Annotated[float, Exact, BeforeValidator(_bytes, json_schema_input_type=float | str),
                  Field(ge=1, allow_inf_nan=False)]
Integer = Annotated[int, Field(le=2**53)]
Count = Annotated[int, Field(ge=1, le=2**53)]
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], Field(min_length=1)]
Pair = Annotated[tuple[Finite, Finite], Listed]
