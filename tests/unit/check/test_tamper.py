"""Attack the certificate: every member changed and sealed again, so that only the meaning can give it away."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

from certify.check.main import check
from certify.format.refusal import Invalid
from tests.effort import FULL, turn
from tests.families import emitter
from tests.families.check_cases import NO_FILES, plain, run

FREE = re.compile(
    r"environment\..*|created|certify_version|claims\.\d+\.(reason|hypotheses\.\d+\.statement)"
)
"""Members that state nothing the checker could re-derive: they are bound by the digest alone."""


def leaves(value, path=()):
    """Every place in a JSON value that holds no object."""
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    else:
        yield path, value
        if isinstance(value, list):
            for i, entry in enumerate(value):
                yield from leaves(entry, (*path, i))


def changed(certificate, path, value):
    result = copy.deepcopy(certificate)
    place = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return result


def mutations(value):
    """Other values of the same type, and of other types."""
    common = [None, "x", {}, [], True, -1, 0.5, "__missing__"]
    if isinstance(value, bool):
        return [not value, None, 0, "true"]
    if isinstance(value, int | float):
        return [value * (1 + 1e-9), value * (1 - 1e-9), -value, value + 1, value * 2, value / 2, *common]
    if isinstance(value, str):
        return [value + "x", value[:-1], value.upper(), "", 7, None, [value]]
    if isinstance(value, list):
        return [value[:-1], [*value, *value[-1:]], value[::-1], {}, None, *([[*value, "x"]] if value else [["x"]])]
    return common


def still_true(path, old, new):
    """Whether a change leaves a statement that is true, so that it has to be accepted."""
    where = ".".join(map(str, path))
    number = isinstance(new, int | float) and not isinstance(new, bool) and new >= 0
    if FREE.fullmatch(where):
        return None
    if re.fullmatch(r"claims\.\d+\.hypotheses", where):
        return None  # each one listed is re-derived; none has to be listed
    if where in ("problem.merge_duplicates", "base.distance") and new in (True, 0):
        return None  # without equal rows merging them changes nothing, and −0 is 0
    later = ("problem.radius", "problem.reparameterised", "problem.names", "problem.count")
    if where in later and new == "__missing__":
        return True  # as in certificates that were written before there was this member
    if re.search(r"witness\.z", where):
        return None  # another z may still prove the lower end
    if re.fullmatch(r"claims\.\d+\.hypotheses\.2\.value", where) and new is None:
        return True  # rank without a number: K ≻ 0
    if re.fullmatch(r"claims\.\d+\.witness\.equal_rows", where) and new == [3, 1]:
        return True
    if re.fullmatch(r"claims\.\d+\.hypotheses\.\d+\.value", where) and number and old is not None:
        return new <= old and not (path[3] == 0)
    if re.fullmatch(r"claims\.0\.(lower|upper)", where) and number and old is not None:
        looser = new > old if path[2] == "upper" else 0 < new < old
        return looser and new <= 1e3
    if re.fullmatch(r"base\.(residual|shift_worst)", where):
        return None  # checked on its own: a bound may be loose by 2^-30 of the network's reach
    if re.fullmatch(r"claims\.1\.row_(lower|upper)\.\d+", where):
        return None  # checked on its own: looser ends of a row that is not the largest are true
    return False


@pytest.fixture(scope="module", params=["tanh", "relu", "targets", "equal rows"])
def honest(request, tmp_path_factory) -> tuple[dict, Path]:
    folder = tmp_path_factory.mktemp("honest")
    gates = [{"quantity": "modulus", "max": 1e3, "rationale": "why"}, {"quantity": "sample_modulus", "min": 1e-3}]
    if request.param == "equal rows":
        return equal_rows(folder), folder
    case = plain(gates=gates if request.param != "targets" else gates[:1], rows=[0, 2, 3],
                 activation="relu" if request.param == "relu" else "tanh",
                 parameter="targets" if request.param == "targets" else "features")
    certificate = emitter.emit(case, folder)
    run(certificate, folder)
    return certificate, folder


def equal_rows(folder: Path, **changes) -> dict:
    """An honest refutation: rows 1 and 3 are equal and row 3 may move."""
    case = plain(**({"rows": [2, 3]} | changes))
    case.X[3] = case.X[1]
    other = copy.deepcopy(case)
    other.X[3] += 1
    certificate = emitter.emit(other, folder)
    emitter.write_files(case, folder)
    certificate["subject"]["data"] = emitter.record(folder / "data.npz", "data.npz")
    certificate["problem"]["groups"] = [[1, 3]]
    certificate["base"] = emitter.base(case, emitter.truth(case))
    for claim in certificate["claims"]:
        claim |= {"lower": None, "upper": None, "witness": {"equal_rows": [1, 3]}, "hypotheses": []}
        if claim["quantity"] == "sample_modulus":
            claim |= {"rows": [], "row_lower": [], "row_upper": []}
        emitter.judge(claim, claim["gate"])
    return emitter.total(certificate)


def test_every_member_changed(honest):
    certificate, folder = honest
    assert run(certificate, folder)
    tried = accepted = 0
    for number, (path, value) in enumerate(list(leaves(certificate))):
        if path[0] == "digest" or (path[0] == "problem" and path[-1] == "rationale"):
            continue
        for new in turn(mutations(value), number):
            forged = changed(certificate, path, new)
            if new == "__missing__":
                place = forged
                for key in path[:-1]:
                    place = place[key]
                if isinstance(place, list):
                    continue
                del place[path[-1]]
            if emitter.canonical(forged) == emitter.canonical(certificate):
                continue
            tried += 1
            expected = still_true(path, value, new)
            try:
                run(forged, folder)
            except Invalid as refusal:
                assert expected is not True, f"{path} = {new!r} is true but refused: {refusal}"
            else:
                accepted += 1
                assert expected is not False, f"{path}: {value!r} changed to {new!r} was accepted"
    assert tried > (400 if FULL else 130)
    assert accepted < tried / 5


def test_looser_ends_of_rows_and_tighter_ones(tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    claim = certificate["claims"][1]
    smallest = min(range(4), key=lambda i: claim["row_upper"][i])
    for side, factor in (("row_lower", 0.5), ("row_upper", 1 + 1e-6)):
        looser = copy.deepcopy(certificate)
        looser["claims"][1][side][smallest] *= factor
        run(looser, tmp_path)
        tighter = copy.deepcopy(certificate)
        tighter["claims"][1][side][smallest] *= 1 + (1 - factor) / 1e3 if factor > 1 else 1 + 1e-9
        with pytest.raises(Invalid, match=f"{side} of row {smallest}"):
            run(tighter, tmp_path)


def test_base_is_an_upper_bound_that_is_not_idle(tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    for name in ("residual", "shift_worst"):
        for factor, match in ((1 - 1e-9, "recomputed"), (1.001, "recomputed"), (1 + 1e-11, None)):
            forged = copy.deepcopy(certificate)
            forged["base"][name] *= factor
            if match is None:
                run(forged, tmp_path)
            else:
                with pytest.raises(Invalid, match=rf"base\.{name}"):
                    run(forged, tmp_path)
    for row in (0, 1, 2, 3, 4):
        forged = copy.deepcopy(certificate)
        forged["base"]["shift_worst_row"] = row
        if row != certificate["base"]["shift_worst_row"]:
            with pytest.raises(Invalid, match="base"):
                run(forged, tmp_path)


@pytest.mark.parametrize("role, name", [("spec", "spec.toml"), ("model", "model.safetensors"), ("data", "data.npz")])
def test_every_byte_of_the_files(role, name, tmp_path):
    path = emitter.write(emitter.emit(plain(), tmp_path), tmp_path)
    data = (tmp_path / name).read_bytes()
    for at in range(len(data)):
        (tmp_path / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
        with pytest.raises(Invalid, match=f"^{role} file .*{re.escape(name)}"):
            check(path, NO_FILES)
    for other in (data[:-1], data + b"\0", b""):
        (tmp_path / name).write_bytes(other)
        with pytest.raises(Invalid, match=f"^{role} file"):
            check(path, NO_FILES)


def test_every_byte_of_the_certificate(tmp_path):
    path = emitter.write(emitter.emit(plain(), tmp_path), tmp_path)
    data = path.read_bytes()
    for at in range(len(data)):
        flip = (1, 0x20, 0x80, 2)[at % 4]
        path.write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1:])
        with pytest.raises(Invalid):
            check(path, NO_FILES)
    twice = data.replace(b'"gates":"met"', b'"gates":"met","gates":"met"')
    for other in (data[:-1], data + b"\n", b" " + data, data.replace(b",", b", ", 1), b"", b"null\n", b"[" * 10**5,
                  b"\xff", twice, data.replace(b"0.1.0", b"\xed\xa0\x80")):
        path.write_bytes(other)
        with pytest.raises(Invalid):
            check(path, NO_FILES)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 400, "9" * 5000])
def test_numbers_that_are_none(number, tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    certificate["claims"][0]["upper"] = 12345.5
    data = emitter.seal(certificate).replace(b"12345.5", number.encode())
    path = tmp_path / "certificate.json"
    path.write_bytes(data)
    with pytest.raises(Invalid):
        check(path, NO_FILES)


def test_a_forger_who_drops_or_swaps_claims_is_caught(tmp_path):
    gates = [{"quantity": "modulus", "max": 1e-3}, {"quantity": "sample_modulus", "max": 1e3}]
    certificate = emitter.emit(plain(gates=gates), tmp_path)
    assert run(certificate, tmp_path).gates == "failed"
    for claims in (certificate["claims"][1:], certificate["claims"][::-1], [certificate["claims"][1]] * 2, []):
        forged = copy.deepcopy(certificate)
        forged["claims"] = copy.deepcopy(claims)
        with pytest.raises(Invalid, match="claims"):
            run(emitter.total(forged), tmp_path)


def test_thresholds_never_come_from_the_certificate(tmp_path):
    gates = [{"quantity": "modulus", "max": 1e-3}]
    certificate = emitter.emit(plain(gates=gates), tmp_path)
    changes = ({"max": 1e3}, {"max": 1e-3 + 1e-18}, {"severity": "warn"}, {"rigour": "estimated"}, {"rationale": ""})
    for change in changes:
        forged = copy.deepcopy(certificate)
        gate = forged["claims"][0]["gate"]
        gate |= change
        emitter.judge(forged["claims"][0], {k: v for k, v in gate.items() if k != "state"})
        with pytest.raises(Invalid, match="verdict|gate"):
            run(emitter.total(forged), tmp_path)


@pytest.mark.parametrize("member, value", [("verdict", "certified"), ("gates", "met")])
def test_overall_words_follow_from_the_claims(member, value, tmp_path):
    certificate = emitter.emit(plain(gates=[{"quantity": "modulus", "max": 1e-3}]), tmp_path)
    certificate[member] = value
    with pytest.raises(Invalid, match=f"^{member}: "):
        run(certificate, tmp_path)


def test_equal_rows_refute_and_forgeries_do_not(tmp_path):
    certificate = equal_rows(tmp_path)
    result = run(certificate, tmp_path)
    assert (result.verdict, result.gates) == ("refuted", "met")
    for pair, match in (([0, 2], "not two equal rows"), ([1, 1], "not two equal rows"), ([1, 7], "not two equal rows"),
                        ([3, 1], None)):
        forged = copy.deepcopy(certificate)
        for claim in forged["claims"]:
            claim["witness"] = {"equal_rows": pair}
        if match is None:
            run(forged, tmp_path)
        else:
            with pytest.raises(Invalid, match=match):
                run(forged, tmp_path)


def test_equal_rows_that_may_not_move_refute_nothing(tmp_path):
    with pytest.raises(Invalid, match="neither may move"):
        run(equal_rows(tmp_path, rows=[0, 2]), tmp_path)


def test_equal_rows_whose_motion_has_no_effect_refute_nothing(tmp_path):
    case = plain()
    weights = [case.weights[0] * 0, case.weights[1]]
    with pytest.raises(Invalid, match="no effect"):
        run(equal_rows(tmp_path, weights=weights), tmp_path)


def test_equal_rows_that_are_merged_refute_nothing(tmp_path):
    certificate = equal_rows(tmp_path)
    certificate["problem"] |= {"merge_duplicates": True, "equations": 6}
    for claim in certificate["claims"]:
        claim["unit"] += " (equal rows move as one)"
    certificate["base"]["residual"] = 0.0
    with pytest.raises(Invalid, match="base.residual"):
        run(certificate, tmp_path)
    case = plain(rows=[2, 3], merge=True)
    case.X[3] = case.X[1]
    certificate["base"] = emitter.base(case, emitter.truth(case))
    with pytest.raises(Invalid, match="merged"):
        run(certificate, tmp_path)


@pytest.mark.parametrize("parameter", ["features", "targets"])
def test_equal_rows_of_a_relu_net_with_a_kink_elsewhere(parameter, tmp_path):
    """Only the pair's own rows have to be smooth; for targets none."""
    case = plain(activation="relu")
    W = [case.weights[0].copy(), case.weights[1]]
    b = [case.biases[0].copy(), case.biases[1]]
    b[0][1] = -float(np_dot(W[0][1], case.X[0]))  # unit 1 is (nearly) at its kink on row 0
    certificate = equal_rows(tmp_path, activation="relu", weights=W, biases=b, parameter=parameter)
    assert run(certificate, tmp_path).verdict == "refuted"


def np_dot(u, v):
    return sum(float(x) * float(y) for x, y in zip(u, v, strict=True))


def test_invalid_quotes_both_sides(tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    honest = certificate["claims"][0]["upper"]
    certificate["claims"][0] |= {"upper": 1.0, "lower": 0.0, "witness": {}}
    with pytest.raises(Invalid) as refusal:
        run(certificate, tmp_path)
    words = str(refusal.value)
    assert "1.0 is stated" in words
    found = float(re.search(r"lip S > ([\d.e+-]+)", words)[1])
    assert 1.0 < found <= honest


def test_digest_alone_is_not_enough(tmp_path):
    path = emitter.write(emitter.emit(plain(), tmp_path), tmp_path)
    value = json.loads(path.read_bytes())
    value["created"] = "2027-01-01T00:00:00Z"
    path.write_bytes(emitter.canonical(value))
    with pytest.raises(Invalid, match="^digest: "):
        check(path, NO_FILES)
