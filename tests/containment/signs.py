"""Attack on O1: small regressions at every scale, each answer against every deletion in rationals."""

from __future__ import annotations

import numpy as np

from certify.theorems.signs.bound import Bounds
from certify.theorems.signs.design import enclosed
from certify.theorems.signs.survey import survival, turns
from tests.containment.registry import attack
from tests.containment.rigor import Outcome, Violation
from tests.oracles.least_squares import coefficient, survived


def drawn(rng: np.random.Generator) -> tuple[list[list[int]], list[int], np.ndarray | None, int]:
    """Whole numbers: the column first, controls, one-hot codes last; the response; the groups; how many codes."""
    n, p = int(rng.integers(5, 12)), int(rng.integers(0, 3))
    size = int(rng.choice([1, 9, 1000]))
    X = rng.integers(-size, size + 1, (n, p + 1))
    if rng.random() < 0.3:
        X[int(rng.integers(n))] *= 50  # a row of high leverage
    kind = rng.random()
    groups = None
    if kind < 0.5:
        groups = np.sort(rng.integers(0, int(rng.integers(1, 4)), n))
        groups = np.unique(groups, return_inverse=True)[1]
    elif kind < 0.8:
        X = np.hstack([X, np.ones((n, 1), dtype=int)])
    noise = float(rng.choice([0.05, 0.3, 1.0]))
    y = (3 * X[:, 0] + rng.integers(-size, size + 1, n) * noise * 3).astype(int)
    if groups is not None:
        y = y + rng.integers(-size, size + 1, int(groups.max()) + 1)[groups]
    codes = 0 if groups is None else int(groups.max()) + 1
    rows = X if groups is None else np.hstack([X, np.eye(codes, dtype=int)[groups]])
    return rows.tolist(), y.tolist(), groups, codes


def proved_of(x: np.ndarray, y: np.ndarray, Z: np.ndarray, groups: np.ndarray | None, most: int) -> int:
    """The largest k that the inequality alone proves, whatever rows a search would find; −1 for none."""
    design = enclosed(x, y, Z, groups)
    if design is None:
        return -1
    bounds = Bounds(design, most)
    return max((k for k in range(most + 1) if bounds.ratio(k) < 1), default=-1)


@attack("least_squares_sign", "O1", slow=4)
def signs(rng: np.random.Generator) -> Outcome:
    """Both ends of how many deletions a sign survives, against every deletion."""
    rows, y, groups, codes = drawn(rng)
    most = 3
    X = np.asarray(rows, dtype=np.float64)
    Z = X[:, 1 : X.shape[1] - codes]
    found = survival(X[:, 0], np.asarray(y, dtype=np.float64), Z, groups, 60.0, most)
    today = coefficient(rows, y)
    if found is None:
        return "refused"
    if found.lower >= 0 and (today is None or today == 0 or (today > 0) != (found.sign > 0)):
        raise Violation(f"the sign today is {found.sign}, the coefficient {today}")
    exact = survived(rows, y, most)
    if found.lower > exact:
        raise Violation(f"{found.lower} rows are survived, {exact} are exact")
    proved = proved_of(X[:, 0], np.asarray(y, dtype=np.float64), Z, groups, most)
    if proved > exact:
        raise Violation(f"{proved} rows are survived by the inequality, {exact} are exact")
    if found.rows is not None:
        left = [i for i in range(len(rows)) if i not in found.rows]
        now = coefficient([rows[i] for i in left], [y[i] for i in left])
        if now is None or today is None or (now > 0) == (today > 0) or now == 0:
            raise Violation(f"without {found.rows} the coefficient is {now}, with them {today}")
    some = rng.choice(len(rows), 2, replace=False)
    if turns(X[:, 0], np.asarray(y, dtype=np.float64), Z, groups, some, found.sign):
        left = [i for i in range(len(rows)) if i not in some]
        now = coefficient([rows[i] for i in left], [y[i] for i in left])
        if now is None or now == 0 or (now > 0) == (found.sign > 0):
            raise Violation(f"without {some} the coefficient is {now}")
    return "decided" if found.lower >= 1 else "refused"
