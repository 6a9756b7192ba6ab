"""Features may be off, every row's by its own amount: how far, before the training loss exceeds a level?"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np

from certify.auditing.questions.base import SMALL, Asked, Claim, Options, Question, Wanted, of_weights
from certify.auditing.subject import Subject
from certify.format.digits import at_least, at_most
from certify.format.words import Loss


class Noise(Question):
    """The largest amount by which the stated features of every row may be off before the loss can exceed the level."""

    slug = "noise"
    words = ("noise", "measurement error", "off by", "perturbed", "drift", "inaccurate")

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        what = _columns(subject, options)
        return (f"how far may {what} of every training row be off before the mean training loss can exceed "
                f"{level(subject, options):.3g}")

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
        known = subject.names or ()
        for name, _ in options.noise:
            if isinstance(name, str) and name not in known:
                return f"there is no column {name!r}" + (f": the columns are {', '.join(known[:20])}" if known else
                                                         ", as the features have no names: give its number from 0")
            if isinstance(name, int) and not 0 <= name < subject.X.shape[1]:
                return f"there is no column {name}: they are numbered from 0 to {subject.X.shape[1] - 1}"
        return ""

    def heard(self, phrase: str, options: Options) -> Options:
        """The feature after "in"."""
        column = re.search(r"\bin (?:the )?(.+?)[\s?]*$", phrase)
        if column is None or any(str(name) == column[1] for name, _ in options.noise):
            return options
        name: str | int = int(column[1]) if column[1].isdecimal() and column[1].isascii() else column[1]
        return replace(options, noise=(*options.noise, (name, None)))

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        change: dict[str, object] = {"parameter": "features", "set": "per_sample"}
        threshold = None
        if options.noise:
            sizes = {_name(subject, name): (size or 1.0) * _unit(subject, name) for name, size in options.noise}
            change |= {"columns": list(sizes), "scale": {str(name): size for name, size in sizes.items()}}
            threshold = 1.0 if all(size is not None for _, size in options.noise) else None
        solution = {"map": "sublevel", "level": level(subject, options)}
        return Asked(of_weights(subject, solution, change),
                     [Wanted("persistence_radius", "min", threshold)])

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words, of one feature in its own unit."""
        low, high, bar = claim["lower"], claim["upper"], level(subject, options)
        what, sizes = _columns(subject, options), [size or 1.0 for _, size in options.noise]
        size = sizes[0] if len(sizes) == 1 else 1.0
        unit = "" if len(sizes) < 2 or set(sizes) == {1.0} else " times the stated amounts"
        if not low:
            return f"no amount of noise in {what} is proved to keep the mean training loss at most {bar:.3g}"
        text = (f"{what} of every training row may be off by up to {at_least(_down(low * size), 4)}{unit}, and these "
                f"weights keep the mean training loss at most {bar:.3g} (today {subject.fit.value:.3g})")
        return text if high is None else f"{text}; some change of {at_most(_up(high * size), 4)}{unit} exceeds it"


def _down(value: float) -> float:
    return math.nextafter(value, -math.inf)


def _up(value: float) -> float:
    return math.nextafter(value, math.inf)


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


def _columns(subject: Subject, options: Options) -> str:
    if not options.noise:
        return subject.moved
    return ", ".join(f"column {name}" if isinstance(name, int) else name for name, _ in options.noise)


def _place(subject: Subject, name: str | int) -> int:
    """The number of a column."""
    return name if isinstance(name, int) else (subject.names or ()).index(name)


def _name(subject: Subject, name: str | int) -> str | int:
    """What a spec calls a column: its name where the data file has names, else its number."""
    listed = not isinstance(subject.tables["data"].get("features"), str)
    return (subject.names or ())[_place(subject, name)] if listed and subject.names else _place(subject, name)


def _unit(subject: Subject, name: str | int) -> float:
    """How far a column moves behind what prepares it where it moves by 1."""
    return 1.0 if subject.units is None else subject.units[_place(subject, name)]
