"""Losses that are known of heads whose rows are left out or get other labels (D1), and refused everywhere else."""

from __future__ import annotations

from typing import NoReturn

import flint
import numpy as np

from certify.format.errors import SpecError
from certify.network.layers.stacks import Stack
from certify.network.loss.base import Loss, LossTerms
from certify.rigor.arithmetic import Arithmetic
from certify.rigor.ball import Balls
from certify.rigor.fp import Array


class OfHeads(Loss):
    """What a person is told of the fit, in floats; everything that a theorem about networks needs is refused."""

    def terms(self, output: Balls, targets: Array | None, labels: Array | None, arithmetic: Arithmetic) -> LossTerms:
        """Refused."""
        self._refuse()

    def ball(
        self, f: list[flint.arb], target: Array | None, label: int | None
    ) -> tuple[flint.arb, list[flint.arb]]:
        """Refused."""
        self._refuse()

    def curvatures(
        self, terms: LossTerms, targets: Array | None, labels: Array | None, arithmetic: Arithmetic
    ) -> Stack:
        """Refused."""
        self._refuse()

    def rough_curvature(self, slopes: Array, aims: Array, a: int, b: int) -> Array:
        """Refused."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise SpecError(f"training.loss = \"{self.name}\"", "it is known of heads whose rows are left out or get other "
                        "labels, and of nothing else", 'use "squared", "cross_entropy" or "logistic"')


class Numbers(OfHeads):
    """Targets are numbers."""

    slides = True

    def alphabets(self, k: int) -> tuple[set[int], ...]:
        """None."""
        return ()

    def lacking(self, y: Array | None, labels: Array | None) -> tuple[str, str] | None:
        """Real targets."""
        return None if y is not None else (f"none that fit the {self.name} loss", "give real targets y")

    def aims(self, y: Array | None, labels: Array | None, k: int) -> Array:
        """The targets."""
        assert y is not None
        return y


class Huber(Numbers):
    """`½d²` up to `|d| = 1` and `|d| − ½` beyond, `d = f − y`."""

    name = "huber"

    def rough(self, f: Array, aims: Array) -> tuple[Array, int]:
        """No label is predicted."""
        d = np.abs(f - aims)
        return np.where(d < 1, 0.5 * d * d, d - 0.5).sum(axis=1), 0

    def ascent(self, f: Array, aims: Array) -> tuple[float, Array]:
        """With the slope, cut off at −1 and 1."""
        return float(self.rough(f, aims)[0].sum()), np.clip(f - aims, -1.0, 1.0)

    def rough_products(self, slopes: Array, aims: Array, directions: Array) -> Array:
        """The directions where `|d| < 1`."""
        return np.where(np.abs(slopes) < 1.0, directions, 0.0)


class Poisson(Numbers):
    """`e^f − yf`."""

    name = "poisson"
    output = "the logarithm of the expected count: give math.log of a count"

    def rough(self, f: Array, aims: Array) -> tuple[Array, int]:
        """No label is predicted."""
        return (np.exp(f) - aims * f).sum(axis=1), 0

    def ascent(self, f: Array, aims: Array) -> tuple[float, Array]:
        """With the slope `e^f − y`."""
        return float(self.rough(f, aims)[0].sum()), np.exp(f) - aims

    def rough_products(self, slopes: Array, aims: Array, directions: Array) -> Array:
        """`e^f d`."""
        return np.asarray((slopes + aims) * directions)


class Gamma(Numbers):
    """`ye^(−f) + f`, y > 0."""

    name = "gamma"
    output = "the logarithm of the expected amount: give math.log of an amount"

    def lacking(self, y: Array | None, labels: Array | None) -> tuple[str, str] | None:
        """Real targets above 0: with another the loss is not convex, or has no least."""
        if y is not None and not (y > 0).all():
            row = int(np.argmax(~(y > 0).reshape(len(y), -1).all(axis=1)))
            return f"{np.min(y[row]):g} in row {row}, and the gamma loss is of amounts above 0", "give amounts above 0"
        return super().lacking(y, labels)

    def rough(self, f: Array, aims: Array) -> tuple[Array, int]:
        """No label is predicted."""
        return (aims * np.exp(np.minimum(-f, 700.0)) + f).sum(axis=1), 0

    def ascent(self, f: Array, aims: Array) -> tuple[float, Array]:
        """With the slope `1 − ye^(−f)`."""
        return float(self.rough(f, aims)[0].sum()), 1.0 - aims * np.exp(np.minimum(-f, 700.0))

    def rough_products(self, slopes: Array, aims: Array, directions: Array) -> Array:
        """`ye^(−f) d`."""
        return np.asarray((1.0 - slopes) * directions)


class Against(OfHeads):
    """Targets are labels: signs of one output, class numbers of several."""

    def alphabets(self, k: int) -> tuple[set[int], ...]:
        """0 and 1, or −1 and 1; 0 … k − 1."""
        return (set(range(k)),) if k > 1 else ({0, 1}, {-1, 1})

    def label_words(self, k: int) -> str:
        """Of one output and of several."""
        return f"0 … {k - 1}, one for each output" if k > 1 else "0 and 1, or -1 and 1"

    def lacking(self, y: Array | None, labels: Array | None) -> tuple[str, str] | None:
        """Class labels."""
        return None if labels is not None else (f"none that fit the {self.name} loss", "give class labels")

    def aims(self, y: Array | None, labels: Array | None, k: int) -> Array:
        """1 at the class and −1 elsewhere."""
        assert labels is not None
        given = np.asarray(labels)
        if k == 1:
            return np.where(given > 0, 1.0, -1.0)[:, None]
        return np.asarray(2.0 * np.eye(k)[given.astype(np.int64)] - 1.0)

    @staticmethod
    def hits(f: Array, aims: Array) -> int:
        """How many labels are predicted; a tie of one output predicts none."""
        if f.shape[1] == 1:
            return int(np.sum(aims * f > 0))
        return int(np.sum(np.argmax(f, axis=1) == np.argmax(aims, axis=1)))


class SquaredHinge(Against):
    """`½ Σ max(0, 1 − sf)²`."""

    name = "squared_hinge"

    def rough(self, f: Array, aims: Array) -> tuple[Array, int]:
        """What the margins lack to 1."""
        return 0.5 * (np.maximum(1.0 - aims * f, 0.0) ** 2).sum(axis=1), self.hits(f, aims)

    def ascent(self, f: Array, aims: Array) -> tuple[float, Array]:
        """With the slope `−s max(0, 1 − sf)`."""
        return float(self.rough(f, aims)[0].sum()), -aims * np.maximum(1.0 - aims * f, 0.0)

    def rough_products(self, slopes: Array, aims: Array, directions: Array) -> Array:
        """The directions where a margin lacks."""
        return np.where(slopes != 0, directions, 0.0)


class OneVsRest(Against):
    """`Σ log(1 + e^(−sf))`, an output for each class."""

    name = "one_vs_rest"

    def rough(self, f: Array, aims: Array) -> tuple[Array, int]:
        """Output by output."""
        return np.logaddexp(0.0, -aims * f).sum(axis=1), self.hits(f, aims)

    def ascent(self, f: Array, aims: Array) -> tuple[float, Array]:
        """With the slope `−s/(1 + e^(sf))`."""
        return float(self.rough(f, aims)[0].sum()), -aims / (1.0 + np.exp(np.clip(aims * f, -700, 700)))

    def endless(self, aims: Array) -> bool:
        """Always."""
        return True

    def rough_products(self, slopes: Array, aims: Array, directions: Array) -> Array:
        """`|c|(1 − |c|)d`."""
        return np.asarray(np.abs(slopes) * (1 - np.abs(slopes)) * directions)
