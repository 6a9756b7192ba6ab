"""What a row of the corpus is, and how a forged certificate is sealed."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from tests.families import emitter

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
GOLDEN, FILES, KINDS = "tests/golden/0.2.0", "tests/forgeries/files", "tests/forgeries/kinds"


class Work:
    """A copy of an honest certificate and its files, to be forged.

    Attributes:
        folder: where they lie.
        certificate: sealed again by :meth:`seal`.
    """

    def __init__(self, honest: Path, folder: Path) -> None:
        shutil.copytree(honest, folder, symlinks=True)
        self.folder = folder
        self.certificate: Json = json.loads((folder / "certificate.json").read_bytes())

    @property
    def claim(self) -> Json:
        """The first claim."""
        return self.certificate["claims"][0]

    def path(self, role: str) -> Path:
        """Where the file of a role lies."""
        return self.folder / self.certificate["subject"][role]["path"]

    def bind(self, role: str, data: bytes, name: str | None = None) -> None:
        """Give a file other bytes (and name), and bind them."""
        record = self.certificate["subject"].setdefault(role, {"path": name})
        record["path"] = record["path"] if name is None else name
        self.path(role).write_bytes(data)
        record |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

    def rewrite(self, role: str, change: Callable[[bytes], bytes]) -> None:
        """The same, from the old bytes."""
        self.bind(role, change(self.path(role).read_bytes()))

    def arrays(self, change: Callable[[dict[str, np.ndarray]], None], role: str = "witness") -> None:
        """Change the arrays of a `.safetensors` file."""
        found = {name: array.copy() for name, array in load(self.path(role).read_bytes()).items()}
        change(found)
        self.bind(role, save(found))

    def seal(self, certificate: Json | None = None) -> Path:
        """Write the certificate with its digest."""
        return emitter.write(copy.deepcopy(certificate or self.certificate), self.folder)


@dataclass(frozen=True)
class Forgery:
    """A row: what is forged, what the checker answers, and in which words.

    Attributes:
        name: of its folder; its first letter says what it attacks (A to E of the README).
        what: what is forged, in a sentence.
        of: folder of the honest certificate.
        forge: changes it; where it returns bytes, they are the certificate.
        words: a regular expression that the line of the answer matches somewhere.
        status: exit status of the checker: 2 invalid, 4 nothing decided.
        options: of the command line.
    """

    name: str
    what: str
    of: str
    forge: Callable[[Work], bytes | None]
    words: str
    status: int = 2
    options: tuple[str, ...] = ()

    def make(self, folder: Path) -> Path:
        """Write it into a new folder; the path of its certificate."""
        work = Work(ROOT / self.of, folder)
        data = self.forge(work)
        path = work.seal()
        if data is not None:
            path.write_bytes(data)
        return path


def member(*path: str | int, value: object) -> Callable[[Work], None]:
    """What sets one member of the certificate."""
    def forge(work: Work) -> None:
        place = work.certificate
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return forge
