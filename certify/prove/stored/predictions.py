"""Which predictions of a ridge classifier or logistic regression stay when rows change that are too many for memory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from certify._version import __version__
from certify.format.errors import EnclosureError, InputError
from certify.format.words import Loss
from certify.inputs.given import given_rows
from certify.inputs.sklearn.linear import linear
from certify.problem.perturbations.codes import Codes, code_rows
from certify.problem.progress import Progress, forward, told
from certify.prove.rows import LARGEST, VERBS, kind_of
from certify.prove.stored.answer import StoredPredictions, as_message, of_message
from certify.prove.stored.classes import by_classes
from certify.prove.stored.logistic import Found, by_lengths, with_witness
from certify.prove.stored.site import Site, Stored, opened
from certify.prove.stored.spread import spread
from certify.prove.stored.vanishing import KEPT, classes_of
from certify.rigor.environment import require_sound
from certify.rigor.fp import Array
from certify.systems.head.rows.head import Head, Whole
from certify.systems.head.rows.losses import HEAD_LOSSES
from certify.systems.head.rows.ridge import Ridge, ridge
from certify.systems.head.rows.stored.parquet import Parquet
from certify.systems.head.rows.stored.ranks.store import digest
from certify.systems.head.rows.stored.ranks.team import Team
from certify.systems.head.rows.stored.ranks.wire import Message
from certify.systems.head.rows.stored.rows import BESIDE, BLOCK, part_of
from certify.theorems.head.rows.classes.pairs import at_once, pairs_of
from certify.theorems.head.rows.lengths.words import UNPARTED as APART
from certify.theorems.head.rows.lengths.words import any_rows, too_heavy
from certify.theorems.head.rows.squared.streamed.deletions import FLIPS, STAYS, Deleted, deleted
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

ESTIMATORS = ("RidgeClassifier", "LogisticRegression")

SUMS: Final[Mapping[str, int]] = MappingProxyType({Loss.SQUARED: 1, Loss.LOGISTIC: 2, Loss.CROSS_ENTROPY: 3})
"""By the loss: sums of matrices that one reading makes."""

WHOLE: Final[Mapping[str, int]] = MappingProxyType({Loss.SQUARED: 0, Loss.LOGISTIC: 0, Loss.CROSS_ENTROPY: 2})
"""By the loss: matrices of all outputs that are held."""

READINGS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {Loss.SQUARED: (4, 0), Loss.LOGISTIC: (7, 0), Loss.CROSS_ENTROPY: (8, 2)})
"""By the loss: how often the rows are read as a rule, and how often more for the pairs of classes of one reading."""

MORE = 1.25
"""How many readings are expected where there were so many already, which nobody knows before."""

MOST_DONE = 0.97
"""What of the work is said to be done at most while rows are read."""

UNPARTED = "labels that rounding does not part from another one"

COPIES = 6
"""Copies of the sums of a part, for each level of their tree, while ranks tell each other of them."""


def stored_predictions(
    estimator: Any, X: Any, y: Any, X_eval: Any, *, delete: int | None = None, relabel: int | None = None,
    memory: float = 4e9, ranks: int | str = 1, checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress | None = None, witness: bool = False,
) -> StoredPredictions:
    """Which predictions stay when any `delete` training rows of a file are left out, or any `relabel` are relabelled.

    The model is trained again to the exact minimum after each change, a RidgeClassifier with the classes that still
    have rows. The rows are read from the file some at a time, a few times over, and never held together: memory does
    not grow with them but for a few numbers a row, and time grows as their number does. Labels of a RidgeClassifier are
    answered from both ends (D3), and so is any one row deleted (D4f); more of them by one bound for all choices: where
    they carry little of what is known by their leverages (D4c), else by a comparison of rows with each other (D4a), for
    which up to 3 kB a row are kept of the memory given. A LogisticRegression of two classes is answered from lengths of
    rows by one bound for all choices (D14), good where rows are very many and few change: of 10⁶ rows with 384 columns
    about 100. One of several classes (softmax) is answered from the lengths of rows as well, by a bound that is not as
    good, and any one deleted row by a step for each row that pulls hard (D15): a hundred readings and more.

    Rows are shared out among `ranks` processes, however many with the same answer to the last bit, if their processors
    multiply alike; it is proved if they do not. `certify rows` can write a certificate of it.

    Args:
        estimator: a fitted RidgeClassifier, or LogisticRegression.
        X: the `(n, d)` rows that it was fitted to, as the path of a `.npy` file or as
            `numpy.load(path, mmap_mode="r")`, of float32 or float64; or the path of a `.parquet` file, all of whose
            columns are features, and one row group of which has to fit into memory. The file is read as it is now.
        y: `(n,)` labels.
        X_eval: `(N, d)` evaluation rows.
        delete, relabel: how many rows, one of them.
        memory: bytes that each rank may use; what does not fit is refused before anything is read.
        ranks: how many processes read rows, this one among them: the others are started here, and end with the answer.
            "torchrun": those that torchrun has started; each of them calls this with the same arguments.
        checkpoint: a folder where what was found is kept, so that a run which was ended goes on where it was; by other
            ranks after the last whole reading. An answer takes it away. Nobody else may write to it.
        progress: told the stage and the fraction done; None: a bar, where somebody looks on.
        witness: keep what a certificate of a LogisticRegression starts from, and say no more than it can.

    Raises:
        InputError: another estimator, data that do not fit it, too little memory, a file that is written to, or ranks
            that see other rows.
        EnclosureError: numbers that overflow.
        RankLost: another rank has ended.

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
    questions = list[_Asked]()

    def prepare() -> tuple[Site, Callable[[Team], Message]]:
        asked = _question(_read(estimator, X, y, X_eval), kind, count, memory, ranks != 1, witness)
        questions.append(asked)
        return asked.site("" if checkpoint is None else os.fspath(checkpoint)), partial(_answered, asked)

    with told(progress) as tell:
        on = forward(tell)

        def done(readings: float) -> None:
            usual = max(questions[0].readings(), MORE * readings)
            on(f"rows read {readings:.1f} of about {usual:.0f} times", min(readings / usual, MOST_DONE))

        found = spread(ranks, prepare, done)
    questions[0].source.require_unchanged()
    return of_message(found)


@dataclass(frozen=True, eq=False)
class _Asked:
    """A question, and all that it is asked with."""

    kind: str
    count: int
    source: Stored
    head: Head
    alpha: float
    room: int
    witness: bool = False

    def digest(self) -> str:
        """Of all but the rows."""
        h = self.head
        words = [__version__, self.kind, self.count, self.alpha.hex(), self.source.shape, h.loss.name, self.witness]
        return digest([json.dumps(words).encode(), h.V, h.decayed, h.points, h.Y, _codes(h)])

    def readings(self) -> int:
        """How often rows are read as a rule; single rows that pull hard take more."""
        once, pairs = READINGS[self.head.loss.name]
        return once + pairs * -(-len(pairs_of(self.head.k)) // at_once(self.source.shape[1]))

    def site(self, folder: str) -> Site:
        """Where ranks work on it; folder: where what was found is kept, "": nowhere."""
        head = self.head
        return Site(self.source, head.Y, _label(head), len(_codes(head)), folder, self.digest())


def _question(read: tuple[Stored, Head, float], kind: str, count: int, memory: float, others: bool, witness: bool,
              ) -> _Asked:
    """A question about rows that were read.

    Raises:
        InputError: more changes than rows, or too little memory.
    """
    source, head, alpha = read
    if count > source.shape[0]:
        raise InputError(kind, f"{count} of {source.shape[0]} rows", f"give at most {source.shape[0]}")
    room = _room(source, head, memory, 1 if kind == "relabel" else 4 * count, others)
    return _Asked(kind, count, source, head, alpha, room, witness and head.loss.name in WITNESSED)


def _answered(asked: _Asked, team: Team) -> Message:
    """By rank 0."""
    known = np.flatnonzero(asked.head.today >= 0)
    return as_message(ANSWERS[asked.head.loss.name](asked, known, team))


def _squared(asked: _Asked, known: Whole, team: Team) -> StoredPredictions:
    """D3, D4a, D4c, D4f."""
    head = asked.head
    # head.mu() rounds alpha / n, and n of it is not alpha
    system = ridge(asked.source, (asked.alpha, 0.0), head.decayed, readers=team, beside=head.Y)
    if isinstance(system, str):
        raise EnclosureError("stored_predictions", system, "fit with a larger alpha")
    if asked.kind == "relabel":
        return _relabelled(system, head, known, team.per_row["open"], asked.count, asked.room)
    return _deleted(system, head, known, asked.count, asked.room)


def _smooth(by: Callable[..., Found], asked: _Asked, known: Whole, team: Team) -> StoredPredictions:
    """D14, D15."""
    head, status = asked.head, np.zeros(len(asked.head.points), dtype=np.int64)
    by = WITNESSED[head.loss.name] if asked.witness else by
    found = by(asked.source, team, head, asked.alpha, known, asked.count, asked.kind == "relabel")
    kept = KEPT if classes_of(head).may_vanish(asked.count) else ""
    if asked.witness:
        found, kept = classes_of(head).kept(found, head.today[known], asked.count, asked.kind == "relabel"), ""
    status[known] = found.status
    told = _told(f"{any_rows(asked.count)} {VERBS[asked.kind]}{kept}", status, found, known, found.reason)
    return replace(told, witness=found.witness)


ANSWERS: Final[Mapping[str, Callable[[_Asked, Whole, Team], StoredPredictions]]] = MappingProxyType({
    Loss.SQUARED: _squared, Loss.LOGISTIC: partial(_smooth, by_lengths),
    Loss.CROSS_ENTROPY: partial(_smooth, by_classes)})
"""By the loss: what answers a question."""

WITNESSED: Final[Mapping[str, Callable[..., Found]]] = MappingProxyType({Loss.LOGISTIC: with_witness})
"""By the loss: what answers it where a certificate starts from a witness."""


def _told(words: str, status: Whole, found: Deleted | Found, known: Whole, why: str) -> StoredPredictions:
    """An answer from what is proved of every evaluation row."""
    open_ = np.flatnonzero((status != STAYS) & (status != FLIPS))
    return StoredPredictions(words, np.flatnonzero(status == STAYS), np.flatnonzero(status == FLIPS), open_, None,
                             {int(known[j]): rows for j, rows in found.rows.items()},
                             (why or UNPARTED) if len(open_) else "")


def _codes(head: Head) -> Array:
    assert head.codes is not None
    return head.codes


def _label(head: Head) -> Whole:
    assert head.label is not None
    return head.label


def _relabelled(system: Ridge, head: Head, at: Whole, others: Any, count: int, room: int) -> StoredPredictions:
    """D3."""
    found = tolerated(system, Targets(head.Y, _codes(head), others), head.points[at], head.today[at], 0.0, room)
    ends, classes = np.tile(np.array([-1, system.n]), (len(head.points), 1)), classes_of(head)
    ends[at, 0], ends[at, 1] = classes.tolerated((found.lower, found.upper), head.today[at])
    stays, flips = ends[:, 0] >= count, ends[:, 1] < count
    open_ = np.flatnonzero(~stays & ~flips)
    return StoredPredictions(
        f"{any_rows(count)} relabelled", np.flatnonzero(stays), np.flatnonzero(flips), open_, ends,
        reason=(classes.words(count) or UNPARTED) if len(open_) else "")


def _deleted(system: Ridge, head: Head, at: Whole, count: int, room: int) -> StoredPredictions:
    """D4a, D4c, D4f."""
    classes = classes_of(head)
    found = deleted(system, head.Y, head.points[at], head.today[at], 0.0, count, room)
    found = classes.deleted(found, head.today[at], count)
    status = np.zeros(len(head.points), dtype=np.int64)
    status[at] = found.status
    why = (classes.words(count) or APART) if found.kappa < 1 else too_heavy(count, found.kappa)
    return _told(f"{any_rows(count)} deleted", status, found, at, why)


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
    if type(estimator).__name__ not in ESTIMATORS:
        raise InputError("estimator", type(estimator).__name__, f"give a fitted {' or '.join(ESTIMATORS)}")
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise InputError("y", f"shape {labels.shape}", "give (n,) labels")
    read = linear(estimator, labels, 1)  # a penalty for one row is that of the sum, exactly
    if read.by_label is not None or read.balanced:
        raise InputError("class_weight", "weights of labels",
                         "fit without them, or ask certify.audit with the rows in memory, which follows balanced ones")
    if read.targets is not None:
        Y, codes = read.targets, code_rows(read.targets)
    elif read.loss not in ANSWERS:
        raise InputError("estimator", f"{type(estimator).__name__} of one class against the others",
                         "give a RidgeClassifier, or fit without OneVsRestClassifier and liblinear")
    else:
        assert read.labels is not None
        targets = np.array([[-1.0], [1.0]]) if len(read.weights) == 1 else np.eye(len(read.weights))
        codes = Codes(targets, read.labels.astype(np.int64).ravel())
        Y = targets[codes.label]
    source = opened(X, read.bias is not None)
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
    require_sound(read.weights, read.bias, Y, points)
    V: Array = read.weights if read.bias is None else np.hstack([read.weights, read.bias[:, None]])
    if read.bias is not None:
        points = np.hstack([points, np.ones((len(points), 1))])
    decayed = np.ones(m, dtype=bool)
    decayed[-1] = read.bias is None or read.bias_decay
    head = Head(np.zeros((n, 0)), np.zeros(n), Y, codes.codes, codes.label, HEAD_LOSSES[read.loss], V,
                read.weight_decay / n, decayed, False, points, np.zeros(len(points)))
    return source, head, read.weight_decay


def _room(source: Stored, head: Head, memory: float, each: int, others: bool) -> int:
    """Bytes for the largest numbers of the evaluation rows.

    Raises:
        InputError: what is held at once does not fit into the memory given.
    """
    (n, m), N, k = source.shape, len(head.points), head.k
    contrasts = N * max(k - 1, 1)
    beside = max(BESIDE, BLOCK * (N + 2 * k * k))
    levels = (-(-n // part_of(m))).bit_length() + 1
    matrices = MATRICES + levels * (COPIES if others else 1) * SUMS[head.loss.name]
    matrices += WHOLE[head.loss.name] * (k - 1) ** 2
    fixed = BASE + source.held + NUMBERS * (matrices * m * m + WIDE * N * m + n * (6 * k + 6) + 12 * 2**20 + 2 * beside)
    needed = fixed + contrasts * (NUMBERS * 16 * each + OBJECTS)
    if not memory >= needed:
        raise InputError("memory", f"{memory:.3g} bytes, where {needed:.3g} are needed",
                         "give more of it, or fewer evaluation rows at a time")
    return max(int(min(memory - fixed, 2.0**62)) // LARGEST_SHARE, NUMBERS * contrasts)
