"""The kernel of judgements: what a statement is, and how it is decided at one precision after another.

A statement is `PROVED` by a comparison of balls that holds for all their points, never by floats; `DISPROVED` if the
contrary is proved so; and else `UNDECIDED`, which means neither. Rules return a condition, or a `Finding` where no
condition says what they found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeVar

from flint import ctx

from certify.check.linalg.definite import Truth
from certify.format.refusal import Invalid

PRECISIONS = (128, 256, 512)
"""Bits tried in turn while a statement is neither proved nor disproved."""

WIDTH = 60
"""Bits of numbers in fixed point at the lowest; an entry of less than 62 bits needs no more room than that."""

DIGITS = 17
"""Digits of a number that a message quotes."""

CHANCE: ContextVar[list[str] | None] = ContextVar("CHANCE", default=None)
"""Where random probes may decide, what they have decided; None: nowhere, and all is decided exactly."""


class NotSmooth(Exception):  # noqa: N818 — an answer about the network, not a defect
    """A pre-activation was not proved different from a kink of the activation.

    Attributes:
        where: layer, unit and data row.
        exact: True if it is zero, so that more precision cannot help.
    """

    def __init__(self, where: str, exact: bool) -> None:
        self.where, self.exact = where, exact
        super().__init__(where)


class Unproved(Exception):  # noqa: N818 — an answer at this precision, not a defect
    """Something a rule rests on was not proved.

    Attributes:
        words: what.
    """

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(words)


@dataclass(frozen=True)
class Finding:
    """What became of one statement.

    Attributes:
        truth: proved, disproved or not decided.
        found: the recomputed side, in words.
    """

    truth: Truth
    found: str

    def judged(self) -> Finding:
        """Itself."""
        return self


def judged(proved: object, disproved: object, words: str) -> Finding:
    """What two comparisons of balls say together."""
    return Finding(Truth.PROVED if proved else Truth.DISPROVED if disproved else Truth.UNDECIDED, words)


class Judgement(Protocol):
    """A statement that can be judged: those here, and the other conditions of `judgements`."""

    def judged(self) -> Finding: ...  # noqa: D102


class Problemlike(Protocol):
    """What a message about a kink names."""

    @property
    def activation(self) -> str: ...  # noqa: D102


class Rung(Protocol):
    """Where a rule looks: a problem at one precision."""

    @property
    def precision(self) -> int: ...  # noqa: D102
    @property
    def problem(self) -> Problemlike: ...  # noqa: D102


P = TypeVar("P", bound=Rung)


def decide(rule: Callable[[P], Judgement], ladder: Iterable[P], once: bool = False) -> Finding:
    """Apply a rule at rising precision until its statement is proved or disproved.

    A network that is not proved smooth at the data disproves nothing and proves nothing: every rule that needs
    derivatives then stays undecided, at once if a pre-activation is exactly zero.

    With `once` the lowest precision, which the ladder has first, is the only one tried.
    """
    finding = Finding(Truth.UNDECIDED, "nothing was tried")
    for point in ladder:
        with ctx.workprec(point.precision):
            try:
                finding = rule(point).judged()
            except NotSmooth as kink:
                what = "is zero" if kink.exact else f"is not proved nonzero at {point.precision} bits"
                kind = point.problem.activation or "the network"
                finding = Finding(Truth.UNDECIDED, f"{kink.where} {what}, where {kind} has no derivative")
                if kink.exact:
                    break
            except Unproved as missing:
                finding = Finding(Truth.UNDECIDED, missing.words)
        if once or finding.truth is not Truth.UNDECIDED:
            break
    return finding


def expect(
    where: str, stated: int | float, rule: Callable[[P], Judgement], ladder: Iterable[P], once: bool = False,
) -> None:
    """As :func:`decide`; anything but a proof is a refusal that quotes the member of the certificate and both sides."""
    finding = decide(rule, ladder, once)
    if finding.truth is not Truth.PROVED:
        unsure = finding.truth is Truth.UNDECIDED and "not proved" not in finding.found
        raise Invalid(where, f"{stated!r} is stated",
                      finding.found + "; that it is so was neither proved nor disproved" * unsure)
