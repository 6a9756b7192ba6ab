"""A new baseline: a certificate that checked takes the place of the one before, and what changes is said."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from certify.certificate.over_time import compared, ends_of
from certify.certificate.read import parse_certificate
from certify.certificate.write import write_together
from certify.format.digits import enclosure
from certify.format.errors import CertifyError, InputError
from certify.format.quantities import LARGER, QUANTITIES
from certify.gating.question import apart, differences, is_far, one_number
from certify.spec.sources import read_source

Json = Mapping[str, Any]

NAME: Final = "baseline.json"
"""What a baseline is called where nobody says it: beside the spec."""


@dataclass(frozen=True)
class Updated:
    """What became of a baseline.

    Attributes:
        path: of the baseline.
        written: whether it is another one than before.
        lines: what changes, a line a claim.
    """

    path: Path
    written: bool
    lines: tuple[str, ...]


def update(certificate: Path, baseline: Path | None, require_checked: Callable[[Path], None]) -> Updated:
    """Let a certificate be the baseline from now on.

    The very bytes that were checked are written, whole or not at all.

    Args:
        certificate: the certificate.
        baseline: the file to write; None for ``baseline.json`` beside the spec that the certificate binds.
        require_checked: refuses a certificate that `certify check` does not accept.

    Raises:
        CertifyError: the certificate is refused, or another file stands where the baseline would go.
    """
    source = read_source(certificate, "certificate")
    content = parse_certificate(source.content, certificate.name)
    subject = content["subject"]
    beside = Path(os.path.normpath(certificate.parent / subject["spec"]["path"])).parent / NAME
    path = beside if baseline is None else baseline
    taken = [certificate, *(certificate.parent / file["path"] for file in subject.values())]
    if any(path.resolve() == other.resolve() for other in taken):
        raise InputError(f"baseline {path}", "the certificate is this file, or is about it", "name another file")
    before = _before(path)
    require_checked(certificate)
    if read_source(certificate, "certificate").sha256 != source.sha256:
        raise InputError(f"certificate {certificate}", "it changed while it was checked", "run the command again")
    if before is not None and before[1] == source.content:
        return Updated(path, False, ())
    write_together({path: source.content})
    return Updated(path, True, tuple(_changes(content, None if before is None else before[0])))


def _before(path: Path) -> tuple[Json, bytes] | None:
    """The baseline that is there; None where there is none."""
    if not path.exists() and not path.is_symlink():
        return None
    source = read_source(path, "baseline")
    try:
        return parse_certificate(source.content, f"baseline {path}"), source.content
    except CertifyError:
        raise InputError(f"baseline {path}", "the file there is no certificate, and it is not replaced",
                         "name another file, or move it away") from None


def _changes(new: Json, old: Json | None) -> Iterator[str]:
    """What the new one says, against the old one."""
    if old is None:
        yield from (f"new: {claim['quantity']} {_ends(claim)}" for claim in new["claims"])
        return
    found = next(differences(new, old), "")
    if found:
        yield f"the question is another one: {found}"
    for role in ("model", "data"):
        same = new["subject"][role]["sha256"] == old["subject"][role]["sha256"]
        yield f"the {role} is {'the same' if same else 'another one'}"
    before = {claim["quantity"]: claim for claim in old["claims"]}
    for claim in new["claims"]:
        was = before.pop(claim["quantity"], None)
        if was is None:
            yield f"new: {claim['quantity']} {_ends(claim)}"
        else:
            how = "not compared" if found or is_far(new) or is_far(old) else _how(claim, was, (new, old))
            yield f"{claim['quantity']}: {_ends(was)} becomes {_ends(claim)}: {how}"
    yield from (f"no longer there: {claim['quantity']} {_ends(claim)}" for claim in before.values())


def _how(claim: Json, was: Json, both: tuple[Json, Json]) -> str:
    tilts = both[0]["base"].get("tilt"), both[1]["base"].get("tilt")
    row, other = QUANTITIES[claim["quantity"]], apart(claim, was, tilts)
    if other or not row.better:
        return f"not compared ({other})" if other else "neither way is the better one"
    if one_number(*both):
        return "the same number"
    side = "max_decrease" if row.better == LARGER else "max_increase"
    if compared(ends_of(claim), ends_of(was), side, 0) == "failed":
        return "worse, if the old ends are true"
    if compared(ends_of(was), ends_of(claim), side, 0) == "failed":
        return "better, if the old ends are true"
    return "the ends overlap"


def _ends(claim: Json) -> str:
    if claim["witness"].get("equal_rows") is not None:
        return "infinite"
    if claim["lower"] is None and claim["upper"] is None:
        return "nothing proved"
    return enclosure(claim["lower"], claim["upper"])
