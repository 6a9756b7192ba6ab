"""Features may be off, every row's by its own amount: how far, before the training loss exceeds a level?"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from certify.auditing.questions.base import SMALL, Asked, Claim, Options, Question, Wanted, of_weights
from certify.auditing.subject import Subject
from certify.format.digits import at_least, at_most
from certify.format.errors import InputError
from certify.format.words import Loss
from certify.inputs.formats.archive import alike
from certify.inputs.sklearn.columns import is_missing

COLUMN: Final = r"\bin (?:the )?(.+?)[\s?]*$"
AMOUNT: Final = (r"(?:\b(?:of|by)|±|\+-|\+/-)\s*(?:up to|at most)?\s*(?:±|\+-|\+/-)?\s*"
                 r"([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)")
SHARED: Final = re.compile(r"\s*(?:%|‰|per ?cent\b)", re.IGNORECASE)
"""Where a phrase names a feature, and by how much it may be off."""


ABOVE: Final = 1.0 + 2.0**-30
"""Above the rounding of units, for an upper end of which four digits are shown."""


class Noise(Question):
    """The largest amount by which the stated features of every row may be off before the loss can exceed the level."""

    slug = "noise"
    besides = ("feature", "features")
    words = ("noise", "measurement error", "off by", "perturbed", "drift", "inaccurate")

    @property
    def uses(self) -> tuple[str, ...]:
        """The features, and the level."""
        return ("noise", "level")

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return (f"how far may {_columns(subject, options)} of every training row be off before the "
                f"{subject.mean_loss} can exceed {shown(level(subject, options))}")

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if not subject.plain:
            return "noise in features is known of fully connected networks, and this is a graph"
        if subject.y is None and subject.labels is None:
            return "the data has no targets, so that there is no loss: name them with --targets"
        if Loss(subject.loss).of_heads:
            return f"it is not known of the loss {subject.loss}"
        if subject.fit.value is None:
            return f"today's training loss is not known: {subject.fit.trouble}"
        if options.level is not None and options.level <= subject.fit.value:
            return f"the level {options.level:g} is not above today's training loss, {subject.fit.value:.4g}"
        if subject.behind and subject.units is None and any(size is not None for _, size in options.noise):
            return (f"the features are those after {subject.behind}, in other units than the amounts: apply it to the "
                    "data first, and give amounts in its units")
        return ""

    def misnamed(self, subject: Subject, options: Options) -> str:
        """Columns that are not there, or are named twice."""
        return _against_columns(subject, options) if subject.plain else ""

    def demanded(self, options: Options) -> bool:
        """Where a column was named too."""
        return options.named or bool(options.noise) or options.level is not None

    def heard(self, phrase: str, options: Options) -> Options:
        """The feature after "in"."""
        column = re.search(COLUMN, phrase)
        if column is None or any(str(name) == column[1] for name, _ in options.noise):
            return options
        name: str | int = int(column[1]) if column[1].isdecimal() and column[1].isascii() else column[1]
        amount = re.search(AMOUNT, phrase[:column.start()])
        if amount is not None and SHARED.match(phrase, amount.end()):
            raise InputError(f"--ask {phrase!r}", "a share of a feature", "give an amount in the units of the column, "
                             "e.g. 'noise of 2 in age'; a share is known of targets: 'targets off by 3 %'")
        if amount is not None and not float(amount[1]) > 0:
            raise InputError(f"--ask {phrase!r}", "an amount of 0", "give a number above 0")
        return replace(options, noise=(*options.noise, (name, None if amount is None else float(amount[1]))))

    def rest(self, phrase: str) -> str:
        """Without the feature and its amount."""
        column = re.search(COLUMN, phrase)
        return phrase if column is None else re.sub(AMOUNT, "", phrase[:column.start()])

    def cure(self, words: Sequence[str]) -> str:
        """How features and amounts are said, and that targets are another question."""
        return ("'noise' asks of all features, 'noise in age' of one, 'noise of 2 in age' whether so much is harmless; "
                "where it is the target that is off, say 'targets off by 3 %'")

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec: a row moves in the Euclidean norm, each column in units of its amount.

        Where each of k columns may be off by its amount at once, a row moves up to √k.
        """
        change: dict[str, object] = {"parameter": "features", "set": "per_sample"}
        threshold = None
        if options.noise:
            columns = [_place(subject, name) for name, _ in options.noise]
            change |= {"columns": columns, "scale": {
                str(column): _scale(subject, name, size or 1.0)
                for column, (name, size) in zip(columns, options.noise, strict=True)}}
            threshold = _corner(options) if all(size is not None for _, size in options.noise) else None
        solution = {"map": "sublevel", "level": level(subject, options)}
        return Asked(of_weights(subject, solution, change),
                     [Wanted("persistence_radius", "min", threshold)])

    def doubt(self, subject: Subject, options: Options, certificate: Mapping[str, Any]) -> str:
        """That a change which exceeds the level moves some column by more than its amount."""
        claim = certificate["claims"][0]
        if len(options.noise) < 2 or claim["verdict"] != "refuted" or claim["upper"] < 1:
            return ""
        return "the change that was found may move one column by more than its amount: ask about each alone"

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        low, high, bar = claim["lower"], claim["upper"], shown(level(subject, options))
        what = _columns(subject, options)
        if not low:
            return f"no amount of noise in {what} is proved to keep the {subject.mean_loss} at {bar}"
        kept = f"these weights keep the {subject.mean_loss} at most {bar} (today {subject.fit.value:.3g})"
        several, amounts = len(options.noise) > 1, " times the stated amounts"
        if several:
            least = _harmless(subject, options, _shrunk(low, options))
            off = f"{what} of every training row may all be off by up to {at_least(least, 4)}{amounts}"
        elif not options.noise and subject.X.shape[1] > 1:
            off = (f"{what} of every training row may be off by up to {at_least(low, 4)} in length (root of the sum of "
                   "their squares)")
        else:
            size = 1.0 if not options.noise else options.noise[0][1] or 1.0
            if size != 1 or subject.units is not None:
                low = math.nextafter(_harmless(subject, options, low) * size, 0.0)
                high = None if high is None else high * size * ABOVE
            off = f"{what} of every training row may be off by up to {at_least(low, 4)}"
        text = f"{_asked(options, claim)}{off}, and {kept}"
        return text + ("" if high is None else f"; some change of at most {at_most(high, 4)}"
                       f"{amounts if several else ''} exceeds it")


def level(subject: Subject, options: Options) -> float:
    """The level asked about: a tenth above today's loss, and at least a hundredth of that of a constant prediction.

    Three digits, upwards, so that the spec can be read.
    """
    if options.level is not None:
        return options.level
    today = subject.fit.value or 0.0
    bar = max(1.1 * today, today + 0.01 * _constant(subject))
    digits = 2 - math.floor(math.log10(bar)) if bar > 0 else 0
    return math.ceil(bar * 10**digits) / 10**digits if bar > 0 else SMALL


def _constant(subject: Subject) -> float:
    """About the loss of the best constant prediction."""
    if subject.y is not None:
        return 0.5 * float(np.var(subject.y, axis=0).sum()) or 1.0
    return math.log(max(2, subject.network.widths[-1]))


def shown(number: float) -> str:
    """A number in few digits where these are all of it.

    >>> shown(0.25), shown(1 / 3), shown(3760.0)
    ('0.25', '0.3333333333333333', '3760')
    """
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)


def _against_columns(subject: Subject, options: Options) -> str:
    """Why these columns cannot be asked about; "" where they can."""
    if subject.columns_apart:
        return _against_own(subject, options)
    known, places = subject.names or (), []
    for name, _ in options.noise:
        if isinstance(name, str) and name not in known:
            return f"there is no column {name!r}{_perhaps(name, known)}" + (
                f": the columns are {', '.join(known[:20])}" if known else
                ", as the features have no names: give its number from 0")
        if isinstance(name, int) and not 0 <= name < subject.X.shape[1]:
            return f"there is no column {name}: they are numbered from 0 to {subject.X.shape[1] - 1}"
        if isinstance(name, int) and str(name) in known and known[name] != str(name):
            return (f"column {name}, counted from 0, is {known[name]!r}, and another is called '{name}': give the "
                    "columns names that are no numbers")
        places.append(known.index(name) if isinstance(name, str) else name)
    return "a column is named twice: name it once" if len(set(places)) < len(places) else ""


def _against_own(subject: Subject, options: Options) -> str:
    """The same of columns of which the model makes features first, some of them several or of words."""
    given, places = subject.as_given, []
    movable = [j for j in range(given.rows.shape[1]) if _movable(subject, j)]
    for name, _ in options.noise:
        found = given.features(name)
        which = (f"the columns of numbers with one feature each are {', '.join(map(given.column, movable[:20]))}"
                 if movable else "no column has one feature alone that moves with it")
        if not found:
            return f"no feature is made of {_quoted(name)}{_perhaps(str(name), given.names or ())}: {which}"
        if filled := _filled(subject, found[0]):
            return f"{filled}: {which}"
        if not _movable(subject, given.sources[found[0]] if given.sources else found[0]):
            several = "a feature" if len(found) == 1 else f"{len(found)} features"
            return (f"{subject.behind} makes {several} of {_quoted(name)}, and how far an amount moves "
                    f"{'it' if len(found) == 1 else 'them'} is not known (of words, or categories, none does): {which}")
        places.append(found[0])
    return "a column is named twice: name it once" if len(set(places)) < len(places) else ""


def _perhaps(name: str, known: Sequence[str]) -> str:
    """Which column may be meant."""
    near = alike(name, known)
    return f" (did you mean {near!r}?)" if near and near != name else ""


def _filled(subject: Subject, feature: int) -> str:
    """Why a column of numbers with missing values cannot be asked about, and what to do; "" where it is no such one."""
    given = subject.as_given
    place = given.sources[feature] if given.sources else feature
    values = given.rows[:, place]
    absent = [i for i, value in enumerate(values) if is_missing(value)]
    words = any(isinstance(value, str) for value in values)
    if not absent or words:
        return ""
    name = f"column {given.column(place)!r}" if given.names is not None else given.column(place)
    return (f"{subject.behind} makes a feature of {name}, which is missing in {len(absent)} of {len(values)} training "
            f"rows (first row {absent[0]}): the number that is put there does not move with the column. Ask it of a "
            f"model fitted to the rows that have one, or ask 'noise' of all features as they are behind "
            f"{subject.behind}")


def _movable(subject: Subject, j: int) -> bool:
    """Whether a column has one feature, and it is known how far that moves."""
    found = subject.as_given.features(j)
    return len(found) == 1 and subject.units is not None and math.isfinite(subject.units[found[0]])


def _asked(options: Options, claim: Claim) -> str:
    """What became of the amounts that somebody gave, before what holds."""
    if not options.noise or any(size is None for _, size in options.noise):
        return ""
    given = "an error of " + " and ".join(f"{size:g} in {_named(name)}" for name, size in options.noise)
    if claim["verdict"] == "certified":
        return f"{given} is proved harmless: "
    few = claim["verdict"] == "refuted" and claim["upper"] * ABOVE < 1
    return f"{given} {'can be too much' if few else 'is left open'}: "


def _corner(options: Options) -> float:
    """How far a row moves, in units of the amounts, where every column is off by its own: √k, upwards."""
    k = len(options.noise)
    return 1.0 if k == 1 else math.nextafter(math.sqrt(k), math.inf)


def _shrunk(low: float, options: Options) -> float:
    """By how many times its amount every column may be off at once, where a row may move by so much; downwards."""
    return math.nextafter(low / _corner(options), 0.0)


def _place(subject: Subject, name: str | int) -> str | int:
    """A column as the spec names it: by its number where the data file has no names."""
    if subject.columns_apart:
        return _at(subject, name)
    return subject.names.index(name) if isinstance(name, str) and subject.stored and subject.names else name


def _named(name: str | int) -> str:
    return f"column {name}" if isinstance(name, int) else name


def _columns(subject: Subject, options: Options) -> str:
    behind = f" as they are after {subject.behind}" if subject.behind else ""
    if not options.noise:
        return f"the features{behind}"
    return ", ".join(_named(name) for name, _ in options.noise) + ("" if subject.units is not None else behind)


def _quoted(name: str | int) -> str:
    return f"column {name}" if isinstance(name, int) else f"column {name!r}"


def _at(subject: Subject, name: str | int) -> int:
    if subject.columns_apart:
        return subject.as_given.features(name)[0]
    return name if isinstance(name, int) else (subject.names or ()).index(name)


def _scale(subject: Subject, name: str | int, size: float) -> float:
    """How far a column moves behind its scaler, at most, where it moves by an amount before it."""
    if subject.units is None:
        return size
    return (size * subject.units[_at(subject, name)] + subject.roundings[_at(subject, name)]) * (1.0 + 4 * 2.0**-53)


def _harmless(subject: Subject, options: Options, times: float) -> float:
    """How many times the amounts columns may be off before their scalers, where features may so many times the scale.

    `ρ·size·unit + rounding ≤ times·(size·unit + rounding)` for `ρ = times − (1 − times)₊·rounding/(size·unit)`.
    """
    if subject.units is None or times >= 1 or not options.noise:
        return times
    worst = max(subject.roundings[_at(subject, name)] / ((size or 1.0) * subject.units[_at(subject, name)])
                for name, size in options.noise)
    return max(times - (1.0 - times) * worst * ABOVE, 0.0) * (1.0 - 4 * 2.0**-53)
