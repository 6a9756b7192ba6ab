"""The hypotheses a claim lists: each is one that its theorem's rule can re-derive (V15, V20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from certify.check.reading.certificate import Base, Claim, Hypothesis, Number
from certify.check.reading.told import check_statement
from certify.check.systems.point import Ladder
from certify.format.canonical import same, show
from certify.format.refusal import Invalid


@dataclass(frozen=True)
class Stated:
    """A hypothesis as a claim states it, and what it is held against.

    Attributes:
        claim: the claim that lists it.
        base: where the solution is, as stated and proved (None: none is).
    """

    where: str
    value: Number | str | None
    holds: bool
    claim: Claim[Any]
    ladder: Ladder
    base: Base | None

    @property
    def number(self) -> Number:
        """The value, 0 for null; that it is no text was seen to."""
        assert not isinstance(self.value, str)
        return self.value or 0

    @property
    def words(self) -> str:
        """Value and truth, as a message quotes them."""
        return f"{show(self.value)}, {show(self.holds)}"


Check = Callable[[Stated], None]
"""Returns if a hypothesis could be re-derived; else raises `Invalid`."""


def check_hypothesis(
    hypothesis: Hypothesis, known: Mapping[str, Check], claim: Claim[Any], ladder: Ladder, base: Base | None,
) -> None:
    """A hypothesis is one of those that the theorem's rule knows, with the value and the truth it can re-derive."""
    where = f"{claim.where}.hypotheses, {show(hypothesis.name)}"
    if hypothesis.name not in known:
        raise Invalid(where, "it is stated", f"this checker can re-derive {', '.join(known)}")
    problem = ladder.problem
    check_statement(where, hypothesis.name, hypothesis.statement,
                    (problem.parameters, len(problem.kept) * problem.block))
    known[hypothesis.name](Stated(where, hypothesis.value, hypothesis.holds, claim, ladder, base))


def measured(check: Check, always: bool = False) -> Check:
    """The check of a hypothesis with a number from 0 on or null, which may also be stated not to hold.

    Args:
        check: derives one that is stated to hold.
        always: whether the claim says nothing without it.
    """

    def checked(stated: Stated) -> None:
        claim, value = stated.claim, stated.value
        if isinstance(value, str) or (value is not None and value < 0):
            raise Invalid(stated.where, f"its value is {show(value)}", "a number from 0 on, or null, is needed")
        if stated.holds:
            check(stated)
        elif claim.lower is not None or claim.upper is not None or bool(claim.rows) or value or always:
            raise Invalid(stated.where, "it is stated not to hold", "the claim has numbers that rest on it")

    return checked


def counting(stated: Stated) -> None:
    """`p − nk`, and whether it is from 0 on."""
    problem = stated.ladder.problem
    spare = problem.parameters - len(problem.kept) * problem.block
    if not same(stated.value, spare) or stated.holds != (spare >= 0):
        raise Invalid(stated.where, stated.words, f"p − nk is {spare}")
