"""Random attacks on losses, gradients and sublevel sets: training problems for `tests.containment.sublevel`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.containment import sublevel
from tests.containment.registry import attack
from tests.containment.rigor import Outcome
from tests.families import adversarial as families
from tests.families import training
from tests.families.draws import any_arithmetic

Rng = np.random.Generator


@attack("loss_terms", "L1")
def loss_terms(rng: Rng) -> Outcome:
    arithmetic, problem = any_arithmetic(rng), training.training(rng)
    balls = sublevel.output_balls(problem, arithmetic, rng)
    return "refused" if balls is None else sublevel.loss_terms(problem, balls, arithmetic, rng)


@attack("descent", "M6")
def descent(rng: Rng) -> Outcome:
    return sublevel.descent(training.training(rng), any_arithmetic(rng))


@attack("sublevel_modulus", "M6", slow=1)
def sublevel_modulus(rng: Rng) -> Outcome:
    problem = training.training(rng)
    problem = sublevel.open_level(problem, rng) if rng.random() < 0.1 else problem
    return sublevel.sublevel(problem, "modulus")


@attack("sublevel_sample_modulus", "M6", slow=1)
def sublevel_sample_modulus(rng: Rng) -> Outcome:
    return sublevel.sublevel(training.training(rng), "sample_modulus")


@attack("sublevel_weight_norms", "S1", "S2", slow=2)
def sublevel_weight_norms(rng: Rng) -> Outcome:
    problem = families.normed(rng, training.training(rng, mild=rng.random() < 0.5))
    return "refused" if problem is None else sublevel.sublevel(problem, str(rng.choice(["modulus", "sample_modulus"])))


@attack("persistence_radius", "P3", slow=20)
def persistence_radius(rng: Rng) -> Outcome:
    problem = training.training(rng, mild=rng.random() < 0.8)
    return sublevel.persistence(sublevel.open_level(problem, rng), rng)


@attack("reach", "P3")
def reach(rng: Rng) -> Outcome:
    problem = training.training(rng, mild=rng.random() < 0.7)
    t = rng.random(problem.n) * float(rng.choice([1e-12, 1e-6, 1e-3, 0.1, 1.0, 10.0]))
    return sublevel.reached(problem, t, rng)


@attack("rise", "P3", slow=4)
def rise(rng: Rng) -> Outcome:
    problem = replace(training.training(rng, mild=rng.random() < 0.7), parameter="features")
    return sublevel.rise(problem, float(rng.random() * rng.choice([1e-9, 1e-4, 0.1, 1.0, 5.0])), rng)
