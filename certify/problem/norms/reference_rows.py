"""The function norm as an object: what reference rows see of a motion, and τ of the rest (S2)."""

from __future__ import annotations

from fractions import Fraction

from certify.network.layers.jacobian import Jacobian
from certify.network.layers.kernel import Kernel
from certify.network.network import Network
from certify.problem.norms.euclidean import Euclidean
from certify.problem.norms.function import Passes, Reference, joined, padded, regularised, regularised_jacobian
from certify.problem.norms.weight_norm import C
from certify.problem.perturbations.factor import BlockFactor
from certify.rigor import fp
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.fp import Array


class ReferenceRows(Euclidean):
    """`|w|_S² = |J_ref w|² + τ²|w|²`."""

    word = "function"

    @property
    def _seen(self) -> Reference:
        assert self.reference is not None  # a law: this norm has reference rows
        return self.reference

    @property
    def rows(self) -> int:
        """As stated."""
        return len(self._seen.X)

    @property
    def points(self) -> Array | None:
        """As stated."""
        return self._seen.X

    @property
    def tau(self) -> float | None:
        """As stated."""
        return self._seen.tau

    def stated(self) -> dict[str, float | int]:
        """τ, and how many rows there are."""
        return {"tau": self._seen.tau, "reference_rows": self.rows}

    def joined(self, network: Network, passes: Passes, arithmetic: Arithmetic) -> Passes:
        """Followed by those over the reference rows."""
        return joined(network, passes, self._seen, arithmetic)

    def padded(self, Q: BlockFactor) -> BlockFactor:
        """Reference rows do not move."""
        return padded(Q, self.rows)

    def regularised(self, K: Kernel, equations: int, arithmetic: Arithmetic) -> Kernel:
        """With τ² on the diagonal of the reference outputs."""
        return regularised(K, equations, self._seen.tau, arithmetic)

    def regularised_jacobian(self, J: Jacobian, equations: int) -> Jacobian:
        """With a column of τ for every reference output."""
        return regularised_jacobian(J, equations, self._seen.tau)

    def counted(self, found: C) -> C:
        """τ times as large, as that kernel is τ²."""
        return found.in_function_norm(self._seen.tau)

    def lengths(self, lower: float | None, upper: float | None) -> tuple[float | None, float | None]:
        """τ times as large, rounded outward."""
        tau = Fraction(self._seen.tau)
        return (None if lower is None else fp.down(Fraction(lower) * tau),
                None if upper is None else fp.up(Fraction(upper) * tau))
