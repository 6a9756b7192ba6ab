"""D5: one trapping box for all choices of changed rows, derived again."""

from __future__ import annotations

from collections.abc import Mapping

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.boxes.codes import slabs
from certify.check.theorems.head.rows.boxes.margins import Margins
from certify.check.theorems.head.rows.boxes.second import Second
from certify.check.theorems.head.rows.boxes.stated import oriented
from certify.check.theorems.head.rows.boxes.trap import WIDE, box, centre
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.on_slabs import LOGISTIC, ON_SLABS
from certify.format.refusal import Invalid


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: `weights`, the centre; `slabs`, one number a row; `second`, where there, a λ for every evaluation row,
            negative where the first order is enough; `wide`, where there, of how many rows products are formed.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays have another form, or the theorem is not about this problem.
    """
    loss = next((one for one in ON_SLABS if isinstance(head.loss, one.of)), LOGISTIC)
    s, points = oriented(head, where, loss)
    shapes = {"weights": (head.m,), "slabs": (head.n,), "second": (len(asked),), "wide": (1,)}
    if not {"weights", "slabs"} <= set(arrays) <= set(shapes) or any(a.shape != shapes[x] for x, a in arrays.items(
            )) or not all(0 <= x < 2**48 and x == int(x) for x in arrays["slabs"].values):
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}",
                      f"weights, {head.m} numbers, and slabs, {head.n} whole numbers below 2^48, are needed")
    if (head.weights is not None or loss is not LOGISTIC) and "second" in arrays:
        raise Invalid(f"{where}, second", "the second order is stated", "it is for the logistic loss and rows that "
                      "count the same")
    stated = arrays["wide"].values[0] if "wide" in arrays else WIDE
    if not WIDE <= stated <= max(WIDE, head.n) or stated != int(stated):
        raise Invalid(f"{where}, wide", f"{stated} is stated", f"a number from {WIDE} to that of the rows is needed")
    wide = int(stated)
    c = centre(s, [], arrays["weights"].values, loss)
    found = box(c, list(head.moving), head.count, slabs(arrays["slabs"].values), wide)
    if found is None:
        return [False] * len(asked)
    margins, shares = Margins(found, points), arrays["second"].values if "second" in arrays else [-1.0] * len(asked)
    second = Second(found, points) if any(x >= 0 for x in shares) else None
    return [want and old >= 0 and (margins.holds(j, set()) or (second is not None and second.holds(j, shares[j])))
            for j, (want, old) in enumerate(zip(asked, head.today, strict=True))]
