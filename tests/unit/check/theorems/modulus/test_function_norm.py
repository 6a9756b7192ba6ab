"""The function norm where equations are interpolated: sets of changes (V24 to V28 for 𝓚), and critical points (M5a)."""

from __future__ import annotations

import copy

import pytest

from certify.format.refusal import Invalid
from tests.families.prover_cases import checked, critical_set, edit, forged, perturbed, prove
from tests.unit.check.enclosure.test_norms import normed

HAIR = 1e-4
KINDS = ("total", "per_sample", "sparse", "given")


def interpolating(seed, folder, **fixed):
    """A certificate of an interpolation problem under some set; None where the prover refuses the problem."""
    perturbed(seed, folder, **fixed)
    normed(folder, seed, "function")
    return prove(folder)


def few_rows(seed, folder, **fixed):
    """A certificate of critical points of a network that fits its rows; None where the prover refuses the problem."""
    critical_set(seed, folder, **{"relative": False, "decay": 0.0, "n": seed % 2 + 1} | fixed)
    normed(folder, seed, "function")
    return prove(folder)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("make", [interpolating, few_rows])
def test_what_the_prover_says_is_re_derived(make, seed, tmp_path):
    certificate = make(seed, tmp_path, set=KINDS[seed % 4])
    if certificate is not None:
        assert certificate["problem"]["weight_norm"] == "function"
        assert checked(certificate, tmp_path).verdict == certificate["verdict"]


def first(make, theorems, folder, **fixed):
    """The first certificate with both ends by one of these theorems."""
    for seed in range(80):
        certificate = make(seed, folder, **fixed)
        claim = {} if certificate is None else certificate["claims"][-1]
        if claim.get("theorem") in theorems and claim["lower"] and claim["upper"]:
            return certificate
    raise AssertionError("no such case")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [interpolating, few_rows])
def test_ends_that_are_false_are_refused(make, kind, tmp_path):
    """The upper end below the lower one, the lower above the upper: true ends do not cross."""
    fixed = {"loss": "cross_entropy", "parameter": "features"} if make is few_rows else {"outputs": 2}
    certificate = first(make, ("M5a", "M2", "N1", "N2", "N3"), tmp_path, set=kind, **fixed)
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    claim, at = certificate["claims"][-1], len(certificate["claims"]) - 1
    low, high = claim["lower"] * (1 - HAIR), claim["upper"] * (1 + HAIR)
    witness = {name: value for name, value in claim["witness"].items() if name != "z"}
    with pytest.raises(Invalid, match="upper"):
        checked(forged(certificate, at, lower=0.0, upper=low, witness=witness), tmp_path)
    with pytest.raises(Invalid, match="lower"):
        checked(forged(certificate, at, lower=high, upper=high), tmp_path)


def test_a_dual_or_a_witness_of_another_length_is_refused(tmp_path):
    """Rows of the reference have no weights of their own, and their outputs do have an entry of z."""
    certificate = first(interpolating, ("N1",), tmp_path, set="per_sample")
    at, rows = len(certificate["claims"]) - 1, certificate["problem"]["reference_rows"]
    for name, cut in (("dual", certificate["problem"]["n"] + rows), ("z", certificate["problem"]["equations"])):
        witness = copy.deepcopy(certificate["claims"][at]["witness"])
        witness[name] = (witness[name] + [1.0] * rows)[:cut]
        with pytest.raises(Invalid, match=name):
            checked(forged(certificate, at, witness=witness), tmp_path)


def test_tau_counts(tmp_path):
    """With another τ the ends of the same problem are no longer true."""
    certificate = first(few_rows, ("M5a",), tmp_path, set="given")
    tau = certificate["problem"]["tau"]
    text = (tmp_path / "spec.toml").read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("tau"))
    (tmp_path / "spec.toml").write_text(kept + "\n", encoding="utf-8")
    edit(tmp_path, {'reference = "seen.npz"': f'reference = "seen.npz"\ntau = {tau * 16}'})
    new = prove(tmp_path)
    ends = {key: certificate["claims"][0][key] for key in ("lower", "upper", "witness")}
    with pytest.raises(Invalid, match="upper"):
        checked(forged(new, 0, **ends), tmp_path)


@pytest.mark.parametrize("theorem", ["M5b", "M5c", "M5d"])
def test_another_case_of_the_theorem_is_refused(theorem, tmp_path):
    certificate = first(few_rows, ("M5a",), tmp_path, set="total", loss="cross_entropy")
    for at in range(len(certificate["claims"])):
        certificate = forged(certificate, at, theorem=theorem)
    with pytest.raises(Invalid):
        checked(certificate, tmp_path)


def test_the_distance_at_finite_size_is_refused_by_prover_and_checker(tmp_path):
    perturbed(1, tmp_path, set="given")
    normed(tmp_path, 1, "function")
    assert prove(tmp_path) is not None
    certificate = first(interpolating, ("N3",), tmp_path, set="given")
    edit(tmp_path, {'quantity = "first_order_distance"': 'quantity = "distance"'})
    assert prove(tmp_path) is None
    with pytest.raises(Invalid, match="distance"):
        checked(certificate, tmp_path)


@pytest.mark.parametrize("norm", [1, "inf"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", [interpolating, few_rows])
def test_one_row_alone_in_the_norms_1_and_inf(make, seed, norm, tmp_path):
    """V53 and V54 for 𝓚, and beside a nonsingular or completed Hessian."""
    certificate = make(seed, tmp_path, set="per_sample", norm=norm)
    if certificate is None:
        return
    assert certificate["claims"][1]["quantity"] == "sample_modulus"
    assert checked(certificate, tmp_path).verdict == certificate["verdict"]
    claim = certificate["claims"][1]
    if claim["lower"]:
        n, half = len(claim["rows"]), claim["lower"] / 2
        with pytest.raises(Invalid, match="row_upper"):
            checked(forged(certificate, 1, lower=0.0, upper=half, row_lower=[0.0] * n, row_upper=[half] * n), tmp_path)
