"""Read a certificate strictly: known members only, every one of its type, every number finite.

Nothing of it is believed by that. Which theorem a claim is about is known when it is read, and with it what its
witness may hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from certify.format.canonical import LARGEST_INTEGER, Json, decode, digest, kind, show
from certify.format.quantities import QUANTITIES
from certify.format.refusal import Invalid
from certify.format.support import BOUNDING
from certify.format.theorems import Theorem
from certify.format.witnesses import FORMS, Form, Number, Vector, Witness
from certify.format.words import Map, Rigour, State, Summand, Tilt, Verdict, words

FORMAT: Final = "certify/1"
TOP: Final = ("format", "certify_version", "created", "subject", "problem", "base", "claims", "verdict", "gates",
              "environment", "digest")
CLAIM: Final = ("quantity", "theorem", "rigour", "verdict", "lower", "upper", "unit", "gate", "reason", "hypotheses",
                "witness")
FILES: Final = ("spec", "model", "data")
MORE_FILES: Final = ("graph", "reference", "change", "evaluation", "witness")
W = TypeVar("W", bound=Witness, covariant=True)
Kind = TypeVar("Kind", bound=StrEnum)


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
class Row:
    """Both ends at one row."""

    row: int
    lower: Number | None
    upper: Number | None


@dataclass(frozen=True)
class Claim(Generic[W]):
    """A claim as the certificate states it.

    Attributes:
        where: its place in the certificate, for messages.
        theorem: the row of the table it is about.
        label: the label it states: that of the row, or one of its cases.
        rows: the ends of every row that may move, or evaluation row; None for quantities without them.
        witness: what its ends are derived again from.
    """

    where: str
    quantity: str
    theorem: Theorem
    label: str
    rigour: Rigour
    verdict: Verdict
    lower: Number | None
    upper: Number | None
    unit: str
    gate: Json | None
    reason: str
    hypotheses: tuple[Hypothesis, ...]
    rows: tuple[Row, ...] | None
    witness: W


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
    tilt: Tilt | None = None
    shift_norm: Number | None = None
    shift_loss: Number | None = None


@dataclass(frozen=True)
class Certificate:
    """A certificate whose form, but nothing else, has been checked."""

    subject: dict[str, FileRecord]
    problem: Json
    base: Base
    claims: tuple[Claim[Witness], ...]
    verdict: Verdict
    gates: State


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
    files = (*FILES, *(role for role in MORE_FILES if role in subject))
    _members(subject, "subject", files)
    problem = _object(top["problem"], "problem")
    asked = problem.get("map")
    return Certificate(
        subject={key: _file(subject[key], f"subject.{key}") for key in files}, problem=problem,
        base=_base(top["base"], asked == Map.CRITICAL),
        claims=tuple(_claim(c, f"claims[{i}]", asked) for i, c in enumerate(_list(top["claims"], "claims"))),
        verdict=word(top["verdict"], "verdict", Verdict), gates=word(top["gates"], "gates", State))


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
    numbers = ("residual", "distance", "radius", "shift_worst", *(("shift_norm", "shift_loss") if critical else ()))
    _members(record, "base", (*numbers, "shift_worst_row", *(("tilt",) if critical else ())))
    row, tilt = record["shift_worst_row"], record.get("tilt")
    return Base(**{key: _optional(record[key], f"base.{key}") for key in numbers},
                shift_worst_row=None if row is None else whole(row, "base.shift_worst_row"),
                tilt=None if tilt is None else word(tilt, "base.tilt", Tilt))


def _claim(value: object, where: str, asked: object) -> Claim[Witness]:
    record = _object(value, where)
    quantity = choice(record.get("quantity"), f"{where}.quantity", tuple(QUANTITIES))
    per_row = QUANTITIES[quantity].per_row
    _members(record, where, (*CLAIM, *(("rows", "row_lower", "row_upper") if per_row else ())))
    label = text(record["theorem"], f"{where}.theorem")
    theorem = _theorem(quantity, label, asked, where)
    return Claim(
        where=f"{where} ({quantity})", quantity=quantity, theorem=theorem, label=label,
        rigour=word(record["rigour"], f"{where}.rigour", Rigour),
        verdict=word(record["verdict"], f"{where}.verdict", Verdict),
        lower=_optional(record["lower"], f"{where}.lower"), upper=_optional(record["upper"], f"{where}.upper"),
        unit=text(record["unit"], f"{where}.unit"),
        gate=None if record["gate"] is None else _object(record["gate"], f"{where}.gate"),
        reason=text(record["reason"], f"{where}.reason"), hypotheses=_hypotheses(record, where, theorem),
        rows=_rows(record, where) if per_row else None,
        witness=_witness(_object(record["witness"], f"{where}.witness"), theorem, f"{where}.witness"))


def _theorem(quantity: str, label: str, asked: object, where: str) -> Theorem:
    """The row of the table that a claim is about."""
    rows = [row for row in BOUNDING[quantity] if row.map == asked]
    found = next((row for row in rows if row.states(label)), None)
    if found is None:
        known = ", ".join(sorted({name for row in rows for name in (row.label, *row.cases)})) or "no theorem"
        raise Invalid(f"{where}.theorem", f"{show(label)} is stated", f"{known} bounds {quantity} of this map")
    return found


def _witness(record: Json, theorem: Theorem, where: str) -> Witness:
    """The members of a witness, each of its form; two equal rows stand alone."""
    known = theorem.witness.members()
    if not set(record) <= set(known) or ("equal_rows" in record and len(record) > 1):
        raise Invalid(where, f"it has the members {show(sorted(record))}",
                      f"{theorem} takes {', '.join(known) if known else 'none'}; equal_rows stands alone")
    return theorem.witness(**{name: _FORMS[FORMS[name]](member, f"{where}.{name}") for name, member in record.items()})


def _hypotheses(record: Json, where: str, theorem: Theorem) -> tuple[Hypothesis, ...]:
    found = tuple(_hypothesis(h, f"{where}.hypotheses[{i}]")
                  for i, h in enumerate(_list(record["hypotheses"], f"{where}.hypotheses")))
    for hypothesis in found:
        if hypothesis.name not in theorem.hypotheses:
            raise Invalid(f"{where}.hypotheses, {show(hypothesis.name)}", "it is stated",
                          f"{theorem} has {', '.join(theorem.hypotheses)}")
    return found


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


def _rows(record: Json, where: str) -> tuple[Row, ...]:
    columns = [_list(record[key], f"{where}.{key}") for key in ("rows", "row_lower", "row_upper")]
    for key, column in zip(("row_lower", "row_upper"), columns[1:], strict=True):
        if len(column) != len(columns[0]):
            raise Invalid(f"{where}.{key}", f"it has {len(column)} entries", f"rows has {len(columns[0])}")
    return tuple(Row(whole(row, f"{where}.rows"), _optional(low, f"{where}.row_lower[{i}]"),
                     _optional(high, f"{where}.row_upper[{i}]"))
                 for i, (row, low, high) in enumerate(zip(*columns, strict=True)))


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


def word(value: object, where: str, of: type[Kind]) -> Kind:
    """A word of that kind, or `Invalid`."""
    return of(choice(value, where, words(of)))


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


def _vector(value: object, where: str) -> Vector:
    return tuple(number(v, f"{where}[{i}]") for i, v in enumerate(_list(value, where)))


def _places(value: object, where: str) -> tuple[int, ...]:
    return tuple(v if v == -1 and type(v) is int else whole(v, f"{where}[{i}]")
                 for i, v in enumerate(_list(value, where)))


def _pair(value: object, where: str) -> tuple[int, int]:
    rows = _list(value, where)
    if len(rows) != 2:
        raise Invalid(where, f"{len(rows)} rows are stated", "two are needed")
    return whole(rows[0], f"{where}[0]"), whole(rows[1], f"{where}[1]")


def _optional(value: object, where: str) -> Number | None:
    return None if value is None else number(value, where)


_FORMS: Final[dict[Form, Callable[[object, str], Any]]] = {
    Form.VECTOR: _vector, Form.NUMBER: number, Form.WHOLE: whole, Form.ROWS: _pair, Form.ARRAY: text,
    Form.PLACES: _places,
    Form.WORD: lambda value, where: word(value, where, Summand)}
