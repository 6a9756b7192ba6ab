"""Every statement of the paper, shown: `python reports/studies/paper/show.py` runs all, `show.py toy-modulus` one.

Wang, Wang and Ban, *Set-Valued Sensitivity Analysis of Deep Neural Networks*, AAAI 2025 (arXiv 2412.11057). Each function
computes what it says and returns the verdict it found: *holds*, *holds with a change* or *fails*. `--table` writes the
table of README.md. Exact arithmetic throughout, but for the figures of reports that are named.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from fractions import Fraction as F
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

import sympy  # noqa: E402

from certify.sets import (  # noqa: E402
    Ball,
    Curve,
    FiniteUnion,
    PolyhedralFamily,
    Polyhedron,
    excess,
    hausdorff,
    limiting_normal_cone,
    normal_cone,
    segment,
    tangent_cone,
)
from certify.symbolic import AlgebraicFamily, System, critical, interpolation  # noqa: E402

HOLDS, CHANGED, FAILS = "holds", "holds with a change", "fails"
MARKS = ("<!-- table: written by reports/studies/paper/show.py -->", "<!-- end of table -->")
MU = (F(-1, 5), F(-2, 5))
"""The paper's change of the toy: x^p = x̄ + 0.2·(−1, −2)."""
NEW = (F(4, 5), F(8, 5))

Found = tuple[str, str]
ROWS: list[tuple[str, str, str, Callable[[], Found]]] = []


def row(name: str, place: str, statement: str) -> Callable[[Callable[[], Found]], Callable[[], Found]]:
    def keep(show: Callable[[], Found]) -> Callable[[], Found]:
        ROWS.append((name, place, statement, show))
        return show

    return keep


def toy() -> System:
    return critical([[[1, 2]]], [[1], [2]], [2, 4], product=True)


def paper_loss(w: tuple[F, F], x: tuple[F, F] = NEW) -> F:
    """`½Σr²`, the paper's normalisation (twice that of `certify` for two rows)."""
    return sum(((w[0] * w[1] * a - b) ** 2 for a, b in zip(x, (2, 4), strict=True)), F(0)) / 2


def exact(x: sympy.Expr) -> F:
    return F(int(x.p), int(x.q))


@row("solution-set", "(1)", "S(x), the minimisers of the empirical risk; only features move")
def solution_set() -> Found:
    members = [(F(1), F(2)), (F(2), F(1)), (F(1, 2), F(4))]
    assert all(paper_loss(w, (F(1), F(2))) == 0 for w in members) and Curve({(1, 1): 1, (0, 0): -2}).contains(members[1])
    return HOLDS, "toy: every (w₁, w₂) with w₁w₂ = 2 has loss 0: S(x̄) is a curve. `certify` also moves targets and weights of rows"


@row("difference-quotient", "(2)", "the difference quotient of S, meaningless for sets")
def difference_quotient() -> Found:
    old, new = Curve({(1, 1): 1, (0, 0): -2}), Curve({(1, 1): 1, (0, 0): "-5/2"})
    whole = excess(old, new, Ball([0, 0], 4))
    return HOLDS, f"no point is singled out; distances between the sets do the work: e(S(x̄) ∩ 4B, S(x^p)) in [{whole.lower:.4f}, {whole.upper:.4f}]"


@row("influence", "(3)", "influence function −H⁻¹∇∇L, for a nonsingular Hessian")
def influence() -> Found:
    X, y = [[1, 0], [1, 1], [2, 1]], [1, 2, 0]
    A, I = sympy.Matrix(X), sympy.eye(2)
    H = A.T * A / 3 + I / 3
    theta = H.LUsolve(A.T * sympy.Matrix(y) / 3)
    system = critical([[[exact(v) for v in theta]]], X, y, parameter="sample_weights", weight_decay=F(1, 3))
    for i, x in enumerate(X):
        own = -H.LUsolve(sympy.Matrix(x) * ((A[i, :] * theta)[0] - y[i]) / 3)
        assert system.member([int(i == j) for j in range(3)]) == own
    return HOLDS, "ridge regression on three rows: the graphical derivative is one point, −H⁻¹∇ℓ_i/n, in exact numbers"


@row("lipschitz-like", "(4)", "the Lipschitz-like property")
def lipschitz_like() -> Found:
    w, u = sympy.symbols("w u")
    squares = AlgebraicFamily(w**2 - u, u, w)
    assert squares.aubin(4, 2).holds and squares.aubin(0, 0).holds is False
    return HOLDS, "a definition. w² = u has it at (4, 2), modulus 1/4, and not at (0, 0)"


@row("excess", "Definition 1, Figure 1", "distance of a point, excess, Pompeiu-Hausdorff distance; two segments")
def excesses() -> Found:
    C, D = segment([0, 0], [2, 0]), segment([0, 1], [1, 1])
    assert excess(C, D).square == 2 and excess(D, C).square == 1 and hausdorff(C, D).square == 2
    return HOLDS, "segments [(0,0), (2,0)] and [(0,1), (1,1)]: excess √2 one way and 1 the other, distance √2. For unbounded sets it is often ∞"


@row("limits", "Definition 2", "outer and inner limits; the inner one printed with *all* w_k ∈ S(x_k) → w")
def limits() -> Found:
    w, u = sympy.symbols("w u")
    outer = AlgebraicFamily((w - 1) * (w**2 - u), u, w)
    assert outer.outer_limit(0) == [0, 1] and outer.inner_limit(0) == [1]
    return CHANGED, ("for every x_k → x̄ there must be *some* w_k ∈ S(x_k) → w. (w − 1)(w² − u) = 0 at u = 0: inner limit {1}, outer "
                     "{0, 1}; with *all* w_k, the constant sequences 1 and ±√u both occur and no w would qualify")


@row("tangent-cone", "Definition 3", "tangent vectors and cone")
def tangents() -> Found:
    T = tangent_cone(Curve({(1, 1): 1, (0, 0): -2}), [1, 2])
    assert T.contains([1, -2]) and not T.contains([1, 2])
    return HOLDS, "toy: the tangent of w₁w₂ = 2 at (1, 2) is the line along (1, −2), the kernel of the Hessian"


@row("normal-cone", "Definition 4", "normal cone of a convex set; the study is restricted to convex sets")
def normals() -> Found:
    cross = FiniteUnion([Polyhedron.affine([[1, 0]], [0]), Polyhedron.affine([[0, 1]], [0])])
    assert not normal_cone(cross, [0, 0]).contains([1, 0]) and limiting_normal_cone(cross, [0, 0]).contains([1, 0])
    a, b = (F(1), F(2), F(1), F(2)), (F(1), F(2), F(2), F(1))  # (x₁, x₂, w₁, w₂) on the graph of the toy
    middle = tuple((p + q) / 2 for p, q in zip(a, b, strict=True))
    assert middle[2] * middle[3] != 2
    return CHANGED, ("graphs of solution maps are not convex: (x̄, (1, 2)) and (x̄, (2, 1)) are on the toy's graph, their midpoint is not. "
                     "The limiting normal cone of Mordukhovich is what the criterion needs; on two crossing lines it is larger than the regular one")


@row("derivatives", "Definition 5", "graphical derivative and coderivative through tangent and normal cones of the graph")
def derivatives() -> Found:
    system = toy()
    v, q = system.member(MU), system.coderivative([2, 1])
    derivative = system.graphical_derivative(MU)
    assert derivative is not None and derivative.contains([exact(x) for x in v]) and q is not None
    assert system.coderivative([1, 0]) is None and not system.tangent_cone().contains([*MU, 1, 1])
    return HOLDS, "toy: DS(x̄|w̄)(μ) is the line through (4/25, 2/25) along (1, −2); D*S is empty off the range of the Hessian"


@row("assumption-1", "Assumption 1", "overparametrised, zero training error, printed p > d")
def assumption_1() -> Found:
    system = interpolation([[[1, 2]]], [[1], [2]], [2, 4], product=True)
    assert len(system.w) > 1 and system.rank == 1
    return CHANGED, ("p > d is not the condition: here p = 2 > d = 1, yet the Jacobian of the outputs has rank 1 of n = 2. Full row rank needs "
                     "nk ≤ p − s, s the dimension of the symmetries")


@row("assumption-2", "Assumption 2", "[∇_w R, ∇_x R] of full rank p")
def assumption_2() -> Found:
    system = interpolation([[[1, 2]]], [[1], [2]], [2, 4], product=True)
    loss = sum(e**2 for e in system.equations) / 4
    R = sympy.Matrix([sympy.diff(loss, s) for s in system.w])
    at = dict(zip((*system.w, *system.u), (1, 2, 0, 0), strict=True))
    rank = R.jacobian(sympy.Matrix([*system.w, *system.u])).subs(at).rank()
    assert rank == 1
    return FAILS, ("toy: rank 1 of 2. At any critical point HX = 0 and CᵀX = 0 along a symmetry X, so the rank is at most p − s; every ReLU "
                   "network without weight decay has symmetries. Where it does hold the map is Lipschitz-like iff H is nonsingular. Repair: M5")


@row("theorem-1", "Theorem 1", "DF(μ) = {v : ∇_wR v + ∇_xR μ = 0}, and the coderivative")
def theorem_1() -> Found:
    w, u = sympy.symbols("w u")
    cubes = System((w**3 - u**3,), (w,), (u,), (0,), (0,))  # S(u) = {u}: the derivative is {μ}
    found = cubes.linear_solutions([1])
    assert found is not None and found.contains([7])
    assert toy().graphical_derivative(MU).contains([F(4, 25), F(2, 25)])
    return CHANGED, ("true under Assumption 2 (rarely met) or where M5(b) applies, as on the toy. Else only ⊂: for w³ = u³ the right side is all of R, "
                     "the derivative {μ}; and if ∇_xR μ ∉ range H it is empty")


@row("theorem-2", "Theorem 2", "one moved row: modulus κ = ‖∇_x f‖ / ‖∇_W f‖")
def theorem_2() -> Found:
    X = [[1, 0], [1, F(1, 10)]]
    system = interpolation([[[1, 1]]], X, rows=[0])
    true = sympy.nsimplify(system.modulus())
    printed = sympy.sqrt(2) / 1  # |∇_x f| = |w| = √2, |∇_w f| = |x_0| = 1
    assert sympy.simplify(true / printed) > 10
    return FAILS, (f"f = w·x, w = (1, 1), rows (1, 0) and (1, 1/10): modulus {true} ≈ {float(true):.2f}, printed √2 ≈ 1.41. It ignores that the other "
                   "rows must keep their outputs: true for n = 1, a lower bound where J has full row rank, up to ~100 times too small on breast cancer "
                   "(`reports/audits/breast-cancer`). Repair: M4")


@row("theorem-3", "Theorem 3", "Lipschitz-like when the whole data set moves, some finite κ")
def theorem_3() -> Found:
    good = interpolation([[[1, 1]]], [[1, 0], [1, F(1, 10)]])
    bad = interpolation([[[1, 1]]], [[1, 0], [1, 0]])
    assert good.aubin().holds and bad.aubin().holds is False
    return CHANGED, (f"where J has full row rank: {good.modulus()} on two rows of f = w·x. With two equal rows there is no finite κ: not "
                     "Lipschitz-like at all. `certify run` proves either")


@row("equation-14", "(14)", "DS with 1/|I| on the Hessian and 1/|K| on the mixed term")
def equation_14() -> Found:
    X, y = [[1, 0], [1, 1], [2, 1]], [1, 2, 0]
    A = sympy.Matrix(X)
    H = A.T * A / 3 + sympy.eye(2) / 3
    theta = H.LUsolve(A.T * sympy.Matrix(y) / 3)
    system = critical([[[exact(v) for v in theta]]], X, y, rows=[0], weight_decay=F(1, 3))
    right = system.member([1, 0])
    r = (A[0, :] * theta)[0] - y[0]
    mixed = A[0, :].T * theta[0] + sympy.Matrix([r, 0])  # ∂/∂x₁ of (w·x − y)x
    assert right == -H.LUsolve(mixed / 3) and -H.LUsolve(mixed) == 3 * right
    return FAILS, "differentiating (1/n)ΣL_i gives 1/n in both places; as printed the step is n/|K| times too long (3 times, on three rows with one moved)"


@row("equation-15", "(15)", "S(x^p) ∩ U ⊂ w̄ + DS(Δx) + o(‖Δx‖)B")
def equation_15() -> Found:
    system, gaps = toy(), []
    for k in (1, 2, 4, 8):
        mu = [m / k for m in MU]
        line = system.graphical_derivative(mu)
        assert line is not None
        estimate = Polyhedron(line.A, line.b, line.E, [f + row[0] + 2 * row[1] for row, f in zip(line.E, line.f, strict=True)])
        x = [1 + mu[0], 2 + mu[1]]
        c = (x[0] * 2 + x[1] * 4) / (x[0] ** 2 + x[1] ** 2)  # S(x) = {w₁w₂ = Σxy/Σx²}
        gaps.append(excess(Curve({(1, 1): 1, (0, 0): -c}), estimate, Ball([1, 2], F(3, 5) / k)).upper)
    assert all(3.0 < a / b < 5.0 for a, b in zip(gaps, gaps[1:], strict=False)), gaps
    return CHANGED, ("true where M1 or M5(b) applies: halving Δx (and the window with it) divides the gap by "
                     + ", ".join(f"{a / b:.1f}" for a, b in zip(gaps, gaps[1:], strict=False)) + " on the toy: it is of second order")


@row("algorithm-1", "Algorithm 1", "compute DS, estimate the new set, take its distance from w̄ as stability")
def algorithm_1() -> Found:
    v = toy().member(MU)
    length = sympy.sqrt((v.T * v)[0])
    assert length == 2 * sympy.sqrt(5) / 25
    return HOLDS, ("`certify algorithm1 SPEC` and `certify.algorithm_1`; for any torch module also `certify estimate SPEC`. On the toy the estimated set is "
                   "2√5/25 ≈ 0.1789 away. An estimate; where the problem allows it the proved distances of the same change stand beside it")


@row("toy-rank", "Toy", "f = w₁w₂x on (1, 2), (2, 4) at (1, 2)")
def toy_rank() -> Found:
    system = toy()
    assert system.surjective and len(system.equations) == 1 and system.names
    return CHANGED, "rank 1, not 2: one equation, w₁w₂Σx² = Σxy, is left once the rescaling of w₁ against w₂ is divided out"


@row("toy-modulus", "Toy, Figure 2", "κ = 0.2, radius of κ‖x − x^p‖B printed ≈ 0.178")
def toy_modulus() -> Found:
    modulus = toy().modulus()
    radius = modulus * sympy.sqrt(sum(m**2 for m in MU))
    assert modulus == sympy.Rational(2, 5) and abs(float(radius) - 0.17889) < 1e-5
    return FAILS, "modulus 2/5. The printed radius 0.178 is 2/5·0.2√5 = 0.17889, not 0.2·0.2√5 = 0.0894: text and picture use different moduli"


@row("toy-distance", "Toy, Figure 2", "the expansion of S(x̄) by κ‖x − x^p‖ holds S(x^p)")
def toy_distance() -> Found:
    new, old = Curve({(1, 1): 1, (0, 0): "-5/2"}), Curve({(1, 1): 1, (0, 0): -2})
    d, beyond = new.distance([1, 2]), excess(new, old, Ball([1, 2], F(1, 4)))
    assert d.lower > 0.2150 > 0.17889 and beyond.lower > 0.17889
    return FAILS, (f"dist(w̄, S(x^p)) = {d.upper:.6f} and, within 1/4 of w̄, e(S(x^p), S(x̄)) in [{beyond.lower:.4f}, {beyond.upper:.4f}], both above "
                   "0.17889: even the right modulus is a limit and does not bound a step of this size")


@row("toy-members", "Toy, Figure 3", "five estimated solutions in a ball of radius 0.2: loss from 0.4 to about 0.01; pseudo-inverse point 0.012")
def toy_members() -> Found:
    found = members()
    losses = [float(paper_loss(w)) for w in found]
    assert paper_loss((F(1), F(2))) == F(2, 5) and max(losses) < 0.02 and abs(losses[2] - 0.0121661) < 1e-7
    inside = all((w[0] - 1) ** 2 + (w[1] - 2) ** 2 <= F(1, 25) for w in found)
    assert inside
    return HOLDS, "loss 0.4 before; " + ", ".join(f"{v:.4f}" for v in losses) + " at five members; 0.0121661 at the shortest (½Σr²; half of it in `certify`)"


def members() -> list[tuple[F, F]]:
    """The minimum-norm member and two on either side of it along the kernel (−1/2, 1)."""
    v = [exact(x) for x in toy().member(MU)]
    return [(1 + v[0] - s / 2, 2 + v[1] + s) for s in (F(-7, 100), F(-7, 200), F(0), F(7, 200), F(7, 100))]


@row("toy-minimum", "Toy", "minimum distance of the estimated solutions printed 0.1746")
def toy_minimum() -> Found:
    line = toy().graphical_derivative(MU)
    assert line is not None and line.distance([0, 0]).square == F(4, 125)
    return FAILS, "the estimated set is a line at distance 2√5/25 = 0.17889 from w̄; no member of it is nearer"


@row("resnet-system", "(17), (18), (19)", "linear system, pseudo-inverse, least squares by Hessian products")
def resnet_system() -> Found:
    w, u = sympy.symbols("w u")
    empty = System((w**2 - u,), (w,), (u,), (0,), (0,)).graphical_derivative([1])
    assert empty is None
    return CHANGED, ("the least-squares answer is a derivative only where the system is consistent; `certify.estimate` solves it by MINRES-QLP, LSMR or CG, "
                     "reports what lies outside the range, and the part due to a gradient that is not 0 apart")


@row("table-1", "Table 1", "ResNet-56, loss on the moved rows: 0.0041 → 1.9e-5 (one), 0.0045 → 6.2e-5 (ten)")
def table_1() -> Found:
    steps = json.loads((HERE.parents[1] / "estimates" / "resnet56-cifar10" / "estimates.json").read_text(encoding="utf-8"))
    text = json.dumps(steps)
    assert "loss" in text
    return HOLDS, "see `reports/estimates/resnet56-cifar10`: smaller losses than printed, at a fraction of a gradient, and what happens to the rows that did not move"


@row("figure-4", "Figure 4", "500 rows moved, estimated solutions from several seeds on the loss landscape")
def figure_4() -> Found:
    return HOLDS, "see `reports/estimates/resnet56-cifar10`"


@row("claim-sensitive", "Text", "a larger modulus means a more sensitive network")
def claim_sensitive() -> Found:
    small = interpolation([[[1, 1]]], [[1, 0]])
    scaled = interpolation([[[100]], [[F(1, 100)]]], [[1]])
    plain = interpolation([[[1]], [[1]]], [[1]])
    assert scaled.modulus() != plain.modulus() and small.surjective
    return CHANGED, (f"w₂w₁x as 1·1·x and as (1/100)·100·x is one function with moduli {plain.modulus()} and {float(scaled.modulus()):.4f}: the Euclidean "
                     "modulus depends on the parametrisation. Compare in a relative or function-space norm (`[weights] norm`)")


@row("claim-deviate", "Text", "the solution set of a DFCNN will not deviate significantly")
def claim_deviate() -> Found:
    near = interpolation([[[1, 1]]], [[1, 0], [1, F(1, 10**6)]])
    assert near.modulus() > 10**6
    return FAILS, f"the modulus has no bound over data sets: two rows 1e-6 apart give {float(near.modulus()):.2e} already for f = w·x"


@row("claim-member", "Text", "the classical pseudo-inverse step is one member of the estimated set")
def claim_member() -> Found:
    system = toy()
    line = system.graphical_derivative(MU)
    assert line is not None and line.contains([exact(x) for x in system.member(MU)])
    return HOLDS, "it is the shortest member, in the norm that is chosen"


@row("limits-nowhere", "Beyond", "maps that are Lipschitz-like nowhere near a point")
def nowhere() -> Found:
    argmin = PolyhedralFamily([
        Polyhedron([[-1, 0]], [0], E=[[0, 1]], f=[0]), Polyhedron([[1, 0]], [0], E=[[0, 1]], f=[1]),
        Polyhedron([[0, -1], [0, 1]], [0, 1], E=[[1, 0]], f=[0])])  # fmt: skip
    assert argmin.aubin(0, ["1/2"]).holds is False
    return HOLDS, "min{uw : 0 ≤ w ≤ 1} at u = 0; w² = u at 0; uw = 0 at (0, 1), a change of rank: recognised, with the normal that breaks the criterion"


def table() -> str:
    lines = ["| in the paper | statement | verdict | shown | `show.py` |", "|---|---|---|---|---|"]
    for name, place, statement, show in ROWS:
        verdict, text = show()
        lines.append(f"| {place} | {statement} | **{verdict}** | {text} | `{name}` |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="rows; default all")
    parser.add_argument("--table", action="store_true", help="write the table of README.md")
    options = parser.parse_args()
    known = {name for name, *_ in ROWS}
    if not set(options.names) <= known:
        print(f"show.py: no row {sorted(set(options.names) - known)}; there are {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    for name, place, statement, show in ROWS:
        if not options.table and (not options.names or name in options.names):
            verdict, text = show()
            print(f"{name}: {place}: {statement}\n  {verdict}: {text}\n")
    if options.table:
        path = HERE / "README.md"
        before, _, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
        path.write_text(f"{before}{MARKS[0]}\n{table()}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
