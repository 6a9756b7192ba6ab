"""Write every instance and the table: `python reports/instances/make.py`. The plan is in `plan.py`.

`--only PATTERN` makes the sets of that name, and `-o FOLDER` writes elsewhere.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from fractions import Fraction
from pathlib import Path

import numpy as np
from exact import Head, arb, at_most, below, matrix, rational, root
from exact_nets import Relu, Tanh, norm_within, size
from plan import (
    CRITICAL,
    EACH,
    FITS,
    HARDER,
    HEADS,
    MOTIONS,
    MOVED,
    NOISE,
    RUN_LIMIT,
    TIME_LIMIT,
    UNASKED,
    Bound,
    Labels,
)
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
COLUMNS = ("name", "spec", "time_limit", "answer", "known_by", "question", "loss", "changes", "at_most", "rows",
           "inputs", "outputs", "quantity", "threshold")
BY = {"refits": "every refit", "linear": "closed form", "line": "closed form", "flip": "one change that flips it"}


@dataclass(frozen=True)
class Instance:
    """A row of the table."""

    folder: str
    stem: str
    answer: str
    known_by: str
    question: str
    loss: str
    changes: str
    most: str
    shape: tuple[int, int, int]
    quantity: str
    threshold: str

    @property
    def row(self) -> tuple[str, ...]:
        name = f"{self.folder.rpartition('/')[2]}-{self.stem}"
        return (name, f"{self.folder}/{self.stem}.toml", str(TIME_LIMIT), self.answer, self.known_by,
                self.question, self.loss, self.changes, self.most, *map(str, self.shape), self.quantity,
                self.threshold)


def generator(name: str) -> np.random.Generator:
    """Drawn numbers that the name of a set fixes."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([[repr(float(v)) if isinstance(v, float | np.floating) else v for v in row] for row in rows])


def features(d: int) -> list[str]:
    return [f"x{j}" for j in range(d)]


def write_spec(place: str, stem: str, widths: Sequence[int], *, activation: str = "identity", loss: str = "squared",
               decay: float = 0.0, solution: str, perturbation: str, quantity: str, bar: str, rows: bool = False,
               targets: bool = True, threshold: bool = False) -> None:
    """A question as a TOML file; README.md says what its keys mean."""
    text = f"""version = 1
[model]
file = "model.safetensors"
widths = {list(widths)}
activation = "{activation}"
[data]
file = "train.csv"
features = {str(features(widths[0])).replace("'", '"')}
""" + ('targets = "y"\n' if targets else "") + f"""[training]
loss = "{loss}"
weight_decay = {decay}
[solution]
{solution}
[perturbation]
{perturbation}
""" + (f'[evaluation]\nfile = "{stem}.csv"\n' + ("threshold = 0.0\n" if threshold else "") if rows else "") + f"""[run]
time_limit = {RUN_LIMIT}
[[gate]]
quantity = "{quantity}"
{bar}
"""
    (HERE / place / f"{stem}.toml").write_text(text, encoding="utf-8")


def save_model(place: str, layers: Sequence[tuple[np.ndarray, np.ndarray | None]]) -> None:
    arrays = {}
    for h, (W, b) in enumerate(layers):
        arrays[f"{h}.weight"] = np.ascontiguousarray(W)
        if b is not None:
            arrays[f"{h}.bias"] = np.ascontiguousarray(b)
    (HERE / place).mkdir(parents=True, exist_ok=True)
    save_file(arrays, HERE / place / "model.safetensors")


NEARBY = 'map = "critical"\nbase = "nearby"'
STATED = {"deletions": "deleted", "labels": "relabelled"}


def save_head(place: str, head: Head, X: np.ndarray) -> np.ndarray:
    """Data and fitted weights of a head; the weights."""
    W, _ = head.near({})
    d = X.shape[1]
    save_model(place, [(W[:, :d], W[:, d] if head.bias else None)])
    code = [2.0 * c - 1 for c in head.label] if head.loss == "squared" else head.label
    write_csv(HERE / place / "train.csv", [*features(d), "y"], [[*x, y] for x, y in zip(X, code, strict=True)])
    return W


def drawn(plan: Labels) -> tuple[Head, np.ndarray, np.ndarray, np.ndarray]:
    """A head, its rows, rows to predict in order of their margins, and, on a line, its direction."""
    rng = generator(plan.name)
    label = np.arange(plan.n) % plan.classes
    if plan.known == "line":  # multiples of one direction that floats hold exactly
        direction = np.array([3.0, -1.0, 2.0])[:plan.d]
        s = np.round((rng.normal(size=plan.n) + 0.5 * (2 * label - 1)) * 64) / 64
        X, points = s[:, None] * direction, direction[None] * 1.0
    else:
        direction = np.zeros(plan.d)
        centres = rng.normal(size=(plan.classes, plan.d)) * 1.5
        X = np.round(centres[label] + plan.noise * rng.normal(size=(plan.n, plan.d)), 2)
        points = np.round(rng.normal(size=(12, plan.d)) * 1.5, 2)
    head = Head(plan.loss, X, label.tolist(), plan.decay, plan.classes, plan.bias)
    Z = head.extended(points) @ head.near({})[0].T
    margin = np.abs(Z[:, 0]) if head.k == 1 else np.sort(Z, 1)[:, -1] - np.sort(Z, 1)[:, -2]
    return head, X, points[np.argsort(margin, kind="stable")], direction


def labels(plan: Labels) -> Iterator[Instance]:
    """Whether labels stay."""
    head, X, points, direction = drawn(plan)
    place = f"labels/{plan.name}"
    W = save_head(place, head, X)
    for m in plan.m:
        for at in plan.places:
            x, stem = points[at], f"{m}-{at}"
            z = W @ head.extended(x[None])[0]
            today = int(z[0] > 0) if head.k == 1 else int(z.argmax())
            assert head.keeps(x, today, {})
            if plan.known == "refits":
                stays: bool | None = head.stays(x, today, plan.kind, m)
            elif plan.known == "linear":
                stays = head.stays_linear(x, today, m)
            elif plan.known == "line":
                stays = head.stays_on_a_line(direction, plan.kind, m)
            else:
                stays = None if head.flip(x, today, plan.kind, m) is None else False
            write_csv(HERE / place / f"{stem}.csv", features(plan.d), [x])
            write_spec(place, stem, (plan.d, head.k), loss=plan.loss, decay=plan.decay, solution=NEARBY,
                       perturbation=f'parameter = "{plan.kind}"\nset = "sparse"\ncount = {m}', rows=True,
                       quantity="stable_predictions", bar="min = 1", threshold=plan.loss == "squared")
            yield Instance(place, stem, {None: "open", True: "yes", False: "no"}[stays],
                           "" if stays is None else BY[plan.known], "does the label stay?", plan.loss,
                           STATED[plan.kind], str(m), (plan.n, plan.d, head.k), "stable_predictions", "1")


def small(name: str, loss: str, n: int, d: int, decay: float) -> tuple[Head, np.ndarray, np.ndarray, np.ndarray]:
    """A head with its rows, one row to predict, and its weights, written."""
    rng = generator(name)
    label = np.arange(n) % 2
    X = np.round(rng.normal(size=(n, d)) + 0.8 * (2 * label[:, None] - 1), 2)
    x = np.round(rng.normal(size=d), 2)
    head = Head(loss, X, label.tolist(), decay, 2)
    return head, X, x, save_head(f"bounds/{name}", head, X)


def bound(place: str, stem: str, known: str, answer: str, loss: str, plan: Bound, most: str,
          shape: tuple[int, int, int], t: float) -> Instance:
    moves = {"deletions": "deleted", "features": "features moved", "targets": "targets moved",
             "sample_weights": "rows reweighted"}[plan.parameter]
    return Instance(place, stem, answer, known, f"is the {plan.quantity} at most {t!r}?", loss, moves, most, shape,
                    plan.quantity, repr(t))


def moved() -> Iterator[Instance]:
    """Heads whose targets move, whose features move, and whose rows go."""
    radius = 0.5
    for plan in MOVED:
        head, X, x, _ = small(plan.name, "squared", 20, 3, 0.1)
        place, one = f"bounds/{plan.name}", plan.quantity == "prediction_change"
        S = head.moved_targets(x if one else None)
        S = matrix([[Fraction(1, 4) * Fraction(int(v.p), int(v.q)) for v in row] for row in S.tolist()])  # radius²
        for share in plan.shares:
            t, stem = root(S) * share, f"{share:g}"
            write_csv(HERE / place / f"{stem}.csv", features(3), [x])
            write_spec(place, stem, (3, 1), decay=0.1, solution=NEARBY, rows=one, quantity=plan.quantity,
                       perturbation=f'parameter = "targets"\nset = "total"\nradius = {radius}', bar=f"max = {t!r}")
            yield bound(place, stem, "closed form", "yes" if at_most(t, S) else "no", "squared", plan, str(radius),
                        (20, 3, 1), t)
    yield from noise()
    head, X, _, _ = small(MOTIONS.name, "logistic", 12, 2, 0.05)
    value = head.motion("deletions", 1)
    for share in MOTIONS.shares:
        t, stem, place = float(value) * share, f"{share:g}", f"bounds/{MOTIONS.name}"
        write_spec(place, stem, (2, 1), loss="logistic", decay=0.05, solution=NEARBY, quantity="distance",
                   perturbation='parameter = "deletions"\nset = "sparse"\ncount = 1', bar=f"max = {t!r}")
        yield bound(place, stem, "every refit", "yes" if below(value, t) else "no", "logistic", MOTIONS, "1",
                    (12, 2, 1), t)


def noise() -> Iterator[Instance]:
    """Features that move by 0.2 in all: a move along the slope, and as far, may show that the answer is no."""
    radius, plan = 0.2, NOISE
    head, X, x, W = small(plan.name, "logistic", 20, 2, 0.05)
    place, e = f"bounds/{plan.name}", head.extended(x[None])[0]

    def output(U: np.ndarray) -> float:
        return float((head.near({}, head.extended(X + U))[0] @ e)[0])

    step = 1e-5
    slope = np.zeros_like(X)
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            U = np.zeros_like(X)
            U[i, j] = step
            slope[i, j] = (output(U) - output(-U)) / (2 * step)
    largest = float(np.linalg.norm(slope)) * radius
    reached = arb(0)
    for side in (1, -1):
        M = X + side * radius * (1 - 1e-9) * slope / np.linalg.norm(slope)
        U = [[Fraction(float(a)) - Fraction(float(b)) for a, b in zip(u, v, strict=True)]
             for u, v in zip(M, X, strict=True)]
        assert sum(v * v for row in U for v in row) <= Fraction(radius) ** 2
        reached = reached.max(abs(head.outputs(x, {}, head.extended(M))[0] - head.outputs(x, {})[0]))
    for share in plan.shares:
        t, stem = largest * share, f"{share:g}"
        no = not below(reached, t)
        write_csv(HERE / place / f"{stem}.csv", features(2), [x])
        write_spec(place, stem, (2, 1), loss="logistic", decay=0.05, solution=NEARBY, rows=True,
                   quantity="prediction_change", bar=f"max = {t!r}",
                   perturbation=f'parameter = "features"\nset = "total"\nradius = {radius}')
        yield bound(place, stem, "one move beyond it" if no else "", "no" if no else "open", "logistic", plan,
                    str(radius), (20, 2, 1), t)


def each() -> Iterator[Instance]:
    """Targets of which every one moves: the output by their bound times the sum of the shares' sizes."""
    head, X, x, _ = small(EACH.name, "squared", 20, 3, 0.1)
    place, radius = f"bounds/{EACH.name}", 0.05
    value = rational(radius) * sum((abs(share) for share in head.shares(x)), rational(0))
    for share in EACH.shares:
        t, stem = float(Fraction(int(value.p), int(value.q))) * share, f"{share:g}"
        write_csv(HERE / place / f"{stem}.csv", features(3), [x])
        write_spec(place, stem, (3, 1), decay=0.1, solution=NEARBY, rows=True, quantity=EACH.quantity,
                   perturbation=f'parameter = "targets"\nset = "per_sample"\nradius = {radius}', bar=f"max = {t!r}")
        yield bound(place, stem, "closed form", "yes" if value < rational(t) else "no", "squared", EACH, str(radius),
                    (20, 3, 1), t)


def fits() -> Iterator[Instance]:
    """Relu networks as exact fits of their own outputs."""
    for plan, widths, n in FITS:
        rng, place = generator(plan.name), f"bounds/{plan.name}"
        layers = tuple((np.round(rng.normal(size=(b, a)), 2), np.round(rng.normal(size=b), 2))
                       for a, b in zip(widths, widths[1:], strict=False))
        X = np.round(rng.normal(size=(n, widths[0])), 2)
        equal = "equal" in plan.name
        if equal:
            X[1] = X[0]
        save_model(place, layers)
        write_csv(HERE / place / "train.csv", features(widths[0]), X.tolist())
        net = Relu(layers)
        top = 1.0 if equal else math.sqrt(float(max(np.linalg.eigvals(np.array(
            [[float(Fraction(int(v.p), int(v.q))) for v in row] for row in net.modulus(X).tolist()])).real)))
        if plan.quantity == "sample_modulus":
            square = net.largest_row(X)
            top = math.sqrt(Fraction(int(square.p), int(square.q)))
        for share in plan.shares:
            t, stem = top * share, f"{share:.10g}"
            yes = not equal and (net.fits_within(X, t) if plan.quantity == "modulus" else rational(t) ** 2 > square)
            write_spec(place, stem, widths, activation="relu", solution='map = "interpolation"\nbase = "given"',
                       perturbation='parameter = "features"\nset = "total"', quantity=plan.quantity,
                       bar=f"max = {t!r}", targets=False)
            yield bound(place, stem, "closed form", "yes" if yes else "no", "none", plan, "", (n, widths[0], 1), t)


def critical() -> Iterator[Instance]:
    """Critical points near the given weights."""
    head, X, _, _ = small("ridge-critical", "squared", 15, 3, 0.1)
    A, n, m = matrix(head.phi.tolist()), 15, 4
    w = head.rational_refit({})
    H = A.transpose() * A + matrix([[Fraction(int(head.mu.p), int(head.mu.q)) if i == j else 0 for j in range(m)]
                                    for i in range(m)])
    blocks = {"targets": H.solve(A.transpose())}
    errors = [(A * w)[i, 0] - (2 * c - 1) for i, c in enumerate(head.label)]
    blocks["sample_weights"] = H.solve(A.transpose() * matrix([[Fraction(int(e.p), int(e.q)) if i == j else 0
                                                                for j in range(n)] for i, e in enumerate(errors)]))
    rng = generator("tanh-critical")
    X = np.round(rng.normal(size=(12, 2)), 2)
    y = np.round(np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 2 + 0.1 * rng.normal(size=12), 2)
    net = Tanh(X, y, 3, 0.02)
    trained = save_tanh("bounds/tanh-critical", net, rng)
    found = dict(zip(("targets", "sample_weights"), net.responses(trained)[:2], strict=True))
    for plan in CRITICAL:
        ridge = plan.name.startswith("ridge")
        S = blocks[plan.parameter] * blocks[plan.parameter].transpose() if ridge else None
        for share in plan.shares:
            stem, place = f"{plan.parameter}-{share:g}", f"bounds/{plan.name}"
            t = (root(S) if S is not None else size(found[plan.parameter])) * share
            yes = at_most(t, S) if S is not None else norm_within(found[plan.parameter], t)
            write_spec(place, stem, (3, 1) if ridge else (2, 3, 1), activation="identity" if ridge else "tanh",
                       decay=0.1 if ridge else 0.02, solution=NEARBY, quantity="modulus", bar=f"max = {t!r}",
                       perturbation=f'parameter = "{plan.parameter}"\nset = "total"')
            yield bound(place, stem, "closed form" if ridge else "600 bits (no proof)", "yes" if yes else "no",
                        "squared", plan, "", (15, 3, 1) if ridge else (12, 2, 1), t)


def save_tanh(place: str, net: Tanh, rng: np.random.Generator) -> np.ndarray:
    """Data and trained weights of a tanh network; the weights in one list."""
    w, u = net.trained(rng), net.units
    W = w[:u * 3].reshape(u, 3)
    save_model(place, [(W[:, :2], W[:, 2]), (w[u * 3:u * 4][None], w[-1:])])
    write_csv(HERE / place / "train.csv", ["x0", "x1", "y"], [[*x, v] for x, v in zip(net.X, net.y, strict=True)])
    return w


def unasked() -> Iterator[Instance]:
    """How far critical points of a network move at finite size: nobody answers."""
    for plan in UNASKED:
        rng, place = generator(plan.name), f"bounds/{plan.name}"
        X = np.round(rng.normal(size=(12, 2)), 2)
        save_tanh(place, Tanh(X, np.round(np.sin(2 * X[:, 0]) + X[:, 1], 2), 3, 0.02), rng)
        change = ('parameter = "deletions"\nset = "sparse"\ncount = 1' if plan.parameter == "deletions" else
                  'parameter = "features"\nset = "total"\nradius = 0.1')
        for share in plan.shares:
            write_spec(place, f"{share:g}", (2, 3, 1), activation="tanh", decay=0.02, solution=NEARBY,
                       perturbation=change, quantity=plan.quantity, bar=f"max = {share!r}")
            yield bound(place, f"{share:g}", "", "open", "squared", plan,
                        "1" if plan.parameter == "deletions" else "0.1", (12, 2, 1), share)


def instances(pattern: str) -> Iterator[Instance]:
    """Every instance of the sets whose name fits; those of bounds go by the name of what makes them."""
    def heads(plans: Sequence[Labels]) -> Iterator[Instance]:
        for plan in plans:
            if fnmatch(plan.name, pattern):
                yield from labels(plan)

    yield from heads(HEADS)
    for make in (moved, fits, critical, unasked):
        if fnmatch(make.__name__, pattern):
            yield from make()
    yield from heads(HARDER)
    if fnmatch(each.__name__, pattern):
        yield from each()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write all of it."""
    global HERE
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*", metavar="PATTERN")
    parser.add_argument("-o", "--output", type=Path, default=HERE, metavar="FOLDER")
    options = parser.parse_args(arguments)
    HERE, found = options.output, []
    for one in instances(options.only):
        found.append(one)
        print(one.row[0], one.answer, one.known_by, flush=True)
    write_csv(HERE / "instances.csv", COLUMNS, [one.row for one in found])
    return 0


if __name__ == "__main__":
    sys.exit(main())
