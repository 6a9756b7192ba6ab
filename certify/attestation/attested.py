"""From a summary to a signed file, and from a signed file to the summary that its signers stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from certify.attestation import eval_result, summary
from certify.attestation.envelope import read_envelopes, require_signed, signed, written
from certify.attestation.eval_result import has_thresholds, require_same
from certify.attestation.keys import PrivateKey, PublicKey
from certify.attestation.statement import PREDICATES, Statement, only, read_statement, subjects_of
from certify.attestation.summary import Summary, read_summary
from certify.format.canonical import encode, show
from certify.format.errors import CertifyError
from certify.format.refusal import Invalid


@dataclass(frozen=True)
class Attested:
    """A file whose signatures and statements hold.

    Attributes:
        keyids: of all that signed.
        summary: what was proved, and of what.
    """

    keyids: tuple[str, ...]
    summary: Summary


def statements(found: Summary, evaluator: str, assurance: str) -> tuple[Statement, ...]:
    """The summary's statement, and where there is a threshold that of eval-result, with the same subjects."""
    subjects = subjects_of(found)
    both = [Statement(subjects, summary.TYPE, found.as_json())]
    if has_thresholds(found):
        both.append(Statement(subjects, eval_result.TYPE, eval_result.eval_result(found, evaluator, assurance)))
    return tuple(both)


def attest(found: Summary, keys: Sequence[PrivateKey], evaluator: str = eval_result.EVALUATOR,
           assurance: str = eval_result.ASSURANCES[0], form: str = "dsse") -> bytes:
    """The signed file of a summary: a line a statement.

    Args:
        found: what the checker proved.
        keys: each signs every statement.
        evaluator: a URI for whoever ran the evaluation.
        assurance: one of `ASSURANCES`; the signer's own word.
        form: one of `FORMS`.

    Raises:
        InputError: it is too long.
    """
    return written([signed(one.encoded(), keys) for one in statements(found, evaluator, assurance)], form)


def verify(path: Path, keys: Sequence[PublicKey]) -> Attested:
    """Read a signed file: every signature, then every statement, and that the statements agree.

    Args:
        path: the file.
        keys: all of them must have signed every statement, and no other key.

    Raises:
        Invalid: with the first thing that is wrong.
    """
    envelopes = read_envelopes(path)
    found = []
    for number, envelope in enumerate(envelopes, start=1):
        where = f"line {number}: "
        require_signed(envelope, keys, where)
        found.append(read_statement(envelope.payload, where))
    main, other = only(found, summary.TYPE), only(found, eval_result.TYPE)
    if main is None:
        raise Invalid("file", f"it holds {PREDICATES[eval_result.TYPE]} alone",
                      f"the {PREDICATES[summary.TYPE]} beside it is needed")
    stated = read_summary(main.predicate, "predicate")
    needed = [one.model_dump() for one in subjects_of(stated)]
    for one in found:
        if encode([subject.model_dump() for subject in one.subjects]) != encode(needed):
            raise Invalid("subject", show([subject.name for subject in one.subjects]),
                          "the summary's model and folder are needed, with their digests")
    if other is not None:
        require_same(other.predicate, stated, PREDICATES[eval_result.TYPE])
    return Attested(tuple(key.keyid for key in keys), stated)


def why_kept(path: Path, keys: Sequence[PublicKey]) -> str | None:
    """Why a new attestation by these keys may not take the place of a file; None where it may.

    It may where the file is one of attestations that these keys signed, and nobody else.
    """
    try:
        envelopes = read_envelopes(path)
        for one in envelopes:
            read_statement(one.payload, "")
    except (Invalid, CertifyError):
        return "a file that is no attestation lies there"
    for one in envelopes:
        named = {keyid for keyid, _ in one.signatures}
        try:
            require_signed(one, [key for key in keys if key.keyid in named], "")
        except Invalid:
            return "an attestation that another key signed lies there"
    return None
