"""A run: from a spec on disk to a certificate and a report on disk, in one direction."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.format.errors import CertifyError
from certify.gating.policy import NONE
from certify.problem.progress import Progress, silent
from certify.problem.question import asked

if TYPE_CHECKING:
    from certify.certificate.build import Claim
    from certify.gating.cache.key import Key
    from certify.gating.policy import Policy
    from certify.problem.bound import Bound
    from certify.problem.limits import Limits
    from certify.problem.problem import Problem
    from certify.spec.models import Gate
    from certify.spec.sources import Digest

CERTIFICATE, REPORT, WITNESS = "certificate.json", "report.html", "witness.safetensors"


def run_audit(
    spec_path: str | Path,
    out_dir: str | Path | None = None,
    merge_duplicates: bool = False,
    progress: Progress | None = None,
    policy: Policy = NONE,
) -> dict[str, Any]:
    """Read, prove, and write `certificate.json` and `report.html`.

    A model that `certify check` does not read is written once more, with a spec that names it, and the certificate is
    about these (:mod:`certify.certificate.checkable`).

    The output folder is tried before anything is computed, and the files are written at the end, whole or not at
    all: an error or Ctrl-C leaves what was there before. A side file of the certificate that is replaced goes.

    Args:
        spec_path: the spec.
        out_dir: where to write; default the spec's folder.
        merge_duplicates: treat rows with equal features as one row.
        progress: told the stage and the fraction done.
        policy: the baseline and what else changes no proof.

    Returns:
        The certificate.

    Raises:
        CertifyError: bad input, or a machine on which nothing can be proved. What memory or time does not allow
            is no error: the claim is inconclusive and says what it would need.
    """
    from certify.certificate.build import problem_member, subject_member
    from certify.certificate.checkable import checkable
    from certify.certificate.write import require_folder
    from certify.gating.originals import require_originals
    from certify.problem.limits import limits_of
    from certify.spec.load import load_spec

    tell, started = progress or silent, time.monotonic()
    spec_path = Path(spec_path)
    folder = spec_path.parent if out_dir is None else Path(out_dir)
    tell("reading", 0.0)
    require_folder(folder, (CERTIFICATE, REPORT, WITNESS))
    require_originals(load_spec(spec_path), spec_path, policy.copies, policy.tell)
    key = None if policy.cache is None else keyed(policy, spec_path, folder, merge_duplicates)
    if key is not None and (kept := from_cache(policy, key, spec_path, folder)) is not None:
        return kept
    audit = load(spec_path, merge_duplicates)
    decided = policy.read(gates_of(audit.problem), [folder / name for name in (CERTIFICATE, REPORT, WITNESS)])
    tell("testing the arithmetic of this machine", 0.01)
    sources, beside, origin = checkable(audit.problem, audit.sources, folder)
    decided.compare_questions(lambda: (problem_member(audit.problem), subject_member(sources, folder)))
    environment = tested(audit.problem) | origin
    proved = prove(audit.problem, tell, limits_of(audit.problem, started))
    policy.took(proved.seconds)
    tell("writing certificate and report", 0.97)
    made = make(Loaded(audit.problem, sources), proved, environment, folder, beside)
    certificate = put(made, decided.applied(made.certificate, folder), folder)
    if key is not None:
        keep(policy, key, made, certificate, folder)
    tell("done", 1.0)
    return certificate


def keyed(policy: Policy, spec_path: Path, folder: Path, merge_duplicates: bool) -> Key | None:
    """The key of a run in the cache; None, and a word about it, where its proof is not kept."""
    from certify.gating.cache.key import key_of
    from certify.gating.cache.store import require_cache
    from certify.spec.load import load_spec

    assert policy.cache is not None
    require_cache(policy.cache)
    key = key_of(load_spec(spec_path), spec_path, folder, merge_duplicates)
    if isinstance(key, str):
        policy.tell(f"not kept in the cache: {key}")
        return None
    return key


def from_cache(policy: Policy, key: Key, spec_path: Path, folder: Path) -> dict[str, Any] | None:
    """What is kept of the very same run, written where this one writes; None where nothing is.

    Gates over time and suppressions are no part of the proof, so they are decided anew. A page that is there already is
    not set again.
    """
    from certify.certificate import canonical_bytes
    from certify.certificate.write import write_together
    from certify.gating.cache.store import find
    from certify.spec.load import load_spec
    from certify.spec.sources import sha256_file

    assert policy.cache is not None
    gates = load_spec(spec_path).gate
    entry = find(policy.cache, key, gates, policy.tell)
    if entry is None:
        return None
    proof = entry.certificate
    decided = policy.read(gates, [folder / name for name in (CERTIFICATE, REPORT, WITNESS)])
    decided.compare_questions(lambda: (proof["problem"], proof["subject"]))
    beside = {folder / WITNESS: entry.witness} if entry.witness else {}
    made = Made(proof, beside, () if entry.witness else _stale_witness(folder, key.sources))
    certificate, page = decided.applied(proof, folder), folder / REPORT
    if certificate == proof and page.is_file() and sha256_file(page) == entry.page:
        contents = {**beside, folder / CERTIFICATE: canonical_bytes(certificate)}
        write_together({path: content for path, content in contents.items()
                        if not path.is_file() or path.read_bytes() != content}, made.remove,
                       [path for path in _outdated(contents, folder) if path != page])
    else:
        put(made, certificate, folder)
    policy.found(proof["created"])
    return certificate


def keep(policy: Policy, key: Key, made: Made, certificate: Mapping[str, Any], folder: Path) -> None:
    """Keep the proof of a run, without what a baseline or suppressions make of it."""
    from certify.gating.cache.entry import Entry
    from certify.gating.cache.store import keep as store
    from certify.spec.sources import sha256_file

    assert policy.cache is not None
    page = sha256_file(folder / REPORT) if certificate == made.certificate else ""
    store(policy.cache, key, Entry(made.certificate, made.beside.get(folder / WITNESS, b""), page), policy.tell)


def gates_of(problem: Problem) -> tuple[Gate, ...]:
    """The gates of the spec of a problem."""
    return () if problem.spec is None else problem.spec.gate


@dataclass(frozen=True)
class Proved:
    """What was proved about a problem.

    Attributes:
        claims: every bound, held against every gate on it.
        base: what is known of the base point.
        arrays: for the side file.
        far: why nothing counts, as the exact solution lies too far from the given weights; "" where it does.
        seconds: what each quantity took, on the clock; the first one with what others share.
    """

    claims: list[Claim]
    base: dict[str, Any]
    arrays: dict[str, Any]
    far: str
    seconds: Mapping[str, float]


def tested(problem: Problem, said: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the self-test of this machine found, and how well the network fits (no claim).

    Args:
        problem: whose network it is.
        said: members of the fit that the caller knows, and a spec does not say; None: none.

    Raises:
        CertifyError: a machine on which nothing can be proved.
    """
    from certify.problem.fitting import fit_of
    from certify.rigor.environment import recorded

    return recorded() | {"fit": fit_of(problem).as_json() | dict(said or {})}  # a free member: the format has no other


def write(audit: Loaded, proved: Proved, environment: Mapping[str, Any], folder: Path,
          beside: Mapping[Path, bytes] | None = None) -> dict[str, Any]:
    """Write certificate, page and side file, whole or not at all.

    Args:
        audit: the problem with the digests of its files.
        proved: what was proved about it.
        environment: of the certificate.
        folder: where to write.
        beside: other files to write with them.

    Returns:
        The certificate.
    """
    made = make(audit, proved, environment, folder, beside)
    return put(made, made.certificate, folder)


@dataclass(frozen=True)
class Made:
    """A certificate that is not written yet.

    Attributes:
        certificate: its content.
        beside: files that are written with it.
        remove: a side file that goes.
    """

    certificate: dict[str, Any]
    beside: Mapping[Path, bytes]
    remove: tuple[Path, ...] = ()


def make(audit: Loaded, proved: Proved, environment: Mapping[str, Any], folder: Path,
         beside: Mapping[Path, bytes] | None = None) -> Made:
    """The certificate of what was proved, with its side file; arguments as of :func:`write`."""
    from certify.certificate import build
    from certify.spec.sources import Digest

    sources, written = dict(audit.sources), dict(beside or {})
    if proved.arrays:
        written[folder / WITNESS] = content = _witness_bytes(proved.arrays)
        sources["witness"] = Digest(folder / WITNESS, hashlib.sha256(content).hexdigest(), len(content))
    methods = {claim.bound.quantity: list(claim.bound.methods) for claim in proved.claims if claim.bound.methods}
    kept = {**environment, **({"methods": methods} if methods else {})}
    certificate = build(audit.problem, proved.claims, proved.base, sources, kept, folder)
    return Made(certificate, written, () if proved.arrays else _stale_witness(folder, audit.sources))


def put(made: Made, certificate: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write a certificate, as it was made or with more said in it, with its page and what lies beside."""
    from certify.certificate import canonical_bytes
    from certify.certificate.write import write_together
    from certify.report.exporters.html import render

    page = render(certificate).encode("utf-8")
    written = {**made.beside, folder / CERTIFICATE: canonical_bytes(certificate), folder / REPORT: page}
    write_together(written, made.remove, _outdated(written, folder))
    return certificate


def _outdated(written: Mapping[Path, bytes], folder: Path) -> tuple[Path, ...]:
    """What would be wrong beside the new files: the page of another certificate, a certificate of other side files."""
    bound = any(path.name not in (CERTIFICATE, REPORT) and _others(path, content) for path, content in written.items())
    certificate = folder / CERTIFICATE
    other = _others(certificate, written[certificate])
    return (*((folder / REPORT,) if other else ()), *((certificate,) if bound else ()))


def _others(path: Path, content: bytes) -> bool:
    """Whether there is a file with other bytes."""
    try:
        return path.stat().st_size != len(content) or path.read_bytes() != content
    except OSError:
        return False


@dataclass(frozen=True)
class Loaded:
    """A problem with the digests of the very bytes it was read from."""

    problem: Problem
    sources: dict[str, Digest]


def load(spec_path: Path, merge_duplicates: bool) -> Loaded:
    """Read a problem and keep the digests of its files."""
    from certify.problem.load import load_problem
    from certify.spec.sources import recording

    with recording() as sources:
        problem = load_problem(spec_path, merge_duplicates)
    return Loaded(problem, dict(sources))


def _witness_bytes(arrays: dict[str, Any]) -> bytes:
    """The side file of a certificate."""
    import numpy as np
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _stale_witness(folder: Path, sources: Mapping[str, Digest]) -> tuple[Path, ...]:
    """The side file, if the certificate that will be replaced binds exactly it and this run does not read it."""
    from certify.certificate import read_certificate
    from certify.spec.sources import sha256_file

    path = folder / WITNESS
    if path.is_symlink() or not path.is_file() or any(_same(path, source.path) for source in sources.values()):
        return ()
    try:
        bound = read_certificate(folder / CERTIFICATE)["subject"].get("witness")
        named = bound is not None and bound["path"] == WITNESS and bound["sha256"] == sha256_file(path)
    except CertifyError:  # no certificate, or none that can be relied on: then the file stays
        return ()
    return (path,) if named else ()


def _same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve()


def prove(problem: Problem, tell: Progress, limits: Limits) -> Proved:
    """Every bound once, held against every gate on it; the base point; and arrays for the side file."""
    from certify.certificate.build import Claim
    from certify.problem.nearness import too_far
    from certify.prove.gates import evaluate
    from certify.prove.prover import prover
    from certify.systems.interpolation.witnesses import solution_arrays

    assert problem.spec is not None
    names, begun, seconds = asked(problem), time.monotonic(), dict[str, float]()
    share = _Share(tell)
    at = prover(problem, share, limits)
    arrays: dict[str, Any] = {} if at.solution is None else dict(solution_arrays(at.solution))
    bounds = {}
    for done, name in enumerate(names):
        share.window(done / len(names), (done + 1) / len(names))
        bounds[name] = at.bound(name)
        begun, seconds[name] = time.monotonic(), time.monotonic() - begun
    held: list[tuple[Bound, Gate | None]] = []
    asking: tuple[Gate | None, ...] = problem.spec.gate or (None,) * len(names)
    for name, gate in zip([gate.quantity for gate in problem.spec.gate] or names, asking, strict=True):
        side = "" if gate is None or gate.held is None else "min" if gate.max is None else "max"
        bound, own = bounds[name].against(side).with_names()
        arrays |= own
        held.append((bound, None if gate is None else gate.held))
    base = at.base()
    far = too_far(problem, base.get("distance"))
    claims = [Claim(bound, gate, evaluate(bound, gate, far)) for bound, gate in held]
    return Proved(claims, base, arrays, far, seconds)


class _Share:
    """Progress of one part, mapped into its window of the whole; it never goes back."""

    def __init__(self, tell: Progress) -> None:
        self._tell, self._from, self._to, self._reached = tell, 0.0, 1.0, 0.0

    def window(self, start: float, stop: float) -> None:
        self._from, self._to = 0.02 + 0.93 * start, 0.02 + 0.93 * stop

    def __call__(self, stage: str, fraction: float) -> None:
        here = self._from + (self._to - self._from) * min(max(fraction, 0.0), 1.0)
        self._reached = max(self._reached, here)
        self._tell(stage, self._reached)
