"""What moves, and how far: row numbers, the file of one change, and sample weights that stay non-negative."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from certify.format.errors import SpecError
from certify.format.theorems import System, Theorem
from certify.format.words import Parameter, Set

if TYPE_CHECKING:
    from certify.spec.models import Spec


def require_listed_rows(spec: Spec, name: str) -> None:
    """Refuse a row that is listed twice, or counted from the end.

    Raises:
        SpecError: names the row.
    """
    rows = spec.perturbation.rows
    if isinstance(rows, str):
        return
    row, times = Counter(rows).most_common(1)[0]
    if times > 1:
        raise SpecError(f"{name}: perturbation.rows", f"row {row} is listed {times} times", "list every row once")
    if min(rows) < 0:
        raise SpecError(f"{name}: perturbation.rows", f"found {min(rows)}", "rows are counted from 0")


def require_rows(spec: Spec, n: int) -> None:
    """Refuse row numbers that the data does not have.

    Args:
        spec: a spec that passed :func:`certify.spec.validity.require_spec`.
        n: number of rows of its data.

    Raises:
        SpecError: names the row.
    """
    rows = spec.perturbation.rows
    beyond = [] if isinstance(rows, str) else [row for row in rows if row >= n]
    if beyond:
        raise SpecError("perturbation.rows", f"row {beyond[0]} of {n}", f"rows are 0 … {n - 1}")


def require_change_file(spec: Spec, name: str) -> None:
    """Refuse one given change without the file that holds it.

    Raises:
        SpecError: with the key to give.
    """
    p = spec.perturbation
    if not Set(p.set).sized and p.file is None and not Parameter(p.parameter).leaves:
        raise SpecError(f"{name}: perturbation.file", 'missing, and set = "given" needs it',
                        "name the .npz or .safetensors file that holds the change")


def require_weights_left(spec: Spec, name: str, theorems: Iterable[Theorem]) -> None:
    """Refuse sample weights below 0 in a last layer: its training loss would not be convex.

    Raises:
        SpecError: with the largest radius.
    """
    p = spec.perturbation
    convex = any(theorem.system is System.HEAD for theorem in theorems)
    if convex and Parameter(p.parameter).weighs and p.radius is not None and p.radius > 1:
        raise SpecError(f"{name}: perturbation.radius", f"{p.radius} for sample weights",
                        "give at most 1: −1 deletes a row, and less would make the training loss non-convex")
