"""Two models compared by their certificates: which is proved better, in what, and what cannot be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from certify.certificate import read_certificate
from certify.format.digits import at_least, at_most
from certify.format.errors import InputError
from certify.format.quantities import (
    CORRECT_PREDICTIONS,
    PERSISTENCE_RADIUS,
    PREDICTION_CHANGE,
    STABLE_PREDICTIONS,
    TOLERATED_CHANGES,
)
from certify.network.loss.losses import loss_named

FORMAT: Final = "certify-compare/1"

LARGER, SMALLER = "larger is better", "smaller is better"

BETTER: Final[Mapping[str, str]] = MappingProxyType({
    STABLE_PREDICTIONS.name: LARGER, CORRECT_PREDICTIONS.name: LARGER, TOLERATED_CHANGES.name: LARGER,
    PERSISTENCE_RADIUS.name: LARGER, PREDICTION_CHANGE.name: SMALLER})
"""What is about outputs and losses, so that it does not depend on how a network's weights are scaled."""

SAME: Final = (
    "parameter", "set", "norm", "count", "rows", "radius", "relabelled", "pairs", "grouped", "level", "scale")
"""Members of the problem that say what was asked."""

FILES: Final = ("data", "evaluation", "change")
"""Files that have to be the same for two claims to answer one question."""


@dataclass(frozen=True)
class Compared:
    """One question that both were asked.

    Attributes:
        quantity: what was bounded.
        change: what may happen to the data, in words.
        a, b: both ends of each model.
        better: ``"A"``, ``"B"``, ``"equal"`` or ``"open"``.
        why: in a sentence.
    """

    quantity: str
    change: str
    a: tuple[float | None, float | None]
    b: tuple[float | None, float | None]
    better: str
    why: str


@dataclass(frozen=True)
class Comparison:
    """Two models.

    Attributes:
        compared: what both were asked.
        left: what was not compared, and why.
    """

    compared: tuple[Compared, ...]
    left: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {"format": FORMAT, "compared": [asdict(one) for one in self.compared], "left": list(self.left)}


def compare(a: Path, b: Path) -> Comparison:
    """Compare what is proved about two models.

    `B is better` is proved only where the ends do not overlap: its lower end lies above the upper end of A where larger
    is better. The certificates are read strictly, and nothing in them is proved again: `certify check` does that.

    Args:
        a, b: certificates, or folders of an audit or of a run.

    Raises:
        CertifyError: no certificate there, or none that both have a question in common with.
    """
    first, second = _claims(a), _claims(b)
    compared, left = [], []
    for key, (claim, change) in first.items():
        quantity = key[0]
        if key not in second:
            left.append(f"{quantity}, {change}: {b} has no answer to it (the same change, the same rows)")
        elif quantity not in BETTER:
            left.append(f"{quantity}, {change}: it counts weights, whose scale differs from network to network, and "
                        "a smaller number says nothing")
        elif quantity == PREDICTION_CHANGE.name and not loss_named(str(key[-1])).slides:
            left.append(f"{quantity}, {change}: the outputs of classifiers have no unit in common")
        else:
            compared.append(_decided(quantity, change, claim, second[key][0]))
    if not compared:
        raise InputError(f"compare {a} {b}", "no question that both answer about the same rows" + (
            f" ({left[0]})" if left else ""), "audit both with the same data, evaluation rows and options")
    return Comparison(tuple(compared), tuple(left))


def _claims(path: Path) -> dict[tuple[Any, ...], tuple[Mapping[str, Any], str]]:
    """The claims of all certificates of a place, by what they are about."""
    places = [path]
    if path.is_dir():
        places = sorted(path.glob("certificate.json")) + sorted(path.glob("*/certificate.json"))
    if not places:
        raise InputError(f"compare {path}", "no certificate.json in it",
                         "name a certificate, or the folder of an audit")
    found: dict[tuple[Any, ...], tuple[Mapping[str, Any], str]] = {}
    for place in places:
        certificate = read_certificate(place)
        problem, subject = certificate["problem"], certificate["subject"]
        asked = tuple(json.dumps(problem.get(member), sort_keys=True) for member in SAME)
        files = tuple(subject[role]["sha256"] if role in subject else None for role in FILES)
        for claim in certificate["claims"]:
            key = (claim["quantity"], asked, files, problem.get("threshold"), problem["loss"])
            found[key] = (claim, _change(problem))
    return found


def _change(problem: Mapping[str, Any]) -> str:
    """What may happen to the data, in a few words."""
    count = problem.get("count")
    rows = problem["rows"]
    which = f"any {count} {'row' if count == 1 else 'rows'}" if count else "all rows" if rows == "all" else "these rows"
    return f"{problem['parameter']} of {which}"


def _decided(quantity: str, change: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Compared:
    """Which of two claims is proved better."""
    ends = {name: (claim["lower"], claim["upper"]) for name, claim in (("A", a), ("B", b))}
    larger = BETTER[quantity] == LARGER
    for name, other in (("B", "A"), ("A", "B")):
        low, high = (ends[name][0], ends[other][1]) if larger else (ends[other][0], ends[name][1])
        if low is not None and high is not None and low > high:
            own, its = (at_least(low), at_most(high)) if larger else (at_most(high), at_least(low))
            why = (f"{name} is better, proved: {'at least' if larger else 'at most'} {own} against "
                   f"{'at most' if larger else 'at least'} {its}")
            return Compared(quantity, change, ends["A"], ends["B"], name, why)
    exact = ends["A"] == ends["B"] and None not in ends["A"] and ends["A"][0] == ends["A"][1]
    why = "both are the same, proved" if exact else "the proved ends overlap, so that neither is proved better"
    return Compared(quantity, change, ends["A"], ends["B"], "equal" if exact else "open", why)
