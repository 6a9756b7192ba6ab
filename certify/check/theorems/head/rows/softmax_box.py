"""D9: one trapping box for all choices of deleted or relabelled rows of a softmax head, derived again."""

from __future__ import annotations

from collections.abc import Mapping

from flint import arb

from certify.check.reading.arrays import Array
from certify.check.theorems.head.rows.head import Head
from certify.check.theorems.head.rows.losses.cross_entropy import CrossEntropy
from certify.check.theorems.head.rows.softmax.centre import centre
from certify.check.theorems.head.rows.softmax.trap import Change, box, stays
from certify.format.refusal import Invalid


def proved(head: Head, arrays: Mapping[str, Array], where: str, asked: list[bool]) -> list[bool]:
    """Which evaluation rows keep today's label after every change.

    Args:
        head: the head.
        arrays: `weights`, the centre; `outside`, `(n, k(k − 1))` slabs of differences of outputs; `inside`, a range
            of every row that may be deleted; `shifts`, where it goes alone; neither for labels.
        where: the claim, for messages.
        asked: the rows in question.

    Raises:
        Invalid: the arrays have another form, or the theorem is not about this problem.
    """
    about(head, where)
    k, f = head.k, len(head.moving)
    options = [[list(head.codes.rows[t]) for t in range(len(head.codes.rows)) if t != head.codes.label[i]]
               if head.relabels else [None] for i in head.moving]
    each = len(options[0])
    sizes = {"weights": k * head.m, "outside": head.n * k * (k - 1)}
    if not head.relabels:
        sizes |= {"inside": f, "shifts": f * each * k}
    if set(arrays) != set(sizes) or any(len(arrays[name].values) != size or arrays[name].kind != "f"
                                        for name, size in sizes.items()):
        raise Invalid(where, f"its arrays are {', '.join(sorted(arrays))}",
                      f"{', '.join(f'{name} of {size}' for name, size in sizes.items())} are needed")
    values = {name: [float(x) for x in arrays[name].values] for name in sizes}
    if not all(x - x == 0 for line in values.values() for x in line):
        raise Invalid(where, "a number is not finite", "finite numbers are needed")
    if not all(x > 0 for name in {"outside", "inside"} & set(sizes) for x in values[name]):
        raise Invalid(where, "a slab is not above 0", "positive slabs are needed")
    R = [[[arb(0)] * k for _ in range(k)] for _ in range(head.n)]
    pairs = [(a, b) for a in range(k) for b in range(k) if a != b]
    for at, x in enumerate(values["outside"]):
        a, b = pairs[at % len(pairs)]
        R[at // len(pairs)][a][b] = arb(x)
    values = {"inside": [0.0] * f, "shifts": [0.0] * (f * each * k)} | values  # of labels neither says anything
    line = iter(values["shifts"])
    changes = [Change(i, list(targets), [[next(line) for _ in range(k)] for _ in targets], arb(x))
               for i, targets, x in zip(head.moving, options, values["inside"], strict=True)]
    found = box(centre(head, values["weights"]), changes, min(head.count, f), R)
    if found is None:
        return [False] * len(asked)
    some = [j for j, want in enumerate(asked) if want]
    good = dict(zip(some, stays(found, some), strict=True))
    return [good.get(j, False) for j in range(len(asked))]


def about(head: Head, where: str) -> None:
    """The hypotheses of D9.

    Raises:
        Invalid: one fails.
    """
    if not isinstance(head.loss, CrossEntropy) or head.k < 2:
        raise Invalid(where, "the loss is another one", "cross-entropy of two classes or more is needed")
    if head.remaining and not head.relabels:
        raise Invalid(where, "the decay changes with the number of rows", "a fixed decay is needed")
    if not head.moving or head.count < 1 or head.count >= head.n:
        raise Invalid(where, f"{head.count} of {len(head.moving)} rows may change",
                      f"at least one, and fewer than {head.n} are needed")
