"""Keys: what is read, what is refused, and a pair that replaces nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from certify.attestation.keys import (
    KINDS,
    LARGEST,
    open_to_others,
    read_all_private,
    read_private,
    read_public,
    write_new,
)
from certify.format.errors import InputError


@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_signs_and_verifies(tmp_path: Path, kind: str) -> None:
    made = write_new(tmp_path / "k", kind)
    private, public = read_private(tmp_path / "k"), read_public(tmp_path / "k.pub")
    assert made.keyid == private.public.keyid == public.keyid and public.kind == kind
    signature = private.sign(b"words")
    assert public.verified(signature, b"words")
    assert not public.verified(signature, b"Words") and not public.verified(b"", b"words")
    assert not public.verified(signature + b"\0", b"words") and not public.verified(signature[:-1], b"words")
    assert os.name == "nt" or (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert not open_to_others(tmp_path / "k") and open_to_others(tmp_path / "k.pub")


def test_keys_of_two_kinds_are_never_confused(tmp_path: Path) -> None:
    for kind in KINDS:
        write_new(tmp_path / kind, kind)
    a, b = (read_private(tmp_path / kind) for kind in KINDS)
    assert not a.public.verified(b.sign(b"x"), b"x") and not b.public.verified(a.sign(b"x"), b"x")


@pytest.mark.parametrize("taken", ["k", "k.pub"])
def test_a_new_key_replaces_nothing(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        write_new(tmp_path / "k", "ed25519")
    assert [path.name for path in tmp_path.iterdir()] == [taken] and (tmp_path / taken).read_text() == "mine"


def test_a_new_key_in_no_folder_or_of_no_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_new(tmp_path / "no" / "k", "ed25519")
    with pytest.raises(InputError, match="use ed25519 or ecdsa"):
        write_new(tmp_path / "k", "rsa")
    assert not list(tmp_path.iterdir())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, word: bytes = b"") -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8,
                             BestAvailableEncryption(word) if word else NoEncryption())


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())],
                         ids=["rsa", "p384"])
def test_keys_of_other_kinds_are_refused(tmp_path: Path, key: rsa.RSAPrivateKey) -> None:
    (tmp_path / "k").write_bytes(pem(key))
    (tmp_path / "k.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(InputError, match="a key of another kind"):
        read_private(tmp_path / "k")
    with pytest.raises(InputError, match="a key of another kind"):
        read_public(tmp_path / "k.pub")


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    write_new(tmp_path / "k", "ed25519")
    with pytest.raises(InputError, match="it is a private key"):
        read_public(tmp_path / "k")
    with pytest.raises(InputError, match="it is a public key; give the private key"):
        read_private(tmp_path / "k.pub")
    (tmp_path / "long").write_bytes(b"x" * (LARGEST + 1))
    (tmp_path / "words").write_bytes(b"words")
    for read in (read_public, read_private):
        for name, words in (("long", "longer than"), ("words", "in PEM form"), ("none", "no such file"),
                            ("", "a folder")):
            with pytest.raises(InputError, match=words):
                read(tmp_path / name)


def test_a_key_with_a_password(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(pem(ed25519.Ed25519PrivateKey.generate(), b"word"))
    (tmp_path / "right").write_bytes(b"word\n")
    (tmp_path / "wrong").write_bytes(b"sword\n")
    assert read_private(tmp_path / "k", tmp_path / "right").public.kind == "ed25519"
    with pytest.raises(InputError, match="give --password-file"):
        read_private(tmp_path / "k")
    with pytest.raises(InputError, match="that this password opens"):
        read_private(tmp_path / "k", tmp_path / "wrong")
    write_new(tmp_path / "open", "ed25519")
    with pytest.raises(InputError, match="leave out --password-file"):
        read_private(tmp_path / "open", tmp_path / "right")
    kinds = [one.public.keyid for one in read_all_private([tmp_path / "open", tmp_path / "k"], tmp_path / "right")]
    assert len(set(kinds)) == 2  # it opens the one, and the other needs none
    for content in (b"", b"\nword"):
        (tmp_path / "empty").write_bytes(content)
        with pytest.raises(InputError, match="its first line is empty"):
            read_private(tmp_path / "k", tmp_path / "empty")


def test_an_older_form_with_a_password(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "word").write_bytes(b"word")
    (tmp_path / "k").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL,
                                                   BestAvailableEncryption(b"word")))
    assert read_private(tmp_path / "k", tmp_path / "word").public.kind == "ecdsa"
    with pytest.raises(InputError, match="give --password-file"):
        read_private(tmp_path / "k")


def test_keys_of_openssh_are_named(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "k").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    (tmp_path / "k.pub").write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    for read in (read_private, read_public):
        for name in ("k", "k.pub"):
            with pytest.raises(InputError, match="it is a key in OpenSSH's form"):
                read(tmp_path / name)


def test_a_file_with_two_keys_is_refused(tmp_path: Path) -> None:
    """The first would count, and whoever put the second there believes that both do."""
    for kind in KINDS:
        write_new(tmp_path / kind, kind)
    for name, read in (("", read_private), (".pub", read_public)):
        (tmp_path / "two").write_bytes(b"".join((tmp_path / f"{kind}{name}").read_bytes() for kind in KINDS))
        with pytest.raises(InputError, match="it holds 2 keys; name a PEM file with one key"):
            read(tmp_path / "two")
    (tmp_path / "two").write_bytes((tmp_path / "ecdsa").read_bytes() + (tmp_path / "ecdsa.pub").read_bytes())
    with pytest.raises(InputError, match="it holds 2 keys"):
        read_private(tmp_path / "two")


def test_without_the_package_one_line_names_the_extra(tmp_path: Path) -> None:
    code = ("import sys\nsys.modules['cryptography'] = None\nfrom certify.cli.main import main\n"
            "sys.exit(main(['verify', 'x', '--key', 'y']))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          cwd=Path(__file__).parents[3])
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == ("certify: attestations: the package cryptography is not installed; "
                           "pip install 'certify[sign]'\n")
