"""Damped inverse-Hessian products beside those of pyDVL, curvlinops, dattri, captum, kronfluence, in one process.

    python reports/benchmarks/peers.py --cases mlp resnet resnet-bn      # writes peers.json and peers.md
    python reports/benchmarks/peers.py --cases resnet-20 --weights resnet20-12fca82f.th --images FOLDER

The peers are an environment of their own (pyDVL lowers numpy to 1.26); a peer that is not installed is left out, and
said so. Every method gets the same float32 (or float64) network, rows, right-hand sides and damping, and is timed from
there to the answer, everything it prepares included. Cases run again replace their rows in peers.json; others stay.
Networks and data: `peers_nets.py`; captum and kronfluence, which factor a curvature first: `peers_factors.py`.
Exact answer: dense float64 Hessian; ResNet-20: a long float64 solve.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import math
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
warnings.filterwarnings("ignore")

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from peers_nets import Case, case  # noqa: E402
from torch.func import functional_call  # noqa: E402

PEERS = {"pydvl": "pyDVL", "curvlinops": "curvlinops-for-pytorch", "dattri": "dattri", "captum": "captum",
         "kronfluence": "kronfluence"}
BUDGETS = {"mlp": (10, 30, 100), "resnet": (10, 40), "resnet-bn": (10, 40), "resnet-20": (5, 15)}
Method = tuple[str, str, Callable[[Case, torch.Tensor, int], torch.Tensor]]
"""Who, which setting, and the answers (r, p) for right-hand sides (r, p), which are those of the first r test rows."""


def ours(solver: str, tolerance: float, products: int = 10_000) -> Callable[[Case, torch.Tensor, int], torch.Tensor]:
    from certify.estimation import EstimateOptions, module_problem
    from certify.estimation.solvers.weight_space import PRODUCT, solve

    def run(c: Case, G: torch.Tensor, r: int) -> torch.Tensor:
        problem = module_problem(c.module, c.X, c.y, loss="cross_entropy", map="critical", chunk=len(c.X))
        options = EstimateOptions(solver=solver, tolerance=tolerance, budget=PRODUCT * products, damping=c.damping)
        solved = solve(problem, "hessian", G, options, lambda words, done: None)
        run.words = solved.words()[0]  # type: ignore[attr-defined]
        return solved.x

    return run


def pydvl(name: str, iterations: int) -> Callable[[Case, torch.Tensor, int], torch.Tensor]:
    import pydvl.influence.torch as lib

    def run(c: Case, G: torch.Tensor, r: int) -> torch.Tensor:
        rows = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(c.X, c.y), batch_size=len(c.X))
        if name == "direct":
            model = lib.DirectInfluence(c.module, F.cross_entropy, regularization=c.damping)
        else:
            model = lib.CgInfluence(c.module, F.cross_entropy, regularization=c.damping, rtol=1e-12, atol=0.0,
                                    maxiter=iterations, warn_on_max_iteration=False)
        return model.fit(rows).influence_factors(c.tests[:r], c.labels[:r]).detach()

    return run


def curvlinops(name: str, iterations: int) -> Callable[[Case, torch.Tensor, int], torch.Tensor]:
    import curvlinops as lib
    from curvlinops.examples import IdentityLinearOperator

    def run(c: Case, G: torch.Tensor, r: int) -> torch.Tensor:
        weights = list(c.module.parameters())
        H = lib.HessianLinearOperator(c.module, torch.nn.CrossEntropyLoss(), weights, [(c.X, c.y)],
                                      check_deterministic=False)
        eye = IdentityLinearOperator([w.shape for w in weights], torch.device("cpu"), c.X.dtype)
        A = H + c.damping * eye
        if name == "cg":
            inverse = lib.CGInverseLinearOperator(A, max_tridiag_iter=0, eps=1e-9, max_iter=iterations, tolerance=1e-12)
        else:
            inverse = lib.LSMRInverseLinearOperator(A, atol=1e-12, btol=1e-12, maxiter=iterations)
        return (inverse @ G.T).T.detach()

    return run


def dattri(name: str, iterations: int) -> Callable[[Case, torch.Tensor, int], torch.Tensor]:
    from dattri.func.hessian import ihvp_cg, ihvp_explicit

    def run(c: Case, G: torch.Tensor, r: int) -> torch.Tensor:
        mean, w = flat(c)
        if name == "explicit":
            return ihvp_explicit(mean, regularization=c.damping)((w,), G).detach()
        return ihvp_cg(mean, max_iter=iterations, regularization=c.damping)((w,), G).detach()

    return run


def flat(c: Case) -> tuple[Callable[[torch.Tensor], torch.Tensor], torch.Tensor]:
    """The mean loss as a function of one vector, and the weights."""
    named = {name: p.detach() for name, p in c.module.named_parameters()}

    def mean(w: torch.Tensor) -> torch.Tensor:
        pieces = w.split([p.numel() for p in named.values()])
        state = {name: piece.view(p.shape) for (name, p), piece in zip(named.items(), pieces, strict=True)}
        return F.cross_entropy(functional_call(c.module, state, (c.X,)), c.y)

    return mean, torch.cat([p.flatten() for p in named.values()])


def methods(c: Case, installed: dict[str, str]) -> Iterator[Method]:
    large = c.name == "resnet-20"
    for tolerance in (3e-1, 2e-1, 1e-1, 5e-2, 2e-2, 1e-2, 1e-3) if large else (
            3e-1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7):
        yield "certify", f"auto, tolerance {tolerance:g}", ours("auto", tolerance)
    if not large:
        yield "certify", "direct", ours("direct", 1e-6)
    for m in BUDGETS[c.name]:
        if "pydvl" in installed:
            yield "pydvl", f"CG, {m} iterations", pydvl("cg", m)
        if "curvlinops" in installed:
            yield "curvlinops", f"CG, {m} iterations", curvlinops("cg", m)
            yield "curvlinops", f"LSMR, {m // 2 if large else m} iterations", curvlinops("lsmr", m // 2 if large else m)
        if "dattri" in installed:
            yield "dattri", f"ihvp_cg, {m} iterations", dattri("cg", m)
    if not large and "pydvl" in installed:
        yield "pydvl", "Direct", pydvl("direct", 0)
    if not large and "dattri" in installed:
        yield "dattri", "explicit", dattri("explicit", 0)
    yield from factoring(large, installed)


def factoring(large: bool, installed: dict[str, str]) -> Iterator[Method]:
    """The peers that factor a curvature first; captum's Hessian of ResNet-20 does not fit."""
    import peers_factors as peer

    if "captum" in installed:
        for size in () if large else (50, 0):
            yield "captum", f"naive, {size or 'all'} eigenvectors", peer.captum("naive", size)
        for size in (15,) if large else (10, 50):
            yield "captum", f"Arnoldi, {size} products", peer.captum("arnoldi", size)
    if "kronfluence" in installed:
        yield "kronfluence", "EK-FAC", peer.kronfluence()


def right_hand_sides(c: Case) -> torch.Tensor:
    """Gradients of the loss at the test rows, (8, p)."""
    weights = list(c.module.parameters())
    losses = F.cross_entropy(c.module(c.tests), c.labels, reduction="none")
    pieces = [torch.autograd.grad(loss, weights, retain_graph=True) for loss in losses]
    return torch.stack([torch.cat([g.flatten() for g in piece]) for piece in pieces])


def exact(c: Case, G: torch.Tensor) -> tuple[torch.Tensor, str]:
    """The answers in float64, and what they rest on."""
    wide = c.to(torch.float64)
    if c.p > 500:
        run = ours("auto", 1e-8, 400)
        X = run(wide, G.double(), len(G))
        return X, f"float64 solve ({run.words}); {residual_of(c, G.double(), X)}"  # type: ignore[attr-defined]
    mean, w = flat(wide)
    w.requires_grad_(True)
    (g,) = torch.autograd.grad(mean(w), w, create_graph=True)
    H = torch.stack([torch.autograd.grad(g, w, e, retain_graph=True)[0] for e in torch.eye(c.p, dtype=torch.float64)])
    H = (H + H.T) / 2 + c.damping * torch.eye(c.p, dtype=torch.float64)
    ends = torch.linalg.eigvalsh(H)
    return torch.linalg.solve(H, G.double().T).T, f"dense float64, eigenvalues {ends[0]:.2g} to {ends[-1]:.2g}"


def residual_of(c: Case, G: torch.Tensor, X: torch.Tensor) -> str:
    """How well X solves the systems, by products of torch's own in float64, and about how far from the answers it is.

    `|x − A⁻¹g| ≤ |g − Ax| / λ_min(A)`; the least eigenvalue is that of 30 steps of Lanczos from the answer in float32.
    """
    image, steps = products(c.to(torch.float64)), 30
    left = torch.stack([b - image(x) for b, x in zip(G, X, strict=True)])
    image, basis = products(c), [(X[0] / X[0].norm()).float()]
    T = torch.zeros(steps + 1, steps, dtype=torch.float64)
    for k in range(steps):
        v = image(basis[k])
        for _ in range(2):  # orthogonal to every earlier one
            for j, q in enumerate(basis):
                part = q @ v
                T[j, k] += part
                v = v - part * q
        T[k + 1, k] = v.norm()
        basis.append(v / v.norm())
    least = float(torch.linalg.eigvalsh((T[:steps] + T[:steps].T) / 2)[0])
    far = float((left.norm(dim=1) / X.norm(dim=1)).max()) / least
    relative = float((left.norm(dim=1) / G.norm(dim=1)).max())
    return (f"by double backward its relative residual is {relative:.1e}; with {least:.2g} for the least eigenvalue "
            f"({steps} Lanczos steps in float32) its relative error is at most about {far:.0e}")


def products(c: Case) -> Callable[[torch.Tensor], torch.Tensor]:
    """Those with the damped Hessian, by double backward."""
    mean, w = flat(c)
    w.requires_grad_(True)
    (g,) = torch.autograd.grad(mean(w), w, create_graph=True)
    return lambda v: torch.autograd.grad(g, w, v, retain_graph=True)[0] + c.damping * v


def measure(c: Case, r: int, installed: dict[str, str], repeats: int) -> dict[str, Any]:
    G = right_hand_sides(c)[:r].detach()
    X, basis = exact(c, G)
    print(c.name, c.X.dtype, r, basis, flush=True)
    tried = [m for m in methods(c, installed) if r == 1 or m[0] in ("certify", "kronfluence") or " 10 it" in m[1]]
    runs: list[list[tuple[float, float, float]]] = [[] for _ in tried]
    raised = [""] * len(tried)
    for _ in range(repeats):  # round by round, so that what else the machine does meets all alike
        for i, (_, _, run) in enumerate(tried):
            if sum(wall for _, wall, _ in runs[i]) >= 10:
                continue
            start, clock = time.process_time(), time.perf_counter()
            try:
                x = run(c, G, r)
            except Exception as error:  # noqa: BLE001 - whatever a peer raises is a result
                x, raised[i] = torch.full_like(G, math.nan), f": {type(error).__name__}"
            spent = time.process_time() - start, time.perf_counter() - clock
            error = ((x.double() - X).norm(dim=1) / X.norm(dim=1)).tolist()
            runs[i].append((*spent, math.nan if any(math.isnan(e) for e in error) else max(error)))
    rows = []
    for (who, setting, run), some, words in zip(tried, runs, raised, strict=True):
        seconds, wall, errors = zip(*some, strict=True)
        rows.append({"who": who, "setting": setting + words, "seconds": statistics.median(seconds),
                     "wall": statistics.median(wall), "runs": len(some), "error": errors[-1]})
        print(f"  {who:11} {setting + words:32} {rows[-1]['seconds']:9.4f} s  {errors[-1]:.1e}",
              getattr(run, "words", ""), flush=True)
    return {"case": c.name, "p": c.p, "rows": len(c.X), "damping": c.damping, "dtype": str(c.X.dtype)[6:],
            "right_hand_sides": r, "reference": basis, "statistic": "median",
            "load": os.getloadavg()[0], "methods": rows}


def beside(part: dict[str, Any]) -> Iterator[tuple[dict[str, Any], float, float]]:
    """A peer's row; seconds of the fastest of ours at least as exact; the error of ours that take no longer.

    Infinite where there is none.
    """
    mine = [m for m in part["methods"] if m["who"] == "certify"]
    for m in part["methods"]:
        if m["who"] != "certify":
            fast = [a["seconds"] for a in mine if math.isnan(m["error"]) or a["error"] <= m["error"]]
            within = [a["error"] for a in mine if a["seconds"] <= m["seconds"]]
            yield m, min(fast, default=math.inf), min(within, default=math.inf)


def compared(part: dict[str, Any]) -> Iterator[str]:
    """A line a setting: time and error, ours at least as exact, and whether ours is as exact in a peer's time."""
    for m in part["methods"]:
        if m["who"] == "certify":
            yield f"| certify | {m['setting']} | {m['seconds']:.3f} | {m['error']:.1e} | | | |"
    for m, fast, error in beside(part):
        reached = math.isfinite(fast)
        ratio = f"{m['seconds'] / fast:.1f}" if reached else "not reached"
        ratio = ratio if m["seconds"] >= 3 * fast else f"**{ratio}**"
        best = f"{error:.1e}" if math.isfinite(error) else "none"
        best = f"**{best}**" if error > m["error"] else best
        yield (f"| {m['who']} | {m['setting']} | {m['seconds']:.3f} | {m['error']:.1e} | "
               f"{format(fast, '.3f') if reached else '—'} | {ratio} | {best} |")


def verdict(parts: list[dict[str, Any]]) -> Iterator[str]:
    """What the tables show against the target, losses first."""
    there = {part["case"] for part in parts}
    missing = [name for name in BUDGETS if name not in there]
    yield f"Networks measured: {', '.join(n for n in BUDGETS if n in there)}. Missing: {', '.join(missing) or 'none'}."
    yield "Target: in a peer's time an error no worse than its own; the same error in at most a third of its time."
    yield ""
    yield ("| network | settings of peers | error worse in their time | less than 3 times faster "
           "| slower than they, or never as exact |")
    yield "|---|---:|---:|---:|---:|"
    lost = []
    for part in parts:
        rows = list(beside(part))
        words = f"{part['case']}, {part['dtype']}, {part['right_hand_sides']} right-hand side(s)"
        worse = sum(error > m["error"] for m, _, error in rows)
        under = sum(m["seconds"] < 3 * fast for m, fast, _ in rows)
        slower = [m for m, fast, _ in rows if m["seconds"] < fast]
        yield f"| {words} | {len(rows)} | {worse} | {under} | {len(slower)} |"
        lost += [f"* {words}: {m['who']} {m['setting']}" for m in slower]
    yield ""
    words = "Where a peer reaches its error sooner than any certify row, or none reaches it:"
    yield words if lost else "Nowhere is a peer faster."
    if lost:
        yield ""
        yield from lost


def _runs(part: dict[str, Any]) -> str:
    runs = [m.get("runs", 0) for m in part["methods"]]
    if not all(runs):
        return "up to 3 runs"
    some = f"{min(runs)} to {max(runs)} runs, fewer of slow methods"
    return f"{max(runs)} run(s)" if min(runs) == max(runs) else some


def page(result: dict[str, Any]) -> str:
    lines = ["# Damped inverse-Hessian products beside those of others", "", *verdict(result["parts"]), "",
             f"{result['threads']} thread(s), shared machine; versions: "
             + ", ".join(f"{PEERS[k]} {v}" for k, v in sorted(result["installed"].items()))
             + f", torch {torch.__version__}.", "",
             "Methods take turns, round by round. Seconds are processor time, which other processes disturb less than",
             "wall time (in peers.json).",
             "*ours*: seconds of the fastest certify row at least as exact; *ratio*: their seconds over these (bold:",
             "less than 3); *error in their time*: of the best certify row that takes no longer (bold: worse or none).",
             "A reason for nan: the peer raised or returned NaN.", ""]
    for part in result["parts"]:
        lines += [f"## {part['case']}: p = {part['p']}, {part['rows']} rows, damping {part['damping']:g}, "
                  f"{part['dtype']}, {part['right_hand_sides']} right-hand side(s)", "",
                  f"Reference: {part['reference']}. Load average {part['load']:.1f}. "
                  f"Seconds: the {part.get('statistic', 'least')} of {_runs(part)}.", "",
                  "| who | setting | seconds | error | ours | ratio | error in their time |",
                  "|---|---|---:|---:|---:|---:|---:|", *compared(part), ""]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="beside peers")
    parser.add_argument("--cases", nargs="+", default=["mlp", "resnet", "resnet-bn"], choices=list(BUDGETS))
    parser.add_argument("--weights", type=Path, help="of ResNet-20")
    parser.add_argument("--images", type=Path, help="folder of CIFAR-10's sheets")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7, help="runs of a method, fewer once they took ten seconds")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    installed = {}
    for package, name in PEERS.items():
        if importlib.util.find_spec(package) is None:
            print(f"{name} is not installed: left out", file=sys.stderr)
        else:
            installed[package] = importlib.metadata.version(name)
    file = HERE / "peers.json"
    old = json.loads(file.read_text(encoding="utf-8"))["parts"] if file.exists() else []
    for name in options.cases:
        c = case(name, options.weights, options.images)
        old = [part for part in old if part["case"] != name]
        wanted = [(c, 1)] if name == "resnet-20" else [(c, 1), (c, 8)]
        wanted += [(c.to(torch.float64), 1)] if name == "mlp" else []
        for one, r in wanted:
            old.append(measure(one, r, installed, options.repeats))
            old.sort(key=lambda part: list(BUDGETS).index(part["case"]))
            result = {"threads": options.threads, "installed": installed, "parts": old}
            file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            (HERE / "peers.md").write_text(page(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
