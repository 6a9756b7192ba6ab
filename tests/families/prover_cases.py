"""Random problems of every kind, written as files, proved by `certify run` and checked."""

from __future__ import annotations

import copy
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from flint import ctx

from certify.check.choices.allowed import Allowed
from certify.check.enclosure.hessian import Curvature
from certify.check.enclosure.network import forward
from certify.check.enclosure.network import given as exact_parameters
from certify.check.enclosure.objective import objective
from certify.check.kernel import NotSmooth
from certify.check.main import Result, check
from certify.check.reading.spec import read_spec
from certify.check.reading.subject import build_problem
from certify.cli.main import main as certify
from certify.rigor.activation import ACTIVATIONS, activation
from tests.families import emitter
from tests.families.check_cases import NO_FILES

Json = dict[str, Any]
NAMES = sorted(ACTIVATIONS)


def outputs(case: emitter.Case) -> np.ndarray:
    """The network in floats."""
    a = case.X
    for h, (W, b) in enumerate(zip(case.weights, case.biases, strict=True)):
        z = a @ W.T + (0.0 if b is None else b)
        a = activation(case.activation).enclose(z, 0)[0].mid if h < len(case.weights) - 1 else z
    return a


def parts(rng: np.random.Generator, k: int, digits: int = 2) -> Json:
    """Widths up to 5, up to 6 rows, some biases missing, some rows, columns and layers frozen."""
    widths = [*rng.integers(1, 6, rng.integers(1, 4)).tolist(), k]
    n = int(rng.integers(1, 7))

    def numbers(*shape: int) -> np.ndarray:
        return np.round(rng.normal(size=shape), digits)

    return {
        "weights": [numbers(o, i) for i, o in zip(widths, widths[1:], strict=False)],
        "biases": [numbers(o) if rng.random() < 0.7 else None for o in widths[1:]],
        "activation": str(rng.choice(NAMES)), "X": numbers(n, widths[0]), "y": numbers(n, k),
        "rows": "all" if rng.random() < 0.5 else rng.permutation(n)[: rng.integers(1, n + 1)].tolist(),
        "layer": "all" if rng.random() < 0.7 else int(rng.integers(1, len(widths))),
    }


def with_units(case: emitter.Case, rng: np.random.Generator) -> emitter.Case:
    """Some columns frozen, one with a unit of its own; only where features move."""
    if case.parameter == "features" and rng.random() < 0.4:
        d = case.widths[0]
        case.columns = rng.permutation(d)[: rng.integers(1, d + 1)].tolist()
        case.scale = {str(case.columns[0]): float(np.round(rng.uniform(0.1, 3), 2))}
    return case


def sublevel(seed: int, folder: Path, **fixed: Any) -> emitter.Case:
    """A sublevel problem with any loss, parameter and set; with a level there are gates on both quantities."""
    rng = np.random.default_rng(seed)
    loss = fixed.get("loss") or str(rng.choice(["squared", "logistic", "cross_entropy"]))
    k = 1 if loss == "logistic" else int(rng.integers(1, 4))
    made = parts(rng, k)
    n = len(made["X"])
    if loss == "logistic":
        made["y"] = rng.integers(0, 2, n) * (2 if rng.random() < 0.5 else 1)
        made["y"] = made["y"] - 1 if made["y"].max() == 2 else made["y"]
    elif loss == "cross_entropy":
        made["y"] = rng.integers(0, k, n) if rng.random() < 0.5 else rng.dirichlet(np.ones(k), n)
    parameters = ["features", "sample_weights", *(["targets"] if loss == "squared" else [])]
    made |= {"loss": loss, "parameter": str(rng.choice(parameters))}
    made |= {key: value for key, value in fixed.items() if key in made}
    case = with_units(emitter.Case(**made), rng)
    level = fixed.get("level", float(rng.choice([0.3, 1.0, 3.0, 30.0])) if rng.random() < 0.6 else None)
    kind = fixed.get("set", str(rng.choice(["total", "per_sample"])))
    if level is not None:
        case.gates = [{"quantity": "persistence_radius", "min": 0.01}, {"quantity": "modulus", "max": 3}]
    decay = fixed.get("decay", float(rng.choice([0.0, 0.01])))
    emitter.write_files(case, folder)
    edit(folder, {"[solution]\n": '[solution]\nmap = "sublevel"\n' + ("" if level is None else f"level = {level}\n"),
                  "[training]\n": f"[training]\nweight_decay = {decay}\n",
                  "[perturbation]\n": f'[perturbation]\nset = "{kind}"\n'})
    return case


def nearby(seed: int, folder: Path) -> emitter.Case:
    """An interpolation problem whose targets are nearly fitted."""
    rng = np.random.default_rng(seed)
    case = emitter.Case(**parts(rng, int(rng.integers(1, 3)), 16))
    case.parameter = str(rng.choice(["features", "targets"]))
    case.y = outputs(case) + 10.0 ** rng.integers(-12, 0) * rng.normal(size=case.y.shape)
    emitter.write_files(with_units(case, rng), folder)
    edit(folder, {"[solution]\n": '[solution]\nbase = "nearby"\n'})
    return case


def perturbed(seed: int, folder: Path, **fixed: Any) -> emitter.Case:
    """An interpolation problem with any perturbation set, norm and count; per_sample has gates on all quantities."""
    rng = np.random.default_rng(seed)
    case = with_units(emitter.Case(**parts(rng, int(fixed.get("outputs", rng.integers(1, 4))))), rng)
    case.parameter = str(rng.choice(["features", "features", "targets"]))
    kind = str(fixed.get("set", rng.choice(["total", "per_sample", "sparse", "given"])))
    norm = fixed.get("norm", [1, 2, "inf"][int(rng.integers(3))] if kind in ("per_sample", "sparse") else 2)
    radius = float(np.round(rng.uniform(0.01, 3), 3))
    case.gates = [{"quantity": "first_order_distance", "max": 2}]
    if kind in ("total", "per_sample"):
        alone = [{"quantity": "sample_modulus", "max": 3}] if kind == "per_sample" else []
        case.gates = [{"quantity": "modulus", "max": 3}, *alone, *case.gates]
    if kind == "given" or case.parameter == "targets":
        case.columns = case.scale = None
    lines = [f'set = "{kind}"']
    lines += [] if kind == "given" else [f"norm = {json.dumps(norm)}", f"radius = {radius}"]
    emitter.write_files(case, folder)
    if kind == "sparse":
        lines.append(f"count = {int(rng.integers(1, len(case.X) + 1))}")
    if kind == "given":
        listed = len(case.X) if case.rows == "all" else len(case.rows)
        width = case.widths[0 if case.parameter == "features" else -1]
        np.savez(folder / "change.npz", u=np.round(rng.normal(size=(listed, width)), 2))
        lines.append('file = "change.npz"')
    edit(folder, {"[perturbation]\n": "[perturbation]\n" + "\n".join(lines) + "\n"})
    return case


def edit(folder: Path, changes: dict[str, str]) -> None:
    """Change the spec."""
    path = folder / "spec.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


WRITTEN = ("certificate.json", "witness.safetensors", "report.html")
_proved: dict[frozenset[tuple[str, bytes]], dict[str, bytes] | None] = {}
"""What runs on the very same files wrote in this process; None where they were refused."""


def prove(folder: Path, anew: bool = False) -> Json | None:
    """What `certify run` writes, or None where it refuses the problem.

    Tests do many things to one certificate: of files that were proved before it is what was written then.

    Args:
        folder: of `spec.toml` and what it names.
        anew: where a part of the prover is replaced: nothing that was proved before, and nothing kept for others.
    """
    for name in WRITTEN:
        (folder / name).unlink(missing_ok=True)
    given = _contents(folder)
    key = frozenset((name, sha256(content).digest()) for name, content in given.items())
    if anew or key not in _proved:
        refused = certify(["run", str(folder / "spec.toml"), "--quiet"]) == 2
        written = {name: content for name, content in _contents(folder).items() if given.get(name) != content}
        _proved[key] = None if refused else written
    contents = _proved.pop(key) if anew else _proved[key]
    if contents is None:
        return None
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    found: Json = json.loads(contents["certificate.json"])
    return found


def _contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def checked(certificate: Json, folder: Path) -> Result:
    """The certificate, sealed again and checked by a caller who wants what it says of equal rows and of a tilt."""
    return check(emitter.write(certificate, folder), NO_FILES, allowed=Allowed(True, True))


def forged(certificate: Json, at: int, gate: Json | None = None, **changes: Any) -> Json:
    """A copy with members of one claim changed, and verdicts that follow from them."""
    result = copy.deepcopy(certificate)
    claim = result["claims"][at]
    claim |= changes
    own = claim["gate"] if gate is None else gate
    emitter.judge(claim, None if own is None else {k: v for k, v in own.items() if k != "state"})
    return emitter.total(result)


def critical(seed: int, folder: Path, **fixed: Any) -> emitter.Case:
    """A problem of the critical map, base given: any loss, parameter, activation and layer; mostly enough rows."""
    rng = np.random.default_rng(seed)
    loss = fixed.get("loss") or str(rng.choice(["squared", "logistic", "cross_entropy"]))
    k = 1 if loss == "logistic" else int(rng.integers(1 if loss == "squared" else 2, 4))
    made = parts(rng, k)
    made |= {"activation": str(rng.choice([*NAMES, "relu", "identity"]))} | {
        key: value for key, value in fixed.items() if key in made}
    widths = [made["weights"][0].shape[1], *(len(W) for W in made["weights"])]
    n = int(fixed.get("n", rng.integers(1, 16)))
    made["X"] = np.round(rng.normal(size=(n, widths[0])), 2)
    made["rows"] = "all" if rng.random() < 0.5 else rng.permutation(n)[: rng.integers(1, n + 1)].tolist()
    hard = rng.random() < 0.5
    if loss == "squared":
        made["y"] = np.round(rng.normal(size=(n, k)), 2)
    elif loss == "logistic" or hard:
        made["y"] = rng.integers(0, max(k, 2), n)
    else:
        made["y"] = rng.dirichlet(np.ones(k), n)
    choices = ["features", "sample_weights", *(["targets"] if loss == "squared" else [])]
    made |= {"loss": loss, "parameter": fixed.get("parameter") or str(rng.choice(choices))}
    case = with_units(emitter.Case(**made), rng)
    decay = fixed.get("decay", float(rng.choice([0.0, 0.0, 0.125])))
    emitter.write_files(case, folder)
    edit(folder, {"[solution]\n": '[solution]\nmap = "critical"\n' + (
                      f'base = "{fixed["base"]}"\n' if "base" in fixed else ""),
                  "[training]\n": f"[training]\nweight_decay = {decay}\n"})
    return case


def critical_set(seed: int, folder: Path, **fixed: Any) -> emitter.Case:
    """A problem of the critical map with any perturbation set, norm and count."""
    rng = np.random.default_rng([seed, 1])
    kind = str(fixed.get("set", rng.choice(["total", "per_sample", "sparse", "given"])))
    norm = fixed.get("norm", [1, 2, "inf"][int(rng.integers(3))] if kind in ("per_sample", "sparse") else 2)
    known = {key: value for key, value in fixed.items() if key not in ("set", "norm", "relative")}
    case = critical(seed, folder, **{"n": seed % 5 + 2} | known)
    lines = [f'set = "{kind}"']
    lines += [] if kind == "given" else [f"norm = {json.dumps(norm)}", f"radius = {round(rng.uniform(0.01, 3), 3)}"]
    if kind == "sparse":
        lines.append(f"count = {int(rng.integers(1, len(case.X) + 1))}")
    if kind == "given":
        case.columns = case.scale = None
        text = (folder / "spec.toml").read_text(encoding="utf-8").splitlines()
        kept = [line for line in text if not line.startswith(("columns", "scale"))]
        (folder / "spec.toml").write_text("\n".join(kept) + "\n", encoding="utf-8")
        listed = len(case.X) if case.rows == "all" else len(case.rows)
        width = {"features": case.widths[0], "targets": case.widths[-1]}.get(case.parameter, 1)
        np.savez(folder / "change.npz", u=np.round(rng.normal(size=(listed, width)), 2))
        lines.append('file = "change.npz"')
    edit(folder, {"[perturbation]\n": "[perturbation]\n" + "\n".join(lines) + "\n"})
    relative = fixed.get("relative", rng.random() < 0.3)
    alone = ["sample_modulus"] if kind == "per_sample" else []
    gates = ["first_order_distance"] if kind in ("sparse", "given") else ["modulus", *alone, "first_order_distance"]
    with (folder / "spec.toml").open("a", encoding="utf-8") as out:
        out.write('[weights]\nnorm = "relative"\n' if relative else "")
        out.writelines(f'[[gate]]\nquantity = "{quantity}"\nmax = 2\n' for quantity in gates)
    return case


def settled(case: emitter.Case, folder: Path, steps: int = 60) -> bool:
    """Move the free weights of a critical problem to where the gradient nearly vanishes; whether that was reached.

    Levenberg–Marquardt on the gradient, with the checker's derivatives as a finder, rounded to floats.
    """
    spec = read_spec((folder / "spec.toml").read_bytes())
    mu = 1.0
    for _ in range(steps):
        problem = build_problem(spec, (folder / "model.safetensors").read_bytes(),
                                (folder / "data.npz").read_bytes(), False)
        with ctx.workprec(64):
            weights = exact_parameters(problem)
            passed = forward(problem, weights, problem.features)
            try:
                found = Curvature(problem, weights, passed, objective(problem, passed.outputs))
            except NotSmooth:
                return False
            g = np.array([float(v.mid()) for v in found.gradient])
            p = len(g)
            H = np.array([float(v.mid()) for v in found.hessian.balls().entries()]).reshape(p, p)
        size = float(np.linalg.norm(g))
        if not np.isfinite(size):
            return False
        if size < 1e-14:
            return True
        step = np.linalg.lstsq(np.vstack([H, mu * min(size, 1.0) * np.eye(p)]), np.concatenate([g, np.zeros(p)]),
                               rcond=1e-13)[0]
        at = 0
        for h in problem.free:
            W, b = case.weights[h - 1], case.biases[h - 1]
            width = W.shape[1] + (b is not None)
            part = step[at:at + len(W) * width].reshape(len(W), width)
            at += part.size
            case.weights[h - 1] = W - part[:, :W.shape[1]]
            if b is not None:
                case.biases[h - 1] = b - part[:, -1]
        spec_text = (folder / "spec.toml").read_text(encoding="utf-8")
        emitter.write_files(case, folder)
        (folder / "spec.toml").write_text(spec_text, encoding="utf-8")
    return size < 1e-10


def predicted(seed: int, folder: Path, **fixed: Any) -> emitter.Case:
    """A problem of the critical map with evaluation rows and any perturbation set, euclidean."""
    case = critical_set(seed, folder, **fixed | {"relative": False})
    return with_predictions(case, folder, seed)


def fit_predicted(seed: int, folder: Path, **fixed: Any) -> emitter.Case:
    """The same of the interpolation map, base given."""
    return with_predictions(perturbed(seed, folder, **fixed), folder, seed)


def with_predictions(case: emitter.Case, folder: Path, seed: int) -> emitter.Case:
    """A gate on first-order changes of predictions in place of the others, at a row of the data and two more."""
    rng = np.random.default_rng([seed, 2])
    np.savez(folder / "more.npz", X=np.vstack([case.X[:1], np.round(rng.normal(size=(2, case.widths[0])), 2)]))
    path = folder / "spec.toml"
    text = path.read_text(encoding="utf-8").split("[[gate]]")[0]
    text += '[evaluation]\nfile = "more.npz"\nfeatures = "X"\n'
    text += '[[gate]]\nquantity = "first_order_prediction_change"\nmax = 2\n'
    path.write_text(text, encoding="utf-8")
    return case
