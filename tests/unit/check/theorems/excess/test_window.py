"""Excess and Hausdorff distance on a window (S14): what the prover proves is re-derived, what is false is refused."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from certify.check.enclosure.network import forward
from certify.check.enclosure.network import given as exact
from certify.check.main import check, main
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.check.theorems.excess.layer import LayerWindow, inner
from certify.cli.main import main as certify
from certify.format.refusal import Invalid
from tests.effort import examples
from tests.families import emitter
from tests.families.check_cases import NO_FILES
from tests.families.prover_cases import checked, forged, prove

GATES = "".join(f'[[gate]]\nquantity = "{name}"\nmax = {most}\n' for name, most in (("excess", 50.0),
                                                                                   ("hausdorff", 60.0)))


def files(folder, rng, *, hidden=6, outputs=1, rows=3, activation="relu", radius=1.0, size=0.1, parameter="features",
          bias=True, listed="all", more=GATES) -> None:  # fmt: skip
    """A random network of two layers, of one for hidden = 0, with its last layer free and one change."""
    sizes = [3, *([hidden] if hidden else []), outputs]
    arrays = {}
    for h, (i, o) in enumerate(zip(sizes, sizes[1:], strict=False)):
        arrays[f"{2 * h}.weight"] = rng.standard_normal((o, i)) / np.sqrt(i)
        if bias:
            arrays[f"{2 * h}.bias"] = rng.standard_normal(o)
    save_file(arrays, folder / "model.safetensors")
    np.savez(folder / "data.npz", X=rng.standard_normal((rows, 3)))
    moves, which = (rows, '"all"') if listed == "all" else (len(listed), str(listed))
    np.savez(folder / "u.npz", u=size * rng.standard_normal((moves, 3 if parameter == "features" else outputs)))
    (folder / "spec.toml").write_text(
        f'version = 1\n[model]\nfile = "model.safetensors"\nwidths = {sizes}\nactivation = "{activation}"\n[data]\n'
        f'file = "data.npz"\nfeatures = "X"\n[solution]\nlayer = {2 if hidden else 1}\n[perturbation]\n'
        f'parameter = "{parameter}"\nset = "given"\nfile = "u.npz"\nrows = {which}\n'
        f"[window]\nradius = {radius!r}\n{more}", encoding="utf-8")  # fmt: skip


def random_files(folder, seed) -> None:
    rng = np.random.default_rng(seed)
    hidden = int(rng.choice([0, 4, 6]))
    rows = int(rng.integers(1, 3 if not hidden else 4))
    files(folder, rng, hidden=hidden, rows=rows, outputs=int(rng.integers(1, 3)),
          activation=str(rng.choice(["relu", "tanh", "elu", "identity"])), radius=float(10.0 ** rng.integers(-1, 2)),
          size=float(10.0 ** rng.integers(-6, 1)), parameter=str(rng.choice(["features", "targets"])),
          bias=bool(rng.random() < 0.5), listed="all" if rng.random() < 0.7 else [0])  # fmt: skip


@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_the_prover_says_is_re_derived(seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("window")
    random_files(folder, seed)
    certificate = prove(folder)
    one, both = certificate["claims"]
    assert one["theorem"] == both["theorem"] == "S14"
    if one["upper"] is not None and both["upper"] is not None:
        assert one["lower"] <= both["upper"]  # the expansion is never more than the contraction
    assert check(folder / "certificate.json", NO_FILES).verdict == certificate["verdict"]


@settings(max_examples=examples(20), deadline=None)
@given(seed=st.integers(0, 2**32), at=st.integers(0, 1), upper=st.booleans())
def test_an_end_beyond_the_other_is_refused(seed, at, upper, tmp_path_factory):
    """The truth lies between the ends, so a lower end above the upper one, or the reverse, is false."""
    folder = tmp_path_factory.mktemp("window")
    random_files(folder, seed)
    certificate = prove(folder)
    claim = certificate["claims"][at]
    if not claim["lower"] or not claim["upper"]:
        return
    witness = dict(claim["witness"])
    if upper:
        del witness["point"]
        change = {"lower": 0.0, "upper": claim["lower"] * (1 - 1e-12), "witness": witness}
    else:
        change = {"lower": claim["upper"] * (1 + 1e-12), "upper": claim["upper"] * 2}
    with pytest.raises(Invalid, match="upper" if upper else "lower"):
        checked(forged(certificate, at, **change), folder)


@settings(max_examples=examples(20), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_multiplier_proves_less_than_points_of_the_sets(seed, tmp_path_factory):
    """Weak duality of both formulas, against points of both sets drawn at random, in exact balls."""
    folder, rng = tmp_path_factory.mktemp("window"), np.random.default_rng(seed)
    random_files(folder, seed)
    parts = [(folder / name).read_bytes() for name in ("spec.toml", "model.safetensors", "data.npz")]
    problem = build_problem(read_spec(parts[0]), parts[1], parts[2], False, change=(folder / "u.npz").read_bytes())
    with ctx.workprec(256):
        weights = exact(problem)
        sets = LayerWindow(problem, weights, forward(problem, weights, problem.features))
        for multiplier in (arb(10) ** int(e) for e in rng.integers(-6, 3, 4)):
            D = sets.difference(multiplier)
            if any(not v > 0 for v in _pivots(D)):
                continue
            q = inner(sets.R, D.solve(sets.R))
            assert q >= 0
            for after in (False, True):
                point = arb_mat(sets.A.ncols(), sets.R.ncols(), [arb(float(v)) for v in rng.standard_normal(
                    sets.A.ncols() * sets.R.ncols())])  # fmt: skip
                y = sets.out(point, arb(float(10.0 ** rng.uniform(-3, 6))), after)
                far = sets.beyond_today(y) if after else sets.beyond_changed(y)
                length = inner(y, y) + (sets.far if after else 0)  # c is orthogonal to the step
                assert not far > multiplier * (length + ((1 - multiplier) * q if after else q))


def _pivots(M: arb_mat) -> list[arb]:
    rows, found = M.tolist(), []
    for j in range(len(rows)):
        found.append(rows[j][j])
        if not rows[j][j] > 0:
            break
        for i in range(j + 1, len(rows)):
            rows[i] = [a - rows[i][j] / rows[j][j] * b for a, b in zip(rows[i], rows[j], strict=True)]
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("window")
    files(folder, np.random.default_rng(3), outputs=2)
    certificate = prove(folder)
    assert all(0 < claim["lower"] <= claim["upper"] <= claim["lower"] * (1 + 1e-6) for claim in certificate["claims"])
    return folder, certificate


def test_an_end_a_little_too_good_is_refused(made):
    folder, certificate = made
    for at, claim in enumerate(certificate["claims"]):
        with pytest.raises(Invalid, match="upper.*the multiplier proves"):
            checked(forged(certificate, at, lower=claim["lower"] * 0.5, upper=claim["upper"] * (1 - 1e-6)), folder)
        with pytest.raises(Invalid, match="lower.*the point proves"):
            beyond = claim["upper"] * (1 + 1e-12)
            checked(forged(certificate, at, lower=beyond, upper=beyond * 2), folder)


@pytest.mark.parametrize("multiplier", [1.01, 0.99, 1e-9, 0.0, -1.0, 1e9])
def test_another_multiplier_proves_less(multiplier, made):
    folder, certificate = made
    for at in (0, 1):
        altered = copy.deepcopy(certificate)
        witness = altered["claims"][at]["witness"]
        witness["multiplier"] *= multiplier
        with pytest.raises(Invalid, match="upper|multiplier"):
            checked(altered, folder)


def test_another_point_proves_less(made):
    folder, certificate = made
    for at in (0, 1):
        for factor in (0.5, 0.0, -1.0):
            altered = copy.deepcopy(certificate)
            witness = altered["claims"][at]["witness"]
            witness["point"] = [factor * v for v in witness["point"]]
            with pytest.raises(Invalid, match=r"lower.*the point proves"):
                checked(altered, folder)


@pytest.mark.parametrize("at", [0, 1])
def test_what_else_is_altered_is_refused(at, made):
    folder, certificate = made
    claim = certificate["claims"][at]
    witness, other = claim["witness"], certificate["claims"][1 - at]
    for change in ({"theorem": "N3"}, {"theorem": "Q7"}, {"unit": other["unit"]}, {"quantity": other["quantity"]},
                   {"quantity": "distance"}, {"upper": None}, {"upper": 0.0, "lower": 0.0, "witness": {}},
                   {"lower": 0.0}, {"lower": -1.0}, {"witness": {}},
                   {"witness": {"point": witness["point"]}}, {"witness": {"multiplier": witness["multiplier"]}},
                   {"witness": witness | {"point": witness["point"][:-1]}},
                   {"witness": witness | {"z": [1.0] * 6}}, {"witness": witness | {"layer": 2}}):  # fmt: skip
        with pytest.raises(Invalid):
            checked(forged(certificate, at, **change), folder)
    for index, change in ((0, {"value": 1}), (1, {"value": 0.5}), (1, {"holds": False}), (1, {"name": "rank"}),
                          (1, {"name": "smooth"})):  # fmt: skip
        altered = copy.deepcopy(certificate)
        altered["claims"][at]["hypotheses"][index] |= change
        with pytest.raises(Invalid, match="hypotheses"):
            checked(altered, folder)


def test_another_window_or_change_is_refused(tmp_path):
    files(tmp_path, np.random.default_rng(3))
    certificate = prove(tmp_path)
    altered = copy.deepcopy(certificate)
    altered["problem"]["window"] = 0.5
    with pytest.raises(Invalid, match="problem"):
        checked(altered, tmp_path)
    del altered["problem"]["window"]
    with pytest.raises(Invalid, match="problem"):
        checked(altered, tmp_path)
    spec = tmp_path / "spec.toml"  # a larger window, with the certificate of the smaller one
    spec.write_text(spec.read_text(encoding="utf-8").replace("radius = 1.0", "radius = 1.5"), encoding="utf-8")
    altered["problem"]["window"] = 1.5
    altered["subject"]["spec"] = emitter.record(spec, "spec.toml")
    with pytest.raises(Invalid, match=r"upper.*the multiplier proves"):
        checked(altered, tmp_path)


def test_a_window_that_misses_the_changed_set(tmp_path):
    files(tmp_path, np.random.default_rng(3), size=1.0, radius=1e-3)
    certificate = prove(tmp_path)
    one, both = certificate["claims"]
    assert (one["lower"], one["upper"], one["witness"]) == (0.0, 0.0, {}) and both["lower"] > 1e-3
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"
    with pytest.raises(Invalid):
        checked(forged(certificate, 0, upper=1e-4, lower=1e-5, witness=both["witness"]), tmp_path)
    files(tmp_path, np.random.default_rng(3), size=1.0, radius=10.0)  # it meets the set: 0 is not re-derived
    certificate = prove(tmp_path)
    assert certificate["claims"][0]["lower"] > 0
    with pytest.raises(Invalid, match="nearest exact fit is"):
        checked(forged(certificate, 0, upper=0.0, lower=0.0, witness={}), tmp_path)


def test_lost_rank_is_open_and_a_forged_claim_refused(tmp_path):
    files(tmp_path, np.random.default_rng(1), hidden=0, rows=2, bias=False)
    X = np.array([[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]])
    np.savez(tmp_path / "data.npz", X=X)
    np.savez(tmp_path / "u.npz", u=np.array([[0.0, 0.0, 0.0], [1.0, 4.0, 6.0]]))  # then row 1 is twice row 0
    certificate = prove(tmp_path)
    for at, claim in enumerate(certificate["claims"]):
        assert (claim["lower"], claim["upper"], claim["verdict"]) == (None, None, "inconclusive")
        assert "full row rank" in claim["reason"]
        with pytest.raises(Invalid, match="full row rank"):
            checked(forged(certificate, at, lower=0.0, upper=1e9, witness={"multiplier": 2.0}), tmp_path)


def test_without_gates_both_follow_the_first_order_distance(tmp_path):
    files(tmp_path, np.random.default_rng(5), more="", activation="tanh")
    certificate = prove(tmp_path)
    assert [claim["quantity"] for claim in certificate["claims"]] == ["first_order_distance", "excess", "hausdorff"]
    assert check(tmp_path / "certificate.json", NO_FILES).verdict == "certified"


def test_merged_rows_and_thresholds_of_the_caller(tmp_path, capsys):
    files(tmp_path, np.random.default_rng(4), rows=2)
    X, u = (np.load(tmp_path / name)[key] for name, key in (("data.npz", "X"), ("u.npz", "u")))
    np.savez(tmp_path / "data.npz", X=np.vstack([X, X[:1]]))
    np.savez(tmp_path / "u.npz", u=np.vstack([u, u[:1]]))
    assert certify(["run", str(tmp_path / "spec.toml"), "--quiet", "--merge-duplicates"]) == 0
    certificate = json.loads((tmp_path / "certificate.json").read_text(encoding="utf-8"))
    assert all(claim["unit"].endswith(" (equal rows move as one)") for claim in certificate["claims"])
    path, upper = str(tmp_path / "certificate.json"), certificate["claims"][1]["upper"]
    capsys.readouterr()
    assert main([path]) == 4 and "equal rows count as one; nothing is decided" in capsys.readouterr().out
    merged = [path, "--merge-duplicates"]
    assert main(merged) == 0 and "equal rows count as one" in capsys.readouterr().out
    assert main([*merged, f"--max=hausdorff={upper!r}"]) == 0
    assert main([*merged, f"--max=hausdorff={upper / 2!r}"]) == 3 and capsys.readouterr().out.count("refuted") == 1


@pytest.mark.parametrize("old, new", [
    ("layer = 2", "layer = 1"), ("layer = 2", 'layer = "all"'), ('set = "given"\nfile = "u.npz"\n', ""),
    ("[solution]\n", '[solution]\nbase = "nearby"\n'), ("[window]\nradius = 1.0\n", ""),
    ("[window]\n", '[weights]\nnorm = "relative"\n[window]\n'), ("radius = 1.0", "radius = 0.0"),
    ("[window]\nradius = 1.0\n", "[window]\n"), ('"hausdorff"', '"distance"\nseverity = "warn"'),
])  # fmt: skip
def test_specs_without_a_meaning_are_refused_by_both(old, new, tmp_path):
    files(tmp_path, np.random.default_rng(3), more=GATES.split("[[gate]]")[0] + "[[gate]]" + GATES.split("[[gate]]")[2])
    path = tmp_path / "spec.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert prove(tmp_path) is None  # exit status 2
    with pytest.raises(Invalid, match="spec"):
        read_spec(path.read_bytes())
