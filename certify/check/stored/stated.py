"""What a certificate about rows on disk states, read strictly; nothing of it is believed yet."""

from __future__ import annotations

from dataclasses import dataclass

from certify.check.reading.certificate import FileRecord, choice, file_record, number, text, whole
from certify.check.reading.told import check_told
from certify.format.canonical import Json, decode, digest, kind, show
from certify.format.refusal import Invalid
from certify.format.stored import BESIDE, CLASSES, DELETES, FORMAT, FREE, NAMED, QUANTITY, ROLES, THEOREMS, WITNESS

TOP = ("format", "certify_version", "created", "subject", "problem", "claim", "environment", "digest")
PROBLEM = ("loss", "penalty", "intercept", "change", "count", "rows", "columns", "evaluation_rows", "classes")
LARGEST = 2.0**1000
"""The largest penalty, whose root is as large as the largest features."""

CLAIM = ("quantity", "theorem", "lower", "upper", "stays", "flips", "changed")


@dataclass(frozen=True)
class Stated:
    """A certificate whose form, but nothing else, has been checked.

    Attributes:
        subject: its files by role.
        loss, penalty, intercept, change, count: the recipe of the model, and what may happen to the rows.
        rows, columns, evaluation_rows, classes: sizes.
        stays, flips: numbers of evaluation rows, ascending, no row in both.
        changed: for each that flips the rows whose change does it; None where the checker finds them.
    """

    subject: dict[str, FileRecord]
    loss: str
    penalty: float
    intercept: str
    change: str
    count: int
    rows: int
    columns: int
    evaluation_rows: int
    classes: int
    stays: tuple[int, ...]
    flips: tuple[int, ...]
    changed: tuple[tuple[int, ...], ...] | None

    @property
    def theorem(self) -> str:
        """What proves it."""
        return THEOREMS[self.loss][self.change]

    @property
    def deletes(self) -> bool:
        """Whether rows go; else their labels change."""
        return DELETES[self.change]

    @property
    def ends(self) -> tuple[int, int]:
        """Of the number of evaluation rows whose label stays."""
        return len(self.stays), self.evaluation_rows - len(self.flips)

    @property
    def free(self) -> bool | None:
        """Whether the intercept carries no decay; None: there is none."""
        return FREE[self.intercept]


def read_stated(data: bytes, name: str) -> Stated:
    """Parse a certificate: canonical bytes, digest, members, types.

    Raises:
        Invalid: it has another form.
    """
    top = decode(data, name)
    choice(top.get("format"), "format", (FORMAT,))
    _members(top, "certificate", TOP)
    found = digest(top)
    if top["digest"] != found:
        raise Invalid("digest", f"{show(top['digest'])} is stated", f"the certificate's bytes give {found}")
    text(top["certify_version"], "certify_version")
    text(top["created"], "created")
    check_told(top)
    problem, claim = (_members(top[at], at, names) for at, names in (("problem", PROBLEM), ("claim", CLAIM)))
    loss = choice(problem["loss"], "problem.loss", tuple(THEOREMS))
    change = choice(problem["change"], "problem.change", tuple(THEOREMS[loss]))
    theorem = THEOREMS[loss][change]
    roles = (*ROLES, WITNESS) if BESIDE[theorem] else ROLES
    subject = _members(top["subject"], "subject", roles)
    penalty = number(problem["penalty"], "problem.penalty")
    if not 0 < penalty <= LARGEST:
        raise Invalid("problem.penalty", f"{penalty!r} is stated", "a number above 0 is needed, at most 2^1000")
    sizes = {at: whole(problem[at], f"problem.{at}") for at in PROBLEM[4:]}
    if not 1 <= sizes["count"] <= sizes["rows"]:
        raise Invalid("problem.count", f"{sizes['count']} is stated", f"from 1 to {sizes['rows']} rows may change")
    if sizes["classes"] > CLASSES[loss]:
        raise Invalid("problem.classes", f"{sizes['classes']} are stated", f"the {loss} loss is of {CLASSES[loss]}")
    choice(claim["quantity"], "claim.quantity", (QUANTITY,))
    choice(claim["theorem"], "claim.theorem", (theorem,))
    stays, flips = (_rows(claim[at], f"claim.{at}", sizes["evaluation_rows"]) for at in ("stays", "flips"))
    if not set(stays).isdisjoint(flips):
        raise Invalid("claim.flips", f"row {min(set(stays) & set(flips))} is among them", "it is among stays too")
    read = Stated({at: file_record(subject[at], f"subject.{at}") for at in roles}, loss, float(penalty),
                  choice(problem["intercept"], "problem.intercept", tuple(FREE)), change, **sizes, stays=stays,
                  flips=flips, changed=_changed(claim["changed"], len(flips), theorem, sizes))
    for at, end in zip(("lower", "upper"), read.ends, strict=True):
        if whole(claim[at], f"claim.{at}") != end:
            raise Invalid(f"claim.{at}", f"{claim[at]} is stated", f"the rows listed give {end}")
    return read


def _changed(value: object, flips: int, theorem: str, sizes: dict[str, int]) -> tuple[tuple[int, ...], ...] | None:
    """The rows that change, for each that flips; nothing where they are found again."""
    if not NAMED[theorem] and value is None:
        return None
    if not NAMED[theorem] or not isinstance(value, list) or len(value) != flips:
        raise Invalid("claim.changed", show(value), "null with D3, else rows for each that flips")
    found = tuple(_rows(rows, "claim.changed", sizes["rows"]) for rows in value)
    longest = max(map(len, found), default=0)
    if longest > sizes["count"]:
        raise Invalid("claim.changed", f"{longest} rows change", f"at most {sizes['count']} may")
    return found


def _rows(value: object, where: str, below: int) -> tuple[int, ...]:
    """Numbers of rows, ascending."""
    if not isinstance(value, list):
        raise Invalid(where, f"it is {kind(value)}", "a list of numbers of rows is needed")
    found = tuple(whole(x, where) for x in value)
    if any(a >= b for a, b in zip(found, found[1:], strict=False)) or (found and found[-1] >= below):
        raise Invalid(where, show(value), f"numbers of rows below {below}, ascending, are needed")
    return found


def _members(value: object, where: str, names: tuple[str, ...]) -> Json:
    """An object with exactly these members."""
    if not isinstance(value, dict):
        raise Invalid(where, f"it is {kind(value)}", "an object is needed")
    wrong = [f"{show(name)} is {'missing' if name in names else 'there'}" for name in sorted({*value} ^ {*names})]
    if wrong:
        raise Invalid(where, f"the member {wrong[0]}", f"exactly {', '.join(names)} are needed")
    return value
