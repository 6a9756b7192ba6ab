"""A problem: a statement about network, data, perturbation and solution map that the theorems allow."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from certify.format.errors import InputError
from certify.format.words import DOWN, ROW_NORMS
from certify.network.graph.graph import GraphNetwork
from certify.network.network import owned
from certify.problem.norms.function import Reference
from certify.problem.perturbations.flips import require_flips
from certify.problem.rules.changes import require_kind
from certify.problem.rules.functionals import require_functionals
from certify.problem.rules.supported import require_answerable, require_words
from certify.problem.rules.training import require_losses, require_threshold
from certify.problem.statement import Statement

if TYPE_CHECKING:
    from certify.spec import literals

_ROWS, _KEPT = 1024, 32
"""Rows that are compared at a time, and bytes that are kept of each."""


@dataclass(frozen=True, eq=False)
class Problem(Statement):
    """A :class:`certify.problem.statement.Statement` that the theorems allow: what they do not is refused.

    Raises:
        InputError: with what would work.
    """

    def __repr__(self) -> str:
        sized = self.spec is not None or self.radius is not None or self.count is not None
        asked = f", parameter {str(self.parameter)!r}, set {str(self.set)!r}" if sized else ""  # else nobody asked yet
        return (f"Problem({self.n} rows, widths {list(self.network.widths)}, {self.outputs} "
                f"{'output' if self.outputs == 1 else 'outputs'}, map {str(self.map)!r}, base {str(self.base)!r}, "
                f"loss {str(self.loss)!r}, weight_decay {self.weight_decay:g}{asked})")

    @staticmethod
    def from_module(
        module: Any, X: Any, y: Any, loss: literals.Loss = "cross_entropy", weight_decay: float = 0.0,
        map: Literal["critical", "interpolation"] = "critical", base: literals.Base = "given", **more: Any,
    ) -> Any:
        """Any torch module with its training data, for :func:`certify.estimate`; proofs take `certify.from_module`.

        Args:
            module: a `torch.nn.Module` in eval mode, of which a copy is taken.
            X: `(n, …)` array or tensor.
            y: `(n,)` integer labels, or `(n, k)` real targets (squared) or rows of probabilities (cross_entropy).
            loss, weight_decay: `L = (1/n) Σ ℓ_i + (weight_decay/2)|w|²`.
            map: ``"critical"`` or ``"interpolation"``.
            base: ``"given"`` or ``"nearby"``.
            more: `batch_statistics`, `chunk`, `device` of :func:`certify.estimation.module_problem`.

        Raises:
            InputError: what does not fit together.
            MissingPackage: torch is not installed.
        """
        # by name: estimation is built on problems, and this door to it is the one way up
        module_problem = import_module("certify.estimation").module_problem

        unknown = sorted(set(more) - {"batch_statistics", "chunk", "device", "tell"})
        if unknown:
            raise InputError("from_module", f"there is no '{unknown[0]}'", "use batch_statistics, chunk, device")
        return module_problem(module, X, y, loss=loss, weight_decay=weight_decay, map=map, base=base, **more)

    def __post_init__(self) -> None:
        """Refuse what the theorems do not allow, whoever built the problem."""
        _require_real(self.X, (len(self.X), self.network.widths[0]), "features X")
        if self.y is not None:
            _require_real(self.y, (self.n, self.network.widths[-1]), "targets y")
        if self.scale is not None:
            _require_real(self.scale, (self.network.widths[0],), "scale")
        for name in ("X", "y", "scale", "labels", "change"):
            array = getattr(self, name)
            if isinstance(array, np.ndarray):  # the groups of equal rows, and all bounds, are those of these numbers
                object.__setattr__(self, name, owned(array))
        require_words(self)
        self._require_numbers()
        self._require_network()
        require_losses(self)
        require_answerable(self)
        self._require_norm()
        self._require_rows_as_terms()
        self._require_change()
        require_threshold(self)
        require_kind(self)
        require_functionals(self)
        if self.weights is not None:
            self.weights.require(self.n)
            self.weights.require_labels(self)
        found = equal_rows(self.X)
        if self.groups not in (None, (), found):
            raise InputError("groups", f"{self.groups}", f"the groups of equal rows are {found}")
        object.__setattr__(self, "groups", found)
        if self.nearby and self.merge_duplicates:
            self._require_merged(found)
        if not self.rows or list(self.rows) != sorted(set(self.rows)) or not set(self.rows) <= set(self.kept):
            raise InputError("rows", f"{list(self.rows)[:5]}…", "give row numbers, ascending; of merged rows the first")

    def _require_numbers(self) -> None:
        """Refuse a norm, a size or a direction that is none."""
        if self.norm not in ROW_NORMS:
            raise InputError("norm", f"{self.norm!r}", "use 1, 2 or 'inf'")
        if self.radius is not None and not (math.isfinite(self.radius) and self.radius > 0):
            raise InputError("radius", f"{self.radius}", "give a finite number above 0")
        if self.count is not None and self.count < 1:
            raise InputError("count", f"{self.count}", "give 1 or more, with set 'sparse' alone")
        if self.direction not in (None, DOWN):
            raise InputError("direction", f"{self.direction!r}", "give None, or 'down' where sample weights move")
        if self.reference is not None and not 2.0**-40 <= self.reference.tau <= 2.0**40:
            raise InputError("tau", f"{self.reference.tau}", "give a number from 2^-40 to 2^40")

    def _require_network(self) -> None:
        """Refuse a layer that the network does not have."""
        if isinstance(self.network, GraphNetwork):
            if self.layer not in ("all", "last"):
                raise InputError("layer", f"{self.layer!r} of a graph network", "use 'all' or 'last'")
            if self.layer == "last":
                _ = self.network.last  # refuses a graph that does not end in a linear layer with weights of its own
            if self.evaluation is not None:
                self.network.accept(self.evaluation)
            if self.network.discrete and self.moving.inputs:
                raise InputError("parameter", f"'{self.parameter}' of a network that begins with an embedding: its "
                                 "rows are whole numbers, which do not move", "use 'sample_weights' or 'targets'")
            self.network.accept(self.X)
            return
        depth = self.network.depth
        if self.layer != "all" and not (isinstance(self.layer, int) and 1 <= self.layer <= depth):
            raise InputError("layer", f"{self.layer!r} of a network of {depth}", f"give 'all' or 1 … {depth}")

    def _require_norm(self) -> None:
        """Refuse reference rows of another width, and a layer without size."""
        if self.reference is not None:
            _require_real(self.reference.X, (len(self.reference.X), self.network.widths[0]), "reference rows")
            object.__setattr__(self, "reference", Reference(owned(self.reference.X), float(self.reference.tau)))
        _ = self.layer_scale  # refuses a layer without size

    def _require_rows_as_terms(self) -> None:
        """Refuse to merge rows where every row is a term of the loss."""
        if self.merge_duplicates and self.solutions.trains:
            raise InputError("merge_duplicates", f"with map {self.map}, where every row is a term of the loss",
                             "leave it out")

    def _require_change(self) -> None:
        """Refuse a change of another shape, one of rows that may not move, and one that leads to no label."""
        if self.change is None:
            return
        _require_real(self.change, (self.n, self.width), "change")
        still = np.ones(self.n, dtype=bool)
        still[list(self.rows)] = False
        if _bits(self.change)[still].any():
            raise InputError("change", "a row that may not move changes", "list it in rows, or give it 0")
        if self.solutions.trains and not self.moving.relabels:
            require_flips(self)

    def _require_merged(self, groups: tuple[tuple[int, ...], ...]) -> None:
        """Refuse to merge rows whose targets differ: no network gives equal features two outputs."""
        assert self.y is not None
        y = _bits(self.y)
        for i, *others in groups:
            for j in others:
                if (y[i] != y[j]).any():
                    raise InputError("merge_duplicates with base nearby",
                                     f"rows {i} and {j} have equal features and different targets",
                                     'give them one target, drop one of them, or use base = "given"')


def _require_real(array: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    """Refuse anything but a finite float64 array of that shape: other types would be computed with, or rounded."""
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(name, "a masked array", "fill or drop the masked entries")
    if not isinstance(array, np.ndarray) or array.dtype != np.float64 or array.shape != shape or array.size == 0:
        found = f"{getattr(array, 'dtype', type(array).__name__)} of shape {np.shape(array)}"
        raise InputError(name, found, f"give a nonempty float64 array of shape {shape}")
    if not np.isfinite(array).all():
        raise InputError(name, "NaN or infinity", "give finite numbers only")


def _bits(x: np.ndarray) -> np.ndarray:
    """Bit patterns, −0 as 0: equal where the numbers are, even on a thread that reads a subnormal as 0."""
    bits = np.ascontiguousarray(x, dtype=np.float64).view(np.uint64)
    return np.where(bits == np.uint64(1 << 63), np.uint64(0), bits)


def equal_rows(X: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more rows that are equal as real vectors (−0 equals 0), ascending.

    >>> equal_rows(np.array([[1.0], [2.0], [1.0]]))
    ((0, 2),)
    """
    seen: dict[bytes, list[int]] = {}
    for start in range(0, len(X), _ROWS):
        for i, row in enumerate(_bits(X[start : start + _ROWS]), start):
            seen.setdefault(_short(row.tobytes()), []).append(i)
    groups = (_same(X, g) for g in seen.values() if len(g) > 1)
    return tuple(sorted(tuple(g) for parts in groups for g in parts if len(g) > 1))


def _short(row: bytes) -> bytes:
    """What is kept of a row: itself, or a digest of it, so that rows are not held twice."""
    return row if len(row) <= _KEPT else hashlib.blake2b(row, digest_size=_KEPT).digest()


def _same(X: np.ndarray, rows: list[int]) -> list[list[int]]:
    """Rows of one digest, parted into those that are equal."""
    parts: dict[bytes, list[int]] = {}
    for i in rows:
        parts.setdefault(_bits(X[i]).tobytes(), []).append(i)
    return list(parts.values())
