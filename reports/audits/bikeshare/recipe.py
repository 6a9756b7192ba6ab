"""Train the network of this report; write `model.safetensors` and `train.npz`.

Fixed before anything was certified: all 8,645 rows of ISLP's Bikeshare; features season, month (1 … 12), hour, holiday,
weekday, working day, weather (1 … 4 in the order of the table's words), temp, atemp, hum, windspeed, columns
standardised and rounded to float16 (the file's numbers are the data); target log(1 + bikers), standardised, float32.
softplus 11-16-1, p = 209, torch's default initialisation (drawn in float32, seed 0), converted to float64; mean
½(f − y)² plus `0.001/2·|w|²` over all weights and biases; 2000 full-batch Adam steps, learning rate 1e-2; Newton steps
until the gradient is below 1e-13, or 60.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import critical_training  # noqa: E402
import islp  # noqa: E402
import training  # noqa: E402

WIDTHS, ACTIVATION, DECAY = (11, 16, 1), "softplus", 1e-3
STEPS, RATE = 2000, 1e-2
MONTHS = ("Jan", "Feb", "March", "April", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")
WEATHER = ("clear", "cloudy/misty", "light rain/snow", "heavy rain/snow")
NUMBERS = ("season", "hr", "holiday", "weekday", "workingday", "temp", "atemp", "hum", "windspeed")


def load_data() -> tuple[np.ndarray, np.ndarray]:
    """Features `(8645, 11)` float16 and targets `(8645,)` float32."""
    rows = islp.rows("Bikeshare")
    X = np.array([[*(float(row[name]) for name in NUMBERS), MONTHS.index(row["mnth"]), WEATHER.index(row["weathersit"])]
                  for row in rows])
    y = np.log1p([float(row["bikers"]) for row in rows])
    return training.standardised(X).astype(np.float16), training.standardised(y).astype(np.float32)


def build() -> training.Files:
    import torch
    from safetensors.numpy import save

    X, y = load_data()
    net = training.network(WIDTHS, ACTIVATION, double=True)
    inputs, wanted = torch.from_numpy(X.astype(float)), torch.from_numpy(y.astype(float))

    def loss(f):  # type: ignore[no-untyped-def]
        return 0.5 * (f(inputs)[:, 0] - wanted).square().mean()

    training.adam(net, critical_training.decayed(net, loss, DECAY), STEPS, RATE)
    critical_training.newton(net, loss, DECAY)
    with torch.no_grad():
        value = float(loss(net)) + DECAY / 2 * sum(float((p * p).sum()) for p in net.parameters())
    training.say(f"loss with decay {value:.8g}, level {training.level_above(value)}")
    return {"model.safetensors": save(training.state(net)), "train.npz": training.npz_bytes(X=X, y=y)}


if __name__ == "__main__":
    sys.exit(training.main(HERE, build))
