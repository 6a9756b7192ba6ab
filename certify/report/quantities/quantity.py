"""What a report has to know of a quantity: its name, its sentences, and what they do not say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from certify.certificate.schema import Claim, Problem
from certify.report.glance.scales import Scale, no_scale
from certify.report.statements import Phrase, Rows

Terms = list[tuple[str, str]]
Sentence = Callable[[Claim, Problem, Rows | None], Phrase]
DIGITS = 4
"""Digits of a number in a sentence."""


def no_terms(_: Problem) -> Terms:
    """Nothing to explain."""
    return []


@dataclass(frozen=True)
class Quantity:
    """A quantity in words.

    Attributes:
        word: as it is asked for.
        name: what it is called.
        sentence: a claim on it as one plain sentence.
        by_theorem: sentences of claims that one theorem makes otherwise.
        names: what it is called otherwise, by theorem or map.
        functional: the same where the evaluation rows are functionals of the weights.
        equal: what two equal rows do to it, as a template with {i}, {j} and {why}.
        boxed: how its ends are known where the side file holds a change of every row, by side.
        pointwise: whether it is a limit for ever smaller moves.
        linear: whether it is about the linearisation: then what changes to first order.
        at_size: the quantity as a sentence begins with it, where it is about moves at their own size.
        names_size: whether it is itself a size up to which something holds.
        upper_covers: whether it is its upper end that covers moves of some size.
        sized: whether it is about moves of the size in the specification.
        unused: why it does not use that size; empty where it does, or where no such size can be given.
        nearest: whether it is about the solution nearest to the point examined.
        evaluated: whether it is about outputs at the evaluation rows.
        beyond: what is not claimed of it.
        terms: entries of a glossary that it needs.
        facts: lines of the table of the problem that it needs.
        row_noun: what is known of one row.
        ranked: whether a larger number of a row says that it matters more, as tables of rows have them.
        gauge: whether it is drawn as a size, from what is harmless to what is not.
        wonders: what is asked, as the end of a question that begins with the change.
        scale: what a reader may hold a claim against, in phrases.
    """

    word: str
    name: str
    sentence: Sentence
    by_theorem: Mapping[str, Sentence] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    functional: str = ""
    equal: str = "No finite factor works. Training rows {i} and {j} have exactly the same features. {why}"
    boxed: Mapping[str, str] = field(default_factory=dict)
    pointwise: bool = False
    linear: str = ""
    at_size: str = ""
    names_size: bool = False
    upper_covers: bool = False
    sized: bool = False
    unused: str = ""
    nearest: bool = False
    evaluated: bool = False
    beyond: tuple[tuple[str, str], ...] = ()
    terms: Callable[[Problem], Terms] = no_terms
    facts: Callable[[Problem], Terms] = no_terms
    row_noun: str = "factor"
    ranked: bool = True
    gauge: bool = False
    wonders: str = ""
    scale: Scale = no_scale

    def covers(self, claim: Claim) -> bool:
        """Whether moves of some size are covered; the lower end of a factor with radii, that of the modulus, has none.

        Args:
            claim: a claim on this quantity.
        """
        return (claim.upper if self.upper_covers else claim.lower) is not None
