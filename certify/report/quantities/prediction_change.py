"""The largest change of the outputs at the evaluation rows, of the one solution of a last layer."""

from __future__ import annotations

from certify.report.glance.scales import outputs
from certify.report.quantities import last_layer
from certify.report.quantities.quantity import Quantity

PREDICTION_CHANGE = Quantity(
    "prediction_change", "Largest change of the outputs at the evaluation rows", last_layer.change_sentence,
    at_size="The change of the outputs", sized=True, nearest=True, evaluated=True,
    functional="Largest change of a functional",
    wonders="how far do the outputs of one evaluation row move together at most", scale=outputs,
)
