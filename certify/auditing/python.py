"""`certify.audit`: the questions of an audit about a problem in memory."""

from __future__ import annotations

import math
import operator
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from certify.auditing.audit import Audit, audit_subject
from certify.auditing.heard.columns import Columns
from certify.auditing.heard.said import with_readings
from certify.auditing.phrases import Unused, asked_for, first_wrong
from certify.auditing.questions.base import Options
from certify.auditing.questions.counted import counted, shared
from certify.auditing.store import stored
from certify.certificate.alone import working
from certify.certificate.write import require_folder
from certify.format.errors import InputError
from certify.problem.problem import Problem
from certify.problem.progress import Progress, shown, watched
from certify.prove.changed.amounts import off_of
from certify.prove.changed.shares import given_of, rows_or_share


def audit(
    problem: Problem, X_eval: Any = None, y_eval: Any = None, *, delete: int | str | None = None,
    relabel: int | str | None = None, rows: Sequence[int] = (), prediction: int | None = None,
    noise: Mapping[str | int, float] | None = None, level: float | None = None,
    targets_off: float | str | None = None, ask: str | Sequence[str] = (),
    groups: Any = None, seconds: float = 60.0, folder: str | Path | None = None, progress: Progress | None = None,
) -> Audit:
    """Ask what is commonly asked about a trained model and its data; answers without a certificate say so.

    Which predictions stay, whichever `delete` rows are left out or `relabel` labels are wrong; which rows matter most;
    how far features may be off before the training loss exceeds a level. What cannot be asked is said with the reason.

    Args:
        problem: from :func:`certify.from_sklearn` and its like.
        X_eval: `(N, d)` rows to predict, as the model takes them; None: the training rows.
        y_eval: their labels in the words of y, so that those that are *right* and stay are counted too.
        delete, relabel: how many rows are left out, or have another label; ``"1%"``: no more than that share; None: 1.
        rows: these rows are left out, all at once.
        prediction: number of a row to predict: which training rows matter most to it, and whether one alone flips it.
        noise: by feature, name or number, the amount by which it may be off in every row.
        level: the training loss that noise must not exceed; None: a tenth above today's, or as far above it as a
            hundredth of the loss of a constant prediction, where that is more.
        targets_off: every training target may be off by so much, or by ``"2%"`` of itself; the squared loss alone.
        ask: one question or more, e.g. ``"rows deleted"``, ``"noise in age"``; none: those that are commonly asked;
            where `rows`, `prediction` or `groups` are given, what these name alone.
        groups: `(n,)` whose each training row is, user or source: which predictions stay is asked of any of these
            left out with all their rows, of how many says ``ask="3 users deleted"``.
        seconds: for each question; with less of it fewer predictions are decided, and none wrongly.
        folder: where to write specs, certificates and pages; None: a temporary one (`.save(folder)` keeps them).
        progress: told the stage in words and the fraction done; None: a bar in a terminal or a notebook.

    Returns:
        The answers: `print` shows them, a notebook a table; `.to_frame()`, `.plot()`, `.save(folder)`.

    Raises:
        InputError: what does not fit together.

    >>> import certify, numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.array([[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]])
    >>> y = np.array([0, 0, 0, 1, 1, 1])
    >>> found = audit(certify.from_sklearn(LogisticRegression().fit(X, y), X, y), [[0.1], [2.3]], ask="rows deleted")
    >>> print(found.answers[0].sentence.partition(";")[0])
    2 of 2 predictions proved to stay, whichever training row is left out and the model trained again
    """
    if not isinstance(problem, Problem):
        raise InputError("audit", f"a {type(problem).__name__}",
                         "give what certify.from_sklearn, certify.from_arrays or certify.from_module returns")
    if not seconds > 0:
        raise InputError("seconds", f"{seconds!r}", "give a number above 0")
    (deleted, one), (relabelled, other) = rows_or_share("delete", delete), rows_or_share("relabel", relabel)
    options = Options(_whole("delete", deleted, 1), _whole("relabel", relabelled, 1),
                      tuple(_whole("rows", row, 0) for row in rows), _amounts(noise or {}), level, float(seconds),
                      prediction=None if prediction is None else _whole("prediction", prediction, 0),
                      given=given_of(delete, relabel), groups=groups is not None,
                      targets_off=off_of(None if targets_off is None else str(targets_off), "targets_off"))
    options = shared(options, [one, other])
    try:
        questions, options = asked_for([ask] if isinstance(ask, str) else list(ask), options,
                                       lambda: _columns(problem, groups))
    except Unused as unused:
        raise first_wrong(unused, options, lambda place: stored(problem, X_eval, y_eval, place)) from None
    keep = tempfile.TemporaryDirectory(prefix="certify-audit-") if folder is None else None
    place = Path(keep.name if keep is not None else str(folder))
    require_folder(place, ())
    place.mkdir(parents=True, exist_ok=True)
    with working(place), nullcontext(progress) if progress is not None else shown(quiet=not watched()) as tell:
        subject, options = counted(stored(problem, X_eval, y_eval, place, groups=groups), options)
        subject = with_readings(subject, questions, options)
        return audit_subject(subject, questions, options, place, tell, keep=keep)


def _columns(problem: Problem, groups: Any) -> Columns:
    """Names of the features as they are given, and of a series of groups; a target in memory has none."""
    name = getattr(groups, "name", None)
    return Columns("", getattr(problem.prepare, "names", None) or problem.names or (),
                   name if isinstance(name, str) else "")


def _whole(name: str, number: Any, least: int) -> int:
    """A whole number, which is not made one of another."""
    try:
        found = operator.index(number)
    except TypeError:
        found = least - 1
    if found < least or isinstance(number, bool):
        raise InputError(name, f"{number!r}", f"give a whole number from {least} on")
    return found


def _amounts(noise: Mapping[str | int, float]) -> tuple[tuple[str | int, float | None], ...]:
    """Columns, each with an amount above 0."""
    found: list[tuple[str | int, float | None]] = []
    for column, amount in noise.items():
        if not (isinstance(amount, int | float) and 0 < amount < math.inf):
            raise InputError("noise", f"{amount!r} in {column!r}", "give finite numbers above 0")
        found.append((column if isinstance(column, str) else _whole("noise", column, 0), float(amount)))
    return tuple(found)
