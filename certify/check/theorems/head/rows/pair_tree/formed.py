"""D12: pairs of steps with their signs, `Γ_il`, each formed once at a node."""

from __future__ import annotations

from math import ldexp, sqrt
from operator import mul

from flint import fmpz_mat

from certify.check.theorems.head.rows.pair_tree.numbers import UP, up
from certify.check.theorems.head.rows.pair_tree.steps import SLOPE, Pair, Steps, size_of

AT_ONCE = 256


def form(st: Steps, pairs: list[tuple[int, int]]) -> list[Pair]:
    """Γ of pairs of steps, given by their places: the vector, its size and what it is off by."""
    new = [pair for pair in pairs if pair not in st.formed]
    s = st.c.sums
    norms = [up(x) for x in s.norms]
    out = [j for j, there in enumerate(st.c.kept) if not there]
    each = {a: sum(map(mul, norms, st.P[a])) for pair in new for a in pair}
    still = sum(map(mul, norms, st.still))
    one, unit = 2.0**SLOPE, ldexp(1.0, s.unit - SLOPE)
    step = sqrt(s.p) * ldexp(1.0, s.unit) * UP
    apart = (2.0**-SLOPE * sum(norms) + 4.0 * step * s.n) * UP
    long = s.across_long.transpose()
    for start in range(0, len(new), AT_ONCE):
        some, lines, errors = new[start : start + AT_ONCE], [], []
        for a, b in some:
            i, j = st.rows[a], st.rows[b]
            Pa, Pb, z = st.P[a], st.P[b], list(map(mul, map(mul, st.z, st.E[a]), st.E[b]))
            line = [int((x + y - q - v / (1.0 + v)) * one) for x, y, q, v in zip(Pa, Pb, st.still, z, strict=True)]
            # the row of one of both, if it goes: what the other does to its own slope
            for l, q in () if s.relabels else ((i, Pb[i]), (j, Pa[j])):
                line[l] = int((q - st.still[l]) * one)
            for l in out:
                line[l] = 0
            lines.append(line)
            # the slope at both is x + y − q less the number in the line
            weigh = each[a] + each[b] + still + sum(map(mul, norms, map(abs, line))) / one
            errors.append(((4.0 * st.blur + 2.0**-49) * (weigh + 4.0 * (norms[i] + norms[j]) + apart) + apart) * UP)
        for pair, row, error in zip(some, (fmpz_mat(lines) * long).tolist(), errors, strict=True):
            G = [x * unit for x in map(float, row)]
            st.formed[pair] = G, size_of(G), error
    return [st.formed[pair] for pair in pairs]
