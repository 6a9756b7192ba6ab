"""Short explanations of the labels and words that a verdict line or a report uses, and of users' own words."""

from __future__ import annotations

import difflib
import re
import textwrap
from typing import Final

from certify.cli.own_words import ASKED, BY_SLUG, Asked, key, meant, table
from certify.format.errors import SpecError
from certify.format.texts import labels, text

SLIP: Final = 0.85
"""How alike a word and a known one are where the one is taken for a slip of the other."""

WORDS: dict[str, str] = {
    "tilt": """What makes given weights an exact critical point (map = "critical", base = "given").
Training never ends where the gradient is exactly 0. The loss becomes L − ⟨c, f⟩, f the outputs over all rows and c
the shortest vector with Jᵀc = ∇L; for the squared loss that shifts the targets by n·c. It keeps every symmetry.
Where there is no such c and the Hessian is nonsingular, the tilt is L − ⟨t, w⟩ with t = ∇L. The size of the shift,
its worst row and what it adds to the loss are in the certificate's `base`.""",
    "modulus": """The most that the weights have to move, per unit of motion of all the data together (see M1, M2).
Weights are measured in weights.norm, data by Euclidean length. Pointwise: a limit for small motions.""",
    "distance": """How far the nearest exact fit lies from the given weights (base = "given"), at finite size: after the
one change in perturbation.file (set = "given"; see Q7 and F1), or the largest over all changes within a budget (set =
"total", "per_sample", "sparse" with a radius; see Q4 and F1). With map = "critical" and a budget: how far the one
solution of a strongly convex last layer moves (see Q6).
Critical map (base = "nearby", set = "given"): how far the nearest critical point of the changed training loss lies
from today's exact one. sample_weights: u_i = -1 leaves row i out (n stays, see `normalization`); targets: y_i + u_i
(squared), or the new class label less the old (logistic; unit vectors with cross_entropy). Upper end: a point proved
by Q2. Lower end: F1 with the gradient in place of the residuals; it is close to the upper end for small changes and
far below it for large ones.""",
    "stable_predictions": """How many labels of the [evaluation] rows are proved to stay those that the weights in the
file give. The label of a row is the largest output; of one output its sign, or with evaluation.threshold the side of it
(see `threshold`). A gate has min. The lower end is the proved number, the upper one the number of rows.
map = "critical" (the last layer free, weight decay): for the one solution after every change within the budget (see Q6
and P4). map = "interpolation" (base = "given"): for every network as near to the given weights as an exact fit of the
changed data is proved to be, that fit among them (see `distance`, whose sets and norms it takes, and P2). Fits further
away are not spoken of, nor is what training would find.""",
    "correct_predictions": """How many labels of the [evaluation] rows are right and proved to stay right whichever rows
change: over the number of rows this is the certified accuracy. The right labels are the array or column
evaluation.targets of the evaluation file (left out: the name of data.targets). A row counts where the weights in the
file give it the right label and every change leaves it that; the upper end leaves out those that are wrong today and
those that a change is proved to flip. parameter = "deletions" or "labels" with a count, a convex last layer (see D1 and
`stable_predictions`).""",
    "tolerated_changes": """How many rows may be left out or relabelled, at most `count`, until the prediction of an
[evaluation] row changes: the largest m such that its label stays whichever m rows change, 0 where the first one may
flip it. The certificate holds both ends of every row; the claim is what half of the rows tolerate or more. A gate has
min. parameter = "deletions" or "labels" with set = "sparse", a convex last layer (see D1 and `stable_predictions`).""",
    "functional": """The value of stated linear functionals of a head's weights, such as single coefficients, when any
`count` rows are left out or relabelled: with max the largest value of any of them under every change, with min the
smallest. The certificate holds both ends of each. Which ones: `coefficients`, or `intercept`. Every choice is refitted
where they are few (20,000), else trees of boxes bound it (logistic loss). Whether signs stay: `stable_predictions`; how
many rows each survives: `tolerated_changes` (see D1).""",
    "prediction_change": """The most that the outputs at any [evaluation] row change, in Euclidean length, between
today's solution and that of the changed data (map = "critical", the last layer free, weight decay; see Q6, P4; for
rows that are left out or get other labels D1).""",
    "first_order_prediction_change": """The most that an output at any [evaluation] row changes, to first order, when
the data changes within the budget and the weights go to the nearest critical point or exact fit (see P1). Any
layer, any budget with a radius, or set = "given". The certificate holds every row's ends. A limit, scaled to the
radius; `prediction_change` is the statement at finite size, for a convex last layer alone.""",
    "aubin": """A factor κ with the radii within which it holds, a statement at finite size (see Q1; Q5 where the map is
"sublevel"). Section [aubin] may give radius_u and radius_w. Fully connected networks, smooth, or for interpolation with
one hidden layer of relu; base = "given", set = "total".""",
    "excess": """How far exact fits of the changed data near the weights have strayed from those of today's: the largest
distance e(S(u) ∩ B, S(0)) from a weight vector that fits the changed data within the window B = {|w − w̄| ≤ radius} to
the nearest one that fits today's; 0 if none lies within the window. The window cuts the first set alone. One given
change (set = "given"), base = "given", the last layer (solution.layer) or a network of one; see S14.""",
    "hausdorff": """How far the two sets of exact fits, before and after one given change, lie apart on the window: the
larger of e(S(u) ∩ B, S(0)) (see `excess`) and e(S(0) ∩ B, S(u)). Each set is cut by the window where it comes first
and whole where it comes second, so it is no metric. See S14.""",
    "window": """[window] radius: the ball around the weights in the file on which `excess` and `hausdorff` compare sets
of exact fits, which are unbounded. Without gates a spec with [window] asks for both.""",
    "first_order_distance": """The most that the weights have to move, to first order, for any move of the data in the
perturbation set: the network is replaced by its linearisation at the data and the weights. With set = "total" it is
the radius times `modulus`; with "per_sample", "sparse" and "given" see N1, N2 and N3 (critical map: M5e). All but
given need `radius`.""",
    "sample_modulus": """The most that the weights have to move when one row alone moves, per unit of its motion (M4; in
the norms 1 and inf N4). The largest over the rows that may move; every row's value is in the certificate.""",
    "persistence_radius": """The size up to which every move of the data leaves the given weights themselves
with a training loss at or below `solution.level` (sublevel map; see M6 and P3). The lower end is proved for
every move; the upper end is a move that is proved to lift the loss above the level (for features an attack,
kept in witness.safetensors; for targets and sample weights a closed formula). Between the two it is open.
Unlike a modulus it is about moves of a definite size.""",
    "sublevel": """map = "sublevel": S(u) is the set of weights w whose training loss on the moved data is at
most `level` (default: the loss at the given weights). One inequality: any number of parameters will do, equal
rows are no obstacle, and nothing is shifted (see M6).""",
    "level": """The training loss that must not be exceeded (sublevel map). Left out: the loss at the given
weights. It must not lie below that. `persistence_radius` needs one above it.""",
    "nearby": """base = "nearby": the targets are those in the file, and the claims are about an exact solution
that is proved to exist within `distance` of the weights in the file (see Q2): an exact fit, which needs real targets,
or with map = "critical" a point where the gradient of the training loss is 0. The network has to be trained almost to
one, or the claims stay open; but a strongly convex last layer has one in any case (see Q6).""",
    "parameter": """What moves: features x_i + u_i, targets y_i + u_i, sample_weights (1 + u_i)·ℓ_i (u_i =
−1 leaves row i out), labels, which become any others, or deletions, rows that are left out (these two of a strongly
convex last layer alone, see D1 and Q6). Targets of the squared loss that are off each by its own amount: D22. An
interpolating network stays a solution under any sample weights, so they belong to the critical and the sublevel
map.""",
    "labels": """parameter = "labels": any `count` rows (set = "sparse") get any other class, at finite size: the
last layer alone, with weight decay (map = "critical", layer = the last one; see D1 and Q6). A label has no radius. With
the squared loss targets are labels where one output has exactly two of them, or where every row marks one of several
outputs (1, and 0 or -1 everywhere else); a row may get any target that is there. These rows: set = "given", with `rows`
and a file of their new labels; see also `groups` and `pairs`.""",
    "deletions": """parameter = "deletions": any `count` rows are left out, whichever they are, of the last layer alone,
with weight decay (map = "critical", base = "nearby", layer = the last one; see D1), at finite size. set = "sparse" is
implied, and there is no radius: a row is left out or stays. Say what the loss is then divided by with `normalization`.
These rows alone: set = "given" and `rows`. All rows of a user or source at once: `groups`. Others relabelled at once:
`relabelled`. For rows that are only weighed less see `sample_weights`.""",
    "groups": """perturbation.groups: the name of an array or column of numbers of the data file, one a row: rows with
the same number (of one user, source or batch) change together, and `count` is of groups (parameter = "deletions": all
rows of at most `count` groups are left out; "labels": the labels of their rows become any). In Python groups=…, of any
labels. See D1.""",
    "pairs": """perturbation.pairs = [[0, 1]]: with parameter = "labels" a label 0 may become 1, and nothing else
changes: at most `count` rows, along one of the stated pairs each, in the words of the data. In Python
relabel_pairs=[(0, 1)]. Less can happen than with any labels, so more predictions stay. See D1.""",
    "relabelled": """perturbation.relabelled: with parameter = "deletions", how many other rows get another label while
at most `count` are left out. In Python delete=1, relabel=1. With the squared loss proved by
sums and sets (D32); one of each of a logistic head choice by choice, of up to 1,000 rows (D1c); else every choice
is refitted, of one of each of a few hundred rows. See D1.""",
    "fresh": """perturbation.fresh: with parameter = "deletions", at most `count` rows are new: "added", or "replaced",
where as many others are left out. Their features lie in `box` (pairs of a least and a largest value, one for each
feature; left out: the ranges of the training rows), and they have any label. One layer with one output, the logistic
or the squared loss, normalization = "fixed". In Python add=1 or replace=1, within=(low, high). See D1.""",
    "sample_weights": """parameter = "sample_weights": row i counts (1 + u_i) times in the training loss; u_i = -1
leaves it out, and the loss is still divided by n: training again on the rows that are left with the same code and mean
loss uses n/(n - m) times this loss, that is weight decay λ(n - m)/n in this notation. Critical map: a modulus is per
unit of u, so the `sample_modulus` of a row is about how far the weights move when it is left out; for rows really left
out take `distance` (set = "given") or, of the last layer, any `count` of them (set = "sparse", radius = 1.0; see Q6). A
radius of 1 also covers rows that count up to twice.""",
    "evaluation": """[evaluation] file, features: rows, new ones or those of the training data, at which predictions are
compared; they stay as they are. For `stable_predictions`, `prediction_change` and `first_order_prediction_change`.
Of one layer with one output a row may be a functional of the weights instead: see `intercept`, `coefficients`.""",
    "intercept": """[evaluation] intercept: array or column of the evaluation file with what multiplies the intercept in
each row, 1 for a prediction, 0 for a coefficient or a contrast of some. The rows are then linear functionals of the
weights of one layer with one output, and stable_predictions counts signs that stay (with `threshold`: sides of it).
parameter = "deletions" or "labels". Single weights need no file: `coefficients`.""",
    "coefficients": """[evaluation] coefficients = "all", or a list of columns (names or numbers): single weights of one
layer with one output in the place of rows, named by their columns; no file. Gates on stable_predictions (signs that
stay), tolerated_changes (rows that each sign survives), functional (range), prediction_change. In Python:
certify.coefficients(problem, delete=1). See docs/questions/coefficients.md.""",
    "threshold": """[evaluation] threshold, of a network with one output: the label of a row is whether the output lies
above it, compared exactly; left out: above 0, the sign. The squared loss needs one unless all targets are -1 or 1:
threshold = 0.5 for targets 0 and 1. For `stable_predictions`. The thresholds of gates are their max or min.""",
    "normalization": """[training] normalization: what the losses of the rows are divided by where rows are left out.
"fixed" (default): n, as before, as in losses that are sums (scikit-learn's C and alpha). "remaining": the number
of rows that are left, as for a mean loss trained again (parameter = "deletions" alone). Training again on the
rows that are left with the same code and mean loss uses n/(n - m) times the fixed loss, m rows left out: that is
weight decay λ(n - m)/n in this notation. Without a weight decay there is no difference.""",
    "about": """[about] names, labels, behind: what features and labels are called, for pages and witnesses. model,
data, evaluation = { name = ..., sha256 = ... }: files that those of the spec were made from, as stated. No claim rests
on it, and `certify check` proves nothing of it: it says whether files of these names lie there with these bytes.""",
    "weights_of_rows": """[data] weights: an array or column of numbers above 0, what every row counts in the training
loss, (1/n) Σ c_i ℓ_i + ... (scikit-learn's sample_weight; class_weight as the number of every row). For whole rows of
a last layer with a weight decay that are left out or get other labels (see D1), and for nothing else. A row keeps its
weight; a fit with class_weight anew counts a row as its new class, see `class_weight`.""",
    "sample_weight": """See `weights_of_rows`; for rows whose weight changes see `sample_weights`.""",
    "class_weight": """[training] class_weight = "balanced" (scikit-learn's): a row of label y counts n/(c n_y), of n
rows, c labels and n_y rows of label y, by the rows that are left and the labels that they then have. For whole rows of
a last layer with a weight decay that are left out or get other labels (see D1), and for nothing else; not beside
weights of rows. class_weight = [1.0, 2.5]: a number above 0 for each label, in their order; a row counts by the label
that it has, also by its new one. A logistic loss of two labels: trees of boxes for rows left out, sums of single refits
for wrong labels. All else is refitted choice by choice: any 1 row, of any loss of labels.""",
    "agreement": """Of a change of predictions to first order (see P1): the number of [evaluation] rows at which every
solution near the weights is proved to change the outputs by the same. At the other rows the bound is about the nearest
solution alone. With map = "interpolation" there is agreement only at rows that are training rows.""",
    "freedom": """Of a change of predictions to first order (see P1): the number of [evaluation] rows at which it is
proved that it takes every value, according to which of the solutions nearby is taken. Nothing about such a row follows
from the data alone; a bound there is about the nearest solution.""",
    "reference": """weights.reference: a data file with the features named as in [data]. weights.norm = "function"
counts what a change of the weights does to the outputs at its rows (see S2, also for weights.tau).""",
    "layer": """[solution] layer: the one whose parameters move, counted from 1; the others are frozen. Default:
all.""",
    "weight_decay": """[training] weight_decay = λ: the training loss is the mean over the rows plus λ/2 times the
squared length of weights and biases: what weight_decay of torch.optim.SGD does to the mean loss. That of AdamW is no
penalty (see `adamw`); that of torch.optim.Adam is one.""",
    "adamw": """Decoupled weight decay: AdamW shrinks the weights beside its step and not by the gradient, so that it
minimises no penalised loss. The weights it ends at are a critical point neither of the loss with this weight_decay nor
of the loss without. Say weight_decay = 0 for what it lowers, and ask map = "sublevel", which takes any weights; or
state a true penalty and let `certify polish SPEC` finish the training on it, which changes the weights.""",
    "decoupled": """See `adamw`: a decoupled weight decay is no penalty in the loss.""",
    "polish": """`certify polish SPEC` finishes the training on the stated loss: Newton's method until the gradient is 0
to rounding, for the last layer alone (--layer last, a convex problem) or all layers. It writes new weights, a spec that
names them, and how far they moved and which share of the predictions changed. Nothing is proved by it: `certify run`
then proves, at weights that are at a critical point. Without a weight decay separable data have no such point; with
relu on all layers the least loss mostly lies at kinks, where no gradient vanishes.""",
    "critical_point": """Weights at which the gradient of the stated training loss (loss, weight_decay, bias_decay) is
0. Training that was stopped early ends at none: `certify run SPEC --plan` says about how near the weights are, and
`certify polish SPEC` finishes the training. See `nearby`, `tilt`.""",
    "bias_decay": """[training] bias_decay = false: biases (intercepts) carry no weight decay, as in scikit-learn. For
questions about rows that are left out or get other labels (see D1); elsewhere every weight that moves carries it.""",
    "set": """How the size of a move is measured. total: the Euclidean length of all rows' moves together.
per_sample: every row may move by that much, so the size is the largest row's. sparse: at most `count` rows move, each
by at most `radius`; this is no norm, so it has no modulus: ask for `first_order_distance`. given: the one change in
perturbation.file, or of rows that are left out those that perturbation.rows lists. Sparse and given are for the
interpolation and the critical map.""",
    "norm": """weights.norm: how far weights lie apart: euclidean (default), relative (see S1) or function (see S2).
perturbation.norm: how one row's move is measured: 2 the Euclidean length, 1 the sum of the absolute changes, "inf" the
largest absolute change. 1 and "inf" are for budgets of single rows (interpolation and critical map).""",
    "count": """perturbation.count: with set = "sparse", the most rows that move at once; with `groups` the most
groups.""",
    "relative": """perturbation.relative = true: `radius` is a share of every target's own size, 0.02 for 2 %, and no
amount. For parameter = "targets" with set = "per_sample", the squared loss and one output (see D22).""",
    "direction": """perturbation.direction = "down": sample weights only fall, by at most `radius`: with radius = 1.0
rows are deleted or count less, and none counts more (a last layer at finite size, see Q6). The loss is still divided by
n (see `normalization`). Left out: both ways.""",
    "radius": """perturbation.radius: the size of the change for `first_order_distance`, `distance`,
`stable_predictions`, `prediction_change` and `first_order_prediction_change`. A modulus is per unit and does not use
it, and a label that becomes another has no size. Of sample weights of a last layer (see Q6) at most 1, which deletes a
row.""",
    "scale": """perturbation.scale, e.g. {age = 1.0, dose = 0.5}: the unit of each feature, by name or number from 0;
1 where none is given. x_i + s∘u_i, so that a move of size 1 means one unit. A feature that may not move is left
out of `columns`.""",
    "columns": """perturbation.columns: the features that may move, by name (data files with named columns) or number
from 0; default all. The others stay fixed.""",
    "base": """solution.base: at which weights the map is examined. given (default): those in the file, with the
network's own outputs as targets (critical: with a tilted loss). nearby: an exact solution near them, with the targets
in the file. See `given`, `tilt` and `nearby`; the sublevel map takes given.""",
    "loss": """training.loss: squared, logistic or cross_entropy, defined in L1. It matters to the sublevel and
the critical map, and decides whether targets are numbers or class numbers (integers). squared is half of what
MSELoss of torch is with one output.""",
    "fit": """Training loss (without weight decay) and accuracy of the network as the spec describes it, in plain
floating point. No claim: a loss that you do not remember means a wrong activation, loss or file in the spec.""",
    "estimate": """certify estimate: where the weights would go after one given change of the data, to first order.
Takes any torch module (model.factory, or widths and activation) and the change itself (set = "given"). Of all
weights that solve the changed problem to first order it gives the nearest, and measures what came of it.
Nothing of it is proved: an estimate has no error bound, its verdict is always inconclusive, and it never meets a gate
that asks for proof. Options are in [estimate]: solver, damping, corrector_steps, tolerance, budget, hold, members.""",
    "loss_after": """The mean loss of the moved rows, with their changed data, at the estimated new weights (certify
estimate). Measured, not bounded.""",
    "residual": """Of an estimate: what is left of the linear system that the step solves, relative to its right-hand
side; 0 is an exact solution of the first-order problem. Above 0.5 the estimate has failed: exit status 5, whatever its
gates say (see `unsolved`). With a damping it is that of the damped system, and what is left without it stands beside.
In a certificate's `base`: how far the network's outputs are from the targets in the file (critical map: the length of
the gradient at the weights in the file).""",
    "unsolved": """An estimate whose linear system was not solved: its relative residual is above 0.5, so that most of
what the change asks for is unanswered. It is a failure with exit status 5, whatever its gates say; the line, --json
(`failure`) and the page say so first. Give a larger budget, a damping (see `damping`), or weights trained further.""",
    "critical": """map = "critical": S(u) is the set of weights w with ∇_w L(u, w) = 0, the critical points of the
training loss. `certify run` proves its modulus (see M5), `certify estimate` estimates one step. With base = "given"
the loss is tilted so that the weights in the file are one (see `tilt`). With base = "nearby" `run` proves an exact one
close to them, and in an estimate the step towards one is part of the estimate.""",
    "hold": """[estimate] hold: "all" (default): rows that do not move keep their outputs to first order; "moved": only
the moved rows are looked at, which is cheaper and says nothing about the others.""",
    "damping": """[estimate] damping: a number ≥ 0 added to the diagonal of the linear system. It makes the step shorter
and the system easier, and changes the question. Left out: 0 where the system is solved so, else (in weight space) one
that is chosen and named with its reason: beyond the negative curvature that was found, or the least of a ladder with
which the solver converges. What it leaves of the system without it is said; damping = 0 asks for that one.""",
    "corrector_steps": """[estimate] corrector_steps: Newton steps after the first-order step, on the real outputs, or,
in weight space with base = "nearby", on the gradient of the changed loss. Each costs a solve and takes off most of what
is left by higher orders. Left out: with base = "nearby" steps towards a critical point go on while each takes a tenth
off the moved rows' loss (in weight space, where a damping was chosen: off the gradient), ten at most; else none.""",
    "budget": """All changes of the data that [perturbation] allows: its set, norm and radius (see `set`, `radius`).
[estimate] budget: about how many full-batch gradients the solver's products may cost; default 120.
What is reached by then is the estimate, and its residual says how good it is.""",
    "members": """[estimate] members: how many other members of the estimated set to look at. Each is the step plus a
random direction that changes no output (solver "dual") or no gradient (in weight space) to first order. Where the
Hessian has full rank, or with damping, the set is one point and has no other.""",
    "fine_tune": """[estimate] fine_tune: train on from the given weights on the changed data after all, for so many
full-batch gradients (L-BFGS), and set the estimate beside what came of it: losses, outputs, classes, direction.
Evidence, for where training again is affordable; default 0, not at all.""",
    "from_scratch": """[estimate] from_scratch: as fine_tune, from weights that the module's layers draw anew by `seed`.
It may end at quite another solution, and says how much that matters.""",
    "factory": """model.factory = "package.module:callable": the callable returns a torch.nn.Module, into which the
tensors of model.file are loaded, strictly. The module is looked for in the usual places and beside the spec. It runs
the spec author's code, so no checker does it: for `certify run` the spec states widths and activation too.""",
    "hypothesis": """What has to hold for a theorem to apply. Each is verified on the files, with the value that was
found; one that could not be verified leaves the claim inconclusive.""",
    "witness": """Numbers, found by search, with which the decisive step of a proof can be repeated: in the certificate,
or in witness.safetensors beside it where they are many. No number is believed because it is there.""",
    "given": """base = "given": the weights in the file are taken as an exact solution.
Trained weights never fit their targets exactly. Here the targets are taken to be the network's own outputs at
the training rows, so the given weights are exact and how they were trained does not matter. The size of this
shift is reported as `residual` and `shift_worst`.""",
    "interpolation": """map = "interpolation": S(u) is the set of weights w with f(x_i + u_i, w) = y_i for every row i.
It takes at least as many parameters as equations: n·k ≤ p.""",
    "certified": """The claim is proved: the upper end of the enclosure is at most `max`, or the lower end at
least `min`. Without a gate: a finite upper end is proved.""",
    "refuted": """The contrary of the claim is proved: the lower end of the enclosure exceeds `max`, or the upper end is
below `min`, or the modulus is infinite.""",
    "inconclusive": """Neither proved nor refuted: the threshold lies inside the enclosure, or a hypothesis could not
be verified. The line after the verdict says what blocked it and the smallest change that would decide it.""",
    "time_limit": """[run] time_limit: seconds from the start of the run. What is proved by then counts; the rest is
inconclusive, and certificate and report are written. A way of computing is not begun if a quarter of its estimated
time is more than what is left; a single factorisation or matrix product is not cut short.""",
    "memory_limit": """[run] memory_limit: bytes, or a size such as "8 GB" (10^9) or "8 GiB" (2^30). A way of computing
whose estimated peak is above it is left out, and the claim says what it would need. Default: what the machine has
free.""",
    "gate": """A threshold in the spec, or a tolerance: how much worse than a baseline it may be (max_increase,
max_decrease). It is met, failed or open. Exit status: 3 if any gate of severity `fail` failed, else 4 if any is open,
else 0; without gates 4 if nothing of what was asked is proved. A gate of severity `warn` never changes it.""",
    "within": """[solution] within, for base = "nearby": how far the exact solution may lie from the given weights, as a
share of the Euclidean length of the weights that adjust; default 1e-6. Beyond it every claim is inconclusive and every
gate open: beside a symmetry of the network exact solutions lie everywhere, with moduli of any size. The last layer
alone with weight decay has one solution, and no such bound unless the spec gives one.""",
    "rigour": """proved > conditional > estimated. Only a proved bound certifies or refutes. A gate may accept less, and
is then printed as met (conditional) or met (estimated).""",
}


def overview() -> str:
    """Every label with what it is about, then every word, then the questions in users' words.

    >>> overview().splitlines()[4]
    '  G4   Networks given by a graph: where they are differentiable.'
    """
    lines = [f"  {label:<5}{text(label).name}." for label in labels()]
    words = textwrap.wrap(", ".join(sorted(WORDS, key=str.lower)), 116, initial_indent="  ", subsequent_indent="  ",
                          break_on_hyphens=False)
    own = textwrap.wrap(", ".join(one.names[0] for one in ASKED), 116, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(["Theorems that reports name (certify explain M1):", *lines,
                      "Words of specs and reports (certify explain modulus):", *words,
                      'Questions in your own words (certify explain "which rows"):', *own])


def explain(label: str) -> str:
    """The text of a label, a word, or a question in users' words.

    Raises:
        SpecError: it is not known; names what is like it.

    >>> explain("m2").splitlines()[0]
    'M2: How the modulus is proved.'
    """
    names = {name.lower(): name for name in (*labels(), *WORDS)}
    word, asked = key(label), table()
    if re.fullmatch(r"[a-z]\d{1,2}", word) and word not in names:
        raise SpecError(f"explain {label}", "no certificate or report names such a theorem",
                        "look in proofs/README.md of the repository, which lists all of them")
    if word not in names and word in asked:
        return _answered(word.replace("_", " "), asked[word])
    if word not in names:
        known = {**{one: one.replace("_", " ") for one in asked}, **names}
        found = meant(label) if not difflib.get_close_matches(word, known, n=1, cutoff=SLIP) else ()
        if len(found) == 1:
            return _answered(f"{' '.join(label.split())} (taken for: {found[0].names[0]})", found[0])
        if said := as_asked(label):
            return said
        if found:
            raise SpecError(f"explain {label}", f"it may mean {' or '.join(one.names[0] for one in found)}",
                            "name one of them")
        close = [known[match] for match in difflib.get_close_matches(word, known, n=3)]
        hint = f" (did you mean {' or '.join(close)}?)" if close else _nearest(label)
        raise SpecError(f"explain {label}", "no such label or word", f"`certify explain` alone lists them{hint}")
    return f"{names[word]}: {_said(names[word])}"


def as_asked(phrase: str) -> str:
    """What `certify audit --ask` makes of a phrase, with how that question is asked; "" where it makes nothing of it.

    >>> as_asked("drop any three rows").partition(". ")[0]
    "drop any three rows: certify audit MODEL DATA --ask 'drop any three rows' asks 'rows deleted'"
    >>> as_asked("the weather")
    ''
    """
    from certify.auditing.phrases import asked_for
    from certify.auditing.questions.base import Options
    from certify.format.errors import InputError

    try:
        (question,), _ = asked_for([phrase], Options())
    except InputError:
        return ""
    said = " ".join(phrase.split())
    known = table()[key(BY_SLUG[question.slug])] if question.slug in BY_SLUG else None
    return textwrap.fill(f"{said}: certify audit MODEL DATA --ask {said!r} asks {question.words[0]!r}. "
                         f"{'' if known is None else ' '.join(known.answer.split())}".strip(), 118,
                         break_on_hyphens=False, break_long_words=False)


def _nearest(phrase: str) -> str:
    """The questions of an audit that are nearest to a phrase of several words, as a remedy."""
    from certify.auditing.heard.nearest import offered

    return f"; {offered(phrase)}" if len(phrase.split()) > 1 else ""


def _answered(said: str, asked: Asked) -> str:
    """A question in users' words, with its answer."""
    return textwrap.fill(f"{said}: {' '.join(asked.answer.split())}", 118, break_on_hyphens=False,
                         break_long_words=False)


def _said(name: str) -> str:
    """What is said of a word, or of a theorem in the format."""
    if name in WORDS:
        return WORDS[name]
    found = text(name)
    return f"{found.name}.\n{textwrap.fill(found.explanation, 118, break_on_hyphens=False)}"
