"""What others read: securesystemslib envelopes, in-toto statements, sigstore bundles, model-signing folders."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from certify.attestation import eval_result, summary
from certify.attestation.envelope import Envelope, parsed, require_signed
from certify.attestation.keys import read_public
from certify.attestation.manifest import manifest, root
from certify.attestation.statement import subjects_of
from certify.attestation.summary import read_summary
from certify.cli.main import main
from certify.format.refusal import Invalid

from .conftest import GOLDEN, Place

THEIRS = Path(__file__).parent / "model_signing"
"""What model-signing 1.1.1 wrote for the folder of the golden certificate, and the public key."""


def attest(place: Place, key: str, *more: str) -> list[dict[str, Any]]:
    """Sign again, and return the lines as plain JSON."""
    place.file.unlink()
    assert main(["attest", str(place.certificate), "--key", str(place.folder / key), "-q", *more]) == 0
    return [json.loads(line) for line in place.file.read_bytes().splitlines()]


@pytest.mark.parametrize("key", ["key", "other"])
def test_envelopes_are_verified_by_securesystemslib(place: Place, key: str) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    ours = read_public(place.folder / f"{key}.pub")
    theirs = SSlibKey.from_crypto(load_pem_public_key(ours.pem), keyid=ours.keyid)
    lines = attest(place, key)
    assert len(lines) == 2
    for line in lines:
        envelope = dsse.Envelope.from_dict(copy.deepcopy(line))
        assert [*envelope.verify([theirs], 1)] == [ours.keyid]
        line["payload"] = base64.b64encode(base64.b64decode(line["payload"]).replace(b"met", b"not")).decode()
        with pytest.raises(VerificationError):
            dsse.Envelope.from_dict(line).verify([theirs], 1)


@pytest.mark.parametrize("key", ["key", "other"])
def test_envelopes_of_securesystemslib_are_verified_here(place: Place, key: str) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner, SSlibKey

    ours, private = read_public(place.folder / f"{key}.pub"), load_pem_private_key(
        (place.folder / key).read_bytes(), None)
    public = SSlibKey.from_crypto(private.public_key(), keyid=ours.keyid)
    envelope = dsse.Envelope(b"{}\n", "application/vnd.in-toto+json", {})
    envelope.sign(CryptoSigner(private, public))
    line = (json.dumps(envelope.to_dict(), sort_keys=True, separators=(",", ":")) + "\n").encode()
    found, = parsed(line)
    assert found.message == envelope.pae()
    require_signed(found, [ours], "")
    with pytest.raises(Invalid, match="did not sign these bytes"):
        require_signed(Envelope(found.payload_type, b"{} \n", found.signatures), [ours], "")


def test_statements_are_read_by_in_toto(place: Place) -> None:
    statement = pytest.importorskip("in_toto_attestation.v1.statement")
    from google.protobuf import json_format
    from in_toto_attestation.v1 import statement_pb2

    types = []
    for line in attest(place, "key"):
        read = json_format.Parse(base64.b64decode(line["payload"]), statement_pb2.Statement())
        statement.Statement.copy_from_pb(read).validate()
        types.append(read.predicate_type)
        assert [one.name for one in read.subject] == ["model.safetensors"]
    assert types == [summary.TYPE, eval_result.TYPE]


def test_bundles_are_read_by_sigstore_and_model_signing(place: Place, tmp_path: Path) -> None:
    """The signature too, by its key; what it stops at is that the predicate is not its own."""
    pb = pytest.importorskip("model_signing._signing.sign_sigstore_pb")
    ec = pytest.importorskip("model_signing._signing.sign_ec_key")
    lines = attest(place, "other", "--format", "bundle")
    verifier = ec.Verifier(place.folder / "other.pub")
    for line in lines:
        one = tmp_path / "one.sigstore.json"
        one.write_text(json.dumps(line))
        read = pb.Signature.read(one)
        kind, payload = verifier._verify_signed_content(read)
        assert kind == "application/vnd.in-toto+json" and json.loads(payload)["predicateType"] in (
            summary.TYPE, eval_result.TYPE)
        with pytest.raises(ValueError, match="Predicate type mismatch"):
            verifier.verify(read)
        line["dsseEnvelope"]["payload"] = base64.b64encode(payload + b" ").decode()
        one.write_text(json.dumps(line))
        from cryptography.exceptions import InvalidSignature
        with pytest.raises(InvalidSignature):
            verifier._verify_signed_content(pb.Signature.read(one))
    assert place.verify(key="other") == 0


def test_a_folder_is_the_subject_that_model_signing_signed() -> None:
    """Its file holds the folder of the golden certificate: no package is needed to compare."""
    bundle = json.loads((THEIRS / "tanh.sig").read_bytes())
    theirs = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    ours = manifest(GOLDEN)
    assert theirs["subject"] == [{"name": "tanh", "digest": {"sha256": ours.sha256}}]
    assert [(one["name"], one["digest"]) for one in theirs["predicate"]["resources"]] == list(ours.files)
    key = read_public(THEIRS / "k.pub")  # and its key has the same name there
    assert bundle["verificationMaterial"]["publicKey"]["hint"] == key.keyid
    envelope = Envelope("application/vnd.in-toto+json", base64.b64decode(bundle["dsseEnvelope"]["payload"]), ())
    signature, = bundle["dsseEnvelope"]["signatures"]
    assert key.verified(base64.b64decode(signature["sig"]), envelope.message)


def test_one_folder_is_signed_by_both_and_a_change_is_seen_by_both(place: Place) -> None:
    pytest.importorskip("model_signing")
    from model_signing import hashing, signing, verifying

    folder, sig = place.folder / "tanh", place.folder / "model.sig"
    statement = json.loads(base64.b64decode(attest(place, "other", "--folder", str(folder))[0]["payload"]))
    assert [one["name"] for one in statement["subject"]] == ["tanh", "model.safetensors"]
    assert statement["predicate"]["folder"]["ignored"] == [place.file.name]
    left_out = hashing.Config().set_ignored_paths(paths=[place.file.name])
    signing.Config().use_elliptic_key_signer(private_key=place.folder / "other").set_hashing_config(
        left_out).sign(folder, sig)
    theirs = json.loads(base64.b64decode(json.loads(sig.read_bytes())["dsseEnvelope"]["payload"]))
    assert theirs["subject"] == statement["subject"][:1]

    check = verifying.Config().use_elliptic_key_verifier(public_key=place.folder / "other.pub")
    check.verify(folder, sig)
    assert place.verify(key="other") == 0
    (folder / "more").write_bytes(b"")
    with pytest.raises(ValueError, match="mismatch"):
        verifying.Config().use_elliptic_key_verifier(public_key=place.folder / "other.pub").verify(folder, sig)
    assert place.verify(key="other") == 2


def test_the_schema_in_the_package_is_that_of_the_classes_and_fits(place: Place) -> None:
    path = Path(summary.__file__).parent / "schema" / "verification-summary-v1.json"
    schema = json.loads(path.read_bytes())
    assert schema == summary.schema(), "write schema() into the file"
    jsonschema = pytest.importorskip("jsonschema")
    predicate = place.statements()[0]["predicate"]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(predicate, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(predicate | {"gates": "surely"}, schema)


def test_the_eval_result_has_the_members_of_the_draft(place: Place) -> None:
    """Pull request 575 as of 28 September 2026: required members, and thresholds that are decimal strings."""
    first, second = place.statements()
    predicate = second["predicate"]
    assert set(predicate) == {"evaluator", "evaluatedAt", "suite", "claims", "sampleSize", "model", "dataset",
                              "assuranceLevel", "subjectProfile", "evidence", "harness"}
    assert predicate["assuranceLevel"] == "self_attested" and predicate["sampleSize"] == 4
    assert [(c["metric"], c["comparator"], c["threshold"], c["passed"]) for c in predicate["claims"]] == [
        ("modulus", "<=", "4.0", True), ("sample_modulus", "<=", "0.5", False), ("sample_modulus", ">=", "0.5", True)]
    assert predicate["model"] == first["subject"][0]
    found = read_summary(first["predicate"], "predicate")
    assert root([found.inputs[1].digest.sha256]) != found.inputs[1].digest.sha256  # no digest of a digest
    assert [one.model_dump() for one in subjects_of(found)] == first["subject"] == second["subject"]
