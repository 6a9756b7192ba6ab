"""What may move, in words: one row a kind of data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Parameter:
    """One kind of data that may change.

    Attributes:
        noun: its name.
        of_a_row: its name where single rows move.
        all: its name where the whole training data moves.
        verb, verb_of_one: what it does, of several rows and of one.
        may: what a subtitle says that it may do.
        carrier: the letter that carries the change in symbols; empty where none does.
        one_number: whether a row has one number of it, so that no norm is needed.
        sized: whether its change has a size δ.
        changed: what a change is one of.
        largest: the largest change of a row, in words; empty where the norm says it.
        length: the size of a row's change; empty where the norm says it.
        under: how a loss is counted after the change.
        loss: the training loss that the change can lift.
        kept_by: what has such a loss.
        own_weights: the given weights, where distances are counted from them.
        weighted: what follows the loss of a row in the average.
        target: what follows the target of a row where it is named.
        others: what rows that are not listed keep.
        equal: why equal rows are parted by a move.
        by_file: the one change in a file; empty where the ordinary words do.
        term: entry of a glossary that only this needs.
        at_fits: how both ends are known where the gradient vanishes only at exact fits; empty where that says nothing.
        closed: how the ends of a persistence radius are known where there is a formula.
        whole: what several rows do and what one does where it has no size, whichever they are.
        sizeless: why there is no size, for a table and as a sentence.
        change: such a change, for a glossary.
        where: what may move, for a table; `{noun}` and `{rows}` stand for words.
    """

    noun: str
    of_a_row: str
    all: str
    others: str
    verb: str = "move"
    verb_of_one: str = "move"
    may: str = "move"
    carrier: str = ""
    one_number: bool = False
    sized: bool = True
    changed: str = "the training data"
    largest: str = ""
    length: str = ""
    under: str = "on the moved data"
    loss: str = "training loss"
    kept_by: str = "weights"
    own_weights: str = "these weights"
    weighted: str = ""
    target: str = ", plus the move of that row’s target"
    equal: str = ""
    by_file: str = ""
    term: tuple[tuple[str, str], ...] = ()
    at_fits: str = ""
    closed: str = "both ends from a closed formula"
    whole: tuple[str, str] = ("", "")
    sizeless: tuple[str, str] = ("", "")
    change: str = ""
    where: str = "the {noun} of {rows}"

    def verbs(self, falls: bool) -> tuple[str, str]:
        """What several rows do and what one does, where changes go both ways or only down."""
        return ("fall", "falls") if falls else (self.verb, self.verb_of_one)


def _kept(noun: str) -> str:
    return f"Rows that are not listed keep their {noun}; nothing is said about moving them."


PARAMETERS: Final = {
    "features": Parameter(
        "features", "features", "training features", _kept("features"), carrier="x", target="", closed="",
        equal="As soon as one of them moves, the network has to give the same output at two nearby points, against "
        "its own slope there; weights that do so are not found within any fixed multiple of the move."),
    "targets": Parameter(
        "targets", "targets", "training targets", _kept("targets"), carrier="y",
        equal="As soon as their targets move apart, the network would have to give two outputs for one input, and no "
        "weights do that."),
    "sample_weights": Parameter(
        "sample weights", "sample weight", "sample weights",
        "Rows that are not listed keep their sample weight; nothing is said about changing it.",
        verb="change", verb_of_one="changes", may="change", carrier="w", one_number=True,
        changed="the sample weights", largest="largest change of a sample weight", length="absolute value",
        under="under the changed sample weights", loss="training loss under the changed sample weights",
        kept_by="network weights", own_weights="the given ones", weighted=", each times its sample weight",
        by_file="the sample weights change by what the file says",
        term=((
            "sample weight",
            "the factor with which a row’s loss enters the training loss: 1 today, 1 + u after a change; 0 leaves the "
            "row out, and the loss is still divided by the number of all rows",
        ),),
        at_fits="near these weights the gradient vanishes only at exact fits, and these stay exact fits under any "
        "sample weights; both ends are 0"),
    "labels": Parameter(
        "labels", "labels", "training labels",
        "Rows that are not listed keep their labels; nothing is said about changing them.", may="change", sized=False,
        whole=("get other labels", "gets another label"),
        sizeless=("a label has no size: it becomes any other", "A change of labels has no size δ."),
        change="other labels for some of the rows that may change; it has no size"),
    "deletions": Parameter(
        "rows", "row", "training rows", "Rows that are not listed stay; nothing is said about leaving them out.",
        verb="are left out", verb_of_one="is left out", may="be left out", sized=False,
        under="on the rows that are left",
        whole=("are left out", "is left out"),
        sizeless=("a row has no size: it is left out or stays", "Leaving out a row has no size δ."),
        change="some of the rows that may change are left out; it has no size", where="{rows}, left out or not"),
}
