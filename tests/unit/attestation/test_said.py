"""What is signed and said: names from the disk, ends as stated and proved, and the whole question."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from certify.attestation.abridged import LARGEST, abridged
from certify.attestation.envelope import read_envelopes
from certify.attestation.keys import read_public, write_new
from certify.cli.main import main
from certify.format.canonical import digest, encode

from .conftest import GOLDEN, NAME, Place

PRAISE = "approved by the ministry/genuine/model.safetensors"


def changed(place: Place, *steps: str | int, to: Any) -> None:
    """The certificate with another value, as its author may write it."""
    certificate = json.loads(place.certificate.read_bytes())
    holder = certificate
    for step in steps[:-1]:
        holder = holder[step]
    holder[steps[-1]] = to
    certificate["digest"] = digest(certificate)
    place.certificate.write_bytes(encode(certificate))


def attest(place: Place, *more: str) -> int:
    return main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q", *more])


def test_a_recorded_path_is_not_signed(place: Place) -> None:
    """The author of the certificate says where the model lies; the file lies beside the certificate."""
    changed(place, "subject", "model", "path", to=PRAISE)
    assert attest(place) == 0
    for one in read_envelopes(place.file):
        assert b"ministry" not in one.payload and b"genuine" not in one.payload
    assert place.statements()[0]["subject"][0]["name"] == "model.safetensors"
    assert place.verify() == place.verify("--recheck") == 0


def test_a_recorded_place_is_taken_from_the_certificate(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    changed(place, "subject", "data", "path", to="../elsewhere/data.npz")
    (place.folder / "elsewhere").mkdir()
    shutil.move(place.certificate.with_name("data.npz"), place.folder / "elsewhere")
    assert attest(place, "--data", str(place.folder / "elsewhere" / "data.npz")) == 0
    capsys.readouterr()
    assert place.verify("--json", "--recheck") == 0
    assert json.loads(capsys.readouterr().out)["not_compared"] == []
    package = place.folder / "package"
    package.mkdir()
    shutil.copy(place.certificate.with_name("model.safetensors"), package)
    alone = ["verify", str(place.file), str(package), "--key", str(place.folder / "key.pub"), "--json", "-q"]
    assert main(alone) == 0  # without the certificate nothing says where the data is
    assert json.loads(capsys.readouterr().out)["not_compared"] == [
        "spec spec.toml", "data data.npz", "certificate certificate.json"]
    (place.folder / "elsewhere" / "data.npz").write_bytes(b"other data")
    assert place.verify() == 2


def test_a_file_that_the_signer_names_has_its_own_name(place: Place) -> None:
    model = place.certificate.with_name("mine.safetensors")
    shutil.move(place.certificate.with_name("model.safetensors"), model)
    assert attest(place, "--model", str(model)) == 0
    assert place.statements()[0]["subject"][0]["name"] == "mine.safetensors"
    assert place.verify() == place.verify("--recheck") == 0
    model.rename(model.with_name("renamed.safetensors"))
    assert place.verify() == 2


def test_a_model_in_a_folder_has_its_place_in_there(place: Place, tmp_path: Path) -> None:
    weights = place.certificate.parent / "weights"
    weights.mkdir()
    shutil.move(place.certificate.with_name("model.safetensors"), weights)
    assert attest(place, "--model", str(weights / "model.safetensors"), "--folder", str(weights.parent)) == 0
    statement = place.statements()[0]
    assert [one["name"] for one in statement["subject"]] == ["tanh", "weights/model.safetensors"]
    below = place.certificate.with_name("audit")
    below.mkdir()
    shutil.copy(place.certificate, below)
    files = [f"--{role}={place.certificate.parent / name}" for role, name in (
        ("data", "data.npz"), ("model", "weights/model.safetensors"))]
    other = str(place.folder / "other.jsonl")
    spec = str(place.certificate.with_name("spec.toml"))
    assert main(["attest", str(below / "certificate.json"), spec, "--key", str(place.folder / "key"), "-q", *files,
                 "--folder", str(below.parent), "-o", other]) == 0
    predicate = json.loads(read_envelopes(Path(other))[0].payload)["predicate"]
    assert predicate["certificate"]["name"] == "audit/certificate.json"
    shutil.rmtree(below)
    assert place.verify() == place.verify("--recheck") == 0
    moved = shutil.copytree(weights.parent, tmp_path / "moved")
    file = shutil.move(moved / NAME, tmp_path)
    verify = ["verify", str(file), str(moved), "--key", str(place.folder / "key.pub"), "-q"]
    assert main(verify) == 0
    (moved / "weights" / "model.safetensors").write_bytes(b"another model")
    assert main(verify) == 2


@pytest.mark.skipif(os.name == "nt", reason="names of POSIX")
def test_names_of_files_are_escaped_and_text(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    model = place.certificate.with_name("model.safetensors")
    strange = shutil.copy(model, model.with_name("a\n\x1b[31mb.safetensors"))
    assert attest(place, "--model", str(strange)) == 0
    assert main(["verify", str(place.file), "--key", str(place.folder / "key.pub")]) == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err and "\\x1b[31mb.safetensors" in err
    bad = os.fsdecode(os.path.join(os.fsencode(model.parent), b"\xff.safetensors"))
    shutil.copy(model, bad)
    assert attest(place, "--model", str(bad)) == 2
    assert "is not UTF-8" in capsys.readouterr().err


def test_a_wide_end_is_signed_as_stated(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The checker accepts an end that holds, and nothing says that it derived this one."""
    changed(place, "claims", 0, "upper", to=3.0)
    assert attest(place) == 0
    predicate = place.statements()[0]["predicate"]
    assert predicate["claims"][0]["upper"] == 3.0
    assert "the one that the certificate states, and was proved again to hold" in predicate["soundness"]["means"]
    assert "narrower ones may hold too" in predicate["soundness"]["means"]
    line = capsys.readouterr().out
    assert ", 3.0]" in line and "derive" not in line
    assert main(["verify", str(place.file), "--key", str(place.folder / "key.pub"), "--recheck",
                 "-q"]) == 0
    assert "derive" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["change", "signs-of-coefficients", "critical", "rows-added", "one-user"])
def test_the_whole_question_is_signed(place: Place, name: str, tmp_path: Path) -> None:
    path = GOLDEN.with_name(name) / "certificate.json"
    file = tmp_path / "one.jsonl"
    assert main(["attest", str(path), "--key", str(place.folder / "key"), "-q", "-o", str(file)]) in (0, 3, 4)
    stated = json.loads(path.read_bytes())["problem"]
    signed = json.loads(read_envelopes(file)[0].payload)["predicate"]["problem"]
    assert signed == {name: value for name, value in stated.items() if name != "about"}
    assert any(isinstance(value, list) for value in signed.values())


def test_long_lists_are_signed_by_count_and_digest() -> None:
    rows = list(range(5000))
    short = ["a" * (LARGEST - 5)]
    found = abridged({"rows": rows, "fresh": {"box": [rows, rows], "rows": "added"}, "names": short, "about": {"a": 1}})
    assert len(encode(short)) == LARGEST
    assert found == {
        "rows": {"count": 5000, "sha256": hashlib.sha256(encode(rows)).hexdigest()}, "names": short,
        "fresh": {"rows": "added", "box": {"count": 2, "sha256": hashlib.sha256(encode([rows, rows])).hexdigest()}}}


def test_a_second_signer_replaces_nobody(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    before = place.file.read_bytes()
    other = ["attest", str(place.certificate), "--key", str(place.folder / "other"), "-q"]
    assert main(other) == 2
    assert "an attestation that another key signed lies there; name another file with -o" in capsys.readouterr().err
    assert place.file.read_bytes() == before
    both = [*other, "--key", str(place.folder / "key")]
    assert main(both) == 0 and len(json.loads(place.file.read_bytes().splitlines()[0])["signatures"]) == 2
    assert attest(place) == main(other) == 2  # each alone would drop the signature of the other
    assert main(both) == 0


def test_a_file_that_only_names_the_key_is_not_replaced(place: Place) -> None:
    """Its signature is of another key, under the name of this one."""
    lines = [json.loads(line) for line in place.certificate.with_name("other.intoto.jsonl").read_bytes().splitlines()]
    for line in lines:
        line["signatures"][0]["keyid"] = read_public(place.folder / "key.pub").keyid
    place.file.write_bytes(b"".join(map(encode, lines)))
    before = place.file.read_bytes()
    assert attest(place) == 2
    assert place.file.read_bytes() == before


def test_one_password_for_the_key_that_has_one(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    locked, word = place.folder / "locked", place.folder / "word"
    write_new(locked, "ed25519")
    locked.write_bytes(Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")))
    word.write_bytes(b"word\n")
    out = ["-o", str(place.folder / "two.jsonl")]
    assert attest(place, "--key", str(locked), "--password-file", str(word), *out) == 0
    assert attest(place, "--password-file", str(word), *out[:1], str(place.folder / "one.jsonl")) == 2
    assert "it has no password; leave out --password-file" in capsys.readouterr().err
