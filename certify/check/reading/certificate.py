"""Read a certificate strictly: known members only, every one of its type, every number finite."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

from certify.check.reading.told import check_told
from certify.format.canonical import FORMAT, LARGEST_INTEGER, Json, decode, digest, kind, show
from certify.format.refusal import Invalid

VERDICTS = ("certified", "refuted", "inconclusive")
STATES = ("met", "failed", "open")
RIGOURS = ("proved", "conditional", "estimated")

TOP = ("format", "certify_version", "created", "subject", "problem", "base", "claims", "verdict", "gates",
       "environment", "digest")
CLAIM = ("quantity", "theorem", "rigour", "verdict", "lower", "upper", "unit", "gate", "reason", "hypotheses",
         "witness")
ROW_MEMBERS = ("rows", "row_lower", "row_upper")
FILES = ("spec", "model", "data")
NUMBERS = ("residual", "distance", "radius", "shift_worst", "shift_norm", "shift_loss")
QUANTITIES = ("modulus", "sample_modulus", "first_order_distance", "distance", "aubin", "persistence_radius",
              "stable_predictions", "correct_predictions", "tolerated_changes", "functional", "prediction_change",
              "first_order_prediction_change", "excess", "hausdorff")
RANGES = {**dict.fromkeys(QUANTITIES, False), "functional": True}  # with one end by the gate's side
BY_ROW = ("sample_modulus", "first_order_prediction_change", "tolerated_changes", "functional")

Number = int | float
Vector = tuple[Number, ...]
Pair = tuple[int, int]
W = TypeVar("W", covariant=True)
T = TypeVar("T", bound="Witness")


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
class Claim(Generic[W]):
    """A claim as the certificate states it; nothing of it is believed yet.

    Attributes:
        where: its place in the certificate, for messages.
        rows, row_lower, row_upper: the ends of every row that may move (`sample_modulus`), or evaluation row.
        witness: what its ends are derived again from: members of its theorem alone (:func:`with_witness`).
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
    rows: tuple[int, ...]
    row_lower: tuple[Number | None, ...]
    row_upper: tuple[Number | None, ...]
    witness: W


@dataclass(frozen=True)
class Witness:
    """Nothing: both ends are computed again from the data alone. Theorems that need more add members."""

    @property
    def infinite(self) -> Pair | None:
        """Two rows that prove that the quantity is infinite."""
        return None

    def scope(self, claim: Claim[object], problem: Json) -> str:
        """What a verdict line has to say of the claim beside its ends, because it is not in the spec."""
        return ""


@dataclass(frozen=True)
class Base:
    """How far the solution is from weights and targets in the files, as stated; a tilt is of the critical map alone."""

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
    claims: tuple[Claim[Json], ...]
    verdict: str
    gates: str
    top: Json = field(default_factory=dict)  # whole, with what a team decides: no claim rests on that


def read_certificate(data: bytes, name: str = "certificate") -> Certificate:
    """Parse a certificate: canonical bytes, digest, members, types."""
    top = decode(data, name)
    if (said := top.get("format")) != FORMAT:
        raise Invalid("format", f"{show(said)} is stated", f"{FORMAT} is needed (certify-rows/1: certify check alone)")
    _members(top, "certificate", (*TOP, *(name for name in ("over_time", "suppressed") if name in top)))
    found = digest(top)
    if top["digest"] != found:
        raise Invalid("digest", f"{show(top['digest'])} is stated", f"the certificate's bytes give {found}")
    text(top["certify_version"], "certify_version")
    text(top["created"], "created")
    _object(top["environment"], "environment")
    check_told(top)
    subject = _object(top["subject"], "subject")
    files = (*FILES, *(role for role in ("graph", "reference", "change", "evaluation", "witness") if role in subject))
    _members(subject, "subject", files)
    problem = _object(top["problem"], "problem")
    return Certificate(
        subject={key: file_record(subject[key], f"subject.{key}") for key in files}, problem=problem,
        base=_base(top["base"], problem.get("map") == "critical"),
        claims=tuple(_claim(c, f"claims[{i}]") for i, c in enumerate(_list(top["claims"], "claims"))),
        verdict=choice(top["verdict"], "verdict", VERDICTS), gates=choice(top["gates"], "gates", STATES), top=top)


def file_record(value: object, where: str) -> FileRecord:
    """A file as it is bound, or `Invalid`."""
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
        **{name: _optional(record.get(name), f"base.{name}") for name in NUMBERS},
        shift_worst_row=None if row is None else whole(row, "base.shift_worst_row"),
        tilt=None if tilt is None else choice(tilt, "base.tilt", ("output", "weights")))


def _claim(value: object, where: str) -> Claim[Json]:
    record = _object(value, where)
    quantity = choice(record.get("quantity"), f"{where}.quantity", QUANTITIES)
    per_row = quantity in BY_ROW
    _members(record, where, CLAIM + (ROW_MEMBERS if per_row else ()))
    rows = _list(record["rows"], f"{where}.rows") if per_row else []
    return Claim(
        where=f"{where} ({quantity})", quantity=quantity,
        theorem=text(record["theorem"], f"{where}.theorem"),
        rigour=choice(record["rigour"], f"{where}.rigour", RIGOURS),
        verdict=choice(record["verdict"], f"{where}.verdict", VERDICTS),
        lower=_optional(record["lower"], f"{where}.lower"), upper=_optional(record["upper"], f"{where}.upper"),
        unit=text(record["unit"], f"{where}.unit"),
        gate=None if record["gate"] is None else _object(record["gate"], f"{where}.gate"),
        reason=text(record["reason"], f"{where}.reason"),
        hypotheses=tuple(_hypothesis(h, f"{where}.hypotheses[{i}]")
                         for i, h in enumerate(_list(record["hypotheses"], f"{where}.hypotheses"))),
        rows=tuple(whole(r, f"{where}.rows") for r in rows),
        row_lower=_ends(record, where, "row_lower", len(rows)) if per_row else (),
        row_upper=_ends(record, where, "row_upper", len(rows)) if per_row else (),
        witness=_object(record["witness"], f"{where}.witness"),
    )


def with_witness(claim: Claim[Json], takes: type[T]) -> Claim[T]:
    """The claim with a witness of that type: no other members, each of its form, and two equal rows alone."""
    where, given = f"{claim.where}.witness", claim.witness
    forms = {member.name: member.metadata["form"] for member in fields(takes)}
    if not given.keys() <= forms.keys() or ("equal_rows" in given and len(given) > 1):
        known = f", or of {', '.join(forms)}; equal_rows stands alone" if forms else ""
        raise Invalid(where, f"it has the members {show(sorted(given))}", f"{claim.quantity} takes none here{known}")
    found = takes(**{name: forms[name](value, f"{where}.{name}") for name, value in given.items()})
    return Claim(**(vars(claim) | {"witness": found}))


def stated(form: Callable[[object, str], Any]) -> Any:
    """A member of a witness that may be absent, and what it has to be."""
    return field(default=None, metadata={"form": form})


def array_name(value: object, where: str) -> str:
    """The same, as the name of an array of the side file."""
    return text(value, where)


def array_names(witness: Witness, form: Callable[[object, str], Any] = array_name) -> set[str]:
    """The arrays of the side file that a witness names; of another form, what its members of that form name."""
    named = [getattr(witness, member.name) for member in fields(witness) if member.metadata["form"] is form]
    return {name for name in named if name is not None}


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


def vector(value: object, where: str) -> Vector:
    """A list of numbers, or `Invalid`."""
    return tuple(number(v, f"{where}[{i}]") for i, v in enumerate(_list(value, where)))


def two_rows(value: object, where: str) -> Pair:
    """Two rows, or `Invalid`."""
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
