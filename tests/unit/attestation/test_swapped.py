"""Files that were not attested, beside copies of those that were; and what else a hostile folder or file can try."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from certify.attestation.envelope import parsed
from certify.cli.main import main
from certify.format.canonical import digest, encode
from certify.format.refusal import Invalid

from .conftest import GOLDEN, NAME, Place


def sign(place: Place, *more: str) -> int:
    return main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q", *more])


def verify(place: Place, file: Path, *folders: Path, more: tuple[str, ...] = ()) -> int:
    return main(["verify", str(file), *map(str, folders), "--key", str(place.folder / "key.pub"), "-q", *more])


@pytest.fixture
def away(place: Place) -> Path:
    """An attestation of the folder, which lies elsewhere."""
    file = place.folder / "away.jsonl"
    place.file.unlink()
    place.file.with_name("other.intoto.jsonl").unlink()
    assert sign(place, "--folder", str(place.certificate.parent), "-o", str(file)) == 0
    return file


def test_a_whole_copy_does_not_vouch_for_a_folder_that_was_changed(
    place: Place, away: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    folder = place.certificate.parent
    package = place.folder / "package"
    shutil.copytree(folder, package)
    assert verify(place, away, package) == 0
    (package / "more.py").write_bytes(b"")
    shutil.copytree(folder, package / folder.name)
    capsys.readouterr()
    for more in ((), ("--certificate", str(place.certificate)), ("--recheck",)):
        assert verify(place, away, package, more=more) == 2
        assert '"more.py" is there, and was not signed' in capsys.readouterr().out.replace(f'"{folder.name}/', '"')
    shutil.rmtree(package / folder.name)
    assert verify(place, away, package, folder) == 2
    assert '"more.py" is there' in capsys.readouterr().out


def recorded(place: Place, path: str) -> None:
    """A certificate that records the model elsewhere; it lies beside the certificate all the same."""
    certificate = json.loads(place.certificate.read_bytes())
    certificate["subject"]["model"]["path"] = path
    certificate["digest"] = digest(certificate)
    place.certificate.write_bytes(encode(certificate))


@pytest.mark.parametrize("bad", ["first/model.safetensors", "model.safetensors"])
def test_a_copy_at_the_recorded_place_does_not_vouch_for_the_model(
    place: Place, bad: str, capsys: pytest.CaptureFixture[str],
) -> None:
    """Nor one beside the certificate for the model at the recorded place, which the spec in there means."""
    recorded(place, "first/model.safetensors")
    assert sign(place) == 0
    package = place.folder / "package"
    (package / "first").mkdir(parents=True)
    shutil.copy(place.certificate, package)
    shutil.copy(GOLDEN / "model.safetensors", package / "first")
    assert verify(place, place.file, package) == 0
    shutil.copy(GOLDEN / "model.safetensors", package)
    shutil.copy(place.file, package)
    assert verify(place, package / NAME) == verify(place, place.file, package) == 0
    (package / bad).write_bytes(b"another model")
    capsys.readouterr()
    for folders in ((package,), ()):
        assert verify(place, package / NAME, *folders) == 2
        assert "its bytes have another" in capsys.readouterr().out


def test_a_model_outside_the_folder_that_is_named_is_not_the_model(
    place: Place, capsys: pytest.CaptureFixture[str],
) -> None:
    recorded(place, "../model.safetensors")
    assert sign(place) == 0
    folder = place.folder / "folder"
    folder.mkdir()
    shutil.copy(GOLDEN / "model.safetensors", place.folder)
    capsys.readouterr()
    assert verify(place, place.file, folder) == 2
    assert 'no file of this name is in "' in capsys.readouterr().out
    assert verify(place, place.file, folder, more=("--certificate", str(place.certificate))) == 2
    assert verify(place, place.file, place.folder) == 0
    assert place.verify() == 0


@pytest.mark.parametrize(("name", "words"), [("none", "no such folder"), ("tanh/model.safetensors", "it is a file")])
def test_a_folder_that_is_none_is_said(place: Place, name: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--certificate", str(place.certificate))
    assert verify(place, place.file, place.folder / name, more=more) == 2
    assert words in capsys.readouterr().err


def test_what_was_left_out_is_said(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    cache = place.certificate.with_name("cache")
    cache.mkdir()
    assert sign(place, "--folder", str(cache.parent), "--ignore", "cache", "--ignore", "other.intoto.jsonl") == 0
    (cache / "code.py").write_bytes(b"")
    assert main(["verify", str(place.file), "--key", str(place.folder / "key.pub")]) == 0
    assert f"left out of the folder when it was signed: cache, other.intoto.jsonl, {NAME}, .git," in (
        capsys.readouterr().err)


def test_a_private_key_in_the_folder_is_not_signed_over(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    before = place.file.read_bytes()
    shutil.copy(place.folder / "key", place.certificate.with_name("key"))
    folder = str(place.certificate.parent)
    assert main(["attest", str(place.certificate), "--key", f"{folder}/key", "-q", "--folder", folder]) == 2
    assert "the private key key lies in it" in capsys.readouterr().err
    assert place.file.read_bytes() == before


def test_no_more_keys_sign_than_are_read_again(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    two = ["--key", str(place.folder / "other")]
    before = place.file.read_bytes()
    assert sign(place, *two, "--format", "bundle") == 2
    assert "2 keys sign; 1 can in this format" in capsys.readouterr().err
    keys = []
    for number in range(8):
        keys += ["--key", str(place.folder / f"k{number}")]
        assert main(["attest", "--new-key", keys[-1], "-q"]) == 0
    assert sign(place, *keys) == 2
    assert "9 keys sign; 8 can in this format" in capsys.readouterr().err
    assert place.file.read_bytes() == before


def test_a_bundle_with_two_signatures_is_refused(place: Place) -> None:
    line = json.loads(place.file.read_bytes().splitlines()[0])
    keyid = line["signatures"][0]["keyid"]
    bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": line,
              "verificationMaterial": {"publicKey": {"hint": keyid}, "tlogEntries": []}}
    assert len(parsed(encode(bundle))) == 1
    line["signatures"] *= 2
    with pytest.raises(Invalid, match="a bundle has one signature"):
        parsed(encode(bundle))


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("change", [
    {"predicateType": []}, {"predicateType": {}}, {"_type": nested(900)}, {"subject": [nested(900)]}],
    ids=["a list", "an object", "deep type", "deep subject"])
def test_signed_values_of_other_types_end_in_one_line(
    place: Place, change: dict[str, Any], capsys: pytest.CaptureFixture[str],
) -> None:
    statements = place.statements()
    place.sign([statements[0] | change, statements[1]])
    assert place.verify() == 2
    assert capsys.readouterr().out.startswith("invalid line 1: ")
    assert sign(place) == 2  # it does not take the place of what is no attestation


def test_unsigned_values_that_are_deep_end_in_one_line(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.file.write_bytes(encode({"mediaType": nested(900), "dsseEnvelope": 0, "verificationMaterial": 0}))
    assert place.verify() == 2
    assert capsys.readouterr().out.startswith("invalid line 1: mediaType: [[[")
    assert sign(place) == 2


@pytest.mark.parametrize("long", ["A" * 300, "A" * 300 + "/model.safetensors"])
def test_names_that_no_system_has_are_not_found(place: Place, long: str, capsys: pytest.CaptureFixture[str]) -> None:
    statement = place.statements()[0]
    for one in statement["predicate"]["inputs"]:
        if one["role"] == "data" or "/" in long:
            one["name"] = long if one["role"] != "model" else "model.safetensors"
    statement["predicate"]["certificate"]["name"] = long
    place.sign([statement])
    assert place.verify() in (0, 2)
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "Traceback" not in out


def test_a_recorded_path_that_no_system_has(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(place, "A" * 300 + "/model.safetensors")
    assert sign(place) == 0 and place.verify() == 0
    recorded(place, "a/" * 2500 + "model.safetensors")
    assert sign(place) == 0 and place.verify() == place.verify("--recheck") == 0


def test_ends_in_the_wrong_order_are_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    statement = place.statements()[0]
    statement["predicate"]["claims"][0] |= {"lower": 3.0, "upper": 1.0}
    place.certificate.unlink()
    place.sign([statement])
    assert place.verify() == 2
    assert "which is below" in capsys.readouterr().out


@pytest.mark.parametrize("epoch", ["9" * 20, "999999999999", "-1", "x"])
def test_a_time_that_is_none_is_now(place: Place, epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    assert sign(place) == place.verify() == 0


@pytest.mark.parametrize(("name", "data", "size"), [
    ("noise", "more.npz", 12), ("signs-of-coefficients", "data.npz", 24)])
def test_the_sample_is_counted_in_the_file_that_is_named(place: Place, name: str, data: str, size: int) -> None:
    file = place.folder / "one.jsonl"
    assert main(["attest", str(GOLDEN.with_name(name) / "certificate.json"), "--key", str(place.folder / "key"), "-q",
                 "-o", str(file)]) in (0, 3, 4)
    second = json.loads(base64.b64decode(json.loads(file.read_bytes().splitlines()[1])["payload"]))["predicate"]
    assert (second["dataset"]["name"], second["sampleSize"]) == (data, size)


def test_thresholds_of_the_signer_are_not_called_those_of_the_reader(
    place: Place, capsys: pytest.CaptureFixture[str],
) -> None:
    assert sign(place, "--max", "modulus=1e9") == 0
    capsys.readouterr()
    assert place.verify() == 0
    assert "[thresholds: the signer's command line (max modulus=1000000000.0) and the digest-bound spec;" in (
        capsys.readouterr().out)


def test_a_cap_of_the_signer_is_said(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Under the spec's cap nothing is decided; what the signer changed stands in the line."""
    folder, file = GOLDEN.with_name("nearby"), place.folder / "one.jsonl"
    attest = ["attest", str(folder / "certificate.json"), "--key", str(place.folder / "key"), "-q", "-o", str(file)]
    assert main(attest) == verify(place, file, folder) == 4
    assert "not about these weights" in capsys.readouterr().out.splitlines()[-1]
    assert main([*attest, "--within", "1e9"]) == verify(place, file, folder, more=("--recheck",)) == 0
    assert "within 1000000000.0 of their length counts, by the signer's command line" in (
        capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(("claims", "words"), [
    (slice(0, 1), "number of claims: 1 was signed, but the check gives 3"),
    (slice(None, None, -1), "claims[0].lower: 1.6200254198050907 was signed, but the check gives 2.2152848397610487")])
def test_the_check_again_says_what_differs(
    place: Place, claims: slice, words: str, capsys: pytest.CaptureFixture[str],
) -> None:
    statement = place.statements()[0]
    predicate = statement["predicate"]
    predicate["claims"] = predicate["claims"][claims]
    predicate["verdict"] = "certified" if len(predicate["claims"]) == 1 else "refuted"
    place.sign([statement])
    assert place.verify() == 0
    capsys.readouterr()
    assert place.verify("--recheck") == 2
    assert words in capsys.readouterr().out


def test_a_threshold_that_is_said_to_be_the_spec_s_is_that_of_the_certificate(
    place: Place, capsys: pytest.CaptureFixture[str],
) -> None:
    statement = place.statements()[0]
    for member, value in (("value", 1e9), ("severity", "warn")):
        changed = json.loads(json.dumps(statement))
        changed["predicate"]["claims"][0]["threshold"][member] = value
        place.sign([changed])
        assert place.verify() == 2
        assert "the certificate has no such claim" in capsys.readouterr().out
    changed = json.loads(json.dumps(statement))
    changed["predicate"]["claims"][0] |= {"threshold": None, "state": None}
    place.sign([changed])
    assert place.verify() == 2
    place.sign([statement])
    assert place.verify() == 0
