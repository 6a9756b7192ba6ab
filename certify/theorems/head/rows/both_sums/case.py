"""Choices of at most so many deleted and so many other relabelled rows, and their single changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from certify.rigor.fp import RAISE, Array
from certify.systems.head.rows.change import DELETED, Choices
from certify.systems.head.rows.changes.both import BothChange
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.weights import UNIT
from certify.theorems.head.rows.step_sums.kinds import Kinds
from certify.theorems.head.rows.step_sums.search import Case
from certify.theorems.head.rows.step_sums.steps import Steps, steps

NEAR = 1e-6
"""Of μ: the length of the gradient at which a single refit is near enough."""

GONE, NEW = 0, 1
"""Kinds of changes: a row is deleted, or gets the other label."""


def single_changes(head: Head, change: BothChange) -> tuple[Choices, Kinds]:
    """Every row deleted, and every row with the other label, as far as either is asked about; and of which kind."""
    assert head.label is not None
    rows = np.array(change.rows, dtype=np.int64)
    gone, new = (rows if most else rows[:0] for most in (change.deleted, change.relabelled))
    codes = np.concatenate([np.full(len(gone), DELETED), 1 - head.label[new]])
    kinds = np.concatenate([np.full(len(gone), GONE), np.full(len(new), NEW)])
    return (Choices(np.concatenate([gone, new])[:, None], codes[:, None]),
            Kinds(kinds, (change.deleted, change.relabelled)))


def single_steps(head: Head, choices: Choices, check: Callable[[], None]) -> Steps | None:
    """The steps of single changes (D20); a deleted row counts nothing afterwards: `γ = −c`, and it takes all it has."""
    st = steps(head, choices, check, NEAR * head.mu()[0])
    if st is None:
        return None
    gone = st.choices.codes[:, 0] == DELETED
    own = st.heavy[st.rows] * (1 + 4 * UNIT) * RAISE
    return replace(st, gain=np.where(gone, own, st.gain), lost=np.where(gone, 1.0, st.lost))


def some_steps(st: Steps, which: Whole) -> Steps:
    """Those of some single changes."""
    return replace(st, choices=Choices(st.choices.rows[which], st.choices.codes[which]), delta=st.delta[which],
                   long=st.long[which], moved=st.moved[:, which], signed=st.signed[:, which], off=st.off[:, which],
                   gain=st.gain[which], lost=st.lost[which], left=st.left[which])


class BothCase(Case):
    """Choices of changes of different rows, at most so many of each kind."""

    def worst(self, push: Array) -> Whole:
        """Of every point the labels that take most to first order, and of the other rows those to delete, `(N, k)`.

        Where rows are few, fewer go: none is deleted that has another label.
        """
        kinds, rows = self.bound.kinds, self.bound.steps.rows
        new, gone = (np.flatnonzero(kinds.of == kind) for kind in (NEW, GONE))
        labels = new[np.argsort(-push[:, new], axis=1, kind="stable")[:, : kinds.most[NEW]]]
        left = push[:, gone].copy()
        for column in labels.T:
            left[rows[gone] == rows[column][:, None]] = -np.inf
        most = min(kinds.most[GONE], max(len(gone) - labels.shape[1], 0))
        return np.hstack([labels, gone[np.argsort(-left, axis=1, kind="stable")[:, :most]]])

    def listed(self, each: Array, need: float) -> Iterator[Whole]:
        """Those among them whose changes take at least so much together: a row that is deleted has no label."""
        for which in self.bound.kinds.listed(each, need):
            rows = np.sort(self.bound.steps.rows[which], axis=1)
            yield which[(rows[:, 1:] != rows[:, :-1]).all(axis=1)]
