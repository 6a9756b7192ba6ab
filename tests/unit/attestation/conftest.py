"""A certificate with its files, two keys, and its attestation: made once, copied for each test that changes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from certify.attestation.envelope import read_envelopes, signed, written
from certify.attestation.keys import PrivateKey, read_private, write_new
from certify.cli.main import main

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "0.2.0" / "tanh"
WITNESSED = GOLDEN.with_name("rows-deleted")
NAME = "certificate.intoto.jsonl"
OTHER = "other.intoto.jsonl"
"""The same, signed by the other key."""


@dataclass(frozen=True)
class Place:
    """A folder with a certificate, its files, its attestation, and the keys `key` (Ed25519) and `other` (ECDSA)."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "tanh" / NAME

    @property
    def certificate(self) -> Path:
        return self.folder / "tanh" / "certificate.json"

    def key(self, name: str = "key") -> PrivateKey:
        return read_private(self.folder / name)

    def verify(self, *more: str, key: str = "key") -> int:
        return main(["verify", str(self.file), "--key", str(self.folder / f"{key}.pub"), "-q", *more])

    def statements(self) -> list[dict[str, Any]]:
        return [json.loads(one.payload) for one in read_envelopes(self.file)]

    def sign(self, statements: list[Any], key: str = "key", dump: Callable[[Any], bytes] | None = None) -> None:
        """Replace the file by one that `key` signed: what a signer says who does not run `certify attest`."""
        dump = dump or (lambda value: (json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
                                       + "\n").encode())
        self.file.write_bytes(written([signed(dump(one), [self.key(key)]) for one in statements], "dsse"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("attested")
    shutil.copytree(GOLDEN, folder / "tanh")
    write_new(folder / "key", "ed25519")
    write_new(folder / "other", "ecdsa")
    for name, key in ((NAME, "key"), (OTHER, "other")):
        assert main(["attest", str(folder / "tanh" / "certificate.json"), "--key", str(folder / key), "-q",
                     "-o", str(folder / "tanh" / name)]) == 0
    return Place(folder)


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    shutil.copytree(made.folder, tmp_path / "here")
    return Place(tmp_path / "here")
