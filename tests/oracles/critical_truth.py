"""Honest certificates of the critical map from Taylor series and eigenvectors: no field, no rule of the checker.

Everything is computed at 300 bits: H and C by polarisation, the tilt and the modulus by pseudo-inverses from Jacobi's
method. What counts as an eigenvalue 0 is far below everything else, or the case is not used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from flint import arb, arb_mat, ctx

from certify.check.reading.spec import read_spec
from certify.check.reading.subject import Problem, build_problem, describe
from tests.families import emitter
from tests.families.emitter import BITS, Json, down, jacobi, up
from tests.oracles import taylor as taylor_oracle
from tests.oracles.taylor import Line

TINY = 1e-40


@dataclass
class Truth:
    """What holds at the weights in the file, tilted so that they are critical."""

    problem: Problem
    tilt: str
    shift: list[list[arb]]
    outputs: list[list[arb]]
    residual: arb
    pairing: arb
    H: arb_mat
    blocks: list[arb_mat]
    kernel: int

    def response(self, block: arb_mat) -> arb_mat:
        """`H⁺C`."""
        return pseudo_inverse(self.H)[0] * block

    def modulus(self) -> tuple[arb, list[float]]:
        """`‖H⁺C‖`, and z with `|Cᵀz| = ‖H⁺C‖·|Hz|`, weights first, then biases, layer by layer."""
        inverse = pseudo_inverse(self.H)[0]
        whole = arb_mat([[x for part in rows for x in part]
                         for rows in zip(*(b.tolist() for b in self.blocks), strict=True)])
        M = inverse * whole
        value, v = _largest(M * M.transpose())
        z = (inverse * arb_mat([[x] for x in v])).entries()
        size = max((abs(x) for x in z), key=float)
        return value.sqrt(), [float((x / size).mid()) for x in z]

    def rows(self) -> list[arb]:
        """`‖H⁺C_i‖` of every moving row."""
        found = []
        for block in self.blocks:
            M = self.response(block)
            found.append(_largest(M.transpose() * M)[0].max(arb(0)).sqrt())
        return found


def _largest(S: arb_mat) -> tuple[arb, list[arb]]:
    values, vectors = jacobi(S)
    at = max(range(len(values)), key=lambda i: float(values[i]))
    return values[at], vectors[at]


def pseudo_inverse(S: arb_mat) -> tuple[arb_mat, int]:
    """Of a symmetric matrix, and the dimension of its kernel."""
    values, vectors = jacobi(S)
    most = max(float(abs(v)) for v in values)
    kept = [i for i, v in enumerate(values) if float(abs(v)) > TINY * most]
    if any(float(abs(values[i])) < 1e-9 * most for i in kept):
        raise ValueError("an eigenvalue is small but not 0")
    p = S.nrows()
    total = arb_mat(p, p)
    for i in kept:
        v = arb_mat([[x] for x in vectors[i]])
        total = total + v * v.transpose() * (1 / values[i])
    return total, p - len(kept)


def truth(problem: Problem) -> Truth | None:
    """The tilt, H and C; None where there is no tilt, or a number is small but not 0."""
    p, n, k = problem.parameters, len(problem.features), problem.outputs
    unit = np.eye(p).tolist()
    with ctx.workprec(BITS):
        columns = [taylor_oracle.slopes(problem, Line(e)) for e in unit]
        J = arb_mat([[c[0][i][a] for c in columns] for i in range(n) for a in range(k)])
        g = arb_mat([[c[1]] for c in columns])
        P = J
        if problem.loss == "cross_entropy" and not problem.weight_decay:
            centre = arb_mat([[(int(r == c) - arb(1) / k) if r // k == c // k else arb(0) for c in range(n * k)]
                              for r in range(n * k)])
            P = centre * J
        c = P * (pseudo_inverse(P.transpose() * P)[0] * g)
        off = (J.transpose() * c - g).entries()
        tilt = "output" if all(float(abs(x)) < TINY for x in off) else "weights"
        shift = [[c[i * k + a, 0] for a in range(k)] for i in range(n)]
        H = hessian(problem, shift if tilt == "output" else None)
        kernel = pseudo_inverse(H)[1]
        if tilt == "weights" and kernel:
            return None
        outputs = taylor_oracle.outputs(problem)
        w = [arb(v) for h in problem.free for v in (
            *problem.layers[h - 1].weights, *(problem.layers[h - 1].biases or ()))]
        pairs = (zip(c.entries(), [f for row in outputs for f in row], strict=True) if tilt == "output"
                 else zip(g.entries(), w, strict=True))
        return Truth(problem, tilt, shift, outputs, _norm(g.entries()), abs(sum((u * v for u, v in pairs), arb(0))), H,
                     [mixed_block(problem, i, shift[i] if tilt == "output" else None) for i in problem.moving], kernel)


def hessian(problem: Problem, tilt: list[list[arb]] | None) -> arb_mat:
    """By polarisation along the axes."""
    p, unit = problem.parameters, np.eye(problem.parameters)
    axes = [taylor_oracle.second(problem, Line(e.tolist()), tilt) for e in unit]
    H = [[axes[a]] * p for a in range(p)]
    for a in range(p):
        for b in range(a):
            both = taylor_oracle.second(problem, Line((unit[a] + unit[b]).tolist()), tilt)
            H[a][b] = H[b][a] = (both - axes[a] - axes[b]) / 2
    return arb_mat(H)


def mixed_block(problem: Problem, i: int, tilt: list[arb] | None) -> arb_mat:
    """`C_i`: only the term of row i depends on its data."""
    n = len(problem.features)
    alone = replace(problem, features=problem.features[i:i + 1], kept=(0,), moving=(0,), weight_decay=0.0,
                    targets=problem.targets and problem.targets[i:i + 1],
                    labels=problem.labels and problem.labels[i:i + 1])
    own = None if tilt is None else [[x * n for x in tilt]]  # the tilt is not divided by n
    lines = {"features": [Line(features={0: e}) for e in np.eye(problem.layers[0].inputs).tolist()],
             "targets": [Line(targets={0: e}) for e in np.eye(problem.outputs).tolist()],
             "sample_weights": [Line(samples={0: 1.0})]}[problem.parameter]
    return arb_mat([[taylor_oracle.mixed(alone, e, line, own) / n for line in lines]
                    for e in np.eye(problem.parameters).tolist()])


def _norm(values) -> arb:
    return sum((v * v for v in values), arb(0)).sqrt()


def read(folder: Path) -> Problem:
    """The problem in a folder."""
    spec = read_spec((folder / "spec.toml").read_bytes())
    return build_problem(spec, (folder / "model.safetensors").read_bytes(), (folder / "data.npz").read_bytes(), False)


def emit(folder: Path, exact: Truth, margin: float = 1e-11) -> Json:
    """An honest certificate about the problem in a folder."""
    problem, spec = exact.problem, read_spec((folder / "spec.toml").read_bytes())
    theorem, n = "M5b" if exact.kernel else "M5c", len(problem.features)
    moved = {"features": "feature change", "targets": "target change"}.get(
        problem.parameter, "change of the sample weights")
    with ctx.workprec(BITS):
        base: Json = {"residual": up(exact.residual), "distance": 0.0, "radius": None, "shift_worst": None,
                      "shift_worst_row": None, "tilt": exact.tilt, "shift_norm": up(exact.residual),
                      "shift_loss": up(exact.pairing)}
        if exact.tilt == "output":
            sizes = [_norm([x * n for x in row]) for row in exact.shift]
            worst = max(range(n), key=lambda i: float(sizes[i]))
            base |= {"shift_worst": up(sizes[worst]), "shift_worst_row": worst, "shift_norm": up(_norm(sizes))}
        hypotheses = [{"name": "tilt", "statement": "", "value": base["shift_norm"], "holds": True}]
        if exact.kernel:
            hypotheses.append({"name": "symmetry", "statement": "", "value": exact.kernel, "holds": True})
        values = [abs(v) for v in jacobi(exact.H)[0]]
        least = min((v for v in values if float(v) > TINY * max(map(float, values))), key=float)
        hypotheses.append({"name": "rank", "statement": "", "value": down(least, 1e-10), "holds": True})
        value, z = exact.modulus()
        claims = [{"quantity": "modulus", "lower": down(value, margin), "upper": up(value, margin),
                   "witness": {"z": z}}]
        if problem.parameter == "features" or any(g.quantity == "sample_modulus" for g in spec.gates):
            rows = exact.rows()
            low = [0.0 if float(v) < TINY else down(v, margin) for v in rows]
            high = [1e-30 if float(v) < TINY else up(v, margin) for v in rows]
            claims.append({"quantity": "sample_modulus", "lower": max(low), "upper": max(high), "witness": {},
                           "rows": list(problem.moving), "row_lower": low, "row_upper": high})
    for claim in claims:
        claim |= {"theorem": theorem, "rigour": "proved", "unit": f"weight distance per unit of {moved}", "reason": "",
                  "hypotheses": [dict(h) for h in hypotheses]}
        emitter.judge(claim, None)
    return emitter.total({
        "format": "certify/1", "certify_version": "0.1.0", "created": "2026-11-25T00:00:00Z",
        "subject": {role: emitter.record(folder / name, name) for role, name in
                    (("spec", "spec.toml"), ("model", "model.safetensors"), ("data", "data.npz"))},
        "problem": describe(problem, spec, False), "base": base, "claims": claims, "environment": {"emitter": "tests"},
    })
