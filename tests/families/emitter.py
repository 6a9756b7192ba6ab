"""A second, independent emitter of certificates for the tests: explicit Jacobians, flint's eigenvalues.

It shares no code with `certify.check` or with the rest of `certify`: its certificates are honest without the prover.
The truth is computed at 300 bits, so that
ends can be placed a hair above and below it.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from safetensors.numpy import save

BITS = 300
Json = dict[str, Any]


@dataclass
class Case:
    """A small problem in plain arrays."""

    weights: list[np.ndarray]
    biases: list[np.ndarray | None]
    activation: str
    X: np.ndarray
    y: np.ndarray | None
    parameter: str = "features"
    rows: str | list[int] = "all"
    layer: str | int = "all"
    merge: bool = False
    gates: list[Json] = field(default_factory=list)
    loss: str = "squared"
    columns: list[int] | None = None
    scale: dict[str, float] | None = None

    @property
    def units(self) -> list[float] | None:
        if self.columns is None and self.scale is None:
            return None
        listed = range(self.widths[0]) if self.columns is None else self.columns
        return [(self.scale or {}).get(str(j), 1.0) if j in listed else 0.0 for j in range(self.widths[0])]

    @property
    def widths(self) -> list[int]:
        return [self.weights[0].shape[1], *(len(W) for W in self.weights)]

    @property
    def groups(self) -> list[list[int]]:
        seen: dict[tuple[float, ...], list[int]] = {}
        for i, row in enumerate(self.X.tolist()):
            seen.setdefault(tuple(v + 0.0 for v in row), []).append(i)
        return [g for g in seen.values() if len(g) > 1]

    @property
    def kept(self) -> list[int]:
        dropped = {i for g in self.groups for i in g[1:]} if self.merge else set()
        return [i for i in range(len(self.X)) if i not in dropped]

    @property
    def moving(self) -> list[int]:
        first = {i: g[0] for g in self.groups for i in g} if self.merge else {}
        listed = range(len(self.X)) if self.rows == "all" else self.rows
        return sorted({first.get(i, i) for i in listed})

    @property
    def parameters(self) -> int:
        free = range(len(self.weights)) if self.layer == "all" else [int(self.layer) - 1]
        return sum(self.weights[h].size + (0 if self.biases[h] is None else self.biases[h].size) for h in free)


@dataclass
class Truth:
    """Exact values to about 80 digits, as balls."""

    outputs: list[list[arb]]
    K: arb_mat
    Q: arb_mat
    smallest_input: arb | None


def truth(case: Case) -> Truth:
    """K = JJᵀ from the explicit Jacobian, Q from explicit input gradients."""
    with ctx.workprec(BITS):
        jacobian, gradients, outputs, smallest = [], [], [], None
        for i in case.kept:
            f, rows, grads, least = _derivatives(case, [arb(v) for v in case.X[i].tolist()])
            outputs.append(f)
            jacobian += rows
            gradients += grads
            if least is not None:
                smallest = least if smallest is None else smallest.min(least)
        J = arb_mat(jacobian)
        K = J * J.transpose()
        N, k = len(jacobian), case.widths[-1]
        Q = [[arb(0)] * N for _ in range(N)]
        for at, row in enumerate(case.kept):
            if row not in case.moving:
                continue
            for a in range(k):
                for b in range(k):
                    left, right = gradients[at * k + a], gradients[at * k + b]
                    value = sum((u * v for u, v in zip(left, right, strict=True)), arb(0))
                    Q[at * k + a][at * k + b] = value if case.parameter == "features" else arb(int(a == b))
        return Truth(outputs, K, arb_mat(Q), smallest)


def _derivatives(case: Case, x: list[arb]) -> tuple[list[arb], list[list[arb]], list[list[arb]], arb | None]:
    """Outputs, ∂f_a/∂w (free layers) and ∂f_a/∂x at one point, by forward accumulation of full matrices."""
    a, inputs, slopes, least = arb_mat([[v] for v in x]), [], [], None
    depth = len(case.weights)
    for h, (W, b) in enumerate(zip(case.weights, case.biases, strict=True)):
        inputs.append(a)
        z = arb_mat(W.tolist()) * a
        if b is not None:
            z = z + arb_mat([[v] for v in b.tolist()])
        if h == depth - 1:
            a = z
            break
        entries = z.entries()
        if case.activation == "tanh":
            a = arb_mat([[v.tanh()] for v in entries])
            slopes.append([1 - v.tanh() ** 2 for v in entries])
        else:
            a = arb_mat([[v if v > 0 else arb(0)] for v in entries])
            slopes.append([arb(1) if v > 0 else arb(0) for v in entries])
            for v in entries:
                least = abs(v) if least is None else least.min(abs(v))
    k = case.widths[-1]
    D = arb_mat(k, k, [int(i == j) for i in range(k) for j in range(k)])
    after = [D]
    for h in range(depth - 1, 0, -1):
        D = D * arb_mat(case.weights[h].tolist())
        D = arb_mat([[u * s for u, s in zip(row, slopes[h - 1], strict=True)] for row in D.tolist()])
        after.insert(0, D)
    units = [arb(u) for u in case.units or [1.0] * case.widths[0]]
    gradients = [[v * u for v, u in zip(row, units, strict=True)]
                 for row in (D * arb_mat(case.weights[0].tolist())).tolist()]
    free = range(depth) if case.layer == "all" else [int(case.layer) - 1]
    rows = []
    for out in range(k):
        row: list[arb] = []
        for h in free:
            for d in after[h].tolist()[out]:
                row += [d * v for v in inputs[h].entries()]
                if case.biases[h] is not None:
                    row.append(d)
        rows.append(row)
    return a.entries(), rows, gradients, least


def eigenvalue(K: arb_mat, Q: arb_mat) -> tuple[arb, list[arb]]:
    """Largest λ with `Qv = λKv`, and v; to about 80 digits."""
    with ctx.workprec(BITS):
        L = cholesky(K)
        half = L.solve(Q).mid()
        values, vectors = jacobi(L.solve(half.transpose()).mid())
        at = max(range(len(values)), key=lambda i: float(values[i]))
        y = arb_mat([[v] for v in vectors[at]])
        v = L.transpose().solve(y).entries()
        pivot = max(v, key=lambda x: float(abs(x).mid()))
        return values[at], [(x / pivot).mid() for x in v]


def cholesky(A: arb_mat) -> arb_mat:
    """Lower triangular L with `LLᵀ ≈ A`."""
    N, a = A.nrows(), [[x.mid() for x in row] for row in A.tolist()]
    L = [[arb(0)] * N for _ in range(N)]
    for j in range(N):
        L[j][j] = (a[j][j] - sum((x * x for x in L[j][:j]), arb(0))).sqrt().mid()
        for i in range(j + 1, N):
            dot = sum((x * y for x, y in zip(L[i][:j], L[j][:j], strict=True)), arb(0))
            L[i][j] = ((a[i][j] - dot) / L[j][j]).mid()
    return arb_mat(L)


def jacobi(A: arb_mat) -> tuple[list[arb], list[list[arb]]]:
    """Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations, to about `BITS` bits."""
    N, a = A.nrows(), [[x.mid() for x in row] for row in A.tolist()]
    V = [[arb(int(i == j)) for j in range(N)] for i in range(N)]
    size = max((abs(a[i][i]) for i in range(N)), key=float, default=arb(0))
    small = size * arb(2) ** (10 - BITS)
    for _ in range(60):
        todo = [(p, q) for p in range(N) for q in range(p + 1, N) if abs(a[p][q]) > small]
        if not todo:
            break
        for p, q in todo:
            if not abs(a[p][q]) > small:
                continue
            theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
            t = 1 / (abs(theta) + (theta * theta + 1).sqrt())
            t = (t if theta >= 0 else -t).mid()
            c = (t * t + 1).rsqrt().mid()
            s = (t * c).mid()
            for row in a:
                row[p], row[q] = (c * row[p] - s * row[q]).mid(), (s * row[p] + c * row[q]).mid()
            a[p], a[q] = ([(c * x - s * y).mid() for x, y in zip(a[p], a[q], strict=True)],
                          [(s * x + c * y).mid() for x, y in zip(a[p], a[q], strict=True)])
            V[p], V[q] = ([(c * x - s * y).mid() for x, y in zip(V[p], V[q], strict=True)],
                          [(s * x + c * y).mid() for x, y in zip(V[p], V[q], strict=True)])
    return [a[i][i] for i in range(N)], V


def down(x: arb, relative: float = 0.0) -> float:
    """A double below x, by about `relative` of it."""
    with ctx.workprec(BITS):
        y = float((x.lower() * (1 - arb(relative))).mid())
        while not arb(y) <= x:
            y = math.nextafter(y, -math.inf)
        return max(y, 0.0)


def up(x: arb, relative: float = 0.0) -> float:
    """A double above x, by about `relative` of it."""
    with ctx.workprec(BITS):
        y = float((x.upper() * (1 + arb(relative))).mid())
        while not arb(y) > x:
            y = math.nextafter(y, math.inf)
        return y


def write_files(case: Case, folder: Path) -> None:
    """spec.toml, model.safetensors and data.npz."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for h, (W, b) in enumerate(zip(case.weights, case.biases, strict=True)):
        tensors[f"{2 * h}.weight"] = np.ascontiguousarray(W)
        if b is not None:
            tensors[f"{2 * h}.bias"] = np.ascontiguousarray(b)
    (folder / "model.safetensors").write_bytes(save(tensors))
    arrays = {"X": case.X} if case.y is None else {"X": case.X, "y": case.y}
    np.savez(folder / "data.npz", **arrays)
    (folder / "spec.toml").write_text(spec_text(case), encoding="utf-8")


def spec_text(case: Case) -> str:
    layer = f'"{case.layer}"' if case.layer == "all" else case.layer
    rows = '"all"' if case.rows == "all" else case.rows
    lines = [
        "version = 1", "[model]", 'file = "model.safetensors"', f"widths = {case.widths}",
        f'activation = "{case.activation}"', "[data]", 'file = "data.npz"', 'features = "X"',
        *(['targets = "y"'] if case.y is not None else []),
        "[training]", f'loss = "{case.loss}"',
        "[solution]", f"layer = {layer}", "[perturbation]", f'parameter = "{case.parameter}"', f"rows = {rows}",
        *([] if case.columns is None else [f"columns = {case.columns}"]),
        *([] if case.scale is None else [
            "scale = {" + ", ".join(f'"{j}" = {u}' for j, u in case.scale.items()) + "}"]),
    ]
    for gate in case.gates:
        lines.append("[[gate]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in gate.items()]
    return "\n".join(lines) + "\n"


def canonical(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def seal(certificate: Json) -> bytes:
    """Canonical bytes with a fresh digest."""
    body = {key: value for key, value in certificate.items() if key != "digest"}
    digest = "sha256:" + hashlib.sha256(canonical(body)).hexdigest()
    return canonical({**body, "digest": digest})


def write(certificate: Json, folder: Path) -> Path:
    path = folder / "certificate.json"
    path.write_bytes(seal(certificate))
    return path


def emit(case: Case, folder: Path, margin: float = 1e-11, known: Truth | None = None) -> Json:
    """Write the files and return an honest certificate whose ends lie `margin` beside the truth."""
    write_files(case, folder)
    exact = known or truth(case)
    unit = "weight distance per unit of " + ("feature" if case.parameter == "features" else "target") + " change"
    if len(case.kept) < len(case.X):
        unit += " (equal rows move as one)"
    quantities = [g["quantity"] for g in case.gates] or (
        ["modulus", "sample_modulus"] if case.parameter == "features" else ["modulus"])
    claims = []
    for number, quantity in enumerate(quantities):
        claim = _modulus(case, exact, margin) if quantity == "modulus" else _samples(case, exact, margin)
        claim |= {"quantity": quantity, "theorem": "M2" if quantity == "modulus" else "M4", "rigour": "proved",
                  "unit": unit, "reason": "", "hypotheses": hypotheses(case, exact)}
        judge(claim, case.gates[number] if case.gates else None)
        claims.append(claim)
    certificate = {
        "format": "certify/1", "certify_version": "0.1.0", "created": "2026-11-25T00:00:00Z",
        "subject": {role: record(folder / name, name) for role, name in
                    (("spec", "spec.toml"), ("model", "model.safetensors"), ("data", "data.npz"))},
        "problem": {
            "map": "interpolation", "base": "given", "layer": case.layer, "parameter": case.parameter,
            "rows": "all" if case.rows == "all" else sorted(case.rows), "set": "total", "norm": 2,
            "weight_norm": "euclidean", "widths": case.widths, "activation": case.activation,
            "biases": [b is not None for b in case.biases], "n": len(case.X), "inputs": case.widths[0],
            "outputs": case.widths[-1], "parameters": case.parameters,
            "equations": len(case.kept) * case.widths[-1], "merge_duplicates": case.merge, "groups": case.groups,
            "scale": case.units, "loss": case.loss, "weight_decay": 0.0, "level": None, "radius": None,
            "reparameterised": False, "names": None,
        },
        "base": base(case, exact), "claims": claims, "environment": {"emitter": "tests"},
    }
    return total(certificate)


def total(certificate: Json) -> Json:
    """Put in the overall verdict and gate state that follow from the claims."""
    verdicts = [c["verdict"] for c in certificate["claims"]]
    states = [c["gate"]["state"] for c in certificate["claims"] if c["gate"] and c["gate"]["severity"] == "fail"]
    certificate["verdict"] = next((v for v in ("refuted", "inconclusive") if v in verdicts), "certified")
    certificate["gates"] = next((s for s in ("failed", "open") if s in states), "met")
    return certificate


def record(path: Path, name: str) -> Json:
    data = path.read_bytes()
    return {"path": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def judge(claim: Json, gate: Json | None) -> None:
    """Put in the verdict and gate member that follow from the ends."""
    low = math.inf if "equal_rows" in claim["witness"] else -math.inf if claim["lower"] is None else claim["lower"]
    high = math.inf if claim["upper"] is None else claim["upper"]
    if gate is None:
        yes, no = high < math.inf, low == math.inf
    elif "max" in gate:
        yes, no = high <= gate["max"], low > gate["max"]
    else:
        yes, no = low >= gate["min"], high < gate["min"]
    claim["verdict"] = "certified" if yes else "refuted" if no else "inconclusive"
    side = next((s for s in ("max", "min") if gate and s in gate), None)
    claim["gate"] = None if gate is None else {
        side: float(gate[side]), "rigour": gate.get("rigour", "proved"), "severity": gate.get("severity", "fail"),
        "rationale": gate.get("rationale"), "state": "met" if yes else "failed" if no else "open"}


def _modulus(case: Case, exact: Truth, margin: float) -> Json:
    with ctx.workprec(BITS):
        if all(x == 0 for x in exact.Q.entries()):
            return {"lower": 0.0, "upper": 0.0, "witness": {}}
        value, vector = eigenvalue(exact.K, exact.Q)
        z = [float(x.mid()) for x in vector]
        row = arb_mat([[arb(v) for v in z]])
        q, k = (row * exact.Q * row.transpose())[0, 0], (row * exact.K * row.transpose())[0, 0]
        return {"lower": down((q / k).sqrt(), margin), "upper": up(value.sqrt(), margin), "witness": {"z": z}}


def row_moduli(case: Case, exact: Truth) -> list[arb]:
    """κ_i of every moving row."""
    with ctx.workprec(BITS):
        k, inverse, values = case.widths[-1], exact.K.inv(), []
        for row in case.moving:
            at = case.kept.index(row) * k
            P = arb_mat([[inverse[at + a, at + b] for b in range(k)] for a in range(k)])
            Q = arb_mat([[exact.Q[at + a, at + b] for b in range(k)] for a in range(k)])
            zero = all(x == 0 for x in Q.entries())
            values.append(arb(0) if zero else eigenvalue(P.inv(), Q)[0].max(arb(0)).sqrt())
        return values


def _samples(case: Case, exact: Truth, margin: float) -> Json:
    values = row_moduli(case, exact)
    lower = [0.0 if v == 0 else down(v, margin) for v in values]
    upper = [0.0 if v == 0 else up(v, margin) for v in values]
    return {"lower": max(lower), "upper": max(upper), "witness": {}, "rows": case.moving, "row_lower": lower,
            "row_upper": upper}


def hypotheses(case: Case, exact: Truth) -> list[Json]:
    spare = case.parameters - len(case.kept) * case.widths[-1]
    with ctx.workprec(BITS):
        sigma = min(jacobi(exact.K)[0], key=float).max(arb(0)).sqrt()
    margin = None if exact.smallest_input is None else down(exact.smallest_input, 1e-12)
    return [
        {"name": "counting", "statement": "", "value": spare, "holds": spare >= 0},
        {"name": "smooth", "statement": "", "value": margin, "holds": True},
        {"name": "rank", "statement": "the Jacobian of all outputs has full row rank: its smallest singular value is "
         "at least", "value": down(sigma, 1e-10), "holds": True},
    ]


def base(case: Case, exact: Truth) -> Json:
    if case.y is None or case.loss == "logistic":
        return {"residual": None, "distance": 0, "radius": None, "shift_worst": None, "shift_worst_row": None}
    with ctx.workprec(BITS):
        y = case.y.reshape(len(case.X), -1)
        shifts = [sum(((f - arb(float(t))) ** 2 for f, t in zip(out, y[row], strict=True)), arb(0)).sqrt()
                  for row, out in zip(case.kept, exact.outputs, strict=True)]
        worst = max(range(len(shifts)), key=lambda i: float(shifts[i]))
        residual = sum((s * s for s in shifts), arb(0)).sqrt()
        return {"residual": up(residual), "distance": 0.0, "radius": None, "shift_worst": up(shifts[worst]),
                "shift_worst_row": case.kept[worst]}
