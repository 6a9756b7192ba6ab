"""The honest certificates that are tampered with, and what the checker makes of a mutant of one."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from safetensors.numpy import load, save

from certify import bound, load_problem
from certify.check.choices.allowed import Allowed
from certify.check.kernel import CHANCE
from certify.check.linalg import inverse
from certify.check.run import Usage, check
from certify.check.stored.run import check as check_on_disk
from certify.check.systems import critical_nearby, interpolation
from certify.format.refusal import Invalid
from reports.studies.tampering import follows, kinds, refits

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
PLACES = ("tests/golden/0.2.0", "tests/golden/on_disk/0.2.0", "tests/forgeries/files", "tests/forgeries/kinds")
"""Golden certificates, those that forgeries start from, and one of every kind that these lack."""

PROBED = ((critical_nearby, "ASKED", 0), (interpolation, "PROBED", 0), (inverse, "PROBED", 1))
"""Sizes from which on random probes are asked, where they are: so that the small certificates here have them."""


class Mode(StrEnum):
    """How the checker decides: all exactly; large things by random probes; small ones too, which takes a process."""

    EXACT = "checked exactly"
    PROBES = "checked with random probes"
    SOON = "checked with random probes of small things too"


SLOWEST = 60
ROLES = ("spec", "model", "graph", "data", "reference", "change", "evaluation", "witness")
MEMORY, PEAK = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class Slow(Exception):
    """A mutant took too long."""


class Source:
    """An honest certificate in a copy of its folder.

    Attributes:
        name, folder: of it.
        top, arrays: the certificate and its side file.
        kinds: of its claims.
        spec: its spec.
        trained: whether every refit of it is told by :mod:`reports.studies.tampering.refits`.
    """

    def __init__(self, folder: Path, into: Path) -> None:
        self.name, self.folder = f"{folder.parent.name}/{folder.name}", into / folder.parent.name / folder.name
        shutil.copytree(folder, self.folder)
        self.top: Json = json.loads((self.folder / "certificate.json").read_bytes())
        self.side = self.folder / "witness.safetensors"
        self.arrays: Mapping[str, np.ndarray] = load(self.side.read_bytes()) if self.side.exists() else {}
        self.kinds = sorted(kinds.of(self.top, self.arrays))
        spec = self.folder / "spec.toml"
        self.spec = spec.read_bytes() if spec.exists() else b""
        self.trained = refits.is_true(self.folder, self.top, self.spec) is not None if not self.on_disk else False

    @property
    def on_disk(self) -> bool:
        """Whether it is about rows on disk."""
        return "claim" in self.top

    @property
    def labelled(self) -> bool:
        """Whether it says of each prediction of a head by what it stays."""
        return any(name.endswith(".status") for name in self.arrays)

    @property
    def moving(self) -> bool:
        """Whether it bounds how far something moves, with arrays beside."""
        return bool(self.arrays) and any(claim["witness"].get("by") for claim in self.top.get("claims", ()))

    @property
    def rows(self) -> int:
        """Evaluation rows, where it names those that stay."""
        return max((len(v) for name, v in self.arrays.items() if name.endswith(".status")), default=0)

    @cached_property
    def case(self) -> str:
        """Which case of M5 `certify run` proves of the point, by code that the checker has no part of; or no word."""
        problem = load_problem(self.folder / "spec.toml")
        quantities = [claim["quantity"] for claim in self.top["claims"] if claim["theorem"] in follows.NAMES]
        labels = (bound(problem, quantity).theorem for quantity in quantities)
        return next((label for label in labels if label in follows.PROVED), "")

    def judged(self, data: bytes, side: bytes | None, spec: bytes | None = None, mode: Mode = Mode.EXACT) -> str:
        """What the checker makes of a certificate, side file and spec: `accepted`, `invalid` or `usage`."""
        path = self.folder / "certificate.json"
        path.write_bytes(data)
        if side is not None:
            self.side.write_bytes(side)
        if spec is not None:
            (self.folder / "spec.toml").write_bytes(spec)
        token = CHANCE.set(None if mode is Mode.EXACT else [])
        signal.alarm(SLOWEST)
        try:
            if self.on_disk:
                check_on_disk(path, data, {}, lambda _: None)
            else:
                with ExitStack() as stack:
                    for module, name, size in PROBED if mode is Mode.SOON else ():
                        stack.enter_context(patch.object(module, name, size))
                    check(path, dict.fromkeys(ROLES), allowed=Allowed(True, True))
        except Invalid as no:
            assert "\n" not in str(no) and len(str(no)) < 5000, str(no)[:200]
            return "invalid"
        except Usage:
            return "usage"
        finally:
            signal.alarm(0)
            CHANCE.reset(token)
            if spec is not None:
                (self.folder / "spec.toml").write_bytes(self.spec)
            if side is not None:
                self.side.write_bytes(save(dict(self.arrays)))
        return "accepted"


def folders(only: str = "") -> list[Path]:
    """Of all honest certificates, or of those whose path holds a text."""
    found = sorted(file.parent for place in PLACES for file in (ROOT / place).glob("*/certificate.json"))
    return [folder for folder in found if only in str(folder)]


def peak() -> int:
    """Most megabytes that the process has had since it was last asked; where it cannot be told, 0."""
    try:
        found = re.search(r"VmHWM:\s*(\d+) kB", PEAK.read_text())
        MEMORY.write_text("5")
    except OSError:
        return 0
    return int(found[1]) >> 10 if found else 0
