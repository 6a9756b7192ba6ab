"""Why a mutant that the checker accepts follows from what is proved of the original, or that it does not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from certify.format.canonical import encode

Json = dict[str, Any]
AGAIN = 1e-12

CASE = "another case of M5, which is proved of the point, or says less"
FROM_BELOW, PROVED = "M5d", ("M5b", "M5c")
"""The case of lower ends alone, which stand whatever the rank (V34), and those that say of A that it is nonsingular."""
NAMES = ("M5", FROM_BELOW, *PROVED)
"""Cases of one system; M5a is of another."""

RECIPE = "another recipe of rows on disk, which the verdict names, derived again"
"""The caller has to see that it is the one in mind (V84)."""


def differences(old: object, new: object, path: tuple[object, ...] = ()) -> Iterator[tuple[str, object, object]]:
    """Every place at which two values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key, ...), new.get(key, ...), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, (*path, at))
    elif old is ... or new is ... or encode(old) != encode(new):
        yield ".".join(map(str, path)), old, new


def ends(claim: Json) -> Iterator[tuple[float, float]]:
    """Both ends of a claim, and of each of its rows."""
    rows = zip(claim.get("row_lower", ()), claim.get("row_upper", ()), strict=True)
    pairs = [(claim["lower"], claim["upper"]), *rows]
    if "equal_rows" in claim.get("witness", {}):
        pairs = [(math.inf, None)]
    for low, high in pairs:
        yield (-math.inf if low is None else low), (math.inf if high is None else high)


def labels(claim: Json, rows: int) -> tuple[set[int], set[int]] | None:
    """The evaluation rows that are stated to stay and to be flipped; None of claims that name none."""
    witness = claim.get("witness", {})
    if "stays" in claim:
        return set(claim["stays"]), set(claim["flips"])
    if "flipped" not in witness:
        return None
    return set(range(rows)) - {*witness["flipped"], *witness["undecided"]}, set(witness["flipped"])


def compared(old: Json, new: Json, rows: int = 0) -> str:
    """How the ends of two claims lie: equal, weaker, sharper inside, or beyond.

    Args:
        old, new: the claims.
        rows: evaluation rows, where both name those that stay.
    """
    first, second = list(ends(old)), list(ends(new))
    named, again = labels(old, rows), labels(new, rows)
    if named and again and (named[0] & again[1] or named[1] & again[0]):
        return "beyond"
    if len(first) != len(second):
        return "rows left out" if not new.get("rows", True) else "beyond"
    word = "equal"
    for (low, high), (least, most) in zip(first, second, strict=True):
        room = AGAIN * max(abs(v) for v in (low, high, 1.0) if math.isfinite(v))
        if least > high + room or most < low - room:
            return "beyond"
        if least > low or most < high:
            word = "sharper, inside the original"
        elif (least < low or most > high) and word == "equal":
            word = "weaker"
    return word


PLACES = (
    (r"certify_version|created|environment.*", "bounded text: version, date, machine"),
    (r"claims\.\d+\.reason|over_time.*reason", "bounded text: reason of what is open"),
    (r"claims\.\d+\.hypotheses.*statement", "words of the theorem, or none"),
    (r"claims\.\d+\.hypotheses.*", "hypotheses: dropped, ordered, or derived again"),
    (r"claims\.\d+\.witness.*", "another witness, derived again"),
    (r"claim\.(stays|flips|changed).*", "rows named, derived again"),
    (r"problem\.(penalty|intercept|count|change)|claim\.theorem", RECIPE),
    (r"claims\.\d+\.(verdict|gate.*)|verdict|gates", "verdicts that follow from the ends"),
    (r"claims\.\d+\.theorem", CASE),
    (r"claims\.\d+\.unit", "a unit that earlier versions stated"),
    (r"claims\.\d+\.(lower|upper|row.*)|claim\.(lower|upper)", "ends"),
    (r"base.*", "numbers of base, within the slack of V7"),
    (r"problem\.(radius|reparameterised|names|count|within|weights_length)", "an optional member of problem left out"),
    (r"problem\.merge_duplicates", "merging where no rows are equal"),
    (r"subject\..*\.path", "another way to the same file"),
    (r"subject\.witness\.(sha256|bytes)", "other arrays, derived again"),
    (r"suppressed.*", "suppressions, not heeded"),
    (r"digest", ""),
)


def case_follows(old: Json, new: Json, proved: str) -> bool:
    """Whether the theorem that a claim about a critical point names stands where the original has another one.

    A claim without a number says nothing. Of lower ends alone M5d says less than M5b and M5c do, and each of these
    stands where that case is proved of the point; no two of them are proved of one.

    >>> one, both = {"theorem": "M5d", "lower": 1.0, "upper": None}, {"theorem": "M5b", "lower": 1.0, "upper": 2.0}
    >>> case_follows(one, one | {"theorem": "M5b"}, "M5b"), case_follows(one, one | {"theorem": "M5c"}, "M5b")
    (True, False)
    >>> case_follows(both, both | {"theorem": "M5d"}, "M5b")
    False

    Args:
        old, new: the claims; their ends have been compared.
        proved: the case that is proved of the point.
    """
    names = {old["theorem"], new["theorem"]}
    if not names <= set(NAMES):
        return False
    if all(pair == (-math.inf, math.inf) for pair in ends(new)):
        return True
    alone = new["upper"] is None and not new.get("rows")
    return alone and new["theorem"] in (FROM_BELOW, proved) and names <= {FROM_BELOW, *PROVED}


def claims(top: Json) -> list[Json]:
    """Of either format."""
    found: list[Json] = [top["claim"]] if "claim" in top else top["claims"]
    return found


def recipe(top: Json) -> Json:
    """The model and the changes that a certificate about rows on disk is about."""
    return {name: top["problem"][name] for name in ("penalty", "intercept", "count", "change")}


def why(old: Json, data: bytes, rows: int, proved: Callable[[], str] = str) -> tuple[str, bool]:
    """Why an accepted mutant is right, and whether it is not.

    Args:
        old: the original.
        data: the mutant.
        rows: evaluation rows.
        proved: which case of M5 is proved of the point, where it is one; no word for none.
    """
    new = json.loads(data)
    if "problem" in new and "penalty" in new["problem"] and recipe(old) != recipe(new):
        return RECIPE, False
    if len(claims(new)) != len(claims(old)):
        return "an end beyond the original", True
    words = {compared(*pair, rows) for pair in zip(claims(old), claims(new), strict=True)}
    if "beyond" in words:
        return "an end beyond the original", True
    named = [pair for pair in zip(claims(old), claims(new), strict=True) if pair[0]["theorem"] != pair[1]["theorem"]]
    if named and not all(case_follows(*pair, proved()) for pair in named):
        return f"unexplained: theorem {named[0][1]['theorem']}", True
    for one in ("rows left out", "weaker", "sharper, inside the original"):
        if one in words:
            return f"ends: {one}", False
    found = set()
    for place, _, _ in differences(old, new):
        match = next((word for form, word in PLACES if re.fullmatch(form, place)), None)
        if match is None:
            return f"unexplained: {place}", True
        found.add(match)
    found -= {""}
    return " + ".join(sorted(found)) or "the same", False
