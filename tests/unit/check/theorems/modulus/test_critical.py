"""The critical map: honest certificates are accepted, what is false by a hair is not, every condition is needed."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from certify.check.enclosure.hessian import Curvature
from certify.check.enclosure.network import forward
from certify.check.enclosure.network import given as exact_parameters
from certify.check.enclosure.objective import objective
from certify.check.enclosure.symmetry import symmetries
from certify.check.enclosure.units import by_units
from certify.check.kernel import NotSmooth
from certify.check.main import line_of
from certify.check.systems.critical import Stationary
from certify.format.refusal import Invalid
from tests.effort import FULL, examples, turn
from tests.families import emitter
from tests.families.prover_cases import checked, critical, edit, forged, prove, settled
from tests.oracles import critical_truth
from tests.oracles import taylor as taylor_oracle
from tests.oracles.taylor import Line, second
from tests.unit.check.test_tamper import changed, leaves, mutations, still_true

SEEDS = st.integers(0, 10**9)
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))
UNEXPLAINED = "not proved|independent|symmetry fields"


def honest(seed, folder, **fixed):
    """An honest certificate about a small random problem, and what is true of it."""
    critical(seed, folder, n=seed % 5 + 2, **fixed)
    problem = critical_truth.read(folder)
    assume(problem.parameters <= 13)
    try:
        exact = critical_truth.truth(problem)
    except ValueError:
        assume(False)
    assume(exact is not None)
    with ctx.workprec(emitter.BITS):
        assume(float(exact.modulus()[0]) > 1e-6)
    return critical_truth.emit(folder, exact), exact


@settings(QUIET, max_examples=examples(30))
@given(seed=SEEDS)
def test_honest_certificates_are_accepted_if_fields_explain_the_kernel(seed, tmp_path):
    certificate, exact = honest(seed, tmp_path)
    try:
        assert checked(certificate, tmp_path).verdict == "certified"
    except Invalid as refusal:
        assert exact.kernel and re.search(UNEXPLAINED, str(refusal)), refusal


@settings(QUIET, max_examples=examples(30))
@given(seed=SEEDS, which=st.integers(0, 3), place=st.integers(0, 10**6))
def test_an_end_beyond_the_truth_by_1e_9_is_refused(seed, which, place, tmp_path):
    certificate, _ = honest(seed, tmp_path)
    side = ("lower", "upper")[which % 2]
    factor = {"lower": 1 + 1e-9, "upper": 1 - 1e-9}[side]
    claim = certificate["claims"][which // 2 % len(certificate["claims"])]
    if claim["quantity"] == "modulus":
        claim[side] *= factor
        claim |= {"lower": 0.0, "witness": {}} if side == "upper" else {"upper": claim["upper"] * 2}
    else:
        at = place % len(claim["rows"])
        assume(claim["row_lower"][at] > 1e-9)
        claim[f"row_{side}"][at] *= factor
        claim["row_lower" if side == "upper" else "row_upper"][at] *= 0.5 if side == "upper" else 2
        claim |= {end: max(claim[f"row_{end}"]) for end in ("lower", "upper")}
    with pytest.raises(Invalid, match=f"{side}|{UNEXPLAINED}"):
        checked(certificate, tmp_path)


@settings(QUIET, max_examples=examples(20))
@given(seed=SEEDS)
def test_whatever_the_run_says_is_re_derived(seed, tmp_path):
    critical(seed, tmp_path)
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@settings(QUIET, max_examples=8)
@given(seed=SEEDS)
def test_a_critical_point_nearby_is_proved_again(seed, tmp_path):
    case = critical(seed, tmp_path, base="nearby", n=seed % 5 + 2)
    assume(settled(case, tmp_path))
    certificate = prove(tmp_path)
    assume(certificate is not None)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@settings(QUIET, max_examples=examples(100))
@given(seed=SEEDS)
def test_the_gradient_is_orthogonal_to_every_field(seed):
    """`⟨∇L_c, X⟩ = 0` at any weights, data and tilt (with cross-entropy one whose rows have sum 0): what a field is."""
    rng = np.random.default_rng(seed)
    loss = str(rng.choice(["squared", "logistic", "hard", "soft"]))
    problem = taylor_oracle.problem(rng, activation=str(rng.choice(["relu", "leaky_relu", "identity", "tanh"])),
                                    loss=loss, weight_decay=0.0, n=4)
    c = np.ldexp(rng.integers(-99, 99, size=(4, problem.outputs)).astype(float), -6)
    if problem.loss == "cross_entropy":
        c[:, 0] -= c.sum(axis=1)  # exact: all are multiples of 1/64
    with ctx.workprec(128):
        parameters = exact_parameters(problem)
        passed = forward(problem, parameters, problem.features)
        tilt = arb_mat([[arb(x) for x in row] for row in c.tolist()])
        try:
            found = Curvature(problem, parameters, passed, objective(problem, passed.outputs, tilt))
        except NotSmooth:
            assume(False)
        T = symmetries(problem, parameters, passed).columns
        assume(T is not None)
        slopes = (arb_mat([found.gradient]) * T).entries()
        assert all(x.contains(0) and x.rad() < 1e-25 for x in slopes)


def relu_net(folder, dead=True, decay=0.0, kink=False, base="given"):
    """A 2-3-1 relu net with an always-active unit, a switching one and one that is dead or nearly so."""
    rng = np.random.default_rng(4)
    X = np.round(rng.uniform(-1, 1, size=(12, 2)), 2)
    X[0] = [1.0, 1.0]
    W = np.array([[0.5, -0.25], [1.0, 0.5], [0.5, 0.5]])
    b = np.array([2.0, -0.25, -1.5 if dead else -0.875])
    if kink:
        b[2] = -1.0
    case = emitter.Case([W, np.array([[1.0, -0.5, 0.75]])], [b, np.array([0.25])], "relu", X,
                        np.round(rng.normal(size=(12, 1)), 2))
    emitter.write_files(case, folder)
    edit(folder, {"[solution]\n": f'[solution]\nmap = "critical"\nbase = "{base}"\n',
                  "[training]\n": f"[training]\nweight_decay = {decay}\n"})
    return case


def fields_of(folder):
    problem = critical_truth.read(folder)
    with ctx.workprec(128):
        parameters = exact_parameters(problem)
        return Stationary(problem, parameters, forward(problem, parameters, problem.features), None).fields


def test_dead_always_active_and_switching_units(tmp_path):
    """Dead: 4 coordinates; always active: scaling and shift; switching: scaling. Without its condition none holds."""
    relu_net(tmp_path)
    assert fields_of(tmp_path).dimension == 4 + 2 + 1
    relu_net(tmp_path, dead=False)
    assert fields_of(tmp_path).dimension == 2 + 1 + 1
    relu_net(tmp_path, decay=1e-300)
    assert fields_of(tmp_path).dimension == fields_of(tmp_path).found == 0
    relu_net(tmp_path, kink=True)
    with pytest.raises(NotSmooth, match="unit 2 of layer 1 at row 0"):
        fields_of(tmp_path)


def relu_certificate(folder, **changes):
    relu_net(folder, **changes)
    exact = critical_truth.truth(critical_truth.read(folder))
    return critical_truth.emit(folder, exact)


def test_a_relu_net_with_every_kind_of_unit(tmp_path):
    certificate = relu_certificate(tmp_path)
    assert certificate["claims"][0]["theorem"] == "M5b"
    assert checked(certificate, tmp_path).verdict == "certified"
    for name, value in (("symmetry", 6), ("symmetry", 8), ("symmetry", None)):
        wrong = copy.deepcopy(certificate)
        for claim in wrong["claims"]:
            next(h for h in claim["hypotheses"] if h["name"] == name)["value"] = value
        with pytest.raises(Invalid, match="symmetry"):
            checked(wrong, tmp_path)
    wrong = copy.deepcopy(certificate)
    for claim in wrong["claims"]:
        claim["theorem"] = "M5c"
    with pytest.raises(Invalid, match="7 symmetry fields are found"):
        checked(wrong, tmp_path)


@pytest.mark.parametrize("change", [{"dead": False}, {"decay": 0.125}, {"kink": True}])
def test_numbers_of_a_net_with_a_dead_unit_do_not_hold_without_it(change, tmp_path):
    """The certificate of the net with the dead unit, about files in which it is not dead, decays or is at the kink."""
    certificate = relu_certificate(tmp_path)
    relu_net(tmp_path, **change)
    certificate["subject"] = {role: emitter.record(tmp_path / name, name) for role, name in (
        ("spec", "spec.toml"), ("model", "model.safetensors"), ("data", "data.npz"))}
    certificate["problem"]["weight_decay"] = change.get("decay", 0.0)
    base = certificate["base"]
    try:
        exact = critical_truth.truth(critical_truth.read(tmp_path))
        base |= critical_truth.emit(tmp_path, exact)["base"]
    except ValueError:
        pass  # at the kink there is no truth
    for claim in certificate["claims"]:
        claim["hypotheses"] = []
    with pytest.raises(Invalid):
        checked(certificate, tmp_path)


def test_a_weight_tilt_is_refused_beside_a_field(tmp_path):
    """The toy with targets (2, 5): H is nonsingular, and H⁻¹C is not the modulus of anything."""
    toy(tmp_path, y=np.array([[2.0], [5.0]]))
    problem = critical_truth.read(tmp_path)
    with ctx.workprec(emitter.BITS):
        H = critical_truth.hessian(problem, None)
        assert min(float(abs(v)) for v in emitter.jacobi(H)[0]) > 0.1
        g = [x[1] for x in (taylor_oracle.slopes(problem, Line(e)) for e in np.eye(2).tolist())]
        size, pairing = (g[0] ** 2 + g[1] ** 2).sqrt(), abs(g[0] + 2 * g[1])
        exact = critical_truth.Truth(problem, "weights", [], [], size, pairing, H,
                                     [critical_truth.mixed_block(problem, i, None) for i in problem.moving], 0)
    certificate = critical_truth.emit(tmp_path, exact)
    with pytest.raises(Invalid, match="theorem.*1 symmetry fields are found"):
        checked(certificate, tmp_path)
    # M5b takes the largest value over the complement of the field, 0.346, for the modulus, which is 0.448
    other = forged(certificate, 0, theorem="M5b", lower=None, upper=0.346, witness={}, hypotheses=[])
    other = forged(other, 1, theorem="M5b", lower=None, upper=None, rows=[], row_lower=[], row_upper=[], hypotheses=[])
    with pytest.raises(Invalid, match="theorem.*tilt in weight space"):
        checked(other, tmp_path)
    for case, words in (("M5b", "tilt in weight space"), ("M5c", "1 symmetry fields are found")):
        ends = {"lower": None, "upper": None, "theorem": case, "hypotheses": []}
        rows = forged(forged(certificate, 0, witness={}, **ends), 1,
                      row_lower=[None] * 2, row_upper=[10.0, None], **ends)
        with pytest.raises(Invalid, match=f"theorem.*{words}"):  # numbers of single rows are numbers
            checked(rows, tmp_path)
    kernel = {"name": "symmetry", "statement": "", "value": 1, "holds": True}
    null = {"theorem": "M5c", "lower": None, "upper": None}
    other = forged(certificate, 0, **null, witness={}, hypotheses=[kernel])
    other = forged(other, 1, **null, rows=[], row_lower=[], row_upper=[], hypotheses=[])
    with pytest.raises(Invalid, match="no field is in the kernel of H"):
        checked(other, tmp_path)


@pytest.mark.parametrize("perturbation, quantity", [("", "modulus"), ('set = "per_sample"', "modulus"),
                                                    ("", "sample_modulus")])  # fmt: skip
def test_more_equations_than_parameters_are_no_exact_fits(perturbation, quantity, tmp_path):
    """f = wx at 1, 2, 3: z with zᵀJ = 0 moves no weight, and gives any lower end of what is 0.55, were it M5a."""
    X, y = np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [5.0], [5.0]])
    emitter.write_files(emitter.Case([np.array([[2.0]])], [None], "identity", X, y), tmp_path)
    edit(tmp_path, {"[solution]\n": '[solution]\nmap = "critical"\n',
                    "[perturbation]\n": f"[perturbation]\n{perturbation}\n"})
    with (tmp_path / "spec.toml").open("a", encoding="utf-8") as spec:
        spec.write(f'[[gate]]\nquantity = "{quantity}"\nmin = 1.5\n')
    certificate = prove(tmp_path)
    assert certificate["verdict"] == "refuted"
    certificate["base"] |= {"tilt": "output", "shift_norm": 1.732050807568878, "shift_worst": 1.000000000001,
                            "shift_worst_row": 0, "shift_loss": 8 / 3 * (1 + 1e-15)}
    rows = {} if quantity == "modulus" else {
        "rows": [0, 1, 2], "row_lower": [1.9, None, None], "row_upper": [None] * 3}
    lower, witness = (1.9, {}) if rows else (1e6, {"z": [2.0, -1.0, 0.0]})
    changes = rows | {"theorem": "M5a", "lower": lower, "upper": None, "witness": witness, "hypotheses": []}
    with pytest.raises(Invalid, match="theorem.*M5a.*full row rank"):
        checked(forged(certificate, 0, **changes), tmp_path)


def toy(folder, **changes):
    """The paper's toy: f = w₁w₂x, data (1, 2), (2, 4), w̄ = (1, 2)."""
    made = {"weights": [np.array([[1.0]]), np.array([[2.0]])], "biases": [None, None], "activation": "identity",
            "X": np.array([[1.0], [2.0]]), "y": np.array([[2.0], [4.0]])}
    emitter.write_files(emitter.Case(**(made | changes)), folder)
    edit(folder, {"[solution]\n": '[solution]\nmap = "critical"\n'})
    return critical_truth.emit(folder, critical_truth.truth(critical_truth.read(folder)))


def test_the_toy_of_the_paper(tmp_path):
    """2/5, and not 0.2; one symmetry, GL(1); a row alone: `2|x_i|/(|w|Σx²)`, that is 2/(5√5) and 4/(5√5)."""
    certificate = toy(tmp_path)
    result = checked(certificate, tmp_path)
    assert "of the loss tilted through the outputs by at most" in line_of(result)
    modulus, rows = (outcome.claim for outcome in result.outcomes)
    assert modulus.theorem == "M5b" and modulus.lower < 0.4 < modulus.upper
    assert [h.value for h in modulus.hypotheses if h.name == "symmetry"] == [1]
    for row, value in enumerate((0.4 / 5**0.5, 0.8 / 5**0.5)):
        assert rows.row_lower[row] < value < rows.row_upper[row]
    for ends in ({"lower": 0.2, "upper": 0.2}, {"lower": 0.4, "upper": 0.4}):
        with pytest.raises(Invalid):
            checked(forged(certificate, 0, **ends), tmp_path)


@pytest.fixture(scope="module", params=["toy", "relu", "weights"])
def tampered(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tampered")
    if request.param == "toy":
        return toy(folder), folder
    if request.param == "relu":
        return relu_certificate(folder), folder
    relu_net(folder, decay=0.125)
    case = emitter.Case([np.array([[0.5, -1.0]]), np.array([[0.75]])], [np.array([0.25]), None], "tanh",
                        np.array([[1.0, 0.5], [-0.5, 1.0]]), np.array([[1.0], [-1.0]]))
    text = re.sub(r"widths = .*", "widths = [2, 1, 1]", (folder / "spec.toml").read_text(encoding="utf-8"))
    emitter.write_files(case, folder)
    (folder / "spec.toml").write_text(text.replace('"relu"', '"tanh"'), encoding="utf-8")
    certificate = critical_truth.emit(folder, critical_truth.truth(critical_truth.read(folder)))
    assert certificate["base"]["tilt"] == "weights"
    return certificate, folder


def remains_true(certificate, path, old, new):
    """Whether a changed member of a critical certificate leaves a true statement; None: checked elsewhere."""
    where = ".".join(map(str, path))
    if re.fullmatch(r"base\.(residual|shift_norm|shift_worst|shift_loss|shift_worst_row)", where):
        return None
    if re.fullmatch(r"claims\.\d+\.hypotheses\.\d+\.value", where):
        name = certificate["claims"][path[1]]["hypotheses"][path[3]]["name"]
        number = isinstance(new, int | float) and not isinstance(new, bool)
        return name == "rank" and (new is None or (number and 0 <= new <= old) or (number and None))
    return still_true(path, old, new)


def test_every_member_changed(tampered):
    certificate, folder = tampered
    assert checked(certificate, folder).verdict == "certified"
    tried = accepted = 0
    for number, (path, value) in enumerate(list(leaves(certificate))):
        if path[0] == "digest" or path[:2] == ("problem", "rationale"):
            continue
        for new in turn(mutations(value), number):
            forgery = changed(certificate, path, new)
            if new == "__missing__":
                place = forgery
                for key in path[:-1]:
                    place = place[key]
                if isinstance(place, list):
                    continue
                del place[path[-1]]
            if emitter.canonical(forgery) == emitter.canonical(certificate):
                continue
            tried += 1
            expected = remains_true(certificate, path, value, new)
            try:
                checked(forgery, folder)
            except Invalid as refusal:
                assert expected is not True, f"{path} = {new!r} is true but refused: {refusal}"
            else:
                accepted += 1
                assert expected is not False, f"{path}: {value!r} changed to {new!r} was accepted"
    assert tried > (400 if FULL else 130)
    assert accepted < tried / 5


def test_base_holds_upper_bounds_that_are_not_idle(tmp_path):
    certificate = relu_certificate(tmp_path)
    for name, loose in (("residual", 1.001), ("shift_norm", 3.0), ("shift_worst", 3.0), ("shift_loss", 100.0)):
        for factor, good in ((1 - 1e-9, False), (1 + 1e-12, True), (loose, False)):
            wrong = copy.deepcopy(certificate)
            wrong["base"][name] *= factor
            for claim in wrong["claims"]:
                claim["hypotheses"] = []
            if good:
                checked(wrong, tmp_path)
            else:
                with pytest.raises(Invalid, match=rf"base\.{name}"):
                    checked(wrong, tmp_path)


def test_theorems_that_do_not_go_together(tmp_path):
    certificate = relu_certificate(tmp_path)
    for theorems, match in ((("M5b", "M5c"), "one case"), (("M5a", "M5b"), "one case"),
                            (("M5a", "M5a"), "witness|base"),
                            (("M5d", "M5d"), "M5d"), (("M5", "M5"), "has numbers"), (("M2", "M4"), "one case")):
        wrong = copy.deepcopy(certificate)
        for claim, theorem in zip(wrong["claims"], theorems, strict=True):
            claim["theorem"] = theorem
        with pytest.raises(Invalid, match=match):
            checked(wrong, tmp_path)


def test_a_lower_end_alone_names_a_case_only_where_the_rank_is_proved(tmp_path, monkeypatch):
    """V34 proves it whatever the rank; M5b says more, that A is nonsingular, and no upper end proves that here."""
    certificate = relu_certificate(tmp_path)
    for claim in certificate["claims"]:
        claim |= {"hypotheses": [], "theorem": "M5b"}
    certificate["claims"][0] |= {"upper": None, "verdict": "inconclusive"}
    certificate["claims"][1] |= {"lower": None, "upper": None, "rows": [], "row_lower": [], "row_upper": [],
                                 "verdict": "inconclusive"}
    emitter.total(certificate)
    assert checked(certificate, tmp_path).verdict == "inconclusive"
    monkeypatch.setattr(Stationary, "proved", False)  # all that is known of a singular A
    with pytest.raises(Invalid, match="theorem.*nonsingular"):
        checked(certificate, tmp_path)
    certificate["claims"][0]["theorem"] = "M5d"
    assert checked(certificate, tmp_path).verdict == "inconclusive"


def test_lower_ends_alone_need_no_rank(tmp_path):
    certificate = relu_certificate(tmp_path)
    gates = {"hypotheses": [], "theorem": "M5d"}
    certificate["claims"][0] |= {"upper": None, "verdict": "inconclusive", **gates}
    certificate["claims"][1] |= {"lower": None, "upper": None, "rows": [], "row_lower": [], "row_upper": [],
                                 "verdict": "inconclusive", **gates}
    emitter.total(certificate)
    assert checked(certificate, tmp_path).verdict == "inconclusive"
    certificate["claims"][0]["lower"] *= 1 + 1e-9
    with pytest.raises(Invalid, match="the witness gives"):
        checked(certificate, tmp_path)


@pytest.fixture
def nearby(tmp_path):
    case = critical(14, tmp_path, base="nearby", loss="logistic", decay=0.125, parameter="features", activation="tanh",
                    n=6)
    assert settled(case, tmp_path)
    certificate = prove(tmp_path)
    assert certificate is not None and certificate["claims"][0]["theorem"] == "M5c"
    assert checked(certificate, tmp_path).verdict == "certified"
    return certificate


def test_a_point_nearby_has_to_be_where_it_is_said_to_be(nearby, tmp_path):
    base = nearby["base"]
    for change in ({"distance": base["distance"] * (1 - 1e-9)}, {"distance": None}, {"radius": 0.0},
                   {"radius": base["radius"] * 1e-12}, {"radius": 1.0}, {"radius": None},
                   {"radius": None, "distance": None}, {"tilt": "output"}, {"tilt": "weights"}, {"shift_norm": 0.0},
                   {"shift_loss": 0.0}, {"residual": None}, {"residual": base["residual"] / 2 - 1e-30}):
        wrong = copy.deepcopy(nearby)
        wrong["base"] |= change
        with pytest.raises(Invalid):
            checked(wrong, tmp_path)


def test_the_centre_has_to_be_near_a_critical_point(nearby, tmp_path):
    path = tmp_path / "witness.safetensors"
    arrays = load(path.read_bytes())
    for name, change in (("weight.1.hi", 1e-3), ("weight.1.lo", 1e-9), ("weight.1.hi", 1e3)):
        moved = {key: value.copy() for key, value in arrays.items()}
        moved[name].flat[0] += change
        path.write_bytes(save(moved))
        nearby["subject"]["witness"] = emitter.record(path, path.name)
        with pytest.raises(Invalid, match="base|witness"):
            checked(nearby, tmp_path)


def test_ends_nearby_beyond_the_truth_are_refused(nearby, tmp_path):
    claim = nearby["claims"][0]
    low, high = claim["lower"], claim["upper"]
    assert high < low * (1 + 1e-6)
    for change in ({"lower": 0.0, "upper": low * (1 - 2e-6), "witness": {}},
                   {"lower": high * (1 + 2e-6), "upper": 1e9}):
        with pytest.raises(Invalid, match="upper|lower"):
            checked(forged(nearby, 0, **change), tmp_path)


def test_the_order_of_the_parameters():
    """A vector by layers (weights, then biases) and the same unit by unit give one curvature."""
    problem = taylor_oracle.problem(np.random.default_rng(0), widths=[2, 2, 1], loss="squared", activation="tanh", n=2)
    v = np.arange(1.0, problem.parameters + 1)
    with ctx.workprec(128):
        parameters = exact_parameters(problem)
        passed = forward(problem, parameters, problem.features)
        H = Curvature(problem, parameters, passed, objective(problem, passed.outputs)).hessian.balls()
        u = arb_mat([[x] for x in by_units(problem, [arb(float(x)) for x in v])])
        assert (u.transpose() * H * u)[0, 0].overlaps(second(problem, Line(v.tolist())))
