"""An attention that is written in pieces: a product of queries and keys, a number times it, its softmax, values."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from certify.inputs.graphs.moved import Moved, Refuse, Write, heads_of, heads_standing, standing


@dataclass(frozen=True, eq=False)
class Times:
    """Entries of a node times a number."""

    moved: Moved
    factor: Fraction


@dataclass(frozen=True, eq=False)
class Scores:
    """`factor·⟨q_i, k_j⟩` of queries and keys; `weighed`: their softmax over j; `causal`: over j ≤ i alone."""

    q: Moved
    k: Moved
    factor: Fraction
    weighed: bool = False
    causal: bool = False


def scores_of(left: Moved | Times, right: Moved | Times) -> Scores:
    """The product of queries `(…, t, e)` and turned keys `(…, e, s)`."""
    (q, a), (k, b) = ((x.moved, x.factor) if isinstance(x, Times) else (x, Fraction(1)) for x in (left, right))
    return Scores(q, k.by(k.index.swapaxes(-1, -2), "product"), a * b)


def attended(scores: Scores, v: Moved, rows: int, name: str, write: Write, refuse: Refuse) -> tuple[str, int]:
    """Write the attention; its node and its number of heads."""
    axes = sorted({x.index.ndim for x in (scores.q, scores.k, v)})
    if len(axes) > 1:
        refuse(f"an attention of values of {axes[0]} and {axes[-1]} axes")
    named = [heads_of(x, rows, f"{name}_{word}", write, refuse)
             for x, word in ((scores.q, "q"), (scores.k, "k"), (v, "v"))]
    heads = {number for _, number in named}
    if len(heads) > 1:
        refuse(f"an attention of {sorted(heads)} heads")
    return write(name, "attention", tuple(at for at, _ in named), heads=named[0][1], scale=float(scores.factor),
                 causal=scores.causal), named[0][1]


def in_the_form(q: Moved, name: str, tokens: int, channels: int, heads: int, rows: int) -> Moved:
    """A node `(tokens, channels)` in the form its queries have: heads apart, heads among the rows, or as it stands."""
    if q.index.ndim == 3 and len(q.index) == rows:
        return standing(name, (tokens, channels), rows)
    made = heads_standing(name, tokens, channels, heads, rows)
    return made if q.index.ndim == 4 else made.by(made.index.reshape(-1, *made.index.shape[2:]), name)
