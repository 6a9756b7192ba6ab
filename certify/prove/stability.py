"""Stability across the solution set: the modulus at many solutions of one problem.

A modulus belongs to a solution, and overparametrised training problems have many. From the weights given, random
directions of the kernel of `G_w` lead to other weights; Newton's method brings them back onto the solution set, and an
exact solution near each is proved (Q2), where its modulus is enclosed. Nothing the walk does is trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from certify.format.errors import InputError
from certify.format.words import Rigour
from certify.network.network import Network
from certify.problem.bound import Bound
from certify.problem.problem import Problem
from certify.problem.progress import Progress, told

NEWTON_STEPS = 12
RANK = 1e-12


@dataclass(frozen=True, eq=False)
class Member:
    """One solution and its modulus.

    Attributes:
        network: its weights, rounded to float64.
        moved: distance of these weights from those given.
        distance: an exact solution is proved within this distance of the weights; None: none was proved.
        modulus: the bound at that exact solution.
    """

    network: Network
    moved: float
    distance: float | None
    modulus: Bound

    @property
    def proved(self) -> bool:
        """Whether both ends of the modulus are proved."""
        return self.distance is not None and self.modulus.lower is not None and self.modulus.upper is not None


@dataclass(frozen=True, eq=False)
class Stability:
    """Moduli across the solution set, the given weights first.

    Attributes:
        members: solutions that were looked at, in order.
    """

    members: tuple[Member, ...]

    @property
    def proved(self) -> tuple[Member, ...]:
        """Those whose modulus is enclosed."""
        return tuple(m for m in self.members if m.proved)

    @property
    def most_stable(self) -> Member | None:
        """The solution with the least upper end."""
        return min(self.proved, key=lambda m: m.modulus.upper or 0.0, default=None)

    @property
    def least_stable(self) -> Member | None:
        """The solution with the greatest lower end."""
        return max(self.proved, key=lambda m: m.modulus.lower or 0.0, default=None)

    def as_json(self) -> dict[str, Any]:
        """For machines: every solution, and the range."""
        rows = [{"moved": m.moved, "distance": m.distance, "lower": m.modulus.lower, "upper": m.modulus.upper,
                 "reason": m.modulus.reason} for m in self.members]  # fmt: skip
        best, worst = self.most_stable, self.least_stable
        return {"rigour": Rigour.PROVED.value, "solutions": rows,
                "most_stable": None if best is None else self.members.index(best),
                "least_stable": None if worst is None else self.members.index(worst)}  # fmt: skip


def stability(
    problem: Problem, count: int = 8, length: float = 0.1, seed: int = 0, networks: tuple[Network, ...] = (),
    progress: Progress | None = None,
) -> Stability:
    """Moduli at the given weights, at `count` solutions reached by walks, and at solutions near other networks.

    Args:
        problem: a fully connected interpolation problem. Base `given`: the solution set keeps the outputs the network
            has, rounded to float64; base `nearby`: the targets of the data.
        count: walks.
        length: of each walk, relative to the norm of the weights.
        seed: of the directions.
        networks: other networks of the same shape, e.g. trained from other seeds.
        progress: told how far it is.

    Raises:
        InputError: another map, or numbers that make no sense.

    >>> net = Network((np.array([[1.0, 2.0]]), np.array([[1.0]])), (None, None), "tanh")
    >>> found = stability(Problem(net, np.array([[1.0, 0.5]]), None, "features", (0,)), count=2)
    >>> len(found.members), all(m.proved for m in found.members)
    (3, True)
    """
    if problem.solutions.trains or not isinstance(problem.network, Network):
        raise InputError("stability", f"the {problem.map} map", "use a fully connected interpolation problem")
    if problem.merge_duplicates:
        raise InputError("stability", "merged rows", "remove the equal rows from the data instead")
    if problem.measure.own_units:  # each member would be measured in units of its own
        raise InputError("stability", f'weights.norm = "{problem.weight_norm}"', 'use "euclidean" or "function"')
    if count < 0 or not 0 < length < 100:
        raise InputError("stability", f"count {count}, length {length}", "give a count from 0 and a length above 0")
    with told(progress) as tell:
        return _walked(problem, count, length, seed, networks, tell)


def _walked(problem: Problem, count: int, length: float, seed: int, networks: tuple[Network, ...], tell: Progress,
            ) -> Stability:
    net = problem.network
    assert isinstance(net, Network)  # `stability` refuses a graph
    y = problem.y if problem.nearby else _outputs(net, problem.X)
    base = replace(problem, y=y, labels=None, base="nearby", loss="squared", arithmetic="float")
    # the loss plays no part; exact arithmetic would be about the weights in the file, not about the solution nearby
    rng = np.random.default_rng(seed)
    starts = [net]
    size = float(np.linalg.norm(_flat(net, net.layers(problem.layer))))
    kernel = _kernel(base) if count else np.zeros((0, 0))
    for k in range(count if kernel.shape[1] else 0):
        tell(f"walk {k + 1} of {count}", k / (2 * count))
        direction = kernel @ rng.standard_normal(kernel.shape[1])
        starts.append(_returned(base, direction * (length * size / float(np.linalg.norm(direction)))))
    starts += networks
    members = []
    for k, start in enumerate(starts):
        tell(f"modulus at solution {k + 1} of {len(starts)}", 0.5 + k / (2 * len(starts)))
        members.append(_member(base, start))
    return Stability(tuple(members))


def _member(base: Problem, start: Network) -> Member:
    from certify.prove.prover import prover

    problem = replace(base, network=start)
    at = prover(problem)
    layers = start.layers(base.layer)
    assert isinstance(base.network, Network)  # `stability` refuses a graph
    moved = float(np.linalg.norm(_flat(start, layers) - _flat(base.network, layers)))
    distance = None if at.solution is None else at.solution.distance
    return Member(start, moved, distance, at.bound("modulus"))


def _flat(net: Network, layers: tuple[int, ...]) -> np.ndarray:
    """The free parameters, layer by layer, weights before the bias: the order of the Jacobian's columns."""
    parts: list[np.ndarray] = []
    for h in layers:
        parts.append(net.weights[h - 1].ravel())
        bias = net.biases[h - 1]
        if bias is not None:
            parts.append(bias)
    return np.concatenate(parts)


def _with(net: Network, w: np.ndarray, layers: tuple[int, ...]) -> Network:
    weights, biases, at = list(net.weights), list(net.biases), 0
    for h in layers:
        size = weights[h - 1].size
        weights[h - 1] = w[at : at + size].reshape(weights[h - 1].shape)
        at += size
        bias = biases[h - 1]
        if bias is not None:
            biases[h - 1] = w[at : at + bias.size]
            at += bias.size
    return Network(tuple(weights), tuple(biases), net.activation, net.reparameterised)


def _outputs(net: Network, X: np.ndarray) -> np.ndarray:
    from certify.network.layers.passes import forward, known_weights
    from certify.rigor.arithmetic import Binary64

    return np.array(forward(net, known_weights(net), X, Binary64()).output.mid.hi)


def _jacobian(problem: Problem) -> np.ndarray:
    from certify.prove.linearised import matrices

    return matrices(problem)[0]


def _kernel(problem: Problem) -> np.ndarray:
    _, s, Vt = np.linalg.svd(_jacobian(problem), full_matrices=True)
    return Vt[int((s > RANK * s[0]).sum()) :].T


def _returned(problem: Problem, step: np.ndarray) -> Network:
    """The weights after a step, brought back to the solution set by Gauss-Newton steps of least length."""
    net = problem.network
    assert isinstance(net, Network)  # `stability` refuses a graph
    layers = net.layers(problem.layer)
    w = _flat(net, layers) + step
    assert problem.y is not None
    for _ in range(NEWTON_STEPS):
        here = _with(net, w, layers)
        gap = (_outputs(here, problem.X) - problem.y).ravel()
        if not np.isfinite(gap).all() or np.abs(gap).max() <= 1e-13 * (1 + np.abs(problem.y).max()):
            break
        w = w - np.linalg.lstsq(_jacobian(replace(problem, network=here)), gap, rcond=RANK)[0]
    return _with(net, w, layers)
