"""The critical map in the function norm (M5s): what is proved is re-derived, what is false by a hair is refused."""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, ctx

from certify.check.linalg.fixed import scale
from certify.check.systems.critical_function_norm import stacked
from certify.format.refusal import Invalid
from certify.rigor.arithmetic import Binary64
from certify.rigor.inverse import Inverse, invert
from certify.systems.critical import settle as critical_base
from certify.systems.critical.reduction import completed, field_length, spanning
from tests.effort import FULL
from tests.families.prover_cases import checked, critical, critical_set, edit, forged, prove, settled
from tests.unit.check.enclosure.test_norms import normed

HAIR = 1e-6


def seen(seed, folder, **fixed):
    """A certificate in the function norm, mostly with both ends; None where the prover refuses the problem."""
    critical_set(seed, folder, relative=False, **fixed)
    normed(folder, seed, "function")
    return prove(folder)


@pytest.mark.parametrize("seed", range(30))
def test_what_the_prover_says_is_re_derived(seed, tmp_path):
    certificate = seen(seed, tmp_path, **({"decay": 0.125} if seed % 4 else {}))
    if certificate is None:  # a problem that no norm goes with
        return
    assert certificate["problem"]["weight_norm"] == "function"
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


@pytest.mark.parametrize("seed", range(12))
def test_rows_and_whole_without_gates(seed, tmp_path):
    critical(seed, tmp_path, decay=0.125)
    normed(tmp_path, seed, "function")
    certificate = prove(tmp_path)
    if certificate is None:
        return
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    for at, ends in enumerate(certificate["claims"]):
        if not ends["lower"] or not ends["upper"] or ends["upper"] > ends["lower"] * (1 + HAIR):
            continue
        for side in ("lower", "upper"):
            claim = copy.deepcopy(ends)
            low, high = claim["lower"] * (1 - 2 * HAIR), claim["upper"] * (1 + 2 * HAIR)
            change = {"lower": 0.0, "upper": low, "witness": {}} if side == "upper" else {"lower": high, "upper": 1e9}
            if claim.get("rows"):
                n = len(claim["rows"])
                change |= {"row_lower": [change["lower"]] * n, "row_upper": [change["upper"]] * n}
            with pytest.raises(Invalid, match=side):
                checked(forged(certificate, at, **change), tmp_path)


@pytest.mark.parametrize("seed", range(6))
def test_a_critical_point_nearby(seed, tmp_path):
    """The norm is that of the weights in the file, the derivatives are those at the exact point."""
    case = critical(seed, tmp_path, base="nearby", n=seed % 5 + 2, decay=0.125)
    found = settled(case, tmp_path)
    normed(tmp_path, seed, "function")
    certificate = prove(tmp_path) if found else None
    if certificate is None or not certificate["claims"][0]["lower"]:  # C may vanish, which balls around w* cannot show
        return
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


def first(tmp_path, **fixed):
    """The first certificate with both ends by the Hessian."""
    for seed in range(100):
        certificate = seen(seed, tmp_path, set="total", decay=0.125, n=5, parameter="features", **fixed)
        if certificate is not None and certificate["claims"][0]["lower"] and certificate["claims"][0]["upper"]:
            return certificate
    raise AssertionError("no such case")


def old_ends_in(folder, old):
    """A new certificate of the folder with the ends and witnesses of an old one."""
    new = prove(folder)
    for at in (0, 1):
        ends = {key: old["claims"][at][key] for key in ("lower", "upper", "witness")}
        new = forged(new, at, **ends)
    return new


def test_the_reference_rows_and_tau_count(tmp_path):
    """Another τ, or other rows: the same numbers are no longer true."""
    certificate = first(tmp_path)
    tau = certificate["problem"]["tau"]
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    text = (tmp_path / "spec.toml").read_text(encoding="utf-8")
    without = "\n".join(line for line in text.splitlines() if not line.startswith("tau"))
    (tmp_path / "spec.toml").write_text(without + "\n", encoding="utf-8")
    edit(tmp_path, {'reference = "seen.npz"': f'reference = "seen.npz"\ntau = {tau * 64}'})
    with pytest.raises(Invalid, match="upper|lower"):
        checked(old_ends_in(tmp_path, certificate), tmp_path)
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    rows = np.load(tmp_path / "seen.npz")["X"]
    np.savez(tmp_path / "seen.npz", X=3 * rows + 1)
    with pytest.raises(Invalid, match="upper|lower"):
        checked(old_ends_in(tmp_path, certificate), tmp_path)


def test_ends_in_another_norm_are_refused(tmp_path):
    """The Euclidean numbers of the same problem are not those of the function norm."""
    certificate = first(tmp_path)
    text = (tmp_path / "spec.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(('norm = "function"', "reference", "tau"))]
    (tmp_path / "spec.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    plain = prove(tmp_path)
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8")
    for at in (0, 1):
        ends = {key: plain["claims"][at][key] for key in ("lower", "upper", "witness")}
        with pytest.raises(Invalid, match="upper|lower"):
            checked(forged(certificate, at, **ends), tmp_path)


def beside(tmp_path, seeds=60, **fixed):
    """The first certificate with both ends where symmetries explain the kernel, and what proves it is looked at."""
    for seed in range(seeds):
        critical(seed, tmp_path, **{"loss": "squared", "activation": "relu", "decay": 0.0, "n": 15,
                                    "parameter": "features"} | fixed)
        normed(tmp_path, seed, "function")
        certificate = prove(tmp_path)
        claims = [] if certificate is None else certificate["claims"]
        if claims and claims[0]["theorem"] == "M5b" and claims[0]["lower"]:
            return certificate
    raise AssertionError("no such case")


@pytest.mark.parametrize("seed", range(16))
def test_ends_beside_symmetries_are_re_derived(seed, tmp_path):
    """Every kind of network that has some, without weight decay; any set of changes."""
    activation = ("relu", "leaky_relu", "identity", "tanh")[seed % 4]
    loss = "cross_entropy" if activation == "tanh" else ("squared", "cross_entropy", "logistic")[seed % 3]
    certificate = seen(seed, tmp_path, activation=activation, loss=loss, decay=0.0, n=12)
    if certificate is None:  # a problem that no norm goes with
        return
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]


def test_some_of_them_have_both_ends_and_one_that_is_false_by_a_hair_is_refused(tmp_path):
    certificate = beside(tmp_path)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"] == "certified"
    for at, claim in enumerate(certificate["claims"]):
        assert claim["theorem"] == "M5b" and claim["upper"] <= claim["lower"] * (1 + 1e-4)
        n, low, high = len(claim.get("rows") or ()), claim["lower"] * (1 - 1e-3), claim["upper"] * (1 + 1e-3)
        for side, change in (("upper", {"lower": 0.0, "upper": low, "witness": {}}),
                             ("lower", {"lower": high, "upper": high})):
            rows = {"row_lower": [change["lower"]] * n, "row_upper": [change["upper"]] * n} if n else {}
            with pytest.raises(Invalid, match=side):
                checked(forged(certificate, at, **change | rows), tmp_path)


@pytest.mark.parametrize("theorem", ["M5a", "M5c", "M5d"])
def test_another_theorem_is_refused_beside_symmetries(theorem, tmp_path):
    certificate = beside(tmp_path)
    with pytest.raises(Invalid, match="theorem"):
        checked(forged(certificate, 0, theorem=theorem), tmp_path)


def test_a_motion_that_is_not_the_shortest_in_the_norm_is_refused(monkeypatch, tmp_path):
    """What forgetting the kernel gives: true as an upper end, false as the lower end of a row."""
    def wrong(H, fields, seen, distance):
        found = invert(completed(H, spanning(fields, field_length(H.mid.hi), distance), Binary64()), Binary64())
        return (found, Fraction(0)) if isinstance(found, Inverse) else found.reason

    monkeypatch.setattr(critical_base, "invert_seen", wrong)
    for seed in range(60):
        critical(seed, tmp_path, loss="cross_entropy", activation="relu", decay=0.0, n=15)
        normed(tmp_path, seed, "function")
        certificate = prove(tmp_path, anew=True)
        claims = [] if certificate is None else certificate["claims"]
        if len(claims) != 2 or claims[1]["theorem"] != "M5b" or not claims[1]["lower"]:
            continue
        try:
            checked(certificate, tmp_path)
        except Invalid as refused:
            assert "row_lower" in str(refused)
            return
    raise AssertionError("no case in which the shortest motion is another")


def test_a_critical_point_nearby_beside_symmetries(tmp_path):
    """Fields at the exact point, the norm of the weights in the file: no field is without effect in it."""
    found = 0
    for seed in range(12):
        if found == 3 and not FULL:
            break
        case = critical(seed, tmp_path, base="nearby", n=12, decay=0.0, loss="squared",
                        activation=("identity", "relu")[seed % 2])
        if not settled(case, tmp_path):
            continue
        normed(tmp_path, seed, "function")
        certificate = prove(tmp_path)
        if certificate is None or not certificate["claims"][0]["lower"]:
            continue
        assert checked(certificate, tmp_path).verdict == certificate["verdict"]
        found += certificate["claims"][0]["theorem"] == "M5b"
    assert found >= 2


@pytest.mark.parametrize("tau", [1 / 3, 0.1, 7 / 3 * 2.0**200])
@pytest.mark.parametrize("rows", [0.0, 0.5, 2.0**20])
def test_what_is_cut_off_of_tau_counts(tau, rows):
    """With fewer bits than τ has `[J; τI]` lies within the radius: where J is 0 nothing else is in it."""
    J = arb_mat(2, 3, [arb(rows)] * 6)
    found = stacked(J, arb(tau), 20)
    with ctx.workprec(600):
        known = arb_mat(found.mid) * scale(found.bits)
        exact = [*J.entries(), *(arb(tau if r == c else 0) for r in range(3) for c in range(3))]
        off = sum(((x - y) * (x - y) for x, y in zip(exact, known.entries(), strict=True)), arb(0)).sqrt()
        assert 0 < off <= found.radius
