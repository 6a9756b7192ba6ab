"""Attacks on a signed file: any changed byte, and every other way of making it say something else."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from certify.attestation import eval_result, summary
from certify.attestation.attested import verify
from certify.attestation.envelope import LARGEST, MOST, signed, written
from certify.attestation.keys import read_public
from certify.cli.main import main
from certify.format.canonical import encode
from certify.format.refusal import Invalid

from .conftest import NAME, OTHER, Place

Change = Callable[[dict[str, Any]], Any]


def refused(place: Place, words: str, capsys: pytest.CaptureFixture[str], *more: str) -> None:
    """The command says so on one line, with these words and status 2."""
    assert place.verify(*more) == 2
    out, err = capsys.readouterr()
    assert out.startswith("invalid ") and out.count("\n") == 1 and err == ""
    assert words in out, out


@given(data=st.data())
def test_any_changed_byte_is_refused(
    made: Place, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = bytearray(made.file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    changed = tmp_path_factory.getbasetemp() / "changed.intoto.jsonl"
    changed.write_bytes(content)
    with pytest.raises(Invalid):
        verify(changed, [read_public(made.folder / "key.pub")])


@given(data=st.data())
@pytest.mark.parametrize(("key", "name"), [("key", NAME), ("other", OTHER)])
def test_any_changed_byte_of_payload_or_signature_is_refused(
    made: Place, key: str, name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The bytes behind the base64, for both kinds of keys: one flipped, one more, or the rest cut off."""
    public = [read_public(made.folder / f"{key}.pub")]
    file = made.file.with_name(name)
    assert verify(file, public).keyids == (public[0].keyid,)
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    line = data.draw(st.sampled_from(lines))
    member, holder = data.draw(st.sampled_from([("payload", line), ("sig", line["signatures"][0])]))
    content = bytearray(base64.b64decode(holder[member]))
    at, how = data.draw(st.integers(0, len(content) - 1)), data.draw(st.sampled_from(["flip", "cut", "more"]))
    if how == "flip":
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        content = content[:at] if how == "cut" else content[:at] + b"\0" + content[at:]
    holder[member] = base64.b64encode(content).decode()
    changed = tmp_path_factory.getbasetemp() / "changed.intoto.jsonl"
    changed.write_bytes(b"".join(map(encode, lines)))
    with pytest.raises(Invalid):
        verify(changed, public)


def lines_of(place: Place) -> list[dict[str, Any]]:
    return [json.loads(line) for line in place.file.read_bytes().splitlines()]


def put(place: Place, lines: list[dict[str, Any]]) -> None:
    place.file.write_bytes(b"".join(map(encode, lines)))


def swap_payloads(lines: list[dict[str, Any]]) -> None:
    lines[0]["payload"], lines[1]["payload"] = lines[1]["payload"], lines[0]["payload"]


def two_signatures(lines: list[dict[str, Any]]) -> None:
    lines[0]["signatures"].append({"keyid": "0" * 64, "sig": lines[0]["signatures"][0]["sig"]})


def twice(lines: list[dict[str, Any]]) -> None:
    lines[0]["signatures"] *= 2


def other_type(lines: list[dict[str, Any]]) -> None:
    lines[0]["payloadType"] = "application/json"


def key_inside(lines: list[dict[str, Any]]) -> None:
    lines[0]["signatures"][0]["publicKey"] = "…"


def no_signature(lines: list[dict[str, Any]]) -> None:
    lines[0]["signatures"] = []


def nameless(lines: list[dict[str, Any]]) -> None:
    lines[0]["signatures"][0]["keyid"] = ""


def truncated(lines: list[dict[str, Any]]) -> None:
    lines[0]["payload"] = lines[0]["payload"][:-1]


def spelled(lines: list[dict[str, Any]]) -> None:
    lines[0]["payload"] = lines[0]["payload"][:40] + "\n" + lines[0]["payload"][40:]


ENVELOPES: dict[Callable[[list[dict[str, Any]]], None], str] = {
    swap_payloads: "did not sign these bytes", two_signatures: "the keys given are", twice: "it has signed already",
    other_type: "application/vnd.in-toto+json is needed", key_inside: "publicKey: it is there",
    no_signature: "a list of 1 to", nameless: 'key "" signed', truncated: "whole base64 is needed",
    spelled: "base64",
}


@pytest.mark.parametrize("change", ENVELOPES, ids=lambda change: change.__name__)
def test_an_envelope_that_was_changed_is_refused(
    place: Place, change: Callable[[list[dict[str, Any]]], None], capsys: pytest.CaptureFixture[str],
) -> None:
    lines = lines_of(place)
    change(lines)
    put(place, lines)
    refused(place, ENVELOPES[change], capsys)


BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "1 to"),
    "no JSON": (lambda _: b"words\n", "not JSON"),
    "no object": (lambda _: b"[]\n", "an object is needed"),
    "trailing space": (lambda content: content + b" ", "line 3"),
    "trailing line": (lambda content: content + b"\n", "line 3"),
    "trailing bytes": (lambda content: content[:-1] + b"\0\n", "line 2"),
    "no end": (lambda content: content[:-1], "line 2"),
    "carriage returns": (lambda content: content.replace(b"\n", b"\r\n"), "envelope"),
    "a key twice": (lambda content: content.replace(b'{"payload"', b'{"payloadType":"","payload"', 1), "line 1"),
    "NaN": (lambda content: content.replace(b'"signatures":[', b'"signatures":[NaN,', 1), "not JSON"),
    "too long": (lambda content: content + b" " * LARGEST, "longer than"),
    "too deep": (lambda _: b"[" * 100_000 + b"\n", "nesting"),
    "a long number": (lambda _: b'{"payload":' + b"1" * 10_000 + b"}\n", "not JSON"),
    "many members": (lambda _: b'{"payload":[' + b"[]," * 10**6 + b"[]]}\n", "commas"),
    "too many": (lambda content: content.splitlines(keepends=True)[0] * (MOST + 1), "lines"),
    "no text": (lambda _: b"\xff\xfe\n", "not JSON"),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_attestation_are_refused(place: Place, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    change, words = BYTES[name]
    place.file.write_bytes(change(place.file.read_bytes()))
    refused(place, words, capsys)


def test_a_bundle_that_was_changed_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "--format", "bundle", "-q"]) == 0
    assert place.verify() == 0
    capsys.readouterr()
    whole = lines_of(place)
    for words, path, value in (
            ("v0.3+json is needed", ["mediaType"], "application/vnd.dev.sigstore.bundle.v0.2+json"),
            ("the first signature is of key", ["verificationMaterial", "publicKey", "hint"], "0" * 64),
            ("transparency log", ["verificationMaterial", "tlogEntries"], [{}]),
            ("rawBytes: it is there", ["verificationMaterial", "publicKey", "rawBytes"], "AA=="),
            ("certificate: it is there", ["verificationMaterial", "certificate"], {})):
        lines = copy.deepcopy(whole)
        holder: Any = lines[0]
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = value
        put(place, lines)
        refused(place, words, capsys)


def test_a_forgery_by_another_key_is_refused_with_its_own_name_and_with_the_trusted_one(
    place: Place, capsys: pytest.CaptureFixture[str],
) -> None:
    """The second lie: what the other key signed, under the name of the trusted one. ECDSA is not read as Ed25519."""
    place.sign(place.statements(), key="other")
    refused(place, "the keys given are", capsys)
    lines = lines_of(place)
    for line in lines:
        line["signatures"][0]["keyid"] = place.key().public.keyid
    put(place, lines)
    refused(place, "this ed25519 key did not sign these bytes", capsys)


def test_two_keys_have_to_have_signed_both(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    keys = ["--key", str(place.folder / "other.pub")]
    refused(place, "did not sign", capsys, *keys)
    assert main(["attest", str(place.certificate), "-q", "--key", str(place.folder / "key"),
                 "--key", str(place.folder / "other")]) == 0
    assert place.verify(*keys) == 0
    capsys.readouterr()
    refused(place, "the keys given are", capsys)  # one of the two is not trusted
    lines = lines_of(place)
    lines[0]["signatures"][1]["sig"] = lines[1]["signatures"][1]["sig"]
    put(place, lines)
    refused(place, "did not sign these bytes", capsys, *keys)


def change(*path: str | int, to: Any) -> Change:
    def made(statement: dict[str, Any]) -> dict[str, Any]:
        holder: Any = statement
        for step in path[:-1]:
            holder = holder[step]
        if to is None:
            del holder[path[-1]]
        else:
            holder[path[-1]] = to
        return statement

    return made


P = "predicate"


def _undecided(statement: dict[str, Any]) -> dict[str, Any]:
    """Every verdict as where the solution is too far."""
    for claim in statement[P]["claims"]:
        claim |= {"verdict": "inconclusive", "state": "open"}
    statement[P] |= {"verdict": "inconclusive", "gates": "open"}
    return statement


def _without_threshold(statement: dict[str, Any]) -> dict[str, Any]:
    """The first claim as where nothing was asked of it."""
    statement[P]["claims"][0].update({"threshold": None, "state": None, "verdict": "certified"})
    return statement


SIGNED_LIES: dict[str, tuple[int, Change, str]] = {
    "other statement": (0, change("_type", to="https://in-toto.io/Statement/v0.1"), "Statement/v1 is needed"),
    "no subject": (0, change("subject", to=[]), "a list of 1 to 16 subjects"),
    "many subjects": (0, lambda s: s | {"subject": s["subject"] * 17}, "17 of them"),
    "subject without digest": (0, change("subject", 0, "digest", to=None), "Field required"),
    "subject of another algorithm": (0, change("subject", 0, "digest", to={"sha1": "0" * 40}), "digest"),
    "another subject": (0, change("subject", 0, "digest", "sha256", to="0" * 64), "the summary's model"),
    "another subject there": (1, change("subject", 0, "digest", "sha256", to="0" * 64), "the summary's model"),
    "unknown predicate": (0, change("predicateType", to="https://slsa.dev/provenance/v1"), "the predicates known are"),
    "no predicate": (0, change(P, to=None), "predicate"),
    "predicate of another kind": (0, change(P, to=[]), "an object is needed"),
    "more members": (0, change("more", to=1), "the members are"),
    "more in the predicate": (0, change(P, "more", to=1), "Extra inputs"),
    "no claims": (0, change(P, "claims", to=[]), "at least 1 item"),
    "estimated": (0, change(P, "claims", 0, "rigour", to="estimated"), "Input should be 'proved'"),
    "another mode": (0, change(P, "soundness", "mode", to="estimated"), "Input should be 'proved'"),
    "verdict": (0, change(P, "verdict", to="certified"), "the claims give refuted"),
    "verdict of a claim": (0, change(P, "claims", 1, "verdict", to="certified"), "the ends give refuted"),
    "an end above its threshold": (0, change(P, "claims", 0, "upper", to=4.5), "the ends give inconclusive"),
    "a threshold below": (0, change(P, "claims", 0, "threshold", "value", to=2.0), "the ends give refuted"),
    "infinite with a maximum": (0, change(P, "claims", 0, "infinite", to=True), "infinite"),
    "far": (0, change(P, "solution", "far", to=True), "the ends give inconclusive"),
    "state of a claim": (0, change(P, "claims", 1, "state", to="met"), "the verdict gives failed"),
    "gates": (0, change(P, "gates", to="open"), "the claims give met"),
    "no state": (0, lambda s: change(P, "claims", 0, "state", to="")(s), "state"),
    "words for numbers": (0, change(P, "claims", 0, "lower", to="2.2"), "claims.0.lower"),
    "true for a number": (0, change(P, "claims", 0, "lower", to=True), "claims.0.lower"),
    "no model": (0, lambda s: change(P, "inputs", to=[s[P]["inputs"][0]])(s), "each role once"),
    "two models": (0, lambda s: change(P, "inputs", to=s[P]["inputs"] + [s[P]["inputs"][1]])(s), "each role once"),
    "a time": (0, change(P, "timeVerified", to="yesterday"), "String should match"),
    "no such day": (0, change(P, "timeVerified", to="2026-02-30T00:00:00Z"), "there is no such time"),
    "no such hour": (0, change(P, "timeVerified", to="2026-02-03T25:00:00Z"), "there is no such time"),
    "a distance below 0": (0, change(P, "solution", "distance", to=-1.0), "greater than or equal to 0"),
    "a cap below 0": (0, change(P, "solution", "within", to=-1.0), "greater than or equal to 0"),
    "a policy's cap below 0": (0, change(P, "policy", "within", to=-1.0), "greater than or equal to 0"),
    "a norm below 0": (0, change(P, "solution", "shift_norm", to=-1.0), "greater than or equal to 0"),
    "a tilt without norm": (0, change(P, "solution", "tilt", to="output"), "a tilt and its norm stand together"),
    "a norm without tilt": (0, change(P, "solution", "shift_norm", to=0.5), "a tilt and its norm stand together"),
    "a tilt of another kind": (0, change(P, "solution", "tilt", to="slightly"), "Input should be"),
    "an end below 0": (0, change(P, "claims", 0, "lower", to=-1.0), "no modulus is below 0"),
    "far without a distance": (0, lambda s: change(P, "solution", to={
        "distance": None, "within": 1e-6, "far": True, "tilt": None, "shift_norm": None})(_undecided(s)),
        "a distance and a cap are needed"),
    "a source of thresholds": (0, change(P, "policy", "source", to="the ministry"), "Input should be 'none'"),
    "a command line without thresholds": (0, change(P, "policy", "source", to="the command line"), "policy"),
    "thresholds that no claim has": (0, change(P, "policy", to={
        "source": "the command line", "asked": ["max modulus=1.0"], "within": None}), "policy"),
    "an empty threshold": (0, lambda s: change(P, "policy", to={
        "source": "the command line", "asked": [""], "within": None})(_without_threshold(s)), "policy"),
    "no number as threshold": (0, change(P, "policy", "asked", to=["max modulus=nan"]), "policy"),
    "a way to the certificate": (0, change(P, "certificate", "name", to="../certificate.json"), "without a way"),
    "a way to data": (0, change(P, "inputs", 2, "name", to="approved/data.npz"), "without a way"),
    "no name": (0, change(P, "inputs", 2, "name", to=".."), "without a way"),
    "a null in a name": (0, change(P, "inputs", 2, "name", to="data\0.npz"), "without a way"),
    "a way to the model": (0, lambda s: change(P, "inputs", 1, "name", to="genuine/m")(
        change("subject", 0, "name", to="genuine/m")(s)), "without a way"),
    "a folder elsewhere": (0, change(P, "folder", to={"name": "a/b", "ignored": [], "resources": [
        {"name": "model.safetensors", "digest": {"sha256": "0" * 64}}]}), "the folder has no such file"),
    "a file above the folder": (0, change(P, "folder", to={"name": "a", "ignored": [], "resources": [
        {"name": "../model.safetensors", "digest": {"sha256": "0" * 64}}]}), "a path below the folder"),
    "passed": (1, change(P, "claims", 1, "passed", to=True), "the summary beside it"),
    "another threshold": (1, change(P, "claims", 0, "threshold", to="3.0"), "the summary beside it"),
    "a number as threshold": (1, change(P, "claims", 0, "threshold", to=4.0), "valid string"),
    "another evidence": (1, change(P, "evidence", 0, "digest", "sha256", to="0" * 64), "the summary beside it"),
    "another time": (1, change(P, "evaluatedAt", to="2020-01-01T00:00:00Z"), "the summary beside it"),
    "assurance": (1, change(P, "assuranceLevel", to="enclave_attested"), "Input should be"),
}


@pytest.mark.parametrize("name", SIGNED_LIES)
def test_a_statement_that_is_signed_and_wrong_is_refused(
    place: Place, name: str, capsys: pytest.CaptureFixture[str],
) -> None:
    which, lie, words = SIGNED_LIES[name]
    statements = place.statements()
    statements[which] = lie(statements[which])
    place.sign(statements)
    refused(place, words, capsys)


def test_files_of_the_wrong_statements_are_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = place.statements()
    place.sign([second])
    refused(place, "eval-result alone", capsys)
    place.sign([first, first])
    refused(place, "two statements of type verification summary", capsys)
    place.sign([first])
    assert place.verify() == 0


PAYLOADS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a key twice": (lambda text: text.replace(b'{"_type"', b'{"_type":"","_type"', 1), "payload"),
    "NaN": (lambda text: text.replace(b"4.0", b"NaN", 1), "not JSON"),
    "infinity": (lambda text: text.replace(b"4.0", b"1e999", 1), "not JSON"),
    "spaces": (lambda text: text.replace(b":", b": ", 1), "canonical form"),
    "trailing bytes": (lambda text: text + b"{}", "not JSON"),
    "trailing space": (lambda text: text + b" ", "canonical form"),
    "no text": (lambda text: b"\xff" + text, "not JSON"),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_that_is_signed_and_ambiguous_is_refused(
    place: Place, name: str, capsys: pytest.CaptureFixture[str],
) -> None:
    spoil, words = PAYLOADS[name]
    place.sign(place.statements(), dump=lambda value: spoil(encode(value)))
    refused(place, words, capsys)


def test_a_file_that_is_not_there_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.file.unlink()
    refused(place, "there is no such file", capsys)
    place.file.mkdir()
    refused(place, "it is a folder", capsys)


@given(content=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_refused_or_read(content: bytes, tmp_path_factory: pytest.TempPathFactory, made: Place) -> None:
    assume(content != made.file.read_bytes())
    path = tmp_path_factory.getbasetemp() / NAME
    path.write_bytes(content)
    with pytest.raises(Invalid):
        verify(path, [read_public(made.folder / "key.pub")])


JSON = st.recursive(st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=6)


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [here] if here else []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += paths(inner, (*here, key))
    return found


@given(data=st.data())
def test_any_signed_value_anywhere_is_read_or_refused_in_one_line(
    made: Place, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A signer may sign anything: whatever stands there, nothing else than `Invalid` comes of it."""
    statements = made.statements()
    which = data.draw(st.integers(0, 1))
    path = data.draw(st.sampled_from(paths(statements[which])))
    statements[which] = change(*path, to=data.draw(JSON))(statements[which])
    file = tmp_path_factory.getbasetemp() / "any.intoto.jsonl"
    file.write_bytes(written([signed(encode(one), [made.key()]) for one in statements], "dsse"))
    try:
        verify(file, [read_public(made.folder / "key.pub")])
    except Invalid as error:
        assert "\n" not in str(error).replace("\\n", "")


def test_the_golden_types_never_change() -> None:
    assert summary.TYPE == "https://certify/attestation/verification-summary/v1"
    assert eval_result.TYPE == "https://in-toto.io/attestation/eval-result/v0.1"
