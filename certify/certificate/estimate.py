"""What `estimate.json` says: an estimate with its gates, its evidence, its cost and where it came from."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from certify._version import __version__
from certify.certificate.build import Claim, claim_member, file_member, now
from certify.certificate.canonical import Json, seal
from certify.estimation.derivatives.hessian import gradient
from certify.estimation.estimate import Estimate, Member
from certify.estimation.evidence import Evidence
from certify.estimation.model.subject import ModuleProblem
from certify.estimation.retraining import Retrained
from certify.format.quantities import ESTIMATED
from certify.format.words import Rigour
from certify.problem.bound import Bound
from certify.prove.gates import evaluate, overall

if TYPE_CHECKING:
    from certify.spec.models import Gate, Spec
    from certify.spec.sources import Digest

FORMAT = "certify-estimate/1"

UNITS = {
    "loss_after": "mean loss of the moved rows, data changed, at the estimated parameters",
    "residual": "residual of the linear system, relative to its right-hand side",
}

DAMPED = "residual of the damped system {formula}, relative to its right-hand side"
UNDAMPED = "residual, without the damping that was chosen, of the system asked about, relative to its right-hand side"
"""Units of a residual where there is a damping; a gate is never met by one that nobody asked for."""


@dataclass(frozen=True, eq=False)
class Beside:
    """What was asked for beside the estimate.

    Attributes:
        members: other members of the estimated set.
        why_no_members: where they were asked for and could not be had.
        retrained: weights trained on the changed data after all.
    """

    members: Sequence[Member] = ()
    why_no_members: str = ""
    retrained: Sequence[Retrained] = ()


def document_of(
    found: Estimate, beside: Beside, base: Json, spec: Spec, sources: Mapping[str, Digest], folder: Path,
    parameters: Sequence[Json],
) -> Json:
    """The content of `estimate.json`, sealed with its digest. A number that is not finite is null.

    Args:
        found: the estimate.
        beside: members of the set and trained weights, where asked for.
        base: from :func:`base_of`.
        spec: the spec.
        sources: digests of spec, model, data and change: of the very bytes that were read.
        folder: where the file will lie; paths in it are relative to this folder.
        parameters: name, digest and size of the file with the new parameters, and of those of the members.
    """
    claims = claims_of(found, spec.gate)
    verdict, gates = overall(claim.outcome for claim in claims)
    return seal(_finite({
        "format": FORMAT,
        "rigour": "estimated",
        "certify_version": __version__,
        "created": now(),
        "subject": {role: file_member(digest, folder) for role, digest in sorted(sources.items())},
        "problem": _problem(found, spec),
        "base": base,
        "claims": [claim_member(claim) for claim in claims],
        "verdict": str(verdict),
        "gates": gates,
        "options": asdict(found.options),
        "result": _result(found) | {"start": None if found.start is None else _result(found.start)},
        "members": [_evidence(member.evidence) | {"parameters": file}
                    for member, file in zip(beside.members, parameters[1:], strict=True)],
        "members_missing": beside.why_no_members,
        "retrained": [_retrained(one) for one in beside.retrained],
        "parameters": parameters[0],
        "environment": _environment(found.problem),
    }))


def claims_of(found: Estimate, gates: Sequence[Gate]) -> list[Claim]:
    """Every gate held against the estimate; without gates both quantities.

    Returns:
        Claims whose rigour is estimated and whose verdict is inconclusive, whatever became of the gate. A gate on the
        residual is held against that of the undamped system where the program chose the damping.
    """
    system = found.system
    bounds = {"loss_after": _bound("loss_after", found.loss_after), "residual": _bound(
        "residual", found.residual, DAMPED.format(formula=system.formula) if system.damping else "")}
    gated = dict(bounds)
    if system.chosen and system.undamped is not None:
        gated["residual"] = _bound("residual", system.undamped, UNDAMPED)
    held: list[tuple[Bound, Gate | None]] = [(gated[gate.quantity], gate) for gate in gates]
    held = held or [(bounds[name], None) for name in ESTIMATED]
    return [Claim(bound, gate, evaluate(bound, gate)) for bound, gate in held]


def base_of(problem: ModuleProblem) -> Json:
    """How far the given weights are from a solution: `|∇L|`, or `|f − y|` where y are outputs; the distance to one.

    The distance is 0 with base ``"given"``, and unknown with base ``"nearby"``: nothing is proved here.
    """
    residual: float | None = None
    if not problem.solution.in_outputs:
        residual = float(gradient(problem).double().norm())
    elif problem.loss.reached:
        residual = float((problem.function.all_outputs(problem.w, problem.X) - problem.y).double().norm())
    return {"residual": _number(residual), "distance": problem.solution.base.distance}


def _bound(name: str, value: float, unit: str = "") -> Bound:
    end = _number(value)
    reason = "" if end is not None else f"it is {value}: the step leads to weights at which the network has no value"
    return Bound(name, "", Rigour.ESTIMATED, end, end, unit or UNITS[name], reason=reason)


def _problem(found: Estimate, spec: Spec) -> Json:
    problem, change = found.problem, found.change
    rows = [int(i) for i in change.rows.tolist()]
    sizes = change.u.reshape(len(rows), -1).double().norm(dim=1)
    before = change.moved(problem)
    whole = None if before is None else float(before.reshape(len(rows), -1).double().norm())
    return {
        "map": problem.map, "base": problem.base, "loss": problem.loss.name, "weight_decay": problem.weight_decay,
        "batch_statistics": problem.batch_statistics, "n": problem.n, "outputs": problem.k, "parameters": problem.p,
        "input_shape": list(problem.X.shape[1:]), "module": type(problem.module).__name__,
        "factory": spec.model.factory, "precision": str(problem.w.dtype).removeprefix("torch."),
        "device": problem.w.device.type, "parameter": change.parameter, "rows": rows,
        "change": {"norm": float(sizes.norm()), "largest_row": float(sizes.max()), "moved_rows_norm": whole},
        "weights_norm": float(problem.w.double().norm()),
    }


def _result(found: Estimate) -> Json:
    return {
        "status": found.status, "ended": found.ended, "failure": found.failure,
        "system": asdict(found.system) | {"formula": found.system.formula},
        "correctors": [asdict(one) for one in found.correctors],
        "residual": found.residual, "history": [float(h) for h in found.history],
        "cost": asdict(found.cost), "evidence": _evidence(found.evidence),
        "response_norm": float(found.response.double().norm()),
        "stationary_norm": None if found.stationary is None else float(found.stationary.double().norm()),
        "space": "weights" if found.rows is None else "outputs",
        "moved_rows_only": found.rows is not None and len(found.rows.X) < found.problem.n,
    }


def _retrained(one: Retrained) -> Json:
    return {"start": one.start, "gradients": one.gradients, "gradient_left": one.gradient_left, "status": one.status,
            "agreement": asdict(one.agreement)}


def _evidence(evidence: Evidence) -> Json:
    return asdict(evidence) | {"validity": [list(pair) for pair in evidence.validity]}


def _environment(problem: ModuleProblem) -> Json:
    device = problem.w.device
    return {
        "python": platform.python_version(), "torch": str(torch.__version__), "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _finite(value: Any) -> Any:
    """JSON of lists and dicts in which a number that is not finite is null."""
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return _number(value) if isinstance(value, float) else value
