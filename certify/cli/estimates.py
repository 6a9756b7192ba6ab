"""A whole estimate: from a spec on disk to estimate.json, new_parameters.safetensors and estimate.html.

Other members of the estimated set, where asked for, go to member_1.safetensors and so on.

What :mod:`certify.auditing.spec_run` is for proofs. Nothing written here is a certificate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from certify.format.errors import InputError, MissingPackage
from certify.problem.progress import Progress, forward, part, silent

if TYPE_CHECKING:
    import numpy as np

    from certify.estimation import Estimate, ModuleProblem
    from certify.estimation.estimate import Member
    from certify.spec.models import Spec
    from certify.spec.sources import Digest

ESTIMATE, PAGE, PARAMETERS = "estimate.json", "estimate.html", "new_parameters.safetensors"
MEMBER: Final = "member_{}.safetensors"

_FOR_PROBLEM: Final = ("batch_statistics", "chunk", "device")
_RETRAINED: Final = {"fine_tune": "given", "from_scratch": "scratch"}
_NOT_OPTIONS: Final = (*_FOR_PROBLEM, *_RETRAINED, "members")

_SOLVE: Final = 40.0
"""Gradients that a solve costs, about: with that its share of the time is foretold."""

_READ, _WRITE = 0.02, 0.97
"""Fractions at which files are read, and at which only writing is left."""


def run_estimate(
    spec_path: str | Path, out_dir: str | Path | None = None, progress: Progress | None = None,
    first: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Read, estimate, and write the three files, and one for each other member asked for.

    The output folder is tried before anything is computed, and the files are written at the end, whole or not at
    all: an error or Ctrl-C leaves what was there before.

    Args:
        spec_path: the spec.
        out_dir: where to write; default the spec's folder.
        progress: told the stage and the fraction done.
        first: told a first answer in a line as soon as there is one, where the whole takes longer.

    Returns:
        The content of `estimate.json`.

    Raises:
        CertifyError: bad input, or torch is not installed.
    """
    from certify.certificate import canonical_bytes
    from certify.certificate.write import require_folder, write_together

    tell = forward(progress or silent)
    spec_path = Path(spec_path)
    folder = spec_path.parent if out_dir is None else Path(out_dir)
    tell("reading", 0.0)
    require_folder(folder, (ESTIMATE, PAGE, PARAMETERS))
    asked = load(spec_path, lambda words: tell(words, _READ))
    require_folder(folder, tuple(MEMBER.format(i + 1) for i in range(asked.options.get("members", 0))))

    from certify.certificate.estimate import Beside, base_of, document_of
    from certify.estimation import estimate
    from certify.report.exporters.estimate import render

    shares = _Shares.of(asked.options)
    options = {key: value for key, value in asked.options.items() if key not in _NOT_OPTIONS}
    found = estimate(asked.problem, asked.u, asked.rows, parameter=asked.spec.perturbation.parameter,
                     progress=part(tell, _READ, shares.first()),
                     first=None if first is None else lambda answer: first(answer.words()), **options)
    spent = found.cost
    windows = shares.rest((spent.seconds + spent.evidence_seconds) / spent.gradient_seconds)
    members, missing = _members(found, asked.options.get("members", 0), part(tell, *windows[0]))
    starts = [(start, asked.options[key]) for key, start in _RETRAINED.items() if asked.options.get(key)]
    again = [found.retrain(start, gradients, found.options.seed, part(tell, *window))
             for (start, gradients), window in zip(starts, windows[1:], strict=True)]
    tell("the given weights", _WRITE)
    base = base_of(asked.problem)
    tell("writing", 0.98)
    contents = {PARAMETERS: _parameters(found, asked.names)}
    contents |= {MEMBER.format(i): _parameters(member, asked.names) for i, member in enumerate(members, 1)}
    named = [{"name": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
             for name, content in contents.items()]
    document = document_of(found, Beside(members, missing, again), base, asked.spec, asked.sources, folder, named)
    page = render(document).encode("utf-8")
    write_together({folder / name: content for name, content in contents.items()}
                   | {folder / ESTIMATE: canonical_bytes(document), folder / PAGE: page},
                   before=(folder / ESTIMATE, folder / PAGE))  # they name the parameters by digest
    tell("done", 1.0)
    return document


@dataclass(frozen=True, eq=False)
class Asked:
    """A spec with all that it names.

    Attributes:
        spec: the spec.
        problem: module, data and training problem.
        u: the change.
        rows: the rows that change, in the order of `u`; None: all.
        options: what `[estimate]` says.
        names: what the model file calls each tensor of the module.
        sources: digests of the very bytes that were read.
    """

    spec: Spec
    problem: ModuleProblem
    u: np.ndarray[Any, Any]
    rows: tuple[int, ...] | None
    options: dict[str, Any]
    names: dict[str, str]
    sources: dict[str, Digest]


def load(spec_path: Path, note: Callable[[str], None] = lambda words: None) -> Asked:
    """Read a spec for `certify estimate` and the files it names.

    Args:
        spec_path: the spec.
        note: told in words when memory forces smaller chunks.

    Raises:
        CertifyError: with one line that says what to change.
    """
    from certify.inputs.arrays import read_change, read_rows
    from certify.spec import load_spec
    from certify.spec.sources import recording
    from certify.spec.validity import require_rows

    with recording() as sources:
        spec = load_spec(spec_path, "estimate")
        _require_torch()
        from certify.estimation import module_problem
        from certify.inputs.torch.module import read_module

        folder = spec_path.parent
        X, y = read_rows(spec, folder)
        require_rows(spec, len(X))
        u = read_change(spec, folder)
        _require_count(spec, u, len(X))
        module, names = read_module(spec, folder)
    options = {} if spec.estimate is None else spec.estimate.model_dump(exclude_none=True)
    problem = module_problem(
        module, X, y, loss=spec.training.loss, weight_decay=spec.training.weight_decay, map=spec.solution.map,
        base=spec.solution.base, tell=note,
        **{key: options[key] for key in _FOR_PROBLEM if key in options},
    )
    listed = spec.perturbation.rows
    return Asked(spec, problem, u, None if listed == "all" else listed, options, names, dict(sources))


def _require_count(spec: Spec, u: np.ndarray[Any, Any], n: int) -> None:
    """Refuse a change with other rows than the spec lists: which of the two is wrong only its author knows."""
    p = spec.perturbation
    count, said = (n, 'rows = "all"') if p.rows == "all" else (len(p.rows), f"{len(p.rows)} in perturbation.rows")
    if u.ndim == 0 or len(u) != count:
        found = 0 if u.ndim == 0 else len(u)
        raise InputError(f"change file {p.file}", f"{found} {'row' if found == 1 else 'rows'} for {said}",
                         f"give {count} rows, in their order, or list as many rows as the file has")


def _require_torch() -> None:
    try:
        import certify.estimation  # noqa: F401
    except MissingPackage as error:
        raise MissingPackage("certify estimate", error.found, error.remedy) from None


def _members(found: Estimate, count: int, tell: Progress) -> tuple[list[Member], str]:
    """Other members of the estimated set, or why there are none."""
    if not count:
        return [], ""
    try:
        return list(found.sample_members(count, seed=found.options.seed, tell=tell)), ""
    except InputError as error:
        return [], f"not sampled: {error.found}"


def _parameters(found: Estimate | Member, names: dict[str, str]) -> bytes:
    """The estimated parameters with the module's buffers, under the names of the model file."""
    from safetensors.torch import save

    state = found.state_dict()
    named = {names.get(name, name): tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    return save(named, metadata={"rigour": "estimated"})


@dataclass(frozen=True)
class _Shares:
    """How the time of a run is shared out, for progress alone, in gradients: the estimate, members, training again."""

    solve: float
    members: float
    trained: tuple[int, ...]

    @staticmethod
    def of(options: dict[str, Any]) -> _Shares:
        return _Shares(_SOLVE * (1 + options.get("corrector_steps", 0)), _SOLVE if options.get("members") else 0.0,
                       tuple(options[key] for key in _RETRAINED if options.get(key)))

    def first(self) -> float:
        """Where the estimate ends, before anything is known of its cost."""
        rest = self.members + sum(self.trained)
        return _READ + (_WRITE - _READ) * self.solve / (self.solve + rest)

    def rest(self, spent: float) -> list[tuple[float, float]]:
        """From where to where members and trainings go, when the estimate has cost `spent` gradients."""
        parts = [self.members, *self.trained]
        whole = sum(parts)
        low = max(self.first(), _WRITE * spent / (spent + whole)) if whole else _WRITE
        ends = [low + (_WRITE - low) * sum(parts[:i]) / (whole or 1.0) for i in range(len(parts) + 1)]
        return list(zip(ends[:-1], ends[1:], strict=True))
