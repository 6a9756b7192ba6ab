"""Critical points judged by one pass along random vectors: the same answers as by whole matrices, no lie believed."""

from __future__ import annotations

import io
import json
import sys
from array import array
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat
from safetensors.numpy import save
from scipy.optimize import minimize

from certify.check.kernel import CHANCE, decide
from certify.check.limits import cost
from certify.check.limits.held import Limits, TooLarge
from certify.check.linalg.definite import Truth
from certify.check.linalg.probes import DRAWN, LEAST, MATRICES, MOST, ROOM, SHARE, WIDEST, together
from certify.check.main import main
from certify.check.probed import answer, point
from certify.check.probed.suited import probing, suited
from certify.check.reading.certificate import read_certificate
from certify.check.reading.side import read_side
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.run import check
from certify.check.systems import critical_nearby
from certify.check.systems.nearby import PRECISION, stated_centre
from certify.check.systems.point import Ladder
from certify.check.table import witnessed
from certify.check.theorems.modulus import critical, critical_rows
from certify.cli.main import main as certify
from tests.families import emitter
from tests.families.proposed_here import both_ways

SPEC = """version = 1
[model]
file = "model.safetensors"
widths = [4, 6, 1]
activation = "tanh"
[data]
file = "data.npz"
features = "X"
targets = "y"
[training]
loss = "logistic"
weight_decay = 0.02
[solution]
map = "critical"
base = "nearby"
[perturbation]
parameter = "features"
rows = "all"
set = "total"
scale = {"0" = 1.0, "1" = 0.5, "2" = 2.0, "3" = 1.0}
"""
N = 14


def trained(X, y) -> list[np.ndarray]:
    """Weights near a critical point of the mean of `ln(1 + e^{−sf})` and the decay."""
    s = 2 * y - 1

    def loss(w):
        W, b, v, c = w[:24].reshape(6, 4), w[24:30], w[30:36], w[36]
        A = np.tanh(X @ W.T + b)
        m = s * (A @ v + c)
        slope = -s / (1 + np.exp(m)) / N
        back = slope[:, None] * v * (1 - A**2)
        g = np.concatenate([(back.T @ X).ravel(), back.sum(0), A.T @ slope, [slope.sum()]])
        return np.logaddexp(0, -m).mean() + 0.01 * w @ w, g + 0.02 * w

    start = np.random.default_rng(5).normal(size=37)
    w = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-13, "maxiter": 5000}).x
    return [w[:24].reshape(6, 4), w[24:30], w[30:36].reshape(1, 6), w[36:]]


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("critical"), np.random.default_rng(4)
    X, y = rng.normal(size=(N, 4)), (rng.random(N) < 0.5).astype(float)
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    (folder / "model.safetensors").write_bytes(save(dict(zip(names, trained(X, y), strict=True))))
    np.savez(folder / "data.npz", X=X, y=y)
    (folder / "spec.toml").write_text(SPEC)
    assert certify(["run", str(folder / "spec.toml"), "--quiet"]) == 0
    return folder / "certificate.json"


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """Where chance is allowed, and parameters are many from few on."""
    monkeypatch.setattr(critical_nearby, "MANY", 20)
    token = CHANCE.set([])
    yield CHANCE.get()
    CHANCE.reset(token)


class Case:
    """The problem of a certificate, its claims and its stated centre."""

    def __init__(self, path: Path) -> None:
        self.certificate, read = read_certificate(path.read_bytes(), "file"), path.with_name
        spec = read_spec(read("spec.toml").read_bytes())
        self.problem = build_problem(spec, read("model.safetensors").read_bytes(), read("data.npz").read_bytes(), False,
                                     None, None, None, None)
        self.claims = tuple(witnessed(claim, self.problem) for claim in self.certificate.claims)
        side = next(path.parent.glob("*witness.safetensors")).read_bytes()
        self.start = stated_centre(self.problem, read_side(self.claims, self.certificate.base, self.problem, side))

    @cached_property
    def known(self):
        """What is proved, asked and drawn once."""
        with ctx.workprec(PRECISION):
            return point.probed_point(self.problem, self.start)

    def decided(self, rule) -> Truth | None:
        """What a rule says by what was proved; None where nothing was."""
        found = self.known
        if found is None:
            return None
        return decide(rule, Ladder(self.problem, centre=found[0], known=found[1], rungs=[(PRECISION, 60)])).truth

    def rows_lie_around(self, rows) -> None:
        """That the ends of some rows are proved, and others beyond them are not."""
        for number in (0, 5, N - 1):
            low, high = rows.row_lower[number], rows.row_upper[number]
            assert self.decided(partial(critical_rows.row_upper, number=number, upper=high)) is Truth.PROVED
            assert self.decided(partial(critical_rows.row_upper, number=number, upper=low * 0.999)) is Truth.DISPROVED
            assert self.decided(partial(critical_rows.row_lower, number=number, lower=low)) is Truth.PROVED
            assert self.decided(partial(critical_rows.row_lower, number=number, lower=high * 1.001)) is Truth.DISPROVED


def lying(monkeypatch, change):
    """What the other process answers, changed."""
    honest = answer.asked
    monkeypatch.setattr(point, "asked", lambda *told: change(honest(*told)))


def rows_times(found: answer.Answer, factor: float, only: int | None = None) -> memoryview:
    values = np.frombuffer(found.motions, dtype="<i8").reshape(len(found.row_bits), -1).copy()
    where = slice(None) if only is None else only
    values[where] = np.rint(values[where] * factor)
    return memoryview(values.tobytes())


def test_the_verdict_is_the_same_and_says_so(path, capsys):
    main([str(path), "--quiet", "--exact"])
    exact = capsys.readouterr().out
    assert main([str(path), "--quiet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["soundness"]
    assert found == {"mode": "probes", "bounds": ["X(HY − C), XH − I, G − YYᵀ"], "error": "2^-64"}
    main([str(path), "--quiet"])
    probed = capsys.readouterr().out
    assert "1 bounds by random probes" in probed and probed.startswith(exact.split(" [")[0])


def test_a_process_says_what_is_said_without_one(path, monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr(answer, "answered", both_ways(seen))
    assert Case(path).known is not None and seen == ["motions"]


FORMED = pytest.mark.parametrize("most", [2000, 0])
"""Parameters up to which `YYᵀ` is proposed itself, and not vectors for it."""


@FORMED
def test_what_is_proved_lies_around_what_is_stated(most, path, monkeypatch):
    monkeypatch.setattr(answer, "LARGE", most)
    case = Case(path)
    modulus, rows = case.claims
    assert case.decided(partial(critical.upper, most=modulus.upper)) is Truth.PROVED
    assert case.decided(partial(critical.upper, most=modulus.lower * (1 - 1e-9))) is Truth.DISPROVED
    z = modulus.witness.z
    assert case.decided(partial(critical.lower, least=modulus.lower, z=z)) is Truth.PROVED
    assert case.decided(partial(critical.lower, least=modulus.upper * (1 + 1e-9), z=z)) is Truth.DISPROVED
    case.rows_lie_around(rows)


@pytest.mark.parametrize("claim, member, change", [
    (0, "upper", lambda v: v * (1 - 1e-6)), (0, "lower", lambda v: v * (1 + 1e-6)),
    (1, "row_upper", lambda v: [v[0] * (1 - 1e-6), *v[1:]]), (1, "row_lower", lambda v: [v[0] * (1 + 1e-6), *v[1:]]),
])
def test_an_end_beyond_the_truth_is_refused(claim, member, change, path, capsys):
    certificate = json.loads(path.read_text())
    stated = certificate["claims"][claim]
    stated[member] = change(stated[member])
    if claim == 1:
        stated["lower"], stated["upper"] = max(stated["row_lower"]), max(stated["row_upper"])
    forged = path.with_name("forged.json")
    forged.write_bytes(emitter.seal(certificate))
    assert main([str(forged), "--quiet"]) == 2 and capsys.readouterr().out.startswith("invalid ")


def test_a_rank_or_a_distance_beyond_the_truth_is_refused(path, capsys):
    for where in ("rank", "solution"):
        certificate = json.loads(path.read_text())
        found = next(one for one in certificate["claims"][0]["hypotheses"] if one["name"] == where)
        found["value"] *= 1.5 if where == "rank" else 1e-3
        if where == "solution":
            certificate["base"]["distance"] = certificate["base"]["radius"] = found["value"]
        forged = path.with_name("forged.json")
        forged.write_bytes(emitter.seal(certificate))
        assert main([str(forged), "--quiet"]) == 2 and capsys.readouterr().out.startswith("invalid ")


@FORMED
@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9, 1 - 1e-6])
def test_motions_that_are_too_small_prove_no_end_below_the_truth(factor, most, path, monkeypatch):
    monkeypatch.setattr(answer, "LARGE", most)
    case = Case(path)
    lying(monkeypatch, lambda found: replace(found, motions=rows_times(found, factor)))
    least = case.claims[0].lower
    for most in (min(least * factor * 1.0001, least * (1 - 1e-9)), least * (1 - 1e-9), 1e-300):
        assert case.decided(partial(critical.upper, most=most)) is not Truth.PROVED
    for number in range(0, N, 4):
        most = case.claims[1].row_lower[number] * (1 - 1e-9)
        assert case.decided(partial(critical_rows.row_upper, number=number, upper=most)) is not Truth.PROVED


@FORMED
@pytest.mark.parametrize("factor", [1 + 1e-6, 1.1, 3.0])
def test_motions_that_are_too_large_prove_no_end_above_the_truth(factor, most, path, monkeypatch):
    monkeypatch.setattr(answer, "LARGE", most)
    case = Case(path)
    lying(monkeypatch, lambda found: replace(found, motions=rows_times(found, factor, only=3)))
    least = case.claims[1].row_upper[3] * (1 + 1e-9)
    assert case.decided(partial(critical_rows.row_lower, number=3, lower=least)) is not Truth.PROVED
    wrong = case.claims[1].row_upper[3] * (1 + 1e-9)
    assert case.decided(partial(critical_rows.row_upper, number=3, upper=wrong)) is not Truth.DISPROVED
    assert case.decided(partial(critical.upper, most=case.claims[0].upper * (1 + 1e-9))) is not Truth.DISPROVED


def one_entry(found: answer.Answer) -> answer.Answer:
    band = fmpz_mat(found.bands[0])
    band[3, 5] += 1 << found.bits
    return replace(found, bands=[band])


@pytest.mark.parametrize("change", [
    lambda found: replace(found, bits=found.bits + 1), lambda found: replace(found, bits=found.bits - 1),
    lambda found: replace(found, bands=[band * 0 for band in found.bands]), one_entry, lambda found: None,
])
def test_no_inverse_proves_no_point(change, path, monkeypatch):
    lying(monkeypatch, change)
    assert Case(path).known is None


@pytest.mark.parametrize("change", [lambda V: V * 0, lambda V: fmpz_mat([[x // 3 for x in row] for row in V.tolist()]),
                                    lambda V: fmpz_mat([[row[0]] * len(row) for row in V.tolist()])])
def test_vectors_that_see_nothing_prove_nothing_false(change, path, monkeypatch):
    monkeypatch.setattr(answer, "LARGE", 0)
    case = Case(path)
    lying(monkeypatch, lambda found: replace(found, tops=tuple(change(V) for V in found.tops)))
    found = case.decided(partial(critical.upper, most=case.claims[0].lower * (1 - 1e-9)))
    assert found is not Truth.PROVED


def other_gram(change):
    """An answer with another matrix for `YYᵀ`."""
    return lambda found: replace(found, gram=replace(found.gram, **change(found.gram)))


def with_entry(G):
    mid = fmpz_mat(G.mid)
    mid[3, 5] += 1 << 50
    return {"mid": mid}


@pytest.mark.parametrize("change", [
    lambda G: {"mid": G.mid * 0}, lambda G: {"bits": G.bits + 1}, lambda G: {"bits": G.bits - 1}, with_entry,
    lambda G: {"mid": fmpz_mat([[x * 999999 // 1000000 for x in row] for row in G.mid.tolist()])},
    lambda G: {"mid": -G.mid}, lambda G: {"mid": fmpz_mat([list(row)[::-1] for row in G.mid.tolist()])},
])
def test_another_matrix_than_that_of_the_motions_proves_nothing_false(change, path, monkeypatch):
    """It errs by what is seen of it, on both sides of the truth; the rows, which do not rest on it, are proved."""
    case = Case(path)
    lying(monkeypatch, other_gram(change))
    modulus, rows = case.claims
    assert case.decided(partial(critical.upper, most=modulus.lower * (1 - 1e-9))) is not Truth.PROVED
    assert case.decided(partial(critical.upper, most=modulus.upper * (1 + 1e-9))) is not Truth.DISPROVED
    assert case.decided(partial(critical_rows.row_upper, number=0, upper=rows.row_upper[0])) is Truth.PROVED


def test_no_motion_at_all_is_no_proof_that_nothing_moves(path, monkeypatch):
    """That `YYᵀ` is 0, exactly, says nothing of C."""
    case = Case(path)
    lying(monkeypatch, lambda found: other_gram(lambda G: {"mid": G.mid * 0})(
        replace(found, motions=rows_times(found, 0.0))))
    assert case.decided(partial(critical.upper, most=case.claims[0].lower * (1 - 1e-9))) is not Truth.PROVED


@FORMED
def test_the_rank_is_decided_both_ways(most, path, monkeypatch):
    monkeypatch.setattr(answer, "LARGE", most)
    case = Case(path)
    found = case.known[1]
    rank = next(h.value for h in case.claims[0].hypotheses if h.name == "rank")
    with ctx.workprec(PRECISION):
        assert found.rank(rank) is Truth.PROVED and found.rank(rank * 1e-3) is Truth.PROVED
        assert found.rank(rank * 1.01) is Truth.DISPROVED


def said_by(p, d, moving, bits, tail=b""):
    between = p * p if answer.LARGE else 48 * p
    return io.BufferedReader(io.BytesIO(json.dumps(bits).encode() + b"\n" + array(
        "q", [1] * (p * p + between + moving * d * p)).tobytes() + tail))


@FORMED
@pytest.mark.parametrize("bits, tail", [
    ([9, 40, 9], b""), ([9, 40, 9, 9, 9], b""), ([9, 4100, 9, 9], b""), ([9.0, 40, 9, 9], b""),
    ([True, 40, 9, 9], b""),
    ([9, 40, 9, 999], b""), ([9, 40, -500, 9], b""),
    ([2000, 40, 9, 9], b""), ({}, b""), ([9, 40, 9, 9], b"x"), (9, b""),
])
def test_an_answer_of_another_form_is_none(bits, tail, most, monkeypatch):
    monkeypatch.setattr(answer, "LARGE", most)
    assert answer.read(said_by(30, 2, 2, bits, tail), 30, 2, 2) is None
    assert (answer.read(said_by(30, 2, 2, [9, 41, 9, 9]), 30, 2, 2) is None) == (most == 0)
    found = answer.read(said_by(30, 2, 2, [9, 40, 9, 9]), 30, 2, 2)
    assert found.square == 900 and found.motion(1) == fmpz_mat(2, 30, [1] * 60)
    assert answer.read(said_by(29, 2, 2, [9, 40, 9, 9]), 30, 2, 2) is None
    assert answer.read(io.BufferedReader(io.BytesIO(b"[" * 10**6)), 30, 2, 2) is None


@pytest.mark.parametrize("head", [b"[" * 4000, b'{"a":' * 900, b"1" * 4400, b"NaN"])
def test_a_head_that_cannot_be_read_is_none(head):
    assert answer.read(io.BufferedReader(io.BytesIO(head + b"\n")), 2001, 569, 30) is None


def test_where_no_row_moves_there_is_no_answer():
    assert answer.read(said_by(30, 2, 0, [9, 40]), 30, 0, 2) is None


@pytest.mark.parametrize("program, executable", [
    ("import time; time.sleep(60)", sys.executable), ("", sys.executable), ("import os; os.abort()", sys.executable),
    ("print('[[9, 20]]')", sys.executable), ("", ""), ("", "/nowhere/python"),
])
def test_without_the_other_program_the_checker_goes_its_own_way(program, executable, path, monkeypatch, said):
    monkeypatch.setattr(answer, "PROGRAM", program)
    monkeypatch.setattr(answer, "PATIENCE", 1)
    monkeypatch.setattr(sys, "executable", executable)
    case = Case(path)
    assert case.known is None and said == []
    left = []
    with ctx.workprec(PRECISION):
        find = probing(case.problem, case.claims, lambda *_: "other", lambda: left.append(1), {})
        assert find(case.problem, case.start) == "other" and left == [1]


class TestBeforeTheLongerWay:
    """Its estimate is held against the limits, or said where there is none."""

    ROLES = dict.fromkeys(("spec", "model", "graph", "data", "reference", "change", "evaluation", "witness"))

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch):
        """The probes are thought to take no time."""
        monkeypatch.setattr(critical_nearby, "MANY", 20)
        monkeypatch.setattr(cost, "_probed", lambda problem: cost.Cost(0.0, 0.0))

    def no_proposal(self, monkeypatch):
        lying(monkeypatch, lambda found: None)

    def nothing_of_the_rank(self, monkeypatch):
        monkeypatch.setattr(point.Probed, "rank", lambda *_: Truth.UNDECIDED)

    WAYS = pytest.mark.parametrize("way", [no_proposal, nothing_of_the_rank])

    @WAYS
    @pytest.mark.parametrize("limits", [Limits(seconds=0.05), Limits(memory=35_000_000)])
    def test_it_is_refused_above_a_limit(self, way, limits, path, monkeypatch):
        way(self, monkeypatch)
        lines = []
        with pytest.raises(TooLarge, match="^random probes leave it open, and nothing is known of the certificate"):
            check(path, self.ROLES, afford=limits.afford(lines.append))
        assert len(lines) == 2

    @WAYS
    def test_without_limits_it_is_said_once(self, way, path, monkeypatch):
        way(self, monkeypatch)
        lines = []
        check(path, self.ROLES, afford=Limits().afford(lines.append))
        assert len(lines) == 2 and lines[1].startswith("random probes leave it open: without them it takes about ")

    def test_what_probes_decide_is_within_the_limits(self, path):
        lines = []
        check(path, self.ROLES, afford=Limits(seconds=0.05).afford(lines.append))
        assert len(lines) == 1 and lines[0].startswith("about 0 s")


def test_beyond_the_bounds_that_chance_may_decide_nothing_is_proved(path, said):
    said += ["one"] * MOST
    assert Case(path).known is None and len(said) == MOST


def test_what_it_is_for(path):
    case = Case(path)
    assert suited(case.problem, case.claims)
    for other in ({"weight_decay": 0.0}, {"weight_norm": "relative"}, {"parameter": "sample_weights"},
                  {"activation": "elu"}, {"base": "given"}, {"row_weights": (1.0,) * N}):
        assert not suited(replace(case.problem, **other), case.claims)
    assert not suited(replace(case.problem, set="per_sample"), case.claims)
    CHANCE.set(None)
    assert not suited(case.problem, case.claims)


@pytest.mark.parametrize("share", range(SHARE, LEAST + 1))
def test_the_constants_are_those_of_the_stated_probability(share):
    """All matrices together are missed with less than one matrix is by 16 vectors, by whatever share they are seen."""
    missed = arb(2).sqrt() * (arb(2) ** -share + arb(WIDEST).sqrt() / arb(2) ** ROOM)
    assert (arb(2).sqrt() * (arb(2) ** -SHARE + arb(2) ** -28)) ** DRAWN < arb(2) ** -71
    for matrices in (1, 2, 3, 500, 571, 572, 10**6, MATRICES - 1, MATRICES):
        assert matrices * missed ** together(matrices, share) < arb(2) ** -75
        fewer = matrices * missed ** (together(matrices, share) - 1)
        assert fewer > arb(2) ** -(76 + share), "no more than are needed"


@pytest.mark.parametrize("share", [point.SHARES, point.FEWER, point.FEWEST, point.LAST])
def test_what_some_vector_sees_for_certain_bounds_every_row(share, path, monkeypatch):
    """Of `X(HY_i − C_i)`, each vector seeing as little as one that is drawn must: no bound is less than the truth."""
    monkeypatch.setattr(point, "FEWER", share)
    honest, place, by = Case(path).known[1], 4, 1 << 45
    many = max(together(N + 2, share[0]), together(1, share[1]))

    def least(rows: int, count: int) -> fmpz_mat:
        assert count == many
        return fmpz_mat(rows, count, [1 << ROOM - share[0] if i // count == place else 0 for i in range(rows * count)])

    def by_one(found: answer.Answer) -> answer.Answer:
        values = np.frombuffer(found.motions, dtype="<i8").copy().reshape(N, 4, -1)
        values[5, 2, place] += by
        return replace(found, motions=memoryview(values.tobytes()))

    monkeypatch.setattr(point, "drawn", least)
    lying(monkeypatch, by_one)
    found = Case(path).known[1]._judged  # XHY_i − XC_i moves by XH, which is near I, times that
    assert float(found.off[5]) == pytest.approx(by * 2.0 ** -honest._answer.row_bits[5], rel=1e-6)


@pytest.mark.parametrize("most, lacks, shares", [
    (37, 2.0**-28, point.FEWER), (37, 2.0**-27, point.FEWEST), (36, 2.0**-27, point.SHARES)])
def test_fewer_vectors_are_drawn_where_the_inverse_is_sharp(most, lacks, shares, path, monkeypatch):
    """Of all rows and `YYᵀ` together and of `XH − I` alone; every end is proved, none beyond the truth."""
    for module in (answer, point):
        monkeypatch.setattr(module, "SHARP", most)
    counted, plain = [], point.together
    monkeypatch.setattr(point, "together", lambda *told: counted.append(told) or plain(*told))
    case = Case(path)
    modulus, rows = case.claims
    with ctx.workprec(PRECISION):
        case.known = point.probed_point(case.problem, case.start, lacks=lacks)
    assert counted == [(N + 2, shares[0]), (1, shares[1])]
    for end, truth in ((modulus.upper, Truth.PROVED), (modulus.lower * (1 - 1e-9), Truth.DISPROVED)):
        assert case.decided(partial(critical.upper, most=end)) is truth
    for number in range(N):
        low, high = rows.row_lower[number], rows.row_upper[number]
        assert case.decided(partial(critical_rows.row_upper, number=number, upper=high)) is Truth.PROVED
        assert case.decided(partial(critical_rows.row_upper, number=number, upper=low * 0.999)) is Truth.DISPROVED


def near(known: point.Probed, number: int = 0) -> tuple[float, float]:
    """The length of a row's motion, and how far it is known by what is proved first."""
    G = known._judged.grams[number]
    return (float(np.sqrt(np.linalg.eigvalsh([[float(x) for x in row] for row in G.tolist()])[-1])),
            float(known._judged.off[number]))


def test_vectors_that_see_more_are_drawn_where_a_rule_is_left_open(path, said):
    """Once, for an end nearer than what the first leave open; what is false is not proved for it."""
    case = Case(path)
    length, off = near(case.known[1])
    assert len(said) == 1
    for end, truth, drawn in ((length + 2 * off, Truth.PROVED, 1), (length + off / 2, Truth.PROVED, 2),
                              (length - 2 * off, Truth.DISPROVED, 2)):
        assert case.decided(partial(critical_rows.row_upper, number=0, upper=end)) is truth
        assert len(said) == drawn
    assert near(case.known[1])[1] < off / 8


def test_none_are_drawn_beyond_those_of_which_all_hold(path, said):
    said += ["another"] * (MOST - 1)
    case = Case(path)
    length, off = near(case.known[1])
    assert case.decided(partial(critical_rows.row_upper, number=0, upper=length + off / 2)) is Truth.UNDECIDED
    assert len(said) == MOST and near(case.known[1]) == (length, off)
    assert Case(path).known is None
