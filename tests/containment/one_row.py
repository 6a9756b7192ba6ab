"""Containment of N4: the worst vertex of every row's ball, by brute force, never leaves the enclosure of the row.

The oracle inverts a rational kernel, or takes H⁺C from second-order jets, and goes through every vertex.
"""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
from flint import arb

from certify.format.errors import EnclosureError
from certify.network.layers.kernel import Kernel
from certify.problem.bound import Bound
from certify.problem.perturbations.row_sets import RowSets
from certify.problem.problem import Problem
from certify.problem.progress import silent
from certify.prove.prover import answer
from certify.rigor.arithmetic import Binary64
from certify.systems.critical.point import CriticalPoint
from certify.systems.interpolation.congruence import Congruence, congruence
from certify.theorems.modulus import one_row
from certify.theorems.modulus.one_row import OneRowEnds, enclose_one_row
from tests.containment import critical
from tests.containment import sets as sets_
from tests.containment.critical_sets import SLACK, corners
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, expect, refusing
from tests.families import critical as families
from tests.oracles import critical as oracle
from tests.oracles import matrices as exact

Rng = np.random.Generator


def few(rng: Rng):
    """Now and then a limit so low that boxes are used where all signs could be tried."""
    return mock.patch.object(one_row, "FEW", int(rng.choice([1, 2, one_row.FEW])))


@attack("one_row", "N4", slow=1)
def of_kernel(rng: Rng) -> Outcome:
    """`enclose_one_row` on random sets and kernels, for members of every enclosure."""
    k, n = int(rng.choice([1, 2, 3])), int(rng.integers(1, 4))
    sets, _ = sets_.random_sets(rng, n, k, Binary64())
    sets = replace(sets, norm=[1, "inf"][int(rng.integers(2))])
    d = sets.G.shape[2]
    columns = np.arange(d)
    if rng.random() < 0.3:  # some features may not move
        columns = np.sort(rng.permutation(d)[: int(rng.integers(1, d + 1))])
        G = sets.G.copy()
        G[:, :, np.setdiff1d(np.arange(d), columns)] = 0.0
        sets = replace(sets, G=G, rad=np.zeros(n))  # members within a radius would move the others too
    K = sets_.random_kernel(rng, n * k)
    X = refusing(lambda: congruence(K, Binary64()))
    if not isinstance(X, Congruence):
        return "refused"
    samples = np.flatnonzero(rng.random(n) < 0.7)
    samples = samples if len(samples) else np.array([0])
    with few(rng):
        ends = refusing(lambda: enclose_one_row(X, sets, samples, columns))
    if ends is None:
        return "refused"
    with exact.precision(256):
        for corner in (False, True):
            check(ends, K, sets, samples, rng, corner)
    return "decided"


def check(ends: OneRowEnds, K: Kernel, sets: RowSets, samples: np.ndarray, rng: Rng, corner: bool) -> None:
    """Both ends of every sample against all vertices, for one member."""
    inverse, G = sets_.members(K, sets, rng, corner)
    if inverse is None:
        return
    n, k, _ = sets.G.shape
    for at, i in enumerate(samples.tolist()):
        best = arb(0)
        for part in sets_.corners(G[i], sets.norm, rng):
            s = [arb(0)] * (n * k)
            s[i * k:(i + 1) * k] = part
            best = best.max(sets_.form(inverse, s))
        low, high = arb(float(ends.lower[at])), arb(float(ends.upper[at]))
        inside = not best > high**2 and not best < low**2
        expect(inside, f"{low} ≤ κ_{i} ≤ {high}, norm {sets.norm}", K=K.mid, e=K.e, G=sets.G, rad=sets.rad)


@attack("critical_one_row", slow=8)
def of_critical(rng: Rng) -> Outcome:
    """`sample_modulus` of a random critical problem against H⁺C and all vertices."""
    return whole_problem(families.critical_problem(rng), rng)


def whole_problem(problem: Problem, rng: Rng) -> Outcome:
    """The same for a given one, in the norm 1 or inf."""
    problem = replace(problem, set="per_sample", norm=[1, "inf"][int(rng.integers(2))])
    try:
        proving = CriticalPoint(problem, answer, silent)
        with few(rng):
            bound = proving.bound("sample_modulus")
    except EnclosureError:
        return "refused"
    if bound.upper is None or (bound.theorem == "M5a" and problem.parameter == "sample_weights"):
        return "refused"
    with oracle.precision():
        system, w = critical.base_of(problem, proving)
        M = np.array(oracle.derive(system, w).image.tolist(), dtype=float)
    check_rows(bound, M, problem.norm, rng)
    return "decided"


def check_rows(bound: Bound, M: np.ndarray, norm: int | str, rng: Rng) -> None:
    """Both ends of every row against the vertices of its ball; M is `H⁺C`, row after row."""
    q = M.shape[1] // len(bound.rows)
    for i, (low, high) in enumerate(zip(bound.row_lower, bound.row_upper, strict=True)):
        best = max(float(np.linalg.norm(M[:, i * q:(i + 1) * q] @ u)) for u in corners(q, norm, rng))
        expect(low * (1 - SLACK) <= best <= high * (1 + SLACK) + 1e-300, f"{low} ≤ κ_{i} ≤ {high} ({bound.theorem})",
               best=best, norm=norm, M=M)
