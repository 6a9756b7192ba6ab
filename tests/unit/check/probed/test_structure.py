"""Motions of rows by the structure of `C_i`: against the columns themselves, wrong versions, and certificates."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz, fmpz_mat
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from certify.check.kernel import CHANCE
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed, frobenius, scale
from certify.check.main import main
from certify.check.probed import point
from certify.check.probed.structure import grams, judged
from certify.check.probed.structure.columns import Item, able, columns
from certify.check.systems import critical_nearby
from certify.check.systems.nearby import PRECISION
from certify.check.theorems.modulus import critical
from certify.check.words.row_norms.base import norm_of
from certify.cli.main import main as certify
from certify.finders.proposals.motions import Curvature, Passes
from tests.effort import examples
from tests.families import emitter
from tests.unit.check.enclosure.test_hessian import drawn
from tests.unit.check.probed.test_point import SPEC, Case, N, trained

SEEDS = st.integers(0, 10**9)
BITS, SOME = 60, 0
"""Of X, and the seed of a problem of more than one layer."""


def made(seed):
    """A drawn problem, its columns by structure and as matrices, and an X of random whole numbers."""
    rng, problem, _, found = drawn(seed)
    if not (able(problem) and problem.parameter == "features"):
        assume(False)
    p, d = problem.parameters, len(problem.features[0])
    C = columns(problem, found.parameters, found.passed, found.objective)
    unit = [[arb(r == k) for r in range(p)] for k in range(p)]
    lines = [found.feature_forms(e) for e in unit]
    whole = [arb_mat(p, d, [x for line in lines for x in line[at]]) for at in range(len(problem.moving))]
    X = fmpz_mat(p, p, [int(v) for v in rng.integers(-2**59, 2**59, p * p)])
    return rng, problem, C, whole, Fixed(X, BITS, arb(0))


def square(X):
    """`XᵀX`, cut as it is for checks."""
    M = (X.mid.transpose() * X.mid)
    return Fixed(M, 2 * X.bits, arb(0)).at(grams.FINE[0])


def right(seed):
    """Whether every matrix lies as near the true one as is said, and how near that is beside its size."""
    _, _, C, whole, X = made(seed)
    found, lost = grams.grams(C, square(X))
    far, near = [], []
    for G, e, own in zip(found, lost, whole, strict=True):
        Y = X.balls() * own
        truth = Y.transpose() * Y
        far.append(not (G - truth).mid().det().is_finite() or frobenius((G - truth).mid()) > e + arb(2) ** -70)
        near.append(float(e / (frobenius(own.mid()) ** 2 + 1)))
    return not any(far), max(near)


@settings(max_examples=examples(60), deadline=None)
@given(seed=SEEDS)
def test_grams_are_those_of_the_columns(seed):
    with ctx.workprec(128):
        held, near = right(seed)
    assert held and near < 2.0**-16


@settings(max_examples=examples(30), deadline=None)
@given(seed=SEEDS, q=st.integers(1, 3))
def test_sums_are_those_of_the_columns(seed, q):
    with ctx.workprec(128):
        rng, _, C, whole, _ = made(seed)
        d = whole[0].ncols()
        t = [[[arb(float(v)) for v in rng.normal(size=d)] for _ in range(q)] for _ in whole]
        found = grams.image(C, t)
        for c in range(q):
            truth = sum((own * arb_mat(d, 1, one[c]) for own, one in zip(whole, t, strict=True)),
                        arb_mat(C.parameters, 1))
            assert all(x.overlaps(y) and x.rad() < 1e-25 * (1 + abs(x)) for x, y in zip(
                [found[r, c] for r in range(C.parameters)], truth.entries(), strict=True))


def one_sum(v, w, S, radius, width):
    """Of one number each: what is found of `vwS`, and by how much it may be off, as fractions."""
    one, other = (Item(0, 1, True, 1, [[x]]) for x in (v, w))
    found = grams.contracted(Fixed(fmpz_mat(1, 1, [S]), 0, arb(radius)), [[fmpz(S)]], width, one, other,
                             *(grams.short(item.vectors) for item in (one, other)))
    T, off = found.of(0)
    return fraction(T[0, 0]), fraction(off)


def fraction(x):
    """An exact number."""
    mantissa, exponent = x.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


@pytest.mark.parametrize("part", ["what is known of S", "what products lose", "what numbers lose"])
def test_every_part_of_what_a_sum_is_off_by_is_there(part):
    """Each case is off by more than all other parts together."""
    rng, beyond = np.random.default_rng(7), 0
    for _ in range(60):
        long = [int(x) for x in rng.integers(2**61, 2**62, 2)]
        radius, width, bits = 0, 60, 62
        if part == "what is known of S":
            radius = 1 << 40
        elif part == "what products lose":
            width = 40
        else:
            width, bits = 64, 123
            long = [(x << 61) + (1 << 61) - 1 for x in long]  # cut off by nearly a unit, one by one
        with ctx.workprec(200):
            v, w = (arb(x) * scale(bits) for x in long)
            found, off = one_sum(v, w, 1 << 60, radius, width)
        truth = Fraction(long[0] * long[1], 4**bits) * ((1 << 60) + radius)
        assert abs(truth - found) <= off
        others = {"what is known of S": 58, "what products lose": 60, "what numbers lose": width}[part]
        beyond += abs(truth - found) * 2**others > 1 << 60
    assert beyond > 5


@pytest.mark.parametrize("part", ["weights", "parts"])
def test_what_sums_are_off_by_counts_as_often_as_they_are_multiplied(part):
    with ctx.workprec(128):
        _, _, C, _, X = made(SOME)
        more = C.weights * 2**40 if part == "weights" else [[L * 2**40 for L in own] for own in C.parts]
        plain, large = (grams.grams(one, square(X))[1] for one in (C, replace(C, **{part: more})))
    assert all(b > a * 2**40 for a, b in zip(plain, large, strict=True))


def altered(monkeypatch, name, change):
    honest = getattr(grams, name)
    monkeypatch.setattr(grams, name, lambda *given: change(honest(*given)))


WRONG = {
    "vectors cut for nothing": ("short", lambda v: replace(v, rows=[[x >> 40 << 40 for x in r] for r in v.rows])),
    "sums without one place": ("contracted", lambda T: replace(T, rows=[[*row[:-1], 0 * row[-1]] for row in T.rows])),
    "another size of a row": ("contracted", lambda T: replace(T, ups=[up + 1 for up in T.ups])),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_versions_are_caught(name, monkeypatch):
    def found():
        with ctx.workprec(128):
            return right(SOME)[0]

    with ctx.workprec(128):
        assert len(made(SOME)[2].items) > 1 and found()
    altered(monkeypatch, *WRONG[name])
    assert not found()


def test_what_is_off_counts():
    """A root of eigenvalues of matrices within e of each other differs by `e/√θ` at most: here by nearly that."""
    G, e = arb_mat([[arb(4), arb(0)], [arb(0), arb(1)]]), arb(2) ** -30
    off = judged._off(G, e, arb(0), arb(1))
    assert (4 + e).sqrt() - 2 < off < e
    assert judged._off(G, arb(0), arb(2) ** -20, arb(1)) >= 2 * arb(2) ** -20
    assert not judged._off(arb_mat([[arb(0)]]), e, arb(0), arb(1)) < e.sqrt()


@settings(max_examples=examples(60), deadline=None)
@given(seed=SEEDS)
def test_what_is_off_counts_for_changes_of_every_norm(seed):
    """Corners of a box see d times what a matrix is off by, and its largest eigenvalue need not be larger there."""
    rng = np.random.default_rng(seed)
    d, part = int(rng.integers(1, 8)), float(10.0 ** rng.uniform(-9, 0.3))
    Y = rng.normal(size=(d, d)) * (1e-4 ** rng.random((1, d)))
    v = np.where(rng.random(d) < 0.5, 1.0, -1.0) if rng.random() < 0.7 else rng.normal(size=d)
    T = Y.T @ Y + np.outer(v, v) * part * float((Y**2).sum(axis=0).max()) / d
    for sign in (-1.0, 1.0):
        G = Y.T @ Y if sign < 0 else T + (T - Y.T @ Y)
        e = float(np.linalg.norm(T - G)) * (1 + 1e-12) + 1e-15
        for word in (1, 2, "inf"):
            size = norm_of(word).longest(d)
            off = float(size * judged._off(arb_mat(G.tolist()), arb(e), arb(0), size))
            assert abs(largest_of(T, word) - largest_of(G, word)) <= off * (1 + 1e-9) + 1e-12


def largest_of(M, word):
    """The root of the largest `uᵀMu`."""
    if word == 2:
        return float(np.sqrt(np.linalg.eigvalsh(M)[-1]))
    corners = np.eye(len(M)) if word == 1 else np.array(list(product((-1.0, 1.0), repeat=len(M))))
    return float(np.sqrt(np.einsum("ca,ab,cb->c", corners, M, corners).max()))


def test_an_eigenvalue_does_not_say_what_a_box_sees():
    """The case that `e/√θ` for each unit of length does not hold in."""
    d, e = 100, 1e-6
    G = np.zeros((d, d))
    G[0, 0] = 1.0
    beyond = np.sqrt(1 + e * d) - 1
    assert beyond > 4 * d**0.5 * e
    assert beyond < d**0.5 * judged._off(arb_mat(G.tolist()), arb(e), arb(0), arb(d).sqrt())


@pytest.mark.parametrize("top, lost, reach", [(1.0, 0.9, 1.0), (2.0, 0.5, 3.0), (1.0, 0.5, 1.0), (0.2, 0.25, 2.0)])
def test_what_is_lost_of_a_square_may_be_lost_of_the_least_there_is(top, lost, reach):
    """`κ² ≥ θ − e`, from θ = 1, e = 0.9 on: κ² may be e, h 0, and then `|h − κ| = √e` is more than `e/√θ`."""
    found, off = float(judged._between(arb(top), arb(lost), arb(reach)).upper()), lost * reach**2
    for square in (max(top - lost, 0.0), max(top - lost, off)):
        for other in (square + off, max(square - off, 0.0)):
            assert abs(other**0.5 - square**0.5) <= reach * found * (1 + 1e-12)


def test_the_proposed_sum_of_squares():
    """`Σ C_iC_iᵀ` of the process that proposes."""
    rng, n, d, m, k = np.random.default_rng(0), 5, 3, 4, 2
    at = Passes(
        weights=[rng.normal(size=(m, d)), rng.normal(size=(k, m))],
        inputs=[np.c_[rng.normal(size=(n, d)), np.ones(n)], np.c_[rng.normal(size=(n, m)), np.ones(n)]],
        slopes=[rng.normal(size=(n, m))], bends=[rng.normal(size=(n, m))], ends=rng.normal(size=(n, k)),
        curvatures=(lambda M: M + M.transpose(0, 2, 1))(rng.normal(size=(n, k, k))), first=rng.normal(size=(m, d)),
        scale=np.array([1.0, 0.5, 2.0]), free=[0, 1], biased=[True, True], moving=[0, 2, 3], decay=0.1,
        wanted="square", most=None, formed=True, whole=True, vectors=None, budgets=np.empty((0, 9)))
    of = Curvature(at)
    C = of.columns(np.array(at.moving))
    assert np.allclose(of.squared(), np.einsum("npd,nqd->pq", C, C), rtol=1e-12, atol=1e-12)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """As that of test_point, with features that have no units of their own."""
    folder, rng = tmp_path_factory.mktemp("structured"), np.random.default_rng(4)
    X, y = rng.normal(size=(N, 4)), (rng.random(N) < 0.5).astype(float)
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    (folder / "model.safetensors").write_bytes(save(dict(zip(names, trained(X, y), strict=True))))
    np.savez(folder / "data.npz", X=X, y=y)
    (folder / "spec.toml").write_text("\n".join(line for line in SPEC.splitlines() if not line.startswith("scale")))
    assert certify(["run", str(folder / "spec.toml"), "--quiet"]) == 0
    return folder / "certificate.json"


@pytest.fixture
def structured(monkeypatch):
    """Where chance is allowed, and few motions are many."""
    monkeypatch.setattr(critical_nearby, "MANY", 20)
    monkeypatch.setattr(judged, "MANY", 0)
    monkeypatch.setattr(point, "asked", None)
    token = CHANCE.set([])
    yield
    CHANCE.reset(token)


def test_what_is_proved_lies_around_what_is_stated(path, structured):
    case = Case(path)
    modulus, rows = case.claims
    assert case.decided(partial(critical.upper, most=modulus.upper)) is Truth.PROVED
    assert case.decided(partial(critical.upper, most=modulus.lower * (1 - 1e-9))) is Truth.DISPROVED
    case.rows_lie_around(rows)


@pytest.mark.parametrize("word, size", [(1, 1), (2, 1), ("inf", 2)])
def test_rows_are_judged_by_the_longest_change_of_their_norm(word, size, path, structured, monkeypatch):
    """Of four features."""
    seen, honest = [], judged._off

    def spied(*given):
        seen.append(given[-1])
        return honest(*given)

    monkeypatch.setattr(judged, "_off", spied)
    case = Case(path)
    with ctx.workprec(PRECISION):
        assert point.probed_point(replace(case.problem, norm=word), case.start) is not None
    assert len(seen) == N
    assert all(x == size for x in seen)


@pytest.mark.parametrize("claim, member, change", [
    (0, "upper", lambda v: v * (1 - 1e-6)), (0, "lower", lambda v: v * (1 + 1e-6)),
    (1, "row_upper", lambda v: [v[0] * (1 - 1e-6), *v[1:]]), (1, "row_lower", lambda v: [v[0] * (1 + 1e-6), *v[1:]]),
])
def test_an_end_beyond_the_truth_is_refused(claim, member, change, path, structured, capsys):
    assert main([str(path), "--quiet"]) == 0
    certificate = json.loads(path.read_text())
    stated = certificate["claims"][claim]
    stated[member] = change(stated[member])
    if claim == 1:
        stated["lower"], stated["upper"] = max(stated["row_lower"]), max(stated["row_upper"])
    forged = path.with_name("forged.json")
    forged.write_bytes(emitter.seal(certificate))
    capsys.readouterr()
    assert main([str(forged), "--quiet"]) == 2 and capsys.readouterr().out.startswith("invalid ")


def test_some_rows_are_judged_by_what_they_see_themselves(path, structured):
    case = Case(path)
    with ctx.workprec(PRECISION):
        _, known = point.probed_point(replace(case.problem, moving=(2, 5, 11)), case.start)
    found = known._judged.all.plain
    assert 0 < found.radius < 1e-6 * frobenius(found.balls())


@pytest.mark.parametrize("part", ["X", "G"])
def test_proposals_are_not_believed(part, path, structured, monkeypatch):
    """A matrix that is a millionth off is seen by the drawn vectors: nothing is proved of ends as near as these."""
    honest = point.asked_square

    def lying(*told):
        found = honest(*told)
        if part == "X":
            return replace(found, bands=[M * 1000001 for M in found.bands], bits=found.bits + 20)
        G = found.gram
        return replace(found, gram=Fixed(G.mid * 1000001, G.bits + 20, G.radius))

    monkeypatch.setattr(point, "asked_square", lying)
    case = Case(path)
    assert case.decided(partial(critical.upper, most=case.claims[0].lower * (1 + 1e-7))) is not Truth.PROVED
    assert scale(20) * 1000001 < 1


@pytest.mark.parametrize("change", [{"free": (2,)}, {"scale": (1.0,)}])
def test_where_there_are_no_such_columns(change, path):
    assert able(Case(path).problem) and not able(replace(Case(path).problem, **change))
