"""`certify attest` and `certify verify`: exit statuses, files on disk, the check again, and what is never written."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from certify.attestation.envelope import read_envelopes
from certify.cli.attesting import verifying
from certify.cli.main import main
from tests.families.small import SPEC, gate, write

from .conftest import NAME, OTHER, WITNESSED, Place


def test_what_is_signed_is_what_the_checker_proved(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    from certify.check.run import check

    result = check(place.certificate, {})
    summary = place.statements()[0]["predicate"]
    assert [(one["lower"], one["upper"], one["verdict"]) for one in summary["claims"]] == [
        (one.claim.lower, one.claim.upper, one.verdict) for one in result.outcomes]
    assert {one["role"]: one["digest"]["sha256"] for one in summary["inputs"]} == {
        role: sha256 for role, _, sha256 in result.files}
    assert place.verify() == 0
    line = capsys.readouterr().out
    assert line.startswith(f"signed by {place.key().public.keyid[:12]}: the checker ") and " found refuted " in line
    assert "genuine" not in line and "authentic" not in line


def test_notes_say_what_a_signature_does_not(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(place.file), "--key", str(place.folder / "key.pub")]) == 0
    err = capsys.readouterr().err
    assert "it does not say that model or data are genuine" in err and "the claims are the signer's word" in err
    assert main(["verify", str(place.file), "--key", str(place.folder / "key.pub"), "--recheck"]) == 0
    assert "the check was run again, and found the same" in capsys.readouterr().err


@pytest.mark.parametrize(("gates", "status"), [
    (gate(max=1e6), 0), (gate(max=1e-6), 3), ("", 0), (gate(max=1e-6, severity="warn"), 0)])
@pytest.mark.parametrize("form", ["dsse", "bundle"])
def test_statuses_are_those_of_the_check(place: Place, tmp_path: Path, gates: str, status: int, form: str) -> None:
    spec = write(tmp_path, SPEC + gates)
    assert main(["run", str(spec), "-q"]) == status
    certificate = str(tmp_path / "certificate.json")
    assert main(["check", certificate, "-q"]) == status
    assert main(["attest", certificate, "--key", str(place.folder / "key"), "--format", form, "-q"]) == status
    verify = ["verify", str(tmp_path / NAME), "--key", str(place.folder / "key.pub"), "-q"]
    assert main(verify) == main([*verify, "--recheck"]) == main([*verify, "--signature-only"]) == status
    assert len(read_envelopes(tmp_path / NAME)) == (2 if gates else 1)  # no threshold, no eval-result


def test_an_open_gate_is_signed_as_open(place: Place, tmp_path: Path) -> None:
    spec = write(tmp_path, SPEC + gate(max=1e6) + "\n[run]\ntime_limit = 1e-9\n")
    assert main(["run", str(spec), "-q"]) == 4
    assert main(["attest", str(tmp_path / "certificate.json"), "--key", str(place.folder / "key"), "-q"]) == 4
    here = Place(tmp_path)
    shutil.copytree(place.folder, tmp_path, dirs_exist_ok=True)
    shutil.move(tmp_path / NAME, here.file)
    second = here.statements()[1]["predicate"]
    assert [(one["passed"], one["verdict"]) for one in second["claims"]] == [(False, "inconclusive")]
    assert main(["verify", str(here.file), "--key", str(tmp_path / "key.pub"), "--signature-only", "-q"]) == 4


def test_what_the_checker_refuses_is_not_signed(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    before = place.file.read_bytes()
    for name, words in (("data.npz", "data file"), ("certificate.json", "byte")):
        path = place.certificate.with_name(name)
        content = path.read_bytes()
        path.write_bytes(content[:-2] + b"!" + content[-1:])
        assert main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q"]) == 2
        out, err = capsys.readouterr()
        assert out.startswith("invalid ") and words in out and out.count("\n") == 1 and err == ""
        path.write_bytes(content)
    assert place.file.read_bytes() == before


def test_a_certificate_that_changes_during_the_check_is_not_signed(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    from certify.cli.attesting import checked

    other = WITNESSED / "certificate.json"
    monkeypatch.setattr(checked, "read_bytes", lambda path, name: other.read_bytes())  # what was read first
    assert main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q"]) == 2
    assert "it changed while it was checked" in capsys.readouterr().out


def test_thresholds_of_the_caller_are_the_policy_and_are_used_again(place: Place) -> None:
    asked = ["--max", "modulus=1.0", "--min", "sample_modulus=0.25"]
    assert main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q", *asked]) == 3
    policy = place.statements()[0]["predicate"]["policy"]
    assert policy == {"source": "the command line", "asked": ["max modulus=1.0", "min sample_modulus=0.25"],
                      "within": None}
    assert place.verify() == place.verify("--recheck") == 3


def test_a_certificate_with_a_side_file_and_evaluation_rows(place: Place) -> None:
    folder = place.folder / "rows"
    shutil.copytree(WITNESSED, folder)
    status = main(["check", str(folder / "certificate.json"), "-q"])
    assert main(["attest", str(folder / "certificate.json"), "--key", str(place.folder / "key"), "-q"]) == status
    verify = ["verify", str(folder / NAME), "--key", str(place.folder / "key.pub"), "-q"]
    assert main([*verify, "--recheck"]) == status
    statement = json.loads(read_envelopes(folder / NAME)[0].payload)["predicate"]
    roles = [one["role"] for one in statement["inputs"]]
    assert {"spec", "model", "data", "witness"} <= set(roles)
    assert "label" in statement["claims"][0]["scope"]  # what a verdict line has to say beside the ends
    (folder / "witness.safetensors").write_bytes(b"")
    assert main(verify) == 2


@pytest.mark.parametrize("name", ["model.safetensors", "data.npz", "spec.toml", "certificate.json"])
def test_files_with_other_bytes_are_refused(place: Place, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = place.certificate.with_name(name)
    path.write_bytes(path.read_bytes() + b" ")
    assert place.verify() == 2
    out = capsys.readouterr().out
    assert name in out and "its bytes have another" in out and out.count("\n") == 1
    assert place.verify("--signature-only") == 0


def test_files_that_are_not_there(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The model is needed, for it is the subject; of the rest it is said that it was not compared."""
    for name in ("data.npz", "certificate.json"):
        place.certificate.with_name(name).unlink()
    assert place.verify("--json") == 0
    assert json.loads(capsys.readouterr().out)["not_compared"] == ["data data.npz", "certificate certificate.json"]
    assert place.verify("--recheck") == 2
    assert "--certificate says where it is" in capsys.readouterr().out
    place.certificate.with_name("model.safetensors").unlink()
    assert place.verify() == 2
    assert 'no file of this name is in "' in capsys.readouterr().out


def test_files_elsewhere_are_found_in_the_folders_named(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    away = place.folder / "away"
    away.mkdir()
    for name in ("model.safetensors", "data.npz", "spec.toml"):
        shutil.move(place.certificate.with_name(name), away)
    assert place.verify() == 2
    verify = ["verify", str(place.file), str(away), "--key", str(place.folder / "key.pub"), "-q"]
    assert main([*verify, "--certificate", str(place.certificate), "--recheck"]) == 0
    (place.folder / "wrong").mkdir()
    (place.folder / "wrong" / "model.safetensors").write_bytes(b"another model")
    assert main([*verify[:2], str(place.folder / "wrong"), *verify[2:]]) == 2  # the first one counts
    capsys.readouterr()


def test_a_certificate_of_other_claims_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The signer signs ends that the certificate does not state: seen without the check, and by the check again."""
    statements = place.statements()[:1]
    statements[0]["predicate"]["claims"][0]["upper"] = 2.2152848398727
    place.sign(statements)
    assert place.verify() == 2
    assert "the certificate has no such claim" in capsys.readouterr().out
    assert place.verify("--signature-only") == 0
    statements[0]["predicate"]["claims"][0]["upper"] = 2.2152848398727683
    statements[0]["predicate"]["inputs"][0]["digest"]["sha256"] = "0" * 64
    place.sign(statements)
    place.certificate.with_name("spec.toml").unlink()
    assert place.verify() == 2
    assert "the certificate binds" in capsys.readouterr().out


@pytest.mark.parametrize(("path", "to"), [
    (("problem", "n"), 5), (("policy", "source"), "none"), (("solution", "distance"), 1.0),
    (("claims", 0, "scope"), ", for ever"), (("policy", "within"), 1.0), (("problem", "rows"), [0, 1]),
    (("policy",), {"source": "the command line", "asked": ["max modulus=4.0"], "within": None})])
def test_the_check_again_refuses_what_the_checker_does_not_find(
    place: Place, path: tuple[str | int, ...], to: object, capsys: pytest.CaptureFixture[str],
) -> None:
    statements = place.statements()[:1]
    holder = statements[0]["predicate"]
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = to
    place.sign(statements)
    assert place.verify() == 0  # the signer's word
    assert place.verify("--recheck") == 2
    out = capsys.readouterr().out.splitlines()[-1]
    assert out.startswith("invalid ") and "Traceback" not in out


def test_a_folder_is_compared_file_by_file(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place.certificate.parent
    assert main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q", "--folder", str(folder),
                 "--ignore", "other.intoto.jsonl"]) == 0
    assert place.verify() == place.verify("--recheck") == 0
    moved = place.folder / "moved"
    shutil.copytree(folder, moved)
    (moved / NAME).rename(place.folder / "elsewhere")
    assert main(["verify", str(place.folder / "elsewhere"), str(moved), "-q", "--key",
                 str(place.folder / "key.pub")]) == 0
    (moved / "more.py").write_bytes(b"")
    capsys.readouterr()
    verify = ["verify", str(place.folder / "elsewhere"), str(moved), "-q", "--key", str(place.folder / "key.pub")]
    assert main(verify) == 2
    assert '"more.py" is there, and was not signed' in capsys.readouterr().out
    (moved / "more.py").rename(moved / "spec.toml")
    assert main(verify) == 2
    capsys.readouterr()
    (moved / "spec.toml").unlink()
    assert main(verify) == 2
    assert '"spec.toml" is missing' in capsys.readouterr().out


def test_a_folder_without_the_model_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.folder / "empty").mkdir()
    (place.folder / "empty" / "words").write_bytes(b"words")
    before = place.file.read_bytes()
    attest = ["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q"]
    assert main([*attest, "--folder", str(place.folder / "empty")]) == 2
    assert "it does not hold the model that was checked" in capsys.readouterr().err
    assert main([*attest, "--ignore", "x"]) == 2
    assert "no folder is signed" in capsys.readouterr().err
    assert place.file.read_bytes() == before


USAGE: dict[str, tuple[list[str], str]] = {
    "no key": (["attest", "CERT"], "give CERT and --key FILE"),
    "no certificate": (["attest", "--key", "KEY"], "give CERT and --key FILE"),
    "no such format": (["attest", "CERT", "--key", "KEY", "--format", "jws"], "use dsse, bundle"),
    "assurance": (["attest", "CERT", "--key", "KEY", "--assurance", "enclave_attested"], "use self_attested"),
    "evaluator": (["attest", "CERT", "--key", "KEY", "--evaluator", "our team"], "it is no URI"),
    "threshold": (["attest", "CERT", "--key", "KEY", "--max", "modulus=nan"], "is not a finite number"),
    "no such claim": (["attest", "CERT", "--key", "KEY", "--max", "aubin=1"], "no claim on aubin"),
    "share": (["attest", "CERT", "--key", "KEY", "--within", "0"], "give a finite number above 0"),
    "base given": (["attest", "CERT", "--key", "KEY", "--within", "1e-3"], "--within"),
    "key twice": (["attest", "CERT", "--key", "KEY", "--key", "KEY"], "give each once"),
    "over the model": (["attest", "CERT", "--key", "KEY", "-o", "MODEL"], "a file that is no attestation"),
    "over the certificate": (["attest", "CERT", "--key", "KEY", "-o", "CERT"], "a file that is no attestation"),
    "over the key": (["attest", "CERT", "--key", "KEY", "-o", "KEY"], "a file that is no attestation"),
    "a public key signs": (["attest", "CERT", "--key", "KEY.pub"], "it is a public key"),
    "over another's": (["attest", "CERT", "--key", "KEY", "-o", "OTHER"], "that another key signed lies there"),
    "another over it": (["attest", "CERT", "--key", "KEY2"], "that another key signed lies there"),
    "new key and certificate": (["attest", "CERT", "--new-key", "NEW"], "make the key first"),
    "new key and key": (["attest", "--key", "KEY", "--new-key", "NEW"], "make the key first"),
    "ignored elsewhere": (["attest", "CERT", "--key", "KEY", "--folder", "DIR", "--ignore", "/cache"],
                          "it is no path below the folder"),
    "ignored above": (["attest", "CERT", "--key", "KEY", "--folder", "DIR", "--ignore", "../cache"],
                      "it is no path below the folder"),
    "ignored whole": (["attest", "CERT", "--key", "KEY", "--folder", "DIR", "--ignore", "."],
                      "it is no path below the folder"),
    "ignored nothing": (["attest", "CERT", "--key", "KEY", "--folder", "DIR", "--ignore", "cache"],
                        "there is no such file or folder in"),
    "verify without key": (["verify", "FILE"], "a key is never taken from the signed file"),
    "verify with the private key": (["verify", "FILE", "--key", "KEY"], "it is a private key"),
    "signature only": (["verify", "FILE", "--key", "KEY.pub", "--signature-only", "--recheck"], "leave out one"),
}


@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage_is_one_line_and_status_2(place: Place, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, words = USAGE[name]
    named = {"CERT": place.certificate, "KEY": place.folder / "key", "KEY.pub": place.folder / "key.pub",
             "FILE": place.file, "DIR": place.certificate.parent,
             "KEY2": place.folder / "other", "OTHER": place.certificate.with_name(OTHER), "NEW": place.folder / "new",
             "MODEL": place.certificate.with_name("model.safetensors")}
    before = {path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file()}
    assert main([str(named.get(one, one)) for one in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err.splitlines()[-1], err
    assert {path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file()} == before


def test_json_of_both_verbs(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert place.verify("--json", "--recheck") == 0
    two = json.loads(capsys.readouterr().out)
    assert one["summary"] == two["summary"] and two["rechecked"] is True and two["not_compared"] == []
    place.file.write_bytes(b"\n")
    assert place.verify("--json") == 2
    assert json.loads(capsys.readouterr().out)["verdict"] == "invalid"


def test_a_new_key_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", "--new-key", str(tmp_path / "k"), "--kind", "ecdsa"]) == 0
    assert "which only you may read" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k", "k.pub"]
    assert main(["attest", "--new-key", str(tmp_path / "k")]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_build_that_is_reproducible_is_signed_alike(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ed25519 signatures have no randomness."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    contents = []
    for _ in range(2):
        assert main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q"]) == 0
        contents.append(place.file.read_bytes())
    assert contents[0] == contents[1]
    assert place.statements()[0]["predicate"]["timeVerified"] == "2023-11-14T22:13:20Z"


def test_members_that_a_second_check_may_change_are_few() -> None:
    assert verifying.AGAIN == ("verifier", "timeVerified", "folder")


@pytest.mark.skipif(os.name == "nt", reason="names of POSIX")
def test_names_that_are_no_text_are_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    attest = ["--key", str(place.folder / "key"), "-q", "-o", str(place.folder / "out")]
    strange = os.fsdecode(b"\xff.json")
    shutil.copy(place.certificate, place.certificate.with_name(strange))
    assert main(["attest", str(place.certificate.with_name(strange)), *attest]) == 2
    assert main(["attest", str(place.certificate), *attest, "--folder", str(place.certificate.parent)]) == 2
    assert capsys.readouterr().err.count("is not UTF-8; rename the file\n") == 2
    assert not (place.folder / "out").exists()


def test_who_evaluated_and_how_is_the_word_of_the_signer(place: Place) -> None:
    assert main(["attest", str(place.certificate), "--key", str(place.folder / "key"), "-q",
                 "--evaluator", "https://example.org/team", "--assurance", "third_party"]) == 0
    predicate = place.statements()[1]["predicate"]
    assert (predicate["evaluator"]["id"], predicate["assuranceLevel"]) == ("https://example.org/team", "third_party")
    assert place.verify() == 0


GOLDEN = sorted(Path(__file__).parents[2].glob("golden/*/*/certificate.json"))


@pytest.mark.parametrize("path", [
    pytest.param(path, marks=() if place % 9 == 0 else pytest.mark.long, id="-".join(path.parts[-3:-1]))
    for place, path in enumerate(GOLDEN)])
def test_certificates_of_every_version_and_kind_are_signed_and_checked_again(made: Place, path: Path,
                                                                             tmp_path: Path) -> None:
    file = str(tmp_path / NAME)
    status = main(["attest", str(path), "--key", str(made.folder / "key"), "-o", file, "-q"])
    assert status in (0, 3, 4)
    assert main(["verify", file, "--key", str(made.folder / "key.pub"), "--certificate", str(path), "--recheck",
                 "-q"]) == status
