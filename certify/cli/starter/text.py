"""What `certify init` writes: the two commented specs, with places for what the files say."""

from __future__ import annotations

from typing import Final

PROOF: Final = '''\
# How far can the solution set of a trained network move when its training data moves?
#   certify run {name}           proves it, writes certificate.json and report.html
#   certify run {name} --plan    says what that needs
#   certify explain modulus            says what a word means; also sublevel, level, nearby, columns, scale, set, …
#   certify init --estimate            writes the other kind of spec: estimates for any torch module
version = 1

[model]
file = {model}
{network}

[data]
file = {data}
features = {features}
{targets}

[training]
{loss}
{decay}

[solution]
{map}# interpolation: weights that give every row exactly its target; or
                                 # critical: weights at which the gradient of the training loss vanishes; or
                                 # sublevel: weights whose training loss is at most a level
{base}# given: targets are the network's own outputs, and the weights above a solution; or
                                 # nearby: the targets above, and an exact solution near the weights
layer = "all"                    # or 1, 2, …: that layer's parameters move, the others are frozen
# level = 0.1                    # sublevel: the loss that must not be exceeded; default today's

[perturbation]
parameter = "features"           # features | targets | sample_weights (critical, sublevel) | labels (last layer) |
                                 # deletions (last layer: any `count` rows are left out)
rows = "all"                     # or a list of row numbers, from 0
set = "total"                    # or per_sample: every row may move by as much; sparse: at most `count` rows; or
                                 # given: one change, from `file` (an array with a row for each row that moves)
# radius = 0.01                  # the size of the changes: for distance and the other quantities at finite size
# count = 3                      # sparse
# columns = ["age", "dose"]      # the features that may move; numbers from 0 where the data file has no names
# scale = {{age = 1.0, dose = 0.5}}  # their units: a move of size 1 is one unit

# [run]
# time_limit = 3600              # seconds; what is not proved by then is left open
# memory_limit = "8 GB"          # or a number of bytes; default what the machine has free

# [evaluation]                   # for stable_predictions and first_order_prediction_change: rows that are predicted
# file = {evaluation}
# features = "X"
# threshold = 0.5                # of one output: the label of a row is whether the output lies above it

# A gate turns the number into a decision: exit status 3 if it failed, 4 if it is open.
# [[gate]]
# quantity = "modulus"           # modulus | sample_modulus, in the limit of small changes, to first order also
                                 # first_order_distance; at finite size distance | aubin | persistence_radius (sublevel,
                                 # needs a level) | stable_predictions; certify explain WORD says which map each takes
# max = 20.0                     # or min
# severity = "fail"              # fail | warn
# rationale = "why this number"
'''
"""A spec for `certify run`."""

ESTIMATE: Final = '''\
# Where would the weights of a network go if some of its training data changed? To first order; nothing is proved.
#   certify estimate {name}      writes estimate.json, new_parameters.safetensors and estimate.html
#   certify explain estimate           says what that is; also critical, hold, members, residual, budget, factory, …
version = 1

[model]
file = {model}
{network}

[data]
file = {data}
features = {features}
{targets}

[training]
{loss}
{decay}

[solution]
map = "critical"                 # stay a critical point of the training loss; or interpolation: keep every output
base = "given"                   # or nearby: the step towards a critical point is part of the estimate

[perturbation]
parameter = "features"           # features | targets | sample_weights (critical; -1 leaves a row out)
rows = [0]                       # the rows that change, or "all"
set = "given"
file = "change.npz"              # the change of those rows, in their order: as many entries as the rows have
array = "u"

[estimate]
hold = "all"                     # or moved: look at the moved rows alone
# damping = 0                    # added to the diagonal of the system; left out: chosen where it is needed, and said
# corrector_steps = 1            # Newton steps after the first-order step
tolerance = 0.01                 # relative residual at which the solver stops
budget = 120                     # full-batch gradients that a solve may cost, about; a corrector solves again
# members = 3                    # other members of the estimated set to look at
# device = "cuda"

# A gate turns a number into a decision: exit status 3 if it failed, 4 if it is open.
# [[gate]]
# quantity = "loss_after"        # loss_after | residual
# max = 0.001
# rigour = "estimated"           # without this the gate asks for a proof, and stays open
'''
"""A spec for `certify estimate`."""
