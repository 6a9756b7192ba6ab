"""Rows of the data behind a certificate, for a page that is asked to show them: read from the very files it binds.

A page shows none of them unless it is asked to: a certificate holds no data, and may be published where they may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from certify.certificate.schema import Certificate, Claim
from certify.format.errors import InputError
from certify.network.network import Network
from certify.report.digits import typeset
from certify.report.phrases.changed_rows import changes_of
from certify.report.statements import Cited, Flip, Predicted, visible
from certify.systems.head.rows.head import Head

Array = NDArray[Any]

FEATURES, DIGITS = 3, 3
REMEDY = "give the files as they were, or leave out --rows"


@dataclass(frozen=True, eq=False)
class RowData:
    """The data behind a certificate on changed rows of a head.

    Attributes:
        head: the head.
        inputs: how many inputs it has, without the 1 of an intercept.
        names: of these; None: they have none.
        shown: what a label is called, by its number.
        truth: `(N,)` right labels of the evaluation rows; None: their file has none.
        arrays: of the side file.
        sides: what the two sides of a functional are called, where evaluation rows are such.
    """

    head: Head
    inputs: int
    names: tuple[str, ...] | None
    shown: tuple[str, ...]
    truth: Array | None
    arrays: Mapping[str, Array]
    sides: tuple[str, str] | None = None

    def right(self) -> Array | None:
        """`(N,)` whether today's label is the right one; None where the right ones are not known."""
        return None if self.truth is None else np.asarray(self.truth == self.head.today)

    def predictions(self, start: str, flips: Sequence[Flip], undecided: Sequence[int]) -> tuple[Predicted, ...]:
        """Every evaluation row, those that flip first, then the undecided, then those that stay, least margin first.

        Args:
            start: of the names of the claim's arrays in the side file.
            flips: evaluation rows that flip, with the training rows that flip them.
            undecided: evaluation rows.
        """
        by_row, open_ = {flip.row: flip for flip in flips}, set(undecided)
        margin = self._margins[1]
        first = [*by_row, *undecided]
        others = sorted(set(range(len(margin))) - {*first}, key=lambda i: (margin[i], i))
        return tuple(self._predicted(i, "flips" if i in by_row else "undecided" if i in open_ else "stays",
                                     self._cited(start, by_row[i]) if i in by_row else None) for i in (*first, *others))

    def _predicted(self, i: int, status: str, changed: tuple[Cited, ...] | None) -> Predicted:
        today, truth = int(self.head.today[i]), None if self.truth is None else int(self.truth[i])
        return Predicted(
            row=i, label=self._today(today), truth="" if truth is None else self._label(truth),
            right=None if truth is None or today < 0 else truth == today,
            output=_number(self._margins[0][i]), margin=_number(self._margins[1][i]), status=status, changed=changed)

    def _today(self, label: int) -> str:
        """Today's label of an evaluation row, or the side of a functional."""
        return self._label(label) if self.sides is None or label < 0 else self.sides[label]

    @cached_property
    def _margins(self) -> tuple[Array, Array]:
        """The largest output of every evaluation row and its lead; of one output how far it is from the threshold."""
        F = self.head.points @ self.head.V.T
        if self.head.k == 1:
            return F[:, 0], np.abs(F[:, 0] - self.head.threshold)
        two = np.sort(F, axis=1)[:, -2:]
        return two[:, 1], two[:, 1] - two[:, 0]

    def _cited(self, start: str, flip: Flip) -> tuple[Cited, ...]:
        """The rows of a change, with the features that weigh most between the label before and the one after."""
        head, codes, after = self.head, self._codes(start, flip.row), self._after(start, flip.row)
        contrast = head.V[0] if head.k == 1 else head.V[head.today[flip.row]] - head.V[after]
        return tuple(Cited(row, self._own(row), "left out" if codes.get(row, -1) < 0 else self._code(codes[row]),
                           self._features(row, contrast)) for row in flip.changed)

    def _codes(self, start: str, point: int) -> dict[int, int]:
        """What the rows of the change that flips a point become: a code, -1 where they are left out."""
        at = int(self.arrays[f"{start}.flips.point"][point])
        rows, codes = (self.arrays[f"{start}.flips.{name}"][at].tolist() for name in ("rows", "codes"))
        return dict(zip(rows, codes, strict=True))

    def _after(self, start: str, point: int) -> int:
        """The label of a point after the change that flips it."""
        weights = self.arrays[f"{start}.flips.weights"][int(self.arrays[f"{start}.flips.point"][point])]
        return int(np.argmax(weights.reshape(self.head.V.shape) @ self.head.points[point]))

    def _features(self, row: int, contrast: Array) -> tuple[tuple[str, str], ...]:
        """The inputs of a training row that add most to its output, or to the lead of the label before."""
        x = self.head.phi[row]
        order = np.argsort(-np.abs(contrast * x)[: self.inputs], kind="stable")[:FEATURES]
        return tuple((self._name(int(j)), _number(x[j])) for j in order)

    def _name(self, j: int) -> str:
        return f"feature {j}" if self.names is None else visible(self.names[j])

    def _own(self, row: int) -> str:
        """The label or target of a training row."""
        head = self.head
        if head.label is not None:
            return self._code(int(head.label[row]))
        return ", ".join(_number(y) for y in head.Y[row]) if head.k == 1 else self._label(int(np.argmax(head.Y[row])))

    def _code(self, code: int) -> str:
        return self._label(code if self.head.k == 1 or self.head.codes is None
                           else int(np.argmax(self.head.codes[code])))

    def _label(self, label: int) -> str:
        return "too near a tie" if label < 0 else self.shown[label] if label < len(self.shown) else str(label)


def read_rows(opened: Certificate, folder: Path) -> RowData | None:
    """The data behind a certificate, from the files that it binds; None where nothing of it would be shown.

    Args:
        opened: the certificate.
        folder: where it lies; its paths are relative to it.

    Raises:
        InputError: a file is another than the one that the certificate binds, or is not there.
    """
    if not any(claim.witness.flipped is not None for claim in opened.claims):
        return None
    from certify.inputs import load_evaluated
    from certify.problem.load import load_problem
    from certify.spec.sources import recording
    from certify.systems.head.rows.labels import labels_of
    from certify.systems.head.rows.of_problem import head_of, last_of

    with recording() as sources:
        problem = load_problem(folder / opened.subject.spec.path)
        assert problem.spec is not None
        base = (folder / opened.subject.spec.path).parent
        right = None if problem.functionals is not None else load_evaluated(
            problem.spec, base, problem.network.widths, problem.names,
            shape=() if isinstance(problem.network, Network) else problem.network.shape)[1]
        about = problem.spec.about
    for role, source in sources.items():
        bound = getattr(opened.subject, role, None)
        if bound is None or bound.sha256 != source.sha256:
            raise InputError(f"{role} file {source.path}", "its bytes are not those that the certificate binds", REMEDY)
    head = head_of(problem)
    net = problem.network
    truth = None if right is None else labels_of(head, right, "labels of the evaluation file")
    arrays = _side_file(opened, folder)
    for claim in opened.claims:
        _require_flips(arrays, claim, head)
    words = None if about is None else about.labels
    names = problem.names
    if about is not None and names is None and about.names is not None:
        names = tuple(f"{name} after {about.behind}" if about.behind else name for name in about.names)
    return RowData(head, head.m - (last_of(net)[1] is not None),
                   names if isinstance(net, Network) and net.depth == 1 else None,
                   _shown(head, problem.labels) if words is None else tuple(map(visible, words)), truth, arrays,
                   None if problem.functionals is None else _sides(head))


def _shown(head: Head, labels: Array | None) -> tuple[str, ...]:
    """What labels are called: as in the data, or on which side of the threshold."""
    if head.k > 1:
        return tuple(map(str, range(head.k)))
    own = labels if labels is not None else head.Y if head.codes is not None or np.isin(head.Y, (-1, 1)).all() else None
    values = [] if own is None else np.unique(own).tolist()
    if len(values) == 2:
        return tuple(typeset(f"{value:g}") for value in values)
    return (f"at most {head.threshold:g}", f"above {head.threshold:g}") if own is None else ("0", "1")


def _sides(head: Head) -> tuple[str, str]:
    """What the two sides of a functional are called."""
    level = f"{head.threshold:g}"
    return ("negative", "positive") if not head.threshold else (f"below {level}", f"above {level}")


def _side_file(opened: Certificate, folder: Path) -> dict[str, Array]:
    """The arrays of the side file."""
    from safetensors.numpy import load

    from certify.spec.sources import read_source

    bound = opened.subject.witness
    if bound is None:
        return {}
    source = read_source(folder / bound.path, "witness")
    if source.sha256 != bound.sha256:
        raise InputError(f"witness file {source.path}", "its bytes are not those that the certificate binds", REMEDY)
    return dict(load(source.content))


def _require_flips(arrays: Mapping[str, Array], claim: Claim, head: Head) -> None:
    """Refuse a side file without the changes that a claim names.

    Raises:
        InputError: an array is missing or has another shape, or the changes are others.
    """
    flipped, start = claim.witness.flipped or [], f"{claim.witness.array}.flips"
    if not flipped:
        return
    point, rows, codes, weights = (arrays.get(f"{start}.{name}") for name in ("point", "rows", "codes", "weights"))
    whole = all(one is not None and one.dtype.kind == "i" for one in (point, rows, codes))
    if not whole or weights is None or point is None or rows is None or codes is None or (
            point.shape != (len(head.points),) or rows.ndim != 2 or codes.shape != rows.shape
            or weights.shape != (len(rows), head.V.size) or not (-1 <= point.min() <= point.max() < len(rows))):
        raise InputError(f"witness file, {start}", "its arrays are not those of changed rows", REMEDY)
    for i, change in zip(flipped, changes_of(claim), strict=True):
        there = point[i] >= 0
        if not there or sorted(row for row in rows[point[i]].tolist() if row >= 0) != change:
            raise InputError(f"witness file, {start}", f"its change of evaluation row {i} is not the claim's", REMEDY)
    if head.codes is not None and codes.max(initial=-1) >= len(head.codes):
        raise InputError(f"witness file, {start}.codes", "there is no such label", REMEDY)


def _number(value: float) -> str:
    """A number that is not proved, to a few digits.

    >>> _number(-0.123456)
    '−0.123'
    """
    return typeset(f"{value:.{DIGITS}g}")
