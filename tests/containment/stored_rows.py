"""Attack on certificates about rows on disk: what is accepted is true of every change, in rationals."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np

from certify.check.stored.comparison import entries
from certify.check.stored.run import check
from certify.format.refusal import Invalid
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.families.stored_rows import Small, small, written


def accepted(problem: Small, change: str, count: int, stays: list[int], flips: list[int],
             changed: list[list[int]] | None) -> bool:
    """Whether the checker accepts a certificate that states these rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), problem, change, count, stays, flips, changed)
        try:
            check(path, path.read_bytes(), {}, lambda _: None)
        except Invalid:
            return False
    return True


def drawn(rng: np.random.Generator, n: int) -> Small:
    """Rows, and predictions of which some are near the middle."""
    problem = small(rng, int(rng.choice([2, 3])), n, 2)
    return Small(problem.X, problem.y, problem.new * 2.0 ** float(rng.integers(-6, 1)), problem.classes,
                 problem.penalty * 2.0 ** float(rng.integers(-20, 3)), problem.free)


@attack("stored_labels", "D3", slow=40)
def labels(rng: np.random.Generator) -> Outcome:
    """Each prediction stated to stay, and stated to flip, against every change of labels."""
    problem, count, decided = drawn(rng, 6), int(rng.integers(1, 5)), False
    for j, (strict, loose) in enumerate(problem.tolerated()):
        stays = accepted(problem, "labels", count, [j], [], None)
        flips = accepted(problem, "labels", count, [], [j], None)
        if (stays and count > strict) or (flips and count <= loose):
            raise Violation(f"row {j}: {stays}, {flips} with {count} changes, {strict} are tolerated")
        decided |= stays or flips
    return "decided" if decided else "refused"


@attack("stored_deletions", "D4", slow=40)
def deleted(rng: np.random.Generator) -> Outcome:
    """Each prediction stated to stay, and stated to flip by drawn rows, against every deletion."""
    problem, count, decided = drawn(rng, 9), int(rng.integers(1, 3)), False
    for j, (stay, flip) in enumerate(problem.deleted(count)):
        rows = sorted(rng.choice(9, count, replace=False).tolist())
        stays = accepted(problem, "deletions", count, [j], [], [])
        flips = accepted(problem, "deletions", count, [], [j], [rows])
        if (stays and not stay) or (flips and not flip):
            raise Violation(f"row {j}: {stays}, {flips} with {count} deletions, {stay}, {flip} is true")
        decided |= stays or flips
    return "decided" if decided else "refused"


@attack("stored_compared", "D4", slow=40)
def compared(rng: np.random.Generator) -> Outcome:
    """The same where entries of the hat matrix are formed for three rows alone, two of which are kept of each."""
    with patch.object(entries, "LONGEST", 3), patch.object(entries, "KEPT", 2):
        return deleted(rng)
