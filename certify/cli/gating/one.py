"""One spec: prove it or take it from the cache, print what became of it, and give the exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify.cli.formats import Formats
    from certify.gating.policy import Policy


@dataclass(frozen=True)
class Asked:
    """Arguments of `certify run` beside the specs, as they were given."""

    output: Path | None = None
    as_json: bool = False
    quiet: bool = False
    merge_duplicates: bool = False
    form: tuple[str, ...] = ()
    on_inconclusive: str = "fail"
    baseline: Path | None = None
    suppressions: Path | None = None
    cache: Path | None = None
    copies: bool = False

    def policy(self, tell: Callable[[str], None], found: Callable[[str], None],
               took: Callable[[Mapping[str, float]], None] = lambda _: None) -> Policy:
        """What changes no proof.

        Args:
            tell: told in words what the cache refused or does not keep, and which files were not compared.
            found: told when a proof that is taken from the cache was made.
            took: told the seconds of each quantity that is proved now.
        """
        from certify.gating.policy import Policy

        return Policy(self.baseline, self.suppressions, self.cache, self.copies, tell, found, took)


def run_one(spec: Path, asked: Asked) -> int:
    """Prove a spec; the verdict line, or what `--format` says, on standard output.

    Raises:
        CertifyError: bad input.
    """
    from certify.auditing.spec_run import CERTIFICATE, REPORT, WITNESS, run_audit
    from certify.certificate.write import require_folder, write_together
    from certify.cli.formats import as_text, formats
    from certify.gating.status import require_word, status_of
    from certify.problem.progress import shown
    from certify.report.messages import run_object

    require_word(asked.on_inconclusive)
    wanted = formats(asked.form, asked.as_json)
    folder = spec.parent if asked.output is None else asked.output
    wanted.require_apart((spec, *(folder / name for name in (CERTIFICATE, REPORT, WITNESS))))
    for path in wanted.files:
        require_folder(path.parent, (path.name,))
    told, made, times = list[str](), list[str](), dict[str, float]()
    with shown(asked.quiet) as tell:
        certificate = run_audit(spec, asked.output, asked.merge_duplicates, tell,
                                asked.policy(told.append, made.append, times.update))
    write_together(wanted.written(certificate, folder, lambda: as_text(run_object(certificate)), times))
    notes = [*(f"warning: {words}" for words in told), *(f"from cache: proved {when}" for when in made)]
    _say(certificate, asked, wanted, folder, notes, times)
    return status_of(certificate, asked.on_inconclusive)


def _say(certificate: dict[str, Any], asked: Asked, wanted: Formats, folder: Path, notes: list[str],
         times: Mapping[str, float]) -> None:
    """Print what became of it."""
    from certify.auditing.spec_run import CERTIFICATE, REPORT
    from certify.cli.formats import JSON, as_text, seen
    from certify.cli.text import one_line
    from certify.gating.status import open_note
    from certify.report.messages import advice, cautions_of, remembered, run_object, verdict_line

    quiet = asked.quiet
    for line in notes:
        if line.startswith("warning") or not quiet:
            print(one_line(line), file=sys.stderr, flush=True)
    if not quiet and remembered(certificate):
        print(one_line(remembered(certificate)), file=sys.stderr, flush=True)
    if wanted.medium is not None:
        print(wanted.medium.text(certificate, seen(folder), times), end="")
    elif wanted.out == JSON:
        print(as_text(run_object(certificate)))
    else:
        print(one_line(verdict_line(certificate, reason=quiet)))
    sys.stdout.flush()
    if quiet:
        lines = [f"caution: {words}" for words in cautions_of(certificate)]
    else:
        lines = [*advice(certificate), f"certificate {folder / CERTIFICATE}", f"report      {folder / REPORT}"]
    note = open_note(certificate, asked.on_inconclusive)
    for line in (*lines, *([note] if note else [])):
        print(one_line(line), file=sys.stderr)
