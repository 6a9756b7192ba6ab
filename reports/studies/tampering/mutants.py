"""Changes of certificates and of the arrays beside them, drawn at random; every mutant is sealed with a true digest."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Json = dict[str, Any]
Place = tuple[str | int, ...]
WORDS = ("M2", "M4", "M5", "M5a", "M5b", "M5c", "N1", "Q1", "Q4", "Q5", "Q6", "Q7", "P1", "P2", "S14", "D1", "modulus",
         "distance", "certified", "refuted", "inconclusive", "met", "failed", "open", "proved", "estimated", "",
         "mоdulus", "\u202emet", "\x1b[2J", "all", "0", "null", "x" * 5000)
NAMES = ("rank", "smooth", "counting", "solution", "tilt", "convex", "loss", "interior", "gradient", "symmetry",
         "contraction", "descent", "layer_rank", "evaluation", "agreement", "freedom", "weights", "bias", "lie")


def places(value: object, path: Place = ()) -> Iterator[tuple[Place, object]]:
    """Every place below a value, and what stands there."""
    if path:
        yield path, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def put(top: Json, path: Place, value: object) -> None:
    """Set what stands at a place."""
    at: Any = top
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value


def other_number(rng: random.Random, value: float) -> object:
    """A number near it, far from it, or of another type."""
    return rng.choice((
        lambda: math.nextafter(value, math.inf), lambda: math.nextafter(value, -math.inf), lambda: value * (1 + 1e-12),
        lambda: value * (1 - 1e-9), lambda: value * (1 + 1e-6), lambda: value * 2, lambda: value / 2, lambda: -value,
        lambda: 0, lambda: 0.0, lambda: 1, lambda: value + 1, lambda: 5e-324, lambda: 1.7976931348623157e308,
        lambda: 2**53, lambda: 2**53 + 1, lambda: 10**400, lambda: True, lambda: None, lambda: str(value),
        lambda: [value], lambda: int(value) if abs(value) < 1e300 else value))()


def numbers(rng: random.Random, top: Json) -> None:
    found = [(p, v) for p, v in places(top) if isinstance(v, int | float) and not isinstance(v, bool)]
    path, value = rng.choice(found)
    put(top, path, other_number(rng, value))


def strings(rng: random.Random, top: Json) -> None:
    found = [(p, v) for p, v in places(top) if isinstance(v, str) and p != ("digest",)]
    path, value = rng.choice(found)
    put(top, path, rng.choice((value + "x", value[:-1], value.upper(), value.replace("a", "а"), value + " ", value * 2,
                               *WORDS)))


def truths(rng: random.Random, top: Json) -> None:
    found = [(p, v) for p, v in places(top) if isinstance(v, bool) or v is None]
    path, value = rng.choice(found)
    put(top, path, rng.choice((not value, None, 0, 1, "true", 0.5, [])))


def dropped(rng: random.Random, top: Json) -> None:
    path, _ = rng.choice([(p, v) for p, v in places(top) if p != ("digest",)])
    at: Any = top
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]


def added(rng: random.Random, top: Json) -> None:
    objects = [v for _, v in places(top) if isinstance(v, dict)] + [top]
    name = rng.choice((*NAMES, "over_time", "suppressed", "tilt", "reach", "equal_rows", "z", "within", "window",
                       "radius", "note"))
    rng.choice(objects)[name] = rng.choice((None, 0, 1.5, "x", [], {}, [0, 1], True))


def permuted(rng: random.Random, top: Json) -> None:
    lists = [v for _, v in places(top) if isinstance(v, list) and v]
    if not lists:
        return
    one = rng.choice(lists)
    rng.choice((lambda: rng.shuffle(one), one.reverse, lambda: one.append(copy.deepcopy(one[0])), lambda: one.pop(),
                lambda: one.insert(0, copy.deepcopy(one[-1]))))()


def strengthened(rng: random.Random, top: Json) -> None:
    """Ends closer together or past one another, of the claim and of its rows, and the verdict that would follow."""
    claim = rng.choice(top["claims"])
    factor = rng.choice((1 + 1e-15, 1 + 1e-12, 1 + 1e-9, 1 + 1e-6, 1.001, 1.5, 10.0))
    for name, sign in (("lower", 1), ("upper", -1)):
        if rng.random() < 0.7:
            scale = factor ** (sign * rng.choice((1, 1, 1, -1)))
            for key in (name, f"row_{name}"):
                found = claim.get(key)
                if isinstance(found, list):
                    claim[key] = [None if v is None else v * scale for v in found]
                elif found is not None:
                    claim[key] = found * scale
    judged(top)


def judged(top: Json) -> None:
    """Verdicts and states as the stated ends would have them."""
    verdicts, states = [], []
    for claim in top["claims"]:
        gate, low, high = claim["gate"], claim["lower"], claim["upper"]
        low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
        if not gate:
            word = "certified" if high < math.inf else "inconclusive"
        elif "max" in gate:
            word = "certified" if high <= gate["max"] else "refuted" if low > gate["max"] else "inconclusive"
        else:
            word = "certified" if low >= gate["min"] else "refuted" if high < gate["min"] else "inconclusive"
        claim["verdict"] = word
        claim["reason"] = "" if word == "certified" else claim["reason"]
        verdicts.append(word)
        if gate:
            gate["state"] = {"certified": "met", "refuted": "failed", "inconclusive": "open"}[word]
            states += [gate["state"]] if gate["severity"] == "fail" else []
    top["verdict"] = next((w for w in ("refuted", "inconclusive") if w in verdicts), "certified")
    top["gates"] = next((s for s in ("failed", "open") if s in states), "met")


def hypotheses(rng: random.Random, top: Json) -> None:
    claim = rng.choice(top["claims"])
    value = rng.choice((None, 0, 1, 0.5, 1e-3, 1e3, "0.5"))
    claim["hypotheses"].insert(rng.randint(0, len(claim["hypotheses"])), {
        "name": rng.choice(NAMES), "statement": rng.choice(("", "it holds")), "value": value,
        "holds": rng.random() < 0.7})


def verdicts(rng: random.Random, top: Json) -> None:
    top["verdict"] = rng.choice(("certified", "refuted", "inconclusive"))
    top["gates"] = rng.choice(("met", "failed", "open"))
    claim = rng.choice(top["claims"])
    claim["verdict"] = rng.choice(("certified", "refuted", "inconclusive"))


def exchanged(rng: random.Random, top: Json) -> None:
    """Two numbers change places, within a claim or between two."""
    found = [p for p, v in places(top["claims"]) if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(found) < 2:
        return
    values: Any = dict(places(top["claims"]))
    one, two = rng.sample(found, 2)
    put({"claims": top["claims"]}, ("claims", *one), values[two])
    put({"claims": top["claims"]}, ("claims", *two), values[one])


def base(rng: random.Random, top: Json) -> None:
    name = rng.choice(sorted(top["base"]))
    value = top["base"][name]
    top["base"][name] = other_number(rng, value if isinstance(value, int | float) else 0.5)


def witnesses(rng: random.Random, top: Json) -> None:
    found = [(("claims", *p), v) for p, v in places(top["claims"]) if "witness" in p and not isinstance(v, dict | list)]
    if not found:
        return numbers(rng, top)
    path, value = rng.choice(found)
    put(top, path, other_number(rng, value) if isinstance(value, int | float) else rng.choice(WORDS))
    return None


def paths(rng: random.Random, top: Json) -> None:
    record = rng.choice(list(top["subject"].values()))
    name = record["path"]
    record["path"] = rng.choice((f"./{name}", f"x/../{name}", f"../{name}", f"//{name}", f"{name}/", name.upper(),
                                 "/etc/passwd", "../../../../../../etc/passwd", "..", f"{name}\0", ""))


KINDS: dict[str, Callable[[random.Random, Json], None]] = {
    "a number": numbers, "a text": strings, "true, false, null": truths, "a member left out": dropped,
    "a member more": added, "a list in another order": permuted, "ends made stronger": strengthened,
    "a hypothesis forged": hypotheses, "verdicts": verdicts, "numbers exchanged": exchanged, "base": base,
    "a witness": witnesses, "a path": paths,
}


def arrays(rng: random.Random, held: dict[str, np.ndarray]) -> None:
    """Entries of one array of the side file, or which arrays there are."""
    name = rng.choice(sorted(held))
    array = held[name].copy()
    if not array.size or rng.random() < 0.1:
        held[rng.choice((name + "x", "note"))] = held.pop(name)
        return
    at = rng.randrange(array.size)
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        flat[at] = rng.choice((flat[at] * (1 + 1e-9), flat[at] * 1.5, -flat[at], 0.0, math.nan, 1e300, flat[at] + 1e-3))
    else:
        flat[at] = rng.choice((0, 1, 2, 3, -1, int(flat[at]) + 1, int(flat[at]) - 1, 120))
    if rng.random() < 0.2:
        array = rng.choice((array[..., :-1], array.reshape(-1), array[::-1].copy(), array.astype(np.float32)))
    held[name] = np.ascontiguousarray(array)
