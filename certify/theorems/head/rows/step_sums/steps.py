"""D20: the refits after one change each, and how far each moves every margin.

`δ_u` is any vector, near `w_u − ŵ`; what it leaves of the gradient is enclosed (V7), and nothing rests on how it was
found. `τ^u_j = s_j·δ_u`. proofs/heads-sums.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.finders.head.plain import PlainRefits
from certify.rigor import fp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows import plainly
from certify.systems.head.rows.change import Choices
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.weights import UNIT

TURNS, AT_ONCE = 5, 512
"""Steps with the inverse at the centre, and changes at a time."""

DECAY = 2 * U
"""What the decay of a head may be off by, as a part of it: that of balanced weights is a rounded quotient."""

NOTHING = Choices(np.zeros((1, 0), np.int64), np.zeros((1, 0), np.int64))


@dataclass(frozen=True, eq=False)
class Steps:
    """Single changes around a centre.

    Attributes:
        head: the head.
        choices: f changes of one row each; those of a choice are of different rows.
        w: `(m,)` the centre ŵ.
        delta: `(f, m)` floats near the steps δ, which are the exact differences of floats.
        long: `(f,)` at least the lengths of the steps.
        S, norms: `(n, m)` rows times their labels, and at least their lengths.
        t, t_off: `(n,)` margins at the centre in floats, and what they are off by.
        moved: `(n, f)` at least `|τ^u_j|`; `signed` these in floats, off by at most `off`.
        light, heavy: `(n,)` below and above the weight of every row.
        gain: `(f,)` at least `|c'_u − c_i|`; `lost` at least `(1 − c'_u/c_i)₊`.
        left: `(f,)` at least the gradient after each change at its step; `still`: at the centre without any.
    """

    head: Head
    choices: Choices
    w: Array
    delta: Array
    long: Array
    S: Array
    norms: Array
    t: Array
    t_off: Array
    moved: Array
    signed: Array
    off: Array
    light: Array
    heavy: Array
    gain: Array
    lost: Array
    left: Array
    still: float

    @property
    def rows(self) -> Whole:
        """`(f,)` the row of every change."""
        return np.asarray(self.choices.rows[:, 0])


def proposed_steps(head: Head, choices: Choices, check: Callable[[], None], goal: float = np.inf,
                   ) -> tuple[Array, Array]:
    """Weights near the refit of the unchanged rows `(m,)`, and near those after every change `(f, m)`: a finder.

    Those with a gradient above a goal are looked for by Newton's method.
    """
    plain = PlainRefits(head)
    centre = plain.newton(NOTHING, head.V[None], 0.0, check)
    inverse = plain.inverse(centre[0])
    found = np.repeat(centre, len(choices), axis=0)
    for start in range(0, len(choices), AT_ONCE):
        check()
        at = slice(start, start + AT_ONCE)
        found[at] = plain.chords(choices.part(at), found[at], inverse, TURNS)
        if np.isfinite(goal):
            found[at] = plain.newton(choices.part(at), found[at], goal, check)
    return centre[0, 0], found[:, 0]


def steps(head: Head, choices: Choices, check: Callable[[], None], goal: float = np.inf) -> Steps | None:
    """The steps of some changes; None where floats do not hold them.

    Args:
        head: a head of one output and the logistic loss, whose weights do not follow the counts of labels.
        choices: f changes of one row each.
        check: raises when the time is up.
        goal: of gradients after single changes.
    """
    w, W = proposed_steps(head, choices, check, goal)
    if not (np.isfinite(w).all() and np.isfinite(W).all()):
        return None
    delta = W - w
    long = fp.row_norms(delta) * (1 + 4 * U)
    S, norms, size = head.phi * head.Y, head.phi_norm, float(fp.row_norms(w[None, :])[0])
    t = S @ w
    t_off = (fp.dot_unit(head.m) * size * norms + fp.FLOOR) * RAISE
    signed, off = S @ delta.T, np.outer(norms * RAISE, (fp.dot_unit(head.m) + 2 * U) * long) + fp.FLOOR
    left = np.empty(len(choices))
    for start in range(0, len(choices), AT_ONCE):
        check()
        at = slice(start, start + AT_ONCE)
        left[at] = plainly.enclose_slopes(head, choices.part(at), W[at, None, :]).size
    still = float(plainly.enclose_slopes(head, NOTHING, w[None, None, :]).size[0])
    decay = DECAY * head.mu()[0]
    left = (left + decay * (size + long)) * RAISE
    weight, after = weights_of(head, choices)
    before = weight[choices.rows[:, 0]]
    follows = float(head.weights is not None and head.weights.by_label)  # else a row keeps its weight exactly
    gain = follows * (np.abs(after - before) + 4 * UNIT * (after + before)) * RAISE
    lost = follows * (np.maximum(1.0 - after / before, 0.0) + 8 * UNIT)
    return Steps(head, choices, w, delta, long, S, norms, t, t_off, (np.abs(signed) + off) * RAISE, signed, off,
                 weight * (1 - 2 * UNIT), weight * (1 + 2 * UNIT), gain, lost, left, (still + decay * size) * RAISE)


def weights_of(head: Head, choices: Choices) -> tuple[Array, Array]:
    """`(n,)` what every row counts, and `(f,)` what the changed row of every change counts then, within `UNIT`."""
    if head.weights is None:
        return np.ones(head.n), np.ones(len(choices))
    after = np.empty(len(choices))
    for start in range(0, len(choices), AT_ONCE):
        part = choices.part(slice(start, start + AT_ONCE))
        after[start : start + AT_ONCE] = head.weights.of(head, part)[part.rows[:, 0], np.arange(len(part))]
    return np.asarray(head.weights.of(head, NOTHING)[:, 0]), after
