"""What is said of the hypotheses that moduli where weights fit do not have, and of networks with kinks."""

from __future__ import annotations

NUMBER, NAME = r"[0-9][0-9.e+-]{0,24}", r"[a-z_]{1,24}"
NEAR = f"( \\(enclosed within {NUMBER}, {NUMBER} of this value\\))?"
UNITS = "(, by relative changes of the layers,)?"
POINT = "(critical point|solution|exact fit)"
STATEMENTS = {
    "smooth": "no pre-activation lies at a kink of the activation: smallest distance from one"
              "|no pre-activation lies where the activation is not twice differentiable: smallest distance from 0"
              "|no ReLU pre-activation is 0(, except where none of the moves can change it,( and no maximum is tied"
              "(, except between entries that are one function of the weights)?)?)? at the data: smallest distance "
              "from a kink|no pre-activation is 0, in exact numbers",
    "rank": f"the Hessian( completed by the symmetry fields)?{UNITS} is nonsingular{NEAR}"
            ": its smallest singular value is at least",
    "symmetry": f"the loss has symmetries of these kinds \\({NUMBER} {NAME}(, {NUMBER} {NAME}){{0,8}}\\); number of "
                "independent fields",
    "contraction": "a right inverse of the Jacobian at the data stays one nearly enough within the radii: what it "
                   "leaves of the identity, averaged on the segments of the proof, is less than 1: at most",
    "convex": "the training loss is strongly convex in (the weights of )?the last layer; the modulus is the weight "
              "decay|every weight of the last layer but the intercepts carries the weight decay; that the data hold "
              "the intercepts is proved with every refit and every bound",
    "weights": "the weights of the last layer in the file have at least the length",
    "bias": "the gradient at the weights in the file is the weight decay times the biases, up to the length",
    "loss": "the training loss at the given weights is at most",
    "interior": "the level exceeds the training loss by at least",
    "gradient": "the loss gradient with respect to the weights is not 0: its norm is at least",
    "descent": "at every weights of the ball, and for all data within radius_u, the training loss falls along the "
               "direction of the witness: on the path of the proof its slope is on average at least",
    "layer_rank": "the layer's inputs, for today's data and for the changed, have full row rank",
    "evaluation": "the network is differentiable in its weights at every evaluation row",
    "agreement": f"every {POINT} nearby changes the outputs by the same, to first order; number of evaluation rows for "
                 f"which this is proved|evaluation rows at which every {POINT} nearby is proved to change the outputs "
                 "by the same, to first order: at least",
    "freedom": "evaluation rows at which the first-order change of an output is proved to take every value, according "
               f"to the {POINT}: at least",
}
"""As in `told`."""
