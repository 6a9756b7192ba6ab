"""The strict reader of certificates as it was when every theorem's members stood in one record, frozen.

The checker has a reader whose witnesses belong to theorems; `tests/house/test_reader.py` compares the two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from certify.format.canonical import LARGEST_INTEGER, Json, decode, digest, kind, show
from certify.format.refusal import Invalid

FORMAT = "certify/1"
VERDICTS = ("certified", "refuted", "inconclusive")
STATES = ("met", "failed", "open")

TOP = ("format", "certify_version", "created", "subject", "problem", "base", "claims", "verdict", "gates",
       "environment", "digest")
CLAIM = ("quantity", "theorem", "rigour", "verdict", "lower", "upper", "unit", "gate", "reason", "hypotheses",
         "witness")
ROW_MEMBERS = ("rows", "row_lower", "row_upper")
FILES = ("spec", "model", "data")
QUANTITIES = ("modulus", "sample_modulus", "first_order_distance", "distance", "aubin", "persistence_radius",
              "stable_predictions", "prediction_change", "first_order_prediction_change", "excess", "hausdorff")
BY_ROW = ("sample_modulus", "first_order_prediction_change")
_SETS = ("z", "member", "dual", "array")
_MOTION = ("theta", "reach")
_WINDOW = ("multiplier", "point")
WITNESSES = {"modulus": (*_SETS, "equal_rows"), "sample_modulus": ("equal_rows", "array"),
             "first_order_distance": (*_SETS, "equal_rows"),
             "distance": ("z", "array", "layer", "sigma", "constants", "limit", "pair", *_MOTION),
             "aubin": ("z", "radius_u", "radius_w", "limit", "pair", "equal_rows"), "persistence_radius": ("array",),
             "stable_predictions": (*_MOTION, "array", "layer", "sigma", "constants"),
             "prediction_change": ("z", "array", *_MOTION), "first_order_prediction_change": (),
             "excess": _WINDOW, "hausdorff": _WINDOW}
_TOGETHER = {*_SETS, *_WINDOW, *_MOTION, "layer", "sigma", "constants", "radius_u", "radius_w", "limit", "pair"}
MEMBERS = ("weights", "rows", "pairs")

Number = int | float


@dataclass(frozen=True)
class FileRecord:
    """A file as the certificate binds it: path relative to the certificate, SHA-256 and size."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Hypothesis:
    """A hypothesis as the certificate states it."""

    name: str
    statement: str
    value: Number | str | None
    holds: bool


@dataclass(frozen=True)
class Claim:
    """A claim as the certificate states it; nothing of it is believed yet.

    Attributes:
        where: its place in the certificate, for messages.
        z: witness of the lower end of `modulus`, `distance` and `first_order_distance`.
        member, dual: which bound gives their upper end where rows have budgets of their own, and its weights.
        equal_rows: witness that the solution map is not Lipschitz-like.
        array: name of the array of the side file that proves the upper end of `persistence_radius`, or that holds the
            rows' ellipsoids.
        layer, sigma: the layer that adjusts in the upper end of `distance` over a budget; the least singular value of
            its inputs, each row of which counts by how far it moves.
        constants: name of the array of the side file that proves how far inputs and pre-activations of that layer move.
        radius_u, radius_w: for which the upper end of `aubin` holds.
        limit, pair: of `aubin`, a radius_u that no κ has, and two rows that prove it.
        multiplier, point: λ of the upper end of `excess` and `hausdorff`, and a step that proves the lower one.
        theta, reach: metric and size of the ball that the solution of a convex last layer cannot leave; of labels
            within a distance to exact fits, `reach` is that distance.
        rows, row_lower, row_upper: the ends of every row that may move (`sample_modulus`), or evaluation row.
    """

    where: str
    quantity: str
    theorem: str
    rigour: str
    verdict: str
    lower: Number | None
    upper: Number | None
    unit: str
    gate: Json | None
    reason: str
    hypotheses: tuple[Hypothesis, ...]
    rows: tuple[int, ...] = ()
    row_lower: tuple[Number | None, ...] = ()
    row_upper: tuple[Number | None, ...] = ()
    z: tuple[Number, ...] | None = None
    equal_rows: tuple[int, int] | None = None
    array: str | None = None
    member: str | None = None
    dual: tuple[Number, ...] | None = None
    layer: int | None = None
    sigma: Number | None = None
    theta: Number | None = None
    reach: Number | None = None
    radius_u: Number | None = None
    radius_w: Number | None = None
    limit: Number | None = None
    pair: tuple[int, int] | None = None
    multiplier: Number | None = None
    point: tuple[Number, ...] | None = None
    constants: str | None = None


@dataclass(frozen=True)
class Base:
    """How far the certified solution is from weights and targets in the files, as the certificate states it.

    Attributes:
        tilt, shift_norm, shift_loss: of the critical map alone.
    """

    residual: Number | None
    distance: Number | None
    radius: Number | None
    shift_worst: Number | None
    shift_worst_row: int | None
    tilt: str | None = None
    shift_norm: Number | None = None
    shift_loss: Number | None = None


@dataclass(frozen=True)
class Certificate:
    """A certificate whose form, but nothing else, has been checked."""

    subject: dict[str, FileRecord]
    problem: Json
    base: Base
    claims: tuple[Claim, ...]
    verdict: str
    gates: str


def read_certificate(data: bytes, name: str = "certificate") -> Certificate:
    """Parse a certificate: canonical bytes, digest, members, types.

    Raises:
        Invalid: at the first member that is not as the format demands.
    """
    top = decode(data, name)
    if top.get("format") != FORMAT:
        raise Invalid("format", f"{show(top.get('format'))} is stated", f"this checker knows {FORMAT} only")
    _members(top, "certificate", TOP)
    found = digest(top)
    if top["digest"] != found:
        raise Invalid("digest", f"{show(top['digest'])} is stated", f"the certificate's bytes give {found}")
    text(top["certify_version"], "certify_version")
    created = text(top["created"], "created")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created):
        raise Invalid("created", f"{show(created)} is stated", "YYYY-MM-DDThh:mm:ssZ is needed")
    _object(top["environment"], "environment")
    subject = _object(top["subject"], "subject")
    files = (*FILES, *(role for role in ("graph", "reference", "change", "evaluation", "witness") if role in subject))
    _members(subject, "subject", files)
    problem = _object(top["problem"], "problem")
    return Certificate(
        subject={key: _file(subject[key], f"subject.{key}") for key in files},
        problem=problem,
        base=_base(top["base"], problem.get("map") == "critical"),
        claims=tuple(_claim(c, f"claims[{i}]") for i, c in enumerate(_list(top["claims"], "claims"))),
        verdict=choice(top["verdict"], "verdict", VERDICTS),
        gates=choice(top["gates"], "gates", STATES),
    )


def _file(value: object, where: str) -> FileRecord:
    record = _object(value, where)
    _members(record, where, ("path", "sha256", "bytes"))
    path, sha256 = text(record["path"], f"{where}.path"), text(record["sha256"], f"{where}.sha256")
    if not path or path.startswith("/") or "\\" in path or "\0" in path:
        raise Invalid(f"{where}.path", f"{show(path)} is stated", "a relative path with / between names is needed")
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise Invalid(f"{where}.sha256", f"{show(sha256)} is stated", "64 hexadecimal digits are needed")
    return FileRecord(path, sha256, whole(record["bytes"], f"{where}.bytes"))


def _base(value: object, critical: bool) -> Base:
    record = _object(value, "base")
    more = ("tilt", "shift_norm", "shift_loss") if critical else ()
    _members(record, "base", ("residual", "distance", "radius", "shift_worst", "shift_worst_row", *more))
    row, tilt = record["shift_worst_row"], record.get("tilt")
    return Base(
        residual=_optional(record["residual"], "base.residual"),
        distance=_optional(record["distance"], "base.distance"), radius=_optional(record["radius"], "base.radius"),
        shift_worst=_optional(record["shift_worst"], "base.shift_worst"),
        shift_worst_row=None if row is None else whole(row, "base.shift_worst_row"),
        tilt=None if tilt is None else choice(tilt, "base.tilt", ("output", "weights")),
        shift_norm=_optional(record.get("shift_norm"), "base.shift_norm"),
        shift_loss=_optional(record.get("shift_loss"), "base.shift_loss"),
    )


def _claim(value: object, where: str) -> Claim:
    record = _object(value, where)
    quantity = choice(record.get("quantity"), f"{where}.quantity", QUANTITIES)
    per_row = quantity in BY_ROW
    _members(record, where, CLAIM + (ROW_MEMBERS if per_row else ()))
    witness = _object(record["witness"], f"{where}.witness")
    alone = len(witness) > 1 and not set(witness) <= _TOGETHER
    if alone or not set(witness) <= set(WITNESSES[quantity]):
        raise Invalid(f"{where}.witness", f"it has the members {show(sorted(witness))}",
                      f"{quantity} takes none, or of {', '.join(WITNESSES[quantity])}; equal_rows stands alone")
    rows = _list(record["rows"], f"{where}.rows") if per_row else []
    return Claim(
        where=f"{where} ({quantity})", quantity=quantity,
        theorem=text(record["theorem"], f"{where}.theorem"),
        rigour=choice(record["rigour"], f"{where}.rigour", ("proved", "conditional", "estimated")),
        verdict=choice(record["verdict"], f"{where}.verdict", VERDICTS),
        lower=_optional(record["lower"], f"{where}.lower"), upper=_optional(record["upper"], f"{where}.upper"),
        unit=text(record["unit"], f"{where}.unit"),
        gate=None if record["gate"] is None else _object(record["gate"], f"{where}.gate"),
        reason=text(record["reason"], f"{where}.reason"),
        hypotheses=tuple(_hypothesis(h, f"{where}.hypotheses[{i}]")
                         for i, h in enumerate(_list(record["hypotheses"], f"{where}.hypotheses"))),
        **{name: form(witness[name], f"{where}.witness.{name}") for name, form in _FORMS.items() if name in witness},
        rows=tuple(whole(r, f"{where}.rows") for r in rows),
        row_lower=_ends(record, where, "row_lower", len(rows)) if per_row else (),
        row_upper=_ends(record, where, "row_upper", len(rows)) if per_row else (),
    )


def _hypothesis(value: object, where: str) -> Hypothesis:
    record = _object(value, where)
    _members(record, where, ("name", "statement", "value", "holds"))
    found = record["value"]
    if found is not None and not isinstance(found, str):
        found = number(found, f"{where}.value")
    if not isinstance(record["holds"], bool):
        raise Invalid(f"{where}.holds", f"it is {kind(record['holds'])}", "true or false is needed")
    return Hypothesis(text(record["name"], f"{where}.name"), text(record["statement"], f"{where}.statement"), found,
                      record["holds"])


def _vector(value: object, where: str) -> tuple[Number, ...]:
    return tuple(number(v, f"{where}[{i}]") for i, v in enumerate(_list(value, where)))


def _pair(value: object, where: str) -> tuple[int, int]:
    rows = _list(value, where)
    if len(rows) != 2:
        raise Invalid(where, f"{len(rows)} rows are stated", "two are needed")
    return whole(rows[0], f"{where}[0]"), whole(rows[1], f"{where}[1]")


def _ends(record: Json, where: str, key: str, length: int) -> tuple[Number | None, ...]:
    values = _list(record[key], f"{where}.{key}")
    if len(values) != length:
        raise Invalid(f"{where}.{key}", f"it has {len(values)} entries", f"rows has {length}")
    return tuple(_optional(v, f"{where}.{key}[{i}]") for i, v in enumerate(values))


def _members(record: Json, where: str, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in record:
            raise Invalid(where, f"the member {name} is missing", f"{', '.join(names)} are needed")
    for name in sorted(record):
        if name not in names:
            raise Invalid(where, f"there is a member {show(name)}", f"only {', '.join(names)} are known")


def _object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise Invalid(where, f"it is {kind(value)}", "an object is needed")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise Invalid(where, f"it is {kind(value)}", "a list is needed")
    return value


def text(value: object, where: str) -> str:
    """A string, or `Invalid`."""
    if not isinstance(value, str):
        raise Invalid(where, f"it is {kind(value)}", "a string is needed")
    return value


def choice(value: object, where: str, options: tuple[str, ...]) -> str:
    """One of the listed strings, or `Invalid`."""
    if not isinstance(value, str) or value not in options:
        raise Invalid(where, f"{show(value)} is stated", f"this checker knows {', '.join(options)}")
    return value


def number(value: object, where: str) -> Number:
    """A finite double-precision number (an integer up to 2^53 in size counts), or `Invalid`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(where, f"it is {kind(value)}", "a number is needed")
    if not math.isfinite(value) if isinstance(value, float) else abs(value) > LARGEST_INTEGER:
        raise Invalid(where, f"{show(value, 40)} is stated", "a finite double-precision number is needed")
    return value


def whole(value: object, where: str) -> int:
    """An integer from 0 to 2^53, or `Invalid`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_INTEGER:
        raise Invalid(where, f"{show(value, 40)} is stated", "a whole number from 0 on is needed")
    return value


def _optional(value: object, where: str) -> Number | None:
    return None if value is None else number(value, where)


_FORMS: dict[str, Callable[[object, str], Any]] = {
    "z": _vector, "equal_rows": _pair, "array": text, "member": lambda value, where: choice(value, where, MEMBERS),
    "dual": _vector, "layer": whole, "sigma": number, "theta": number, "reach": number, "radius_u": number,
    "radius_w": number, "limit": number, "pair": _pair, "multiplier": number, "point": _vector, "constants": text}
"""What every member of a witness has to be."""
