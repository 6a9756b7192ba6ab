"""What people ask in their own words, and how it is asked today: what `certify explain` answers them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

FILLERS: Final = frozenset("a an and any are at can could did do does for from had has have i if in is it its me my of "
                           "on or our should some that the their then they this to up was we were will with would you "
                           "your".split())
"""Words that say nothing of which question is meant."""


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
    Asked(("share", "percent", "percentage", "1 %"),
          """A share of the training rows may stand for a number of them: certify audit --delete 1%, --relabel 1%, or
--ask "1 % of labels wrong"; in Python delete="1%". It is the most rows that are no more than that share. A threshold
may be a share of the predictions, rounded up: certify audit --min stable_predictions=95%. In answers a share that is
proved is rounded down."""),
    Asked(("audit", "start", "first steps", "my model", "bring a model", "pytorch", "torch", "onnx", "skops"),
          """certify audit MODEL DATA --eval FILE asks what is commonly asked about a trained model and its training
data, and answers in sentences, each with a certificate: rows left out, wrong labels, noise, which rows matter. Models:
.skops of scikit-learn, .safetensors and .pt of torch, .pt2, .onnx, .npz of linear ones, any module with --factory. What
no file says (activation, loss, weight decay) it asks for by name. In Python: certify.audit(problem, X_new, y_new). See
docs/audit.md."""),
    Asked(("delete", "deleted", "delete these", "deleting", "remove", "removal", "leave out", "gdpr", "these rows"),
          """Which predictions change when rows are left out and the model is trained again? Of a linear model or a
last layer: certify audit MODEL DATA --rows 3,17 for these rows, --ask "2 rows deleted" for any two. In Python:
certify.stable_predictions(problem, X_new, delete=[3, 17]), or delete=2. In a spec: parameter = "deletions", with set =
"given" and rows = [3, 17], or count = 2; gates on stable_predictions, correct_predictions, prediction_change or
distance. All rows of any 3 users: certify audit --groups COLUMN --ask "3 users deleted". See `deletions`, `groups`,
D1."""),
    Asked(("unlearn", "unlearning", "machine unlearning", "forget", "right to be forgotten"),
          """certify compares today's model with one trained again without the rows: which predictions change, how
far the weights lie apart (see `delete`). It does not unlearn, and it does not say what today's weights reveal of a
deleted row. `certify estimate` writes estimated weights without the rows; nothing of it is proved."""),
    Asked(("label noise", "noisy labels", "mislabelled", "mislabeled", "mislabelling", "wrong labels", "wrong label",
           "labels wrong", "label errors", "flip", "flips", "flipped", "label flips", "relabel", "annotation"),
          """Which predictions stay when any m labels are wrong, and nobody knows which? Of a linear model or a last
layer: certify audit MODEL DATA --ask "2 labels wrong". In Python certify.stable_predictions(problem, X_new, relabel=2),
and .accuracy(y_new) of what it returns. In a spec: parameter = "labels", set = "sparse", count = 2. One kind of mistake
alone: `pairs`. How many wrong labels each prediction survives: see `how many rows`. With
the squared loss this is exact for every number; with others it is for a few rows. It does not find labels that look
wrong."""),
    Asked(("accuracy", "certified accuracy", "score", "test accuracy"),
          """How many labels are right and stay right whichever rows change: the gate correct_predictions, with
[evaluation] targets; in Python stable_predictions(...).accuracy(y_new). Both ends are proved. The accuracy of
today's network on its training data is printed by every run, and is no claim. How the accuracy of a deep network
whose layers all train would change cannot be asked yet."""),
    Asked(("how many rows", "how many labels", "how far from changing", "margin", "tolerated",
           "how many until it flips", "how many before it flips", "how many rows until it changes",
           "how many labels until it changes"),
          """How many rows may be left out, or how many labels be wrong, until a prediction changes? Of a linear model
or a last layer: certify audit MODEL DATA --ask "how far from changing" for rows that are left out, --relabel 20 --ask
"how many labels wrong" for wrong labels. The certificate, and the page of the question, have both ends of every
prediction. In Python: certify.tolerated_changes(problem, X_new, "relabel"), or "delete". In a spec: a gate on
tolerated_changes, with parameter = "labels" or "deletions" and count, the most that is asked about. See
`tolerated_changes`, `label noise`, `delete`."""),
    Asked(("compare", "comparison", "better", "is b better than a", "two models", "versus", "which model"),
          """certify compare A B says which of two models is proved better, question by question, of two
certificates or the folders of two audits on the same rows. Only ends that do not overlap decide: where the upper end of
A lies below the lower end of B, B is proved to keep more predictions. In Python: b.lower > a.upper of two results of
certify.stable_predictions. Counts and radii are compared, and nothing that counts weights: such numbers change when
layers are rescaled (take weights.norm = "relative", see S1)."""),
    Asked(("ci", "gate in ci", "continuous integration", "junit", "sarif", "github action", "pytest"),
          """In continuous integration: certify run SPEC --format junit=FILE --format sarif=FILE --format github; its
status is the decision (0 met, 3 failed, 4 open). action.yml of this repository is a GitHub Action,
.pre-commit-hooks.yaml has hooks. In your own tests the pytest plugin has a fixture certify:
assert certify(problem, X_new).stable(delete=5) >= 130. See docs/ci.md and `gate`."""),
    Asked(("baseline", "regression test", "regress", "previous model", "yesterday"),
          """A gate with max_decrease = 0 (stable_predictions: a fall is worse) or max_increase (distance) compares with
an earlier certificate: certify run SPEC --baseline baseline.json. It fails (status 3) only where the model is proved to
be worse by more than that, and is open (status 4) where the ends do not decide. certify baseline update CERT checks a
certificate and makes it the baseline. certify compare OLD NEW says what is proved better or worse, without a gate.
See docs/gates.md, `gate`, `compare`."""),
    Asked(("suppress", "suppression", "suppressions", "allow failure", "waiver", "exception"),
          """certify run SPEC --suppressions FILE leaves gates out of the exit status until a day: [[suppress]] with
gate, fingerprint, owner, reason and expires, all of them. The verdict and the state of the gate stay as they are, and
every report says who answers for it. After that day the gate counts again. See docs/gates.md."""),
    Asked(("cache", "many specs", "several specs"),
          """certify run A.toml B.toml FOLDER proves each spec; the status is the worst. --cache DIR keeps decided
proofs, and takes them from there while no byte of spec, model and data, no version and no machine changes. Whoever can
write into that folder can forge them; certify check of the certificate derives it again. See docs/gates.md."""),
    Asked(("influence", "influence function", "influence functions", "attribution", "leave one out", "loo"),
          """Which training rows matter to one prediction: certify audit MODEL DATA --eval FILE --prediction 13, or
in Python certify.leave_one_out(problem, X_new).most_influential(13), leaves out every row in turn, trains again and
encloses the change; of a linear model or a last layer. The row that matters most to all predictions: --ask "which
rows matter". Of a whole network, in the limit of small changes: parameter = "sample_weights", a gate on
sample_modulus, or with [evaluation] on first_order_prediction_change. `certify estimate` predicts one change of any
torch module, and proves nothing."""),
    Asked(("which rows", "important rows", "rows that matter", "which rows matter", "most influential", "support"),
          """Which training rows matter most: certify audit MODEL DATA --ask "which rows matter". For this
prediction, and which of them flip it alone: --prediction 13; in Python certify.leave_one_out(problem,
X_new).most_influential(13). Which rows flip it together: stable_predictions(...).witness(13).rows, or certify
report CERT --rows. Which rows hold the weights where they are: parameter = "sample_weights", a gate on
sample_modulus (every row's is on the page). Which rows decide a coefficient: certify.coefficients(problem,
delete=1). See `influence`."""),
    Asked(("coefficient", "sign", "signs", "do the signs survive", "sign of a coefficient",
           "p-value", "pvalue", "significance", "significant",
           "standard error", "confidence interval", "zaminfluence", "effect", "regression coefficient", "contrast"),
          """Does the sign of a coefficient survive dropping any m rows? [evaluation] coefficients = "all" (or
["dose"]) with parameter = "deletions", count = 5: gates on stable_predictions (which signs stay), tolerated_changes
(how many rows each survives) and functional (how large and how small it gets); the page names the rows that turn it. In
Python: certify.coefficients(problem, delete=1). Contrasts: see `intercept`. Both ends are proved, of the model's own
minimum on these rows; p-values, standard errors and confidence intervals are about other samples, of which nothing is
said. See docs/questions/coefficients.md."""),
    Asked(("sklearn", "scikit-learn", "logistic regression", "logisticregression", "ridge", "linearsvc",
           "pipeline", "estimator"),
          """certify audit model.skops train.csv, with the fitted estimator or pipeline saved by skops.io.dump and
the data before any scaler; it knows the penalty that C or alpha means and which weights carry it. In Python: problem =
certify.from_sklearn(estimator, X, y), then certify.audit, stable_predictions, tolerated_changes, leave_one_out,
coefficients. Among others LogisticRegression, LinearSVC, Ridge, RidgeClassifier, KernelRidge, MLPClassifier,
PoissonRegressor, GammaRegressor, SGDClassifier, behind scalers or within a search. See
docs/tutorial/scikit-learn.md."""),
    Asked(("poisoning", "poisoned", "poison", "backdoor", "attack", "attacker", "adversary", "adversarial", "injected"),
          """Rows that somebody adds or puts in the place of others, with any label and features in a box:
certify.stable_predictions(problem, X_new, add=1) or replace=1; in a spec fresh = "added" or "replaced" (see
`fresh`). Labels that somebody changes: `label noise`. Features of training rows that somebody moves: parameter =
"features", set = "sparse". Changes of the rows that are predicted are the subject of network verifiers, not of
certify."""),
    Asked(("which users matter", "which customers matter", "which clients matter", "which patients matter",
           "which people matter", "which groups matter", "which sources matter"),
          """Which of them matter to one prediction, each left out with all its rows: certify audit MODEL DATA --groups
COLUMN --prediction 13; in Python certify.leave_one_out(problem, X_new, groups=users).most_influential(13). Which
predictions change without some one of them: --ask "1 user deleted"; in Python certify.stable_predictions(problem,
X_new, delete=1, groups=users), whose witness(13).groups names one that flips prediction 13. How many of them each
prediction survives: certify.tolerated_changes(problem, X_new, "delete", groups=users). Single rows: `which rows`."""),
    Asked(("outlier", "outliers", "anomaly", "leverage", "strange rows"),
          """certify does not call a row an outlier. It says what hangs on a row: `which rows`. A row with a large
sample_modulus, or one whose absence flips predictions, is worth looking at."""),
    Asked(("drift", "distribution shift", "shift", "covariate shift", "new data"),
          """Whether tomorrow's data is like today's cannot be asked: nothing is known of rows that do not exist
yet. What can be asked is how far the training data may be off: all columns, or some of them in their units, until
the training loss exceeds a level (`persistence_radius`, `columns`, `scale`), and what a few new rows can do
(`fresh`)."""),
    Asked(("target noise", "noise in targets", "noisy targets", "targets off", "target off", "wrong targets",
           "error in targets"),
          """Every target off by up to 2 %: certify audit MODEL DATA --ask "every target is off by up to 2 %", or
--targets-off 2%; an amount: --targets-off 1500. In Python certify.targets_off(problem, X_new, "2%"). For the squared
loss with a weight decay, such as Ridge, where the answer is exact (see D22). In a spec: parameter = "targets", set =
"per_sample", radius, and relative = true where it is a share (a gate on prediction_change). Labels that are wrong:
`label noise`."""),
    Asked(("noise", "noise in age", "measurement error", "feature noise", "noisy features", "wrong values", "age"),
          """Every age off by up to a year: certify audit MODEL DATA --ask noise --noise age=1, in the units of the
column, also where a scaler stands before the model; how far at all: --ask "noise in age". In a spec: parameter =
"features", set = "per_sample", columns = ["age"], scale = {age = 1.0}. With map = "sublevel" and a level: does the
model as it stands still fit (a gate min = 1.0 on persistence_radius)? With map = "critical", radius = 1.0 and
[evaluation]: how predictions move when it is trained again, to first order (first_order_prediction_change). Noise of
the rows that are predicted is no question of training data."""),
    Asked(("retrain", "retraining", "train again", "training again", "refit", "seed", "seeds"),
          """Claims are about exact solutions, not about an optimiser. A linear model or a last layer with weight
decay has one solution, and training again to its end finds it: stable_predictions, distance. Where training was stopped
early, `polish` goes on to it. A deep network has many, and another run may end at another; what is proved is about the
nearest (see `critical`, `nearby`). What an estimate is worth, estimate.retrain measures: it trains again and
compares."""),
    Asked(("robust", "robustness", "stable", "sensitive", "sensitivity"),
          """Against what? Rows left out: `delete`. Wrong labels: `label noise`. Added rows: `poisoning`. Wrong
features: `noise`. In one number for small changes: `modulus`. Against changes of the rows that are predicted: ask a
network verifier."""),
    Asked(("cnn", "convolution", "resnet", "transformer", "attention", "batchnorm", "llm", "large model"),
          """The last layer of any module that ends in an nn.Linear is asked about as a linear model is: certify audit
WEIGHTS DATA --factory module:callable, or certify.from_module(module, X, y, loss="cross_entropy", weight_decay=0.01)
and certify.audit. The layers before it stay. Of a graph (certify graph FACTORY --shape C,H,W) of convolutions, sums,
BatchNorm, pools, attention, LayerNorm their features are enclosed too: certify audit WEIGHTS DATA --graph graph.json,
or solution.layer = "last" in a spec. Of all its parameters ask for the modulus of map = "sublevel". For everything else
there are estimates (see `estimate`), which prove nothing."""),
)


BY_SLUG: Final[Mapping[str, str]] = MappingProxyType({
    "rows-deleted": "delete", "these-rows": "delete", "groups-deleted": "delete", "labels-wrong": "label noise",
    "noise": "noise", "which-rows": "which rows", "one-prediction": "which rows", "how-far": "how many rows",
    "how-far-labels": "how many rows", "coefficients": "coefficient", "targets-off": "target noise",
    "rows-and-labels": "delete"})
"""By the slug of a question of an audit: the name by which its answer here is listed."""


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


def meant(phrase: str) -> tuple[Asked, ...]:
    """The questions that share most words with a phrase, counting names of which all words stand in it; several: alike.

    >>> [one.names[0] for one in meant("how many wrong rows before my prediction flips?")]
    ['how many rows']
    >>> [one.names[0] for one in meant("mislabelled rows")], meant("the weather")
    (['label noise'], ())
    """
    said = _stems(phrase)
    scores = {one: len({stem for name in one.names if _stems(name) <= said for stem in _stems(name)}) for one in ASKED}
    most = max(scores.values())
    return tuple(one for one, score in scores.items() if score == most > 0)


def _stems(text: str) -> frozenset[str]:
    """Its words that mean something, without their endings.

    >>> sorted(_stems("The mislabelled or mislabeled rows, which flipped"))
    ['flip', 'mislabel', 'row', 'which']
    """
    words = [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in FILLERS]
    return frozenset(re.sub(r"(.)\1$", r"\1", re.sub(r"(?<=...)(ing|ed|es|e|s)$", "", word)) for word in words)
