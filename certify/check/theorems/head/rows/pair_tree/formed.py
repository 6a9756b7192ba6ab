"""D12: pairs of steps with their signs, `Γ_il`, each formed once at a node."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import ldexp, sqrt
from operator import mul, sub

from flint import fmpz_mat

from certify.check.theorems.head.rows.pair_tree.moved import SLOPE, size_of
from certify.check.theorems.head.rows.pair_tree.numbers import UP, up
from certify.check.theorems.head.rows.pair_tree.steps import Pair, Steps

AT_ONCE = 256


def form(st: Steps, pairs: list[tuple[int, int]]) -> list[Pair]:
    """Γ of pairs of steps, given by their places: the vector, its size and what it is off by."""
    new = [pair for pair in pairs if pair not in st.formed]
    s, own = st.c.sums, st.own
    norms = [up(x) for x in s.norms]
    out = [j for j, there in enumerate(st.c.kept) if not there]
    unit, step = ldexp(1.0, s.unit - SLOPE), sqrt(s.p) * ldexp(1.0, s.unit) * UP
    apart = (2.0**-SLOPE * sum(norms) + 4.0 * step * s.n) * UP
    long, known = s.across_long.transpose(), dict[int, tuple[list[float], list[float]]]()
    for start in range(0, len(new), AT_ONCE):
        some, lines, errors = new[start : start + AT_ONCE], [], []
        for a, b in some:
            if a not in known:
                known[a] = list(map(mul, st.z, own[a].E)), list(map(sub, own[a].P, st.still))
            line = _second(*known[a], own[b].E, own[b].P)
            # the row of one of both, if it goes: what the other does to its own slope
            for l, other in () if s.relabels else ((st.rows[a], own[b]), (st.rows[b], own[a])):
                line[l] = int((other.P[l] - st.still[l]) * 2.0**SLOPE)
            for l in out:
                line[l] = 0
            lines.append(line)
            # four slopes a row, none above 1
            weigh = 4.0 * (sum(norms) + norms[st.rows[a]] + norms[st.rows[b]])
            errors.append(((4.0 * st.blur + 2.0**-49) * (weigh + apart) + apart) * UP)
        for pair, row, error in zip(some, (fmpz_mat(lines) * long).tolist(), errors, strict=True):
            G = array("d", [float(x) * unit for x in row])
            st.formed[pair] = G, size_of(G), error
    return [st.formed[pair] for pair in pairs]


def _second(z: Sequence[float], P: Sequence[float], E: Sequence[float], Q: Sequence[float]) -> list[int]:
    """Second differences of slopes, cut off, of `e^−te^−τ` and `p(t + τ) − p(t)` and the other's E and p."""
    one = 2.0**SLOPE
    return [int((x + y - v / (1.0 + v)) * one) for x, y, v in zip(P, Q, map(mul, z, E), strict=True)]
