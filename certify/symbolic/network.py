"""Small fully connected networks as exact systems: interpolation, and critical points without their symmetries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Expr, Matrix, Rational, Symbol

from certify.format.errors import InputError
from certify.sets.exact.rational import rows as rows_of
from certify.sets.exact.rational import vector
from certify.symbolic.system import System, rational

_SMOOTH: dict[str, Callable[[Expr], Expr]] = {
    "identity": lambda z: z, "tanh": sympy.tanh, "sigmoid": lambda z: 1 / (1 + sympy.exp(-z)),
    "softplus": lambda z: sympy.log(1 + sympy.exp(z)), "silu": lambda z: z / (1 + sympy.exp(-z)),
    "gelu": lambda z: z * (1 + sympy.erf(z / sympy.sqrt(2))) / 2,
}  # fmt: skip
_SLOPES = {"relu": Rational(0), "leaky_relu": rational(0.01, "slope")}
"""Piecewise linear activations: the slope where the pre-activation is negative (leaky_relu: the float, exactly)."""


def interpolation(
    weights: Any, X: Any, y: Any = None, *, biases: Any = None, activation: str = "identity",
    parameter: str = "features", rows: Any = None, product: bool = False,
) -> System:
    """`G_i = f(x_i + u_i, w) − y_i` over all rows; without targets those of the network itself (base `given`).

    Args:
        weights: one matrix of rational numbers a layer, `(out, in)`.
        X: `(n, d)`.
        y: `(n,)` or `(n, k)`; None: the network's own outputs.
        biases: one vector, or None, a layer.
        activation: identity, relu, leaky_relu, tanh, sigmoid, softplus, silu or gelu.
        parameter: ``"features"`` or ``"targets"``.
        rows: row numbers that move; None: all.
        product: `f = w₁w₂…x` for scalar x: `weights = [[[w₁, w₂, …]]]`, the paper's toy.
    """
    net = _Net(weights, biases, activation, product)
    data = _Data(net, X, y, parameter, rows)
    return System(tuple(e for row in data.equations() for e in row), net.symbols, data.u, net.values,
                  (0,) * len(data.u))


def critical(
    weights: Any, X: Any, y: Any, *, biases: Any = None, activation: str = "identity", parameter: str = "features",
    rows: Any = None, product: bool = False, weight_decay: Any = 0,
) -> System:
    """`G = Bᵀ∇_w L`, L the squared training loss, B a basis of the complement of its symmetries at w̄ (M5b).

    The symmetries are found among the rescalings of neighbouring layers and verified as identities in (u, w).

    Args:
        weights, X, y, biases, activation, parameter, rows, product: as of :func:`interpolation`; parameter also
            ``"sample_weights"``.
        weight_decay: `λ` of `L = (1/n)Σ½|f − y|² + (λ/2)|w|²`.

    Raises:
        InputError: w̄ is not a critical point.
    """
    net = _Net(weights, biases, activation, product)
    data = _Data(net, X, y, parameter, rows)
    gradient = Matrix([sympy.diff(data.loss(rational(weight_decay, "weight_decay")), s) for s in net.symbols])
    fields = [(name, X_j) for name, X_j in net.candidates()
              if sympy.simplify(sympy.expand(gradient.dot(X_j))) == 0]
    where = dict(zip(net.symbols, net.values, strict=True))
    T = [X_j.subs(where) for _, X_j in fields]
    basis = Matrix.hstack(*T).T.nullspace() if T else [Matrix([int(i == j) for i in range(len(net.symbols))])
                                                       for j in range(len(net.symbols))]
    equations = tuple(gradient.dot(b) for b in basis)
    residual = gradient.subs(where | dict.fromkeys(data.u, 0)).applyfunc(sympy.simplify)
    if any(v != 0 for v in residual):
        raise InputError("critical", f"∇L is {[str(v) for v in residual][:4]} at the weights", "give a critical point")
    return System(equations, net.symbols, data.u, net.values, (0,) * len(data.u), tuple(name for name, _ in fields))


class _Net:
    """Symbols, their values, and the output for an input."""

    def __init__(self, weights: Any, biases: Any, activation: str, product: bool) -> None:
        if activation not in (*_SMOOTH, *_SLOPES):
            raise InputError("activation", f"'{activation}'", f"use one of {', '.join((*_SMOOTH, *_SLOPES))}")
        self._matrices = [_matrix(W) for W in weights]
        biases = list(biases) if biases is not None else [None] * len(self._matrices)
        self._shifts = [None if b is None else [rational(v, "biases") for v in vector(b, "biases")] for b in biases]
        self._fits()
        self._activation, self._product = activation, product
        if product and (len(self._matrices) != 1 or len(self._matrices[0]) != 1 or any(b for b in self._shifts)):
            raise InputError("product", f"{len(self._matrices)} matrices", "give [[[w₁, w₂, …]]]")
        count = 0
        self._layers: list[tuple[Matrix, Matrix | None]] = []
        symbols: list[Symbol] = []
        values: list[Rational] = []
        for W, b in zip(self._matrices, self._shifts, strict=True):
            parts = []
            for entries in ([v for row in W for v in row], b or []):
                parts.append(sympy.symbols(f"w{count + 1}:{count + len(entries) + 1}", real=True) if entries else ())
                count += len(entries)
                symbols += parts[-1]
                values += entries
            self._layers.append((Matrix(len(W), len(W[0]), parts[0]), Matrix(parts[1]) if b else None))
        self.symbols, self.values = tuple(symbols), tuple(values)
        self._where = dict(zip(self.symbols, self.values, strict=True))

    def _fits(self) -> None:
        shapes = [(len(W), len(W[0])) for W in self._matrices]
        lengths = [None if b is None else len(b) for b in self._shifts]
        if not shapes or any(a[0] != b[1] for a, b in zip(shapes, shapes[1:], strict=False)):
            raise InputError("weights", f"matrices of shapes {shapes}", "give one of shape (out, in) for each layer")
        if len(lengths) != len(shapes) or any(b not in (None, W[0]) for b, W in zip(lengths, shapes, strict=True)):
            raise InputError("biases", f"{lengths} numbers", f"give {[W[0] for W in shapes]}, or None for a layer")

    @property
    def inputs(self) -> int:
        return 1 if self._product else len(self._matrices[0][0])

    @property
    def outputs(self) -> int:
        return 1 if self._product else self._layers[-1][0].rows

    def output(self, x: list[Expr], row: list[Rational]) -> list[Expr]:
        """`f(x, w)`; kinks are resolved by the signs at w̄ and at the row of the data."""
        if self._product:
            return [sympy.prod(self.symbols) * x[0]]
        a, at = Matrix(x), Matrix(row)
        for h, (W, b) in enumerate(self._layers):
            z = W * a + (b if b is not None else sympy.zeros(W.rows, 1))
            z_at = W.subs(self._where) * at + (b.subs(self._where) if b is not None else sympy.zeros(W.rows, 1))
            if h == len(self._layers) - 1:
                return list(z)
            pairs = [self._activate(*pair) for pair in zip(z, z_at, strict=True)]
            a, at = Matrix([p for p, _ in pairs]), Matrix([q for _, q in pairs])
        raise InputError("network", "no layers", "give at least one")

    def _activate(self, z: Expr, at: Expr) -> tuple[Expr, Expr]:
        if self._activation in _SMOOTH:
            phi = _SMOOTH[self._activation]
            return phi(z), phi(at)
        if at == 0:
            raise InputError("activation", "a pre-activation at the kink", "move the row or the weights a little")
        slope = 1 if at > 0 else _SLOPES[self._activation]
        return slope * z, slope * at

    def candidates(self) -> list[tuple[str, Matrix]]:
        """Fields that may be symmetries: rescaling of each hidden unit against its outputs, and gl of linear layers."""
        found = []
        if self._product:
            w = self.symbols
            for i in range(len(w) - 1):
                field = [w[j] if j == i else -w[j] if j == i + 1 else 0 for j in range(len(w))]
                found.append((f"rescaling of w{i + 1} against w{i + 2}", Matrix(field)))
        linear = self._activation == "identity"
        for h in range(len(self._layers) - 1):
            (W, b), (V, _) = self._layers[h], self._layers[h + 1]
            for i in range(W.rows):
                for j in range(W.rows) if linear else (i,):
                    moved: dict[Symbol, Expr] = {W[i, l]: W[j, l] for l in range(W.cols)}
                    if b is not None:
                        moved[b[i]] = b[j]
                    moved |= {V[k, j]: -V[k, i] for k in range(V.rows)}
                    which = f"rescaling of unit {i}" if i == j else f"mixing of units {i} and {j}"
                    found.append((f"{which} of layer {h + 1}", Matrix([moved.get(s, 0) for s in self.symbols])))
        return found


def _matrix(W: Any) -> list[list[Rational]]:
    found = rows_of(W, "weights")
    if not found or not found[0]:
        raise InputError("weights", "a matrix without entries", "give one of shape (out, in) for each layer")
    return [[rational(v, "weights") for v in row] for row in found]


class _Move:
    """How the symbols u of a row enter; the base class lets them enter nowhere.

    Attributes:
        fits: whether exact fits feel them.
    """

    fits = True

    def width(self, d: int, k: int) -> int:
        """Symbols a row, for d inputs and k outputs."""
        raise NotImplementedError

    def features(self, x: list[Rational], u: Sequence[Symbol]) -> list[Expr]:
        return list(x)

    def residual(self, row: list[Expr], u: Sequence[Symbol]) -> list[Expr]:
        return row

    def share(self, u: Sequence[Symbol]) -> Expr:
        """The sample weight."""
        return sympy.Integer(1)


class _Features(_Move):
    """`x + u`."""

    def width(self, d: int, k: int) -> int:
        return d

    def features(self, x: list[Rational], u: Sequence[Symbol]) -> list[Expr]:
        return [v + more for v, more in zip(x, u, strict=True)]


class _Targets(_Move):
    """`y + u`."""

    def width(self, d: int, k: int) -> int:
        return k

    def residual(self, row: list[Expr], u: Sequence[Symbol]) -> list[Expr]:
        return [r - more for r, more in zip(row, u, strict=True)]


class _SampleWeights(_Move):
    """`(1 + u) ℓ`."""

    fits = False

    def width(self, d: int, k: int) -> int:
        return 1

    def share(self, u: Sequence[Symbol]) -> Expr:
        return 1 + u[0]


_MOVES: dict[str, _Move] = {"features": _Features(), "targets": _Targets(), "sample_weights": _SampleWeights()}


class _Data:
    """Rows, targets and the symbols by which they move."""

    def __init__(self, net: _Net, X: Any, y: Any, parameter: str, rows: Any) -> None:
        self._net = net
        self._X = [[rational(v, "features") for v in row] for row in rows_of(X, "features", net.inputs)]
        n, d, k = len(self._X), net.inputs, net.outputs
        if not n:
            raise InputError("features", "no rows", "give at least one")
        self._moving = list(range(n)) if rows is None else list(rows)
        if not set(self._moving) <= set(range(n)) or not self._moving or len(set(self._moving)) < len(self._moving):
            raise InputError("rows", f"{self._moving}", f"give different numbers from 0 to {n - 1}")
        if parameter not in _MOVES:
            raise InputError("parameter", f"'{parameter}'", "use features, targets or sample_weights")
        self._move = _MOVES[parameter]
        width = self._move.width(d, k)
        self.u: tuple[Symbol, ...] = sympy.symbols(f"u1:{len(self._moving) * width + 1}", real=True)
        self._of = {row: self.u[p * width : (p + 1) * width] for p, row in enumerate(self._moving)}
        self._outputs = [net.output(self._moved(i), self._X[i]) for i in range(n)]
        if y is None:
            zero = dict.fromkeys(self.u, 0) | dict(zip(net.symbols, net.values, strict=True))
            self._y = [[sympy.simplify(e.subs(zero)) for e in row] for row in self._outputs]
        else:
            self._y = [[rational(v, "targets") for v in (row if hasattr(row, "__len__") else [row])] for row in y]
            if len(self._y) != n or any(len(row) != k for row in self._y):
                raise InputError("targets", f"{len(self._y)} rows", f"give {n} rows of {k}")

    def _moved(self, i: int) -> list[Expr]:
        return self._move.features(self._X[i], self._of[i]) if i in self._of else list(self._X[i])

    def equations(self) -> list[list[Expr]]:
        """Those of exact fits."""
        if not self._move.fits:
            raise InputError("parameter", "sample_weights with interpolation", "use features or targets")
        return self.residuals()

    def residuals(self) -> list[list[Expr]]:
        rows = [[f - t for f, t in zip(outputs, targets, strict=True)]
                for outputs, targets in zip(self._outputs, self._y, strict=True)]
        return [self._move.residual(row, self._of[i]) if i in self._of else row for i, row in enumerate(rows)]

    def loss(self, decay: Rational) -> Expr:
        """`(1/n)Σ(1 + u_i)½|f − y|² + (λ/2)|w|²`."""
        total = sympy.Integer(0)
        for i, row in enumerate(self.residuals()):
            scale = self._move.share(self._of[i]) if i in self._of else 1
            total += scale * sum(r**2 for r in row) / 2
        return total / len(self._X) + decay * sum(s**2 for s in self._net.symbols) / 2
