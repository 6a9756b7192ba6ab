"""D1h: which labels of a logistic regression stay whichever m rows are left out or relabelled, and which do not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from certify.rigor import fp
from certify.rigor.activation.elementary import EXP_ERROR, exp
from certify.rigor.fp import RAISE, Array, U
from certify.systems.head.rows.ridge import solve
from certify.systems.head.rows.stored.curved import LOSS, NEAR, curvature_error
from certify.theorems.head.rows.curved.centre import Centre
from certify.theorems.head.rows.curved.reach import Reach, Taken, TakenFound
from certify.theorems.head.rows.squared.contrasts import Ints
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, OPEN, STAYS

AGAIN = 1.0 + 2.0**-20
"""By which factor a curvature that is formed again, from other products, differs from the first one at most, beside
twice its error."""


@dataclass(frozen=True, eq=False)
class Changed:
    """What changes of rows do to every evaluation row.

    Attributes:
        status: `(N,)` STAYS under every choice, FLIPS under one, or OPEN.
        rows: of those that flip, rows whose change does it.
        reason: why nothing was proved; "" if something was.
    """

    status: Ints
    rows: dict[int, tuple[int, ...]]
    reason: str


@dataclass(frozen=True, eq=False)
class Moved:
    """What is known of every refit of a question.

    Attributes:
        reach: bound of `|φ_i|` in the norm of the inverse curvature.
        pull: bound of the length of the gradient after the change, in that norm.
        spread: by which part of it the motion differs from the Newton step.
    """

    reach: float
    pull: float
    spread: float


def moved(at: Centre, Y: Array, count: int, relabel: bool) -> Moved | str:
    """How far refits are from their Newton steps, or why nothing is known of them."""
    s, rows = at.system, at.system.rows
    found = rows.tallied(Reach(s.R, at.V, at.ref, rows.per_row(Y), count, relabel))
    root, wrong = math.sqrt(1 - s.delta), fp.dot_unit(s.p) * at.longest * s.size_R * RAISE
    reach = (found.longest + wrong) / root * RAISE
    slope = 0.0 if relabel else at.slope
    pull = float(found.pulled.sorted()[0].sum()) * fp.sum_up(count)
    pull += count * (LOSS.steepest * wrong + slope * (found.longest + wrong))
    pull = (at.gradient + pull / root) * RAISE
    kappa, off = 0.0, curvature_error(at.output) * reach * reach * RAISE
    if not relabel:
        held = float(found.held.sorted()[0].sum()) * fp.sum_up(count) + count * wrong * (2 * found.longest + wrong)
        kappa = (held * AGAIN / (1 - s.delta) + 2 * count * off) * RAISE
    off *= s.n * RAISE
    left = (1.0 - kappa - off) * (1 - 4 * U)
    if not at.output <= 2.0**-24 or not np.isfinite([reach, pull, off]).all():
        return "floats do not say enough of outputs or gradients"
    if not left > 0:
        return (f"any {count} rows together may carry all that is known of a direction (their leverages add up to "
                f"{kappa:.2g}, which has to be below 1)")
    spread = _spread(at.drift, reach * pull, left, 1 + 2 * NEAR + off)
    if spread is None:
        return f"any {count} rows together may move outputs too far for one curvature to bound it"
    return Moved(reach, pull, spread)


def _spread(drift: float, far: float, left: float, more: float) -> float | None:
    """By which part of itself a motion differs from the Newton step; None where nothing is known of it.

    With ω so that `left·e^(−drift)(1 − e^(−ω)) > far` no output moves by more than ω, and the mean of the curvature on
    the way is between `left·e^(−drift)(1 − e^(−ω))/ω` and `more·e^drift(e^ω − 1)/ω` times the one known.
    """
    grown = _exp(drift)
    part = far * grown / left * RAISE
    if not part < 0.99:
        return None
    omega = -math.log1p(-part) * (1 + 2.0**-20) + 2.0**-40  # any number will do that passes the next line
    least = (1.0 - _exp(-omega)) * left / (grown * RAISE)
    if not least * (1 - 8 * U) > far:
        return None
    largest = (_exp(omega) - 1.0) / omega * (grown * more * RAISE)
    return (max(omega / least * RAISE, 2.0 - (1 - 8 * U) / largest) - 1.0) * RAISE + 8 * U


def _exp(x: float) -> float:
    """Upper bound of `e^x`."""
    return float(exp(np.array([x]))[0]) * (1 + 4 * EXP_ERROR * U)


def changed(at: Centre, Y: Array, points: Array, today: Ints, count: int, relabel: bool) -> Changed:
    """What changing any `count` rows does to the labels of points.

    Args:
        at: the centre.
        Y: `(n, 1)` labels.
        points: `(N, p)`.
        today: `(N,)` labels, 1 or 0.
        count: how many rows change, at least 1.
        relabel: whether they get the other label; else they are left out.
    """
    N, known = len(points), moved(at, Y, count, relabel)
    if isinstance(known, str):
        return Changed(np.full(N, OPEN), {}, known)
    s, sides = at.system, np.where(today == 1, 1.0, -1.0)
    solved = solve(s, points)
    found = s.rows.tallied(Taken(solved.u, sides, at.V, s.rows.per_row(Y), count, relabel))
    E = points * s.scale
    size = fp.row_norms(E)
    long = (fp.row_norms(fp.require_finite(E @ s.R.T, "evaluation rows")) + fp.dot_unit(s.p) * size * s.size_R)
    long = long / math.sqrt(1 - s.delta) * RAISE
    margin = sides * (E @ at.V)
    off = fp.dot_unit(s.p) * size * float(fp.row_norms(at.V[None])[0])
    rest = (long * (known.spread * known.pull + at.gradient) + off + 4 * U * np.abs(margin)) * RAISE
    apart = known.reach * solved.off + fp.dot_unit(s.p) * at.longest * solved.size
    slope = 0.0 if relabel else at.slope
    each = (LOSS.steepest * apart + (slope + 8 * U) * (found.influence + apart)) * RAISE
    return _decided(found, margin, rest, count * each)


def _decided(found: TakenFound, margin: Array, rest: Array, wrong: Array) -> Changed:
    """Both ends of what the margin of every point becomes at the worst."""
    status, rows = np.full(len(margin), OPEN), dict[int, tuple[int, ...]]()
    for j, largest in enumerate(found.largest):
        terms, at = largest.sorted()
        taken = float(terms.sum())
        off = (float(rest[j]) + float(wrong[j]) + taken * (fp.sum_up(len(terms) + 1) - 1.0)) * RAISE
        if margin[j] - taken > off * (1 + 8 * U) + 8 * U * (abs(float(margin[j])) + taken):
            status[j] = STAYS
        elif taken - margin[j] > off * (1 + 8 * U) + 8 * U * (abs(float(margin[j])) + taken):
            status[j] = FLIPS
            rows[j] = tuple(sorted(at[0].astype(int).tolist()))
    return Changed(status, rows, "")
