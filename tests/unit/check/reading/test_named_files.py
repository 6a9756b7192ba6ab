"""The files a certificate binds are the ones its spec names (V61), and nothing is said of any other file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest

from certify.check.main import check, main
from certify.format.refusal import Invalid
from tests.families import emitter
from tests.families.check_cases import NO_FILES, plain


@pytest.fixture
def audit(tmp_path):
    """A certificate in a folder of its own, whose spec names model and data one folder up; a decoy of each beside."""
    folder = tmp_path / "audit"
    folder.mkdir()
    certificates = {}
    for name, case in (("", plain()), ("decoy-", plain(activation="tanh", y=plain().y + 1.0))):
        case.weights[0] = case.weights[0] * (2.0 if name else 1.0)
        certificate = emitter.emit(case, tmp_path)
        for file in ("model.safetensors", "data.npz"):
            (tmp_path / file).rename(tmp_path / f"{name or 'genuine-'}{file}")
        certificates[name] = certificate
    for file in ("model.safetensors", "data.npz"):
        (tmp_path / f"genuine-{file}").rename(tmp_path / file)
    spec = (tmp_path / "spec.toml").read_text().replace('file = "', 'file = "../')
    (folder / "spec.toml").write_text(spec)
    for name, certificate in certificates.items():
        subject = certificate["subject"]
        subject["spec"] = emitter.record(folder / "spec.toml", "spec.toml")
        for role in ("model", "data"):
            subject[role]["path"] = f"../{name}{subject[role]['path']}"
    return folder, certificates


def test_a_decoy_behind_the_genuine_spec_is_refused(audit, tmp_path):
    folder, certificates = audit
    assert check(emitter.write(certificates[""], folder), NO_FILES).verdict == "certified"
    path = emitter.write(certificates["decoy-"], folder)
    with pytest.raises(Invalid) as no:
        check(path, NO_FILES)
    assert no.value.where == "subject.model.path" and "../decoy-model.safetensors" in no.value.claimed
    assert "../model.safetensors" in no.value.found and "--model" in no.value.found
    decoys = {"model": tmp_path / "decoy-model.safetensors", "data": tmp_path / "decoy-data.npz"}
    with pytest.raises(Invalid, match=r"^subject\.data\.path"):
        check(path, NO_FILES | {"model": decoys["model"]})
    assert check(path, NO_FILES | decoys).verdict == "certified"  # the caller says that they are meant
    with pytest.raises(Invalid, match="model file .*binds sha256"):
        check(path, NO_FILES | decoys | {"model": tmp_path / "model.safetensors"})


@pytest.mark.parametrize("path", ["../model.safetensors", "./../model.safetensors", "../audit/../model.safetensors"])
def test_another_spelling_of_the_same_path_is_the_same_file(path, audit):
    folder, certificates = audit
    certificates[""]["subject"]["model"]["path"] = path
    assert check(emitter.write(certificates[""], folder), NO_FILES).verdict == "certified"


def test_a_spec_of_the_caller_names_the_files(audit, tmp_path):
    """A genuine spec elsewhere, as the caller has it, does not vouch for a model that is not the one it names."""
    folder, certificates = audit
    path, mine = emitter.write(certificates[""], folder), tmp_path / "mine" / "below"
    mine.mkdir(parents=True)
    shutil.copy(folder / "spec.toml", mine)
    own = {"spec": mine / "spec.toml"}
    for file in ("model.safetensors", "data.npz"):
        shutil.copy(tmp_path / f"decoy-{file}", mine.parent / file)
    with pytest.raises(Invalid, match=r"^subject\.model\.path"):
        check(path, NO_FILES | own)
    files = {"model": tmp_path / "model.safetensors", "data": tmp_path / "data.npz"}
    assert check(path, NO_FILES | own | files).verdict == "certified"


def test_files_brought_together_beside_the_certificate_check(audit, tmp_path):
    folder, certificates = audit
    flat = tmp_path / "elsewhere" / "flat"
    flat.mkdir(parents=True)
    for file in (folder / "spec.toml", tmp_path / "model.safetensors", tmp_path / "data.npz"):
        shutil.copy(file, flat)
    assert check(emitter.write(certificates[""], flat), NO_FILES).verdict == "certified"
    shutil.copy(tmp_path / "decoy-model.safetensors", flat.parent / "model.safetensors")
    certificates[""]["subject"]["model"]["path"] = "../nowhere/model.safetensors"
    with pytest.raises(Invalid, match=r"^subject\.model\.path"):  # the spec's own name is there, and another file
        check(emitter.write(certificates[""], flat), NO_FILES)
    renamed = certificates[""]["subject"]["model"] | {"path": "../nowhere/other.safetensors"}
    (flat.parent / "model.safetensors").unlink()
    (flat / "model.safetensors").rename(flat / "other.safetensors")
    certificates[""]["subject"]["model"] = renamed
    with pytest.raises(Invalid, match=r"^subject\.model\.path"):
        check(emitter.write(certificates[""], flat), NO_FILES)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed(audit, tmp_path):
    folder, certificates = audit
    store = tmp_path / "store"
    store.mkdir()
    for file in ("model.safetensors", "data.npz"):
        (tmp_path / file).rename(store / file)
        (tmp_path / file).symlink_to(store / file)
    certificates[""]["subject"]["model"]["path"] = "../store/model.safetensors"
    assert check(emitter.write(certificates[""], folder), NO_FILES).verdict == "certified"


def test_files_and_digests_are_named(audit, tmp_path, capsys):
    folder, certificates = audit
    path = emitter.write(certificates[""], folder)
    assert main([str(path), "--json"]) == 0
    out, err = capsys.readouterr()
    files = json.loads(out)["files"]
    assert set(files) == {"spec", "model", "data"}
    for role, file in files.items():
        digest = hashlib.sha256(open(file["path"], "rb").read()).hexdigest()
        assert file["sha256"] == digest == certificates[""]["subject"][role]["sha256"]
        assert f"{role} {file['path']} {digest[:12]}" in err


def test_nothing_is_said_of_a_foreign_file(audit, tmp_path, capsys):
    folder, certificates = audit
    secret = tmp_path / "secret"
    secret.write_bytes(b"a secret of this machine")
    digest = hashlib.sha256(secret.read_bytes()).hexdigest()
    for role in ("spec", "model", "data"):
        forged = json.loads(json.dumps(certificates[""]))
        forged["subject"][role]["path"] = "../secret"
        assert main([str(emitter.write(forged, folder))]) == 2
        out, err = capsys.readouterr()
        said = out.replace(forged["subject"][role]["sha256"], "").replace(str(tmp_path), "")
        assert digest not in out + err and "24" not in said


def test_a_side_file_lies_beside_the_certificate_or_below(audit, tmp_path):
    folder, certificates = audit
    (tmp_path / "witness.safetensors").write_bytes(b"")
    certificates[""]["subject"]["witness"] = emitter.record(tmp_path / "witness.safetensors", "../witness.safetensors")
    with pytest.raises(Invalid, match=r"^subject\.witness\.path"):
        check(emitter.write(certificates[""], folder), NO_FILES)


def test_a_name_with_a_zero_byte_is_no_file(tmp_path):
    certificate = emitter.emit(plain(), tmp_path)
    spec = (tmp_path / "spec.toml").read_text().replace('"model.safetensors"', '"model\\u0000.safetensors"')
    (tmp_path / "spec.toml").write_text(spec)
    certificate["subject"]["spec"] = emitter.record(tmp_path / "spec.toml", "spec.toml")
    with pytest.raises(Invalid, match=r"^subject\.model\.path"):
        check(emitter.write(certificate, tmp_path), NO_FILES)


def test_files_in_another_folder_than_the_certificate_are_all_asked_for_at_once(audit, tmp_path):
    """Of equal names the folders are said, and one call names every file that has to be given."""
    folder, certificates = audit
    lone = tmp_path / "lone" / "deep"
    lone.mkdir(parents=True)
    path = emitter.write(certificates[""], lone)
    with pytest.raises(Invalid) as no:
        check(path, NO_FILES)
    assert no.value.where == "spec file" and no.value.found.endswith("say with --spec --model --data where it is")
    with pytest.raises(Invalid) as no:
        check(path, NO_FILES | {"spec": folder / "spec.toml"})
    assert no.value.where == "subject.model.path" and f'in folder "{lone}/.."' in no.value.claimed
    assert f'in folder "{folder}/.."' in no.value.found and no.value.found.endswith("with --model FILE --data FILE")
    given = {"spec": folder / "spec.toml", "model": tmp_path / "model.safetensors"}
    with pytest.raises(Invalid, match="say which is meant, with --data FILE$"):
        check(path, NO_FILES | given)
    assert check(path, NO_FILES | given | {"data": tmp_path / "data.npz"}).verdict == "certified"
    emitter.write(certificates[""], folder)
    for file in ("model.safetensors", "data.npz"):
        (tmp_path / file).unlink()
    with pytest.raises(Invalid, match="no such file; say with --model --data where it is$"):
        check(folder / "certificate.json", NO_FILES)
