"""Short explanations of the labels and words that a verdict line or a report uses."""

from __future__ import annotations

import difflib
import re
import textwrap

from certify.format.errors import SpecError

_LABEL = re.compile(r"[A-Z]\d{1,2}[a-z]?")

TEXTS: dict[str, str] = {
    "M1": """The Lipschitz modulus of the solution map, pointwise.
S(u) is the set of weights that solve the problem when the data is moved by u; G(u, w) = 0 is the system they
solve. If G_w is surjective at (0, w̄), S is Lipschitz-like there and
    lip S = max_z |G_uᵀz| / |G_wᵀz| = ‖G_w⁺ G_u‖:
move the data by a small u, and a solution lies within lip S·|u| of w̄ up to higher order. It is a limit: it
says nothing about a finite step.""",
    "M2": """How the modulus is proved.
K = G_w G_wᵀ, Q = G_u G_uᵀ. If K − Q/κ² is positive definite (one verified Cholesky factorisation), then G_w is
surjective and lip S < κ: the upper end. A vector z with zᵀQz ≥ κ² zᵀKz > 0 proves lip S ≥ κ: the lower end, the
`witness` in the certificate. Kz = 0 with Qz ≠ 0 proves that S is not Lipschitz-like at all: two training rows
with equal features give such a z.""",
    "M3": """The tangent kernel, without a Jacobian.
For interpolation with Jacobian J of full row rank, K = JJᵀ is a sum over layers of products of inner products:
of the layer's inputs and of the outputs' derivatives with respect to its pre-activations. Moving features
gives Q = blkdiag(G_i G_iᵀ), G_i = ∂f/∂x at row i; moving targets gives Q = I and lip = 1/σ(J). Needs a
differentiable network: no ReLU pre-activation may be 0.""",
    "M4": """One row alone.
If only row i moves, the modulus is κ_i = √λ_max(G_iᵀ (K⁻¹)_ii G_i). With one output it is |∂_x f_i| divided by
the distance of ∂_w f_i from the span of the other rows' gradients: a row is sensitive when the others nearly
determine it. `sample_modulus` is the largest κ_i; the certificate holds every row's enclosure.""",
    "M5": """Critical points of the training loss, singular Hessians included (map = "critical").
S(u) = {w : ∇_w L(u, w) = 0}. H is the Hessian, C the mixed derivative by weights and data. Where the whole kernel
of H is explained, lip S = ‖H⁺C‖. Cases: M5a exact fits, M5b symmetries, M5c nonsingular Hessian, M5d a lower end
alone. The weights must be an exact critical point: see `tilt` and `nearby`.""",
    "M5a": """Critical points that are exact fits, or keep every row's slope.
Without weight decay, if the Jacobian of the outputs has full row rank, the gradient vanishes near the weights only
where every row's loss has the slope it has now: for features and targets that is the interpolation problem of the
network's own outputs, so M1 to M4 apply (cross-entropy: to differences of outputs). With hard labels and no tilt
the slope is never 0: there is no critical point near.""",
    "M5b": """Critical points whose Hessian is singular because the loss has symmetries.
Along a symmetry (rescaling a ReLU unit, mixing linear units, moving a constant past a linear unit, any weight of a
dead unit, one number added to all outputs under softmax) the loss cannot change, whatever the data. T holds these
directions at the weights. If A = H + TTᵀ is proved nonsingular, they explain all of H's kernel, and
lip S = ‖H⁺C‖ = ‖A⁻¹C‖. Both ends come from an untrusted X ≈ A⁻¹ with ‖XA − I‖ enclosed.""",
    "M5c": """Critical points with a nonsingular Hessian: lip S = ‖H⁻¹C‖, near the weights S is a function.
The only case in which the loss may be tilted in weight space.""",
    "M5d": """A lower end for critical points, whatever the rank of the Hessian.
Any z with |Cᵀz| > κ|Hz| proves lip S > κ. Where the Hessian's kernel is not explained that is all that is proved.""",
    "M5e": """Critical points under budgets of single rows, few rows, or one given change.
To first order the weights move by |A⁻¹Cu|, with A and C of M5b or M5c. If A² minus the sum of C_iE_iC_iᵀ/d_i is
positive definite, where the ellipsoid of E_i holds every change of row i, no change within the budgets moves them by
more than √(Σ d_i); with at most `count` rows the largest d_i are added up, or what the rows can do alone, or in pairs.
The lower end is a vector z: some change moves them by at least the sum of the rows' |C_iᵀz|, divided by |Hz|.""",
    "M5s": """Critical points with weights.norm = "function": a motion counts by what the reference rows see of it.
The length of v is that of Fv, F the derivative of the reference rows' outputs on top of τ times the identity. If the
Hessian H is nonsingular the modulus is the largest |FH⁻¹Cu| for |u| = 1 (C the change of the gradient per unit of
data); budgets of rows work as in M5e, FH⁻¹ for H⁻¹. Beside symmetries T (M5b) H is completed by FᵀFT: of all motions
that keep the gradient zero that gives the shortest one in this norm, which need not be the shortest Euclidean one.""",
    "tilt": """What makes given weights an exact critical point (map = "critical", base = "given").
Training never ends where the gradient is exactly 0. The loss becomes L − ⟨c, f⟩, f the outputs over all rows and c
the shortest vector with Jᵀc = ∇L; for the squared loss that shifts the targets by n·c. It keeps every symmetry.
Where there is no such c and the Hessian is nonsingular, the tilt is L − ⟨t, w⟩ with t = ∇L. The size of the shift,
its worst row and what it adds to the loss are in the certificate's `base`.""",
    "M6": """The sublevel map: weights whose training loss stays at or below a level.
S(u) = {w : L(u, w) ≤ ℓ}, L the mean loss plus weight decay. Without a level in the spec, ℓ is the loss at the
given weights, which then lie on the boundary, and lip S = |∇_u L| / |∇_w L|: one enclosed pass forward and
backward. With budgets per row |∇_u L| is the sum of the rows' lengths. It needs ∇_w L ≠ 0 (`gradient`) and no
kink at the data (`smooth`). With a level proved above the loss (`interior`) the weights need not move at all
for small moves of the data: lip S = 0. How small is small is the `persistence_radius`.""",
    "N1": """A budget for every row (set = "per_sample", interpolation map).
Every row may move by ε in the norm of the spec (1, 2 or inf); together they can do more than any one. If the tangent
kernel K minus one block E_i/d_i a row is positive definite, where E_i holds what row i can do to the outputs, then to
first order the weights move by at most ε·√(Σ d_i). The numbers d_i are the `dual` in the certificate; a search found
them, one verified factorisation proves them. The lower end is a vector z that names a worst move. Even the best d_i
overshoot a little: at most by 1.26 with one output, by 1.07 on the breast cancer network.""",
    "N2": """At most `count` rows move, each by at most the radius (set = "sparse", interpolation map).
The upper end is the best of three: the `count` largest d_i of N1 (weights), the sum of what the `count` most sensitive
rows can do alone (rows), or the sum over pairs of rows (pairs). The certificate says which. The lower end names rows
and moves that do at least so much.""",
    "N3": """One given change of the data (set = "given", interpolation map).
The first-order motion |G_w⁺ G_u u| of the weights for the change u in the file, enclosed from both sides.""",
    "N4": """One row alone in the norm 1 or inf (`sample_modulus`, set = "per_sample", interpolation and critical map).
The motion is a convex function of the row's change, so the worst change is a corner of what is allowed: one feature
alone by a whole unit (norm 1), or every feature by a unit with some signs (inf). With norm 1, with one output
(interpolation) and with up to six features both ends are exact up to rounding. Beyond that no one can try all signs:
the upper end is from an ellipsoid around all of them, the lower from the signs that witness.safetensors holds.""",
    "G4": """Networks given by a graph: where they are differentiable.
A graph file lists convolutions, frozen batch normalisations, pooling, sums and activations, so that nobody's code has
to be run. The training loss is differentiable at the data if no ReLU input is 0 and no maximum is tied. Units that are
0 whatever moves a little, as a padded channel or the maximum of inactive units, are left out: they stay 0.
Then M6 gives the modulus. γ and β of a batch normalisation are weights; its running statistics are constants.""",
    "Q2": """An exact solution near the weights in the file (base = "nearby").
Newton's method proposes a centre ŵ; a contraction proves that a ball of radius ρ around it holds exact weights
w*. `distance` bounds |w* − w̄|, w̄ the weights in the file. Modulus and sample_modulus are enclosed over the
whole ball, hence at w*. That w* is the nearest solution is not claimed.""",
    "Q7": """The distance to the nearest exact fit after one given change of the data, at its actual size.
A finder proposes weights ŵ that fit the changed data; Q2 proves that exact ones exist within ρ of ŵ. So the distance is
at most |ŵ − w̄| + ρ. ŵ is kept in witness.safetensors. The lower end is F1. A flipped label is a change of targets; a
deleted row needs nothing: the given weights still fit the others. For critical points see `distance`.""",
    "Q4": """The distance to the nearest exact fit, however the features move within a budget: one layer compensates.
Layer h is changed so that every later layer receives exactly the inputs it had. A: the inputs of layer h (with a 1 for
the bias), one row a sample. That works while A keeps full row rank: ω·r < σ(A), r the total length of the change and ω
how much further the layer's inputs move than the features. The bound is κ·r/(1 − ω·r/σ(A)), κ = ‖A⁺diag(S)‖, S_i how
far the layer's pre-activations move per unit of row i. Any activation, kinks too. Both constants are products of norms
of whole layers, or bounds row by row from the slopes that are within reach (LipSDP), whose multipliers are in
witness.safetensors (Q8); the best layer and the better constants are taken. The lower end is F1 at one change of the
budget, which witness.safetensors holds. No radius can exceed half the distance (budgets per row) of two rows whose
outputs differ.""",
    "Q8": """How far the inputs and pre-activations of a layer move while a row moves (constants of Q4), by LipSDP.
In reach of the budget the slope of every unit stays within an interval. One multiplier λ ≥ 0 a unit adds to
s²|x|² − |output|² a term that is at most 0 for such slopes; if what comes of it is a positive definite matrix, no
move of the row is lengthened by more than s. The multipliers (witness member `constants`) may come from anywhere.""",
    "Q1": """Explicit radii of the Aubin property: how far the factor reaches (quantity "aubin").
For all data changes u, u' of total length at most radius_u, every exact fit for u' within radius_w of the weights has
an exact fit for u within κ·|u − u'|. A right inverse of the Jacobian at the data is enclosed over the whole ball; that
what it leaves of the identity, averaged over a step of length 2κ·radius_u, stays below 1 makes a fixed point: the fit.
Without [aubin] radius_u the largest is searched for with κ at most the gate's `max`, or twice the modulus; without
radius_w it is radius_u times the modulus. No κ below the modulus will do. `limit`: no radius_u from there on has any
κ, for two rows with different outputs can be moved onto one another.""",
    "Q5": """Explicit radii of the Aubin property of the sublevel map (quantity "aubin", map "sublevel").
For all data changes u, u' of total length at most radius_u, every network within radius_w of the weights whose training
loss for u' is at most today's has one within κ·|u − u'| whose loss for u is. The loss for u exceeds today's by at most
Λ·|u − u'| there, Λ a bound of its slope in the data; and it can be brought down again: along a direction z (the
witness) its slope in the weights is proved to stay large on the whole ball of radius radius_w + 2κ·radius_u, so that a
path down to the level cannot get stuck. κ is Λ over the mean of that slope. Without [aubin] radius_u the largest is
searched for with κ at most the gate's `max`, or twice the modulus. The lower end is the modulus (M6).""",
    "S14": """How far the sets of exact fits before and after one change lie apart near the weights, for a last layer.
With all other layers frozen, and for a network of one layer, exact fits form affine sets of weights, whatever the
activations: Aδ = 0 for today's data, Bδ = R for the changed, δ the step from the given weights. On the ball of radius
ρ: with D = BAᵀ(AAᵀ)⁻¹ABᵀ − (1 − λ)BBᵀ positive definite and q = tr RᵀD⁻¹R, no exact fit of today's data lies further
than √(λ(ρ² + q)) from those of the changed, and none of the changed further than √(λ(ρ² + (1 − λ)q)) from today's. The
best λ (`multiplier`) attains both. The lower end is one point of a set (`point`) and its distance from the other.""",
    "Q6": """How far the one solution of a strongly convex last layer moves, for changes as large as they are.
All layers but the last are frozen, weight_decay > 0: the training loss F is strongly convex in the last layer, so that
there is one solution for every change of the data (sample weights from 0 on). B = θ(∇²F − λ) + λ at the weights w̄ in
the file. If the change of the gradient at w̄ is at most N in the norm of B⁻¹ and the changed loss keeps (1 − κ)B up to
a distance T from w̄ in the norm of B, then (1 − κ)T > N means that the solution cannot leave that ball. θ and T are
the witness. set = "sparse" with sample_weights and radius 1 covers the deletion of any `count` rows, with labels (which
have no radius) any `count` labels that become others. From below: one change of the budget and weights v near its
solution (`z`); it moves the solution by |v − w̄| − (|∇F_u(v)| + |∇F(w̄)|)/λ or more, F_u the loss after it, and the
outputs at a row with last-layer input φ by |(v − w̄)φ| − |φ|(|∇F_u(v)| + |∇F(w̄)|)/λ or more.""",
    "P1": """How predictions change to first order (`first_order_prediction_change`).
A prediction f(x) changes by -<A⁻¹g, Cu> + o(|u|) when the data changes by u and the weights go to the nearest critical
point: g its gradient by the weights, A and C of M5b or M5c. One solve a prediction; the largest over a budget is a dual
norm of the rows' parts of CᵀA⁻¹g, and exact. With a nonsingular Hessian (M5c) there is no other critical point nearby.
Beside symmetries all of them agree where no symmetry touches f(x), proved row by row (hypothesis `agreement`); where
one does, as the shift of all outputs under softmax, the first-order change takes every value (`freedom`). Exact fits:
K⁻¹Jg in place of A⁻¹g; they agree where g is in the range of Jᵀ, as at a fitted row, and nowhere else. A limit: no
statement about a change of finite size, for which see P2 and P4.""",
    "P2": """What a proved distance says of labels (`stable_predictions`, interpolation map).
Let an exact fit of the changed data be proved within R of the given weights w̄ (see `distance`). A label
stays if its margin over every other output exceeds (R/4)·ΣG(kR/4), k = 1 to 4, G(s) a bound of the margin's gradient by
the weights over the ball of radius s around w̄: then every network within R of w̄ gives it, that fit among them. Where a
kink is in reach: √2 times how far the outputs can move. R is the witness (`reach`), with what proves it.""",
    "P4": """What Q6 says of predictions after a strongly convex last layer (`stable_predictions`, `prediction_change`).
In the ball of Q6 the difference of two outputs at x changes by less than T times the length of (e_a − e_b) ⊗ φ(x) in
the norm of B⁻¹, φ(x) the last layer's inputs; also by less than what the worst rows
do to it to first order plus what the change of curvature can add. A label stays if its
margin over every other exceeds that.""",
    "F1": """Why no exact fit of the changed data can lie nearer.
G(u, w): the changed problem's residuals. For any vector z (the witness), <z, G(u, w)> changes by at most Λ times the
distance from the given weights w̄, within a ball of radius r. It is not 0 at w̄ and has to be 0 at a fit: so a fit is at
least min(r, |<z, G(u, w̄)>|/Λ) away. A statement about this one change, not a limit.""",
    "P3": """The persistence radius of moving features, from below.
Bounds on how far each row's output and slopes can go within a ball give a quadratic bound of the growth of its
loss; the budget is shared out in the worst way (by duality for a total budget). Up to the radius proved, every
move keeps the loss at or below the level. From above: an attack, one move whose loss is proved to exceed the
level.""",
    "L1": """Losses and their slopes, enclosed.
squared: ½|f − y|². logistic, sign s of the class: log(1 + exp(−s·f)). cross_entropy with weights q: (Σq)·log Σ
exp f − q·f. The training loss is their mean over the rows plus weight_decay/2 times |w|² over all parameters.""",
    "S1": """The relative norm of the weights (weights.norm = "relative").
|w|² = Σ_h |w_h|²/‖W_h‖_F²: the change of layer h, its bias included, in units of the size of its weight matrix in the
file, the bias left out of that size. K becomes Σ_h ‖W_h‖_F² K_h, and a gradient by the weights is measured by the
dual norm. The unit of a modulus is then relative weight distance. Scaling a whole ReLU layer up and the next one down
leaves the norm alone, but for the next layer's bias; scaling single units does not. `distance` and `radius` of base
"nearby" stay Euclidean. For critical points the Hessian, the mixed derivative and the symmetries are those of Sw.""",
    "S2": """The function norm of the weights (weights.norm = "function"; needs weights.reference, a data file).
|w|² = |J_ref w|² + τ²|w|²: what a change of the weights does to the outputs at the reference rows, to first order,
plus τ times its own length, so that changes those rows do not see count too. τ is weights.tau, default 2^-10. The
modulus follows from M2 on the tangent kernel over training and reference rows, with τ² added on the diagonal of the
latter: nothing is inverted. Rescalings that leave the function alone leave the norm alone but for the term with τ.
So do sets of changes (N1 to N4). Critical points: the shortest motion in this norm, beside symmetries too (M5s).""",
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
    "prediction_change": """The most that the outputs at any [evaluation] row change, in Euclidean length, between
today's solution and that of the changed data (map = "critical", the last layer free, weight decay; see Q6, P4).""",
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
−1 leaves row i out), or class labels, which become any others (a strongly convex last layer alone, see Q6). An
interpolating network stays a solution under any sample weights, so they belong to the critical and the sublevel
map.""",
    "labels": """parameter = "labels": any `count` rows (set = "sparse") get any other class, at finite size: the
last layer alone, with weight decay (map = "critical", layer = the last one; see Q6). A label has no radius. For
one given change of labels use parameter = "targets" with set = "given" (see `distance`).""",
    "sample_weights": """parameter = "sample_weights": row i counts (1 + u_i) times in the training loss; u_i = -1
leaves it out, and the loss is still divided by n: training again on the rows that are left with the same code and mean
loss uses n/(n - m) times this loss, that is weight decay λ(n - m)/n in this notation. Critical map: a modulus is per
unit of u, so the `sample_modulus` of a row is about how far the weights move when it is left out; for rows really left
out take `distance` (set = "given") or, of the last layer, any `count` of them (set = "sparse", radius = 1.0; see Q6). A
radius of 1 also covers rows that count up to twice.""",
    "evaluation": """[evaluation] file, features: rows, new ones or those of the training data, at which predictions are
compared; they stay as they are. For `stable_predictions`, `prediction_change` and `first_order_prediction_change`.""",
    "threshold": """[evaluation] threshold, of a network with one output: the label of a row is whether the output lies
above it, compared exactly; left out: above 0, the sign. The squared loss needs one unless all targets are -1 or 1:
threshold = 0.5 for targets 0 and 1. For `stable_predictions`. The thresholds of gates are their max or min.""",
    "normalization": """[training] normalization: what the losses of the rows are divided by where rows are left out.
"fixed" (default): n, as before, as in losses that are sums (scikit-learn's C and alpha). "remaining", the number of
rows that are left, is not built yet. Training again on the rows that are left with the same code and mean loss uses
n/(n - m) times the fixed loss, m rows left out: that is weight decay λ(n - m)/n in this notation. Without a weight
decay there is no difference.""",
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
squared length of weights and biases: what weight_decay of torch.optim.SGD does to the mean loss.""",
    "set": """How the size of a move is measured. total: the Euclidean length of all rows' moves together.
per_sample: every row may move by that much, so the size is the largest row's. sparse: at most `count` rows move, each
by at most `radius`; this is no norm, so it has no modulus: ask for `first_order_distance`. given: the one change in
perturbation.file. Sparse and given are for the interpolation and the critical map.""",
    "norm": """weights.norm: how far weights lie apart: euclidean (default), relative (see S1) or function (see S2).
perturbation.norm: how one row's move is measured: 2 the Euclidean length, 1 the sum of the absolute changes, "inf" the
largest absolute change. 1 and "inf" are for budgets of single rows (interpolation and critical map).""",
    "count": """perturbation.count: with set = "sparse", the most rows that move at once.""",
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
side; 0 is an exact solution of the first-order problem. In a certificate's `base`: how far the network's outputs are
from the targets in the file (critical map: the length of the gradient at the weights in the file).""",
    "critical": """map = "critical": S(u) is the set of weights w with ∇_w L(u, w) = 0, the critical points of the
training loss. `certify run` proves its modulus (see M5), `certify estimate` estimates one step. With base = "given"
the loss is tilted so that the weights in the file are one (see `tilt`). With base = "nearby" `run` proves an exact one
close to them, and in an estimate the step towards one is part of the estimate.""",
    "hold": """[estimate] hold: "all" (default): rows that do not move keep their outputs to first order; "moved": only
the moved rows are looked at, which is cheaper and says nothing about the others.""",
    "damping": """[estimate] damping: a number ≥ 0 added to the diagonal of the linear system. It makes the step shorter
and the system easier, and changes the question; default 0.""",
    "corrector_steps": """[estimate] corrector_steps: Newton steps after the first-order step, on the real outputs, or,
in weight space with base = "nearby", on the gradient of the changed loss. Each costs a solve and takes off most of what
is left by higher orders; default 0.""",
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
    "gate": """A threshold in the spec. It is met, failed or open. Exit status: 3 if any gate of severity `fail`
failed, else 4 if any is open, else 0; without gates 4 if nothing of what was asked is proved. A gate of severity `warn`
never changes it.""",
    "within": """[solution] within, for base = "nearby": how far the exact solution may lie from the given weights, as a
share of the Euclidean length of the weights that adjust; default 1e-6. Beyond it every claim is inconclusive and every
gate open: beside a symmetry of the network exact solutions lie everywhere, with moduli of any size. The last layer
alone with weight decay has one solution, and no such bound unless the spec gives one.""",
    "rigour": """proved > conditional > estimated. Only a proved bound certifies or refutes. A gate may accept less, and
is then printed as met (conditional) or met (estimated).""",
}


def overview() -> str:
    """Every label with what it is about, then every word.

    >>> overview().splitlines()[1]
    '  M1   The Lipschitz modulus of the solution map, pointwise.'
    """
    labels = [name for name in TEXTS if _LABEL.fullmatch(name)]
    lines = [f"  {name:<5}{TEXTS[name].splitlines()[0]}" for name in labels]
    words = textwrap.wrap(", ".join(sorted(set(TEXTS) - set(labels), key=str.lower)), 116, initial_indent="  ",
                          subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(["Theorems that reports name (certify explain M1):", *lines,
                      "Words of specs and reports (certify explain modulus):", *words])


def explain(label: str) -> str:
    """The text of a label or word.

    Raises:
        SpecError: it is not known; names what is like it.

    >>> explain("m2").splitlines()[0]
    'M2: How the modulus is proved.'
    """
    names = {name.lower(): name for name in TEXTS}
    word = re.sub(r"[\s-]+", "_", label.strip().lower())
    if re.fullmatch(r"[a-z]\d{1,2}", word) and word not in names:
        raise SpecError(f"explain {label}", "no certificate or report names such a theorem",
                        "look in proofs/README.md of the repository, which lists all of them")
    if word not in names:
        close = [names[match] for match in difflib.get_close_matches(word, names, n=3)]
        hint = f" (did you mean {' or '.join(close)}?)" if close else ""
        raise SpecError(f"explain {label}", "no such label or word", f"`certify explain` alone lists them{hint}")
    return f"{names[word]}: {TEXTS[names[word]]}"
