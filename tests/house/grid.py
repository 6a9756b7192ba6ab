"""The whole grid of words: every combination of them that a spec can state, by number.

The first part varies the words that name mathematics in full, with the keys that go with them and with each of those
keys the other way round. The second part strides through all combinations of all keys.
"""

from __future__ import annotations

import lzma
import struct
import sys
from array import array
from collections.abc import Sequence
from functools import cache
from math import prod
from pathlib import Path

from certify.format.quantities import QUANTITIES, unit
from certify.format.question import Question
from certify.format.support import applying, default_quantities, unasked
from certify.format.words import Parameter, Set

PLAIN, AUBIN = "", "[aubin]"
"""No gate; no gate beside a section `[aubin]`."""
GATED = ("modulus", "sample_modulus", "first_order_distance", "distance", "aubin", "persistence_radius",
         "prediction_change", "stable_predictions", "first_order_prediction_change", "excess", "hausdorff")
SINCE = ("correct_predictions", "tolerated_changes", "functional")
"""Quantities that came later: `test_whole_rows.py` asks about them."""
PLACES = (("chain", "all"), ("chain", "inner"), ("chain", "last"), ("chain", "only"), ("module", "all"),
          ("module", "inner"), ("graph", "all"), ("graph", "inner"))
WORDS: tuple[Sequence[object], ...] = (
    ("interpolation", "critical", "sublevel"), ("given", "nearby"), PLACES, ("total", "per_sample", "sparse", "given"),
    ("features", "targets", "sample_weights", "labels"), (1, 2, "inf"), ("squared", "cross_entropy", "logistic"),
    (*GATED, PLAIN, AUBIN), ("euclidean", "relative", "function"))
"""Written out, so that the answers kept beside this file stay those to the same questions when words are added."""
TURNED = (None, "radius", "level", "evaluation", "window", "targets", "units", "decay", "down", "arithmetic", "count",
          "change", "reference")
ALL = prod(map(len, WORDS))
ONE = ALL * len(TURNED)
"""Size of the first part."""
STRIDE, MORE = 7_368_787, 400_000
"""A prime that divides no number of words; size of the second part."""
SIZE = ONE + MORE
FROZEN = Path(__file__).with_name("grid.xz")


def point(number: int) -> Question:
    """The combination of that number; its quantity may be `PLAIN` or `AUBIN`."""
    if number < ONE:
        at, turn = divmod(number, len(TURNED))
        return _point(at, frozenset((TURNED[turn],)))
    keys = TURNED[1:]
    spread = (number - ONE + 1) * STRIDE % (ALL << len(keys))
    at, bits = divmod(spread, 1 << len(keys))
    return _point(at, frozenset(key for i, key in enumerate(keys) if bits >> i & 1))


def _point(at: int, turned: frozenset[str | None]) -> Question:
    chosen: list[object] = []
    for words in reversed(WORDS):
        at, i = divmod(at, len(words))
        chosen.append(words[i])
    weight_norm, quantity, loss, norm, parameter, set_, (network, layer), base, map_ = chosen
    usual = _usual(quantity, set_, parameter, weight_norm)  # type: ignore[arg-type]
    given = usual | {key: not usual[key] for key in turned if key and key != "arithmetic"}
    exact = "exact" if "arithmetic" in turned else "float"
    return Question(quantity, map_, base, network, layer, loss, set_, parameter, norm,  # type: ignore[arg-type]
                    weight_norm, exact, **given)  # type: ignore[arg-type]


@cache
def _usual(quantity: str, set_: str, parameter: str, weight_norm: str) -> dict[str, bool]:
    """The keys that go with these words."""
    row = QUANTITIES.get(quantity or "first_order_distance")
    sized = row is not None and row.sized and Set(set_).sized and Parameter(parameter).sized
    needs = () if quantity in (PLAIN, AUBIN) else row.needs
    return {"decay": True, "down": False, "targets": True, "radius": sized, "level": "level" in needs,
            "count": set_ == "sparse", "change": set_ == "given", "reference": weight_norm == "function",
            "units": False, "window": "window" in needs, "evaluation": "evaluation" in needs}


def asked(at: Question) -> tuple[str, ...]:
    """The quantities that a spec of this combination asks for."""
    if at.quantity in (PLAIN, AUBIN):
        return default_quantities(at.set, at.norm, at.parameter, at.quantity == AUBIN, at.window)
    return (at.quantity,)


REFUSED, LATER = ".", "-"


def answer(at: Question) -> str:
    """What the table says of a combination: quantity, theorem and unit of each claim, or `REFUSED`."""
    names, said = asked(at), []
    if unasked(names, at.quantity == AUBIN, at.window, at.evaluation):
        return REFUSED
    for name in names:
        found = applying(_about(at, name))
        if not found:
            return REFUSED
        (theorem,) = found
        said.append(f"{name} {theorem} {unit(name, at.parameter, at.set, at.weight_norm)}")
    return "; ".join(said)


def _about(at: Question, name: str) -> Question:
    return at if at.quantity == name else Question(**{**vars(at), "quantity": name})


def thaw(path: Path = FROZEN) -> tuple[list[tuple[str, str]], Sequence[int]]:
    """The kinds of answers, prover's and checker's, and which of them each combination has."""
    data = lzma.decompress(path.read_bytes())
    (length,) = struct.unpack_from("<I", data)
    kinds = [tuple(line.split("\t")) for line in data[4:4 + length].decode().split("\n")]
    which = array("H", data[4 + length:])
    if sys.byteorder == "big":
        which.byteswap()
    return kinds, which  # type: ignore[return-value]
