"""Which change of whole rows is meant, where it is not any rows, each by itself: groups, along pairs, two at once."""

from __future__ import annotations

from certify.check.reading.arrays import read_arrays
from certify.check.reading.numbers import is_number
from certify.check.reading.spec import Spec
from certify.format.canonical import Json, show
from certify.format.refusal import Invalid

KEYS = ("groups", "relabelled", "pairs", "fresh", "relative")
"""Name of the array or column of the data file by which rows change together; beside `count` rows that are left out,
how many others get another label; labels that may become another, each with that one; how rows are new, and, where
given, the box of their features; whether the radius is a share of every target. One of them is given."""
FRESH = ("added", "replaced")


def placed(spec: Spec, data: bytes, name: str, n: int) -> Json:
    """The keys of a spec, with `together`: the groups of rows, each ascending, in the order of their first rows."""
    kind = spec.kind or {}
    key = kind["groups"]
    return kind | {"together": () if key is None else _groups(data, spec, key, name, n)}


def described(kind: Json) -> Json:
    """What the member `problem` of a certificate says of it."""
    if kind["relative"]:
        return {"relative": True}
    if kind["together"]:
        most = max(map(len, kind["together"]))
        return {"grouped": {"by": kind["groups"], "groups": len(kind["together"]), "largest": most}}
    if kind["fresh"]:
        return {"fresh": {"rows": kind["fresh"], "box": [list(p) for p in kind["box"]] if kind["box"] else None}}
    return {"pairs": [list(pair) for pair in kind["pairs"]]} if kind["pairs"] else {"relabelled": kind["relabelled"]}


def read_kind(p: Json) -> Json | None:
    """The keys of `[perturbation]`, each of its type; None where all that is said is that no share is meant."""
    groups, relabelled, pairs = p.get("groups"), p.get("relabelled"), p.get("pairs", [])
    if groups is not None and (not isinstance(groups, str) or not groups):
        raise Invalid("spec, perturbation.groups", f"{show(groups)} is stated", "the name of an array is needed")
    if relabelled is not None and (type(relabelled) is not int or relabelled < 1):
        raise Invalid("spec, perturbation.relabelled", f"{show(relabelled)} is stated", "a whole number from 1 on")
    good = isinstance(pairs, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair)) for pair in pairs)
    if not good or ("pairs" in p and not pairs):
        raise Invalid("spec, perturbation.pairs", f"{show(pairs)} is stated", "a list of pairs of labels is needed")
    fresh, box, relative = p.get("fresh"), p.get("box"), p.get("relative", False)
    if type(relative) is not bool:
        raise Invalid("spec, perturbation.relative", f"{show(relative)} is stated", "true or false is needed")
    if fresh is not None and fresh not in FRESH:
        raise Invalid("spec, perturbation.fresh", f"{show(fresh)} is stated", f"one of {show(list(FRESH))} is needed")
    good = box is None or (isinstance(box, list) and bool(box) and all(
        isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair)) and pair[0] <= pair[1] for pair in box))
    if not good or (box is not None and fresh is None):
        raise Invalid("spec, perturbation.box", f"{show(box)} is stated", "pairs of a least and a largest value are "
                      "needed, beside fresh")
    found = {"groups": groups, "relabelled": relabelled, "pairs": tuple((float(a), float(b)) for a, b in pairs),
             "fresh": fresh, "box": tuple((float(a), float(b)) for a, b in box or ()), "relative": relative}
    word = ", ".join(key for key in KEYS if found[key])
    return found | {"word": word} if word else None


def _groups(data: bytes, spec: Spec, key: str, name: str, n: int) -> tuple[tuple[int, ...], ...]:
    """Rows with the same number in an array or column."""
    if spec.data.lower().endswith(".csv"):
        from certify.check.reading.formats.table import Table

        table = Table(data, name)
        arrays = {key: table.column(key)} if key in table.names else {}
        for column in arrays:
            table.require_apart(column)
    else:
        arrays = read_arrays(data, name)
    if key not in arrays:
        raise Invalid("data file", f"it holds {show(sorted(arrays))}", f"the spec asks for groups {show(key)}")
    if arrays[key].shape != (n,):
        raise Invalid(f"data file, array {show(key)}", f"its shape is {arrays[key].shape}", f"{(n,)} is needed")
    found: dict[float, list[int]] = {}
    for row, value in enumerate(arrays[key].values):
        found.setdefault(value, []).append(row)
    return tuple(map(tuple, found.values()))
