"""Read a certificate strictly. This tells that it is whole, not that it is true: that is `certify check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from certify.certificate.canonical import Json, canonical_bytes, digest
from certify.certificate.schema import validate
from certify.format.canonical import FORMAT
from certify.format.errors import CertificateError
from certify.spec.sources import read_source

_REMEDY = "use the file as `certify run` wrote it"


def read_certificate(path: str | Path) -> Json:
    """Read a certificate file: canonical bytes, digest and members are verified.

    Args:
        path: the file.

    Raises:
        InputError: it cannot be read.
        CertificateError: it is not canonical JSON, its digest differs, or a member is missing, unknown or of
            another type.
    """
    source = read_source(Path(path), "certificate")
    return parse_certificate(source.content, source.path.name)


def parse_certificate(content: bytes, name: str = "certificate") -> Json:
    """Parse the bytes of a certificate; `name` is used in messages.

    Raises:
        CertificateError: as :func:`read_certificate`.
    """
    try:
        value: Any = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
        canonical = canonical_bytes(value)
    except UnicodeDecodeError:
        raise CertificateError(name, "bytes that are not UTF-8", _REMEDY) from None
    except RecursionError:
        raise CertificateError(name, "values nested too deeply", _REMEDY) from None
    except ValueError as error:
        raise CertificateError(name, f"not JSON ({error})", _REMEDY) from None
    if not isinstance(value, dict):
        raise CertificateError(name, "not a JSON object", _REMEDY)
    if value.get("format") != FORMAT:
        if str(value.get("format")).startswith("certify-estimate/"):
            raise CertificateError(name, "an estimate, which is no certificate", "read estimate.html beside it")
        found = f"format {str(value.get('format'))[:40]!r}, this version reads {FORMAT!r}"
        raise CertificateError(name, found, _REMEDY)
    if canonical != content:
        raise CertificateError(name, "not in canonical form, so it was changed after it was written", _REMEDY)
    validate(value, name)
    found = digest(value)
    if value["digest"] != found:
        raise CertificateError(
            name, f"it was changed: its digest reads {value['digest']}, its content gives {found}", _REMEDY
        )
    return value


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number")
