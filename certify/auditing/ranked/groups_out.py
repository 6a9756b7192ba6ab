"""What leaving out each group of training rows does to one prediction: both ends, the group that does most first."""

from __future__ import annotations

import time
from dataclasses import replace

from certify.auditing.ranked.left_out import Asked, Ranking, TimeUp, Unmoved, ordered
from certify.auditing.shown.owners import Owners
from certify.format.errors import CertifyError
from certify.problem.problem import Problem
from certify.problem.progress import Progress
from certify.prove.changed.left.groups import asked_groups, groups_left_out
from certify.systems.head.rows.of_problem import head_of


def group_ranking(problem: Problem, owners: Owners, labels: bool, seconds: float, tell: Progress) -> Ranking | str:
    """Leave every group out in turn, and rank them by what that does to the one evaluation row.

    Args:
        problem: of a head, with that evaluation row.
        owners: whose each training row is.
        labels: whether outputs stand for labels.
        seconds: time.
        tell: told the stage and the fraction done.

    Returns:
        The groups; or why there are none.
    """
    until = time.monotonic() + seconds

    def told(stage: str, share: float) -> None:
        if time.monotonic() > until:
            raise TimeUp
        tell(stage, share)

    prepared = replace(problem, prepare=None)  # evaluation rows of a spec are prepared already
    try:
        asked = asked_groups(prepared, problem.evaluation, list(owners.numbers))
        found = groups_left_out(asked, list(owners.numbers), told)
    except TimeUp:
        return "the time was up before every group had been left out once: give more of it with --seconds"
    except CertifyError as error:
        return str(error)
    return ordered(found, list(found.groups), head_of(asked), Asked(0, labels), Unmoved(), owners)
