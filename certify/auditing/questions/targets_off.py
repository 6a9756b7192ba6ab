"""Every training target may be off by some amount, or some share of itself: how far do predictions move?"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Final

from certify.auditing.questions.base import Asked, Claim, Options, Question, Wanted, of_head, of_rows
from certify.auditing.shown.units import unit
from certify.auditing.subject import Subject
from certify.format.errors import InputError
from certify.format.quantities import PREDICTION_CHANGE
from certify.network.loss.losses import loss_named
from certify.prove.changed.amounts import NUMBER, USUAL, Off

OWN: Final = r"\btargets?\b"
MATTER: Final = r"\b(off|nois[ey]|noisy|errors?|inaccurate|measurement|uncertain(?:ty)?|imprecise)\b"
"""What a phrase is about, and what is the matter with it: both together mean this question alone."""
COUNTED: Final = (rf"{NUMBER}\s*(?:‰|(?:of\s+)?(?:the\s+|all\s+|training\s+)*targets?\b)"
                  r"|\bhow many\s+(?:of\s+)?(?:the\s+|my\s+)?targets?\b")
"""`3 targets`, `how many targets` and `20 % of the targets` say how many, and no amount."""
SHARED: Final = r"\b(?:of|its|their)\s+(?:itself|themselves|own|size)\b"
"""`0.5 of itself` is no amount in the units of the targets."""


class TargetsOff(Question):
    """Every target is off by up to an amount, all at once, and the model is trained again to its minimum."""

    slug = "targets-off"
    holds_alone = True
    words = ("targets off", "target noise", "noise in targets", "noise in the targets", "noisy targets",
             "errors in targets", "error in targets", "targets inaccurate")
    besides = ("noisy", "error", "errors", "measurement", "uncertain", "uncertainty", "imprecise", "target",
               "themselves", "itself", "their", "its", "own", "size")

    @property
    def uses(self) -> tuple[str, ...]:
        """The amount."""
        return ("targets_off",)

    def unprompted(self, options: Options) -> bool:
        """Only where somebody says by how much."""
        return options.targets_off is not None

    def demanded(self, options: Options) -> bool:
        """Whenever it is asked."""
        return True

    def claims(self, phrase: str) -> bool:
        """A phrase about targets that are not exact."""
        return all(re.search(pattern, phrase, re.IGNORECASE) for pattern in (OWN, MATTER))

    def rest(self, phrase: str) -> str:
        """Without the amount."""
        return re.sub(rf"(?:±|\+-|\+/-)?\s*{NUMBER}", " ", phrase)

    def heard(self, phrase: str, options: Options) -> Options:
        """The amount or the share, the one number of the phrase."""
        found = [Off(Fraction(number), bool(share)) for number, share in re.findall(NUMBER, phrase)]
        if len(found) > 1 or any(not 0 < one.number < 10**300 for one in found):
            raise InputError(f"--ask {phrase!r}", "not one amount above 0",
                             "say by how much every target may be off, e.g. 'every target is off by up to 2 %'")
        if re.search(COUNTED, phrase, re.IGNORECASE):
            raise InputError(f"--ask {phrase!r}", "how many targets are off, or an amount in thousandths",
                             "it is asked of all at once: say by how much, e.g. 'every target is off by up to 2 %'")
        if found and not found[0].share and re.search(SHARED, phrase, re.IGNORECASE):
            percent = float(100 * found[0].number)
            raise InputError(f"--ask {phrase!r}", "a share without %",
                             f"say it with one, e.g. '{percent:g} % of itself'")
        if found and options.targets_off not in (None, found[0]):
            raise InputError(f"--ask {phrase!r}", "another amount than --targets-off has", "say it once")
        return replace(options, targets_off=found[0]) if found else options

    def assumed(self, subject: Subject, options: Options) -> str:
        """By how much, where nobody said it."""
        if options.targets_off is not None or self.against(subject, options):
            return ""
        return ("nobody said by how much targets may be off: 1 % of each is taken; --targets-off 3%, or "
                "--targets-off 1500, says another amount")

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return f"how far do outputs change, {_change(subject, options)}"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if subject.y is None:
            return "the targets are labels, which are not off by an amount: ask --ask 'labels wrong'"
        if not loss_named(subject.loss).quadratic:
            return f"only with the squared loss are predictions linear in the targets; the loss is {subject.loss}"
        if not subject.plain:
            return "it is known of fully connected networks, and this is a graph"
        if subject.weights is not None:
            return "it is not built for rows that carry weights of their own"
        share = (options.targets_off or USUAL).share
        if share and subject.network.widths[-1] > 1:
            return "a share of a target is known of one output: give an amount, e.g. --targets-off 0.1"
        if subject.mean:
            return ("targets are kept here without their mean, which a fit to other targets takes anew: fit with "
                    "normalize_y=False")
        return subject.against_head

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec."""
        off = options.targets_off or USUAL
        change: dict[str, object] = {"parameter": "targets", "set": "per_sample", "radius": off.radius}
        return Asked(of_head(subject, change | ({"relative": True} if off.share else {}), fewer=False),
                     [Wanted(PREDICTION_CHANGE.name, "max")])

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        return of_rows(subject, claim, _change(subject, options)) + unit(subject, claim)


def _change(subject: Subject, options: Options) -> str:
    who = "every training target" if subject.network.widths[-1] == 1 else (
        "the targets of every training row, together (root of the sum of squares),")  # no bound of each by itself
    return f"when {who} may be off by up to {(options.targets_off or USUAL).words}, all at once, {subject.again}"
