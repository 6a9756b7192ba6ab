"""What the maps of a loss, a solution nearby and units of features go with."""

from __future__ import annotations

from functools import partial

from certify.check.reading.sections.demands import Goes, judged

LOSS = ("critical", "sublevel")
"""Maps of a loss."""

RULES = (
    Goes({"map": "sublevel"}, {"base": "given"}, "solution.base", "base", "given, with the sublevel map"),
    Goes({"within": True}, {"base": "nearby"}, "solution.within", "base", "base nearby"),
    *(Goes({"map": word}, {"targets": True}, "data.targets", "targets", f"targets, with the {word} map")
      for word in LOSS),
    Goes({"map": LOSS, "loss": "logistic"}, {"one_output": True}, "model.widths", "widths", "one output"),
    Goes({"map": LOSS, "parameter": "targets", "loss": ("cross_entropy", "logistic")},
         {"map": "critical", "base": "nearby", "set": "given", "quantity": "distance"},  # class labels: see `flips`
         "training.loss", "loss", "squared, where targets move"),
    Goes({"level": True}, {"map": "sublevel"}, "solution.level", "level", "none, without the sublevel map"),
    Goes({"map": "interpolation", "parameter": "sample_weights"}, None, "perturbation.parameter", "parameter",
         "features or targets, with the interpolation map"),
    Goes({"base": "nearby"}, {"targets": True}, "data.targets", "targets", "targets, with base nearby"),
    Goes({"units": True}, {"parameter": "features"}, "perturbation.columns, .scale", "parameter",
         "parameter features"),
    Goes({"quantity": "persistence_radius"}, {"level": True}, "gate", "quantity", "the sublevel map with a level"),
)
demands = partial(judged, RULES)
"""With what they go: wrong or not, where, what is stated, what is needed."""
