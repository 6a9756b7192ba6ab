"""Which groups of training rows, users or sources, matter most to one prediction, and does one of them flip it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from certify.auditing.questions.base import Asked, Claim, Options, Wanted, of_head
from certify.auditing.questions.of_groups.deleted import missing
from certify.auditing.questions.one_prediction import OnePrediction
from certify.auditing.ranked.groups_out import group_ranking
from certify.auditing.ranked.left_out import Ranking
from certify.auditing.subject import Subject
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.problem.progress import Progress


class OnePredictionGroups(OnePrediction):
    """Every group is left out by itself: what that does to one prediction, and whether it gets another label."""

    slug = "one-prediction-groups"
    words: ClassVar[tuple[str, ...]] = (
        "which groups matter for this prediction", "which groups matter to this prediction",
        "which users matter for this prediction", "which users matter to this prediction",
        "which groups flip this prediction")

    @property
    def uses(self) -> tuple[str, ...]:
        """The prediction and the column of the groups."""
        return ("prediction", "groups")

    def sentence(self, subject: Subject, options: Options) -> str:
        """The question in a sentence."""
        return f"which groups of training rows matter most to prediction {options.prediction}"

    def against(self, subject: Subject, options: Options) -> str:
        """Why it cannot be asked."""
        if options.prediction is None:
            return "no prediction is named: say which with --prediction NUMBER"
        if not subject.grouping or subject.owners is None:
            return missing(subject)
        if subject.groups < 2:
            return "all rows are of one group"
        if not subject.classifies:
            return ("the outputs are numbers without a threshold, and of groups certificates state labels; in Python "
                    "certify.leave_one_out(problem, X_new, groups=users) says how far each group moves them")
        return subject.against_head

    def unprompted(self, options: Options) -> bool:
        """Where a prediction and groups are named."""
        return options.prediction is not None and options.groups

    def demanded(self, options: Options) -> bool:
        """Likewise."""
        return options.named or self.unprompted(options)

    def claims(self, phrase: str) -> bool:
        """None: phrases with the number of a prediction are about rows."""
        return False

    def asked(self, subject: Subject, options: Options) -> Asked:
        """The spec: any one group left out, with that one evaluation row."""
        change = {"parameter": "deletions", "set": "sparse", "groups": subject.grouping, "count": 1}
        return Asked(of_head(subject.rebalanced, change), [Wanted("stable_predictions", "min")])

    def instead(self, subject: Subject, options: Options, bounds: Mapping[str, Bound]) -> Asked | None:
        """Nothing: its one claim is about the label."""
        return None

    def ranking(self, subject: Subject, options: Options, problem: Problem, seconds: float, tell: Progress,
                ) -> Ranking | str | None:
        """Every group left out by itself."""
        if subject.owners is None:
            return None
        found = group_ranking(problem, subject.owners, subject.classifies, seconds, tell)
        return found if isinstance(found, str) else found.renumbered(options.prediction or 0)

    def answer(self, subject: Subject, options: Options, claim: Claim) -> str:
        """A claim in words."""
        change = f"whichever of the {subject.groups} groups of training rows is left out {subject.rebalanced.again}"
        name, low, high = f"prediction {options.prediction}", claim["lower"], claim["upper"]
        if low:
            return f"{name} keeps its label, {change}"
        if high is None or high > 0:
            return f"whether {name} keeps its label, {change}, is open"
        rows = [row for row in claim["witness"].get("changed") or [] if row >= 0]
        if not rows or subject.owners is None:
            return f"{name} gets another label with no change at all: the minimum of the stated loss gives it that"
        who = subject.owners.said(rows, 1)
        return f"{name} gets another label when {who} is left out {subject.rebalanced.again}"
