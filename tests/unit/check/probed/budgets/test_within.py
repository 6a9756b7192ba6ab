"""Budgets of single rows at a critical point by proposed motions: the same answers, and no lie believed (W5)."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpz_mat
from safetensors.numpy import save

from certify.check.kernel import CHANCE
from certify.check.linalg.definite import Truth
from certify.check.linalg.fixed import Fixed
from certify.check.linalg.probes import ROOM, drawn
from certify.check.main import main
from certify.check.probed import answer, point
from certify.check.probed.budgets import within
from certify.check.probed.budgets.weights import FAR, LONG, Weights, weightings
from certify.check.probed.budgets.within import Within
from certify.check.probed.suited import diagonal, suited
from certify.check.reading.arrays import Array
from certify.check.reading.side import read_side
from certify.check.systems import critical_nearby
from certify.check.systems.critical import stationary
from certify.check.systems.nearby import PRECISION
from certify.check.systems.point import Point
from certify.check.theorems.modulus import critical_one_row, critical_rows, critical_sets
from certify.cli.main import main as certify
from tests.effort import examples
from tests.families import emitter
from tests.unit.check.probed import test_point
from tests.unit.check.probed.test_point import SPEC, N, rows_times, trained

LEAST = 2.0 ** (ROOM - 9)


@pytest.fixture(scope="module", params=[1, 2, "inf"])
def path(request, tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("budgets"), np.random.default_rng(4)
    X, y = rng.normal(size=(N, 4)), (rng.random(N) < 0.5).astype(float)
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    (folder / "model.safetensors").write_bytes(save(dict(zip(names, trained(X, y), strict=True))))
    np.savez(folder / "data.npz", X=X, y=y)
    budget = f'set = "per_sample"\nnorm = {json.dumps(request.param)}\nradius = 0.5\n'
    (folder / "spec.toml").write_text(SPEC.replace('set = "total"\n', budget) + '[[gate]]\nquantity = "modulus"\n'
                                      'max = 1e6\n[[gate]]\nquantity = "sample_modulus"\nmax = 1e6\n')
    assert certify(["run", str(folder / "spec.toml"), "--quiet"]) == 0
    return folder / "certificate.json"


@pytest.fixture(scope="module")
def told(path):
    """What the other process answers, asked once: by the factor of the dual."""
    honest, known = point.asked, dict[tuple[bytes, ...], answer.Answer]()

    def remembered(*asked):
        budgets = asked[-1].budgets
        if budgets not in known:
            known[budgets] = honest(*asked)
        return known[budgets]

    return remembered


@pytest.fixture(autouse=True)
def said(monkeypatch, told):
    """Where chance is allowed, and parameters are many from few on."""
    monkeypatch.setattr(critical_nearby, "MANY", 20)
    monkeypatch.setattr(point, "asked", told)
    token = CHANCE.set([])
    yield CHANCE.get()
    CHANCE.reset(token)


def lying(monkeypatch, told, change):
    """What it answers, changed."""
    monkeypatch.setattr(point, "asked", lambda *asked: change(told(*asked)))


class Case(test_point.Case):
    """The same with budgets, and by how much the weights of the first claim are changed before they are asked for."""

    def __init__(self, path, factor=1.0):
        super().__init__(path)
        side = next(path.parent.glob("*witness.safetensors")).read_bytes()
        self.arrays = read_side(self.claims, self.certificate.base, self.problem, side)
        modulus = self.claims[0]
        self.dual = [v * factor for v in modulus.witness.dual]
        self.claims = (replace(modulus, witness=replace(modulus.witness, dual=self.dual)), *self.claims[1:])
        self.weights = weightings(self.problem, self.claims, self.arrays)
        with ctx.workprec(PRECISION):
            self.known = point.probed_point(self.problem, self.start, weights=self.weights, whole=False)

    def upper(self, dual=None):
        """What V25 says of the first claim, whatever the end."""
        shape = self.arrays.get(self.claims[0].witness.array or "")
        rule = partial(critical_sets.by_weights, most=1e9, radius=1.0, dual=dual or self.dual, shape=shape)
        return self.decided(rule)

    @property
    def rows(self):
        """The rules of single rows: the rule of the upper ends, and that of the lower ones."""
        if self.problem.row_norm.round:
            return critical_rows.row_upper, critical_rows.row_lower
        return (partial(critical_one_row.row_upper, shape=None), partial(critical_one_row.row_lower, shape=None))


def test_the_verdict_is_the_same_and_says_so(path, capsys):
    main([str(path), "--quiet", "--exact"])
    exact = capsys.readouterr().out
    assert main([str(path), "--quiet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["soundness"]
    assert found["bounds"] == ["X(HY − C), XH − I, R(c²I − YeYᵀ)Rᵀ − I"]
    main([str(path), "--quiet"])
    assert capsys.readouterr().out.startswith(exact.split(" [")[0])


def test_there_are_vectors_for_every_matrix_that_is_judged(path, monkeypatch):
    """Of all rows, `YYᵀ` and the budget together, and of `XH − I` alone."""
    counted, plain = [], point.together
    monkeypatch.setattr(point, "together", lambda *asked: counted.append(asked) or plain(*asked))
    case = Case(path)
    assert len(case.weights) == 1 and counted[:2] == [(N + 2 + 1, point.SHARES[0]), (1, point.SHARES[1])]


def test_what_is_proved_lies_around_what_is_stated(path):
    case = Case(path)
    modulus, rows = case.claims
    assert len(case.weights) == 1 and case.upper() is Truth.PROVED
    z = modulus.witness.z
    assert case.decided(partial(critical_sets.lower, least=modulus.lower, radius=1.0, z=z)) is Truth.PROVED
    assert case.decided(partial(critical_sets.lower, least=modulus.upper * (1 + 1e-9), radius=1.0, z=z)) is (
        Truth.DISPROVED)
    upper, lower = case.rows
    for number in (0, 5, N - 1):
        low, high = rows.row_lower[number], rows.row_upper[number]
        assert case.decided(partial(upper, number=number, upper=high)) is Truth.PROVED
        assert case.decided(partial(upper, number=number, upper=low * 0.999)) is Truth.DISPROVED
        assert case.decided(partial(lower, number=number, lower=low)) is Truth.PROVED
        assert case.decided(partial(lower, number=number, lower=high * 1.001)) is Truth.DISPROVED


@pytest.mark.parametrize("factor", [1 - 1e-6, 0.5])
def test_weights_that_are_too_large_prove_nothing(factor, path):
    """Neither asked for, nor where others were: the matrix of the weights just reaches A²."""
    assert Case(path, factor).upper() is not Truth.PROVED
    case = Case(path)
    assert case.upper([v * factor for v in case.dual]) is not Truth.PROVED
    assert case.upper([v * 1.5 for v in case.dual]) is Truth.PROVED


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9, 1 - 1e-6])
def test_motions_that_are_too_small_prove_no_end_below_the_truth(factor, path, told, monkeypatch):
    larger = Case(path).known[1]._answer.inside  # a factor for weights that are less
    lying(monkeypatch, told, lambda found: replace(found, motions=rows_times(found, factor), inside=larger))
    case = Case(path, 0.9)
    assert case.upper() is not Truth.PROVED
    upper, _ = case.rows
    for number in range(0, N, 4):
        most = case.claims[1].row_lower[number] * (1 - 1e-9)
        for end in (most, min(most, most * factor * 1.0001), 1e-300):
            assert case.decided(partial(upper, number=number, upper=end)) is not Truth.PROVED


def test_motions_that_are_too_large_prove_no_end_above_the_truth(path, told, monkeypatch):
    lying(monkeypatch, told, lambda found: replace(found, motions=rows_times(found, 1 + 1e-6, only=3)))
    case = Case(path)
    upper, lower = case.rows
    end = case.claims[1].row_upper[3] * (1 + 1e-9)
    assert case.decided(partial(lower, number=3, lower=end)) is not Truth.PROVED
    assert case.decided(partial(upper, number=3, upper=end)) is not Truth.DISPROVED


def changed(found, change):
    return replace(found, inside=tuple(change(k, R) for k, R in found.inside))


@pytest.mark.parametrize("change", [
    lambda k, R: (0, R), lambda k, R: (60, R), lambda k, R: (k, replace(R, bits=R.bits + 1)),
    lambda k, R: (k, replace(R, bits=R.bits - 1)), lambda k, R: (k, replace(R, mid=R.mid * 0)),
    lambda k, R: (k, replace(R, mid=R.mid.transpose())),
])
def test_no_factor_proves_nothing(change, path, told, monkeypatch):
    lying(monkeypatch, told, lambda found: changed(found, change))
    assert Case(path).upper() is not Truth.PROVED


def test_a_forged_dual_is_refused(path, capsys):
    certificate = json.loads(path.read_text())
    witness = certificate["claims"][0]["witness"]
    for factor, end in ((0.9, 1.0), (0.9, 0.95), (0.0, 1.0), (-1.0, 1.0)):
        stated = json.loads(path.read_text())
        stated["claims"][0]["witness"] = witness | {"dual": [v * factor for v in witness["dual"]]}
        stated["claims"][0]["upper"] *= end
        forged = path.with_name("forged.json")
        forged.write_bytes(emitter.seal(stated))
        assert main([str(forged), "--quiet"]) == 2 and capsys.readouterr().out.startswith("invalid ")


def test_a_change_in_another_norm_is_longer(path):
    """What motions are off by counts times the greatest length of a change."""
    case = Case(path)
    at = Point(case.problem, PRECISION, case.known[0], case.known[1], width=60)
    with ctx.workprec(PRECISION):
        own = critical_one_row._slack(at, 3.0, 2)
        assert own == at.of(stationary).slack(arb(3) / (2 if case.problem.row_norm.boxed else 1), 2)


def test_what_it_is_for(path):
    case = Case(path)
    modulus = case.claims[0]
    assert suited(case.problem, case.claims) and diagonal(modulus, case.problem)
    for member in ("rows", "pairs"):
        other = replace(modulus, witness=replace(modulus.witness, member=member))
        assert not suited(case.problem, (other,)) and weightings(case.problem, (other,), case.arrays) == ()
    shaped = replace(modulus, witness=replace(modulus.witness, array="modulus.shape"))
    assert suited(case.problem, (shaped,)) == (not case.problem.row_norm.cross)
    assert suited(case.problem, (replace(modulus, upper=None, witness=replace(modulus.witness, member=None)),))


@pytest.mark.parametrize("dual", [None, [1.0] * (N - 1), [0.0] * N, [-1.0] * N, [5e-324] * N, [2.0**(FAR + LONG)] * N])
def test_a_witness_of_another_form_is_not_asked_about(dual, path):
    case = Case(path)
    modulus = case.claims[0]
    claim = replace(modulus, witness=replace(modulus.witness, dual=dual))
    assert weightings(case.problem, (claim,), case.arrays) == ()
    short = Array((1, 4), (1.0,) * 4, "f")
    claim = replace(modulus, witness=replace(modulus.witness, array="a"))
    assert weightings(case.problem, (claim,), {"a": short}) == ()


def matrix(rows):
    return arb_mat([[arb(x) for x in row] for row in rows])


def test_weights_cover_what_is_diagonal_and_no_larger():
    weights = Weights(((3, 5), (8, 1)), (1, 0))  # 1.5, 2.5 and 8, 1
    one, other = [[1.5, 0], [0, 2.5]], [[7, 0], [0, 1]]
    assert weights.cover([matrix(one), matrix(other)])
    for wrong in ([[1.5 + 1e-15, 0], [0, 2.5]], [[1.5, 1e-300], [0, 2.5]], [[float("nan"), 0], [0, 2.5]],
                  [[1.5, arb(0, 1e-300)], [0, 2.5]], [[1.5]]):
        assert not weights.cover([matrix(wrong), matrix(other)])
    assert not weights.cover([matrix(one)]) and not weights.cover([matrix(other), matrix(one)])


def judged(Y, weights, R, k, vectors=None, off=None, bits=20, own=50, least=LEAST):
    """What `Within` says of motions, a `(d, p)` matrix each, rounded to so many bits."""
    p = Y[0].shape[1]
    known = Within(weights, Fixed(R, own, arb(0)), k, drawn(p, 9) if vectors is None else vectors)
    for number, A in enumerate(Y):
        M = fmpz_mat(*A.shape, [int(x) for x in A.ravel()])
        known.add(number, M, M.transpose(), bits, M * M.transpose(), arb(float((A**2).sum())).sqrt() * 2.0**-bits)
    return known.proved([arb(0)] * len(Y) if off is None else off, arb(least))


def problem(seed, size):
    """Motions in whole numbers, weights with `‖Ye^½‖ = size`, and R for them below 1, else for others."""
    rng = np.random.default_rng(seed)
    Y = [np.rint(rng.normal(size=(3, 6)) * 2.0**20 * 10.0**rng.integers(-3, 4)) for _ in range(4)]
    e = rng.random((4, 3)) * np.array([1 / np.abs(own * 2.0**-20).max()**2 for own in Y])[:, None]

    def gram(e):
        return sum((own * 2.0**-20).T @ (x[:, None] * own * 2.0**-20) for own, x in zip(Y, e, strict=True))

    e *= size**2 / np.linalg.eigvalsh(gram(e))[-1]
    bits = [LONG - int(np.frexp(x.max())[1]) for x in e]
    weights = Weights(tuple(tuple(int(np.ldexp(v, b)) for v in x) for x, b in zip(e, bits, strict=True)), tuple(bits))

    def factor(c):
        G = gram(e) * min(1.0, (0.9 * c / size)**2)
        R = np.linalg.inv(np.linalg.cholesky(c**2 * np.eye(6) - G))
        return fmpz_mat(6, 6, [int(x) for x in np.rint(np.ldexp(R, 50)).ravel()])

    return Y, weights, factor


@pytest.mark.parametrize("seed", range(examples(24)))
def test_it_is_proved_below_one_and_nowhere_above(seed):
    Y, weights, factor = problem(seed, 0.9 * (1 - 2.0**-8))
    R = factor(1 - 2.0**-8)
    assert judged(Y, weights, R, 8)
    assert not judged(Y, weights, R, 8, off=[arb(1)] * 4), "motions that are off by more than is left"
    for size in (1 + 1e-9, 1.2, 30.0):
        Y, weights, factor = problem(seed, size)
        assert not judged(Y, weights, factor(1 - 2.0**-8), 8)
        assert not judged(Y, weights, factor(1 - 2.0**-40), 40)


def test_what_motions_are_off_by_counts_with_the_weights():
    """`c + (Σ max(e_i)·off_i²)^½ ≤ 1`."""
    Y, weights, factor = problem(0, 0.8)
    R, first = factor(1 - 2.0**-8), max(weights.whole[0]) * 2.0**-weights.bits[0]
    near = 2.0**-8 / first**0.5
    assert judged(Y, weights, R, 8, off=[arb(near * 0.999), *[arb(0)] * 3])
    assert not judged(Y, weights, R, 8, off=[arb(near * 1.001), *[arb(0)] * 3])
    assert not judged(Y, weights, R, 8, off=[arb("nan"), *[arb(0)] * 3])


def test_what_is_cut_counts(monkeypatch):
    """Rows of which nothing is left when they are cut, and which are 2.7 together."""
    Y, u, one = [np.array([[1.0, 0.0]])] * 3, fmpz_mat(2, 1, [1, 0]), fmpz_mat(2, 2, [1, 0, 0, 1])

    def found(share):
        return judged(Y, Weights(((int(share * 2**LONG),),) * 3, (LONG,) * 3), one, 30, u, bits=0, own=0, least=1)

    assert found(0.3) and not found(0.9)
    monkeypatch.setattr(within, "ROOM", 0)
    assert not found(0.3) and not found(0.9)


def test_a_vector_that_is_cut_counts(monkeypatch):
    """What is cut of `Rᵀu` meets `c²I − YeYᵀ`, whose size is at most `1 + tr`: here it is all that sees the motion."""
    monkeypatch.setattr(within, "PASS", 10)
    Y, u = [np.array([[1.0, 0.0]])], fmpz_mat(2, 1, [0, int(LEAST)])
    R = fmpz_mat(2, 2, [1 << 50, 0, 1, 1 << 50])
    assert not judged(Y, Weights(((1 << 9,),), (0,)), R, 30, u, bits=0)
    assert judged(Y, Weights(((1,),), (9,)), R, 30, u, bits=0)
