"""What rows do to predictions, proposed by another process: the same answers as by products with C, no lie believed."""

from __future__ import annotations

import io
import json
from array import array
from copy import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, ctx, fmpz_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from certify.check.kernel import CHANCE
from certify.check.linalg import probes
from certify.check.linalg.balls import norm
from certify.check.linalg.fixed import Fixed, scale
from certify.check.linalg.probes import MOST, ROOM
from certify.check.main import main
from certify.check.probed import answer, effects
from certify.check.systems.critical_nearby import critical_point
from certify.check.systems.nearby import PRECISION
from certify.check.theorems.predictions import critical
from certify.check.theorems.predictions.critical import Predictions
from certify.check.words.row_norms.base import norm_of
from certify.check.words.sets.base import set_of
from certify.cli.main import main as certify
from tests.effort import examples
from tests.families import emitter
from tests.families.proposed_here import both_ways
from tests.unit.check.probed.test_point import SPEC, N, trained

SETS = {"per_sample": 'set = "per_sample"\nnorm = "inf"\nradius = 0.01', "total": 'set = "total"\nradius = 0.01',
        "sparse": 'set = "sparse"\ncount = 3\nradius = 0.01'}


@pytest.fixture(scope="module", params=SETS)
def path(request, tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("predictions"), np.random.default_rng(4)
    X, y = rng.normal(size=(N, 4)), (rng.random(N) < 0.5).astype(float)
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    (folder / "model.safetensors").write_bytes(save(dict(zip(names, trained(X, y), strict=True))))
    np.savez(folder / "data.npz", X=X, y=y)
    np.savez(folder / "new.npz", X=rng.normal(size=(9, 4)))
    spec = SPEC.replace('set = "total"', SETS[request.param])
    (folder / "spec.toml").write_text(f'{spec}[evaluation]\nfile = "new.npz"\nfeatures = "X"\n[[gate]]\n'
                                      'quantity = "first_order_prediction_change"\nmax = 100.0\n')
    assert certify(["run", str(folder / "spec.toml"), "--quiet"]) == 0
    return folder / "certificate.json"


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """Where chance is allowed, and the pass is thought to take less time."""
    monkeypatch.setattr(effects, "LEAST", 0)
    token = CHANCE.set([])
    yield CHANCE.get()
    CHANCE.reset(token)


@pytest.fixture(scope="module")
def found_once(path):
    """The critical point, found without the pass."""
    with ctx.workprec(PRECISION):
        return point(path)


@pytest.fixture
def at(found_once):
    """The critical point, of which nothing more is known than when it was found."""
    with ctx.workprec(PRECISION):
        yield copy(found_once)


def point(path: Path):
    from certify.check.reading.certificate import read_certificate
    from certify.check.reading.side import read_side
    from certify.check.reading.spec import read_spec
    from certify.check.reading.subject import build_problem
    from certify.check.systems.nearby import stated_centre
    from certify.check.table import witnessed

    certificate, read = read_certificate(path.read_bytes(), "file"), path.with_name
    problem = build_problem(read_spec(read("spec.toml").read_bytes()), read("model.safetensors").read_bytes(),
                            read("data.npz").read_bytes(), False, None, None, None, read("new.npz").read_bytes())
    claims = tuple(witnessed(claim, problem) for claim in certificate.claims)
    side = read_side(claims, certificate.base, problem, next(path.parent.glob("*witness.safetensors")).read_bytes())
    return critical_point(problem, stated_centre(problem, side))[1]


@pytest.fixture(scope="module")
def truth(found_once) -> list:
    """The changes by products with C."""
    with pytest.MonkeyPatch.context() as patch, ctx.workprec(PRECISION):
        patch.setattr(effects, "LEAST", 1 << 60)
        return Predictions(copy(found_once)).changes


def test_they_are_those_by_products_with_the_mixed_derivative(at, truth, said):
    assert said == []
    found = Predictions(at).changes
    assert said == ["S − YC"]
    for x, y in zip(found, truth, strict=True):
        assert x.overlaps(y) and x.rad() < 1e-9 * x and y.rad() < 1e-9 * y


def one_number(found: answer.Effects) -> answer.Effects:
    values = np.frombuffer(found.values, dtype="<i8").copy()
    values[-3] += 1 << 45
    return replace(found, values=memoryview(values.tobytes()))


def times(factor: float):
    def change(found: answer.Effects) -> answer.Effects:
        values = np.rint(np.frombuffer(found.values, dtype="<i8") * factor).astype("<i8")
        return replace(found, values=memoryview(values.tobytes()))
    return change


NOTHING = times(0.0)
LIES = [one_number, NOTHING, times(-1.0), times(0.5), times(1 - 1e-6), times(1 + 1e-6),
        lambda found: replace(found, bits=[bits + 1 for bits in found.bits]),
        lambda found: replace(found, bits=[found.bits[0] - 20, *found.bits[1:]])]


@pytest.mark.parametrize("change", [lie for lie in LIES if lie is not NOTHING])
def test_of_other_numbers_the_truth_is_still_within(change, at, truth, monkeypatch):
    """Where what they leave open may be as large as the changes, and they decide."""
    honest = effects.asked_effects
    monkeypatch.setattr(effects, "ENOUGH", arb(2) ** 200)
    monkeypatch.setattr(effects, "asked_effects", lambda *told: change(honest(*told)))
    found = Predictions(at).changes
    assert all(x.overlaps(y) for x, y in zip(found, truth, strict=True))
    assert any(x.rad() > 1e-9 * y for x, y in zip(found, truth, strict=True))


@pytest.mark.parametrize("change", LIES)
def test_where_they_leave_much_open_products_decide(change, at, truth, monkeypatch):
    honest, plain, passed = effects.asked_effects, effects.changes, []
    monkeypatch.setattr(effects, "asked_effects", lambda *told: change(honest(*told)))
    monkeypatch.setattr(effects, "changes", lambda *asked: passed.append(plain(*asked)) or passed[0])
    found = Predictions(at).changes
    assert all(x.overlaps(y) and x.rad() < 1e-9 * y for x, y in zip(found, truth, strict=True)) and None in passed[0]


def test_a_process_says_what_is_said_without_one(path, truth, monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr(answer, "answered", both_ways(seen))
    with ctx.workprec(PRECISION):
        assert all(x.overlaps(y) for x, y in zip(Predictions(point(path)).changes, truth, strict=True))
    assert set(seen) == {"effects"}


def test_some_predictions_by_products_and_others_by_what_is_proposed(at, truth, monkeypatch):
    """Predictions that change little beside others; a check of an honest certificate ended as invalid."""
    plain, some = effects.changes, (1, 4, 8)
    monkeypatch.setattr(effects, "changes",
                        lambda *asked: [None if j in some else x for j, x in enumerate(plain(*asked))])
    found = Predictions(at).changes
    assert all(x.overlaps(y) and x.rad() < 1e-9 * y for x, y in zip(found, truth, strict=True))


def test_without_an_answer_products_decide(at, truth, monkeypatch, said):
    monkeypatch.setattr(answer, "PROGRAM", "")
    assert [x.mid() for x in Predictions(at).changes] == [x.mid() for x in truth] and said == []


@pytest.mark.parametrize("factor", [1 - 1e-6, 1 + 1e-6])
def test_an_end_beyond_the_truth_is_refused(factor, path, capsys):
    assert main([str(path), "--quiet"]) == 0
    assert "1 bounds by random probes" in capsys.readouterr().out
    certificate = json.loads(path.read_text())
    claim = certificate["claims"][0]
    member = "row_upper" if factor < 1 else "row_lower"
    claim[member] = [x * factor for x in claim[member]]
    claim["lower"], claim["upper"] = max(claim["row_lower"]), max(claim["row_upper"])
    forged = path.with_name("forged.json")
    forged.write_bytes(emitter.seal(certificate))
    assert main([str(forged), "--quiet"]) == 2 and capsys.readouterr().out.startswith("invalid ")


def test_what_it_is_not_for(at, said):
    suited = effects._suited
    assert suited(at.problem, 9)
    for other in ({"activation": "elu"}, {"parameter": "sample_weights"}, {"weight_norm": "relative"}):
        assert not suited(replace(at.problem, **other), 9)
    CHANCE.set(None)
    assert effects.changes(at, Fixed(fmpz_mat(9, 37), 0, arb(0)), []) == [None] * 9


def answered(bits: object, tail: bytes = b"") -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(json.dumps(bits).encode() + b"\n" + array("q", range(24)).tobytes() + tail))


def test_an_answer_of_another_form_is_none():
    found = answer.read_effects(answered([9, 8]), 4, 2, 3)
    assert found is not None and found.of(1).cast("q").tolist() == list(range(6, 12))
    for bits, tail in (([9], b""), ([9, 8, 7], b""), ([9.0, 8], b""), ([2000, 8], b""), ({}, b""), ([9, 8], b"x"),
                       ([answer.APART + 1, 0], b"")):
        assert answer.read_effects(answered(bits, tail), 4, 2, 3) is None
    assert answer.read_effects(answered([9, 8]), 5, 2, 3) is None and answer.read_effects(answered([]), 4, 0, 3) is None


@pytest.mark.parametrize("bits", [3000, 60, -2000])
def test_vectors_of_any_size_are_told(bits, at, monkeypatch):
    """A traceback ended a check of predictions whose motions are large beyond doubles."""
    told = []
    monkeypatch.setattr(answer, "answered", lambda program, parts, *_: told.extend(parts))
    Y = Fixed(fmpz_mat(1, at.problem.parameters, [(1 << 200) - j for j in range(at.problem.parameters)]), bits, arb(0))
    assert answer.asked_effects(at.problem, at.parameters, at.passed, at.curvature.objective, Y) is None
    own, *values = np.frombuffer(told[-1], dtype="<i8")
    assert all(abs(int(v) - (((1 << 200) - j) >> bits - int(own))) <= 1 and v < 2**62 for j, v in enumerate(values))


def asked(at, monkeypatch) -> tuple[Fixed, answer.Effects]:
    """The vectors, and what is proposed of them."""
    seen, plain = [], effects.asked_effects
    monkeypatch.setattr(effects, "asked_effects", lambda *told: seen.append((told[-1], plain(*told))) or seen[-1][1])
    assert Predictions(at).changes
    return seen[0]


def test_members_of_vectors_that_are_hardly_known_are_within(at, monkeypatch):
    """A vector that lies off the middle of its ball moves what a row does to it by up to `|C_i|` times as much."""
    (Y, told), radius, shares = asked(at, monkeypatch), 1e-5, []
    off, sizes = effects.bounded(at, Y, told, 5), effects.sizes_of_rows(at.curvature, at.problem.moving)
    middle = [arb(x) * scale(Y.bits) for x in Y.mid.tolist()[0]]
    away = np.random.default_rng(7).standard_normal((5, len(middle)))
    for move in away * (0.999 * radius / np.linalg.norm(away, axis=1, keepdims=True)):
        true = at.data.row_forms([x + arb(float(v)) for x, v in zip(middle, move, strict=True)])
        for i, row in enumerate(true):
            own = [arb(x) * scale(told.bits[i]) for x in told.of(0).cast("q").tolist()[4 * i:4 * i + 4]]
            lost = norm([x - y for x, y in zip(row, own, strict=True)])
            assert lost.lower() <= off[i] + radius * sizes[i]
            shares.append(float(lost / (off[i] + radius * sizes[i])))
    assert max(shares) > 1e-3  # without the radius what is left is rounding


def test_a_radius_of_the_vectors_counts(at, monkeypatch):
    """In every change, as often as the sizes of the rows that may move at once are long."""
    Y, told = asked(at, monkeypatch)
    monkeypatch.setattr(effects, "asked_effects", lambda *_: told)
    sharp, wide = (effects.changes(at, replace(Y, radius=r), [arb(0)] * 9) for r in (Y.radius, arb(1e-5)))
    least = norm(at.curvature.feature_block(0).entries()) * 1e-5 * arb(at.problem.radius)
    for x, y in zip(sharp, wide, strict=True):
        assert y.contains(x) and y.rad() > least / 2 and x.rad() < 1e-9 * x


def test_sizes_of_rows_are_no_less_than_those_of_their_blocks(at):
    for i, size in enumerate(effects.sizes_of_rows(at.curvature, at.problem.moving)):
        true = norm(at.curvature.feature_block(i).entries())
        assert true <= size < 30 * true


@pytest.mark.parametrize("share", effects.SHARES)
def test_every_row_is_off_by_no_more_than_is_seen(share, at, monkeypatch):
    """A row that is wrong by a little, or by a lot, in one number of one vector."""
    Y, told = asked(at, monkeypatch)
    honest = effects.bounded(at, Y, told, share)
    for place, by in ((0, 1 << 20), (7, 1 << 40), (13, -(1 << 49))):
        values = np.frombuffer(told.values, dtype="<i8").copy().reshape(told.count, N, 4)
        values[3, place, 2] += by
        found = effects.bounded(at, Y, replace(told, values=memoryview(values.tobytes())), share)
        true = abs(by) * 2.0 ** -told.bits[place]
        assert float(found[place]) >= true * (1 - 1e-6) - float(honest[place])
        others = [(float(x), float(y)) for x, y in zip(found, honest, strict=True)]
        assert all(x < 1e3 * y for i, (x, y) in enumerate(others) if i != place)


def test_vectors_that_see_more_are_drawn_where_little_is_left_open(at, monkeypatch, said):
    monkeypatch.setattr(effects, "ENOUGH", arb(2) ** -200)
    assert Predictions(at).changes and said == ["S − YC"] * 2
    said += ["another"] * MOST
    assert all(x.is_finite() for x in Predictions(at).changes), "by products"
    assert len(said) == 2 + MOST


INTEGERS = st.lists(st.integers(-(1 << 60), 1 << 60), min_size=1, max_size=6)


@pytest.mark.parametrize("q", [1, 2, "inf"])
@given(values=INTEGERS)
@settings(max_examples=examples(60), deadline=None)
def test_dual_norms_of_integers_lack_less_than_one(q, values):
    with ctx.workprec(200):
        found, true = effects.dual_of(norm_of(q))(values), norm_of(q).dual([arb(x) for x in values])
        assert found - arb(2) ** -60 < true < found + 1


@pytest.mark.parametrize("word", ["total", "per_sample", "sparse"])
@given(sizes=st.lists(st.integers(0, 1 << 60), min_size=4, max_size=7), some=st.integers(1, 4))
@settings(max_examples=examples(60), deadline=None)
def test_a_budget_makes_the_same_of_integers(word, sizes, some):
    budget = set_of(word)
    with ctx.workprec(200):
        found = effects.most_of(SimpleNamespace(budget=budget, at_once=some), sizes)
        true = budget.shared([arb(x) for x in sizes], some)
        assert found.overlaps(true) and abs(found - true) < arb(2) ** -60


class Stub:
    """Rows of two features, of which one vector's effects, and what they are off by, are stated."""

    values, bits = [[3, -1], [1, 1], [0, 5]], [0, 1, 3]
    away, sizes, lost, radius, far = [0.25, 0.0, 0.5], [0.5, 2.0, 1.0], 0.125, 0.0625, 0.75

    def __init__(self, word: str, q: int | str, **other: object) -> None:
        self.__dict__ |= other
        self.problem = SimpleNamespace(
            features=[[0.0, 0.0]] * 3, moving=(0, 1, 2), row_norm=norm_of(q), budget=set_of(word), at_once=2,
            radius=self.far)
        self.curvature = SimpleNamespace(objective=None)
        self.parameters = self.passed = None

    def change(self, monkeypatch) -> arb:
        told = answer.Effects(self.bits, 1, memoryview(array("q", [x for row in self.values for x in row]).tobytes()))
        for name, value in (("asked_effects", told), ("_suited", True), ("sizes_of_rows", list(map(arb, self.sizes))),
                            ("bounded", list(map(arb, self.away)))):
            monkeypatch.setattr(effects, name, lambda *_, value=value: value)
        monkeypatch.setattr(effects, "ENOUGH", arb(2) ** 200)  # what is open may be as large as the change
        Y = Fixed(fmpz_mat(1, 1), 0, arb(self.radius))
        return effects.changes(self, Y, [arb(self.lost)])[0]

    def members(self):
        """Changes of effects that lie as far from those stated as they may, in the worst directions."""
        p = self.problem
        for sign in (1, -1):
            rows = []
            for row, bits, e, size in zip(self.values, self.bits, self.away, self.sizes, strict=True):
                own, off = [arb(x) * scale(bits) for x in row], arb(e) + (arb(self.lost) + self.radius) * size
                if p.row_norm.boxed:  # as much of each, away from 0 or to it
                    parts = [off / arb(2).sqrt()] * 2
                elif p.row_norm.cross:
                    parts = [off if abs(x) == max(abs(v) for v in row) else arb(0) for x in row]
                else:
                    parts = [off * abs(x) / max(norm(own), arb(1) / 10**9) for x in own]
                moved = [x + sign * d * (1 if x >= 0 else -1) for x, d in zip(own, parts, strict=True)]
                rows.append(p.row_norm.dual(moved))
            yield p.budget.shared(rows, p.at_once) * self.far


@pytest.mark.parametrize("q", [1, 2, "inf"])
@pytest.mark.parametrize("word", ["total", "per_sample", "sparse"])
@pytest.mark.parametrize("other", [
    {}, {"values": [[3 << 30, -(1 << 30)], [1 << 30, 1 << 30], [0, 5 << 30]], "bits": [30, 31, 33]},
    {"away": [0.0] * 3, "sizes": [0.0] * 3}, {"sizes": [0.0] * 3}, {"away": [0.0] * 3, "lost": 0.0},
    {"away": [0.0] * 3, "radius": 0.0}, {"values": [[1, 1], [1, 1], [1, 1]], "bits": [0, 0, 0], "away": [0.0] * 3,
                                         "sizes": [0.0] * 3},
])
def test_what_rows_are_off_by_counts_in_the_worst_direction(word, q, other, monkeypatch):
    """With what their vectors are off by, in the length that the norm of a row makes of it, and what roots lose."""
    stub = Stub(word, q, **other)
    found = stub.change(monkeypatch)
    for member in stub.members():
        assert found.lower() <= member.upper() and member.lower() <= found.upper()
    parts = sum(((arb(e) + (arb(stub.lost) + stub.radius) * size) * 2 + scale(bits) * 2
                 for e, size, bits in zip(stub.away, stub.sizes, stub.bits, strict=True)), arb(0))
    assert found.rad() <= parts * stub.far, "and no more than all of it twice"


def sees_so_much(rows: int, place: int, share: int):
    """Vectors of which each sees no more of the unit vector at that place than one of those that are drawn must."""
    def drawn(size: int, count: int) -> fmpz_mat:
        assert size == rows and count == probes.together(N, share)
        return fmpz_mat(size, count, [1 << ROOM - share if i // count == place else 0 for i in range(size * count)])
    return drawn


@pytest.mark.parametrize("share", effects.SHARES)
def test_what_some_vector_sees_for_certain_bounds_every_row(share, at, monkeypatch):
    """An error in one vector y_j of as little as that sees of it is no less in the bound."""
    Y, told = asked(at, monkeypatch)
    values = np.frombuffer(told.values, dtype="<i8").copy().reshape(told.count, N, 4)
    values[3, 5, 2] += 1 << 46
    monkeypatch.setattr(effects, "drawn", sees_so_much(9, 3, share))
    found = effects.bounded(at, Y, replace(told, values=memoryview(values.tobytes())), share)
    true = 2.0 ** (46 - told.bits[5])
    assert true * (1 - 1e-6) <= float(found[5]) <= true * (1 + 1e-6)


def test_rows_that_move_are_those_that_are_compared(at, monkeypatch):
    """Where only some of the data's rows move, each with its own."""
    moving = (2, 5, 11)
    problem = replace(at.problem, moving=moving)
    some = type(at)(problem, at.parameters, at.passed, None, at.width, at.X)
    Y, told = asked(some, monkeypatch)
    assert len(told.bits) == 3
    off, sizes = effects.bounded(some, Y, told, 5), effects.sizes_of_rows(some.curvature, moving)
    assert all(float(e) < 1e-9 * float(size) * float(Y.size) for e, size in zip(off, sizes, strict=True))


def test_sizes_of_rows_are_products_of_norms(at):
    """By an oracle in floats, of a network of two layers."""
    curvature, problem = at.curvature, at.problem
    W, V = (np.array([[float(x) for x in row] for row in M.tolist()]) for M in curvature.parameters.weights)
    scales = np.array(problem.scale)
    for i, size in enumerate(effects.sizes_of_rows(curvature, problem.moving)):
        S = [np.array([[float(x) for x in row] for row in curvature.second(h)[i].tolist()]) for h in (1, 2)]
        D = np.array([float(x) for x in curvature.slopes[1][i]])
        z = np.linalg.norm(W * scales)
        inner = abs(D).max() * z
        inputs, deltas = ([np.linalg.norm([float(x) for x in found[h][i]]) for h in (1, 2)]
                          for found in (curvature._inputs, curvature._deltas))
        first = np.linalg.norm(S[0]) * z * inputs[0] + deltas[0] * np.linalg.norm(scales)
        last = np.linalg.norm(S[1]) * np.linalg.norm(V) * inner * inputs[1] + deltas[1] * inner
        assert float(size) == pytest.approx(np.hypot(first, last), rel=1e-9)


@pytest.mark.parametrize("error, radius", [(0.125, 0.0), (2.0**-20, 3.0), (0.5, 1.0)])
def test_what_vectors_lack_is_a_part_of_their_whole_length(error, radius, at, monkeypatch):
    """`|A⁻¹g − y| ≤ ε/(1 − ε)·|y|` for every y within the radius of the middle."""
    seen = []
    at.__dict__["inverse"] = replace(at.inverse, error=arb(error))
    plain = critical.product

    def wide(*told):
        seen.append(replace(plain(*told), radius=arb(radius)))
        return seen[0]

    monkeypatch.setattr(critical, "product", wide)
    monkeypatch.setattr(Predictions, "_changes", lambda self, Y, lost: seen.append(lost) or lost)
    assert Predictions(at).changes
    Y, lost = seen
    for row, found in zip(Y.mid.tolist(), lost, strict=True):
        least = (norm([arb(x) * scale(Y.bits) for x in row]) + radius) * error / (1 - error)
        assert found >= least * (1 - arb(2) ** -60) and found < least * (1 + arb(2) ** -40)
