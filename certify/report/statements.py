"""The parts a report is made of: phrases, figures' data and tables, frozen and without any medium."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from string import Formatter
from typing import TYPE_CHECKING, Any

from certify.report.digits import Number

if TYPE_CHECKING:
    from certify.report.section import Placed


@dataclass(frozen=True)
class Span:
    """A piece of a phrase.

    Attributes:
        kind: ``"text"``, ``"number"``, ``"symbol"`` (a letter of mathematics), ``"code"`` (a name to be typed) or
            ``"whole"`` (not to be broken between lines).
        text: what is read; plain text, never markup.
        exact: of a number, the full value.
    """

    kind: str
    text: str
    exact: str = ""


Phrase = tuple[Span, ...]


def visible(text: str) -> str:
    r"""Return text in which control and direction-changing characters are spelt out, so that none can hide.

    >>> visible("a\u202eb\n")
    'a\\u202eb\\u000a'
    """
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} else c for c in text)


def prose(text: str) -> str:
    """Return somebody's prose on one line, with nothing hidden in it."""
    return visible(" ".join(text.split()))


def symbol(text: str) -> Span:
    """A letter of mathematics."""
    return Span("symbol", text)


def code(text: str) -> Span:
    """A name as it is typed."""
    return Span("code", visible(text))


def say(template: str, **parts: Number | Span | Phrase | str | int) -> Phrase:
    """Fill a template with numbers, symbols, phrases and foreign text, each kept apart from the words around it.

    >>> [s.text for s in say("within {k} of row {i}", k=Number("5.2", "5.17", 5.17), i=3)]
    ['within ', '5.2', ' of row ', '3']
    """
    spans: list[Span] = []
    for words, name, _, _ in Formatter().parse(template):
        spans.extend(_words(words))
        if name is not None:
            spans.extend(_spans(parts[name]))
    return tuple(spans)


def _words(words: str) -> list[Span]:
    """Words with the letter δ set apart as the symbol it is."""
    pieces: list[Span] = []
    for i, piece in enumerate(words.split("δ")):
        pieces += ([symbol("δ")] if i else []) + ([Span("text", piece)] if piece else [])
    return pieces


def _spans(part: Number | Span | Phrase | str | int) -> Phrase:
    match part:
        case Number():
            return (Span("number", part.text, part.exact),)
        case Span():
            return (part,)
        case tuple():
            return part
        case _:
            return tuple(_words(visible(part) if isinstance(part, str) else str(part)))


@dataclass(frozen=True)
class VerdictWords:
    """A verdict or gate state with what it means in plain words."""

    word: str
    meaning: str


@dataclass(frozen=True)
class Gate:
    """A threshold and what became of it; `reading` says why, `rationale` is the words of whoever set it."""

    quantity: str
    relation: str
    threshold: Number
    state: str
    label: str
    verdict: str
    reading: Phrase
    severity: str
    rigour: str
    rationale: str
    lower: Number | None
    upper: Number | None
    infinite: bool
    known: str


@dataclass(frozen=True)
class RowEnds:
    """One training row with the proved ends of its own modulus; `share` is its part of the largest, 0 to 1."""

    row: int
    lower: Number | None
    upper: Number | None
    share: float | None


@dataclass(frozen=True)
class Rows:
    """All rows of a per-row quantity, by falling upper end; rows without one come first.

    Attributes:
        every: all rows, none if nothing is known of any.
        top: the first few of them.
        top_proved: whether it is proved that no other row is more sensitive than one of these.
        most: the row with the largest lower end.
        most_proved: whether it is proved that no other row is more sensitive.
        noun: what is known of a row: its ``"factor"``, or the ``"change"`` of its outputs.
    """

    every: tuple[RowEnds, ...]
    top: tuple[RowEnds, ...]
    top_proved: bool
    most: int | None
    most_proved: bool
    summary: Phrase
    notes: tuple[Phrase, ...]
    noun: str = "factor"


@dataclass(frozen=True)
class Flip:
    """An evaluation row and the training rows whose change gives it another label; none: today's data do already.

    With `fresh` new rows join beside that, which the side file of the certificate holds.
    """

    row: int
    changed: tuple[int, ...]
    fresh: bool = False


@dataclass(frozen=True)
class Cited:
    """A training row that takes part in a change, with its data: label before and after, and what is special in it."""

    row: int
    label: str
    after: str
    features: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Predicted:
    """An evaluation row with what the weights in the file make of it.

    Attributes:
        row: its number.
        label, truth: today's label, and that in the file; the latter empty where the file has none.
        right: whether they are the same; None where one is not known.
        output, margin: of one output, or of the largest; and how far it lies from another label, about.
        status: ``"stays"``, ``"undecided"`` or ``"flips"``.
        changed: the training rows whose change flips it; None: it does not flip.
    """

    row: int
    label: str
    truth: str
    right: bool | None
    output: str
    margin: str
    status: str
    changed: tuple[Cited, ...] | None


@dataclass(frozen=True)
class Called:
    """What evaluation rows are called.

    Attributes:
        many: what changes may flip.
        row: what stands before the number or name of one.
        label: what of it stays or changes.
        names: of all; empty where they are numbered.
    """

    many: str = "predictions"
    row: str = "evaluation row"
    label: str = "label"
    names: tuple[str, ...] = ()

    def name(self, row: int) -> str:
        """The name of one, or its number."""
        return self.names[row] if row < len(self.names) else str(row)


@dataclass(frozen=True)
class Changed:
    """What changed training rows do to predictions.

    Attributes:
        stay: how many keep their label, proved.
        undecided: numbers of the evaluation rows of which nothing is proved.
        flips: the others.
        verbs: what several rows do and what one does, e.g. ``"are left out"``.
        summary: how many stay, in a sentence.
        often: the training row that flips most, in a sentence; empty where none flips two.
        count: the most rows that change.
        predictions: every evaluation row with its data, those that flip first and the surest last; empty where the page
            was not asked to show rows.
        accuracy: how many labels are right and stay so, in a sentence; empty likewise.
        called: what the evaluation rows are called.
        both: whether rows may be left out or get another label, so that a row alone does not say which.
    """

    stay: int
    undecided: tuple[int, ...]
    flips: tuple[Flip, ...]
    verbs: tuple[str, str]
    summary: Phrase
    often: Phrase
    count: int = 1
    predictions: tuple[Predicted, ...] = ()
    accuracy: Phrase = ()
    called: Called = Called()
    both: bool = False

    def listed(self, most: int) -> tuple[Listed, ...]:
        """The first evaluation rows with what becomes of them: those that flip, the undecided, those that stay.

        Args:
            most: how many.
        """
        total, apart = self.stay + len(self.undecided) + len(self.flips), {*self.undecided}
        flips = {flip.row for flip in self.flips}
        return tuple(islice(chain(
            (Listed(flip.row, "flips", flip.changed) for flip in self.flips),
            (Listed(row, "undecided") for row in self.undecided),
            (Listed(row, "stays") for row in range(total) if row not in flips and row not in apart)), most))


@dataclass(frozen=True)
class Listed:
    """An evaluation row with what becomes of it, and the training rows whose change flips it."""

    row: int
    status: str
    changed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One quantity: what is said about it and by which proof.

    Attributes:
        asked: what was asked of the quantity (``"at most 20"``, ``"finite"``) and the verdict on it.
        infinite: whether it is proved to have no finite value.
        proof: how the ends were proved, or that they were not.
        gauge: whether it is drawn as a size, from what is harmless to what is not.
    """

    quantity: str
    name: str
    asked: tuple[tuple[str, str], ...]
    sentence: Phrase
    lower: Number | None
    upper: Number | None
    infinite: bool
    unit: str
    rigour: str
    proof: str
    rows: Rows | None
    gauge: bool = False


@dataclass(frozen=True)
class Undecided:
    """What blocked a verdict on some quantities and what would decide it."""

    quantities: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Assumption:
    """A hypothesis of the theorems used, with the value that was verified."""

    name: str
    statement: str
    value: Phrase
    holds: bool
    used_by: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """A line of a two-column table."""

    term: str
    text: Phrase


@dataclass(frozen=True)
class BoundFile:
    """A file the certificate is bound to."""

    role: str
    path: str
    size: str
    sha256: str


@dataclass(frozen=True)
class Symbols:
    """What the definition of the solution map in symbols depends on.

    Attributes:
        map: as in the certificate.
        nearby: whether the point examined is one near the given weights.
        found: whether the point examined is known to exist.
        carrier: the letter that carries the change u; empty where none does.
        sized: whether changes have a size δ.
        each: whether δ is the largest over the rows.
        one: whether there is but one change.
        layer: the one that adjusts; None where all are free.
        scaled: whether features have units of their own.
        level: the level as a number, None where it is the loss at the given weights.
        decay: the weight decay, None where there is none.
    """

    map: str
    nearby: bool
    found: bool
    carrier: str
    sized: bool
    each: bool
    one: bool
    layer: int | None
    scaled: bool
    level: Number | None
    decay: Number | None


@dataclass(frozen=True)
class Report:
    """Everything a report says: its head, and its sections in the order in which they are read.

    The head is about the first claim: `title` asks its question, and `answer` answers it in a sentence, which names the
    `model`; `subtitle` says what that is. `previous` is what has changed since an earlier certificate, where one was
    given; `left_out` says what was left out, where something was asked to be.
    """

    title: str
    model: str
    answer: Phrase
    subtitle: Phrase
    created: str
    verdict: str
    sections: tuple[Placed, ...]
    previous: tuple[Phrase, ...] = ()
    left_out: tuple[str, ...] = ()

    def content(self, name: str) -> Any:
        """What the section of that name says; None: it does not apply."""
        return next(one.content for one in self.sections if one.section.name == name)

    def titles(self, names: Sequence[str]) -> tuple[str, ...]:
        """The titles, in quotation marks, of those sections of these names that this report has."""
        return tuple(f"“{one.section.title}”" for one in self.sections
                     if one.section.name in names and one.content is not None)
