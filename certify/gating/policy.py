"""What a team says beside the spec: the baseline, what is suppressed for now, and where finished proofs are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from certify.certificate.build import file_member
from certify.format.errors import InputError
from certify.gating.over_time import Baseline, attach, read_baseline, require_same
from certify.gating.suppressions import Suppression, read_suppressions, suppress, today

if TYPE_CHECKING:
    from certify.spec.models import Gate

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Policy:
    """What does not change a proof.

    Attributes:
        baseline: the certificate of an earlier model, for gates over time.
        suppressions: the file of gates that somebody answers for.
        cache: the folder of kept proofs.
        copies: whether files that an audit wrote may stand for others that changed since.
        tell: told in words what the cache refused or does not keep, and which files were not compared.
        found: told when a proof that is taken from the cache was made.
        took: told the seconds of each quantity that is proved now.
    """

    baseline: Path | None = None
    suppressions: Path | None = None
    cache: Path | None = None
    copies: bool = False
    tell: Callable[[str], None] = lambda _: None
    found: Callable[[str], None] = lambda _: None
    took: Callable[[Mapping[str, float]], None] = lambda _: None

    def read(self, gates: Sequence[Gate], written: Sequence[Path]) -> Decided:
        """Read the files.

        Args:
            gates: of the spec.
            written: files that the run writes.

        Raises:
            CertifyError: one makes no sense, or is a file that the run writes itself.
        """
        for path in written:
            if self.baseline is not None and path.resolve() == self.baseline.resolve():
                raise InputError(f"baseline {self.baseline}", "the run writes this file itself",
                                 "keep the baseline elsewhere: certify baseline update CERT --baseline FILE")
        return Decided(tuple(gates), None if self.baseline is None else read_baseline(self.baseline, gates),
                       () if self.suppressions is None else read_suppressions(self.suppressions))


NONE: Final = Policy()


@dataclass(frozen=True)
class Decided:
    """The same, read.

    Attributes:
        gates: of the spec.
        baseline: None where none was given.
        suppressions: those of the file.
    """

    gates: tuple[Gate, ...]
    baseline: Baseline | None
    suppressions: tuple[Suppression, ...] = ()

    def compare_questions(self, parts: Callable[[], tuple[Json, Json]]) -> None:
        """Refuse a baseline of another question, before anything is proved.

        Args:
            parts: the members `problem` and `subject` of the certificate to come.
        """
        if self.baseline is not None:
            require_same(self.baseline, *parts(), self.gates)

    def applied(self, certificate: Json, folder: Path) -> dict[str, Any]:
        """The certificate with what follows from all this.

        Args:
            certificate: with its claims.
            folder: where it will lie.
        """
        before = self.baseline
        place = None if before is None else file_member(before.digest, folder)
        found = attach(certificate, self.gates, before, place)
        return suppress(found, self.suppressions, today()) if self.suppressions else found
