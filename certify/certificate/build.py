"""From a problem and what was proved about it to a certificate."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify._version import __version__
from certify.certificate.canonical import Json, seal
from certify.certificate.schema import BY_ROW, validate
from certify.format.canonical import FORMAT
from certify.format.labels import FROM_FILE
from certify.format.words import BALANCED, Normalization
from certify.network.graph.graph import GraphNetwork
from certify.problem.bound import Bound
from certify.problem.nearness import weights_length, within
from certify.prove.gates import Outcome, overall

if TYPE_CHECKING:
    from certify.network.network import Network
    from certify.problem.problem import Problem
    from certify.spec.models import Gate, Spec
    from certify.spec.sources import Digest


@dataclass(frozen=True)
class Claim:
    """A bound held against a gate (None: against finiteness), and what became of it."""

    bound: Bound
    gate: Gate | None
    outcome: Outcome


def build(
    problem: Problem,
    claims: Sequence[Claim],
    base: Mapping[str, Any],
    sources: Mapping[str, Digest],
    environment: Mapping[str, Any],
    folder: Path,
) -> Json:
    """The certificate of a problem, sealed with its digest.

    Args:
        problem: the problem, read from files.
        claims: one for each gate, or one for each quantity where there is no gate.
        base: size of the shift that makes the given weights exact (:func:`certify.systems.interpolation.base_point`).
        sources: digests of spec, model and data: of the very bytes the problem was built from.
        environment: what the floating-point self-test found, and how well the network fits (no claim).
        folder: where the certificate will lie; paths in it are relative to this folder.

    Raises:
        CertificateError: something in it has no place in the format.
    """
    verdict, gates = overall(claim.outcome for claim in claims)
    certificate = seal({
        "format": FORMAT,
        "certify_version": __version__,
        "created": now(),
        "subject": subject_member(sources, folder),
        "problem": problem_member(problem),
        "base": plain(base),
        "claims": [claim_member(claim) for claim in claims],
        "verdict": str(verdict),
        "gates": gates,
        "environment": plain(environment) | _arithmetic(problem),
    })
    validate(certificate)
    return certificate


def _arithmetic(problem: Problem) -> Json:
    """That the bounds were computed in rationals, where the spec asks for it: nothing else in the file shows it."""
    return {"arithmetic": "exact rationals"} if problem.arithmetic == "exact" else {}


def subject_member(sources: Mapping[str, Digest], folder: Path) -> Json:
    """The files that a certificate binds."""
    return {role: file_member(sources[role], folder)
            for role in ("spec", "model", "graph", "data", "reference", "change", "evaluation", "witness")
            if role in sources}


def problem_member(problem: Problem) -> Json:
    """The mathematical problem, as far as scalars and short lists say it."""
    spec, network = problem.spec, problem.network
    assert spec is not None  # read from files
    listed = spec.perturbation.rows
    return {
        "map": spec.solution.map,
        "base": spec.solution.base,
        "layer": problem.layer,
        "parameter": problem.parameter,
        "rows": "all" if listed == "all" else sorted(listed),
        "set": spec.perturbation.set,
        "norm": spec.perturbation.norm,
        "weight_norm": spec.weights.norm,
        **problem.measure.stated(),
        **({} if problem.evaluation is None else {"evaluation_rows": len(problem.evaluation)}),
        **_functionals(problem),
        **({} if problem.threshold is None else {"threshold": problem.threshold}),
        **({} if spec.window is None else {"window": spec.window.radius}),
        **({} if problem.direction is None else {"direction": problem.direction}),
        **({"relative": True} if problem.relative else {}),
        **_network(network),
        "n": problem.n,
        "inputs": problem.inputs,
        "outputs": problem.outputs,
        "parameters": problem.parameters,
        "equations": problem.equations,
        "scale": None if problem.scale is None else problem.scale.tolist(),
        "loss": problem.loss,
        "weight_decay": problem.weight_decay,
        **_training(problem),
        "level": problem.level,
        "merge_duplicates": problem.merge_duplicates,
        "groups": [list(group) for group in problem.groups or ()],
        "radius": spec.perturbation.radius,
        "reparameterised": network.reparameterised,
        "names": None if problem.names is None else list(problem.names),
        "count": problem.count,
        **_kind(problem),
        **_arrays(spec),
        **({} if spec.about is None else {"about": spec.about.model_dump(mode="json", exclude_none=True)}),
        **({"within": within(problem), "weights_length": weights_length(problem)} if problem.nearby else {}),
    }


def _arrays(spec: Spec) -> Json:
    """By file the arrays or columns that are read of it, where gates over time hold it against other certificates.

    Columns of rows that are named in no section of their own are the features of the model, and no part of the rows.
    """
    if not any(gate.over_time for gate in spec.gate):
        return {}
    data, rows, change = spec.data, spec.evaluation, spec.perturbation
    features = data.features if isinstance(data.features, str) else None
    found: Json = {"data": [data.features, data.targets, data.weights]}
    if spec.weights.reference is not None:
        found["reference"] = [features]
    if change.file is not None:
        found["change"] = [change.array]
    if rows is not None and rows.file is not None:
        found["evaluation"] = [features if rows.features is None else rows.features,
                               data.targets if rows.targets is None else rows.targets, rows.intercept]
    return {"arrays": {role: [list(name) if isinstance(name, tuple) else name for name in names]
                       for role, names in found.items()}}


def _functionals(problem: Problem) -> Json:
    """Evaluation rows that are functionals: names of the weights that they are, or that they are rows of a file."""
    found = problem.functionals
    if found is None:
        return {}
    return {"functionals": FROM_FILE if found.names is None else list(found.names)}


def _training(problem: Problem) -> Json:
    """Of the training, what is not as usual: biases without decay, a mean over the rows that are left, weights."""
    spec, weights = problem.spec, None if problem.weights is None else problem.weights.rows
    return ({} if problem.bias_decay else {"bias_decay": False}) | (
        {} if problem.normalization == Normalization.FIXED else {"normalization": problem.normalization}) | (
        {} if problem.weights is None or not problem.weights.by_label else {"class_weight": BALANCED if (
            problem.weights.labels is None) else problem.weights.labels.tolist()}) | (
        {} if spec is None or weights is None else {"row_weights": {
            "by": spec.data.weights, "least": float(weights.min()), "largest": float(weights.max())}})


def _kind(problem: Problem) -> Json:
    """What kind of change of whole rows is meant, where it is not any rows, each by itself."""
    spec, found = problem.spec, dict[str, Any]()
    if problem.together is not None and spec is not None:
        found["grouped"] = {"by": spec.perturbation.groups, "groups": len(problem.together),
                            "largest": max(map(len, problem.together))}
    if problem.relabelled is not None:
        found["relabelled"] = problem.relabelled
    if problem.pairs is not None:
        found["pairs"] = [list(pair) for pair in problem.pairs]
    if problem.fresh is not None:
        found["fresh"] = {"rows": problem.fresh, "box": None if problem.box is None else [list(p) for p in problem.box]}
    return found


def _network(network: Network | GraphNetwork) -> Json:
    """What kind of network it is, as far as short lists say it."""
    if isinstance(network, GraphNetwork):
        return {"graph": {"shape": list(network.shape), "operations": network.operations}}
    return {"widths": list(network.widths), "activation": network.activation,
            "biases": [bias is not None for bias in network.biases]}


def claim_member(claim: Claim) -> Json:
    """A claim with its gate as plain JSON."""
    bound, outcome = claim.bound, claim.outcome
    member = {
        "quantity": bound.quantity,
        "theorem": bound.theorem or None,  # an estimate has none
        "rigour": str(bound.rigour),
        "verdict": str(outcome.verdict),
        "lower": plain(bound.lower),
        "upper": plain(bound.upper),
        "unit": bound.unit,
        "gate": None if claim.gate is None else gate_member(claim.gate) | {"state": outcome.gate},
        "reason": outcome.reason,
        "hypotheses": [
            {"name": h.name, "statement": h.statement, "value": plain(h.value), "holds": bool(h.holds)}
            for h in bound.hypotheses
        ],
        "witness": plain(bound.witness),
    }
    if bound.quantity in BY_ROW:
        member |= {key: plain(getattr(bound, key)) for key in ("rows", "row_lower", "row_upper")}
    return member


def gate_member(gate: Gate) -> Json:
    """A gate as the spec has it, without what became of it."""
    threshold = {"max": gate.max} if gate.max is not None else {"min": gate.min}
    return threshold | {"rigour": str(gate.rigour), "severity": gate.severity, "rationale": gate.rationale}


def file_member(source: Digest, folder: Path) -> Json:
    """A file with its path relative to the certificate; the folders are resolved, the file's own name is kept."""
    path = source.path.parent.resolve() / source.path.name
    try:
        relative = Path(os.path.relpath(path, folder.resolve())).as_posix()
    except ValueError:  # another drive: it will be looked for beside the certificate
        relative = path.name
    return {"path": relative, "sha256": source.sha256, "bytes": source.size}


def plain(value: Any) -> Any:
    """Numbers, arrays and tuples as the plain types of JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):  # a numpy array or scalar
        return plain(value.tolist())
    return str(value) if isinstance(value, str) else value


def now() -> str:
    """UTC now, or the time that a reproducible build asks for."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(fixed) if fixed.isascii() and fixed.isdigit() else time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
