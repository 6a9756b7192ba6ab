"""The digest of a folder: equal to model-signing's, and nothing in the folder is passed over."""

from __future__ import annotations

import hashlib
import os
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.attestation import manifest as module
from certify.attestation.manifest import manifest
from certify.format.errors import InputError
from tests.effort import examples

NAMES = st.text(string.ascii_letters + ".-_ 0é", min_size=1, max_size=6).filter(lambda n: n.strip(".") == n != "")
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=8), min_size=1,
                        max_size=8)


def filled(folder: Path, files: dict[str, bytes]) -> dict[str, bytes]:
    """Write files; of one below another file nothing is written."""
    done = {}
    for name, content in files.items():
        path = folder / name
        if any((folder / part).is_file() for part in Path(name).parents) or path.is_dir():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        done[name] = content
    return done


@settings(max_examples=examples(40))
@given(files=TREES)
def test_a_folder_has_the_digest_that_model_signing_signs(files: dict[str, bytes],
                                                          tmp_path_factory: pytest.TempPathFactory) -> None:
    hashing = pytest.importorskip("model_signing.hashing")
    signing = pytest.importorskip("model_signing._signing.signing")
    folder = tmp_path_factory.mktemp("model")
    filled(folder, files)
    theirs = signing.Payload(hashing.hash(folder)).statement.pb
    ours = manifest(folder)
    assert theirs.subject[0].digest["sha256"] == ours.sha256 and theirs.subject[0].name == ours.name
    listed = theirs.predicate["resources"]
    assert [(one["name"], one["digest"]) for one in listed] == list(ours.files)


def test_the_digest_by_hand(tmp_path: Path) -> None:
    """Without model-signing: parts of paths are compared one by one, so that `a/y` stands before `a-b/x`."""
    filled(tmp_path, {"a-b/x": b"1", "a/y": b"2", "a.z": b"3", ".git/config": b"4", ".gitignore": b"5", "b/.git": b"6"})
    contents = [b"2", b"1", b"3", b"6"]
    found = manifest(tmp_path)
    assert [name for name, _ in found.files] == ["a/y", "a-b/x", "a.z", "b/.git"]
    assert found.sha256 == hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in contents)).hexdigest()
    assert manifest(tmp_path, ["a", "b"]).files == tuple(one for one in found.files if one[0] in ("a-b/x", "a.z"))
    assert manifest(tmp_path, ["a", "b"]).ignored == ("a", "b")


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_what_cannot_be_digested_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such folder"):
        manifest(tmp_path / "none")
    with pytest.raises(InputError, match="it holds no file"):
        manifest(tmp_path)
    (tmp_path / "a").write_bytes(b"a")
    for name, target in (("link", "a"), ("dangling", "none"), ("folder", ".")):
        (tmp_path / name).symlink_to(tmp_path / target)
        with pytest.raises(InputError, match=f"{name} in it is a link"):
            manifest(tmp_path)
        assert len(manifest(tmp_path, [name]).files) == 1
        (tmp_path / name).unlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe in it is no plain file"):
        manifest(tmp_path)
    (tmp_path / "pipe").unlink()
    (tmp_path / "b").write_bytes(b"b")
    monkeypatch.setattr(module, "MOST", 1)
    with pytest.raises(InputError, match="more than 1 files"):
        manifest(tmp_path)
