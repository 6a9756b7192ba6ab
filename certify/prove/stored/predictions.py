"""Which predictions of a ridge classifier stay when rows change that are too many for memory."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from certify.format.errors import EnclosureError, InputError
from certify.inputs.given import given_rows
from certify.inputs.sklearn.linear import linear
from certify.problem.perturbations.codes import code_rows
from certify.prove.rows import LARGEST, kind_of
from certify.rigor.environment import require_sound
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.ridge import Ridge, ridge
from certify.systems.head.rows.stored.on_disk import OnDisk, on_disk
from certify.systems.head.rows.stored.parquet import Parquet
from certify.systems.head.rows.stored.rows import BESIDE, BLOCK
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, STAYS, deleted
from certify.theorems.head.rows.squared.streamed.labels import tolerated
from certify.theorems.head.rows.squared_labels import Targets

BASE, NUMBERS = 300 * 2**20, 8
"""Bytes of the program with its libraries, and of a number."""

MATRICES, WIDE = 10, 8
"""Matrices as large as the normal matrix, and as the evaluation rows, that are held at once."""

OBJECTS = 2000
"""Bytes of Python's objects for each contrast."""

LARGEST_SHARE = 4
"""One part in so many of the memory is for the largest numbers of the evaluation rows."""


Stored = OnDisk | Parquet


@dataclass(frozen=True, eq=False)
class StoredPredictions:
    """Which predictions stay under every choice of changed rows, and which do not.

    Attributes:
        words: what may happen to the rows.
        proved, flipped, undecided: numbers of the evaluation rows whose label stays under every choice, of those that
            one choice flips, and of the others.
        tolerated: of labels `(N, 2)`: how many changes each evaluation row surely survives, and how many at most; −1
            where the exact minimum has another label already. None of deletions.
        rows: of deletions, for flipped evaluation rows the rows whose deletion does it.
        reason: why some are undecided; "" where none is.
    """

    words: str
    proved: Whole
    flipped: Whole
    undecided: Whole
    tolerated: Whole | None = None
    rows: dict[int, tuple[int, ...]] = field(default_factory=dict)
    reason: str = ""

    def __repr__(self) -> str:
        return (f"StoredPredictions({self.words}: {len(self.proved)} predictions proved to stay, "
                f"{len(self.flipped)} flipped, {len(self.undecided)} undecided)")


def stored_predictions(
    estimator: Any, X: Any, y: Any, X_eval: Any, *, delete: int | None = None, relabel: int | None = None,
    memory: float = 4e9,
) -> StoredPredictions:
    """Which predictions stay when any `delete` training rows of a file are left out, or any `relabel` are relabelled.

    The model is trained again to the exact minimum after each change. The rows are read from the file some at a time,
    a few times over, and never held together: memory does not grow with them but for a few numbers a row, and time
    grows as their number does. Labels are answered from both ends (D3), deletions by one bound for all choices (D4c),
    which is good where the rows asked about carry little of what is known, so together less than 1 of leverage.

    Nothing of it is written as a certificate.

    Args:
        estimator: a fitted RidgeClassifier.
        X: the `(n, d)` rows that it was fitted to, as the path of a `.npy` file or as
            `numpy.load(path, mmap_mode="r")`, of float32 or float64; or the path of a `.parquet` file, all of whose
            columns are features, and of which one row group at a time has to fit into memory. It is the file that is
            read, as it is now.
        y: `(n,)` labels.
        X_eval: `(N, d)` evaluation rows.
        delete, relabel: how many rows, one of them.
        memory: bytes that may be used; what does not fit is refused before anything is read.

    Raises:
        InputError: another estimator, data that do not fit it, too little memory, or a file that is written to.
        EnclosureError: numbers that overflow.

    >>> import tempfile
    >>> from sklearn.linear_model import RidgeClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((2000, 3)).astype(np.float32)
    >>> y = X[:, 0] > 0
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/rows.npy", X)
    ...     stored_predictions(RidgeClassifier().fit(X, y), f"{folder}/rows.npy", y, X[:20], delete=2)
    StoredPredictions(any 2 rows deleted: 20 predictions proved to stay, 0 flipped, 0 undecided)
    """
    kind, count = kind_of(delete=delete, relabel=relabel)
    source, head, alpha = _read(estimator, X, y, X_eval)
    if count > source.shape[0]:
        raise InputError(kind, f"{count} of {source.shape[0]} rows", f"give at most {source.shape[0]}")
    room = _room(source, head, memory, 1 if kind == "relabel" else 4 * count)
    system = ridge(source, (alpha, 0.0), head.decayed)  # head.mu() rounds alpha / n, and n of it is not alpha
    if isinstance(system, str):
        raise EnclosureError("stored_predictions", system, "fit with a larger alpha")
    known = head.today >= 0
    asked = _relabelled if kind == "relabel" else _deleted
    found = asked(system, head, np.flatnonzero(known), count, room)
    source.require_unchanged()
    return found


def _relabelled(system: Ridge, head: Head, at: Whole, count: int, room: int) -> StoredPredictions:
    """D3."""
    assert head.codes is not None and head.label is not None
    others = head.label[:, None] != np.arange(len(head.codes))
    found = tolerated(system, Targets(head.Y, head.codes, others), head.points[at], head.today[at], 0.0, room)
    N = len(head.points)
    ends = np.tile(np.array([-1, system.n]), (N, 1))
    ends[at, 0], ends[at, 1] = found.lower, found.upper
    stays, flips = ends[:, 0] >= count, ends[:, 1] < count
    open_ = np.flatnonzero(~stays & ~flips)
    return StoredPredictions(
        f"any {count} rows relabelled", np.flatnonzero(stays), np.flatnonzero(flips), open_, ends,
        reason="labels that rounding does not part from another one" if len(open_) else "")


def _deleted(system: Ridge, head: Head, at: Whole, count: int, room: int) -> StoredPredictions:
    """D4c."""
    found = deleted(system, head.Y, head.points[at], head.today[at], 0.0, count)
    status = np.zeros(len(head.points), dtype=np.int64)
    status[at] = found.status
    open_ = np.flatnonzero((status != STAYS) & (status != FLIPS))
    why = ("" if not len(open_) else f"any {count} rows together may carry all that is known of a direction (their "
           f"leverages add up to {found.kappa:.2g}, which has to be below 1)" if not found.kappa < 1 else
           "one bound for all choices does not part these from a flip")
    return StoredPredictions(f"any {count} rows deleted", np.flatnonzero(status == STAYS),
                             np.flatnonzero(status == FLIPS), open_, None,
                             {int(at[j]): rows for j, rows in found.rows.items()}, why)


def _opened(X: Any, ones: bool) -> Stored:
    """The rows of a file of either kind."""
    if isinstance(X, str | os.PathLike) and os.fspath(X).endswith(".parquet"):
        return Parquet(os.fspath(X), ones)
    return on_disk(X, ones)


def same_names(found: tuple[str, ...], known: Any) -> None:
    """Refuse a file whose columns are not those that the estimator was fitted to, where it knows them.

    Raises:
        InputError: naming the first column that differs.
    """
    names = found if known is None else tuple(known)
    for at, (one, other) in enumerate(zip(found, names, strict=False)):
        if one != other:
            raise InputError("X", f"column {at} is {one!r}, where the estimator was fitted to {other!r}",
                             "give the columns of the training data in their order")


def _read(estimator: Any, X: Any, y: Any, X_eval: Any) -> tuple[Stored, Head, float]:
    """The rows, a head with all but them, and the penalty in the sum form."""
    if type(estimator).__name__ != "RidgeClassifier":
        raise InputError("estimator", type(estimator).__name__, "give a fitted RidgeClassifier")
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise InputError("y", f"shape {labels.shape}", "give (n,) labels")
    read = linear(estimator, labels, 1)  # a penalty for one row is that of the sum, exactly
    if read.by_label is not None or read.balanced:
        raise InputError("class_weight", "weights of labels", "fit without them")
    assert read.targets is not None
    source = _opened(X, read.bias is not None)
    if isinstance(source, Parquet):
        same_names(source.names, getattr(estimator, "feature_names_in_", None))
    n, m = source.shape
    if n != len(labels):
        raise InputError("X, y", f"{n} and {len(labels)} rows", "give a label for every row")
    points = given_rows(X_eval, "X_eval")
    for what, width in (("X", source.size[1]), ("X_eval", points.shape[1])):
        if width != read.weights.shape[1]:
            raise InputError(what, f"{width} columns", f"the estimator was fitted to {read.weights.shape[1]}")
    if m > LARGEST // len(read.weights):
        raise InputError("X", f"{m} columns for {len(read.weights)} outputs", f"give at most {LARGEST} weights")
    require_sound(read.weights, read.bias, read.targets, points)
    V: Array = read.weights if read.bias is None else np.hstack([read.weights, read.bias[:, None]])
    if read.bias is not None:
        points = np.hstack([points, np.ones((len(points), 1))])
    codes = code_rows(read.targets)
    decayed = np.ones(m, dtype=bool)
    decayed[-1] = read.bias is None
    head = Head(np.zeros((n, 0)), np.zeros(n), read.targets, codes.codes, codes.label, HEAD_LOSSES[read.loss], V,
                read.weight_decay / n, decayed, False, points, np.zeros(len(points)))
    return source, head, read.weight_decay


def _room(source: Stored, head: Head, memory: float, each: int) -> int:
    """Bytes for the largest numbers of the evaluation rows.

    Raises:
        InputError: what is held at once does not fit into the memory given.
    """
    (n, m), N, k = source.shape, len(head.points), head.k
    contrasts = N * max(k - 1, 1)
    beside = max(BESIDE, BLOCK * (N + 2 * k * k))
    fixed = BASE + source.held + NUMBERS * (MATRICES * m * m + WIDE * N * m + n * (6 * k + 6) + 12 * 2**20 + 2 * beside)
    needed = fixed + contrasts * (NUMBERS * 16 * each + OBJECTS)
    if not memory >= needed:
        raise InputError("memory", f"{memory:.3g} bytes, where {needed:.3g} are needed",
                         "give more of it, or fewer evaluation rows at a time")
    return max(int(min(memory - fixed, 2.0**62)) // LARGEST_SHARE, NUMBERS * contrasts)
