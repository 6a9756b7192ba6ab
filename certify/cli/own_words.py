"""What people ask in their own words, and how it is asked today: what `certify explain` answers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Asked:
    """One question.

    Attributes:
        names: words that lead to it, the first of which it is listed by.
        answer: how it is asked today, or that it cannot be asked yet.
    """

    names: tuple[str, ...]
    answer: str


ASKED: Final = (
    Asked(("delete", "deleted", "deleting", "remove", "removal", "leave out", "gdpr", "these rows"),
          """Which predictions change when rows are left out and the model is trained again? Of a linear model or a
last layer, in Python: certify.stable_predictions(problem, X_new, delete=[3, 17]) for these rows, delete=2 for any
two. In a spec: parameter = "deletions", with set = "given" and rows = [3, 17], or count = 2; gates on
stable_predictions, correct_predictions, prediction_change or distance. All rows of one user: groups. See
`deletions`, `groups`, D1."""),
    Asked(("unlearn", "unlearning", "machine unlearning", "forget", "right to be forgotten"),
          """certify compares today's model with one trained again without the rows: which predictions change, how
far the weights lie apart (see `delete`). It does not unlearn, and it does not say what today's weights reveal of a
deleted row. `certify estimate` writes estimated weights without the rows; nothing of it is proved."""),
    Asked(("label noise", "noisy labels", "mislabelled", "mislabeled", "mislabelling", "wrong labels", "wrong label",
           "labels wrong", "label errors", "flip", "flips", "flipped", "label flips", "relabel", "annotation"),
          """Which predictions stay when any m labels are wrong, and nobody knows which? Of a linear model or a last
layer, in Python: certify.stable_predictions(problem, X_new, relabel=2), and .accuracy(y_new) of what it returns. In
a spec: parameter = "labels", set = "sparse", count = 2. One kind of mistake alone: `pairs`. How many wrong labels
each prediction survives: certify.tolerated_changes(problem, X_new, "relabel"), or `tolerated_changes`. With the
squared loss this is exact for every number; with others it is for a few rows. It does not find labels that look
wrong."""),
    Asked(("accuracy", "certified accuracy", "score", "test accuracy"),
          """How many labels are right and stay right whichever rows change: the gate correct_predictions, with
[evaluation] targets; in Python stable_predictions(...).accuracy(y_new). Both ends are proved. The accuracy of
today's network on its training data is printed by every run, and is no claim. How the accuracy of a deep network
whose layers all train would change cannot be asked yet."""),
    Asked(("compare", "comparison", "better", "is b better than a", "two models", "versus", "which model"),
          """There is no verb for it yet. Ask both models the same question, of the same rows, and compare what is
proved: where the upper end of A lies below the lower end of B, B is proved to keep more predictions. In Python:
b.lower > a.upper of two results of certify.stable_predictions. Compare counts and radii, not Euclidean moduli:
these change when layers are rescaled (take weights.norm = "relative", see S1)."""),
    Asked(("baseline", "regression test", "regress", "previous model", "yesterday"),
          """A gate against an earlier certificate cannot be asked yet. Write the number proved for the old model as
a gate on the new one, e.g. quantity = "stable_predictions", min = 136: the run fails (status 3) where the new model
is proved to be worse, and is open (status 4) where that is not decided. See `gate`, `compare`."""),
    Asked(("influence", "influence function", "influence functions", "attribution", "leave one out", "loo"),
          """Which training rows matter to one prediction: certify.leave_one_out(problem,
X_new).most_influential(13) leaves out every row in turn, trains again and encloses the change; of a linear model or
a last layer. Of a whole network, in the limit of small changes: parameter = "sample_weights", a gate on
sample_modulus, or with [evaluation] on first_order_prediction_change. `certify estimate` predicts one change of any
torch module, and proves nothing."""),
    Asked(("which rows", "important rows", "rows that matter", "which rows matter", "most influential", "support"),
          """Which training rows matter for this prediction: certify.leave_one_out(problem,
X_new).most_influential(13). Which rows flip it: stable_predictions(...).witness(13).rows, or certify report CERT
--rows. Which rows hold the weights where they are: parameter = "sample_weights", a gate on sample_modulus (every
row's is on the page). Which rows decide a coefficient: certify.coefficients(problem, delete=1). See `influence`."""),
    Asked(("sklearn", "scikit-learn", "logistic regression", "logisticregression", "ridge", "linearsvc",
           "pipeline", "estimator"),
          """problem = certify.from_sklearn(estimator, X, y), fitted, with its training data: LogisticRegression,
LinearSVC, Ridge, RidgeClassifier, PoissonRegressor, SGDClassifier, SGDRegressor, behind scalers or within a search.
Then certify.stable_predictions, tolerated_changes, leave_one_out, coefficients. It knows the penalty that C or
alpha means and which weights carry it. For a certificate write the weights to a file and a spec:
docs/tutorial/scikit-learn.md."""),
    Asked(("poisoning", "poisoned", "poison", "backdoor", "attack", "attacker", "adversary", "adversarial", "injected"),
          """Rows that somebody adds or puts in the place of others, with any label and features in a box:
certify.stable_predictions(problem, X_new, add=1) or replace=1; in a spec fresh = "added" or "replaced" (see
`fresh`). Labels that somebody changes: `label noise`. Features of training rows that somebody moves: parameter =
"features", set = "sparse". Changes of the rows that are predicted are the subject of network verifiers, not of
certify."""),
    Asked(("outlier", "outliers", "anomaly", "leverage", "strange rows"),
          """certify does not call a row an outlier. It says what hangs on a row: `which rows`. A row with a large
sample_modulus, or one whose absence flips predictions, is worth looking at."""),
    Asked(("drift", "distribution shift", "shift", "covariate shift", "new data"),
          """Whether tomorrow's data is like today's cannot be asked: nothing is known of rows that do not exist
yet. What can be asked is how far the training data may be off: all columns, or some of them in their units, until
the training loss exceeds a level (`persistence_radius`, `columns`, `scale`), and what a few new rows can do
(`fresh`)."""),
    Asked(("noise", "noise in age", "measurement error", "feature noise", "noisy features", "wrong values", "age"),
          """Every age off by up to a year: parameter = "features", set = "per_sample", columns = ["age"], scale =
{age = 1.0}, the unit of the column. With map = "sublevel" and a level: does the model as it stands still fit (a
gate min = 1.0 on persistence_radius)? With map = "critical", radius = 1.0 and [evaluation]: how predictions move
when it is trained again, to first order (first_order_prediction_change). Noise of the rows that are predicted is no
question of training data."""),
    Asked(("retrain", "retraining", "train again", "training again", "refit", "seed", "seeds"),
          """Claims are about exact solutions, not about an optimiser. A linear model or a last layer with weight
decay has one solution, and training again to its end finds it: stable_predictions, distance. A deep network has
many, and another run may end at another; what is proved is about the nearest (see `critical`, `nearby`). What an
estimate is worth, estimate.retrain measures: it trains again and compares."""),
    Asked(("robust", "robustness", "stable", "sensitive", "sensitivity"),
          """Against what? Rows left out: `delete`. Wrong labels: `label noise`. Added rows: `poisoning`. Wrong
features: `noise`. In one number for small changes: `modulus`. Against changes of the rows that are predicted: ask a
network verifier."""),
    Asked(("cnn", "convolution", "resnet", "transformer", "attention", "batchnorm", "llm", "large model"),
          """Convolutions, sums, BatchNorm and pools: write a graph (certify graph FACTORY --shape C,H,W) and ask
for the modulus of map = "sublevel". Attention cannot be proved about yet. The last layer of any network can: write
its inputs as features and ask about that one layer. For everything else there are estimates (see `estimate`), which
prove nothing."""),
)


def table() -> dict[str, Asked]:
    """Every word, as it is looked up, with its question.

    >>> table()["label_noise"] is table()["mislabelled"]
    True
    """
    return {key(name): one for one in ASKED for name in one.names}


def key(word: str) -> str:
    """A word as it is looked up: lower case, one underscore between its parts.

    >>> key(" Which rows "), key("scikit-learn")
    ('which_rows', 'scikit_learn')
    """
    return "_".join(word.lower().replace("-", " ").replace("_", " ").split())
