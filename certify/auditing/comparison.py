"""Two models compared by their certificates: which is proved better, in what, and what cannot be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from certify.auditing.shown.alarm import astray
from certify.certificate import read_certificate
from certify.certificate.audit_folder import DATA, EVALUATION, JSON
from certify.format.digits import at_least, at_most
from certify.format.errors import InputError
from certify.format.labels import COUNTED
from certify.format.quantities import (
    CORRECT_PREDICTIONS,
    LARGER,
    PERSISTENCE_RADIUS,
    PREDICTION_CHANGE,
    STABLE_PREDICTIONS,
    TOLERATED_CHANGES,
)
from certify.format.words import Parameter
from certify.gating.question import OWN, is_far
from certify.network.loss.losses import loss_named

FORMAT: Final = "certify-compare/1"

BETTER: Final[Mapping[str, str]] = MappingProxyType({row.name: row.better for row in (
    STABLE_PREDICTIONS, CORRECT_PREDICTIONS, TOLERATED_CHANGES, PERSISTENCE_RADIUS, PREDICTION_CHANGE)})
"""What is about outputs and losses, so that it does not depend on how a network's weights are scaled."""

VERBS: Final[Mapping[str, str]] = MappingProxyType({
    **dict.fromkeys(BETTER, "is better"), PREDICTION_CHANGE.name: "moves less"})
"""What is said of the model with the better end: outputs that move less may still be worse ones."""

SAME: Final = (
    "parameter", "set", "norm", "count", "rows", "radius", "relative", "relabelled", "pairs", "fresh", "grouped",
    "direction", "level", "scale", "functionals", "normalization", "merge_duplicates")
"""Members of the problem that say what was asked."""

HAPPENS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({
    "deletions": ("training rows", "left out"), "labels": ("training labels", "wrong"), "features": ("features", "off"),
    "targets": ("targets", "off"), "sample_weights": ("rows", "weighed otherwise")})
"""By the parameter of a problem: what changes, and what becomes of it."""

MODELS: Final = (".skops", ".safetensors", ".pt", ".pth", ".pt2", ".onnx", ".npz")
"""Endings of files of models."""

FILES: Final = ("data", "evaluation", "change")
"""Files that have to be the same for two claims to answer one question."""

LEVELS: Final[Mapping[str, str]] = MappingProxyType({"level": " (audit both with one --level)"})
"""What to do about a member that differs where nobody gave it."""

WHOSE: Final[Mapping[str, str]] = MappingProxyType({
    "data": "the training rows", "evaluation": "the rows to predict", "change": "the changes"})
"""What these files hold."""


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
        alarms: what has to be read before it, of either model: signs that a claim is about another one.
    """

    compared: tuple[Compared, ...]
    left: tuple[str, ...]
    alarms: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {"format": FORMAT, "compared": [asdict(one) for one in self.compared], "left": list(self.left),
                **({"alarms": list(self.alarms)} if self.alarms else {})}


def compare(a: Path, b: Path) -> Comparison:
    """Compare what is proved about two models.

    `B is better` is proved only where the ends do not overlap: its lower end lies above the upper end of A where larger
    is better. The certificates are read strictly, and nothing in them is proved again: `certify check` does that.

    Args:
        a, b: certificates, or folders of an audit or of a run.

    Raises:
        CertifyError: no certificate there, or none that both have a question in common with.
    """
    found = differences(a, b)
    if not found.compared:
        raise InputError(f"compare {a} {b}", "no question that both answer about the same rows" + (
            f" ({found.left[0]})" if found.left else ""), "audit both with the same data, evaluation rows and options")
    return found


def differences(a: Path, b: Path) -> Comparison:
    """The same where nothing that both answer is no mistake.

    Args:
        a, b: as of :func:`compare`.

    Raises:
        CertifyError: no certificate there.
    """
    first, second = _claims(a), _claims(b)
    compared, left, alarms = [], [], {"A": _alarms(a), "B": _alarms(b)}
    for key, (claim, change) in first.items():
        quantity = key.quantity
        if key not in second:
            left.append(f"{quantity}, {change}: {_difference(key, claim, second, b)}")
        elif quantity not in BETTER:
            left.append(f"{quantity}, {change}: it counts weights, whose scale differs from network to network, and "
                        "a smaller number says nothing")
        elif quantity == PREDICTION_CHANGE.name and not loss_named(key.loss).slides:
            left.append(f"{quantity}, {change}: the outputs of classifiers have no unit in common")
        elif why := _apart(claim, second[key][0]):
            left.append(f"{quantity}, {change}: {why}")
        else:
            compared.append(_decided(quantity, change, claim, second[key][0]))
            for name, one in (("A", claim), ("B", second[key][0])):
                alarms[name] += [one["alarm"]] if one["alarm"] else []
    told = tuple(dict.fromkeys(f"{name}: {words}" for name, said in alarms.items() for words in said))
    return Comparison(tuple(compared), tuple(left), told if compared else ())


class Key(NamedTuple):
    """What a claim is about.

    Attributes:
        quantity: what was bounded.
        asked: the change of the rows.
        files: by role what says which rows these are.
        threshold: what parts two labels.
        sized: whether features, targets or weights of rows move a little, in units that scalers change.
        loss: of the training; "" of a count of labels, which are the same whatever loss a model was trained with.
    """

    quantity: str
    asked: tuple[str, ...]
    files: tuple[Any, ...]
    threshold: Any
    sized: bool
    loss: str


def _claims(path: Path) -> dict[Key, tuple[Mapping[str, Any], str]]:
    """The claims of all certificates of a place, by what they are about."""
    places = [path]
    if path.is_dir():
        places = sorted(path.glob("certificate.json")) + sorted(path.glob("*/certificate.json"))
    if not places:
        raise InputError(f"compare {path}", "no certificate.json in it",
                         "name a certificate, or the folder of an audit")
    found: dict[Key, tuple[Mapping[str, Any], str]] = {}
    for place in places:
        if place == path and place.suffix.lower() in MODELS:
            raise InputError(f"compare {path}", "a model, which is no audit of one",
                             "write one with certify audit MODEL DATA -o FOLDER, and name its folder here")
        certificate = read_certificate(place)
        problem = certificate["problem"]
        asked = tuple(json.dumps(problem.get(member), sort_keys=True) for member in SAME)
        files, sized = _rows(place, certificate), Parameter(problem["parameter"]).sized
        own = (certificate["subject"].get("data") or {}).get("sha256")
        for claim in certificate["claims"]:
            loss = "" if claim["quantity"] in COUNTED else problem["loss"]
            key = Key(claim["quantity"], asked, files, problem.get("threshold"), sized, loss)
            found[key] = (claim | {"far": is_far(certificate), "arrays": problem.get("arrays"),
                                   "alarm": astray(certificate), "names": _names(place), "stored": own},
                          _change(problem))
    return found


def _alarms(path: Path) -> list[str]:
    """What the audit in a folder said had to be read first; nothing where there is none, or it holds no words."""
    try:
        said = json.loads((path / JSON).read_bytes()).get("alarms", [])
        return [one for one in said if isinstance(one, str)]
    except (OSError, ValueError, TypeError, AttributeError):
        return []


def _apart(claim: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Why two claims decide nothing between them; empty where they may."""
    if claim["far"] or other["far"]:
        return "one of them is about a solution too far from its weights to count"
    if {claim["rigour"], other["rigour"]} != {"proved"}:
        return "one of them is not proved"
    if any(claim["witness"].get(member) != other["witness"].get(member) for member in OWN):
        return "the ends of A and B hold for weights within another distance"
    if claim["arrays"] and other["arrays"] and claim["arrays"] != other["arrays"]:
        return "other arrays are read of the files"
    return ""


def _rows(place: Path, certificate: Mapping[str, Any]) -> tuple[Any, ...]:
    """By role the digest of the file that somebody gave, with that of its targets; else of the one that is bound.

    Rows that an audit stored behind scalers are those of the given file whatever their last digits are, where rows
    change as a whole. Where they move a little, they do in units that the scalers make.
    """
    bound = {role: certificate["subject"].get(role) for role in FILES}
    own = tuple(None if one is None else one["sha256"] for one in bound.values())
    if Parameter(certificate["problem"]["parameter"]).sized:
        return own
    given = _given(place)
    found: list[Any] = []
    for (role, one), digest in zip(bound.items(), own, strict=True):
        name = {DATA: "data", EVALUATION: "evaluation"}.get("" if one is None else Path(one["path"]).name)
        beside = (certificate["problem"].get("grouped") or {}).get("by") if role == "data" else None
        targets = None if one is None or name not in given else _targets(
            place.parent / one["path"], one["sha256"], beside)
        found.append(digest if targets is None or name is None else (given[name], targets))
    return tuple(found)


def _names(place: Path) -> Mapping[str, str]:
    """Names of the files that somebody gave to the audit in whose folder a certificate lies, by role."""
    return _given(place, "name")


def _given(place: Path, member: str = "sha256") -> Mapping[str, str]:
    """Digests of these files, or another member of what the audit says of each."""
    for folder in (place.parent, place.parent.parent):
        try:
            files = json.loads((folder / JSON).read_bytes())["files"]
            return {role: str(file[member]) for role, file in files.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return {}


def _targets(path: Path, digest: str, groups: str | None) -> str | None:
    """The digest of the targets in a file that an audit stored, and of how many rows; None where it is another file.

    Labels are the same whether a loss takes them as numbers, as signs or as rows of signs. Where groups of rows change,
    whose each row is counts as well: one table may have two columns of as many groups.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            return None
        arrays = load(content)
        y = arrays.get("y")
        whose = "" if groups is None else f" {hashlib.sha256(arrays[groups].tobytes()).hexdigest()}"
        return f"{len(arrays['X'])} {None if y is None else hashlib.sha256(_labels(y).tobytes()).hexdigest()}{whose}"
    except (OSError, KeyError, ValueError, SafetensorError):
        return None


def _labels(y: Any) -> Any:
    """Numbers of labels, where targets are labels in one of the forms that losses take; else the targets.

    >>> [_labels(np.array(y)).tolist() for y in ([0, 2, 1], [-1, 1], [[-1.0], [1.0]], [[1.0, -1.0], [-1.0, 1.0]])]
    [[0, 2, 1], [0, 1], [0, 1], [0, 1]]
    >>> _labels(np.array([[0.5], [1.0]])).tolist(), _labels(np.array([[1.0, 1.0]])).tolist()
    ([[0.5], [1.0]], [[1.0, 1.0]])
    """
    signs = bool(((y == 1) | (y == -1)).all())
    if signs and (y.ndim == 1 or y.shape[1:] == (1,)):
        return (y.reshape(-1) > 0).astype(np.int64)
    if signs and y.ndim == 2 and ((y > 0).sum(axis=1) == 1).all():
        return y.argmax(axis=1).astype(np.int64)
    return y.astype(np.int64) if y.ndim == 1 and y.dtype.kind in "iub" else y


def _difference(key: Key, claim: Mapping[str, Any], others: Mapping[Key, Any], b: Path) -> str:
    """Why nothing of B answers the same, in words."""
    of = [other for other in others if other.quantity == key.quantity]
    alike = [other for other in of if other.asked == key.asked]
    if of and not alike:
        mine, its = _plain(key.asked), _plain(of[0].asked)
        if mine != its:
            return f"A was asked about {mine}, B about {its}: ask both the same"
        if renamed := _renamed(key.asked, of[0].asked):
            return renamed
        return " and ".join(f"{member} of A is {mine}, of B {its}" + LEVELS.get(member, "")
                            for member, mine, its in zip(SAME, key.asked, of[0].asked, strict=True) if mine != its)
    if not alike:
        told = ", ".join(sorted({other.quantity for other in others}))
        apart = ("; labels are counted of a model that predicts labels, and of amounts how far they move" if
                 (key.quantity in COUNTED) != any(other.quantity in COUNTED for other in others) else "")
        return f"{b} has no answer to it, but to {told or 'nothing'}{apart}"
    near = next((other for other in alike if other.files == key.files), alike[0])
    if near.files == key.files:
        what, mine, its = ("loss", key.loss, near.loss) if near.loss != key.loss else (
            "threshold", key.threshold, near.threshold)
        return f"the {what} of A is {mine}, of B {its}"
    whose = [WHOSE[role] for role, one, two in zip(FILES, key.files, near.files, strict=True) if one != two]
    if key.asked[SAME.index("grouped")] != "null":
        whose = [f"{words} or whose they are" if words == WHOSE["data"] else words for words in whose]
    more = (" to the last digit; where scalers stand before the model, how far features may be off is counted in units "
            "of these: fit both models behind one fitted scaler" if key.sized else "")
    roles = [role for role, one, two in zip(FILES, key.files, near.files, strict=True) if one != two]
    mine, its = (", ".join(_file(one, role) for role in roles) for one in (claim, others[near][0]))
    named = f" ({mine} of A, {its} of B)" if mine != its else ""
    if roles == ["data"] and claim["stored"] == others[near][0]["stored"]:
        return (f"the tables of training rows of A and B are not the same{named}, though what is read of them is the "
                "same: they differ in a name, e.g. of the column of groups, or in what is not used; audit both with "
                "one table")
    return f"{' and '.join(whose)} of A and B are not the same{named}{more}"


def _renamed(mine: Sequence[str], its: Sequence[str]) -> str:
    """That groups differ in the name of their column, where nothing else of what was asked does; else ""."""
    at = SAME.index("grouped")
    one, two = json.loads(mine[at]), json.loads(its[at])
    if [*mine[:at], *mine[at + 1 :]] != [*its[:at], *its[at + 1 :]] or not one or not two or (
            one | {"by": ""} != two | {"by": ""}):
        return ""
    return (f"as many groups, as large, are those of column {one['by']!r} in A and of {two['by']!r} in B: where these "
            "are the same groups, name the column alike in both tables")


def _file(claim: Mapping[str, Any], role: str) -> str:
    """The file of a role that was given, by its name."""
    names = claim["names"]
    return str(names.get(role) or ("the training rows" if role == "evaluation" and names else "another file"))


def _plain(asked: Sequence[str]) -> str:
    """What may happen to the data, in plain words, of the members of a problem that say it.

    >>> _plain([json.dumps({"parameter": "deletions", "count": 2, "rows": "all"}.get(name)) for name in SAME])
    'any 2 training rows left out'
    """
    said = dict(zip(SAME, map(json.loads, asked), strict=True))
    noun, what = HAPPENS.get(said["parameter"], (said["parameter"], "changed"))
    if said.get("grouped"):
        noun = "groups of training rows"
    listed, count = isinstance(said["rows"], list), said.get("count")
    if count is None:
        return f"these {len(said['rows'])} {noun} {what}" if listed else f"{noun} {what}"
    noun = noun.removesuffix("s").replace("groups of", "group of") if count == 1 else noun
    return f"any {count} {noun} {what}" + (f" of {len(said['rows'])} that are named" if listed else "")


def _change(problem: Mapping[str, Any]) -> str:
    """What may happen to the data, in a few words."""
    count = problem.get("count")
    rows = problem["rows"]
    if problem.get("fresh"):
        return f"{count} new {'row' if count == 1 else 'rows'}, {problem['fresh']['rows']}"
    what = "row" if problem.get("grouped") is None else "group"
    which = f"any {count} {what if count == 1 else f'{what}s'}{' of rows' if what == 'group' else ''}" if count else (
        "all rows" if rows == "all" else "these rows")
    more = problem.get("relabelled")
    others = f", and the labels of {more} {'other' if more == 1 else 'others'}" if more else ""
    return f"{problem['parameter']} of {which}{others}{', along stated pairs' if problem.get('pairs') else ''}"


def _decided(quantity: str, change: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Compared:
    """Which of two claims is proved better."""
    ends = {name: (claim["lower"], claim["upper"]) for name, claim in (("A", a), ("B", b))}
    larger = BETTER[quantity] == LARGER
    for name, other in (("B", "A"), ("A", "B")):
        low, high = (ends[name][0], ends[other][1]) if larger else (ends[other][0], ends[name][1])
        if low is not None and high is not None and low > high:
            own, its = (at_least(low), at_most(high)) if larger else (at_most(high), at_least(low))
            why = (f"{name} {VERBS[quantity]}, proved: {'at least' if larger else 'at most'} {own} against "
                   f"{'at most' if larger else 'at least'} {its}")
            return Compared(quantity, change, ends["A"], ends["B"], name, why)
    exact = ends["A"] == ends["B"] and None not in ends["A"] and ends["A"][0] == ends["A"][1]
    why = "both are the same, proved" if exact else "the proved ends overlap, so that neither is proved better"
    return Compared(quantity, change, ends["A"], ends["B"], "equal" if exact else "open", why)
