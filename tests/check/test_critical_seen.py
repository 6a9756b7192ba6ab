"""The critical map in the function norm (M5s): what is proved is re-derived, what is false by a hair is refused."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from certify.check.refusal import Invalid
from tests.check.prover_cases import checked, critical, critical_set, edit, forged, prove, settled
from tests.check.test_norms import normed

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


def test_beside_symmetries_only_a_lower_end_is_claimed(tmp_path):
    """A ReLU net without weight decay: M5d, and an upper end put in is refused."""
    for seed in range(60):
        critical(seed, tmp_path, loss="squared", activation="relu", decay=0.0, n=15, parameter="features")
        normed(tmp_path, seed, "function")
        certificate = prove(tmp_path)
        claims = [] if certificate is None else certificate["claims"]
        if claims and claims[0]["theorem"] == "M5d" and claims[0]["lower"] and "symmetries" in claims[0]["reason"]:
            break
    else:
        raise AssertionError("no such case")
    assert checked(certificate, tmp_path).verdict == "inconclusive"
    assert claims[0]["upper"] is None
    bad = forged(certificate, 0, theorem="M5b", upper=1e12, reason="")
    with pytest.raises(Invalid):
        checked(bad, tmp_path)
    with pytest.raises(Invalid, match="M5a"):
        checked(forged(certificate, 0, theorem="M5a", reason=""), tmp_path)
