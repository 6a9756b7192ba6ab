"""Whether two certificates answer one question, so that their numbers may be held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from certify.format.words import Base

Json = Mapping[str, Any]

ASKED: Final = (
    "map", "base", "layer", "parameter", "set", "norm", "weight_norm", "tau", "reference_rows", "evaluation_rows",
    "functionals", "threshold", "window", "direction", "outputs", "scale", "loss", "normalization", "level",
    "merge_duplicates", "radius", "relative", "count", "relabelled", "pairs", "fresh", "rows", "class_weight")
"""Members of a problem that say what is asked, whatever the model and the training rows are."""

NAMED: Final = ("grouped", "row_weights")
"""Members of which only the name of the array says what is asked."""

FILES: Final[Mapping[str, str]] = {
    "evaluation": "the rows to predict", "reference": "the reference rows", "change": "the change"}
"""Files that belong to the question, by role, and what they hold."""

NETWORK: Final = ("widths", "activation", "biases", "graph", "reparameterised")
"""What has to be the same where a distance between weights is measured."""

OWN: Final = ("reach", "radius_u", "radius_w")
"""Members of a witness that say where an end holds, so that they belong to the claim."""

LEVEL: Final = "give solution.level in the spec: without it the level is the loss of each model"


def differences(one: Json, other: Json) -> Iterator[str]:
    """What is asked differently, in words: of two certificates, or their members `problem` and `subject`.

    Args:
        one: of the new model.
        other: of the baseline.

    >>> a = {"problem": {"count": 2, "rows": "all"}, "subject": {"data": {"sha256": "1"}}}
    >>> b = {"problem": {"count": 5, "rows": "all"}, "subject": {"data": {"sha256": "2"}}}
    >>> list(differences(a, b)), list(differences(a, a))
    (['count is 2, of the baseline 5'], [])
    """
    new, old = one["problem"], other["problem"]
    for member in ASKED:
        if new.get(member) != old.get(member):
            more = f" ({LEVEL})" if member == "level" else ""
            yield f"{member} is {new.get(member)!r}, of the baseline {old.get(member)!r}{more}"
    for member in NAMED:
        mine, its = ((problem.get(member) or {}).get("by") for problem in (new, old))
        if mine != its:
            yield f"{member} is by {mine!r}, of the baseline by {its!r}"
    for role, what in FILES.items():
        if _digest(one, role) != _digest(other, role):
            yield f"{what} are not those of the baseline: the {role} file has other bytes"
        yield from _other_arrays(what, new, old, role)
    if new.get("rows") != "all":
        if _digest(one, "data") != _digest(other, "data"):
            yield "rows are named by their numbers, and the training data is not that of the baseline"
        yield from _other_arrays("the rows that are named by their numbers", new, old, "data")


def _other_arrays(what: str, new: Json, old: Json, role: str) -> Iterator[str]:
    """Where one file holds several arrays: that another one is read of it."""
    mine, its = ((problem.get("arrays") or {}).get(role) for problem in (new, old))
    if mine != its and its is None:
        yield f"{what} are {mine}, and the baseline does not say which arrays it read: its spec had no gate over time"
    elif mine != its:
        yield f"{what} are {mine} of the {role} file, of the baseline {its}"


def network_differs(one: Json, other: Json) -> bool:
    """Whether the weights of two models are not of one network."""
    return any(one["problem"].get(member) != other["problem"].get(member) for member in NETWORK)


def of_weights(claim: Json) -> bool:
    """Whether a claim measures weights."""
    return str(claim["unit"]).startswith("weight distance")


def apart(claim: Json, other: Json, tilts: tuple[str | None, str | None] = (None, None)) -> str:
    """Why two claims on one quantity are not about one number, in words; empty where they are.

    Args:
        claim, other: the claims.
        tilts: how the loss of each is tilted so that its weights are critical.
    """
    if tilts[0] != tilts[1]:
        return f"the loss is tilted by {tilts[0]}, of the baseline by {tilts[1]}"
    if claim["unit"] != other["unit"]:
        return f"its unit is {claim['unit']}, of the baseline {other['unit']}"
    for member in OWN:
        mine, its = claim["witness"].get(member), other["witness"].get(member)
        if mine != its:
            return f"its ends hold for {member} = {mine!r}, of the baseline for {its!r}"
    return ""


def one_number(one: Json, other: Json) -> bool:
    """Whether two certificates are about the very same problem, which has one answer, whatever was proved of it.

    All files but spec and side file have the same bytes, and the solution is the weights themselves or the only one.
    """
    problem = one["problem"]
    roles = {*one["subject"], *other["subject"]} - {"spec", "witness"}
    unique = not Base(problem["base"]).near or ("within" in problem and problem["within"] is None)
    tilted = one["base"].get("tilt") is not None or other["base"].get("tilt") is not None
    return (unique and (not tilted or one["base"] == other["base"])
            and _without_about(problem) == _without_about(other["problem"])
            and all(_digest(one, role) == _digest(other, role) is not None for role in roles))


def is_far(certificate: Json) -> bool:
    """Whether the claims are about a solution too far from the given weights to count.

    A certificate of before the member `within` does not say how far it may be, and then it is.
    """
    problem, distance = certificate["problem"], certificate["base"]["distance"]
    if not Base(problem["base"]).near or distance is None or ("within" in problem and problem["within"] is None):
        return False
    within, length = problem.get("within", 0.0), problem.get("weights_length") or 0.0
    return Fraction(distance) > Fraction(within) * Fraction(length)


def _digest(certificate: Json, role: str) -> str | None:
    file = certificate["subject"].get(role)
    return None if file is None else str(file["sha256"])


def _without_about(problem: Json) -> dict[str, Any]:
    return {member: value for member, value in problem.items() if member != "about"}
