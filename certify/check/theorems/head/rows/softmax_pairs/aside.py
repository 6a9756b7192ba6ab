"""D16: choices that the root leaves open, judged beside one of their rows as at the child of a hot one.

D16 speaks of every choice by itself, with a matrix at any weights: a row that stands in many open choices is looked at
as if the certificate named it. Its weights are this program's own. What is left is few, and is refitted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from certify.check.limits.shares import shared
from certify.check.theorems.head.rows.softmax_pairs.children.child import Children
from certify.check.theorems.head.rows.softmax_pairs.drops import Choice

MANY, MOST = 4, 64
"""Open choices of a row from which on it takes less time than refits of each; and such rows at most."""


def kept(children: Children, open_: Mapping[int, Sequence[Choice]]) -> set[int]:
    """The points that keep their label under all choices that are open for them.

    Args:
        children: of the root.
        open_: by point these choices, of rows that are not hot.
    """
    leaves, newton = children.leaves, children.newton
    # refits begin at steps: those that a child adds are not known to one that another process looks at
    newton = replace(newton, found=dict(newton.found))
    rest = {j: [T for T in some if not leaves.keep(T, j, None)] for j, some in open_.items()}
    rows = chosen({T for some in rest.values() for T in some})
    place = {i: a for a, i in enumerate(rows)}

    def first(T: Choice) -> int | None:
        """The row beside which a choice is judged."""
        return min((i for i in T if i in place), key=place.__getitem__, default=None)

    def lost(a: int) -> set[int]:
        i = rows[a]
        mine = {j: some for j, every in rest.items() if (some := [T for T in every if first(T) == i])}
        others = sorted({l for some in mine.values() for T in some for l in T if l != i})
        try:
            return children.left(i, newton.refit((i,)), others, sorted(mine))
        except (OverflowError, ValueError):
            return set(mine)

    gone = set().union(*shared(lost, len(rows)))
    return {j for j, some in rest.items() if j not in gone and all(
        leaves.keep(T, j, partial(newton.refit, T)) for T in some if first(T) is None)}


def chosen(choices: Iterable[Choice]) -> list[int]:
    """Rows that stand in many of some choices, the next one in most of those that hold none before it.

    >>> chosen([(0, 5), (1, 5), (2, 5), (3, 5), (3, 4)])
    [5]
    """
    left, found = set(choices), list[int]()
    while len(found) < MOST:
        counts = Counter(i for T in left for i in T)
        worst = max(counts, key=lambda i: (counts[i], -i), default=None)
        if worst is None or counts[worst] < MANY:
            break
        found.append(worst)
        left = {T for T in left if worst not in T}
    return found
